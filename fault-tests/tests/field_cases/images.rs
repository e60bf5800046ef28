//! Images that do not boot where they are, and why.

use fault_tests::inspect::InspectOptions;
use ota_core::chip::{ESP32, ESP32C3, ESP32S3};
use ota_core::otadata::{Entry, OtaState};

use crate::device::{App, DEFAULT_CSV, Flash, ask, ask_with, bootloader};

#[test]
fn an_image_that_is_longer_than_its_slot_is_named_with_both_lengths() {
    let csv = "otadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,0x10000\napp1,app,ota_1,0x20000,0x10000\n";
    let long = App {
        len: 0x1_4000,
        ..App::new(&ESP32, "2.0")
    };
    let flash = Flash::new(&ESP32, 4, csv).app("app0", &long.bytes());
    flash.asked().says(
        1,
        &[
            "the image is 0x14050 bytes long, the slot only 0x10000",
            "nothing, and the device resets for ever",
            "ota_0 is refused: the image is 0x14050 bytes long",
        ],
    );
}

#[test]
fn a_merged_file_in_a_slot_does_not_boot() {
    let mut merged = bootloader(&ESP32C3, 4);
    merged.resize(0x1_0000, 0xFF);
    merged.extend(App::new(&ESP32C3, "2.0").bytes());
    let flash = Flash::new(&ESP32C3, 4, DEFAULT_CSV)
        .app("app0", &App::new(&ESP32C3, "1.0").bytes())
        .app("app1", &merged)
        .entry(0, Entry::new(2, OtaState::VALID));
    flash
        .asked()
        .says(
            1,
            &[
                "ota_1   at 0x150000: does not verify: a bootloader is here, alone or at the front of a merged file",
                "rollback: ota_0 (lamp 1.0)",
                "ota_1 is refused: a bootloader is here",
            ],
        )
        .never(&["rollback: ota_1"]);
}

#[test]
fn an_image_for_another_chip_is_refused() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV)
        .app("app0", &App::new(&ESP32, "1.0").bytes())
        .app("app1", &App::new(&ESP32C3, "2.0").bytes())
        .entry(0, Entry::new(2, OtaState::VALID));
    flash.asked().says(
        1,
        &[
            "rollback: ota_0 (lamp 1.0)",
            "the image is for chip id 5, this chip's id is 0",
        ],
    );
}

/// Whether secure boot is on is in eFuse.
#[test]
fn a_slot_without_a_signature_beside_a_signed_one_is_warned_of() {
    let signed = corpus::signed("c3_4k_signed_rsa3072")
        .expect("a bundled image")
        .bytes;
    let plain = App::new(&ESP32C3, "2.0").bytes();
    let flash = Flash::new(&ESP32C3, 4, DEFAULT_CSV)
        .app("app0", signed)
        .app("app1", &plain)
        .entry(0, Entry::new(2, OtaState::VALID));
    flash.asked().says(
        0,
        &[
            "signed (RSA-3072, not checked)",
            "ota_1 carries no signature and others do: a device with secure boot refuses it",
            "rollback: ota_1 (lamp 2.0)",
        ],
    );
    let on = InspectOptions {
        secure_boot: true,
        ..InspectOptions::default()
    };
    ask_with(&flash.0, &on).says(
        1,
        &[
            "rollback: ota_0",
            "provided that its signature is by a key that the chip trusts",
            "ota_1 is refused: it carries no secure boot v2 signature",
        ],
    );
}

#[test]
fn what_an_image_asks_of_the_chip_is_a_condition_until_the_chip_is_told() {
    let picky = App {
        min_revision: 4,
        min_efuse: 150,
        ..App::new(&ESP32S3, "1.0")
    };
    let flash = Flash::new(&ESP32S3, 4, DEFAULT_CSV).app("app0", &picky.bytes());
    flash.asked().says(
        0,
        &[
            "provided that it is on a chip of v0.4 or later",
            "provided that it is on eFuse blocks v1.50 or later",
        ],
    );
    let told = |chip, efuse| InspectOptions {
        chip_revision: Some(chip),
        efuse_revision: Some(efuse),
        ..InspectOptions::default()
    };
    ask_with(&flash.0, &told(4, 150))
        .says(0, &["rollback: ota_0 (lamp 1.0)"])
        .never(&["provided"]);
    ask_with(&flash.0, &told(3, 150))
        .says(1, &["the image needs silicon v0.4 or later, this is v0.3"]);
    ask_with(&flash.0, &told(4, 130))
        .says(1, &["needs eFuse blocks v1.50 or later, these are v1.30"]);
}

#[test]
fn facts_that_people_look_for_are_said() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV).app("app0", &App::new(&ESP32, "1.0").bytes());
    flash.asked().says(
        0,
        &["verifies: lamp 1.0, 6224 bytes, 1 segments, ESP-IDF v5.5.1"],
    );
    ask(&App::new(&ESP32, "1.0").bytes()).says(
        0,
        &[
            "app image, 6224 bytes, for esp32",
            "version: lamp 1.0",
            "ESP-IDF: v5.5.1",
            "built: Jan  1 2026 12:00:00",
        ],
    );
}
