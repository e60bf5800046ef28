//! Tables that do other than their authors think.

use ota_core::chip::{ESP32, ESP32C6, ESP32P4, ESP32S3};
use ota_core::otadata::{Entry, OtaState};

use crate::device::{App, DEFAULT_CSV, FACTORY_CSV, Flash, table_at};

#[test]
fn otadata_without_slots_boots_factory_and_is_not_used() {
    let csv = "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\nfactory,app,factory,0x10000,1M\n";
    let flash = Flash::new(&ESP32, 4, csv).app("factory", &App::new(&ESP32, "1.0").bytes());
    flash.asked().says(
        0,
        &[
            "rollback: factory (lamp 1.0)",
            "otadata is not used: the table has no OTA slot",
        ],
    );
}

#[test]
fn slots_without_otadata_boot_the_first_and_can_never_be_updated() {
    let csv =
        "nvs,data,nvs,0x9000,0x4000\nota_0,app,ota_0,0x10000,1M\nota_1,app,ota_1,0x110000,1M\n";
    let flash = Flash::new(&ESP32, 4, csv).app("ota_0", &App::new(&ESP32, "1.0").bytes());
    flash.asked().says(
        0,
        &[
            "rollback: ota_0 (lamp 1.0), because there is no otadata",
            "an update can never take effect",
            "ESP_ERR_NOT_FOUND",
        ],
    );
}

#[test]
fn two_rows_for_one_slot_are_noticed() {
    let csv =
        "otadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,1M\napp1,app,ota_0,0x110000,1M\n";
    let flash = Flash::new(&ESP32, 4, csv).app("app0", &App::new(&ESP32, "1.0").bytes());
    // The bootloader takes the last row, which is empty.
    flash.asked().says(
        1,
        &[
            "two rows are ota_0: the bootloader takes the last of them, an application the first",
            "count 2 and 1 slots",
            "nothing, and the device resets for ever",
        ],
    );
}

#[test]
fn a_gap_in_the_numbers_makes_a_slot_that_never_boots() {
    let csv =
        "otadata,data,ota,0xe000,0x2000\nota_0,app,ota_0,0x10000,1M\nota_2,app,ota_2,0x110000,1M\n";
    let app = App::new(&ESP32, "1.0").bytes();
    let flash = Flash::new(&ESP32, 4, csv)
        .app("ota_0", &app)
        .app("ota_2", &app);
    flash.asked().says(
        0,
        &[
            "ota_2 can never boot",
            "counts 2 slots",
            "ESP_ERR_INVALID_ARG",
        ],
    );
}

#[test]
fn one_slot_beside_factory_is_updated_from_factory() {
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\nsafeboot,app,factory,0x10000,832K\napp0,app,ota_0,0xe0000,2880K\n";
    let safeboot = App::new(&ESP32, "safe").bytes();
    let app = App::new(&ESP32, "14.0").bytes();
    let flash = Flash::new(&ESP32, 4, csv).app("safeboot", &safeboot);
    let half = flash.clone().app("app0", &app[..0x1000]);
    half.asked().says(
        0,
        &[
            "rollback: factory (lamp safe), because neither otadata entry may select a slot",
            "there is one OTA slot: an application in ota_0 has no other to update to, the one in factory updates it",
        ],
    );
    let whole = flash
        .app("app0", &app)
        .entry(0, Entry::new(1, OtaState::UNDEFINED));
    whole.asked().says(0, &["rollback: ota_0 (lamp 14.0)"]);
}

#[test]
fn otadata_of_one_sector_resets_for_ever() {
    let csv =
        "otadata,data,ota,0xe000,0x1000\napp0,app,ota_0,0x10000,1M\napp1,app,ota_1,0x110000,1M\n";
    let flash = Flash::new(&ESP32, 4, csv).app("app0", &App::new(&ESP32, "1.0").bytes());
    flash.asked().says(
        1,
        &[
            "otadata has 4K in place of 8K",
            "nothing, and the device resets for ever: otadata has 0x1000 bytes",
        ],
    );
}

#[test]
fn a_table_without_md5_is_warned_of() {
    let flash = Flash::new(&ESP32, 4, DEFAULT_CSV).app("app0", &App::new(&ESP32, "1.0").bytes());
    // The rows are six; the seventh is the MD5.
    let flash = flash.erase(0x8000 + 6 * 32, 32);
    flash.asked().says(
        0,
        &["an application sees no partition at all, unless it was built without CONFIG_PARTITION_TABLE_MD5"],
    );
}

