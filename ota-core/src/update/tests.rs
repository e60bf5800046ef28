//! Updates on a RAM flash.
extern crate std;

mod begin;
mod confirm;
mod end;
mod odd;
mod query;
mod steps;
mod switch;
mod write;

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
