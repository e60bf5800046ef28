//! Files that are not a whole flash: parts of one, and other things.

use fault_tests::inspect::InspectOptions;
use ota_core::chip::{ESP32, ESP32C3};
use ota_core::otadata::{Entry, OtaState};

use crate::device::{
    App, DEFAULT_CSV, FACTORY_CSV, Flash, ask, ask_with, bootloader, noise, report, table,
};

fn device() -> Flash {
    Flash::new(&ESP32, 4, DEFAULT_CSV)
        .app("app0", &App::new(&ESP32, "1.0").bytes())
        .app("app1", &App::new(&ESP32, "2.0").bytes())
        .entry(0, Entry::new(2, OtaState::VALID))
}

#[test]
fn what_is_outside_the_file_is_not_taken_for_erased() {
    let flash = device().0;
    // The selected slot is cut off.
    let first = ask(&flash[..0x15_0800]);
    first
        .says(
            6,
            &["that cannot be told: ota_1 comes first, and the file ends at 0x150800, before the image does", "advice: esptool --chip esp32 read-flash 0 ALL"],
        )
        .never(&["resets for ever", "ota_1   at 0x150000: erased"]);
    // Table and otadata alone.
    let second = ask(&flash[..0x1_0000]);
    second
        .says(
            6,
            &[
                "ota_0   at 0x10000: cannot be told: it is outside the file",
                "ota_1 comes first, and it is outside the file",
            ],
        )
        .never(&["resets for ever"]);
    // A slot outside the file that does not matter.
    let mut third = Flash(flash.clone()).entry(0, Entry::ERASED).0;
    third[0xE000..0xE020].copy_from_slice(&Entry::new(1, OtaState::VALID).emit());
    ask(&third[..0x15_0000]).says(
        0,
        &[
            "ota_1   at 0x150000: cannot be told: it is outside the file",
            "rollback: ota_0 (lamp 1.0)",
        ],
    );
    // The table is missing.
    ask_with(&flash[..0x7000], &from(0)).says(
        6,
        &["the partition table, 0x8000: that is outside the file"],
    );
}

fn from(from: u32) -> InspectOptions {
    InspectOptions {
        from: Some(from),
        ..InspectOptions::default()
    }
}

#[test]
fn a_part_from_the_table_on_is_read_at_its_address() {
    let flash = device().0;
    ask(&flash[0x8000..]).says(
        0,
        &[
            "from address 0x8000 on",
            "bootloader at 0x1000: none, that is outside the file",
            "rollback: ota_1 (lamp 2.0)",
            "provided that the bootloader, which is not in the file, is whole",
        ],
    );
    ask_with(&flash[0x9000..], &from(0x9000)).says(
        6,
        &["the partition table, 0x8000: that is outside the file"],
    );
}

#[test]
fn a_merged_file_is_a_dump_that_ends_early() {
    // As merge-bin writes it, up to the end of the application.
    let flash =
        Flash::new(&ESP32C3, 4, FACTORY_CSV).app("factory", &App::new(&ESP32C3, "1.0").bytes());
    let merged = &flash.0[..0x1_0000 + App::new(&ESP32C3, "1.0").bytes().len()];
    ask(merged).says(
        0,
        &[
            "rollback: factory (lamp 1.0)",
            "of a flash of 4M (its bootloader says)",
        ],
    );
    // For an ESP32 it may begin with the bootloader, at 0x1000.
    let flash = Flash::new(&ESP32, 4, FACTORY_CSV).app("factory", &App::new(&ESP32, "1.0").bytes());
    ask(&flash.0[0x1000..]).says(
        0,
        &["from address 0x1000 on", "rollback: factory (lamp 1.0)"],
    );
}

#[test]
fn ciphertext_is_said_to_be_ciphertext() {
    let plain = device();
    let all = plain
        .clone()
        .put(0x1000, &noise(0x7000))
        .put(0x8000, &noise(0x1000))
        .put(0xE000, &noise(0x2000))
        .put(0x1_0000, &noise(0x20_0000));
    all.asked()
        .says(
            6,
            &[
                "the bootloader",
                "look encrypted",
                "if flash encryption is on",
                "advice: espefuse summary",
            ],
        )
        .never(&["resets for ever", "erased\n  ota", "rollback: ota"]);
    // otadata and nvs in clear.
    let some = plain
        .put(0x1000, &noise(0x7000))
        .put(0x8000, &noise(0x1000))
        .put(0x1_0000, &noise(0x20_0000));
    some.asked().says(
        6,
        &["that cannot be told: the bootloader", "looks encrypted"],
    );
}

