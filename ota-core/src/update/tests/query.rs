//! Questions that change nothing.

use super::*;

#[test]
fn the_selection_is_reported_even_if_it_cannot_boot() {
    let mut device = device(&ALL, [entry(3, OtaState::VALID), Entry::ERASED]);
    device.ram.put(slot(2).offset, &[0]);
    assert_eq!(device.ota().boot_partition(), Ok(Some(slot(2))));
    let mut blank = self::device(&ALL, ERASED);
    let factory = place(&ALL, Factory);
    assert_eq!(blank.ota().boot_partition(), Ok(Some(factory)));
    let slots = [Slotted(3), Test];
    let mut gap = self::device(&slots, [entry(1, OtaState::VALID), Entry::ERASED]);
    assert_eq!(
        gap.ota().boot_partition(),
        Ok(Some(place(&slots, Slotted(3))))
    );
}

#[test]
fn the_next_slot_to_update_goes_round() {
    let mut device = device(&ALL, ERASED);
    let ota = device.ota();
    assert_eq!(ota.next_update_partition(None), Some(slot(0)));
    for (from, next) in [(0, 1), (1, 2), (2, 0)] {
        assert_eq!(
            ota.next_update_partition(Some(&slot(from))),
            Some(slot(next))
        );
    }
    let mut stranger = slot(1);
    stranger.size = 1;
    assert_eq!(ota.next_update_partition(Some(&stranger)), None);
    let one = [Slotted(4)];
    let mut single = self::device(&one, ERASED);
    let only = place(&one, Slotted(4));
    assert_eq!(single.ota().next_update_partition(None), Some(only));
    let mut none = self::device(&[Factory], ERASED);
    assert_eq!(none.ota().next_update_partition(None), None);
}

/// The caller names the running partition by its place; were its label compared, the next slot
/// would be the first, which may be the very one that runs.
#[test]
fn the_running_slot_is_known_by_its_place_and_never_its_own_successor() {
    let mut device = device(&ALL, ERASED);
    device.running = slot(0);
    device.running.label = "app".try_into().unwrap();
    device.running.flags = 1;
    assert_eq!(device.ota().next_update_partition(None), Some(slot(1)));
}

#[test]
fn on_an_encrypted_flash_a_partition_that_is_not_is_another_one() {
    let plain = row(Type::DATA, SubType::NVS, 0xE_1000, 0x1000);
    let encrypted = Partition { flags: 1, ..plain };
    for (encrypting, expected) in [(false, None), (true, Some(EspErr::NOT_FOUND))] {
        let mut device = device(&ALL, ERASED).with_rows(&[plain]);
        device.config.flash_encryption = encrypting;
        let opened = device.ota().begin(&encrypted, ImageSize::Sequential);
        assert_eq!(opened.err().map(|error| error.esp_err()), expected);
    }
    // Apps are always encrypted, whatever their row says.
    let mut device = device(&ALL, ERASED);
    device.config.flash_encryption = true;
    let flagged = Partition {
        flags: 1,
        ..slot(1)
    };
    assert!(device.ota().begin(&flagged, ImageSize::Sequential).is_ok());
}

#[test]
fn descriptions_are_checked_for_kind_range_and_magic() {
    let short = row(Type::APP, SubType::TEST, 0xE_0000, 31);
    let shorter = row(Type::APP, SubType::TEST, 0xE_0000, 287);
    let mut device = device(&ALL, ERASED);
    device.ram.bytes[slot(1).offset as usize + 32] ^= 1;
    device.ram.bytes[32] = 80;
    let mut ota = device.ota();
    let otadata = partitions(&ALL)[0];
    for (partition, expected) in [
        (otadata, EspErr::NOT_SUPPORTED),
        (short, EspErr::INVALID_ARG),
        (shorter, EspErr::INVALID_SIZE),
        (slot(1), EspErr::NOT_FOUND),
    ] {
        assert_eq!(code(ota.partition_description(&partition)), expected);
    }
    ota.bootloader_description(None).unwrap();
    assert_eq!(
        code(ota.bootloader_description(Some(&slot(1)))),
        EspErr::NOT_FOUND
    );
}

#[test]
fn an_image_for_another_device_is_refused_before_the_download() {
    use crate::image::header::LEN;
    let mut device = device(&ALL, ERASED);
    device.config.target = device.config.target.with_revisions(101, 0);
    let spi_mode_at = place(&ALL, Factory).offset as usize + 32 + 181;
    device.ram.bytes[spi_mode_at] = 2;
    let mut ota = device.ota();
    let mut record = [0; LEN];
    record[0] = 0xE9;
    let mut header = crate::image::Header::parse(&record).unwrap();
    let running = ota.running_partition();
    let mut desc = ota.partition_description(&running).unwrap();
    let mut check = |header: &_, desc: &_| {
        ota.check_image_validity(Type::APP, header, Some(desc))
            .map_err(|e| e.esp_err())
    };
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.chip_id = 5;
    assert_eq!(check(&header, &desc), Ok(()));
    header.min_revision = 102;
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.min_revision = 0;
    header.max_revision = 100;
    assert_eq!(check(&header, &desc), Err(EspErr::INVALID_VERSION));
    header.max_revision = 0xFFFF;
    desc.spi_flash_mode = 1;
    assert_eq!(check(&header, &desc), Err(EspErr::OTA_SPI_MODE_MISMATCH));
    desc.spi_flash_mode = 0;
    assert_eq!(check(&header, &desc), Ok(()));
}
