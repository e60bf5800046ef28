//! Chips and their bootloaders.

use ota_core::chip::{CHIPS, ESP32, ESP32C3, ESP32C5, ESP32S3};
use ota_core::otadata::{Entry, OtaState};

use crate::device::{App, DEFAULT_CSV, Flash, bootloader};

#[test]
fn every_chip_of_esp_idf_boots_what_is_selected() {
    for chip in CHIPS {
        let flash = Flash::new(chip, 8, DEFAULT_CSV)
            .app("app0", &App::new(chip, "1.0").bytes())
            .app("app1", &App::new(chip, "2.0").bytes())
            .entry(0, Entry::new(2, OtaState::VALID));
        let name = format!("chip: {chip}, by the header of the bootloader");
        flash
            .asked()
            .says(0, &[&name, "rollback: ota_1 (lamp 2.0)"]);
    }
}

#[test]
fn a_chip_that_is_not_known_is_not_judged_as_another() {
    let mut boot = bootloader(&ESP32C3, 4);
    boot[12] = 99;
    let mut app = App::new(&ESP32C3, "1.0").bytes();
    app[12] = 99;
    let flash = Flash::new(&ESP32C3, 4, DEFAULT_CSV)
        .put(0, &boot)
        .app("app0", &app);
    flash
        .asked()
        .says(
            6,
            &[
                "chip: unknown",
                "that cannot be told: the chip with id 99 is not known here",
                "its chip, id 99, is not known",
            ],
        )
        .never(&["esp32c3", "resets for ever"]);
}

#[test]
fn without_a_bootloader_nothing_boots() {
    for chip in [&ESP32, &ESP32S3, &ESP32C5] {
        let flash = Flash::new(chip, 8, DEFAULT_CSV).app("app0", &App::new(chip, "1.0").bytes());
        let at = chip.bootloader_offset;
        let erased = flash.clone().erase(at, 0x3000);
        erased
            .asked()
            .says(
                1,
                &[
                    &format!("bootloader at {at:#x}: none, there is erased flash"),
                    &format!(
                        "nothing, and the device resets for ever: there is no bootloader at {at:#x}"
                    ),
                    "with a bootloader ota_0 would boot",
                    &format!("advice: esptool write-flash {at:#x} bootloader.bin"),
                ],
            )
            .never(&["rollback: ota_0"]);
        let mut damaged = flash;
        damaged.0[at as usize + 0x400] ^= 0x40;
        damaged.asked().says(
            1,
            &[
                "does not verify: at",
                &format!("nothing, and the device resets for ever: the bootloader at {at:#x}"),
            ],
        );
    }
}

#[test]
fn a_bootloader_where_another_chip_looks_for_it_is_not_found() {
    let flash =
        Flash::new(&ESP32C3, 4, DEFAULT_CSV).app("app0", &App::new(&ESP32C3, "1.0").bytes());
    let flash = flash.erase(0, 0x2000).put(0x1000, &bootloader(&ESP32C3, 4));
    flash.asked().says(
        1,
        &[
            "bootloader at 0x0: none, there is erased flash; one for esp32c3 lies at 0x1000",
            "where the chip looks for it",
            "advice: esptool write-flash 0x0 bootloader.bin",
        ],
    );
}
