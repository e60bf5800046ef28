//! Rules of the application's side that surprise, one test each.
use super::*;
use crate::Region;
use crate::image::Header;
use crate::image::ImageMetadata;
use crate::partition::Label;

/// Answers as [`FirstByte`] does, and notes whether it was asked for a bootloader.
struct Asked(Option<bool>);

impl<F: ReadNorFlash<Error = NorFlashErrorKind>> VerifyImage<F> for Asked {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> core::result::Result<ImageMetadata, VerifyError<NorFlashErrorKind>> {
        self.0 = Some(false);
        FirstByte.verify(flash, at)
    }

    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> core::result::Result<ImageMetadata, VerifyError<NorFlashErrorKind>> {
        self.0 = Some(true);
        FirstByte.verify(flash, at)
    }
}

const STAGING: Partition = Partition {
    kind: Type::DATA,
    subtype: SubType::UNDEFINED,
    offset: 0xE_0000,
    size: 0x1000,
    label: Label([0; 16]),
    flags: 0,
};

#[test]
fn only_an_app_update_under_rollback_costs_the_inactive_entry() {
    let entries = [entry(3, OtaState::VALID), entry(2, OtaState::VALID)];
    for (rollback, partition, left) in [
        (true, slot(1), Entry::ERASED),
        (true, STAGING, entries[1]),
        (false, slot(1), entries[1]),
    ] {
        let mut device = device(&ALL, entries).with_rows(&[STAGING]);
        device.config.rollback = rollback;
        let opened = device.ota().begin(&partition, ImageSize::Sequential);
        assert!(opened.is_ok());
        assert_eq!(device.ram.entries()[1], left);
    }
}

#[test]
fn the_destination_is_fixed_by_the_first_write_but_not_by_a_resumption() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.resume(&slot(0), ImageSize::Unknown, 16).unwrap();
    ota.set_final_partition(handle, &slot(2), false).unwrap();
    ota.abort(handle).unwrap();
    let handle = ota.begin(&slot(0), ImageSize::Sequential).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    assert_eq!(
        code(ota.set_final_partition(handle, &slot(2), false)),
        EspErr::INVALID_STATE
    );
}

#[test]
fn an_image_staged_where_it_belongs_is_not_copied_over_itself() {
    let mut device = device(&ALL, ERASED);
    let mut ota = device.ota();
    let handle = ota.begin(&slot(0), ImageSize::Sequential).unwrap();
    ota.set_final_partition(handle, &slot(0), true).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    ota.end(handle).unwrap();
    assert_eq!(
        device.ram.ops,
        [erase(slot(0).offset, 0x1000), program(slot(0).offset, 1)]
    );
}

#[test]
fn a_copy_that_the_staging_partition_cannot_fill_erases_nothing() {
    let mut device = device(&ALL, ERASED).with_rows(&[STAGING]);
    let mut ota = device.ota();
    let handle = ota.begin(&STAGING, ImageSize::Unknown).unwrap();
    ota.set_final_partition(handle, &slot(0), true).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    assert_eq!(code(ota.end(handle)), EspErr::INVALID_SIZE);
    assert_eq!(device.ram.ops.len(), 2, "the staging erase, and its byte");
}

#[test]
fn what_is_written_is_judged_by_where_it_goes_and_not_by_where_it_is_staged() {
    let mut device = device(&ALL, ERASED).with_rows(&[STAGING]);
    let mut ota = device.ota();
    let handle = ota.begin(&STAGING, ImageSize::Unknown).unwrap();
    ota.set_final_partition(handle, &slot(1), false).unwrap();
    assert_eq!(code(ota.write(handle, &[0])), EspErr::OTA_VALIDATE_FAILED);
    ota.write_with_offset(handle, &[0], 0).unwrap();
    assert_eq!(code(ota.end(handle)), EspErr::OTA_VALIDATE_FAILED);
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    ota.set_final_partition(handle, &STAGING, false).unwrap();
    ota.write(handle, &[0]).unwrap();
    ota.end(handle).unwrap();
}

#[test]
fn an_image_from_or_for_a_bootloader_partition_is_verified_as_a_bootloader() {
    let spare = row(Type::BOOTLOADER, SubType::STAGED, 0xE_0000, 0x1000);
    for (staging, target, expected) in [
        (spare, spare, Some(true)),
        (slot(1), spare, Some(true)),
        (spare, slot(1), Some(true)),
        (slot(1), slot(2), Some(false)),
    ] {
        let mut device = device(&ALL, ERASED).with_rows(&[spare]);
        let table = PartitionTable::for_application(&device.table, true).unwrap();
        let (efuse, running) = (Unary::with_version(0, 16), device.running);
        let mut ota = Ota::<_, _, _, 1>::new(
            &mut device.ram,
            Asked(None),
            efuse,
            table,
            running,
            device.config,
        );
        let handle = ota.begin(&staging, ImageSize::Unknown).unwrap();
        ota.set_final_partition(handle, &target, false).unwrap();
        ota.write(handle, &[0xE9]).unwrap();
        ota.end(handle).unwrap();
        assert_eq!(ota.into_parts().1.0, expected);
    }
}

