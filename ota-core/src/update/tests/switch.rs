//! Switching to an image.

use super::*;

#[test]
fn set_boot_verifies_before_it_writes() {
    let mut device = device(&ALL, ERASED);
    device.ram.put(slot(1).offset, &[0]);
    let error = code(device.ota().set_boot_partition(&slot(1)));
    assert_eq!(error, EspErr::OTA_VALIDATE_FAILED);
    let nvs = row(Type::DATA, SubType::NVS, slot(0).offset, SLOT_SIZE);
    assert_eq!(
        code(device.ota().set_boot_partition(&nvs)),
        EspErr::INVALID_ARG
    );
    assert!(device.ram.ops.is_empty());
}

#[test]
fn set_boot_to_another_slot_writes_the_entry_that_is_not_active() {
    let mut device = device(&ALL, [entry(1, OtaState::VALID), Entry::ERASED]);
    device.ota().set_boot_partition(&slot(2)).unwrap();
    let at = OTADATA + 0x1000;
    assert_eq!(device.ram.ops, [erase(at, 0x1000), program(at, 32)]);
    assert_eq!(device.ram.entries()[1], entry(3, OtaState::NEW));
}

#[test]
fn set_boot_to_factory_erases_otadata_in_one_range() {
    let mut device = device(&ALL, [entry(1, OtaState::VALID); 2]);
    let factory = place(&ALL, Factory);
    device.ota().set_boot_partition(&factory).unwrap();
    assert_eq!(device.ram.ops, [erase(OTADATA, 0x2000)]);
}

#[test]
fn set_boot_to_test_selects_the_first_slot() {
    let mut device = device(&ALL, ERASED);
    device.config.rollback = false;
    let test = place(&ALL, Test);
    device.ota().set_boot_partition(&test).unwrap();
    assert_eq!(device.ram.entries()[0], entry(1, OtaState::UNDEFINED));
}

#[test]
fn set_boot_says_so_when_the_sequence_numbers_are_used_up() {
    let entries = [entry(0xFFFF_FFFE, OtaState::VALID), Entry::ERASED];
    let mut device = device(&[Slotted(0), Slotted(1)], entries);
    let other = place(&[Slotted(0), Slotted(1)], Slotted(0));
    let error = device.ota().set_boot_partition(&other);
    assert!(matches!(
        error,
        Err(OtaError::Next(NextError::Exhausted { .. }))
    ));
    assert!(device.ram.ops.is_empty());
}

#[test]
fn an_image_that_is_too_old_is_erased_instead_of_booted() {
    let mut device = device(&ALL, ERASED);
    device.config.anti_rollback = true;
    device.secure_version = 1;
    let at = slot(1).offset;
    let error = code(device.ota().set_boot_partition(&slot(1)));
    assert_eq!(error, EspErr::OTA_SMALL_SEC_VER);
    assert_eq!(device.ram.ops, [erase(at, SLOT_SIZE)]);
    let error = code(device.ota().set_boot_partition_skip_validate(&slot(1)));
    assert_eq!(error, EspErr::NOT_FOUND);
}
