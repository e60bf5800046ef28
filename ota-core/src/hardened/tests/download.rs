//! Downloads: their progress, and updates that are opened beside others, copied, or begun anew.

use super::*;
use crate::hardened::choice::Choice;
use crate::hardened::read::{Site, read};
use crate::partition::{SubType, Type, emit_table};
use crate::ram::{partitions, row};
use embedded_storage::nor_flash::{ErrorType, NorFlash};

impl Device {
    /// What its otadata says.
    fn choice(&mut self) -> Choice {
        let bytes = self.ram.table();
        let table = PartitionTable::for_application(&bytes, true).unwrap();
        let site = Site::new(&table.otadata().unwrap(), table, self.log);
        *read(&mut self.ram, &site).unwrap().choice()
    }
}

/// So many parts of a slot, which begin with an image.
fn parts(count: usize) -> Vec<u8> {
    image(4).into_iter().cycle().take(count * 4096).collect()
}

/// A device with a data partition of 16 KiB besides.
fn with_data(slots: &[Slot]) -> (Device, Partition) {
    let mut device = Device::new(slots);
    let data = row(Type::DATA, SubType(0x40), 0x9000, 0x4000);
    let mut rows = partitions(slots);
    rows.insert(1, data);
    let mut table = [0; TABLE_LEN];
    emit_table(rows, true, &mut table).unwrap();
    device
        .ram
        .put(crate::partition::DEFAULT_TABLE_OFFSET, &table);
    (device, data)
}

#[test]
fn progress_is_of_the_slot_that_is_being_written() {
    let mut device = Device::new(&[A, B, C]);
    let [b, c] = [B, C].map(|slot| device.partition(slot));
    device
        .app(A, |ota| {
            let handle = ota.begin(&b, ImageSize::Unknown)?;
            assert_eq!(ota.open_handle(&b), Some(handle));
            assert_eq!(ota.open_handle(&c), None);
            ota.write(handle, &[0xE9; 9000])?;
            assert_eq!(ota.progress(&b), Ok(8192));
            assert_eq!(ota.progress(&c), Ok(0));
            ota.abort(handle)?;
            assert_eq!(ota.open_handle(&b), None);
            // What was told of the update before is not of this one.
            ota.begin(&b, ImageSize::Unknown)?;
            assert_eq!(ota.progress(&b), Ok(0));
            Ok(())
        })
        .unwrap();
}

/// Where bytes come in any order, how many came says nothing of which.
#[test]
fn bytes_at_a_place_of_their_own_are_no_progress() {
    let (mut device, data) = with_data(&[A, B]);
    let b = device.partition(B);
    device
        .app(A, |ota| {
            let beside = ota.begin(&data, ImageSize::Unknown)?;
            let handle = ota.begin(&b, ImageSize::Unknown)?;
            // Those of another update are that one's affair, and so is its end.
            ota.write_with_offset(beside, &[1; 16], 0x100)?;
            ota.write(handle, &[0xE9; 5000])?;
            assert_eq!(ota.progress(&b), Ok(4096));
            ota.end(beside)?;
            ota.write(handle, &[0xE9; 4000])?;
            assert_eq!(ota.progress(&b), Ok(8192));
            ota.abort(handle)?;
            let handle = ota.begin(&b, ImageSize::Unknown)?;
            ota.write_with_offset(handle, &[0xE9; 5000], 0x2000)?;
            ota.write(handle, &[0xE9; 100])?;
            assert_eq!(ota.progress(&b), Ok(0));
            Ok(())
        })
        .unwrap();
}

/// An image that is only meant for another partition leaves that, and what names it, alone.
#[test]
fn a_destination_that_is_not_written_stays_the_way_back() {
    let (mut device, data) = with_data(&[A, B, C]);
    device.update(A, B, 2);
    let [a, c] = [A, C].map(|slot| device.partition(slot));
    let mut set = |destination: &Partition, copy| {
        device.ram.ops.clear();
        device
            .app(B, |ota| {
                let handle = ota.begin(&c, ImageSize::Unknown)?;
                ota.set_final_partition(handle, destination, copy)?;
                ota.check_rollback_is_possible()
            })
            .map(|possible| (possible, device.cost().erases))
    };
    // One erase is the one of `begin`.
    assert_eq!(set(&a, false), Ok((true, 1)));
    assert_eq!(set(&data, true), Ok((true, 1)));
    assert_eq!(set(&a, true), Ok((false, 2)));
}

#[test]
fn an_unconfirmed_image_copies_none_over_another() {
    let (mut device, data) = with_data(&[A, B]);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    let a = device.partition(A);
    device
        .app(B, |ota| {
            let handle = ota.begin(&data, ImageSize::Unknown)?;
            let refused = ota.set_final_partition(handle, &a, true);
            assert_eq!(refused, Err(OtaError::RunningUnconfirmed));
            Ok(())
        })
        .unwrap();
}

