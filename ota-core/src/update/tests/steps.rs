//! Opening an update in steps.

use super::*;

/// Each step of an update of `size` bytes, in blocks of `most`.
fn steps(ota: &mut Updater<'_>, handle: Handle, most: u32) -> Vec<u32> {
    let mut steps = Vec::new();
    let mut before = 0;
    while let Erasing::Erased { bytes, of } = ota.erase_step(handle, most).unwrap() {
        assert!(bytes <= of);
        steps.push(bytes - before);
        before = bytes;
    }
    steps
}

#[test]
fn no_step_erases_more_than_one_block_and_all_of_them_what_begin_does() {
    for (size, most) in [
        (ImageSize::Unknown, 0),
        (ImageSize::Unknown, 0x1_0000),
        (ImageSize::Known(0x9001), 0x8000),
        (ImageSize::Sequential, 0x1_0000),
    ] {
        let entries = [entry(2, OtaState::VALID), entry(1, OtaState::VALID)];
        let mut whole = device(&ALL, entries);
        whole.running = slot(1);
        whole.ota().begin(&slot(2), size).unwrap();
        let mut stepped = device(&ALL, entries);
        stepped.running = slot(1);
        let mut ota = stepped.ota();
        let handle = ota.begin_in_steps(&slot(2), size).unwrap();
        let steps = steps(&mut ota, handle, most);
        assert!(steps.iter().all(|len| *len <= most.max(0x1000)));
        assert_eq!(ota.erase_step(handle, most), Ok(Erasing::Done));
        assert_eq!(stepped.ram.bytes, whole.ram.bytes);
        // One operation of the chip to a step, and the inactive entry last, as in `begin`.
        assert_eq!(stepped.ram.ops.len(), steps.len() + 1);
        assert_eq!(
            stepped.ram.ops.last(),
            Some(&erase(OTADATA + 0x1000, 0x1000))
        );
    }
}

#[test]
fn the_image_is_written_when_the_steps_are_through() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota
        .begin_in_steps(&slot(1), ImageSize::Known(0x2000))
        .unwrap();
    let unfinished = |bytes| OtaError::EraseUnfinished { bytes, of: 0x2000 };
    assert_eq!(ota.write(handle, &[0xE9]), Err(unfinished(0)));
    let _ = ota.erase_step(handle, 0).unwrap();
    let refused = ota.write_with_offset(handle, &[0xE9], 0);
    assert_eq!(refused, Err(unfinished(0x1000)));
    assert_eq!(unfinished(0).esp_err(), EspErr::INVALID_STATE);
    assert_eq!(steps(&mut ota, handle, 0), [0x2000], "what was left of it");
    ota.write(handle, &[0xE9; 0x1800]).unwrap();
    ota.end(handle).unwrap();
    assert_eq!(ota.erase_step(handle, 0), Err(OtaError::NoSuchHandle));
}

#[test]
fn an_image_that_does_not_fit_is_refused_before_anything_is_erased() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let refused = ota.begin_in_steps(&slot(1), ImageSize::Known(SLOT_SIZE + 1));
    assert_eq!(code(refused), EspErr::INVALID_SIZE);
    assert_eq!(ota.open_handle(&slot(1)), None);
    assert!(device.ram.ops.is_empty());
}

/// After an error the same step may be made again.
#[test]
fn a_step_that_fails_is_made_again() {
    let mut device = device(&ALL, ERASED);
    device.ram.power = 1;
    let mut ota = device.ota();
    let handle = ota
        .begin_in_steps(&slot(1), ImageSize::Known(0x2000))
        .unwrap();
    let _ = ota.erase_step(handle, 0).unwrap();
    assert_eq!(code(ota.erase_step(handle, 0)), EspErr::FLASH_OP_FAIL);
    **ota.flash() = ota.flash().power_on();
    let (bytes, of) = (0x2000, 0x2000);
    assert_eq!(ota.erase_step(handle, 0), Ok(Erasing::Erased { bytes, of }));
}
