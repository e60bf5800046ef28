//! What `inspect` says of a flash dump.

use fault_tests::inspect::{InspectOptions, Inspection, dump};
use ota_core::otadata::{Entry, OtaState};
use proptest::collection::vec;
use proptest::prelude::*;

const FLASH: usize = 4 << 20;
/// Where `v02_two_ota` has its partitions.
const OTADATA: usize = 0xD000;
const FACTORY: usize = 0x1_0000;
const OTA_0: usize = 0x11_0000;
const OTA_1: usize = 0x21_0000;

/// A 4 MiB dump with a bootloader, the table `v02_two_ota`, and an image in factory and in `ota_0`.
fn fresh() -> Vec<u8> {
    let mut flash = vec![0xFF; FLASH];
    put(&mut flash, 0, corpus::image("c3_min").unwrap().bytes);
    let table = corpus::table("v02_two_ota").unwrap();
    put(&mut flash, 0x8000, table.binary().unwrap());
    put(&mut flash, FACTORY, corpus::image("c3_64k").unwrap().bytes);
    put(&mut flash, OTA_0, corpus::image("c3_4k_v2").unwrap().bytes);
    flash
}

/// The same after an update to `ota_0` that was confirmed.
fn updated() -> Vec<u8> {
    let mut flash = fresh();
    put_entry(&mut flash, 0, Entry::new(1, OtaState::VALID));
    flash
}

fn put(flash: &mut [u8], at: usize, bytes: &[u8]) {
    flash[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_entry(flash: &mut [u8], index: usize, entry: Entry) {
    put(flash, OTADATA + index * 0x1000, &entry.emit());
}

fn inspect(flash: &[u8]) -> Inspection {
    dump(flash, &InspectOptions::default())
}

#[test]
fn a_fresh_device_boots_factory() {
    insta::assert_snapshot!(inspect(&fresh()));
}

#[test]
fn an_updated_device_boots_the_update() {
    insta::assert_snapshot!(inspect(&updated()));
}

#[test]
fn an_update_that_was_not_confirmed_is_aborted_with_rollback() {
    let mut flash = updated();
    put(&mut flash, OTA_1, corpus::image("c3_16k").unwrap().bytes);
    put_entry(&mut flash, 1, Entry::new(2, OtaState::PENDING_VERIFY));
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn an_aborted_entry_does_not_select() {
    let mut flash = updated();
    put_entry(&mut flash, 1, Entry::new(2, OtaState::ABORTED));
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn a_program_cut_after_24_bytes_is_recognised() {
    let mut flash = updated();
    let whole = Entry::new(2, OtaState::NEW).emit();
    put(&mut flash, OTADATA + 0x1000, &whole[..24]);
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn a_torn_entry_says_which_bytes_are_wrong() {
    let mut texts = String::new();
    let whole = Entry::new(2, OtaState::NEW).emit();
    let mut without_seq = whole;
    without_seq[..4].fill(0xFF);
    let mut state_lost = whole;
    state_lost[24..28].fill(0xFF);
    let mut bits_missing = whole;
    bits_missing[0] |= 0x04;
    bits_missing[29] |= 0x80;
    let mut crc_wrong = whole;
    crc_wrong[28] ^= 0x40;
    let mut erase_cut = whole;
    for byte in &mut erase_cut {
        *byte |= 0x5A;
    }
    for (name, bytes) in [
        ("seq erased", without_seq),
        ("state erased", state_lost),
        ("two bits not programmed", bits_missing),
        ("a wrong bit in the crc", crc_wrong),
        ("an erase half done", erase_cut),
        ("zeros", [0; 32]),
        ("text", *b"this is no entry, it is a string"),
    ] {
        use std::fmt::Write as _;

        let mut flash = updated();
        put(&mut flash, OTADATA + 0x1000, &bytes);
        let otadata = inspect(&flash).otadata.unwrap();
        writeln!(texts, "{name}:\n  {}\n", otadata.entries[1]).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn a_damaged_image_is_named_with_its_first_fault() {
    let mut flash = updated();
    flash[OTA_0 + 0x900] ^= 1;
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn a_dump_without_a_table_says_so() {
    let mut flash = fresh();
    flash[0x8000..0x9000].fill(0xFF);
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn a_table_at_another_offset_is_found() {
    let mut flash = vec![0xFF; FLASH];
    let table = corpus::table("v11_offset_0x10000").unwrap();
    put(&mut flash, 0x1_0000, table.binary().unwrap());
    put(&mut flash, 0x2_0000, corpus::image("s3_4k").unwrap().bytes);
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn garbage_says_what_is_missing() {
    let garbage: Vec<u8> = (0..100_000_u32)
        .map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes()[0])
        .collect();
    insta::assert_snapshot!(inspect(&garbage));
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    insta::assert_snapshot!(inspect(&[]));
}

#[test]
fn a_dump_that_ends_early_says_what_it_lacks() {
    let mut flash = updated();
    flash.truncate(OTA_0 + 0x800);
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn a_damaged_table_is_shown_and_refused() {
    let mut flash = updated();
    flash[0x8000 + 32 + 8] ^= 0x10;
    insta::assert_snapshot!(inspect(&flash));
}

#[test]
fn one_setting_of_rollback_can_be_asked_for() {
    let options = InspectOptions {
        rollback: Some(false),
        ..InspectOptions::default()
    };
    let inspection = dump(&updated(), &options);
    assert_eq!(inspection.boots.len(), 1);
    assert!(!inspection.boots[0].rollback);
}

#[test]
fn an_inspection_is_json_too() {
    let mut flash = updated();
    let whole = Entry::new(2, OtaState::NEW).emit();
    put(&mut flash, OTADATA + 0x1000, &whole[..24]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&inspect(&flash)).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_dumps_never_make_it_panic(bytes in vec(any::<u8>(), 0..70_000), offset: Option<u32>) {
        let options = InspectOptions { table_offset: offset, ..InspectOptions::default() };
        let _ = dump(&bytes, &options).to_string();
    }

    #[test]
    fn mutated_dumps_never_make_it_panic(
        table in prop::sample::select(corpus::TABLES.iter().filter_map(corpus::Table::binary).collect::<Vec<_>>()),
        entries in vec(any::<[u8; 32]>(), 2),
        changes in vec((prop_oneof![0x8000..0x8C00_usize, 0xD000..0xE020_usize, 0..0x10_0000_usize], any::<u8>()), 0..40),
        length in prop_oneof![Just(0x12_0000), 0..0x12_0000_usize],
    ) {
        let mut flash = vec![0xFF; 0x12_0000];
        put(&mut flash, 0, corpus::image("c3_min").unwrap().bytes);
        put(&mut flash, 0x8000, table);
        put(&mut flash, 0xD000, &entries[0]);
        put(&mut flash, 0xE000, &entries[1]);
        put(&mut flash, FACTORY, corpus::image("c3_4k").unwrap().bytes);
        put(&mut flash, OTA_0, corpus::image("c3_16k").unwrap().bytes);
        for (at, byte) in changes {
            flash[at] = byte;
        }
        flash.truncate(length);
        let _ = inspect(&flash).to_string();
    }
}