#[test]
fn a_slot_of_noise_is_not_told() {
    let flash = device();
    let at = flash.at("app1");
    flash.put(at, &noise(0x8000)).asked().says(
        6,
        &[
            "ota_1   at 0x150000: cannot be told: it looks encrypted",
            "app1 looks encrypted",
        ],
    );
}

#[test]
fn otadata_alone_is_decoded() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV)
        .entry(0, Entry::new(5, OtaState::VALID))
        .entry(1, Entry::new(4, OtaState::VALID));
    let alone = &flash.0[0xE000..0x1_0000];
    ask(alone).says(
        6,
        &[
            "otadata alone, 8192 bytes",
            "entry 0, seq 5: ota_0 among 1, ota_0 among 2, ota_1 among 3, ota_0 among 4",
            "--slots N, or --table FILE",
            "it depends on the images in the slots",
        ],
    );
    let three = InspectOptions {
        slots: Some(3),
        ..InspectOptions::default()
    };
    ask_with(alone, &three)
        .says(6, &["entry 0, seq 5: ota_1 among 3\n"])
        .never(&["among 2"]);
    // Arduino's boot_app0.bin.
    let mut boot_app0 = vec![0xFF; 0x2000];
    boot_app0[..32].copy_from_slice(&Entry::new(1, OtaState::UNDEFINED).emit());
    ask(&boot_app0).says(6, &["entry 0, seq 1: ota_0 among 1, ota_0 among 2"]);
    ask(&[0xFF; 0x2000]).says(
        6,
        &[
            "otadata alone",
            "nothing, it is blank: factory boots, or ota_0",
        ],
    );
    // One sector does not tell.
    ask(&boot_app0[..0x1000]).says(
        6,
        &["the second entry, 0x1000 further on, is not in the file"],
    );
}

#[test]
fn every_other_file_is_named_with_what_wants_it() {
    let app = App::new(&ESP32, "1.0").bytes();
    ask(&app).says(0, &["app image", "--running OLD.bin --update file.bin"]);
    ask(&bootloader(&ESP32C3, 4)).says(
        0,
        &[
            "bootloader image",
            "its place is where its chip looks for it",
        ],
    );
    ask(&table(DEFAULT_CSV)).says(
        0,
        &[
            "partition table in binary",
            "brownout table file.bin OUTPUT",
        ],
    );
    ask(DEFAULT_CSV.as_bytes()).says(0, &["partition table in CSV", "app1"]);
    let mut damaged = app.clone();
    damaged[0x800] ^= 1;
    ask(&damaged).says(1, &["does not verify: at offset"]);
    let mut elf = b"\x7FELF\x01\x01\x01".to_vec();
    elf.resize(0x1000, 0);
    let esp8266 = [
        0xE9, 1, 0, 0x20, 0x10, 0x00, 0x10, 0x40, 0x00, 0x00, 0x10, 0x40, 4, 0, 0, 0,
    ];
    for (bytes, says) in [
        (&b""[..], "the file is empty"),
        (
            &elf,
            "an ELF file; `esptool elf2image` makes an app image of it",
        ),
        (
            b":10010000214601360121470136007EFE09D2190140\n",
            "Intel HEX",
        ),
        (b"UF2\nWQ]\x9E", "a UF2 file"),
        (&esp8266, "an image for the ESP8266"),
        (
            &[0x3D, 0xB8, 0xF3, 0x96, 0, 0, 0, 0],
            "an image for MCUboot",
        ),
        (b"hello world\n", "text, and no partition table"),
        (
            b"{\"scenario\": 1, \"b\": 2}",
            "text, and no partition table",
        ),
        (&[0x1F, 0x8B, 0x08, 0], "a gzip file"),
        (&[0xFF; 100], "erased flash and nothing else"),
        (&noise(0x4000), "bytes that look encrypted"),
        (&[1, 2, 3], "of no known kind (its first byte is \\u{1})"),
    ] {
        ask(bytes).says(2, &[says, "there is nothing to inspect"]);
    }
    ask(b"nvs, data, nvs, 0x9000\n").says(2, &["line 1"]);
    // An ordinary dump that is long enough to be one.
    ask(&vec![0xFF; 0x1_0000]).says(1, &["there is no bootloader"]);
    assert!(
        serde_json::to_string(&report(&app))
            .expect("JSON")
            .contains("\"kind\":\"image\"")
    );
}
