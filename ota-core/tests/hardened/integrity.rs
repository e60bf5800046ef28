//! What boots is what `end` verified, not whatever passes for an image.

use ota_core::boot::Refused;
use ota_core::hardened::Reason;
use ota_core::partition::Slot;
use ota_core::update::OtaError;

use crate::device::{Device, partition};
use crate::seeds;

const FACTORY: Slot = Slot::Factory;
const A: Slot = Slot::Ota(0);

/// Byte 23 of the header says that a SHA-256 is appended. Let it fall to 0, which is the way NOR cells
/// lose charge, and stock code compares nothing but an 8-bit sum: ways in which an image changes and
/// still passes for one. Each as (offset, new byte) from old bytes.
fn changes(image: &[u8]) -> [Vec<(usize, u8)>; 3] {
    let data = 24 + 8 + 256 + 10;
    [
        vec![(23, 0)],
        // Two bits of data as well, that cancel in the sum.
        vec![
            (23, 0),
            (data, image[data] ^ 4),
            (data + 1, image[data + 1] ^ 4),
        ],
        // The entry point, which the sum does not cover.
        vec![(23, 0), (5, 0x10)],
    ]
}

fn changed(device: &Device, slot: Slot, change: &[(usize, u8)]) -> Device {
    let mut device = device.clone();
    let at = partition(slot).offset;
    for (offset, byte) in change {
        device.put(at + u32::try_from(*offset).unwrap(), &[*byte]);
    }
    device
}

#[test]
fn the_hash_of_a_chosen_image_cannot_be_switched_off() {
    let image = seeds::image(600);
    let mut device = Device::new(&seeds::image(300));
    device.download(FACTORY, A, &image).unwrap();
    device.choose(FACTORY, A).unwrap();
    for change in changes(&image) {
        let mut device = changed(&device, A, &change);
        assert_eq!(device.stock(), A, "stock code takes it: {change:?}");
        let decision = device.boot();
        assert_eq!(decision.slot, FACTORY);
        assert_eq!(decision.reason, Reason::RolledBack { from: A });
        let refused = decision.tried.iter().next().unwrap().refused;
        assert_eq!(refused, Refused::OtherImage);
    }
}

#[test]
fn the_hash_of_a_confirmed_image_cannot_be_switched_off() {
    let image = seeds::image(600);
    let mut device = Device::new(&seeds::image(300));
    device.update(FACTORY, A, &image);
    for change in changes(&image) {
        let mut device = changed(&device, A, &change);
        let decision = device.boot();
        assert_eq!(
            (decision.slot, decision.reason),
            (FACTORY, Reason::Fallback)
        );
    }
}

#[test]
fn an_image_that_changed_after_its_end_is_not_chosen() {
    let image = seeds::image(600);
    let mut device = Device::new(&seeds::image(300));
    device.download(FACTORY, A, &image).unwrap();
    for change in changes(&image) {
        let mut device = changed(&device, A, &change);
        assert_eq!(device.choose(FACTORY, A), Err(OtaError::OtherImage));
        assert_eq!(device.boot().slot, FACTORY);
    }
}

/// An image that was made without a SHA-256 is guarded all the same: the digest is then of all its
/// bytes.
#[test]
fn an_image_without_a_hash_is_guarded_too() {
    let mut image = seeds::image(600);
    image[23] = 0;
    image.truncate(image.len() - 32);
    let mut device = Device::new(&seeds::image(300));
    device.update(FACTORY, A, &image);
    assert_eq!(device.boot().slot, A);
    for change in changes(&image).iter().skip(1) {
        let mut device = changed(&device, A, change);
        assert_eq!(device.stock(), A);
        assert_eq!(device.boot().slot, FACTORY);
    }
}
