//! Anti-rollback under the hardened policy, with the power failing while fuses blow.

use ota_core::efuse::SecureVersionError;
use ota_core::hardened::Reason;
use ota_core::partition::Slot;
use ota_core::update::OtaError;

use crate::device::{Device, partition};
use crate::seeds;

const FACTORY: Slot = Slot::Factory;
const A: Slot = Slot::Ota(0);
const B: Slot = Slot::Ota(1);

/// A device whose factory image is of version 0, with an image of version 3 on trial in `A`.
fn on_trial() -> Device {
    let mut device = Device::new(&seeds::image_of(300, 0));
    device.anti_rollback = true;
    device
        .download(FACTORY, A, &seeds::image_of(500, 3))
        .unwrap();
    device.choose(FACTORY, A).unwrap();
    assert!(matches!(device.boot().reason, Reason::Trial { .. }));
    device
}

/// Until it has confirmed itself an image may fail, and then the one before it must boot.
#[test]
fn the_version_is_not_raised_before_the_image_is_confirmed() {
    let mut device = on_trial();
    assert_eq!(device.fuses.bits, 0);
    let decision = device.boot();
    assert_eq!(decision.reason, Reason::RolledBack { from: A });
    assert_eq!((decision.slot, device.fuses.bits), (FACTORY, 0));
}

/// Each set of fuses that a cut burn may leave, at the confirmation: the image that raised the version
/// boots, and the next boot blows the rest.
#[test]
fn a_burn_that_is_cut_strands_nobody_and_is_finished_by_the_next_boot() {
    for blown in 0..8 {
        let mut device = on_trial();
        device.fuses.cut = Some(blown);
        let confirmed = device.confirm(A);
        assert_eq!(
            confirmed,
            Err(OtaError::SecureVersion(SecureVersionError::Device))
        );
        assert_eq!(device.fuses.bits, blown);
        // Cut again, with other fuses, while the boot burns.
        for again in 0..8 {
            let mut device = device.clone();
            device.fuses.cut = Some(again);
            let decision = device.boot();
            assert_eq!((decision.slot, decision.reason), (A, Reason::Confirmed));
            assert_eq!(device.boot().slot, A);
            assert_eq!(device.fuses.bits, 7, "{blown} {again}");
        }
    }
}

#[test]
fn an_image_below_the_version_is_neither_chosen_nor_gone_back_to() {
    let mut device = on_trial();
    device.confirm(A).unwrap();
    assert_eq!(device.fuses.bits, 7);
    device.download(A, B, &seeds::image_of(400, 2)).unwrap();
    let refused = OtaError::TooOld {
        image: 2,
        device: 3,
    };
    assert_eq!(device.choose(A, B), Err(refused));
    let possible = device.app(A, |ota| ota.check_rollback_is_possible());
    assert_eq!(possible, Ok(false));
    // It was only refused: other than stock code, nothing is erased.
    let at = partition(B).offset as usize;
    assert_eq!(device.flash[at], 0xE9);
    assert_eq!(device.boot().slot, A);
}

/// The version in fuses is the lowest that may run, not the lowest that may not.
#[test]
fn an_image_of_just_the_version_is_chosen_and_gone_back_to() {
    let mut device = on_trial();
    device.confirm(A).unwrap();
    assert_eq!(device.fuses.bits, 7);
    device.download(A, B, &seeds::image_of(400, 3)).unwrap();
    device.choose(A, B).unwrap();
    assert_eq!(device.boot().slot, B);
    let possible = device.app(B, |ota| ota.check_rollback_is_possible());
    assert_eq!(possible, Ok(true));
    assert_eq!(device.boot().slot, A);
}

/// A version that no fuses are left for does not keep the image from running.
#[test]
fn a_version_beyond_the_fuses_is_an_error_of_the_confirmation_alone() {
    let mut device = Device::new(&seeds::image_of(300, 0));
    device.anti_rollback = true;
    device
        .download(FACTORY, A, &seeds::image_of(500, 17))
        .unwrap();
    device.choose(FACTORY, A).unwrap();
    device.boot();
    let too_high = SecureVersionError::TooHigh {
        version: 17,
        capacity: 16,
    };
    assert_eq!(device.confirm(A), Err(OtaError::SecureVersion(too_high)));
    let decision = device.boot();
    assert_eq!((decision.slot, decision.reason), (A, Reason::Confirmed));
    assert_eq!(device.fuses.bits, 0);
}
