//! Tables in CSV that people have, and what the conversion says.

use fault_tests::partition_csv::{self, Options, Output};
use ota_core::partition::{PartitionTable, TABLE_LEN};

use crate::device::DEFAULT_CSV;

fn convert(csv: &[u8], options: &Options) -> Result<Vec<u8>, String> {
    match partition_csv::convert(csv, options) {
        Ok(converted) => match converted.output {
            Output::Binary(table) => Ok(table),
            Output::Csv(text) => panic!("CSV became {text}"),
        },
        Err(refused) => Err(refused.to_string()),
    }
}

#[test]
fn an_unknown_word_is_named_with_its_line_and_the_known_ones() {
    for (csv, says) in [
        (
            "nvs, data, nvs, 0x9000, 0x6000\nhk, homekit, 1, , 0x1000\n",
            "line 2: Value 'homekit' is not valid. Known keywords: bootloader, partition_table, app, data",
        ),
        (
            "nvs, data, nvs, 0x9000, 0x6000\nhk, data, homekit, , 0x1000\n",
            "line 2: Value 'homekit' is not valid. Known keywords: ota, phy, nvs,",
        ),
        (
            "# a comment\nnvs, data, nvs, 0x9000, 0x6000\n\nstore, data, data, , 0x1000\n",
            "line 4: Value 'data' is not valid",
        ),
    ] {
        let said = convert(csv.as_bytes(), &Options::default()).expect_err("a refusal");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_byte_order_mark_is_honoured() {
    let plain = convert(DEFAULT_CSV.as_bytes(), &Options::default());
    let units = || std::iter::once(0xFEFF).chain(DEFAULT_CSV.encode_utf16());
    let utf8 = [b"\xEF\xBB\xBF", DEFAULT_CSV.as_bytes()].concat();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for marked in [utf8, little, big] {
        assert_eq!(convert(&marked, &Options::default()), plain);
    }
}

#[test]
fn partitions_under_a_table_that_was_moved_are_named() {
    let moved = Options {
        table_offset: 0x1_0000,
        ..Options::default()
    };
    let said = convert(DEFAULT_CSV.as_bytes(), &moved).expect_err("a refusal");
    assert!(said.contains("Partition sets offset 0x9000"), "{said}");
    assert!(
        said.contains("Use a free offset 0x11000 or higher"),
        "{said}"
    );
}

#[test]
fn a_table_for_128_mib_is_converted() {
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x30000,0xC00000\napp1,app,ota_1,0xC30000,0x600000\nbig,data,fat,0x2000000,96M\n";
    let options = Options {
        flash_size: Some(128 << 20),
        ..Options::default()
    };
    let mut table = convert(csv.as_bytes(), &options).expect("a table");
    table.resize(TABLE_LEN, 0xFF);
    assert!(PartitionTable::for_bootloader(&table, 128 << 20).is_ok());
    let small = Options {
        flash_size: Some(16 << 20),
        ..Options::default()
    };
    let said = convert(csv.as_bytes(), &small).expect_err("a refusal");
    assert!(said.contains("16MB"), "{said}");
}
