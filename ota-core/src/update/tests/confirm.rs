//! Confirming and refusing the image that runs.

use super::*;

#[test]
fn confirming_rewrites_the_active_entry_once() {
    let mut device = device(&ALL, [entry(1, OtaState::PENDING_VERIFY), Entry::ERASED]);
    device.ota().mark_app_valid_cancel_rollback().unwrap();
    assert_eq!(
        device.ram.ops,
        [erase(OTADATA, 0x1000), program(OTADATA, 32)]
    );
    assert_eq!(device.ram.entries()[0], entry(1, OtaState::VALID));
    device.ota().mark_app_valid_cancel_rollback().unwrap();
    assert_eq!(device.ram.ops.len(), 2);
}

#[test]
fn a_factory_image_has_nothing_to_confirm() {
    let mut device = device(&ALL, ERASED);
    assert_eq!(
        code(device.ota().mark_app_valid_cancel_rollback()),
        EspErr::FAIL
    );
    assert_eq!(code(device.ota().mark_app_invalid_rollback()), EspErr::FAIL);
    device.table = [0xFF; TABLE_LEN];
    emit_table(device.rows[1..].iter().copied(), true, &mut device.table).unwrap();
    assert_eq!(
        code(device.ota().mark_app_valid_cancel_rollback()),
        EspErr::NOT_FOUND
    );
}

#[test]
fn confirming_raises_the_secure_version_to_that_of_the_running_image() {
    let mut device = device(&ALL, [entry(1, OtaState::NEW), Entry::ERASED]);
    device.config.anti_rollback = true;
    device.ram.put_image(&place(&ALL, Factory), 3);
    let mut ota = device.ota();
    ota.mark_app_valid_cancel_rollback().unwrap();
    assert_eq!(ota.into_parts().2.version(), 3);
    device.ram.put_entry(0, entry(1, OtaState::NEW));
    device.secure_version = 4;
    assert_eq!(
        code(device.ota().mark_app_valid_cancel_rollback()),
        EspErr::FAIL
    );
    assert_eq!(device.ram.entries()[0], entry(1, OtaState::VALID));
}

#[test]
fn going_back_needs_the_other_entry_s_image_or_factory() {
    let active = entry(2, OtaState::PENDING_VERIFY);
    let other = entry(1, OtaState::VALID);
    let possible = |entries, broken: &[Partition], anti| {
        let mut device = device(&ALL, entries);
        device.config.anti_rollback = anti;
        for partition in broken {
            device.ram.put(partition.offset, &[0]);
        }
        device.ota().check_rollback_is_possible().unwrap()
    };
    let factory = place(&ALL, Factory);
    assert!(possible([active, other], &[], false));
    assert!(!possible([active, other], &[slot(0)], false), "not factory");
    assert!(possible([active, Entry::ERASED], &[], false));
    assert!(!possible([active, Entry::ERASED], &[factory], false));
    assert!(!possible([active, Entry::ERASED], &[], true));
    assert!(possible([active, other], &[], true));
    assert!(!possible([Entry::ERASED, Entry::ERASED], &[], false));
}

#[test]
fn an_image_refuses_itself_only_if_there_is_another() {
    let entries = [entry(2, OtaState::VALID), Entry::ERASED];
    let mut device = device(&[Slotted(0), Slotted(1)], entries);
    assert_eq!(
        code(device.ota().mark_app_invalid_rollback()),
        EspErr::OTA_ROLLBACK_FAILED
    );
    device.ram.put_entry(1, entry(1, OtaState::VALID));
    device.ota().mark_app_invalid_rollback().unwrap();
    assert_eq!(device.ram.entries()[0], entry(2, OtaState::INVALID));
}

#[test]
fn the_last_invalid_image_is_the_one_of_the_smaller_number_and_must_be_whole() {
    let entries = [entry(2, OtaState::INVALID), entry(1, OtaState::ABORTED)];
    let mut device = device(&ALL, entries);
    assert_eq!(device.ota().last_invalid_partition(), Ok(Some(slot(0))));
    device.ram.put(slot(0).offset, &[0]);
    assert_eq!(device.ota().last_invalid_partition(), Ok(None));
}

#[test]
fn entry_0_answers_for_a_slot_even_if_it_is_older() {
    let entries = [entry(1, OtaState::INVALID), entry(4, OtaState::VALID)];
    let mut device = device(&ALL, entries);
    let mut ota = device.ota();
    assert_eq!(ota.state_partition(&slot(0)), Ok(OtaState::INVALID));
    assert_eq!(code(ota.state_partition(&slot(1))), EspErr::NOT_FOUND);
    let factory = place(&ALL, Factory);
    assert_eq!(code(ota.state_partition(&factory)), EspErr::NOT_SUPPORTED);
}

#[test]
fn the_entry_of_the_running_slot_is_never_erased() {
    let entries = [entry(2, OtaState::VALID), entry(1, OtaState::VALID)];
    let mut device = device(&ALL, entries);
    device.running = slot(0);
    assert_eq!(
        device.ota().erase_last_boot_app_partition(),
        Err(OtaError::Inactive(Inactive::Running))
    );
    device.running = slot(1);
    device.ota().erase_last_boot_app_partition().unwrap();
    assert_eq!(
        device.ram.ops,
        [
            erase(slot(0).offset, SLOT_SIZE),
            erase(OTADATA + 0x1000, 0x1000)
        ]
    );
}
