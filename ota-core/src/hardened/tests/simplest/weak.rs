//! Rows with weak bits, and what they may be read as.

use core::iter;

use super::*;
use crate::hardened::layout::{Place, Sector};
use crate::hardened::record::{Record, Row};

/// Of words that may be read, one that says what another before it says may be left out.
#[test]
fn words_in_doubt_are_told_apart_by_what_they_say() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(30, 28).unwrap();
    device.update(A, B, 2);
    let sector = device.newer();
    let word = |n: usize| sector + (6 + 3 * n) * 32..sector + (7 + 3 * n) * 32;
    let salt = device.salt();
    let of = [Sector::First, Sector::Second][sector / 4096];
    let place = |n: usize| Place::new(of, u8::try_from(6 + 3 * n).unwrap());
    let record = |device: &Device, n: usize| {
        let row = device.otadata()[word(n)].try_into().unwrap();
        match Row::parse(&row, place(n), salt) {
            Row::Valid(record) => Some(record),
            _ => None,
        }
    };
    let last = (0..30).rfind(|n| record(&device, *n).is_some()).unwrap();
    let said = record(&device, last).unwrap();
    let other = Record {
        payload: choice::with_nothing_done(said.payload),
        ..said
    };
    assert!(other != said);
    // Groups behind the last one: each claimed, and then cut in the word.
    let with = |words: &[Record]| {
        let mut device = device.power_on();
        for (n, word_of) in (last + 1..).zip(words) {
            let number = u8::try_from(n + 1).unwrap();
            let claim = Record::claim(number, said.generation);
            let claim = claim.emit(Place::new(of, place(n).row - 1), salt);
            let row = Record { number, ..*word_of }.emit(place(n), salt);
            let start = SECTORS.start + word(n).start;
            device.ram.bytes[start - 32..start].copy_from_slice(&claim);
            device.ram.bytes[start..start + 32].copy_from_slice(&row);
        }
        device.simplest_in_doubt((last + 1..).map(word).take(words.len()))
    };
    // Behind the same number of groups, so that nothing else differs.
    assert!(with(&[other, other, said]) == with(&[other, said, other]));
    assert!(with(&[other, other, said]) == with(&[said, said, other]));
    assert!(with(&[other, other, said]) != with(&[said, said, said]));
}

/// What was begun beside a log that ends in a decision is over, be that one that is sure, or one in doubt behind it.
#[test]
fn a_decision_in_doubt_behind_one_that_is_sure_is_the_end_of_what_was_begun() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    let old = device.newer();
    // The hand-over to the next generation came to nothing, and what was decided is decided once more.
    (device.ram.power, device.ram.torn) = (4, Torn::Nothing);
    device.set_boot(B, A).unwrap_err();
    let mut device = device.power_on();
    device.ram.power = 3;
    let _ = device.boot();
    let device = device.power_on();
    let otadata = device.otadata();
    let rows = |group: usize| [6, 7].map(|first| old + 32 * (first + 3 * group));
    let last = (0..30).rfind(|group| otadata[rows(*group)[1]] != 0xFF);
    let [decision, seal] = rows(last.unwrap());
    let mut without = device.power_on();
    without.ram.bytes[SECTORS][4096 - old + 32..][..4064].fill(0);
    for rows in [seal..seal, seal..seal + 32, decision..seal + 32] {
        let [simplest, same] = [&device, &without].map(|d| d.simplest_in_doubt([rows.clone()]));
        assert!(simplest == same, "{rows:?}");
        // And nothing is simpler.
        let mut again = device.power_on();
        again.ram.bytes[SECTORS].copy_from_slice(&simplest.0);
        assert!(
            again.simplest_with(simplest.1.clone()) == simplest,
            "{rows:?}"
        );
    }
}

/// A claim that may be read as a claim may be read as the simpler one, and shows for sure where it did: the
/// next group depends on that.
#[test]
fn weak_bits_stay_where_they_matter() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.update(B, A, 3);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    // The start is to be counted, and all that comes of it is a claim.
    let mut device = device.power_on();
    let before = device.otadata();
    (device.ram.power, device.ram.torn) = (0, Torn::Done);
    let _ = device.boot();
    let after = device.otadata();
    let at = (0..0x2000).find(|at| before[*at] != after[*at]).unwrap();
    let claim = at / 32 * 32..at / 32 * 32 + 32;
    let simplest = device.simplest().otadata();
    for all in [true, false] {
        let mut weak = std::vec![0; 0x2000];
        for (weak, byte) in weak[claim.clone()].iter_mut().zip(&after[claim.clone()]) {
            *weak = !byte & if all { 0xFF } else { 0x0F };
        }
        let (otadata, weak) = device.simplest_with(weak);
        let (otadata, weak) = (&otadata[claim.clone()], &weak[claim.clone()]);
        assert_eq!(otadata.iter().all(|byte| *byte == 0xFF), all);
        assert_eq!(
            weak.iter().any(|weak| *weak != 0),
            all,
            "one that shows counts as used up"
        );
        if all {
            let solid = |n: usize| otadata[n] & !weak[n];
            assert!((0..32).all(|n| solid(n) == simplest[claim.start + n]));
        }
    }
}

