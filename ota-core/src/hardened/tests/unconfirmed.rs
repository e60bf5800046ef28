//! What an image may do that nobody has confirmed, whatever it has chosen since; and that what was confirmed stays.

use super::*;

/// A device that runs `B` on trial; `A` was confirmed.
fn on_trial(slots: &[Slot]) -> Device {
    let mut device = Device::new(slots);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    device
}

/// `B`, on trial, chooses `A` again, or refuses itself.
const GOES_BACK: [fn(&mut Device) -> Result<()>; 2] = [
    |device| device.set_boot(B, A),
    |device| device.app(B, |ota| ota.mark_app_invalid_rollback()),
];

/// Otadata forgets the image that is gone back from; what runs is nevertheless no image that was confirmed. A download
/// to the slot of the one that was would erase it, and choose what runs.
#[test]
fn an_image_that_went_back_may_not_update_the_device() {
    for goes_back in GOES_BACK {
        let mut device = on_trial(&[A, B, C]);
        goes_back(&mut device).unwrap();
        device.cost();
        for slot in [A, C] {
            assert_eq!(device.begin(B, slot), Err(OtaError::RunningUnconfirmed));
            let to = device.partition(slot);
            let resumed = device.app(B, |ota| ota.resume(&to, 0).map(|_| ()));
            assert_eq!(resumed, Err(OtaError::RunningUnconfirmed));
        }
        assert_eq!(device.cost(), otadata(0, 0));
        assert_eq!(device.ahead(), Some((A, [1; 32])));
        // Behind a reset it may be.
        assert_eq!(device.boot().unwrap().slot, A);
        device.update(A, B, 3);
    }
}

/// Nor may it choose itself, which would confirm it, or a third image.
#[test]
fn an_image_that_went_back_cannot_choose_itself() {
    for goes_back in GOES_BACK {
        let mut device = on_trial(&[A, B, C]);
        device.ram.put(device.partition(C).offset, &image(5));
        goes_back(&mut device).unwrap();
        for slot in [B, C] {
            assert_eq!(device.set_boot(B, slot), Err(OtaError::RunningUnconfirmed));
        }
        device.set_boot(B, A).unwrap();
        device.confirm(B).unwrap();
        assert_eq!(device.ahead(), Some((A, [1; 32])), "what is chosen stays");
    }
}

/// A copy to the slot of the confirmed image is a download to it.
#[test]
fn an_image_that_went_back_may_not_be_copied_over_another() {
    let mut device = Device::new(&[A, B, C]);
    device.download(A, B, 2).unwrap();
    let (staging, destination) = (device.partition(C), device.partition(A));
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    device.confirm(B).unwrap();
    let copied = device.app(B, |ota| {
        let handle = ota.begin(&staging, ImageSize::Unknown)?;
        ota.mark_app_invalid_rollback()?;
        ota.set_final_partition(handle, &destination, true)
    });
    assert_eq!(copied, Err(OtaError::RunningUnconfirmed));
    assert_eq!(device.ahead(), Some((A, [1; 32])));
}

/// What runs because nothing else is whole is not in doubt: it must be able to repair the device.
#[test]
fn what_runs_as_the_last_that_is_left_may_update_the_device() {
    let slots = [FACTORY, A, B];
    for target in [A, B] {
        let mut device = Device::new(&slots);
        device.update(FACTORY, A, 2);
        device.update(A, B, 3);
        for slot in [A, B] {
            device.ram.put(device.partition(slot).offset, &[0]);
        }
        let decision = device.boot().unwrap();
        assert_eq!(
            (decision.slot, decision.reason),
            (FACTORY, Reason::Fallback)
        );
        device.update(FACTORY, target, 4);
        device.rests_with(target);
    }
}

/// A device that runs its test image may update another slot than that of the only image that boots.
#[test]
fn the_test_image_does_not_erase_the_only_image_that_boots() {
    for (factory, damaged, slot) in [(None, A, B), (None, B, A), (Some(FACTORY), A, B)] {
        let slots: Vec<_> = factory.into_iter().chain([A, B, Slot::Test]).collect();
        let mut device = Device::new(&slots);
        device.ram.put(device.partition(A).offset, &image(1));
        if factory.is_some() {
            device.update(FACTORY, A, 1);
            device.ram.put(device.partition(FACTORY).offset, &[0]);
        }
        device.update(A, B, 2);
        device.ram.put(device.partition(damaged).offset, &[0]);
        let refused = device.begin(Slot::Test, slot);
        assert_eq!(refused, Err(OtaError::RollbackImpossible));
        assert_eq!(device.ahead().map(|(slot, _)| slot), Some(slot));
        device.begin(Slot::Test, damaged).unwrap();
        assert_eq!(device.ahead().map(|(slot, _)| slot), Some(slot));
    }
}

