//! In company with stock code.

use super::super::layout::{Place, Sector};
use super::super::record::Record;
use super::*;
use crate::update;

/// The stock application in `running` makes calls.
fn stock_app<T>(
    device: &mut Device,
    running: Slot,
    calls: impl FnOnce(&mut update::Ota<'_, &mut Ram, Numbered, NoSecureVersion, 1>) -> Result<T>,
) -> Result<T> {
    let bytes = device.ram.table();
    let table = PartitionTable::for_application(&bytes, true).unwrap();
    let config = AppConfig {
        rollback: true,
        ..AppConfig::new(Target::new(&chip::ESP32C3), SIZE)
    };
    let running = place(&device.slots, running);
    let ram = &mut device.ram;
    let mut ota = update::Ota::new(ram, Numbered, NoSecureVersion, table, running, config);
    calls(&mut ota)
}

/// A device of the stock policy with these entries, and another image in `B`.
fn of_stock(slots: &[Slot], entries: [Entry; 2]) -> Device {
    let mut device = Device::new(slots);
    device.ram.put(device.partition(B).offset, &image(2));
    for (number, entry) in (0..).zip(entries) {
        device.ram.put_entry(number, entry);
    }
    device
}

fn stock_update(device: &mut Device, running: Slot, to: Slot, number: u8) {
    let to = device.partition(to);
    stock_app(device, running, |ota| {
        let handle = ota.begin(&to, ImageSize::Unknown)?;
        ota.write(handle, &image(number))?;
        ota.end(handle)?;
        ota.set_boot_partition(&to)
    })
    .unwrap();
}

#[test]
fn a_device_of_the_stock_policy_is_taken_over_as_it_is() {
    let entries = [4, 5].map(|seq| Entry::new(seq, OtaState::VALID));
    let mut device = of_stock(&[A, B, C], entries);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, B);
    assert_eq!(decision.chosen.unwrap().previous, Some(A));
    assert_eq!(device.cost(), otadata(0, 0), "an idle boot stays one");
    device.update(B, C, 3);
    assert_eq!(device.boot().unwrap().slot, C);
    assert_eq!(device.stock(), Some(C));
}

#[test]
fn an_update_that_the_stock_policy_began_is_finished() {
    for (state, boots) in [
        (OtaState::NEW, &[B, A, A][..]),
        (OtaState::PENDING_VERIFY, &[A, A]),
        (OtaState::VALID, &[B, B, B]),
        (OtaState::UNDEFINED, &[B, B, B]),
        (OtaState::ABORTED, &[A, A]),
    ] {
        let entries = [Entry::new(1, OtaState::VALID), Entry::new(2, state)];
        let mut device = of_stock(&[A, B], entries);
        for slot in boots {
            assert_eq!(device.boot().unwrap().slot, *slot, "{state}");
        }
    }
}

#[test]
fn a_stock_application_updates_confirms_and_is_rolled_back() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    stock_update(&mut device, A, B, 3);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, B);
    assert!(
        matches!(decision.reason, Reason::Trial { .. }),
        "{decision}"
    );
    // It never confirms.
    let mut hung = device.power_on();
    assert_eq!(hung.boot().unwrap().slot, A);
    assert_eq!(hung.boot().unwrap().slot, A);
    // It confirms in its own way: over our record.
    stock_app(&mut device, B, |ota| ota.mark_app_valid_cancel_rollback()).unwrap();
    for _ in 0..3 {
        assert_eq!(device.boot().unwrap().slot, B);
    }
    // And an application of ours goes on from there.
    device.update(B, A, 4);
    assert_eq!(device.boot().unwrap().slot, A);
}

#[test]
fn under_a_stock_bootloader_the_application_sees_that_nobody_counts() {
    let mut device = Device::new(&[A, B]);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    for _ in 0..3 {
        assert_eq!(device.stock(), Some(B));
    }
    assert_eq!(device.app(B, |ota| ota.foreign_bootloader()), Ok(true));
    device.confirm(B).unwrap();
    assert_eq!(device.app(B, |ota| ota.foreign_bootloader()), Ok(false));
    assert_eq!(device.boot().unwrap().reason, Reason::Confirmed);
}

