//! What boots when what is chosen does not, and what the pins change.

use super::*;
use crate::boot::{Refused, Wipe};
use crate::partition::emit_table;
use crate::ram::partitions;

const TEST: Slot = Slot::Test;

/// Who was passed over, in order, and whether because its image does not verify.
fn tried(tried: &crate::boot::Tried) -> Vec<(Slot, bool)> {
    tried
        .iter()
        .map(|attempt| (attempt.slot, attempt.refused.was_loaded()))
        .collect()
}

fn damage(device: &mut Device, slot: Slot) {
    let at = device.partition(slot).offset;
    device.ram.put(at, &[0]);
}

#[test]
fn what_is_left_is_tried_in_order_and_the_list_says_why() {
    let mut device = Device::new(&[FACTORY, A, B, C]);
    device.update(FACTORY, A, 2);
    let at = device.partition(C).offset;
    device.ram.put(at, &image(9));
    damage(&mut device, A);
    damage(&mut device, FACTORY);
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.reason), (C, Reason::Fallback));
    let expected = [(A, true), (FACTORY, true), (B, true)];
    assert_eq!(tried(&decision.tried), expected);
    assert_eq!(decision.chosen.unwrap().slot, A);

    damage(&mut device, C);
    let Err(BootError::NothingBootable { chosen, tried: all }) = device.boot() else {
        panic!("nothing is left");
    };
    assert_eq!(chosen.unwrap().slot, A);
    assert_eq!(tried(&all).len(), 4);
}

/// A bad image is better than none, and only than none.
#[test]
fn an_image_that_was_found_bad_is_the_last_that_is_tried() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    device.download(A, B, 3).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    assert_eq!(
        device.boot().unwrap().reason,
        Reason::RolledBack { from: B }
    );
    damage(&mut device, A);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, FACTORY, "not the bad one, which is whole");
    damage(&mut device, FACTORY);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, B);
    let bad = decision.tried.iter().find(|attempt| attempt.slot == B);
    assert_eq!(bad.unwrap().refused, Refused::Bad);
}

#[test]
fn a_slot_that_is_being_written_is_the_last_that_is_tried() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    let to = device.partition(B);
    device
        .app(A, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            ota.write(handle, &image(3))
        })
        .unwrap();
    damage(&mut device, A);
    assert_eq!(device.boot().unwrap().slot, FACTORY);
    damage(&mut device, FACTORY);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, B);
    let open = decision.tried.iter().find(|attempt| attempt.slot == B);
    assert_eq!(open.unwrap().refused, Refused::Unfinished);
}

/// A device whose otadata has this size.
fn with_otadata(size: u32) -> Device {
    let mut device = Device::new(&[A, B]);
    let rows = partitions(&[A, B]).into_iter().map(|mut row| {
        if row.slot().is_none() {
            row.size = size;
        }
        row
    });
    let mut table = [0; TABLE_LEN];
    emit_table(rows.filter(|row| row.size > 0), true, &mut table).unwrap();
    device
        .ram
        .put(crate::partition::DEFAULT_TABLE_OFFSET, &table);
    device
}

#[test]
fn otadata_holds_two_sectors_or_more() {
    let size = 0x1000;
    let refused = with_otadata(size).boot();
    assert_eq!(refused, Err(BootError::OtadataTooSmall { size }));
    for size in [0x2000, 0x3000] {
        assert_eq!(with_otadata(size).boot().unwrap().reason, Reason::Confirmed);
    }
    let decision = with_otadata(0).boot().unwrap();
    assert_eq!((decision.slot, decision.reason), (A, Reason::NoOtadata));
    assert_eq!(decision.chosen, None);
}

#[test]
fn a_factory_reset_chooses_the_factory_image_if_it_is_to_and_there_is_one() {
    for (slots, erase_otadata, boots) in [
        (&[FACTORY, A, B][..], true, FACTORY),
        (&[FACTORY, A, B], false, B),
        (&[A, B], true, B),
    ] {
        let mut device = Device::new(slots);
        let first = slots[0];
        let to = if first == A { B } else { A };
        device.update(first, to, 2);
        if to == A {
            device.update(A, B, 3);
        }
        device.config.factory_reset = Some(FactoryReset {
            data_labels: "",
            erase_otadata,
        });
        device.inputs.factory_reset_pin = true;
        let decision = device.boot().unwrap();
        assert_eq!(decision.slot, boots, "{slots:?} {erase_otadata}");
        assert_eq!(decision.wipe, Some(Wipe::Done));
        // A wake from deep sleep heeds no pin.
        device.inputs.deep_sleep_wake = true;
        assert_eq!(device.boot().unwrap().wipe, None);
    }
}

