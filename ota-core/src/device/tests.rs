//! A device through the short way: its lives, what it refuses, and that a cut anywhere leaves it bootable.

extern crate std;

use embedded_storage::nor_flash::NorFlashErrorKind;
use sha2::{Digest, Sha256};
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::EspErr;
use crate::hardened::Reason;
use crate::ram::{Ram, SIZE, place};
use crate::update::ImageSize;

const DEVICE: Device = Device::esp32c3(SIZE);
const A: Slot = Slot::Ota(0);
const B: Slot = Slot::Ota(1);

/// A whole image of an ESP32-C3: header, one segment for RAM with this byte all over, checksum, SHA-256.
fn image(byte: u8) -> Vec<u8> {
    let mut image = std::vec![0xE9, 1, 0, 0x10];
    image.resize(24, 0);
    image[12] = 5; // chip id
    image[23] = 1; // a SHA-256 follows
    image.extend(0x3FC8_0000_u32.to_le_bytes());
    image.extend(5000_u32.to_le_bytes());
    image.extend([byte; 5000]);
    image.resize(image.len() + 15 - image.len() % 16, 0);
    // The checksum begins with EF; an even number of equal bytes is nothing.
    image.push(0xEF);
    let digest: [u8; 32] = Sha256::digest(&image).into();
    image.extend(digest);
    image
}

/// A device fresh from the factory, with the first version in its first slot.
fn fresh(slots: &[Slot]) -> Ram {
    let mut flash = Ram::with_slots(slots);
    flash.put(place(slots, slots[0]).offset, &image(1));
    flash
}

fn boots(flash: &mut Ram) -> (Slot, Reason) {
    let decision = DEVICE.boot(flash, &mut Memory::new()).expect("it boots");
    (decision.slot, decision.reason)
}

/// What the application does in one power-on; what the flash refused ends it.
fn update(flash: &mut Ram, running: Slot, image: &[u8]) -> Result<(), Error<NorFlashErrorKind>> {
    let mut memory = Memory::new();
    let mut ota = Ota::open(flash, DEVICE, running, &mut memory)?;
    ota.confirm()?;
    let mut update = ota.begin(ImageSize::Unknown)?;
    for chunk in image.chunks(1000) {
        update.write(chunk)?;
    }
    update.finish()?.boot_next()
}

fn confirm(flash: &mut Ram, running: Slot) {
    let mut memory = Memory::new();
    let mut ota = Ota::open(flash, DEVICE, running, &mut memory).unwrap();
    ota.confirm().unwrap();
    assert_eq!(ota.is_on_trial(), Ok(false));
}

const TRIAL: Reason = Reason::Trial {
    start: 1,
    attempts: 1,
};

#[test]
fn an_update_runs_on_trial_and_stays_once_it_confirms_itself() {
    let mut flash = fresh(&[A, B]);
    assert_eq!(boots(&mut flash), (A, Reason::Confirmed));
    update(&mut flash, A, &image(2)).unwrap();
    assert_eq!(boots(&mut flash), (B, TRIAL));
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, DEVICE, B, &mut memory).unwrap();
    assert_eq!(ota.is_on_trial(), Ok(true));
    assert_eq!(ota.boots_next(), Ok(Some(B)));
    confirm(&mut flash, B);
    assert_eq!(boots(&mut flash), (B, Reason::Confirmed));
}

#[test]
fn an_update_that_rejects_itself_or_says_nothing_is_gone_back_from() {
    for rejects in [true, false] {
        let mut flash = fresh(&[A, B]);
        update(&mut flash, A, &image(2)).unwrap();
        assert_eq!(boots(&mut flash), (B, TRIAL));
        if rejects {
            let mut memory = Memory::new();
            let mut ota = Ota::open(&mut flash, DEVICE, B, &mut memory).unwrap();
            ota.reject().unwrap();
        }
        assert_eq!(boots(&mut flash).0, A, "rejects: {rejects}");
    }
}

/// The application finds itself by an address of its own code as well.
#[test]
fn an_address_of_the_code_tells_where_it_runs() {
    let mut flash = fresh(&[A, B]);
    let at = place(&[A, B], B);
    let mut memory = Memory::new();
    let address = Running::At(at.offset + 0x120);
    let ota = Ota::open(&mut flash, DEVICE, address, &mut memory).unwrap();
    assert_eq!(ota.running(), at);
}

#[test]
fn an_image_that_does_not_verify_is_an_error_and_what_runs_stays() {
    let whole = image(2);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for (offered, refused) in [
        (&damaged[..], EspErr::OTA_VALIDATE_FAILED),
        (&whole[..whole.len() - 1], EspErr::OTA_VALIDATE_FAILED),
        (&[0x7F, b'E', b'L', b'F'], EspErr::OTA_VALIDATE_FAILED),
        (&[], EspErr::INVALID_ARG),
    ] {
        let mut flash = fresh(&[A, B]);
        let error = update(&mut flash, A, offered).unwrap_err();
        assert_eq!(error.esp_err(), refused, "{error}");
        assert_eq!(boots(&mut flash), (A, Reason::Confirmed));
        // It is not in the way of the next one.
        update(&mut flash, A, &image(2)).unwrap();
        assert_eq!(boots(&mut flash), (B, TRIAL));
    }
}