#[test]
fn otatool_switches() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let entries = device.ram.entries();
    let newer = crate::otadata::active(&entries).unwrap();
    // It changes two words of the older entry and leaves the rest of both sectors.
    let other = u32::try_from(1 - newer).unwrap();
    let next = Entry::new(entries[newer].seq + 1, OtaState::UNDEFINED);
    let at = OTADATA + other * 0x1000;
    device.ram.put(at, &next.seq.to_le_bytes());
    device.ram.put(at + 28, &next.crc.to_le_bytes());
    assert_eq!(device.stock(), Some(A));
    assert_eq!(device.boot().unwrap().slot, A);
    device.cost();
    device.update(A, B, 3);
    assert_eq!(device.boot().unwrap().slot, B);
    assert_eq!(device.stock(), Some(B));
}

#[test]
fn stock_code_that_erases_otadata_begins_anew() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    let factory = device.partition(FACTORY);
    stock_app(&mut device, A, |ota| ota.set_boot_partition(&factory)).unwrap();
    assert_eq!(device.boot().unwrap().slot, FACTORY);
    device.update(FACTORY, A, 3);
}

/// What stands behind a birth proves it. With nothing behind it, it may be gone at the next reading: so
/// nothing is built upon it, and it is written anew.
#[test]
fn a_generation_that_was_cut_when_it_was_begun_is_begun_anew() {
    let entries = [1, 2].map(|seq| Entry::new(seq, OtaState::VALID));
    let mut device = of_stock(&[FACTORY, A, B], entries);
    // Complete, but for all that anybody knows.
    device.ram.power = 1;
    device.ram.torn = Torn::Done;
    device.download(B, A, 3).unwrap_err();
    let birth = OTADATA as usize + 32..OTADATA as usize + 160;
    assert!(device.ram.bytes[birth.clone()] != [0xFF; 128]);
    for power in 0..20 {
        let mut again = device.power_on();
        again.ram.power = power;
        again.ram.torn = Torn::Zeroed;
        if again.boot().is_ok() {
            let _ = again.download(B, A, 3);
        }
        let anew = |op: &Op| matches!(op, Op::Erase { from: OTADATA, .. });
        if !again.ram.ops.iter().any(anew) {
            again.ram.bytes[birth.clone()].fill(0xFF);
        }
        let decision = again.power_on().boot().unwrap();
        assert_eq!(decision.slot, B, "cut after {power} operations: {decision}");
    }
}

/// An entry of ours that is damaged reads right, but for its label, and wrong the next time. What stands in the other
/// sector is the entry of stock code still: that is what counts, and is not erased until something else does.
#[test]
fn an_entry_that_is_damaged_is_not_taken_for_one_of_stock_code() {
    for power in 0..64 {
        let mut device = left_without_a_claim();
        device.ram.power = power;
        let _ = device.begin(B, A);
        let anew = |op: &Op| matches!(op, Op::Erase { from: OTADATA, .. });
        let mut next = device.power_on();
        if !device.ram.ops.iter().any(anew) {
            next.ram.put(OTADATA, &[0; 32]);
        }
        let decision = next.boot().unwrap();
        assert_eq!(decision.slot, B, "cut after {power} operations: {decision}");
    }
}

/// A device of the stock policy that booted `B`, after the first call that wrote that down was cut behind so
/// many operations.
fn taken_over_and_cut(operations: usize, torn: Torn) -> Device {
    let entries = [1, 2].map(|seq| Entry::new(seq, OtaState::VALID));
    let mut device = of_stock(&[FACTORY, A, B], entries);
    device.ram.power = operations;
    device.ram.torn = torn;
    device.begin(B, A).unwrap_err();
    device.power_on()
}