#[test]
fn first_bytes_that_wait_for_their_block_are_judged_once() {
    let mut device = device(&ALL, ERASED);
    device.config.flash_encryption = true;
    let mut ota = device.ota();
    let handle = ota.begin(&slot(1), ImageSize::Unknown).unwrap();
    ota.write(handle, &[0xE9]).unwrap();
    ota.write(handle, &[0]).unwrap();
}

#[test]
fn a_last_block_that_cannot_be_programmed_is_an_invalid_state() {
    let odd = Partition {
        size: 40,
        ..STAGING
    };
    let mut device = device(&ALL, ERASED).with_rows(&[odd]);
    device.config.flash_encryption = true;
    let mut ota = device.ota();
    let handle = ota.resume(&odd, ImageSize::Unknown, 32).unwrap();
    ota.write(handle, &[0; 4]).unwrap();
    assert_eq!(
        code(ota.end(handle)),
        EspErr::INVALID_STATE,
        "it is cut off"
    );
    let handle = ota.resume(&odd, ImageSize::Unknown, 16).unwrap();
    ota.write(handle, &[0; 4]).unwrap();
    ota.flash().power = 0;
    assert_eq!(code(ota.end(handle)), EspErr::INVALID_STATE, "it fails");
}

#[test]
fn a_read_only_partition_is_refused_before_its_range_is_looked_at() {
    let locked = Partition {
        flags: 2,
        ..STAGING
    };
    let mut device = device(&ALL, ERASED).with_rows(&[locked]);
    let opened = device.ota().begin(&locked, ImageSize::Known(0x10_0000));
    assert_eq!(code(opened), EspErr::NOT_ALLOWED);
}

#[test]
fn a_read_only_otadata_stays_as_it_is() {
    let entries = [entry(3, OtaState::NEW), entry(2, OtaState::VALID)];
    let mut device = device(&ALL, entries);
    device.rows[0].flags = 2;
    let mut device = device.with_rows(&[]);
    let mut ota = device.ota();
    for refused in [
        ota.set_boot_partition(&slot(0)),
        ota.set_boot_partition(&place(&ALL, Factory)),
        ota.mark_app_valid_cancel_rollback(),
        ota.invalidate_inactive_otadata_slot(),
    ] {
        assert_eq!(code(refused), EspErr::NOT_ALLOWED);
    }
    assert!(device.ram.ops.is_empty());
}

#[test]
fn otadata_of_one_sector_counts_as_none() {
    let mut device = device(&ALL, [entry(1, OtaState::NEW), Entry::ERASED]);
    device.rows[0].size = 0x1000;
    let mut device = device.with_rows(&[]);
    let mut ota = device.ota();
    assert_eq!(ota.boot_partition(), Ok(None));
    assert_eq!(
        code(ota.mark_app_valid_cancel_rollback()),
        EspErr::NOT_FOUND
    );
    assert_eq!(code(ota.set_boot_partition(&slot(0))), EspErr::NOT_FOUND);
}

#[test]
fn without_a_selection_factory_boots_or_the_lowest_slot_or_test() {
    for (slots, expected) in [
        (&ALL[..], Factory),
        (&[Test, Slotted(5), Slotted(3)], Slotted(3)),
        (&[Test], Test),
    ] {
        let mut device = device(slots, ERASED);
        assert_eq!(
            device.ota().boot_partition(),
            Ok(Some(place(slots, expected)))
        );
    }
}

#[test]
fn an_inactive_entry_goes_whatever_its_state() {
    let entries = [entry(3, OtaState::VALID), entry(2, OtaState::ABORTED)];
    let mut device = device(&ALL, entries);
    device.ota().invalidate_inactive_otadata_slot().unwrap();
    assert_eq!(device.ram.entries(), [entries[0], Entry::ERASED]);
}

#[test]
fn there_is_no_going_back_to_an_image_that_is_too_old() {
    let entries = [entry(2, OtaState::VALID), entry(1, OtaState::VALID)];
    let mut device = device(&ALL, entries);
    device.config.anti_rollback = true;
    device.secure_version = 1;
    assert_eq!(device.ota().check_rollback_is_possible(), Ok(false));
    device.ram.put_image(&slot(0), 1);
    assert_eq!(device.ota().check_rollback_is_possible(), Ok(true));
}

#[test]
fn a_damaged_entry_names_no_invalid_image() {
    let damaged = Entry {
        crc: 0,
        ..entry(1, OtaState::ABORTED)
    };
    let mut device = device(&ALL, [damaged, entry(2, OtaState::INVALID)]);
    assert_eq!(device.ota().last_invalid_partition(), Ok(Some(slot(1))));
}

#[test]
fn a_bootloader_runs_on_newer_silicon_than_it_says() {
    let mut device = device(&ALL, ERASED);
    device.config.target = device.config.target.with_revisions(101, 0);
    let mut record = [0; crate::image::header::LEN];
    record[0] = 0xE9;
    let header = Header {
        chip_id: chip::ESP32C3.id,
        max_revision: 100,
        ..Header::parse(&record).unwrap()
    };
    let mut ota = device.ota();
    assert_eq!(
        ota.check_image_validity(Type::BOOTLOADER, &header, None),
        Ok(())
    );
    assert_eq!(
        code(ota.check_image_validity(Type::APP, &header, None)),
        EspErr::INVALID_VERSION
    );
}
