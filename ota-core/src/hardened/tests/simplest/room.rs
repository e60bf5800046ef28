//! Where the groups that are left in a log do not count.

use super::*;

/// Cut again and again where a start is counted, a device uses up its log: with ample room it stands where it stood
/// after the first few of these cuts, and no log is full.
#[test]
fn with_ample_room_a_log_does_not_fill() {
    let mut device = Device::new(&[A, B]);
    (device.log, device.room) = (Log::new(30, 28).unwrap(), Room::Ample);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    let mut seen = Vec::new();
    for _ in 0..24 {
        device = device.power_on();
        // The claim is there, and nothing else.
        (device.ram.power, device.ram.torn) = (0, Torn::Done);
        let _ = device.boot();
        device = device.power_on();
        stands_for(&device);
        seen.push(device.simplest().otadata());
    }
    let last = seen.last().unwrap();
    assert!(seen.iter().skip(4).all(|one| one == last));
    device.room = Room::Counted;
    assert!(device.simplest().otadata() != *last, "its groups count");
}

/// Claims that may not be there, one behind the other, are one thing from the second on, as long as there is room.
#[test]
fn with_ample_room_claims_in_doubt_are_none_one_or_many() {
    let chain = |claims: usize, room| {
        let mut device = Device::new(&[A, B]);
        (device.log, device.room) = (Log::new(30, 28).unwrap(), room);
        device.download(A, B, 2).unwrap();
        device.set_boot(A, B).unwrap();
        let before = device.otadata();
        for _ in 0..claims {
            (device.ram.power, device.ram.torn) = (0, Torn::Done);
            let _ = device.boot();
            device = device.power_on();
        }
        // Each bit that these cuts have programmed is weak.
        let changed = before.iter().zip(device.otadata());
        let weak = changed.map(|(before, now)| before & !now).collect();
        device.simplest_with(weak)
    };
    let many = chain(2, Room::Ample);
    for claims in 3..8 {
        assert!(chain(claims, Room::Ample) == many, "{claims} claims");
    }
    for claims in [0, 1] {
        assert!(chain(claims, Room::Ample) != many, "{claims} claims");
    }
    for claims in 1..8 {
        let more = chain(claims + 1, Room::Counted);
        assert!(chain(claims, Room::Counted) != more, "{claims} claims");
    }
}

/// Giving up a generation zeroes the claims of all groups, so its log is full, however much room there was: that it was
/// to be given up is not forgotten then.
#[test]
fn with_ample_room_a_generation_that_was_given_up_stays_so() {
    let mut device = Device::of_stock(1);
    (device.log, device.room) = (Log::new(30, 28).unwrap(), Room::Ample);
    // Its entry is there, which proves it.
    let device = device.cut_in_begin(A, B, 4);
    let row = |row: usize| 4096 + 32 * row..4096 + 32 * (row + 1);
    let given_up = |claims: usize| {
        let mut device = device.power_on();
        let otadata = &mut device.ram.bytes[SECTORS];
        otadata[row(127)].fill(0);
        for group in 0..claims {
            otadata[row(5 + 3 * group)].fill(0);
        }
        device
    };
    for claims in [0, 28, 29, 30] {
        let device = given_up(claims);
        let simplest = device.simplest().otadata();
        let is_forgotten = simplest[row(127)] == [0xFF; 32];
        assert_eq!(is_forgotten, claims < 29, "{claims} claims");
        if claims >= 29 {
            stands_for(&device);
        }
    }
}