/// The same, with an entry whose label is damaged, and without a claim.
fn left_without_a_claim() -> Device {
    // Behind the erase, the birth, and the claim between the two halves of the entry.
    let mut device = taken_over_and_cut(5, Torn::Nothing);
    device.ram.put(OTADATA + 16, &[0]);
    device.ram.put(OTADATA + 32 * 5, &[0; 32]);
    device
}

/// A claim proves the birth before it, whatever becomes of the entry: nothing else knows the slot to go back to any more.
#[test]
fn a_generation_that_was_claimed_counts_without_its_entry() {
    // Behind the erase, the birth, the first half of the entry, and the claim.
    for operations in [4, 5] {
        let mut device = taken_over_and_cut(operations, Torn::Nothing);
        let chosen = device.boot().unwrap().chosen.unwrap();
        assert_eq!((chosen.slot, chosen.previous), (B, Some(A)));
    }
    // Behind the first group: the sector of the other entry is erased.
    let mut device = taken_over_and_cut(7, Torn::Zeroed);
    device.ram.put(OTADATA, &[0; 32]);
    let chosen = device.boot().unwrap().chosen.unwrap();
    assert_eq!((chosen.slot, chosen.previous), (B, Some(A)));
    assert_eq!(device.stock(), Some(B), "and its entry is written anew");
}

/// The CRC of an entry, torn, may be right for a number that was torn before. So it is not begun before the first half
/// is proven to be complete, and never programmed over: whatever was cut, an entry in the sector of a first generation is
/// none, or names what was chosen.
#[test]
fn the_crc_of_an_entry_is_not_touched_until_a_claim_proves_its_number() {
    let entry = |device: &Device| {
        let [first, _] = device.ram.entries();
        first
    };
    let is_claimed = |device: &Device| {
        let claim = Record::claim(1, 1).emit(Place::in_group(Sector::First, 1, 0), device.salt());
        device.ram.bytes[OTADATA as usize + 32 * 5..][..32] == claim
    };
    let mut completed = 0;
    // Behind the erase.
    for (operations, torn) in (1..8).flat_map(|n| [(n, Torn::Some(3)), (n, Torn::Nothing)]) {
        let device = taken_over_and_cut(operations, torn);
        let before = entry(&device);
        let is_begun = before.crc != u32::MAX;
        assert!(is_claimed(&device) || !is_begun, "{operations} operations");
        completed += u32::from(is_begun);
        if is_claimed(&device) {
            continue;
        }
        // It is given up.
        let mut next = device.power_on();
        next.begin(B, A).unwrap();
        let is_erase = |op: &Op| matches!(op, Op::Erase { .. });
        for power in 0..next.ram.ops.iter().position(is_erase).unwrap() {
            let mut cut = device.power_on();
            (cut.ram.power, cut.ram.torn) = (power, Torn::Some(3));
            cut.begin(B, A).unwrap_err();
            assert_eq!(entry(&cut), before, "{operations} operations, then {power}");
        }
    }
    assert!(completed > 0);
}

/// The factory image has no entry. What stands in place of none is damage: in the sector that has the authority it
/// is healed, in the other one it loses.
#[test]
fn a_blank_entry_that_is_damaged_is_healed() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.begin(FACTORY, A).unwrap();
    device.cost();
    for (sector, cost) in [(0, otadata(0, 0)), (1, otadata(1, 7))] {
        let mut device = device.power_on();
        device.ram.put(OTADATA + 0x1000 * sector, &[0x5A; 10]);
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.cost(), cost);
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.cost(), otadata(0, 0));
        assert_eq!(device.stock(), Some(FACTORY));
    }
}

/// A number that ours has is no newer one.
#[test]
fn an_entry_of_stock_code_with_the_number_of_ours_is_not_adopted() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let entries = device.ram.entries();
    let ours = crate::otadata::active(&entries).unwrap();
    let other = 1 - ours;
    let at = OTADATA + 0x1000 * u32::try_from(other).unwrap();
    device.ram.put(at, &[0xFF; 0x1000]);
    let same = Entry::new(entries[ours].seq, OtaState::VALID);
    device.ram.put(at, &same.emit());
    let chosen = device.boot().unwrap().chosen.unwrap();
    assert_eq!(chosen.slot, B);
    assert!(
        matches!(chosen.source, Source::Record { .. }),
        "{:?}",
        chosen.source
    );
}

