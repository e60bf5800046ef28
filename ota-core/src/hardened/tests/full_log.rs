//! A full log, and how it is left.

use super::super::layout::{GIVEN_UP, Place, Sector};
use super::super::record::Record;
use super::*;

/// How an operation may be cut.
const KINDS: [Torn; 5] = [
    Torn::Nothing,
    Torn::Done,
    Torn::Zeroed,
    Torn::Some(3),
    Torn::Prefix(16),
];

/// A device of which each of the four groups of the new generation was cut, once it was handed over to.
fn full_and_silent(mut device: Device, change: impl FnOnce(&mut Device) -> bool) -> Device {
    device.log = Log::new(4, 2).unwrap();
    // Behind the claim, the erase, the birth, half an entry, the hand-over and the other half.
    device.ram.power = 7;
    device.ram.torn = Torn::Prefix(9);
    assert!(change(&mut device), "it is cut");
    for _ in 0..3 {
        device = device.power_on();
        device.ram.power = 0;
        device.ram.torn = Torn::Prefix(9);
        let _ = device.boot();
    }
    device.power_on()
}

/// The same, and the generation was to be given up: what it takes at least, and a claim that reads right
/// once and not the next time.
fn exhausted(device: Device, change: impl FnOnce(&mut Device) -> bool) -> Device {
    let mut device = full_and_silent(device, change);
    let given_up = OTADATA as usize + device.newer() + 32 * usize::from(GIVEN_UP);
    device.ram.bytes[given_up..given_up + 32].fill(0);
    device
}

/// The claim of a group of the first generation, which stands in the sector with the newer entry.
fn claim_of(device: &Device, group: u8) -> [u8; 32] {
    let sector = if device.newer() == 0 {
        Sector::First
    } else {
        Sector::Second
    };
    Record::claim(group, 1).emit(Place::in_group(sector, group, 0), device.salt())
}

/// Each boot says the same in the last group again, until it is complete.
#[test]
fn a_full_log_that_says_nothing_is_put_in_order_by_the_next_boot() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let device = full_and_silent(device, |device| device.begin(B, A).is_err());
    each_cut_in_the_next_boots_leaves_b(&device);
}

#[test]
fn with_its_log_exhausted_the_device_boots_and_refuses_to_change() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let mut device = exhausted(device, |device| device.begin(B, A).is_err());
    for _ in 0..2 {
        device.cost();
        let decision = device.boot().unwrap();
        assert_eq!((decision.slot, decision.order), (B, Order::Exhausted));
        assert_eq!(device.download(B, A, 3), Err(OtaError::LogExhausted));
        assert_eq!(device.set_boot(B, A), Err(OtaError::LogExhausted));
        assert_eq!(device.cost(), otadata(0, 0));
    }
}

/// Nor does it say that a factory reset is done which it could not write down.
#[test]
fn with_its_log_exhausted_no_factory_reset_is_done() {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    let mut device = exhausted(device, |device| device.begin(A, B).is_err());
    device.inputs.factory_reset_pin = true;
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.order), (A, Order::Exhausted));
    assert_eq!(decision.wipe, Some(crate::boot::Wipe::Incomplete));
}

/// A generation that nothing handed over to was read as not claimed, and giving it up cut; then a claim is read. Neither
/// that, nor what was programmed where zeroing was cut, is relied on: each may read right once more, and not the next
/// time.
#[test]
fn nothing_is_said_where_zeroing_was_cut() {
    let mut device = Device::of_stock(2);
    device.log = Log::new(4, 2).unwrap();
    device.ram.put(place(&[A, B], B).offset, &image(2));
    // Behind the erase, the birth and the first half of the entry.
    let begun = device.cut_in_begin(B, A, 3);
    let sector = OTADATA as usize + begun.newer();
    let rows = |group: u8| sector + 32 * (2 + 3 * usize::from(group))..;
    for group in 1..=4 {
        // Of each group before it something is to be seen.
        let mut unread = begun.power_on();
        (1..group).for_each(|group| unread.ram.bytes[rows(group)][0] = 0);
        // The row that says that it is given up, and as many claims.
        for zeroed in 1..=usize::from(group) {
            let [mut device, next] = [0, 1].map(|more| unread.cut_in_begin(B, A, zeroed + more));
            let mut all = (0..128).map(|row| sector + 32 * row..sector + 32 * (row + 1));
            let cut = all.find(|row| device.ram.bytes[row.clone()] != next.ram.bytes[row.clone()]);
            let claim = claim_of(&device, group);
            device.ram.bytes[rows(group)][..32].copy_from_slice(&claim);
            for power in 0.. {
                let mut device = device.power_on();
                device.ram.power = power;
                let _ = device.boot();
                let is_cut = device.ram.is_dead();
                let mut device = device.power_on();
                let row = &mut device.ram.bytes[rows(group)][..32];
                if *row == claim {
                    row.fill(0xFF);
                }
                device.ram.bytes[cut.clone().unwrap()].fill(0);
                let decision = device.boot().unwrap();
                let found = (decision.slot, decision.order);
                assert_eq!(
                    found,
                    (B, Order::Kept),
                    "group {group}, {zeroed} rows, {power} operations"
                );
                if !is_cut {
                    break;
                }
            }
        }
    }
}

