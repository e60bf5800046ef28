//! What is said of a part of a flash is what is said of all of it, or that it cannot be told.

use ota_core::chip::{CHIPS, ESP32};
use ota_core::otadata::{Entry, OtaState};
use proptest::prelude::*;

use crate::device::{App, DEFAULT_CSV, FACTORY_CSV, Flash, bootloader};
use fault_tests::inspect::{BootView, ChipSource, InspectOptions, dump};

/// What a boot comes to.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Runs(String),
    Nothing,
    CannotTell,
}

fn end(boot: &BootView) -> End {
    match (&boot.no_bootloader, &boot.cannot_tell, &boot.boots) {
        (None, Some(_), _) => End::CannotTell,
        (None, None, Some(slot)) => End::Runs(slot.clone()),
        _ => End::Nothing,
    }
}

fn entry() -> impl Strategy<Value = Option<Entry>> {
    let state = prop::sample::select(vec![0_u32, 1, 2, 3, 4, u32::MAX, 77]);
    let crc = prop_oneof![4 => Just(0), 1 => any::<u32>()];
    let whole = (0..6_u32, state, crc).prop_map(|(seq, state, flip)| {
        let entry = Entry::new(seq, OtaState(state));
        Some(Entry {
            crc: entry.crc ^ flip,
            ..entry
        })
    });
    prop_oneof![1 => Just(None), 4 => whole]
}

/// What lies in a slot.
fn content() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0_u8), 4 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_part_is_judged_as_the_whole_or_not_at_all(
        chip in prop::sample::select(CHIPS),
        csv in prop::sample::select(vec![
            DEFAULT_CSV,
            FACTORY_CSV,
            "otadata,data,ota,0xe000,0x2000\nota_0,app,ota_0,0x10000,1M\nota_2,app,ota_2,0x110000,1M\n",
            "otadata,data,ota,0xe000,0x2000\na,app,ota_0,0x10000,1M\nb,app,ota_0,0x110000,1M\nt,app,test,0x210000,1M\n",
            "ota_0,app,ota_0,0x10000,1M\nota_1,app,ota_1,0x110000,1M\n",
        ]),
        entries in [entry(), entry()],
        contents in [content(), content(), content()],
        broken in prop::option::of(0..0x2000_usize),
        window in (
            prop_oneof![3 => Just(0_usize), 1 => Just(0x1000_usize), 1 => Just(0x8000_usize), 1 => 0..0x2000_usize],
            prop_oneof![1 => 0x7000..0x1_4000_usize, 3 => 0x1_0000..0x21_4000_usize],
        ),
    ) {
        let mut flash = Flash::new(chip, 4, csv);
        let rows: Vec<u32> = { csv.lines() }
            .filter(|line| line.contains("app,"))
            .filter_map(|line| {
                let offset = line.split(',').nth(3)?.trim();
                u32::from_str_radix(offset.strip_prefix("0x")?, 16).ok()
            })
            .collect();
        for (at, content) in rows.iter().zip(contents) {
            let app = App::new(chip, "1.0").bytes();
            flash = match content {
                0 => flash,
                1 => flash.put(*at, &app),
                2 => flash.put(*at, &app[..0x1000]),
                3 => flash.put(*at, &App::new(&ESP32, "9.0").bytes()),
                _ => flash.put(*at, &bootloader(chip, 4)),
            };
        }
        if csv.contains("data,ota") || csv.contains("data, ota") {
            for (index, entry) in (0..).zip(entries) {
                if let Some(entry) = entry {
                    flash = flash.entry(index, entry);
                }
            }
        }
        if let Some(at) = broken {
            flash.0[chip.bootloader_offset as usize + at] ^= 0x10;
        }
        let whole = dump(&flash.0, &InspectOptions::default());
        let (from, length) = window;
        let part = &flash.0[from..(from + length).min(flash.0.len())];
        let options = InspectOptions {
            from: Some(u32::try_from(from).expect("a flash address")),
            ..InspectOptions::default()
        };
        let part = dump(part, &options);
        // Of a bootloader that is not there nothing is known but that it is taken for granted.
        let granted = |boot: &BootView| {
            boot.provided.iter().any(|provided| provided.contains("bootloader"))
        };
        // Without the bootloader an image says which chip it is, and may be for another; that is said as well.
        if part.chip != whole.chip && part.chip_source == ChipSource::Image {
            let said = part.boots.iter().all(|boot| {
                boot.boots.is_none() || boot.provided.iter().any(|it| it.starts_with("the chip is"))
            });
            prop_assert!(said, "not said");
            return Ok(());
        }
        for (whole, part) in whole.boots.iter().zip(&part.boots) {
            // One that is damaged in the part that is missing is taken for granted as well.
            if end(part) == End::CannotTell || whole.no_bootloader.is_some() && granted(part) {
                continue;
            }
            prop_assert_eq!(end(part), end(whole), "{:?}\n{:?}", part, whole);
        }
    }
}
