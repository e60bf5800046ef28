//! Ending an update: what is verified, and what is no image.

use super::*;

#[test]
fn end_verifies_the_whole_slot_and_leaves_otadata_alone() {
    let mut device = device(&ALL, [entry(1, OtaState::VALID), Entry::ERASED]);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    ota.write_with_offset(handle, &[0], 0).unwrap();
    assert_eq!(code(ota.end(handle)), EspErr::OTA_VALIDATE_FAILED);
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    assert_eq!(
        ota.set_final_partition(handle, &slot(2), true),
        Err(OtaError::AlreadyWritten { wrote: 1 })
    );
    ota.end(handle).unwrap();
    assert_eq!(device.ram.entries()[0], entry(1, OtaState::VALID));
}

#[test]
fn an_image_goes_to_factory_by_way_of_a_slot() {
    let mut device = device(&ALL, ERASED);
    let factory = place(&ALL, Factory);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(0), ImageSize::Known(300)).unwrap();
    let mut stranger = factory;
    stranger.offset += 1;
    assert_eq!(
        code(ota.set_final_partition(handle, &stranger, true)),
        EspErr::NOT_FOUND
    );
    ota.set_final_partition(handle, &factory, true).unwrap();
    ota.write(handle, &[0xE9; 300]).unwrap();
    ota.end(handle).unwrap();
    let (from, to) = (slot(0).offset as usize, factory.offset as usize);
    let bytes = &device.ram.bytes;
    let size = SLOT_SIZE as usize;
    assert_eq!(bytes[from..from + size], bytes[to..to + size]);
}

#[test]
fn a_partition_table_is_judged_as_one_and_data_not_at_all() {
    let staged = row(Type::PARTITION_TABLE, SubType::STAGED, 0xE_0000, 0x1000);
    let nvs = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    let mut device = device(&ALL, ERASED).with_rows(&[staged, nvs]);
    let table = device.table;
    let mut ota = device.ota();
    let handle = ota.begin(&staged, ImageSize::Unknown).unwrap();
    assert_eq!(
        code(ota.write(handle, &[0xAA, 0x51])),
        EspErr::OTA_VALIDATE_FAILED
    );
    ota.write(handle, &table).unwrap();
    ota.end(handle).unwrap();
    let handle = ota.begin(&staged, ImageSize::Unknown).unwrap();
    ota.write(handle, &table[..40]).unwrap();
    assert_eq!(code(ota.end(handle)), EspErr::OTA_VALIDATE_FAILED);
    let handle = ota.begin(&nvs, ImageSize::Unknown).unwrap();
    ota.write(handle, b"anything").unwrap();
    ota.end(handle).unwrap();
}

#[test]
fn a_read_only_partition_is_not_erased() {
    let mut nvs = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    nvs.flags = 2;
    let mut device = device(&ALL, ERASED).with_rows(&[nvs]);
    assert_eq!(
        code(device.ota().begin(&nvs, ImageSize::Unknown)),
        EspErr::NOT_ALLOWED
    );
}
