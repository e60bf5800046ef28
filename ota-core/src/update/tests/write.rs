//! Writing what was downloaded.

use super::*;

#[test]
fn a_sequential_update_erases_each_sector_once_before_its_first_byte() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Sequential).unwrap();
    let mut image = [0xFF; 0x1001];
    image[0] = 0xE9;
    for len in [0xFFF, 1, 1, 0x1000, 0x1001] {
        ota.write(handle, &image[..len]).unwrap();
    }
    let at = slot(1).offset;
    assert_eq!(
        device.ram.ops,
        [
            erase(at, 0x1000),
            program(at, 0xFFF),
            program(at + 0xFFF, 1),
            erase(at + 0x1000, 0x1000),
            program(at + 0x1000, 1),
            erase(at + 0x2000, 0x1000),
            program(at + 0x1001, 0x1000),
            erase(at + 0x3000, 0x1000),
            program(at + 0x2001, 0x1001),
        ]
    );
}

#[test]
fn an_update_by_block_erases_each_block_once() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::ByBlock).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    ota.write(handle, &[0; 0x2000]).unwrap();
    let at = slot(1).offset;
    assert_eq!(
        device.ram.ops,
        [erase(at, 0x1_0000), program(at, 1), program(at + 1, 0x2000)]
    );
}

#[test]
fn an_update_by_block_stays_in_the_partition() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let otadata = ota.table.otadata().unwrap();
    let handle = ota.begin(&otadata, ImageSize::ByBlock).unwrap();
    ota.write(handle, &[0; 16]).unwrap();
    assert_eq!(
        ota.write(handle, &[0; 0x2000]).map_err(|e| e.esp_err()),
        Err(EspErr::INVALID_SIZE)
    );
    let at = otadata.offset;
    assert_eq!(device.ram.ops, [erase(at, 0x2000), program(at, 16)]);
}

#[test]
fn an_update_by_block_that_is_resumed_erases_from_there_on() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let partition = slot(1);
    let handle = ota.resume(&partition, ImageSize::ByBlock, 0x1000).unwrap();
    ota.write(handle, &[0; 16]).unwrap();
    ota.write(handle, &[0; 16]).unwrap();
    let at = partition.offset + 0x1000;
    let end = at
        .next_multiple_of(0x1_0000)
        .min(partition.offset + SLOT_SIZE);
    let erased = if end == at { 0x1_0000 } else { end - at };
    assert_eq!(
        device.ram.ops,
        [erase(at, erased), program(at, 16), program(at + 16, 16)]
    );
}

#[test]
fn the_first_bytes_are_judged_after_the_erase() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Sequential).unwrap();
    assert_eq!(code(ota.write(handle, &[0])), EspErr::OTA_VALIDATE_FAILED);
    assert_eq!(device.ram.ops, [erase(slot(1).offset, 0x1000)]);
}

#[test]
fn writing_checks_the_handle_but_not_for_nothing() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let none = Handle::from(7);
    ota.write(none, &[]).unwrap();
    assert_eq!(code(ota.write(none, &[0xE9])), EspErr::INVALID_ARG);
    assert_eq!(
        code(ota.write_with_offset(none, &[], 0)),
        EspErr::INVALID_ARG
    );
    assert_eq!(code(ota.end(none)), EspErr::NOT_FOUND);
    assert_eq!(
        code(ota.set_final_partition(none, &slot(1), true)),
        EspErr::NOT_FOUND
    );
}

#[test]
fn writes_stay_inside_the_partition() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    for (offset, len, expected) in [
        (SLOT_SIZE, 1, EspErr::INVALID_SIZE),
        (SLOT_SIZE - 1, 2, EspErr::INVALID_SIZE),
        (SLOT_SIZE + 1, 1, EspErr::INVALID_ARG),
        (u32::MAX, 1, EspErr::INVALID_ARG),
    ] {
        let bytes = [0; 2];
        assert_eq!(
            code(ota.write_with_offset(handle, &bytes[..len], offset)),
            expected
        );
    }
    ota.write_with_offset(handle, &[], SLOT_SIZE).unwrap();
    assert_eq!(
        code(ota.end(handle)),
        EspErr::INVALID_ARG,
        "nothing written"
    );
    assert_eq!(
        code(ota.end(handle)),
        EspErr::NOT_FOUND,
        "closed all the same"
    );
}

#[test]
fn a_sequential_update_takes_no_offsets() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Sequential).unwrap();
    assert_eq!(
        ota.write_with_offset(handle, &[0], 0),
        Err(OtaError::Sequential)
    );
}

#[test]
fn encrypted_flash_is_programmed_in_blocks_of_16() {
    let mut device = device(&ALL, ERASED);
    device.config.flash_encryption = true;
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Known(100)).unwrap();
    ota.write(handle, &[0xE9; 20]).unwrap();
    ota.write(handle, &[1; 5]).unwrap();
    ota.write(handle, &[2; 30]).unwrap();
    assert_eq!(
        code(ota.write_with_offset(handle, &[0; 15], 0)),
        EspErr::INVALID_ARG
    );
    ota.end(handle).unwrap();
    let at = slot(1).offset;
    let (blocks, len) = (&device.ram.ops[1..], 16);
    assert_eq!(
        blocks,
        [
            program(at, len),
            program(at + 16, len),
            program(at + 32, len),
            program(at + 48, len)
        ]
    );
    let bytes = &device.ram.bytes[at as usize..];
    assert_eq!(bytes[20..25], [1; 5]);
    assert_eq!(bytes[25..55], [2; 30]);
    assert_eq!(bytes[55..64], [0xFF; 9]);
}

/// A flash with cells that cannot be programmed any more, as worn ones are: found out by the write that
/// meets them, not by the end.
#[test]
fn a_byte_that_does_not_read_as_written_is_found_when_it_is_written() {
    let written: Vec<u8> = (0..=255).cycle().skip(0xE9).take(0x1800).collect();
    for (bad, len) in [(0, 1), (5, 4), (0x1000, 256), (0x123, 300), (0x17FF, 1024)] {
        let mut device = device(&ALL, ERASED);
        device.config.read_back = true;
        let mut ota = device.ota();
        let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
        let mut at = 0;
        let mut refused = None;
        for chunk in written.chunks(len) {
            if (at..at + chunk.len()).contains(&bad) {
                // Bits that were programmed before: the write clears them, and they read cleared.
                ota.flash()
                    .put(slot(1).offset + u32::try_from(bad).unwrap(), &[0]);
            }
            if let Err(error) = ota.write(handle, chunk) {
                refused = Some(error);
                break;
            }
            at += chunk.len();
        }
        let (found, expected) = (0, written[bad]);
        let offset = u32::try_from(bad).unwrap();
        let error = OtaError::ReadBack {
            offset,
            found,
            expected,
        };
        assert_eq!(refused, (expected != 0).then_some(error), "{bad} {len}");
        assert_eq!(error.esp_err(), EspErr::FLASH_OP_FAIL);
    }
}

#[test]
fn what_is_written_at_a_place_of_its_own_is_read_back_too() {
    let mut device = device(&ALL, ERASED);
    device.config.read_back = true;
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    ota.flash().put(slot(1).offset + 0x1007, &[0x7F]);
    ota.write_with_offset(handle, &[0xFF; 7], 0x1000).unwrap();
    let refused = ota
        .write_with_offset(handle, &[0xFF; 9], 0x1000)
        .unwrap_err();
    let (offset, found, expected) = (0x1007, 0x7F, 0xFF);
    assert_eq!(
        refused,
        OtaError::ReadBack {
            offset,
            found,
            expected
        }
    );
}