/// What `end` verified of a slot says nothing of what is written there next.
#[test]
fn begun_anew_a_slot_is_unfinished_again() {
    let mut device = Device::new(&[A, B]);
    let b = device.partition(B);
    device.download(A, B, 2).unwrap();
    device
        .app(A, |ota| {
            let handle = ota.begin(&b, ImageSize::Unknown)?;
            ota.write(handle, &image(2))?;
            assert_eq!(ota.set_boot_partition(&b), Err(OtaError::Unfinished));
            ota.end(handle)?;
            ota.set_boot_partition(&b)
        })
        .unwrap();
}

/// Of two updates at once the one that ended last is the one that is known.
#[test]
fn what_end_verified_is_known_though_another_update_was_begun() {
    let mut device = Device::new(&[A, B, C]);
    let [b, c] = [B, C].map(|slot| device.partition(slot));
    device
        .app(A, |ota| {
            let handle = ota.begin(&c, ImageSize::Unknown)?;
            ota.write(handle, &image(3))?;
            ota.begin(&b, ImageSize::Unknown)?;
            ota.end(handle)
        })
        .unwrap();
    device.ram.put(c.offset + 1, &[1]);
    assert_eq!(device.set_boot(A, C), Err(OtaError::OtherImage));
}

#[test]
fn a_chosen_image_that_is_written_anew_forgets_no_bad_one() {
    let mut device = Device::new(&[A, B, C]);
    device.bad_update(A, C, 3);
    device.download(A, B, 4).unwrap();
    device.set_boot(A, B).unwrap();
    device.begin(A, B).unwrap();
    let bad = device.app(A, |ota| ota.last_invalid_partition()).unwrap();
    assert_eq!(bad, Some(device.partition(C)));
}

#[test]
fn a_download_goes_on_where_it_is_known_to_be_written() {
    let mut device = Device::new(&[A, B]);
    let to = device.partition(B);
    let whole: Vec<u8> = (0..4).flat_map(|_| image(7)).collect();
    device
        .app(A, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            ota.write(handle, &whole[..9000])
        })
        .unwrap();
    device.boot().unwrap();
    device
        .app(A, |ota| {
            assert_eq!(ota.progress(&to), Ok(8192));
            assert!(matches!(
                ota.resume(&to, 12288),
                Err(OtaError::ResumeOffset { .. })
            ));
            assert!(matches!(
                ota.resume(&to, 9000),
                Err(OtaError::ResumeOffset { .. })
            ));
            let handle = ota.resume(&to, 8192)?;
            assert_eq!(ota.progress(&to), Ok(8192));
            ota.write(handle, &whole[8192..])?;
            ota.end(handle)?;
            ota.set_boot_partition(&to)
        })
        .unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    let at = to.offset as usize;
    assert_eq!(device.ram.bytes[at..at + whole.len()], whole);
    assert_eq!(SLOT_SIZE.div_ceil(32).next_multiple_of(4096), 4096);
}

/// What is written counts as progress once that is noted; where the note fails, the caller hears of it.
#[test]
fn a_note_of_progress_that_fails_is_an_error() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let to = device.partition(A);
    device.cost();
    let noted = |op: &Op| matches!(op, Op::Program { at, .. } if is_note(*at));
    let mut whole = device.power_on();
    whole.download(B, A, 3).unwrap();
    let first = whole.ram.ops.iter().position(noted).unwrap();
    device.ram.power = first;
    let error = device.app(B, |ota| {
        let handle = ota.begin(&to, ImageSize::Unknown)?;
        let mut written = Ok(());
        for chunk in image(3).chunks(512) {
            written = written.and_then(|()| ota.write(handle, chunk));
        }
        written
    });
    assert_eq!(error, Err(OtaError::Flash(NorFlashErrorKind::Other)));
    assert_eq!(device.ram.ops.len(), first, "the note is what failed");
    assert_eq!(device.ram.after_failure, 0, "by that very call");
}

/// Progress is noted next to the log of one generation: where another one begins, it says what was complete before, and
/// the rest is noted there.
#[test]
fn behind_another_change_a_download_goes_on_where_it_was() {
    let mut device = Device::new(&[A, B, C]);
    device.update(A, B, 2);
    device.update(B, C, 3);
    let to = device.partition(A);
    let bytes = parts(2);
    for forget in [0, 1, 2, 3] {
        let mut device = device.power_on();
        device.cost();
        let done = device.app(C, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            for (number, part) in bytes.chunks(4096).enumerate() {
                if number == forget {
                    ota.invalidate_inactive_otadata_slot()?;
                }
                ota.write(handle, part)?;
            }
            if forget == 2 {
                ota.invalidate_inactive_otadata_slot()?;
            }
            Ok(())
        });
        done.unwrap();
        let changes = if forget < 3 { 2 } else { 1 };
        let cost = device.cost();
        assert_eq!(cost.erases, changes);
        assert_eq!(cost.programs, 9 * changes + 2);
        let progress = device.app(C, |ota| ota.progress(&to));
        assert_eq!(progress, Ok(8192), "another change before part {forget}");
    }
}

