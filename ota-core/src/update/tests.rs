//! Updates on a RAM flash.
extern crate std;

mod odd;

use embedded_storage::nor_flash::NorFlashErrorKind;
use proptest::prelude::*;
use std::vec::Vec;

use super::*;
use crate::chip;
use crate::efuse::Unary;
use crate::error::EspErr;
use crate::otadata::{NextError, OtaState};
use crate::partition::Slot::{Factory, Ota as Slotted, Test};
use crate::partition::{ROW_LEN, TABLE_LEN, emit_table};
use crate::ram::{FirstByte, OTADATA, Op, Ram, SIZE, SLOT_SIZE, entry, partitions, place, row};

const ALL: [Slot; 5] = [Factory, Slotted(0), Slotted(1), Slotted(2), Test];
const ERASED: [Entry; 2] = [Entry::ERASED; 2];

type Result<T> = core::result::Result<T, OtaError<NorFlashErrorKind>>;
type Updater<'a> = Ota<'a, &'a mut Ram, FirstByte, Unary, 2>;

struct Device {
    ram: Ram,
    table: [u8; TABLE_LEN],
    rows: Vec<Partition>,
    running: Partition,
    config: AppConfig,
    secure_version: u32,
}

/// A device with these slots, all whole, that runs from the first; with rollback.
fn device(slots: &[Slot], entries: [Entry; 2]) -> Device {
    let mut ram = Ram::with_slots(slots);
    for slot in slots {
        ram.put_image(&place(slots, *slot), 0);
    }
    ram.put_entry(0, entries[0]);
    ram.put_entry(1, entries[1]);
    Device {
        table: ram.table(),
        ram,
        rows: partitions(slots),
        running: place(slots, slots[0]),
        config: AppConfig {
            rollback: true,
            ..AppConfig::new(Target::new(&chip::ESP32C3), SIZE)
        },
        secure_version: 0,
    }
}

impl Device {
    fn ota(&mut self) -> Updater<'_> {
        let table = PartitionTable::for_application(&self.table, true).unwrap();
        let efuse = Unary::with_version(self.secure_version, 16);
        Ota::new(
            &mut self.ram,
            FirstByte,
            efuse,
            table,
            self.running,
            self.config,
        )
    }

    /// Adds rows to the table.
    fn with_rows(mut self, rows: &[Partition]) -> Self {
        self.rows.extend(rows);
        emit_table(self.rows.iter().copied(), true, &mut self.table).unwrap();
        self
    }
}

fn code<T: core::fmt::Debug>(result: Result<T>) -> EspErr {
    result.unwrap_err().esp_err()
}

fn erase(from: u32, len: u32) -> Op {
    Op::Erase {
        from,
        to: from + len,
    }
}

fn program(at: u32, len: usize) -> Op {
    Op::Program { at, len }
}

fn slot(n: u8) -> Partition {
    place(&ALL, Slotted(n))
}

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

#[test]
fn the_selection_is_reported_even_if_it_cannot_boot() {
    let mut device = device(&ALL, [entry(3, OtaState::VALID), Entry::ERASED]);
    device.ram.put(slot(2).offset, &[0]);
    assert_eq!(device.ota().boot_partition(), Ok(Some(slot(2))));
    let mut blank = self::device(&ALL, ERASED);
    let factory = place(&ALL, Factory);
    assert_eq!(blank.ota().boot_partition(), Ok(Some(factory)));
    let slots = [Slotted(3), Test];
    let mut gap = self::device(&slots, [entry(1, OtaState::VALID), Entry::ERASED]);
    assert_eq!(
        gap.ota().boot_partition(),
        Ok(Some(place(&slots, Slotted(3))))
    );
}