/// With the entry of stock code gone, what is left of a generation that was begun says the same; and as it may read
/// otherwise the next time, that is written down before anyone goes by it.
#[test]
fn what_is_left_of_a_generation_counts_where_nothing_else_does() {
    let mut device = left_without_a_claim();
    // And the other sector is blank.
    device.ram.put(OTADATA + 0x1000, &[0xFF; 0x1000]);
    assert_eq!(device.boot().unwrap().slot, B);
    device.ram.put(OTADATA, &[0; 32]);
    assert_eq!(device.boot().unwrap().slot, B);
    assert_eq!(device.stock(), Some(B));
}

/// Without any birth that is whole our entries still say what was chosen, and that is written down at once.
#[test]
fn an_entry_of_ours_without_its_birth_is_written_down() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, B, 2);
    for sector in [OTADATA, OTADATA + 0x1000] {
        device.ram.put(sector + 32, &[0; 4]);
    }
    device.cost();
    for erases in [1, 0] {
        assert_eq!(device.boot().unwrap().slot, B);
        assert_eq!(device.cost().erases, erases);
        assert_eq!(device.stock(), Some(B));
    }
}

/// Before the sector of a generation that was begun is erased, what would make that count is zeroed; where none was
/// begun, there is nothing to zero.
#[test]
fn a_generation_that_was_begun_is_given_up_before_its_sector_is_erased() {
    let first = |mut device: Device| {
        device.begin(B, A).unwrap();
        device.ram.ops[0]
    };
    let begun = taken_over_and_cut(2, Torn::Nothing);
    let at = OTADATA + 32 * u32::from(super::super::layout::GIVEN_UP);
    assert_eq!(first(begun), Op::Program { at, len: 32 });
    let none = taken_over_and_cut(0, Torn::Nothing);
    let erase = |op| matches!(op, Op::Erase { from: OTADATA, .. });
    assert!(erase(first(none)));
}

/// An entry with the number 0 selects nothing for us, and something for stock code: each is erased, and no more
/// than that.
#[test]
fn entries_that_mislead_are_erased_and_no_others() {
    let zero = Entry::new(0, OtaState::VALID);
    for (entries, erases) in [([zero, Entry::ERASED], 1), ([zero, zero], 2)] {
        let mut device = of_stock(&[FACTORY, A, B], entries);
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.cost().erases, erases);
        assert_eq!(device.stock(), Some(FACTORY));
    }
}

/// A stock application knows no digests: that of the image to go back to is kept from before.
#[test]
fn the_image_before_a_stock_update_is_known_by_its_digest() {
    let mut device = Device::new(&[A, B, C]);
    device.update(A, B, 2);
    stock_update(&mut device, B, C, 3);
    assert_eq!(device.boot().unwrap().slot, C);
    device.ram.put(device.partition(B).offset, &image(7));
    let decision = device.boot().unwrap();
    let other = |attempt: &crate::boot::Attempt| {
        attempt.slot == B && attempt.refused == crate::boot::Refused::OtherImage
    };
    assert!(decision.tried.iter().any(other), "{decision}");
}

/// And so are the images that were found bad.
#[test]
fn what_was_bad_before_a_stock_update_is_bad_behind_it() {
    let mut device = Device::new(&[A, B, C]);
    device.bad_update(A, B, 3);
    stock_update(&mut device, A, C, 4);
    assert_eq!(device.boot().unwrap().slot, C);
    device.ram.put(device.partition(A).offset, &[0; 4]);
    let decision = device.boot().unwrap();
    let bad = |attempt: &crate::boot::Attempt| {
        attempt.slot == B && attempt.refused == crate::boot::Refused::Bad
    };
    assert!(decision.tried.iter().any(bad), "{decision}");
}
