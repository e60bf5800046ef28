//! The two readers against hand-made tables, and the laws that hold for any.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
extern crate std;

use proptest::prelude::*;
use std::vec::Vec;

use super::*;
use crate::partition::{Label, emit_table};

const FLASH: u32 = 4 << 20;

fn partition(kind: Type, subtype: SubType, offset: u32, size: u32) -> Partition {
    let label = Label::truncated("p");
    Partition {
        kind,
        subtype,
        offset,
        size,
        label,
        flags: 0,
    }
}

fn two_slots() -> Vec<Partition> {
    std::vec![
        partition(Type::DATA, SubType::OTA, 0xd000, 0x2000),
        partition(Type::APP, SubType::ota(0), 0x10000, 0x10_0000),
        partition(Type::APP, SubType::ota(1), 0x11_0000, 0x10_0000),
    ]
}

fn bytes(partitions: &[Partition], md5: bool) -> [u8; TABLE_LEN] {
    let mut out = [0; TABLE_LEN];
    emit_table(partitions.iter().copied(), md5, &mut out).unwrap();
    out
}

#[test]
fn both_readers_see_the_same_good_table() {
    let table = bytes(&two_slots(), true);
    let boot = PartitionTable::for_bootloader(&table, FLASH).unwrap();
    let app = PartitionTable::for_application(&table, true).unwrap();
    assert!(boot.iter().eq(app.iter()) && boot.iter().eq(two_slots()));
    assert_eq!(
        (boot.len(), boot.ota_count(), boot.boot_ota_count()),
        (3, 2, 2)
    );
    assert_eq!(boot.otadata().unwrap().offset, 0xd000);
}

#[test]
fn what_the_bootloader_reads_is_encrypted_whatever_its_row_says() {
    let always = [
        (Type::APP, SubType::ota(3)),
        (Type::BOOTLOADER, SubType::STAGED),
        (Type::PARTITION_TABLE, SubType::PRIMARY),
        (Type::DATA, SubType::OTA),
        (Type::DATA, SubType::TEE_OTA),
        (Type::DATA, SubType::NVS_KEYS),
    ];
    for (kind, subtype) in always {
        let plain = partition(kind, subtype, 0, 0);
        assert!(plain.encrypted_with(true) && !plain.encrypted_with(false));
    }
    for kind in [Type::DATA, Type(0x40)] {
        let plain = partition(kind, SubType::NVS, 0, 0);
        let flagged = Partition { flags: 1, ..plain };
        assert!(!plain.encrypted_with(true) && flagged.encrypted_with(true));
        assert!(!flagged.encrypted_with(false));
    }
}

#[test]
fn only_the_application_insists_on_the_md5_row() {
    let table = bytes(&two_slots(), false);
    assert_eq!(
        PartitionTable::for_bootloader(&table, FLASH).unwrap().len(),
        3
    );
    assert_eq!(
        PartitionTable::for_application(&table, false)
            .unwrap()
            .len(),
        3
    );
    let refused = PartitionTable::for_application(&table, true).unwrap_err();
    assert_eq!(refused.esp_err(), EspErr::NOT_FOUND);
}

#[test]
fn of_two_rows_for_one_slot_the_bootloader_takes_the_last_and_the_application_the_first() {
    let mut rows = two_slots();
    rows.push(partition(Type::APP, SubType::ota(1), 0x21_0000, 0x10_0000));
    let table = bytes(&rows, true);
    let boot = PartitionTable::for_bootloader(&table, FLASH).unwrap();
    let app = PartitionTable::for_application(&table, true).unwrap();
    assert_eq!(boot.slot(Slot::Ota(1)).unwrap().offset, 0x21_0000);
    assert_eq!(app.slot(Slot::Ota(1)).unwrap().offset, 0x11_0000);
    assert_eq!((app.ota_count(), boot.boot_ota_count()), (2, 3));
}

#[test]
fn rows_after_the_md5_row_push_the_last_partition_out_of_the_bootloaders_count() {
    let mut table = bytes(&two_slots(), true);
    let extra = partition(Type::APP, SubType::TEST, 0x31_0000, 0x1000);
    table[4 * ROW_LEN..5 * ROW_LEN].copy_from_slice(&extra.emit());
    let boot = PartitionTable::for_bootloader(&table, FLASH).unwrap();
    assert_eq!(boot.len(), 4);
    assert_eq!(
        boot.iter().last().unwrap().kind,
        Type::END,
        "the MD5 row itself"
    );
    assert_eq!(boot.slot(Slot::Test), None);
}

#[test]
fn the_terminator_needs_four_erased_bytes_and_no_more() {
    let mut table = bytes(&two_slots(), true);
    table[4 * ROW_LEN + 4..5 * ROW_LEN].fill(0);
    assert_eq!(
        PartitionTable::for_bootloader(&table, FLASH).unwrap().len(),
        3
    );
    table[4 * ROW_LEN + 3] = 0xFE;
    let refused = PartitionTable::for_bootloader(&table, FLASH).unwrap_err();
    assert_eq!(
        refused,
        TableError::Magic {
            row: 4,
            found: [0xFF, 0xFF]
        }
    );
}