#[test]
fn the_next_slot_to_update_goes_round() {
    let mut device = device(&ALL, ERASED);
    let ota = device.ota();
    assert_eq!(ota.next_update_partition(None), Some(slot(0)));
    for (from, next) in [(0, 1), (1, 2), (2, 0)] {
        assert_eq!(
            ota.next_update_partition(Some(&slot(from))),
            Some(slot(next))
        );
    }
    let mut stranger = slot(1);
    stranger.size = 1;
    assert_eq!(ota.next_update_partition(Some(&stranger)), None);
    let one = [Slotted(4)];
    let mut single = self::device(&one, ERASED);
    let only = place(&one, Slotted(4));
    assert_eq!(single.ota().next_update_partition(None), Some(only));
    let mut none = self::device(&[Factory], ERASED);
    assert_eq!(none.ota().next_update_partition(None), None);
}

/// The caller names the running partition by its place; were its label compared, the next slot
/// would be the first, which may be the very one that runs.
#[test]
fn the_running_slot_is_known_by_its_place_and_never_its_own_successor() {
    let mut device = device(&ALL, ERASED);
    device.running = slot(0);
    device.running.label = "app".try_into().unwrap();
    device.running.flags = 1;
    assert_eq!(device.ota().next_update_partition(None), Some(slot(1)));
}

