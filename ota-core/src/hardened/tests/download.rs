//! Updates that are opened beside others, copied, or begun anew.

use super::*;
use crate::partition::{SubType, Type, emit_table};
use crate::ram::{partitions, row};

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
