//! The parsers on damaged bytes: a few thousand of each kind here, a hundred thousand of the boot as a whole and
//! of the readers of an image; `fuzz/` has the tens of millions.

mod boots;
mod checks;
mod damage;
mod readers;
mod seeds;

use damage::{Draw, damage};
use proptest::prelude::*;

/// Damages one of the seeds and hands it over.
fn on_damaged(seeds: &[Vec<u8>], draw: u64, check: fn(&[u8])) {
    let mut draw = Draw::new(draw);
    let mut bytes = Vec::new();
    let seed = &seeds[draw.below(seeds.len())];
    damage(&mut draw, seed, &mut bytes);
    check(&bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_table_is_read_or_refused(draw: u64) {
        on_damaged(&[seeds::table().to_vec()], draw, checks::table);
    }

    #[test]
    fn any_otadata_has_an_active_entry_or_none(draw: u64) {
        on_damaged(&[seeds::otadata()], draw, checks::otadata);
    }

    #[test]
    fn any_image_verifies_or_is_refused(draw: u64) {
        on_damaged(&[seeds::image(100), seeds::image(2000)], draw, checks::image);
    }

    #[test]
    fn any_signature_block_is_one_or_refused(draw: u64) {
        on_damaged(&seeds::signatures(), draw, checks::signature);
    }
}

/// Its seeds are lives, and made once.
#[test]
fn any_record_log_is_put_in_order_and_then_is() {
    let seeds = seeds::record_logs();
    for draw in 0..4000 {
        on_damaged(&seeds, draw, checks::record_log);
    }
}

/// Executions of the boot, and of the readers of an image.
const MANY: u64 = 100_000;

#[test]
fn any_flash_boots_or_not_and_the_next_boot_finds_what_it_needs() {
    let seeds = boots::flashes();
    for draw in 0..MANY {
        on_damaged(&seeds, draw, boots::boot);
    }
}

#[test]
fn every_reader_of_an_image_says_the_same() {
    let seeds = readers::images();
    for draw in 0..MANY {
        on_damaged(&seeds, draw, readers::readers);
    }
}

#[test]
fn the_seeds_are_accepted() {
    let table = seeds::table();
    assert!(ota_core::PartitionTable::for_bootloader(&table, seeds::FLASH_SIZE).is_ok());
    assert_eq!(seeds::record_logs().len(), 12);
    assert!(boots::flashes().iter().all(|flash| boots::runs(flash)));
    let images = readers::images();
    for (number, image) in images.iter().enumerate() {
        assert!(readers::is_accepted(image), "{number}");
    }
    for seed in seeds::signatures() {
        checks::signature(&seed);
    }
}