#[test]
fn an_erased_table_is_not_an_empty_one() {
    let erased = [0xFF; TABLE_LEN];
    assert_eq!(
        PartitionTable::for_bootloader(&erased, FLASH),
        Err(TableError::Empty)
    );
    assert!(
        PartitionTable::for_application(&erased, false)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_md5_row_can_come_first() {
    let table = bytes(&[], true);
    assert_eq!(
        PartitionTable::for_bootloader(&table, FLASH).unwrap().len(),
        0
    );
    assert_eq!(
        PartitionTable::for_application(&table, true).unwrap().len(),
        0
    );
}

#[test]
fn a_second_md5_row_is_refused_even_if_it_matches() {
    let mut table = bytes(&two_slots(), true);
    table.copy_within(3 * ROW_LEN..4 * ROW_LEN, 4 * ROW_LEN);
    let refused = PartitionTable::for_bootloader(&table, FLASH).unwrap_err();
    assert_eq!(refused, TableError::SecondMd5 { row: 4 });
}

#[test]
fn a_table_must_end_within_96_rows() {
    let row = partition(Type::DATA, SubType::NVS, 0, 0).emit();
    let full = row.repeat(96);
    let refused = PartitionTable::for_bootloader(&full, FLASH).unwrap_err();
    assert_eq!(refused, TableError::Unterminated { rows: 96 });
    assert_eq!(
        PartitionTable::for_application(&full, false).unwrap().len(),
        96
    );
}

#[test]
fn a_partition_may_end_where_the_flash_ends() {
    let fits = |offset, size| {
        let rows = [partition(Type::DATA, SubType::NVS, offset, size)];
        PartitionTable::for_bootloader(&bytes(&rows, true), FLASH).is_ok()
    };
    assert!(fits(FLASH - 0x1000, 0x1000) && fits(FLASH, 0));
    assert!(!fits(FLASH - 0x1000, 0x1001) && !fits(FLASH + 1, 0) && !fits(1, u32::MAX));
}

#[test]
fn the_tools_limits_are_94_and_95() {
    let one = partition(Type::DATA, SubType::NVS, 0, 0);
    let mut out = [0; TABLE_LEN];
    for (md5, limit) in [(true, 94), (false, 95)] {
        assert_eq!(
            emit_table(std::iter::repeat_n(one, limit), md5, &mut out),
            Ok(limit)
        );
        assert_eq!(
            PartitionTable::for_bootloader(&out, FLASH).unwrap().len(),
            limit
        );
        assert!(emit_table(std::iter::repeat_n(one, limit + 1), md5, &mut out).is_err());
    }
}

#[test]
fn sixteen_slots_and_a_test_partition_are_counted_without_harm() {
    let slots = (0..16).map(SubType::ota).chain([SubType::TEST]);
    let rows: Vec<_> = slots.map(|s| partition(Type::APP, s, 0, 0)).collect();
    let table = bytes(&rows, true);
    assert_eq!(
        PartitionTable::for_application(&table, true)
            .unwrap()
            .ota_count(),
        16
    );
}

prop_compose! {
    fn any_partition()(kind: u8, subtype: u8, offset: u32, size: u32, label: [u8; 16], flags: u32)
        -> Partition
    {
        Partition {
            kind: Type(kind), subtype: SubType(subtype), offset, size, label: Label(label), flags,
        }
    }
}

proptest! {
    #[test]
    fn a_row_is_read_back_as_it_was_written(p in any_partition()) {
        prop_assert_eq!(Partition::parse(&p.emit()), Ok(p));
    }

    #[test]
    fn a_row_is_written_back_as_it_was_read(mut row: [u8; ROW_LEN]) {
        row[..2].copy_from_slice(&MAGIC);
        prop_assert_eq!(Partition::parse(&row).unwrap().emit(), row);
    }

    #[test]
    fn a_table_is_read_back_as_it_was_written(
        rows in prop::collection::vec(any_partition(), 0..=94), md5: bool,
    ) {
        let table = bytes(&rows, md5);
        let app = PartitionTable::for_application(&table, md5).unwrap();
        prop_assert!(app.iter().eq(rows.iter().copied()));
        let inside = rows.iter().all(|p| u32::try_from(p.region().end()).is_ok());
        let boot = PartitionTable::for_bootloader(&table, u32::MAX);
        prop_assert_eq!(boot.is_ok(), inside && (md5 || !rows.is_empty()));
    }

    #[test]
    fn any_flipped_byte_under_the_md5_is_noticed(at in 0usize..4 * ROW_LEN, xor in 1u8..) {
        // Bytes 2 to 15 of the MD5 row are filler.
        prop_assume!(!(3 * ROW_LEN + 2..3 * ROW_LEN + 16).contains(&at));
        let mut table = bytes(&two_slots(), true);
        table[at] ^= xor;
        prop_assert!(PartitionTable::for_bootloader(&table, u32::MAX).is_err());
        prop_assert!(PartitionTable::for_application(&table, true).is_err());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        rows in prop::collection::vec((0u8..5, any::<[u8; ROW_LEN]>()), 0..140),
        cut in 0usize..32, flash_size: u32, md5: bool,
    ) {
        let mut table: Vec<u8> = Vec::new();
        for (choice, mut row) in rows {
            match choice {
                0 | 1 => row[..2].copy_from_slice(&MAGIC),
                2 => row[..2].copy_from_slice(&MD5_MAGIC),
                3 => row[..4].fill(0xFF),
                _ => {}
            }
            table.extend(row);
        }
        table.truncate(table.len().saturating_sub(cut));
        let views = [
            PartitionTable::for_bootloader(&table, flash_size).ok(),
            PartitionTable::for_application(&table, md5).ok(),
        ];
        for view in views.into_iter().flatten() {
            prop_assert_eq!(view.iter().count(), view.len());
            prop_assert!(view.ota_count() <= 16);
            let _ = (view.otadata(), view.slot(Slot::Factory), view.boot_ota_count());
        }
    }
}