/// A generation that nothing handed over to, given up but for the claim of its last group, which was read as none then:
/// now that it reads right, the generation counts and has no group left. It is given up once more.
#[test]
fn a_generation_given_up_in_part_is_given_up_for_good() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(4, 2).unwrap();
    // Behind the erase, the birth and the first half of the entry.
    let mut device = device.cut_in_begin(A, B, 3);
    let sector = OTADATA as usize + device.newer();
    // Rows 5, 8, 11 and 14 are the claims.
    for row in [usize::from(GIVEN_UP), 5, 8, 11] {
        device.ram.bytes[sector + 32 * row..][..32].fill(0);
    }
    let claim = claim_of(&device, 4);
    device.ram.bytes[sector + 32 * 14..][..32].copy_from_slice(&claim);
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.order), (A, Order::Kept));
    device.update(A, B, 2);
}

#[test]
fn with_its_log_exhausted_an_image_on_trial_is_not_started() {
    let mut device = Device::new(&[A, B]);
    device.download(A, B, 2).unwrap();
    let mut device = exhausted(device, |device| device.set_boot(A, B).is_err());
    for _ in 0..2 {
        let decision = device.boot().unwrap();
        assert_eq!((decision.slot, decision.order), (A, Order::Exhausted));
        assert_eq!(decision.reason, Reason::Postponed { trial: B });
        let refused = decision.tried.iter().map(|attempt| attempt.refused);
        assert!(refused.eq([crate::boot::Refused::NotCounted]));
    }
}

/// A device whose log of four groups is full and in doubt: a hand-over is cut, and so is each boot after it, in the
/// claim of what it says once more.
fn full_and_torn() -> Device {
    let mut device = with_a_torn_hand_over(4);
    for _ in 0..4 {
        let full = 2 * OTADATA as usize + 0x1000 - (OTADATA as usize + device.newer());
        if device.ram.bytes[full + 32 * 14..][..32] != [0xFF; 32] {
            return device;
        }
        device.ram.power = 0;
        device.ram.torn = Torn::Prefix(9);
        let _ = device.boot();
        device = device.power_on();
    }
    panic!("the log of four groups never filled");
}

/// It used to refuse every update until it was told to begin a new log.
#[test]
fn a_full_log_in_doubt_is_left_by_the_next_boot() {
    let device = full_and_torn();
    each_cut_in_the_next_boots_leaves_b(&device);
}

/// After an update, a hand-over is cut: behind its claim, the erase, the birth and half an entry.
fn with_a_torn_hand_over(groups: u8) -> Device {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(groups, 2).unwrap();
    device.update(A, B, 2);
    device.ram.power = 4;
    device.ram.torn = Torn::Prefix(9);
    device.begin(B, A).unwrap_err();
    device.power_on()
}

/// A device whose log of five groups is full and in doubt: what was chosen was said once more in the last group,
/// and cut in its seal.
fn full_and_unsealed() -> Device {
    let mut device = with_a_torn_hand_over(5);
    device.ram.power = 2;
    let _ = device.boot();
    device.power_on()
}

