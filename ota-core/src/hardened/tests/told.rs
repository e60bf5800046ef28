//! What a boot says to people.

use super::*;
use crate::boot::Wipe;
use std::string::ToString;

#[test]
fn a_boot_says_what_runs_and_why() {
    let mut device = Device::new(&[A, B]);
    let blank = device.boot().unwrap().to_string();
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    let on_trial = device.boot().unwrap().to_string();
    let over = device.boot().unwrap().to_string();
    device.begin(A, B).unwrap();
    let begun = device.boot().unwrap().to_string();
    device.ram.put(device.partition(A).offset, &[0; 4]);
    device.ram.put(device.partition(B).offset, &[0; 4]);
    let nothing = device.boot().unwrap_err().to_string();
    for (said, expected) in [
        (
            blank,
            "boots ota_0 at 0x10000 (4 bytes): it is chosen and confirmed
  no entry of otadata says ota_0, confirmed",
        ),
        (
            on_trial,
            "boots ota_1 at 0x20000 (4 bytes): it is on trial, start 1 of 1
  otadata sector 0 (generation 3) says ota_1, on trial, started 0 times; before it ota_0",
        ),
        (
            over,
            "boots ota_0 at 0x10000 (4 bytes): the trial of ota_1 is over
  otadata sector 0 (generation 3) says ota_1, on trial, started 1 times; before it ota_0
  ota_1 is not bootable: its trial is over",
        ),
        (
            begun,
            "boots ota_0 at 0x10000 (4 bytes): it is chosen and confirmed
  otadata sector 0 (generation 5) says ota_0, confirmed; ota_1 is being written",
        ),
        (
            nothing,
            "nothing boots
  otadata sector 0 (generation 5) says ota_0, confirmed; ota_1 is being written
  ota_0 is not bootable: at 0x10000: no image is here: it would start with e9, not 00
  ota_1 is not bootable: it is being written",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_boot_says_what_went_wrong_on_the_way() {
    let decision = Device::new(&[A, B]).boot().unwrap();
    let with = |order, wipe| {
        let decision = Decision {
            order,
            wipe,
            ..decision
        };
        let said = decision.to_string();
        said.lines()
            .skip(2)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let failed = Order::Failed(NorFlashErrorKind::OutOfBounds);
    for (order, wipe, expected) in [
        (Order::Kept, Some(Wipe::Done), "  factory reset: done"),
        (
            Order::Kept,
            Some(Wipe::Incomplete),
            "  factory reset: not everything was erased",
        ),
        (
            Order::Exhausted,
            None,
            "  the log of otadata is exhausted: every group of it was cut",
        ),
        (
            failed,
            None,
            "  otadata could not be written: Arguments are out of bounds",
        ),
    ] {
        assert_eq!(with(order, wipe), [expected]);
    }
}

#[test]
fn each_reason_reads_otherwise() {
    for (reason, expected) in [
        (Reason::Confirmed, "it is chosen and confirmed"),
        (
            Reason::Trial {
                start: 2,
                attempts: 3,
            },
            "it is on trial, start 2 of 3",
        ),
        (Reason::RolledBack { from: B }, "the trial of ota_1 is over"),
        (
            Reason::Postponed { trial: B },
            "the trial of ota_1 has to wait",
        ),
        (Reason::Fallback, "what is chosen does not boot"),
        (Reason::NoOtadata, "there is no otadata"),
        (Reason::TestPin, "the test-app pin is held"),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}