/// With two downloads at a time, what `end` verifies of the one does not make the other one whole.
#[test]
fn a_slot_whose_download_is_open_cannot_be_chosen() {
    let mut device = Device::new(&[A, B, C]);
    let (to, other) = (device.partition(B), device.partition(C));
    let chosen = device.app(A, |ota| {
        let handle = ota.begin(&to, ImageSize::Unknown)?;
        ota.write(handle, &image(2))?;
        ota.begin(&other, ImageSize::Unknown)?;
        ota.set_boot_partition(&to)
    });
    assert_eq!(chosen, Err(OtaError::Unfinished));
    assert_eq!(device.ahead(), Some((A, [1; 32])));
}

/// An image that is refused in one slot may be the very one that was confirmed in another.
#[test]
fn the_image_that_is_gone_back_to_boots_although_its_like_was_refused() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.ram.put(device.partition(B).offset, &image(6));
    device.bad_update(FACTORY, A, 1);
    let decision = device.boot().unwrap();
    assert_eq!(
        (decision.slot, decision.reason),
        (FACTORY, Reason::Confirmed)
    );
}

#[test]
fn a_factory_reset_boots_the_factory_image_although_its_like_was_refused() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    device.bad_update(A, B, 1);
    device.inputs.factory_reset_pin = true;
    let decision = device.boot().unwrap();
    assert_eq!(
        (decision.slot, decision.reason),
        (FACTORY, Reason::Confirmed)
    );
    device.inputs.factory_reset_pin = false;
    device.rests_with(FACTORY);
}

/// Nor is the factory image gone back to from itself.
#[test]
fn behind_a_reset_before_the_first_start_the_factory_image_cannot_refuse_itself() {
    let mut device = Device::new(&[FACTORY, A]);
    device.download(FACTORY, A, 2).unwrap();
    device.set_boot(FACTORY, A).unwrap();
    device.inputs.factory_reset_pin = true;
    assert_eq!(device.boot().unwrap().slot, FACTORY);
    let refused = device.app(FACTORY, |ota| ota.mark_app_invalid_rollback());
    assert_eq!(refused, Err(OtaError::RollbackImpossible));
}

/// No entry names the factory image, and no update brings it back.
#[test]
fn the_factory_image_is_never_erased_as_the_one_before() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    let blank = Err(OtaError::Inactive(crate::update::Inactive::Blank));
    device.cost();
    let erased = device.app(A, |ota| ota.erase_last_boot_app_partition());
    assert_eq!(erased, blank);
    assert_eq!(
        device.app(A, |ota| ota.invalidate_inactive_otadata_slot()),
        blank
    );
    assert_eq!(device.cost(), otadata(0, 0));
    // It stays what to go back to.
    device
        .app(A, |ota| ota.mark_app_invalid_rollback())
        .unwrap();
    assert_eq!(device.ahead(), Some((FACTORY, [1; 32])));
}

/// A device of stock code whose image before is told by the entry that the first change erases. Behind a cut there the
/// factory image is what is left to go back to; the call made once more erases nothing.
#[test]
fn behind_a_cut_the_image_before_is_none_that_the_same_call_erases() {
    for torn in [
        Torn::Nothing,
        Torn::Zeroed,
        Torn::Prefix(4),
        Torn::Prefix(40),
        Torn::Some(3),
    ] {
        for operations in 0..12 {
            let slots = [FACTORY, A, B];
            let mut device = Device::new(&slots);
            for (n, slot) in (0..).zip([A, B]) {
                device.ram.put(device.partition(slot).offset, &image(2));
                device.ram.put_entry(n, Entry::new(n + 1, OtaState::VALID));
            }
            assert_eq!(device.boot().unwrap().slot, B);
            device.ram.power = operations;
            device.ram.torn = torn;
            let _ = device.app(B, |ota| ota.erase_last_boot_app_partition());
            let mut device = device.power_on();
            for _ in 0..2 {
                assert_eq!(device.boot().unwrap().slot, B);
                let _ = device.app(B, |ota| ota.erase_last_boot_app_partition());
            }
            let factory = device.partition(FACTORY).offset as usize;
            assert_eq!(device.ram.bytes[factory], 0xE9, "{torn:?} {operations}");
        }
    }
}