/// The full log may hand over yet, by a row that reads wrong today: not any more when the sector that it would
/// hand over to is erased. What decides stays, and what is before it counts for nothing: it is said once more.
#[test]
fn what_may_hand_over_is_zeroed_before_the_other_sector_is_erased() {
    for mut device in [full_and_torn(), full_and_unsealed()] {
        let other = OTADATA + u32::try_from(device.newer()).unwrap();
        let full = 2 * OTADATA + 0x1000 - other;
        let mut booted = device.power_on();
        booted.boot().unwrap();
        let erase = |op: &Op| matches!(op, Op::Erase { from, .. } if *from == other);
        let before = device.power_on();
        device.ram.power = booted.ram.ops.iter().position(erase).unwrap();
        let _ = device.boot();
        let row = |device: &Device, group: usize, which: usize| {
            let at = full as usize + 32 * (2 + 3 * group + which);
            device.ram.bytes[at..at + 32].to_vec()
        };
        let decides = |group: usize| row(&before, group, 1)[0] == 0x66;
        let groups = usize::from(device.log.groups());
        let last = (1..=groups).rfind(|group| decides(*group)).unwrap();
        for group in 1..=groups {
            let expected = if group <= last {
                row(&before, group, 1)
            } else {
                [0; 32].to_vec()
            };
            assert_eq!(
                row(&device, group, 1),
                expected,
                "group {group}, decided: {last}"
            );
        }
        let at = full + 32 * (2 + 3 * u32::try_from(last).unwrap() + 1);
        let said = |op: &Op| matches!(op, Op::Program { at: a, .. } if *a == at);
        assert!(device.ram.ops.iter().any(said), "{:?}", device.ram.ops);
    }
}

/// What is chosen was read once, by a row that reads wrong later, and was said in the last group, and cut. Where
/// nothing is said any more, what the birth says is said there once more: that has to be the same record, or a
/// third one may come of the two.
#[test]
fn the_last_group_of_a_log_has_one_way_to_say_what_is_chosen() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(4, 2).unwrap();
    device.update(A, B, 2);
    device.update(B, A, 3);
    device.ram.put(device.partition(B).offset, &image(4));
    // Up to the first decision in the new sector; then a claim in each boot.
    device.ram.power = 8;
    device.ram.torn = Torn::Done;
    device.begin(A, B).unwrap_err();
    for _ in 0..2 {
        device = device.power_on();
        (device.ram.power, device.ram.torn) = (0, Torn::Prefix(9));
        let _ = device.boot();
    }
    let last = |device: &Device| {
        let at = OTADATA as usize + device.newer() + 32 * (5 + 3 * 3 + 1);
        at..at + 32
    };
    let mut device = device.power_on();
    // Up to its first checksum.
    (device.ram.power, device.ram.torn) = (1, Torn::Prefix(27));
    let _ = device.boot();
    let first = device.ram.bytes[last(&device)].to_vec();
    assert!(
        first.starts_with(&[0x66]) && first.ends_with(&[0xFF; 5]),
        "{first:02x?}"
    );
    // The decision in the first group fades.
    let at = OTADATA as usize + device.newer() + 32 * 6;
    assert_eq!(device.ram.bytes[at], 0x66);
    device.ram.bytes[at..at + 32].fill(0);
    let mut device = device.power_on();
    let row = last(&device);
    (device.ram.power, device.ram.torn) = (2, Torn::Nothing);
    let _ = device.boot();
    let record = &device.ram.bytes[row];
    let zeros: u32 = record[..31].iter().map(|byte| byte.count_zeros()).sum();
    assert_eq!(zeros, u32::from(record[31]), "{record:02x?}: a record");
    let mut device = device.power_on();
    assert_eq!(device.boot().unwrap().slot, A);
    device.rests_with(A);
}

/// The same cut in three boots in a row.
fn each_cut_in_the_next_boots_leaves_b(device: &Device) {
    for (at, torn) in (0..20).flat_map(|at| KINDS.map(|torn| (at, torn))) {
        let mut left = device.power_on();
        for _ in 0..3 {
            left.ram.power = at;
            left.ram.torn = torn;
            let _ = left.boot();
            left = left.power_on();
        }
        let decision = left.boot().unwrap();
        let found = (decision.slot, decision.order);
        assert_eq!(found, (B, Order::Kept), "{at} {torn:?}");
        left.update(B, A, 3);
        assert_eq!(left.boot().unwrap().slot, A);
    }
}

/// A device whose log of three groups is full and in order: after one cut in a hand-over, what is
/// chosen was written again in the last group.
fn full_and_sealed() -> Device {
    let mut device = with_a_torn_hand_over(3);
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.order), (B, Order::Kept));
    device.power_on()
}