#[test]
fn on_an_encrypted_flash_a_partition_that_is_not_is_another_one() {
    let plain = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    let encrypted = Partition { flags: 1, ..plain };
    for (encrypting, expected) in [(false, None), (true, Some(EspErr::NOT_FOUND))] {
        let mut device = device(&ALL, ERASED).with_rows(&[plain]);
        device.config.flash_encryption = encrypting;
        let opened = device.ota().begin(&encrypted, ImageSize::Sequential);
        assert_eq!(opened.err().map(|error| error.esp_err()), expected);
    }
    // Apps are always encrypted, whatever their row says.
    let mut device = device(&ALL, ERASED);
    device.config.flash_encryption = true;
    let flagged = Partition {
        flags: 1,
        ..slot(1)
    };
    assert!(device.ota().begin(&flagged, ImageSize::Sequential).is_ok());
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

#[test]
fn descriptions_are_checked_for_kind_range_and_magic() {
    let short = row(Type::APP, SubType::TEST, 0xE_0000, 31);
    let shorter = row(Type::APP, SubType::TEST, 0xE_0000, 287);
    let mut device = device(&ALL, ERASED);
    device.ram.bytes[slot(1).offset as usize + 32] ^= 1;
    device.ram.bytes[32] = 80;
    let mut ota = device.ota();
    let otadata = partitions(&ALL)[0];
    for (partition, expected) in [
        (otadata, EspErr::NOT_SUPPORTED),
        (short, EspErr::INVALID_ARG),
        (shorter, EspErr::INVALID_SIZE),
        (slot(1), EspErr::NOT_FOUND),
    ] {
        assert_eq!(code(ota.partition_description(&partition)), expected);
    }
    ota.bootloader_description(None).unwrap();
    assert_eq!(
        code(ota.bootloader_description(Some(&slot(1)))),
        EspErr::NOT_FOUND
    );
}

#[test]
fn an_image_for_another_device_is_refused_before_the_download() {
    use crate::image::header::LEN;
    let mut device = device(&ALL, ERASED);
    device.config.target = device.config.target.with_revisions(101, 0);
    let spi_mode_at = place(&ALL, Factory).offset as usize + 32 + 181;
    device.ram.bytes[spi_mode_at] = 2;
    let mut ota = device.ota();
    let mut record = [0; LEN];
    record[0] = 0xE9;
    let mut header = crate::image::Header::parse(&record).unwrap();
    let running = ota.running_partition();
    let mut desc = ota.partition_description(&running).unwrap();
    let mut check = |header: &_, desc: &_| {
        ota.check_image_validity(Type::APP, header, Some(desc))
            .map_err(|e| e.esp_err())
    };
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.chip_id = 5;
    assert_eq!(check(&header, &desc), Ok(()));
    header.min_revision = 102;
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.min_revision = 0;
    header.max_revision = 100;
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.max_revision = 0xFFFF;
    desc.spi_flash_mode = 1;
    assert_eq!(check(&header, &desc), Err(EspErr::OTA_SPI_MODE_MISMATCH));
    desc.spi_flash_mode = 0;
    assert_eq!(check(&header, &desc), Ok(()));
}

/// One update, from the download to the confirmation; stops at the first error.
fn update(ota: &mut Updater<'_>) -> Result<()> {
    let handle = ota.begin(&slot(1), ImageSize::Known(600))?;
    ota.write(handle, &[0xE9; 300])?;
    ota.write(handle, &[0xFF; 300])?;
    ota.end(handle)?;
    ota.set_boot_partition(&slot(1))?;
    ota.mark_app_valid_cancel_rollback()?;
    ota.erase_last_boot_app_partition()
}

#[test]
fn nothing_is_done_to_the_flash_after_it_failed() {
    let entries = [entry(1, OtaState::VALID), entry(3, OtaState::VALID)];
    let healthy = {
        let mut device = device(&ALL, entries);
        update(&mut device.ota()).unwrap();
        device.ram.ops.len()
    };
    for power in 0..healthy {
        let mut device = device(&ALL, entries);
        device.ram.power = power;
        let error = code(update(&mut device.ota()));
        assert_eq!(error, EspErr::FLASH_OP_FAIL, "after {power}");
        // begin() ignores what comes of the invalidation, its second operation; the next write
        // meets the dead flash.
        let ignored = usize::from(power == 1);
        assert_eq!(device.ram.after_failure, ignored, "after {power}");
        assert_eq!(device.ram.ops.len(), power);
    }
}

#[test]
fn the_costs_of_an_update_in_operations_and_reads() {
    let mut device = device(&ALL, [entry(1, OtaState::VALID), Entry::ERASED]);
    device.ota().set_boot_partition(&slot(1)).unwrap();
    assert_eq!((device.ram.ops.len(), device.ram.reads), (2, 3));
    device.ota().mark_app_valid_cancel_rollback().unwrap();
    assert_eq!((device.ram.ops.len(), device.ram.reads), (4, 5));
}

proptest! {
    /// Row by row from flash, or all at once from RAM: the same answer.
    #[test]
    fn a_staged_table_is_judged_as_the_bootloader_would(
        at in 0usize..6 * ROW_LEN, byte: u8, md5: bool, copies in 0usize..3,
    ) {
        let staged = row(Type::PARTITION_TABLE, SubType::STAGED, 0xE_0000, 0x1000);
        let mut device = device(&ALL, ERASED);
        let mut table = [0; TABLE_LEN];
        emit_table(device.rows.iter().copied(), md5, &mut table).unwrap();
        for copy in 0..copies {
            table.copy_within(6 * ROW_LEN..7 * ROW_LEN, (8 + copy) * ROW_LEN);
        }
        table[at] = byte;
        device.ram.put(staged.offset, &table);
        let direct = PartitionTable::for_bootloader(&table, SIZE).map(|_| ());
        let staged = table_check::check(&mut &mut device.ram, &staged, SIZE);
        prop_assert_eq!(staged, direct.map_err(OtaError::Table));
    }

    /// No otadata makes a call panic or write more than one entry.
    #[test]
    fn any_otadata_is_worth_an_answer(a: [u8; 32], b: [u8; 32], seqs: [u32; 2], call in 0u8..8) {
        let mut entries = [Entry::parse(&a), Entry::parse(&b)];
        for (entry, seq) in entries.iter_mut().zip(seqs) {
            if seq % 4 != 0 {
                *entry = Entry { label: entry.label, ..Entry::new(seq >> (seq % 32), OtaState(seq % 7)) };
            }
        }
        let mut device = device(&ALL, entries);
        let mut ota = device.ota();
        let _ = match call {
            0 => ota.set_boot_partition(&slot(1)),
            1 => ota.mark_app_valid_cancel_rollback(),
            2 => ota.mark_app_invalid_rollback(),
            3 => ota.invalidate_inactive_otadata_slot(),
            4 => ota.boot_partition().map(|_| ()),
            5 => ota.last_invalid_partition().map(|_| ()),
            6 => ota.check_rollback_is_possible().map(|_| ()),
            _ => ota.state_partition(&slot(2)).map(|_| ()),
        };
        prop_assert!(device.ram.ops.len() <= 2 && device.ram.reads <= 5);
    }
}