#[test]
fn a_bootloader_for_a_smaller_flash_refuses_the_table() {
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,3M\napp1,app,ota_1,0x310000,3M\n";
    let flash = Flash::new(&ESP32S3, 16, csv);
    let flash = flash
        .put(0, &crate::device::bootloader(&ESP32S3, 4))
        .app("app0", &App::new(&ESP32S3, "1.0").bytes());
    flash.asked().says(
        1,
        &[
            "the bootloader's header says that the flash has 4M, and app1 ends past that",
            "nothing, and the device resets for ever: the bootloader refuses the partition table",
            "advice: esptool write-flash --flash-size 8MB 0x0 bootloader.bin",
        ],
    );
}

#[test]
fn a_table_at_another_address_is_found() {
    let csv = "nvs,data,nvs,,0x4000\notadata,data,ota,,0x2000\napp0,app,ota_0,,1M\n";
    let flash = Flash(vec![0xFF; 4 << 20])
        .put(0, &crate::device::bootloader(&ESP32S3, 4))
        .put(0x1_0000, &table_at(csv, 0x1_0000))
        .put(0x2_0000, &App::new(&ESP32S3, "1.0").bytes());
    flash.asked().says(
        0,
        &[
            "partition table at 0x10000",
            "there is none at 0x8000",
            "rollback: ota_0 (lamp 1.0)",
        ],
    );
}

#[test]
fn slots_past_16_mib_are_judged_and_warned_of() {
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,8M\napp1,app,ota_1,0x1000000,8M\n";
    for chip in [&ESP32P4, &ESP32S3] {
        let app = App::new(chip, "2.0").bytes();
        let flash = Flash::new(chip, 32, csv).app("app1", &app);
        let flash = flash.entry(0, Entry::new(2, OtaState::VALID));
        flash.asked().says(
            0,
            &[
                "rollback: ota_1 (lamp 2.0)",
                "app1 reaches past 16 MiB",
                "32-bit addresses",
            ],
        );
    }
}

#[test]
fn a_flash_of_128_mib_is_read() {
    let csv = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x30000,0xC00000\napp1,app,ota_1,0xC30000,0x600000\nbig,data,fat,0x2000000,96M\n";
    let flash = Flash::new(&ESP32P4, 128, csv).app("app0", &App::new(&ESP32P4, "1.0").bytes());
    flash.asked().says(
        0,
        &["rollback: ota_0 (lamp 1.0)", "app1, big reach past 16 MiB"],
    );
}

#[test]
fn slots_of_esp_tee_are_not_judged() {
    let csv = "nvs,data,nvs,0x9000,0x5000\nsecure_otadata,data,tee_ota,0xe000,0x2000\notadata,data,ota,0x10000,0x2000\ntee_0,app,tee_0,0x20000,192K\ntee_1,app,tee_1,0x50000,192K\nota_0,app,ota_0,0x80000,1M\nota_1,app,ota_1,0x180000,1M\n";
    let flash = Flash::new(&ESP32C6, 4, csv).app("ota_0", &App::new(&ESP32C6, "1.0").bytes());
    flash.asked().says(
        0,
        &[
            "ESP-TEE has its own slots and its own otadata; they are not judged",
            "rollback: ota_0 (lamp 1.0)",
        ],
    );
}

#[test]
fn a_table_that_is_blank_or_changed_boots_nothing() {
    let flash = Flash::new(&ESP32, 4, FACTORY_CSV).app("factory", &App::new(&ESP32, "1.0").bytes());
    let blank = flash.clone().erase(0x8000, 0x1000);
    blank.asked().says(
        1,
        &[
            "no partition table at 0x8000: there is erased flash",
            "nothing, and the device resets for ever: there is no partition table at 0x8000",
            "advice: esptool write-flash 0x8000 partition-table.bin",
        ],
    );
    let mut changed = flash.clone();
    changed.0[0x8000 + 32 + 12] ^= 0x10;
    changed.asked().says(
        1,
        &[
            "the bootloader refuses the partition table: row 6: the MD5 does not match",
            "advice: esptool write-flash 0x8000 partition-table.bin",
        ],
    );
    let other = flash.put(0x8000, &App::new(&ESP32, "0.9").bytes()[..0x1000]);
    other.asked().says(
        1,
        &[
            "no partition table at 0x8000: there is e9 01",
            "an app image, lamp 0.9, lies at 0x8000",
        ],
    );
}
