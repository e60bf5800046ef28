//! A log that hands over to the other sector.

use super::*;
use crate::hardened::choice::with_nothing_done;
use crate::hardened::layout::{LOG, Place, Sector};
use crate::hardened::record::{Kind, Record, Row};

/// Operations of [`switch`](Ota::set_boot_partition) until the hand-over is there, and until it is sealed.
const HANDED_OVER: usize = 5;
const SEALED: usize = 6;

/// A device that is about to switch to what it has downloaded.
fn downloaded() -> Device {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.update(B, A, 3);
    device.download(A, B, 2).unwrap();
    device
}

/// A device that is cut in a switch after so many operations, and the sector that hands over.
fn cut_behind(operations: usize, room: Room) -> (Device, Sector) {
    let mut device = downloaded();
    (device.log, device.room) = (Log::new(30, 28).unwrap(), room);
    let sector = [Sector::First, Sector::Second][device.newer() / 4096];
    device.ram.power = operations;
    device.set_boot(A, B).unwrap_err();
    (device.power_on(), sector)
}

/// How long a log is that has handed over is not to be told once that is sealed: nothing is appended to it.
#[test]
fn where_a_log_has_handed_over_does_not_matter() {
    let device = downloaded();
    let cut_behind = |operations| {
        let mut device = device.power_on();
        device.ram.power = operations;
        device.set_boot(A, B).unwrap_err();
        device.power_on()
    };
    // The seal of the hand-over is cut, and the boot behind that hands over once more: claim, hand-over, seal.
    let longer = |operations| {
        let mut device = cut_behind(HANDED_OVER);
        device.ram.power = operations;
        let _ = device.boot();
        device.power_on()
    };
    for (operations, again, sealed) in [(HANDED_OVER, 2, false), (SEALED, 3, true)] {
        let [one, other] = [cut_behind(operations), longer(again)].map(|device| {
            stands_for(&device);
            device.simplest().otadata()
        });
        assert_eq!(one == other, sealed, "{operations} operations");
    }
}

impl Device {
    fn row(&mut self, place: Place) -> &mut [u8; 32] {
        let start = SECTORS.start + place.sector.index() * 4096 + usize::from(place.row) * 32;
        self.ram.bytes[start..].first_chunk_mut().unwrap()
    }

    /// Clears the flags of the last word of this kind, and seals it if it was sealed; in which group that is.
    fn clear_flags(&mut self, sector: Sector, kind: Kind) -> u8 {
        let salt = self.salt();
        let record = |row: &[u8; 32], place| match Row::parse(row, place, salt) {
            Row::Valid(record) => Some(record),
            _ => None,
        };
        for place in (LOG..95).rev().map(|row| Place::new(sector, row)) {
            let Some(word) = record(self.row(place), place).filter(|word| word.kind == kind) else {
                continue;
            };
            let payload = with_nothing_done(word.payload);
            assert_ne!(payload, word.payload);
            let new = Record { payload, ..word }.emit(place, salt);
            let old = core::mem::replace(self.row(place), new);
            let next = Place::new(sector, place.row + 1);
            if record(self.row(next), next).is_some_and(|seal| seal.seals(&old)) {
                let seal = Record::seal(word.number, word.generation, &new);
                *self.row(next) = seal.emit(next, salt);
            }
            return word.number;
        }
        panic!("no {kind:?}");
    }
}

/// Of a hand-over nobody reads the flags; but whether it is sealed.
#[test]
fn the_flags_of_a_hand_over_do_not_matter() {
    let mut all = Vec::new();
    for operations in [HANDED_OVER, SEALED] {
        let (mut device, sector) = cut_behind(operations, Room::Counted);
        let simplest = device.simplest().otadata();
        stands_for(&device);
        device.clear_flags(sector, Kind::Handover);
        assert!(
            device.simplest().otadata() == simplest,
            "{operations} operations"
        );
        stands_for(&device);
        all.push(simplest);
    }
    assert!(all[0] != all[1]);
}

/// Who leaves a full log goes on to what was decided before it handed over, and nobody else does.
#[test]
fn with_ample_room_a_decision_before_a_hand_over_is_over() {
    // How many groups are left behind the hand-over: the log may be full before the power is off.
    for (room, left, is_over) in [
        (Room::Ample, 4, true),
        (Room::Ample, 2, true),
        (Room::Ample, 1, false),
        (Room::Ample, 0, false),
        (Room::Counted, 4, false),
    ] {
        let (mut device, sector) = cut_behind(HANDED_OVER, room);
        let mut other = device.power_on();
        let group = other.clear_flags(sector, Kind::Handover);
        other.clear_flags(sector, Kind::Decision);
        device.log = Log::new(group + left, group + left - 1).unwrap();
        other.log = device.log;
        let same = device.simplest().otadata() == other.simplest().otadata();
        assert_eq!(same, is_over, "{room:?}, {left} groups left");
        stands_for(&device);
    }
}
