//! What otadata selects, and why something else runs.

use ota_core::chip::{ESP32, ESP32C3};
use ota_core::otadata::{Entry, OtaState};

use crate::device::{App, DEFAULT_CSV, FACTORY_CSV, Flash, ask_with};
use fault_tests::inspect::InspectOptions;

fn apps() -> Flash {
    Flash::new(&ESP32, 4, DEFAULT_CSV)
        .app("app0", &App::new(&ESP32, "1.0").bytes())
        .app("app1", &App::new(&ESP32, "2.0").bytes())
}

#[test]
fn factory_that_was_flashed_again_does_not_run_while_otadata_selects() {
    let flash = Flash::new(&ESP32, 4, FACTORY_CSV)
        .app("factory", &App::new(&ESP32, "3.0").bytes())
        .app("ota_0", &App::new(&ESP32, "1.0").bytes())
        .entry(0, Entry::new(1, OtaState::VALID));
    flash.asked().says(
        0,
        &[
            "rollback: ota_0 (lamp 1.0), because otadata entry 0 (seq 1, VALID) is active",
            "lamp 3.0 in factory does not run, as otadata entry 0 selects a slot",
            "erasing otadata does (esptool erase-region 0xd000 0x2000)",
        ],
    );
}

/// Arduino writes this entry with every upload.
#[test]
fn boot_app0_beside_a_factory_image_boots_ota_0() {
    let boot_app0 = Entry::new(1, OtaState::UNDEFINED);
    let flash = Flash::new(&ESP32, 4, FACTORY_CSV)
        .app("factory", &App::new(&ESP32, "3.0").bytes())
        .entry(0, boot_app0);
    flash.asked().says(
        1,
        &[
            "rollback: factory (lamp 3.0)",
            "and ota_0 comes first",
            "ota_0 is refused: it is erased",
        ],
    );
    let full = flash.app("ota_0", &App::new(&ESP32, "1.0").bytes());
    full.asked().says(
        0,
        &["rollback: ota_0 (lamp 1.0)", "in factory does not run"],
    );
}

#[test]
fn a_new_entry_that_was_superseded_tells_a_bootloader_without_rollback() {
    let flash = apps()
        .entry(0, Entry::new(1, OtaState::NEW))
        .entry(1, Entry::new(2, OtaState::NEW));
    flash.asked().says(
        0,
        &[
            "entry 0 is NEW although entry 1 followed it",
            "is built without rollback",
        ],
    );
}

#[test]
fn an_image_on_trial_is_given_up_by_the_next_reset() {
    let flash = apps()
        .entry(0, Entry::new(1, OtaState::VALID))
        .entry(1, Entry::new(2, OtaState::PENDING_VERIFY));
    flash.asked().says(
        0,
        &[
            "entry 1 is PENDING_VERIFY",
            "any reset before esp_ota_mark_app_valid_cancel_rollback() gives it up",
            "with rollback: ota_0 (lamp 1.0)",
            "writes otadata entry 1: PENDING_VERIFY to ABORTED",
            "without rollback: ota_1 (lamp 2.0)",
        ],
    );
}

#[test]
fn a_slot_that_is_half_written_under_a_valid_entry_does_not_run() {
    let whole = App::new(&ESP32, "2.0").bytes();
    let flash = apps()
        .entry(0, Entry::new(1, OtaState::VALID))
        .entry(1, Entry::new(2, OtaState::VALID));
    let at = flash.at("app1") + 0x1000;
    let flash = flash.erase(at, whole.len() - 0x1000);
    flash.asked().says(
        1,
        &[
            "rollback: ota_0 (lamp 1.0)",
            "(seq 2, VALID) is active and ota_1 comes first",
            "ota_1 is refused",
        ],
    );
}

#[test]
fn a_selected_slot_without_an_image_leaves_the_other_running() {
    let flash = apps().entry(0, Entry::new(2, OtaState::VALID));
    let at = flash.at("app1");
    let flash = flash.put(at, &[0x00; 16]);
    flash.asked().says(
        1,
        &[
            "rollback: ota_0 (lamp 1.0)",
            "ota_1 is refused: no image is here: it would start with e9, not 00",
        ],
    );
}

#[test]
fn one_damaged_entry_without_factory_is_never_repaired() {
    let mut entry = Entry::new(2, OtaState::VALID);
    entry.crc ^= 1;
    let flash = apps().entry(0, entry);
    flash.asked().says(
        1,
        &[
            "rollback: ota_0 (lamp 1.0), because no otadata entry is active",
            "otadata is damaged and there is no factory",
            "advice: esptool erase-region 0xe000 0x2000",
        ],
    );
}

/// `NuttX` leaves the label zero.
#[test]
fn an_entry_with_a_label_of_zeros_counts() {
    let entry = Entry {
        label: [0; 20],
        ..Entry::new(2, OtaState::UNDEFINED)
    };
    apps().entry(0, entry).asked().says(
        0,
        &[
            "rollback: ota_1 (lamp 2.0)",
            "the label (bytes 4..24) is not erased; nothing reads it",
        ],
    );
}

#[test]
fn entries_that_other_tools_got_wrong_are_explained() {
    let whole = Entry::new(2, OtaState::VALID);
    let swapped = Entry {
        seq: whole.seq.swap_bytes(),
        crc: whole.crc.swap_bytes(),
        ..whole
    };
    apps()
        .entry(0, swapped)
        .asked()
        .says(1, &["it is seq 2 in the wrong byte order"]);
    // zlib.crc32 of 02 00 00 00, as Python has it.
    let ordinary = Entry {
        crc: 0x3C8A_4DF1,
        ..whole
    };
    let flash = apps().entry(0, ordinary);
    let asked = flash.asked();
    asked.says(1, &["should be 55f63774"]);
}

#[test]
fn numbers_about_to_run_out_are_warned_of() {
    let flash = apps().entry(0, Entry::new(0xFFFF_FFFD, OtaState::VALID));
    flash.asked().says(
        0,
        &["has seq 4294967293: after the next few updates the numbers run out"],
    );
}

/// Which of them runs is in eFuse.
#[test]
fn secure_versions_decide_with_anti_rollback_alone() {
    let version = |version, secure_version| {
        App {
            secure_version,
            ..App::new(&ESP32C3, version)
        }
        .bytes()
    };
    let flash = Flash::new(&ESP32C3, 4, DEFAULT_CSV)
        .app("app0", &version("1.0", 5))
        .app("app1", &version("2.0", 3))
        .entry(0, Entry::new(1, OtaState::VALID))
        .entry(1, Entry::new(2, OtaState::VALID));
    flash.asked().says(
        0,
        &[
            "rollback: ota_1 (lamp 2.0)",
            "secure version 5",
            "secure version 3",
            "the images have different secure versions: on a device with anti-rollback",
            "--efuse-version",
        ],
    );
    let burnt = InspectOptions {
        efuse_version: Some(5),
        ..InspectOptions::default()
    };
    ask_with(&flash.0, &burnt)
        .says(0, &["rollback: ota_0 (lamp 1.0)"])
        .never(&["rollback: ota_1"]);
}