/// It is otadata that it is to erase then, by whatever name; an app that has one is none of its data.
#[test]
fn a_factory_reset_that_lists_otadata_chooses_the_factory_image() {
    let slots = [FACTORY, A, B];
    let mut rows = partitions(&slots);
    for (row, label) in rows.iter_mut().zip(["state", "app"]) {
        row.label = label.try_into().unwrap();
    }
    let mut table = [0; TABLE_LEN];
    emit_table(rows, true, &mut table).unwrap();
    for (data_labels, boots) in [("state", FACTORY), ("app", B), ("nvs", B)] {
        let mut device = Device::new(&slots);
        let at = crate::partition::DEFAULT_TABLE_OFFSET;
        device.ram.put(at, &table);
        device.update(FACTORY, A, 2);
        device.update(A, B, 3);
        device.config.factory_reset = Some(FactoryReset {
            data_labels,
            erase_otadata: false,
        });
        device.inputs.factory_reset_pin = true;
        assert_eq!(device.boot().unwrap().slot, boots, "{data_labels}");
    }
}

#[test]
fn the_test_image_boots_by_its_pin_alone() {
    let mut device = Device::new(&[A, B, TEST]);
    let at = device.partition(TEST).offset;
    device.ram.put(at, &image(9));
    device.inputs.app_test_pin = true;
    assert_eq!(device.boot().unwrap().slot, A, "it is not configured");
    device.config.app_test = true;
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.reason), (TEST, Reason::TestPin));
    device.config.anti_rollback = true;
    let booted = device.boot();
    assert!(booted.is_err() || booted.unwrap().slot != TEST);
    device.config.anti_rollback = false;
    // Nothing else is tried, and no start is counted.
    damage(&mut device, TEST);
    assert!(device.boot().is_err());

    let mut device = Device::new(&[A, B]);
    device.config.app_test = true;
    device.inputs.app_test_pin = true;
    assert_eq!(device.boot(), Err(BootError::NoTestPartition));
}

#[test]
fn a_start_is_counted_when_it_happens() {
    let mut device = Device::new(&[A, B, TEST]);
    let at = device.partition(TEST).offset;
    device.ram.put(at, &image(9));
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    device.config.app_test = true;
    device.inputs.app_test_pin = true;
    device.cost();
    assert_eq!(device.boot().unwrap().slot, TEST);
    assert_eq!(device.cost(), otadata(0, 0));
    device.inputs.app_test_pin = false;
    let (start, attempts) = (1, 1);
    let decision = device.boot().unwrap();
    assert_eq!(decision.reason, Reason::Trial { start, attempts });
}

impl Device {
    /// What a boot would count, once otadata is read and in order.
    fn counts(&mut self) -> Option<Slot> {
        let bytes = self.ram.table();
        let table = PartitionTable::for_bootloader(&bytes, SIZE).unwrap();
        let selection =
            select_boot_partition(&mut self.ram, table, &self.config, self.log, &self.inputs);
        selection.unwrap().counts()
    }
}

/// A tool that cuts before and behind the count asks for it.
#[test]
fn a_selection_says_whose_start_is_to_be_counted() {
    let mut device = Device::new(&[A, B, TEST]);
    device.attempts = 2;
    assert_eq!(device.counts(), None, "nothing is on trial");
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    for _ in 0..2 {
        assert_eq!(device.counts(), Some(B));
        device.config.app_test = true;
        device.inputs.app_test_pin = true;
        assert_eq!(device.counts(), None, "the test image is started");
        device.inputs.app_test_pin = false;
        assert_eq!(device.boot().unwrap().slot, B);
    }
    assert_eq!(device.counts(), None, "no start is left");
    device.confirm(B).unwrap();
    assert_eq!(device.counts(), None);
}

/// Who chooses an image that was found bad means it.
#[test]
fn an_image_that_was_found_bad_boots_if_it_is_chosen_again() {
    let mut device = Device::new(&[A, B]);
    for _ in 0..2 {
        device.download(A, B, 2).unwrap();
        device.set_boot(A, B).unwrap();
        assert_eq!(device.boot().unwrap().slot, B);
        assert_eq!(device.boot().unwrap().slot, A, "it is not confirmed");
    }
}
