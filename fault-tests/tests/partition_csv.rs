//! The conversion of partition tables against the verdicts of ESP-IDF's own tool.

use std::fmt::Write as _;

use corpus::{TABLES, Table, Verdict};
use fault_tests::partition_csv::{Options, Output, SecureBoot, convert, convert_with};
use proptest::collection::vec;
use proptest::prelude::*;

fn number(text: &str) -> u32 {
    let (radix, digits) = match text.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    u32::from_str_radix(digits, radix).unwrap()
}

fn options(table: &Table) -> Options {
    let mut options = Options::default();
    let mut words = table.options.split_whitespace();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap();
        match word {
            "--disable-md5sum" => options.md5 = false,
            "--flash-size" => {
                let megabytes = value().strip_suffix("MB").unwrap();
                options.flash_size = Some(number(megabytes) << 20);
            }
            "--offset" => options.table_offset = number(value()),
            "--primary-bootloader-offset" => {
                options.primary_bootloader_offset = Some(number(value()));
            }
            "--recovery-bootloader-offset" => {
                options.recovery_bootloader_offset = Some(number(value()));
            }
            "--secure" => {
                options.secure = Some(match value() {
                    "v1" => SecureBoot::V1,
                    "v2" => SecureBoot::V2,
                    other => panic!("--secure {other}"),
                });
            }
            other => panic!("{}: option {other}", table.name),
        }
    }
    options
}

#[test]
fn every_bundled_csv_gets_the_tools_verdict() {
    for table in TABLES {
        let found = convert(table.csv.as_bytes(), &options(table));
        match (table.verdict, found) {
            (Verdict::Accepted { binary, .. }, Ok(converted)) => {
                assert_eq!(
                    converted.output,
                    Output::Binary(binary.to_vec()),
                    "{}",
                    table.name
                );
                assert_eq!(converted.warnings, [], "{}", table.name);
            }
            (Verdict::Refused { message }, Err(refused)) => {
                assert_eq!(refused.to_string(), message, "{}", table.name);
            }
            (expected, found) => panic!("{}: {expected:?}, found {found:?}", table.name),
        }
    }
}

#[test]
fn every_bundled_binary_table_turns_into_the_tools_csv() {
    for table in TABLES {
        if let Verdict::Accepted { binary, back } = table.verdict {
            let converted = convert(binary, &options(table)).unwrap();
            assert_eq!(converted.output, Output::Csv(back.into()), "{}", table.name);
        }
    }
}

#[test]
fn variables_of_the_environment_are_expanded() {
    let variables = |name: &str| (name == "SIZE").then(|| "1M".to_owned());
    let options = Options::default();
    let with_variable = convert_with(b"f,app,factory,,$SIZE", &options, &variables).unwrap();
    assert_eq!(with_variable.rows[0].size, 1 << 20);
    let refused = convert_with(b"\n$NAME,app,factory,,1M", &options, &variables).unwrap_err();
    assert_eq!(refused.to_string(), "unknown variable 'NAME'");
}

#[test]
fn warnings_come_before_the_error() {
    let csv = b"app,data,phy,,4K\nphy,data,nvs,,4K,readonly\nf,app,factory,0x100000,100";
    let refused = convert(csv, &Options::default()).unwrap_err();
    insta::assert_snapshot!(refused);
}

#[test]
fn refusals_that_no_bundled_table_shows() {
    let mut texts = String::new();
    let plain = Options::default();
    let above = Options {
        primary_bootloader_offset: Some(0x9000),
        ..Options::default()
    };
    for (csv, options) in [
        (&b"x,data,fat,,1M\nf,app,factory,0x20000,64K"[..], &plain),
        (b"f,app,factory,0x20000,-64K\ng,app,test,,4K", &plain),
        (b"a,0x40,foo,,4K", &plain),
        (b"a,300,0,,4K", &plain),
        (b"a,data,fat,,5G", &plain),
        (b"a,data,fat,,0x100000000", &plain),
        (b"a,bootloader,recovery,,", &plain),
        (b"", &above),
        (b"nvs,data,nvs,,\xFF", &plain),
        (b"\xAA\x50", &plain),
    ] {
        let refused = convert(csv, options).unwrap_err();
        writeln!(texts, "{}\n    {refused}", csv.escape_ascii()).unwrap();
    }
    insta::assert_snapshot!(texts);
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(input in vec(any::<u8>(), 0..200)) {
        let _ = convert(&input, &Options::default());
    }

    #[test]
    fn no_csv_makes_it_panic(lines in vec("[a-z$]{0,4}(,[ a-z0-9$xXkKmM_:-]{0,8}){0,7}", 0..6)) {
        let _ = convert(lines.join("\n").as_bytes(), &Options::default());
    }

    #[test]
    fn what_a_binary_table_says_in_csv_makes_the_same_table(
        rows in vec((0..3_u32, "[a-z]{0,16}", any::<[bool; 2]>()), 1..20),
    ) {
        let mut csv = String::new();
        for (index, (kind, name, [encrypted, readonly])) in rows.iter().enumerate() {
            let kind = ["app,0x40", "64,3", "data,fat"][*kind as usize];
            let flags = format!(
                "{}:{}",
                if *encrypted { "encrypted" } else { "" },
                if *readonly { "readonly" } else { "" },
            );
            // A number in front makes the names unique.
            let name: String = format!("{index}{name}").chars().take(16).collect();
            writeln!(csv, "{name},{kind},,12K,{flags}").unwrap();
        }
        let options = Options::default();
        let Output::Binary(table) = convert(csv.as_bytes(), &options).unwrap().output else {
            panic!("CSV became CSV");
        };
        let Output::Csv(back) = convert(&table, &options).unwrap().output else {
            panic!("a binary table became one");
        };
        prop_assert_eq!(convert(back.as_bytes(), &options).unwrap().output, Output::Binary(table));
    }
}
