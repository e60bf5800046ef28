//! What is said of files that cannot be used.

use std::path::Path;

use fault_tests::input::{Firmware, InputError, TableFile};
use fault_tests::partition_csv::Options;
use ota_core::Slot;
use ota_core::partition::{Label, Partition, SubType, Type};
use proptest::collection::vec;
use proptest::prelude::*;

fn image(name: &str) -> Vec<u8> {
    corpus::image(name).unwrap().bytes.to_vec()
}

fn firmware(name: &str, bytes: Vec<u8>) -> Result<Firmware, InputError> {
    Firmware::new(Path::new(name), bytes)
}

fn table(name: &str, bytes: &[u8]) -> Result<TableFile, InputError> {
    TableFile::new(Path::new(name), bytes, &Options::default())
}

#[test]
fn every_bundled_image_is_accepted() {
    for bundled in corpus::IMAGES {
        let firmware = firmware(bundled.name, bundled.bytes.to_vec()).unwrap();
        assert_eq!(firmware.chip.name, bundled.chip);
        assert_eq!(firmware.image.image_len as usize, bundled.size());
        let desc = firmware.desc.unwrap();
        assert_eq!(desc.secure_version, bundled.secure_version);
        assert_eq!(
            firmware.version().unwrap(),
            format!("oratest {}", bundled.version)
        );
    }
}

#[test]
fn every_bundled_table_is_accepted_in_both_forms() {
    for bundled in corpus::TABLES {
        let Some(binary) = bundled.binary() else {
            continue;
        };
        let from_binary = table(bundled.name, binary).unwrap();
        assert_eq!(from_binary.binary[..], *binary);
        // Tables that need options of their own are tested next to the conversion.
        if bundled.options.is_empty() {
            let from_csv = table(bundled.name, bundled.csv.as_bytes()).unwrap();
            assert_eq!(from_csv.binary, from_binary.binary);
            assert_eq!(from_csv.partitions, from_binary.partitions);
        }
    }
}

#[test]
fn unusable_images_are_explained() {
    let mut truncated = image("c3_16k");
    truncated.truncate(9000);
    let mut damaged = image("c3_16k");
    damaged[5000] ^= 0x10;
    let mut rehashed = image("c3_nodigest");
    rehashed[3000] ^= 0x10;
    let mut unknown_chip = image("c3_4k");
    unknown_chip[12] = 99;
    let mut texts: Vec<String> = [
        ("empty.bin", Vec::new()),
        ("short.bin", image("c3_4k")[..20].to_vec()),
        (
            "readme.txt",
            b"This is not an image, it is a text.\n".to_vec(),
        ),
        (
            "table.bin",
            corpus::table("v02_two_ota")
                .unwrap()
                .binary()
                .unwrap()
                .to_vec(),
        ),
        (
            "app.elf",
            b"\x7FELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xF3\0\x01\0\0\0".to_vec(),
        ),
        ("erased.bin", vec![0xFF; 100]),
        ("zeros.bin", vec![0; 100]),
        ("truncated.bin", truncated),
        ("damaged.bin", damaged),
        ("no_hash.bin", rehashed),
        ("unknown_chip.bin", unknown_chip),
    ]
    .into_iter()
    .map(|(name, bytes)| firmware(name, bytes).unwrap_err().to_string())
    .collect();
    let running = firmware("running.bin", image("c3_4k")).unwrap();
    let other_chip = firmware("update.bin", image("s3_4k")).unwrap();
    texts.push(
        other_chip
            .check_same_chip(&running)
            .unwrap_err()
            .to_string(),
    );
    let long = firmware("long.bin", image("c3_512k")).unwrap();
    let sixteen = table(
        "sixteen.csv",
        corpus::table("v04_sixteen_ota").unwrap().csv.as_bytes(),
    );
    let (_, slot) = sixteen
        .unwrap()
        .slots()
        .find(|(slot, _)| *slot == Slot::Ota(3))
        .unwrap();
    texts.push(long.check_fits(&slot).unwrap_err().to_string());
    running.check_fits(&slot).unwrap();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn unusable_tables_are_explained() {
    let mut damaged = corpus::table("v02_two_ota")
        .unwrap()
        .binary()
        .unwrap()
        .to_vec();
    damaged[40] ^= 1;
    let mut texts: Vec<String> = [
        (
            "overlap.csv",
            corpus::table("i01_overlap").unwrap().csv.as_bytes(),
        ),
        ("damaged.bin", damaged.as_slice()),
        ("row_only.bin", &damaged[..10]),
        ("image.bin", corpus::image("c3_4k").unwrap().bytes),
    ]
    .into_iter()
    .map(|(name, bytes)| table(name, bytes).unwrap_err().to_string())
    .collect();
    for csv in [
        "f,app,factory,,1M",
        "otadata,data,ota,,8K\nf,app,factory,,1M\no,app,ota_0,,1M",
        "a,app,ota_0,,1M\nb,app,ota_1,,1M",
        "nvs,data,nvs,,24K",
        corpus::table("v15_gap_slots").unwrap().csv,
    ] {
        let error = table("t.csv", csv.as_bytes()).unwrap().check_updatable();
        texts.push(error.unwrap_err().to_string());
    }
    let usable = table(
        "t.csv",
        corpus::table("v02_two_ota").unwrap().csv.as_bytes(),
    )
    .unwrap();
    usable.check_updatable().unwrap();
    assert_eq!(usable.end(), 0x31_0000);
    insta::assert_snapshot!(texts.join("\n"));
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        mut bytes in vec(any::<u8>(), 0..4000),
        changes in vec((0..4096_usize, any::<u8>()), 0..5),
        length in 0..4096_usize,
    ) {
        let _ = firmware("random", bytes.clone());
        let _ = table("random", &bytes);
        if let Some(start) = bytes.get_mut(..2) {
            start.copy_from_slice(&[0xAA, 0x50]);
        }
        let _ = table("random", &bytes);
        let mut bytes = image("c3_4k");
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(length);
        let _ = firmware("changed", bytes);
    }
}

/// A line break in a name or in a label would forge a line of the message.
#[test]
fn a_message_about_a_file_is_one_line_whatever_its_name_and_its_labels_hold() {
    let forged = "x\nFORGED\u{1b}[2J";
    let error = firmware(forged, vec![0; 10]).unwrap_err().to_string();
    assert!(error.starts_with("x\\nFORGED\\u{1b}[2J, offset"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");

    let small = Partition {
        kind: Type::APP,
        subtype: SubType::ota(0),
        offset: 0x1_0000,
        size: 0x1000,
        label: Label::truncated(forged),
        flags: 0,
    };
    let new = firmware("new.bin", image("c3_16k")).unwrap();
    let error = new.check_fits(&small).unwrap_err().to_string();
    assert!(error.contains("x\\nFORGED\\u{1b}[2J"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}
