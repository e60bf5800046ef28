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

/// Claims that may not be there, one behind the other, are as good as one, as long as there is room.
#[test]
fn with_ample_room_claims_in_doubt_are_none_or_many() {
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
    let many = chain(1, Room::Ample);
    for claims in 2..8 {
        assert!(chain(claims, Room::Ample) == many, "{claims} claims");
    }
    assert!(chain(0, Room::Ample) != many);
    for claims in 1..8 {
        let more = chain(claims + 1, Room::Counted);
        assert!(chain(claims, Room::Counted) != more, "{claims} claims");
    }
}

/// Where the last group of a log may be read otherwise, be it a decision or a seal, there may as well be claims in doubt
/// behind it; not where all of it is sure, or the log has no room for them.
#[test]
fn with_ample_room_there_are_claims_in_doubt_behind_what_may_be_read_otherwise() {
    let at_rest = |log| {
        let mut device = Device::new(&[A, B]);
        (device.log, device.room) = (log, Room::Ample);
        device.update(A, B, 2);
        device
    };
    let row = |device: &Device, row: usize| {
        let start = device.newer() + 32 * row;
        start..start + 32
    };
    let simplest = |device: &Device, in_doubt: &[usize]| {
        device.simplest_in_doubt(in_doubt.iter().map(|number| row(device, *number)))
    };
    let device = at_rest(Log::new(30, 28).unwrap());
    let is_used = |number: &usize| device.otadata()[row(&device, 5 + 3 * number)] != [0xFF; 32];
    let last = (0..30).rfind(is_used).unwrap();
    let [decision, seal] = [6, 7].map(|first| first + 3 * last);
    let behind = |(_, weak): &(Vec<u8>, Vec<u8>)| {
        let weak = |number| weak[row(&device, number)] != [0; 32];
        (last + 1..30).filter(|group| weak(5 + 3 * group)).count()
    };
    assert_eq!(behind(&simplest(&device, &[])), 0);
    for in_doubt in [&[seal][..], &[decision, seal]] {
        let simplest = simplest(&device, in_doubt);
        assert_eq!(behind(&simplest), 2, "{in_doubt:?}");
    }
    let groups = u8::try_from(last + 3).unwrap();
    let full = at_rest(Log::new(groups, 2).unwrap());
    let (otadata, _) = simplest(&full, &[seal]);
    assert!(otadata[row(&full, seal + 1)] == [0xFF; 32]);
}

/// That a generation was to be given up is forgotten while there is room: not where its log is full.
#[test]
fn with_ample_room_it_is_forgotten_where_nobody_asks_that_a_generation_was_to_be_given_up() {
    let mut device = Device::of_stock(1);
    (device.log, device.room) = (Log::new(30, 28).unwrap(), Room::Ample);
    let row = |row: usize| 4096 + 32 * row..4096 + 32 * (row + 1);
    // Behind its first claim.
    let device = device.cut_in_begin(A, B, 4);
    for used in [1, 27, 28, 29, 30] {
        let mut device = device.power_on();
        let otadata = &mut device.ram.bytes[SECTORS];
        otadata[row(127)].fill(0);
        for group in 1..used {
            otadata[row(5 + 3 * group)].fill(0);
        }
        let simplest = device.simplest().otadata();
        let is_forgotten = simplest[row(127)] == [0xFF; 32];
        assert_eq!(is_forgotten, used < 29, "{used} groups");
        if !is_forgotten {
            stands_for(&device);
        }
    }
}