/// It used to refuse every update: a device for good with the image that it had.
#[test]
fn a_full_log_in_order_is_left_by_the_next_change() {
    let mut device = full_and_sealed();
    device.update(B, A, 3);
    assert_eq!(device.boot().unwrap().slot, A);
    assert_eq!(device.stock(), Some(A));
    device.update(A, B, 4);
}

/// The way out is as safe as any other change: cut anywhere in it, what is chosen stays or is what was
/// to be chosen, and the next update goes through.
#[test]
fn power_loss_on_the_way_out_of_a_full_log_leaves_before_or_after() {
    let device = full_and_sealed();
    for at in 0..40 {
        for torn in KINDS {
            let mut left = device.power_on();
            left.ram.power = at;
            left.ram.torn = torn;
            let cut = left.download(B, A, 3).is_err();
            let mut left = left.power_on();
            assert_eq!(left.boot().unwrap().slot, B, "{at} {torn:?} {cut}");
            let mut left = left.power_on();
            left.update(B, A, 3);
            assert_eq!(left.boot().unwrap().slot, A);
        }
    }
}

#[test]
fn a_trial_whose_start_cannot_be_counted_goes_back() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(4, 2).unwrap();
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    device.set_boot(B, A).unwrap();
    // Every write fails.
    device.ram.power = 0;
    device.ram.dead_reads = false;
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, B);
    assert!(matches!(decision.order, Order::Failed(_)));
}

/// A blank entry that rots selects a slot for stock code. So where the log is full and in doubt, and a new one is
/// begun in the other sector, and where both entries rot: the one that is not in the sector that is erased used to be left behind until the boot after.
#[test]
fn no_entry_that_selects_is_left_beside_a_new_log() {
    for (sectors, full) in [(0..1, true), (1..2, true), (0..2, false)] {
        let mut device = Device::new(&[FACTORY, A, B]);
        device.log = Log::new(4, 2).unwrap();
        device.ram.put(device.partition(B).offset, &image(9));
        if full {
            device.begin(FACTORY, A).unwrap();
        }
        for sector in sectors.clone() {
            let at = OTADATA + sector * 0x1000;
            device.ram.put(at, &[0; 10]);
            if full {
                // The claim of the last group.
                device.ram.put(at + 32 * 14, &[0; 32]);
            }
        }
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.stock(), Some(FACTORY), "{sectors:?}");
        device.rests_with(FACTORY);
    }
}

/// The factory image has no entry. While it is chosen the entry of the image before stands beside the new log: whichever
/// cuts that takes, a stock bootloader boots what this one does once it has run.
#[test]
fn the_factory_image_is_chosen_for_stock_code_too_whatever_was_cut() {
    let mut twice = 0;
    for (boots_cut, power) in (0..4).flat_map(|boots| (0..14).map(move |power| (boots, power))) {
        let mut device = Device::new(&[FACTORY, A, B]);
        device.log = Log::new(4, 2).unwrap();
        device.update(FACTORY, A, 2);
        (device.ram.power, device.ram.torn) = (power, Torn::Done);
        device.set_boot(A, FACTORY).unwrap_err();
        let mut device = device.power_on();
        for _ in 0..boots_cut {
            // Each boot is cut in the claim of what it says once more, until the log is full.
            (device.ram.power, device.ram.torn) = (0, Torn::Prefix(9));
            let _ = device.boot();
            device = device.power_on();
        }
        let decision = device.boot().unwrap();
        twice += u32::from(device.cost().erases > 1);
        assert_eq!(device.stock(), Some(decision.slot), "{boots_cut} {power}");
        device.rests_with(decision.slot);
    }
    assert!(twice > 0);
}

/// Nothing is written after an error, not even zeros over rows that may be words.
#[test]
fn when_the_flash_fails_while_a_full_log_is_left_nothing_more_is_written() {
    for device in [full_and_torn(), full_and_unsealed()] {
        let mut whole = device.power_on();
        whole.boot().unwrap();
        for power in 0..whole.ram.ops.len() {
            let mut failing = device.power_on();
            failing.ram.power = power;
            failing.ram.dead_reads = false;
            let decision = failing.boot().unwrap();
            assert_eq!(decision.slot, B, "{power}");
            assert!(matches!(decision.order, Order::Failed(_)), "{power}");
            assert_eq!(failing.ram.after_failure, 0, "{power}");
        }
    }
}