/// The rows of a birth are programmed together, and count together: in doubt is one of them for all.
#[test]
fn a_birth_in_doubt_is_one_row_in_doubt() {
    let mut device = Device::new(&[A, B]);
    // The hand-over is written, and the birth that it hands over to reads as it likes.
    device.ram.power = 6;
    device.download(A, B, 2).unwrap_err();
    let births = 32..160;
    let mut all = Vec::new();
    for sector in [0, 4096] {
        let rows = births.start + sector..births.end + sector;
        if device.otadata()[rows.clone()] == [0xFF; 128] {
            continue;
        }
        let (_, weak) = device.simplest_in_doubt([rows]);
        let in_doubt = |row: usize| weak[sector + 32 * row..][..32].iter().any(|w| *w != 0);
        let doubts: Vec<usize> = (0..128).filter(|row| in_doubt(*row)).collect();
        all.push(doubts);
    }
    assert_eq!(all, [[1]]);
}

/// Whatever a cut erase has left of a birth, as much counts of the log behind it as behind one that is whole, or none:
/// of one that is full and says nothing, no matter from where on.
#[test]
fn behind_a_birth_in_doubt_it_does_not_matter_where_the_rest_of_a_log_is_refused() {
    let refused_from = |group: usize| {
        let mut device = Device::new(&[A, B]);
        device.room = Room::Ample;
        device.update(A, B, 2);
        let sector = device.newer();
        let log = &mut device.ram.bytes[SECTORS][sector..sector + 4096];
        log[(5 + 3 * group) * 32..].fill(0);
        log[5 * 32..(5 + 3 * group) * 32].fill(0xFF);
        device.simplest_in_doubt(iter::once(sector + 32..sector + 160))
    };
    let simplest = refused_from(1);
    for group in 2..30 {
        assert!(refused_from(group) == simplest, "from group {group} on");
    }
}

/// An entry that a cut erase has zeroed in part is not one that a cut program has left.
#[test]
fn an_entry_that_cannot_be_completed_stays_so() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    // The hand-over is written, the second half of the entry is not.
    device.ram.power = 6;
    device.set_boot(B, A).unwrap_err();
    let first = device.otadata();
    let half = |sector: usize| first[sector + 16..sector + 32] == [0xFF; 16];
    let new = if half(0) { 0 } else { 4096 };
    let begun = device.simplest().otadata()[new..new + 32].to_vec();
    assert!(begun[..16] != [0xFF; 16] && begun[16..] == [0xFF; 16]);
    device.ram.bytes[SECTORS][new..new + 29].fill(0);
    assert_eq!(device.simplest().otadata()[new..new + 32], [0; 32]);
}

/// A row that was zeroed, and cut in it, may look blank; the record that is programmed there next may fade
/// where it is 1.
#[test]
fn a_record_over_weak_bits_may_fade() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.update(B, A, 3);
    device.boot().unwrap();
    let row_of = |device: &Device| {
        let new = device.newer();
        let claims = (0..30).map(|group| new + (5 + 3 * group) * 32);
        let is_blank = |row: &usize| device.otadata()[*row..*row + 32] == [0xFF; 32];
        claims.clone().find(is_blank).unwrap()
    };
    let mut zeroed = std::vec![0; 0x2000];
    let row = row_of(&device);
    zeroed[row..row + 32].fill(0xFF);
    let (_, weak) = device.simplest_with(zeroed);
    assert_eq!(weak[row..row + 32], [0xFF; 32]);
    // What stands for a last decision that may fade, whatever its numbers: it, with one bit that is weak.
    let mut fading = Vec::new();
    for _ in 0..2 {
        let decision = row_of(&device) - 64;
        let mut weak = std::vec![0; 0x2000];
        weak[decision..decision + 32].copy_from_slice(&device.otadata()[decision..decision + 32]);
        let (otadata, weak) = device.simplest_with(weak);
        let bits = weak[decision..decision + 32]
            .iter()
            .map(|byte| byte.count_ones());
        assert_eq!(bits.sum::<u32>(), 1);
        fading.push((otadata, weak));
        device.update(A, B, 2);
        device.update(B, A, 3);
        device.boot().unwrap();
    }
    assert!(fading[0] == fading[1]);
}

