//! Beginning an update, and resuming one.

use super::*;

#[test]
fn begin_refuses_in_the_reference_s_order() {
    let pending = [entry(1, OtaState::PENDING_VERIFY), Entry::ERASED];
    let mut device = device(&ALL, pending);
    device.running = slot(0);
    let mut ota = device.ota();
    let mut stranger = slot(1);
    stranger.size -= 0x1000;
    let mut named = slot(1);
    named.label = "other".try_into().unwrap();
    for (partition, expected) in [
        (stranger, EspErr::NOT_FOUND),
        (named, EspErr::NOT_FOUND),
        (place(&ALL, Factory), EspErr::INVALID_ARG),
        (place(&ALL, Test), EspErr::INVALID_ARG),
        (slot(0), EspErr::OTA_PARTITION_CONFLICT),
        (slot(1), EspErr::OTA_ROLLBACK_INVALID_STATE),
    ] {
        assert_eq!(code(ota.begin(&partition, ImageSize::Unknown)), expected);
    }
    // Data may be updated by an image that is not confirmed yet.
    let otadata = partitions(&ALL)[0];
    assert_eq!(
        ota.begin(&otadata, ImageSize::Sequential).unwrap().number(),
        1
    );
}

#[test]
fn a_partition_is_open_once_and_handles_run_out() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let first = ota.begin(&slot(0), ImageSize::Sequential).unwrap();
    assert_eq!(
        code(ota.begin(&slot(0), ImageSize::Sequential)),
        EspErr::OTA_ALREADY_IN_PROGRESS
    );
    ota.set_final_partition(first, &slot(2), false).unwrap();
    assert_eq!(
        code(ota.resume(&slot(2), ImageSize::Sequential, 0)),
        EspErr::OTA_ALREADY_IN_PROGRESS
    );
    ota.begin(&slot(1), ImageSize::Sequential).unwrap();
    let otadata = partitions(&ALL)[0];
    assert_eq!(
        code(ota.begin(&otadata, ImageSize::Sequential)),
        EspErr::NO_MEM
    );
    ota.abort(first).unwrap();
    assert_eq!(code(ota.abort(first)), EspErr::NOT_FOUND);
    ota.begin(&otadata, ImageSize::Sequential).unwrap();
}

#[test]
fn begin_erases_the_slot_first_and_then_the_entry_that_is_not_active() {
    let entries = [entry(2, OtaState::VALID), entry(1, OtaState::VALID)];
    let mut device = device(&ALL, entries);
    let mut ota = device.ota();
    ota.begin(&slot(1), ImageSize::Known(5000)).unwrap();
    let at = slot(1).offset;
    assert_eq!(
        device.ram.ops,
        [erase(at, 0x2000), erase(OTADATA + 0x1000, 0x1000)]
    );
}

#[test]
fn begin_erases_as_much_as_it_is_told() {
    for (size, len) in [
        (ImageSize::Unknown, Some(SLOT_SIZE)),
        (ImageSize::Known(0), Some(SLOT_SIZE)),
        (ImageSize::Known(0xFFFF_FFFF), Some(SLOT_SIZE)),
        (ImageSize::Known(1), Some(0x1000)),
        (ImageSize::Known(0x1000), Some(0x1000)),
        (ImageSize::Known(0xFFFF_FFFE), None),
        (ImageSize::Sequential, None),
    ] {
        let mut device = device(&ALL, ERASED);
        device.ota().begin(&slot(1), size).unwrap();
        let expected: Vec<_> = len
            .map(|len| erase(slot(1).offset, len))
            .into_iter()
            .collect();
        assert_eq!(device.ram.ops, expected, "{size:?}");
    }
}

#[test]
fn a_begin_whose_erase_fails_stays_open_until_it_is_aborted() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let too_large = ImageSize::Known(SLOT_SIZE + 1);
    for size in [too_large, ImageSize::Known(0xFFFF_F001)] {
        assert_eq!(code(ota.begin(&slot(1), size)), EspErr::INVALID_SIZE);
        assert_eq!(
            code(ota.begin(&slot(1), ImageSize::Unknown)),
            EspErr::OTA_ALREADY_IN_PROGRESS
        );
        let handle = ota.open_handle(&slot(1)).unwrap();
        ota.abort(handle).unwrap();
    }
    assert!(device.ram.ops.is_empty());
}

#[test]
fn resume_refuses_in_the_reference_s_order_and_writes_nothing() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let mut stranger = slot(1);
    stranger.size = 10;
    for (partition, offset, expected) in [
        (stranger, 11, EspErr::INVALID_ARG),
        (stranger, 10, EspErr::NOT_FOUND),
        (place(&ALL, Factory), 0, EspErr::INVALID_ARG),
    ] {
        assert_eq!(
            code(ota.resume(&partition, ImageSize::Unknown, offset)),
            expected
        );
    }
    let handle = ota.resume(&slot(1), ImageSize::Sequential, 0x1800).unwrap();
    // Not the first bytes: anything goes, and the sector it is in is not erased.
    ota.write(handle, &[0xFF; 0x1000]).unwrap();
    let at = slot(1).offset;
    assert_eq!(
        device.ram.ops,
        [erase(at + 0x2000, 0x1000), program(at + 0x1800, 0x1000)]
    );
}

#[test]
fn a_partition_without_a_label_names_the_handle_it_opened() {
    let mut named = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    named.label = "nvs".try_into().unwrap();
    let mut device = device(&ALL, ERASED).with_rows(&[named]);
    let mut ota = device.ota();
    let unnamed = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    let handle = ota.begin(&unnamed, ImageSize::Sequential).unwrap();
    assert_eq!(ota.open_handle(&unnamed), Some(handle));
    assert_eq!(ota.open_handle(&named), Some(handle));
}