/// A download is as far as the call that opens it says: what was noted behind that counts no longer.
#[test]
fn a_download_that_is_opened_anew_is_as_far_as_it_was_opened() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let to = device.partition(A);
    let bytes = parts(3);
    for offset in [3 * 4096, 4096, 0] {
        let mut device = device.power_on();
        let progress = device.app(B, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            ota.write(handle, &bytes)?;
            ota.abort(handle)?;
            let handle = ota.resume(&to, offset)?;
            ota.abort(handle)?;
            ota.progress(&to)
        });
        assert_eq!(progress, Ok(offset));
    }
}

/// Of two downloads at a time the one that was opened last is noted: where the other one ends, what was noted is not of
/// its slot.
#[test]
fn what_was_noted_of_one_download_is_not_said_of_another() {
    let mut device = Device::new(&[A, B, C]);
    let [b, c] = [B, C].map(|slot| device.partition(slot));
    let bytes = parts(3);
    let progress = device.app(A, |ota| {
        let one = ota.begin(&b, ImageSize::Unknown)?;
        ota.write(one, &image(2))?;
        let other = ota.begin(&c, ImageSize::Unknown)?;
        ota.write(other, &bytes)?;
        ota.end(one)?;
        Ok([ota.progress(&b)?, ota.progress(&c)?])
    });
    assert_eq!(progress, Ok([0, 0]));
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
}

/// What was noted of a download that was chosen, or is over, is said of none.
#[test]
fn a_generation_without_a_download_begins_with_no_progress() {
    let mut device = Device::new(&[A, B, C]);
    device.update(A, B, 2);
    let to = device.partition(C);
    let bytes = parts(2);
    let noted = device.app(B, |ota| {
        let handle = ota.begin(&to, ImageSize::Unknown)?;
        ota.write(handle, &bytes)?;
        ota.end(handle)?;
        ota.progress(&to)
    });
    assert_eq!(noted, Ok(8192));
    device.set_boot(B, C).unwrap();
    let Choice { open, base, .. } = device.choice();
    assert_eq!((open, base), (None, 0));
}

/// Where another slot is chosen in the meantime, a download is known no more, and notes nothing.
#[test]
fn behind_a_choice_a_download_notes_nothing() {
    let mut device = Device::new(&[A, B, C]);
    device.download(A, B, 2).unwrap();
    let [b, c] = [B, C].map(|slot| device.partition(slot));
    let bytes = parts(2);
    let mut costs = Vec::new();
    for writes in [false, true] {
        let mut device = device.power_on();
        device.cost();
        let done = device.app(A, |ota| {
            let handle = ota.begin(&c, ImageSize::Unknown)?;
            ota.set_boot_partition(&b)?;
            if writes {
                ota.write(handle, &bytes)?;
            }
            ota.progress(&c)
        });
        assert_eq!(done, Ok(0));
        let Cost {
            erases, programs, ..
        } = device.cost();
        costs.push((erases, programs));
    }
    assert_eq!(costs[0], costs[1]);
}

/// A flash on which what was noted of a download reads once, and as blank from then on: its bits are weak.
struct Fading<'r> {
    ram: &'r mut Ram,
    seen: bool,
}

impl ErrorType for Fading<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Fading<'_> {
    const READ_SIZE: usize = Ram::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> core::result::Result<(), Self::Error> {
        self.ram.read(offset, bytes)?;
        if is_note(offset) && bytes.iter().any(|byte| *byte != 0xFF) {
            if self.seen {
                bytes.fill(0xFF);
            }
            self.seen = true;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.ram.capacity()
    }
}

impl NorFlash for Fading<'_> {
    const WRITE_SIZE: usize = Ram::WRITE_SIZE;
    const ERASE_SIZE: usize = Ram::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> core::result::Result<(), Self::Error> {
        self.ram.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> core::result::Result<(), Self::Error> {
        self.ram.write(offset, bytes)
    }
}

/// What was said of a download holds until the power goes, whatever the next read finds.
#[test]
fn progress_that_was_told_is_not_taken_back() {
    let mut device = Device::new(&[A, B]);
    let [a, b] = [A, B].map(|slot| device.partition(slot));
    device
        .app(A, |ota| {
            let handle = ota.begin(&b, ImageSize::Unknown)?;
            ota.write(handle, &[0xE9; 9000])
        })
        .unwrap();
    let bytes = device.ram.table();
    let table = PartitionTable::for_application(&bytes, true).unwrap();
    let flash = Fading {
        ram: &mut device.ram,
        seen: false,
    };
    let efuse = Unary::with_version(0, 16);
    let config = Device::app_config();
    let mut ota: Ota<'_, _, _, _, 2> =
        Ota::new(flash, Numbered, efuse, table, a, config, device.log);
    let told = [ota.progress(&b), ota.progress(&b)];
    assert_eq!(told, [Ok(8192), Ok(8192)]);
}