/// One that was dropped as well: the handle is free again.
#[test]
fn an_update_goes_on_where_it_was_left() {
    let mut flash = fresh(&[A, B]);
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, DEVICE, A, &mut memory).unwrap();
    assert_eq!(ota.resume().unwrap().written(), 0, "nothing to go on with");
    let mut update = ota.begin(ImageSize::Unknown).unwrap();
    assert_eq!(update.slot(), Some(B));
    update.write(&image(2)[..4096 + 10]).unwrap();
    assert_eq!(update.written(), 4096 + 10);
    drop(update);
    let mut update = ota.resume().unwrap();
    assert_eq!(update.written(), 4096, "in whole parts");
    update.write(&image(2)[4096..]).unwrap();
    drop(update.finish().unwrap());
    // Chosen later, after another reset.
    assert_eq!(boots(&mut flash), (A, Reason::Confirmed));
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, DEVICE, A, &mut memory).unwrap();
    ota.boot_next(B).unwrap();
    assert_eq!(boots(&mut flash), (B, TRIAL));
}

#[test]
fn what_is_not_there_is_named() {
    let mut flash = fresh(&[A, B]);
    let mut open = |running: Running| {
        let mut memory = Memory::new();
        let opened = Ota::open(&mut flash, DEVICE, running, &mut memory);
        opened.map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        open(Slot::Ota(7).into()),
        "the partition table has no application at ota_7"
    );
    assert_eq!(
        open(Running::At(0x9000)),
        "the partition table has no application at flash address 0x9000"
    );
    let mut memory = Memory::new();
    let mut only = fresh(&[A]);
    let mut ota = Ota::open(&mut only, DEVICE, A, &mut memory).unwrap();
    let error = ota.begin(ImageSize::Unknown).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the partition table has no second slot for an update"
    );
    let elsewhere = DEVICE.with_table_at(0x9000);
    let mut memory = Memory::new();
    let opened = Ota::open(&mut flash, elsewhere, A, &mut memory);
    let error = opened.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Table(_)), "{error}");
}

#[test]
fn what_runs_on_trial_takes_no_update_until_it_is_confirmed() {
    let mut flash = fresh(&[A, B]);
    update(&mut flash, A, &image(2)).unwrap();
    boots(&mut flash);
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, DEVICE, B, &mut memory).unwrap();
    let error = ota.begin(ImageSize::Unknown).map(drop).unwrap_err();
    assert_eq!(error.esp_err(), EspErr::OTA_ROLLBACK_INVALID_STATE);
    let mut flash = fresh(&[A, B]);
    let device = DEVICE.without_trials();
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, device, A, &mut memory).unwrap();
    let mut update = ota.begin(ImageSize::Unknown).unwrap();
    update.write(&image(2)).unwrap();
    update.finish().unwrap().boot_next().unwrap();
    assert_eq!(ota.calls().foreign_bootloader(), Ok(false));
    let decision = device.boot(&mut flash, &mut Memory::new()).unwrap();
    assert_eq!((decision.slot, decision.reason), (B, Reason::Confirmed));
}

/// A new image is started as often as the device allows, and no more.
#[test]
fn a_new_image_is_started_as_often_as_the_device_says() {
    let device = DEVICE.with_attempts(3);
    let mut flash = fresh(&[A, B]);
    let mut memory = Memory::new();
    let mut ota = Ota::open(&mut flash, device, A, &mut memory).unwrap();
    let mut update = ota.begin(ImageSize::Unknown).unwrap();
    update.write(&image(2)).unwrap();
    update.finish().unwrap().boot_next().unwrap();
    let mut ran = [A; 4];
    for slot in &mut ran {
        *slot = device.boot(&mut flash, &mut Memory::new()).unwrap().slot;
    }
    assert_eq!(ran, [B, B, B, A]);
}

/// Each operation of an update is the one that the power fails before.
#[test]
fn a_cut_before_any_operation_leaves_the_version_before_or_the_new_one() {
    let before = fresh(&[A, B]);
    let mut whole = before.power_on();
    update(&mut whole, A, &image(2)).unwrap();
    let operations = whole.ops.len();
    assert!(operations > 20, "{operations}");
    let mut seen = [false; 2];
    for cut in 0..operations {
        let mut flash = before.power_on();
        flash.power = cut;
        update(&mut flash, A, &image(2)).unwrap_err();
        let mut flash = flash.power_on();
        let (slot, _) = boots(&mut flash);
        seen[usize::from(slot == B)] = true;
        // It is done again, and arrives.
        if slot == A {
            update(&mut flash, A, &image(2)).unwrap();
            assert_eq!(boots(&mut flash), (B, TRIAL), "cut {cut}");
        }
        confirm(&mut flash, B);
        assert_eq!(boots(&mut flash), (B, Reason::Confirmed), "cut {cut}");
    }
    assert_eq!(seen, [true; 2]);
}