/// Where an erase that is cut zeroes a number, and the CRC may be read as blank, an entry of number 0 may be
/// read: whatever else is there, as nobody wrote it.
#[test]
fn of_an_entry_that_may_be_number_0_nothing_else_counts() {
    let device = Device::new(&[A, B]);
    let with = |zeroed: usize, from: usize| {
        let mut device = device.power_on();
        device.ram.bytes[SECTORS][4096..4096 + zeroed].fill(0);
        let mut weak = std::vec![0; 0x2000];
        weak[4096 + from..4096 + 32].fill(0xFF);
        device.simplest_with(weak)
    };
    let simplest = with(4, 28);
    let (otadata, weak) = &simplest;
    assert_eq!(otadata[4096..4096 + 5], [0, 0, 0, 0, 0xFF]);
    assert_eq!(
        weak[4096 + 24..4096 + 32],
        [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
    );
    for zeroed in 4..28 {
        for from in zeroed..29 {
            assert!(
                with(zeroed, from) == simplest,
                "{zeroed} zeroed, weak from {from} on"
            );
        }
    }
    assert!(with(3, 28) != simplest, "part of a number is none");
    assert!(with(4, 32) != simplest, "this is number 0");
    assert!(with(32, 32) != simplest, "this is no entry");
}

/// What is left of the entry of the younger generation and its weak bits, once some of each was changed.
fn changed(change: impl FnOnce(&mut [u8], &mut [u8])) -> (Vec<u8>, Vec<u8>) {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let entry = device.newer()..device.newer() + 32;
    let mut weak = std::vec![0; 0x2000];
    change(
        &mut device.ram.bytes[SECTORS][entry.clone()],
        &mut weak[entry.clone()],
    );
    let (otadata, weak) = device.simplest_with(weak);
    (otadata[entry.clone()].to_vec(), weak[entry].to_vec())
}

/// An entry that was begun, and is damaged where the rest was to be, is none.
#[test]
fn an_entry_that_is_damaged_before_it_is_whole_is_none() {
    let with = |zeroed: usize, weak_in: core::ops::Range<usize>| {
        changed(|entry, weak| {
            for at in weak_in {
                weak[at] = !entry[at];
            }
            entry[16..].fill(0xFF);
            entry[16..16 + zeroed].fill(0);
        })
    };
    for weak_in in [0..16, 0..0] {
        for zeroed in 1..=16 {
            let (bytes, weak) = with(zeroed, weak_in.clone());
            assert_eq!(
                (bytes, weak),
                (std::vec![0; 32], std::vec![0; 32]),
                "{zeroed} zeroed"
            );
        }
    }
    let (bytes, weak) = with(0, 0..16);
    assert_ne!(bytes, [0; 32], "this one can be completed");
    assert_ne!(weak, [0; 32]);
}

/// Of the second half of an entry matters that it was begun, and is to be what it has to be: not what else a cut leaves
/// there.
#[test]
fn half_an_entry_in_doubt_is_one_of_ours_to_be_completed() {
    let in_doubt = |change: fn(&mut [u8], &mut [u8])| {
        changed(|entry, weak| {
            for at in 28..32 {
                weak[at] = !entry[at];
            }
            change(entry, weak);
        })
    };
    let half_there = in_doubt(|_, _| {});
    assert_eq!(in_doubt(|_, weak| weak[28..31].fill(0)), half_there);
    let other_crc = in_doubt(|entry, weak| {
        entry[28..].fill(0);
        weak[28..].fill(0xFF);
    });
    assert_eq!(other_crc.1[28..], [0xFF; 4]);
    let other_label = in_doubt(|entry, _| entry[16] = 0);
    assert_eq!(other_label.0[16], 0);
}

/// Nobody looks at the label of an entry of number 0.
#[test]
fn the_label_of_number_0_may_be_in_doubt() {
    let with = |weak: u8| {
        changed(|entry, all_weak| {
            entry.fill(0xFF);
            entry[..4].fill(0);
            all_weak[4..20].fill(weak);
        })
    };
    let sure = with(0);
    assert_eq!(sure.1, [0; 32]);
    assert_eq!(with(0xFF), sure);
    assert_eq!(with(0x5A), sure);
}
