//! What lies where nothing looks for it, and names that would act on a terminal.

use ota_core::chip::ESP32;
use ota_core::otadata::{Entry, OtaState};

use crate::device::{App, DEFAULT_CSV, Flash, table};

#[test]
fn an_app_at_another_address_is_found() {
    // Merged for a table that begins with an app at 0x10000; this one wants it at 0x20000.
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\ncoredump,data,coredump,0x10000,0x10000\napp0,app,ota_0,0x20000,1M\napp1,app,ota_1,0x120000,1M\n";
    let flash = Flash::new(&ESP32, 4, csv).put(0x1_0000, &App::new(&ESP32, "1.0").bytes());
    flash.asked().says(
        1,
        &[
            "an app image, lamp 1.0, lies at 0x10000, inside coredump, where no slot begins",
            "nothing, and the device resets for ever",
            "advice: esptool write-flash 0x20000 app.bin",
        ],
    );
}

/// Arduino writes `boot_app0.bin` to 0xe000 whatever the table says.
#[test]
fn otadata_of_another_table_is_found() {
    let csv = "nvs,data,nvs,0x9000,0x6000\notadata,data,ota,0xf000,0x2000\napp0,app,ota_0,0x20000,1M\napp1,app,ota_1,0x120000,1M\n";
    let entry = Entry::new(1, OtaState::UNDEFINED).emit();
    let flash = Flash::new(&ESP32, 4, csv)
        .app("app0", &App::new(&ESP32, "1.0").bytes())
        .put(0xE000, &entry);
    flash.asked().says(
        0,
        &["an otadata entry, seq 1, lies at 0xe000, inside nvs: no bootloader looks for it there"],
    );
}

#[test]
fn a_second_table_is_found() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV)
        .app("app0", &App::new(&ESP32, "1.0").bytes())
        .put(0x29_0000, &table(DEFAULT_CSV));
    flash.asked().says(
        0,
        &["another partition table lies at 0x290000, inside spiffs"],
    );
}

#[test]
fn a_label_cannot_act_on_the_terminal() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV).app("app0", &App::new(&ESP32, "1.0").bytes());
    let mut flash = flash.erase(0x8000 + 6 * 32, 32);
    flash.0[0x8000 + 12..][..16].copy_from_slice(b"\x1b[2J\nx\x9b\x07\xffabcd\0\0\0");
    let asked = flash.asked();
    asked.says(0, &["\\u{1b}[2J\\nx\\x9b\\u{7}\\xffabcd"]);
    assert!(
        !asked.text.chars().any(|c| c.is_control() && c != '\n'),
        "{}",
        asked.text
    );
}

#[test]
fn a_version_cannot_act_on_the_terminal() {
    let app = App::new(&ESP32, "1.0\x1b[31m\n").bytes();
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV).app("app0", &app);
    let asked = flash.asked();
    asked.says(0, &["lamp 1.0\\u{1b}[31m\\n"]);
    assert!(!asked.text.contains('\u{1b}'));
}
