//! The solver against figures of ESP-IDF's otadata, and against trying every content.

use std::collections::BTreeSet;

use ota_core::otadata::{self, ENTRY_LEN, Entry, OtaState, slot_of};
use proptest::prelude::*;
use sim_flash::{Op, Profile};

use super::*;

const ERASED: [u8; ENTRY_LEN] = [0xFF; ENTRY_LEN];
const SEQ: Field = Field::little(0..4);

fn crc(seq: &[u8]) -> u32 {
    otadata::crc(u32::from_le_bytes(seq.try_into().expect("four bytes")))
}

fn otadata_entry() -> Checked {
    Checked::new(ENTRY_LEN, 0..4, Field::little(28..32), crc).expect("a CRC is affine")
}

fn entry(content: &[u8]) -> Entry {
    Entry::parse(content.first_chunk().expect("an entry"))
}

fn torn_entries(seq: u32) -> Solutions {
    let wanted = Entry::new(seq, OtaState::NEW).emit();
    Solutions::new(&otadata_entry(), &ERASED, &wanted)
}

#[test]
fn a_torn_first_entry_can_be_valid_with_131_071_numbers_never_written() {
    let solutions = torn_entries(1);
    assert_eq!(solutions.count().exact(), Some(131_071));
    let seqs: Vec<_> = solutions.ascending().map(|x| entry(&x)).collect();
    assert_eq!(seqs.len(), 131_071);
    assert!(seqs.iter().all(|entry| entry.is_valid() && entry.seq > 1));
    assert!(seqs.is_sorted_by(|a, b| a.seq < b.seq));
}

#[test]
fn a_torn_second_entry_can_be_valid_in_4_095_ways_and_half_of_them_name_the_other_slot() {
    let solutions = torn_entries(2);
    assert_eq!(solutions.count().exact(), Some(4_095));
    let seqs: Vec<_> = solutions.ascending().map(|x| entry(&x)).collect();
    assert_eq!(seqs.len(), 4_095);
    assert!(seqs.iter().all(|entry| entry.is_valid() && entry.seq > 2));
    let other = |entry: &&Entry| slot_of(entry.seq, 2) != slot_of(2, 2);
    assert_eq!(seqs.iter().filter(other).count(), 2_048);
    // The same by a linear condition.
    assert_eq!(solutions.with_bit(0, true).count().exact(), Some(2_048));
}

#[test]
fn an_entry_whose_crc_is_programmed_last_cannot_be_torn_into_another() {
    for seq in 1..100 {
        let wanted = Entry::new(seq, OtaState::NEW).emit();
        let mut body = wanted;
        body[28..].fill(0xFF);
        let solutions = Solutions::new(&otadata_entry(), &body, &wanted);
        assert_eq!(solutions.count().exact(), Some(0), "seq {seq}");
        assert_eq!(solutions.ascending().count(), 0, "seq {seq}");
    }
}

#[test]
fn the_least_and_the_greatest_number_are_found_in_every_residue() {
    let solutions = torn_entries(2);
    let all: Vec<_> = solutions.ascending().map(|x| entry(&x).seq).collect();
    let last = solutions.descending().next().map(|x| entry(&x).seq);
    assert_eq!(last, all.last().copied());
    for modulus in [1, 2, 3, 4, 6, 7, 16] {
        for remainder in 0..modulus {
            let found = solutions.least_congruent(&SEQ, modulus, remainder, 4096);
            let expected =
                { all.iter().copied() }.find(|seq| u64::from(*seq) % modulus == remainder);
            let seq = found.map(|content| entry(&content).seq);
            assert_eq!(seq, expected, "{remainder} mod {modulus}");
        }
    }
}

#[test]
fn solutions_ascend_by_any_field() {
    let high_half = Field::big(2..4);
    let solutions = torn_entries(2).sorted(&high_half);
    let halves: Vec<_> = solutions.ascending().map(|x| high_half.get(&x)).collect();
    assert_eq!(halves.len(), 4_095);
    assert!(halves.is_sorted());
}

#[test]
fn a_forged_entry_is_what_the_selection_reads_after_the_tear() {
    const AT: u32 = 0xD000;
    let wanted = Entry::new(2, OtaState::NEW).emit();
    let solutions = torn_entries(2);
    let forged = { solutions.least_congruent(&SEQ, 2, 1, 4096) }.expect("half of them are odd");
    let tear = tear_of(0, &wanted, &ERASED, &forged).expect("32 bytes fit a mask");
    // As a case id names it.
    assert_eq!(tear.to_string().parse(), Ok(tear));

    let mut state = Profile::w25q64jv().erased();
    let older = Entry::new(1, OtaState::VALID);
    state.load(AT + 0x1000, &older.emit());
    let op = Op::program(AT, &wanted);
    assert!(tear.applies_to(&op));
    state.tear(&op, tear);

    let mut left = ERASED;
    state.read(AT, &mut left);
    let entries = [entry(&left), older];
    assert_eq!(otadata::active(&entries), Some(0));
    assert!(entries[0].seq > 2);
    // Slot 0 boots, not slot 1, whose entry was being written.
    assert_eq!(slot_of(entries[0].seq, 2), Some(0));
    assert_eq!(slot_of(2, 2), Some(1));
}

fn representatives(slots: u64) -> Representatives {
    Representatives {
        record: otadata_entry(),
        number: SEQ,
        state: Field::little(24..28),
        states: vec![0, 1, 2, 3, 4, 0xFFFF_FFFF],
        slots,
    }
}

#[test]
fn representatives_show_every_slot_the_greatest_number_and_every_state() {
    for (seq, slots) in [(1, 2), (2, 2), (2, 3), (5, 2), (6, 4)] {
        let wanted = Entry::new(seq, OtaState::NEW);
        let chosen = representatives(slots).contents(&wanted.emit());
        assert!(chosen.len() <= Representatives::MOST);
        let entries: Vec<_> = chosen.iter().map(|content| entry(content)).collect();
        assert!(entries.iter().all(|e| e.crc_matches() && *e != wanted));
        let solutions = torn_entries(seq);
        let all: Vec<_> = solutions.ascending().map(|x| entry(&x).seq).collect();
        let has = |seq: u32, state: u32| {
            entries
                .iter()
                .any(|e| e.seq == seq && e.state == OtaState(state))
        };
        assert!(all.last().is_none_or(|greatest| has(*greatest, 0)));
        let written = u64::from(seq) % slots;
        let slot = |seq: &u32| u64::from(*seq) % slots;
        for residue in 0..slots {
            let Some(least) = all.iter().find(|seq| slot(seq) == residue) else {
                continue;
            };
            assert!(has(*least, 0), "seq {seq}: {residue} mod {slots}");
        }
        for state in [1, 2, 3, 4, 0xFFFF_FFFF] {
            let shown = |other: &Entry| slot(&other.seq) != written && other.state.0 == state;
            let exists = all.iter().any(|seq| slot(seq) != written);
            assert_eq!(
                entries.iter().any(shown),
                exists,
                "seq {seq}: state {state}"
            );
        }
    }
}

#[test]
fn representatives_stay_in_the_lattice_of_the_state() {
    for (state, reachable) in [
        (OtaState::PENDING_VERIFY, vec![1, 3, 0xFFFF_FFFF]),
        (OtaState::VALID, vec![2, 3, 0xFFFF_FFFF]),
        (OtaState::ABORTED, vec![4, 0xFFFF_FFFF]),
        (OtaState::UNDEFINED, vec![0xFFFF_FFFF]),
    ] {
        let wanted = Entry::new(2, state).emit();
        let chosen = representatives(2).contents(&wanted);
        let states: BTreeSet<_> = chosen.iter().map(|x| entry(x).state.0).collect();
        assert_eq!(states, reachable.into_iter().collect());
        let tears = representatives(2).tears(&wanted);
        assert_eq!(tears.len(), chosen.len());
        assert!({ tears.iter() }.all(|tear| tear.applies_to(&Op::program(0, &wanted))));
    }
}

fn crc_8(bytes: &[u8]) -> u32 {
    u32::from(crc::Crc::<u8>::new(&crc::CRC_8_SMBUS).checksum(bytes))
}

/// Every content that a torn program of `wanted` over `old` can leave.
fn lattice(old: &[u8], wanted: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let done: Vec<u8> = old.iter().zip(wanted).map(|(old, new)| old & new).collect();
    let free: Vec<usize> = (0..old.len() * 8)
        .filter(|n| (old[n / 8] & !done[n / 8]) >> (n % 8) & 1 != 0)
        .collect();
    (0..1_u32 << free.len()).map(move |subset| {
        let mut content = done.clone();
        for (place, n) in free.iter().enumerate() {
            if subset >> place & 1 != 0 {
                content[n / 8] |= 1 << (n % 8);
            }
        }
        content
    })
}

proptest! {
    /// Three bytes: two covered, and a CRC-8 of them; erased or not, sealed or not.
    #[test]
    fn solutions_are_those_that_trying_every_content_finds(
        mut old: [u8; 3],
        mut wanted: [u8; 3],
        erased: bool,
        sealed: bool,
        place in 0..3_usize,
    ) {
        let (covered, stored) = [(1..3, 0..1), (0..1, 1..2), (0..2, 2..3)][place].clone();
        let record = Checked::new(3, covered.clone(), Field::little(stored.clone()), crc_8).unwrap();
        if erased {
            old = [0xFF; 3];
        }
        if sealed {
            record.seal(&mut wanted);
        }
        let done: Vec<u8> = old.iter().zip(&wanted).map(|(old, new)| old & new).collect();
        let interesting = |content: &Vec<u8>| {
            let part = |bytes: &[u8]| bytes[covered.clone()].to_vec();
            record.is_right(content)
                && part(content) != part(&done)
                && part(content) != part(&old)
                // Of bytes that are not covered, the solver leaves none undone.
                && (0..3).all(|at| {
                    covered.contains(&at) || stored.contains(&at) || content[at] == done[at]
                })
        };
        let expected: BTreeSet<_> = lattice(&old, &wanted).filter(interesting).collect();
        let solutions = Solutions::new(&record, &old, &wanted);
        let found: Vec<_> = solutions.ascending().collect();
        prop_assert_eq!(solutions.count().exact(), Some(expected.len() as u128));
        prop_assert_eq!(found.len(), expected.len());
        let mut backwards: Vec<_> = solutions.descending().collect();
        backwards.reverse();
        prop_assert_eq!(&backwards, &found);
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.clone());
        // Narrowed by each bit, they are those that have it so.
        for n in 0..24 {
            let narrowed = solutions.clone().with_bit(n, true);
            let kept = expected.iter().filter(|x| x[n / 8] >> (n % 8) & 1 != 0).count();
            prop_assert_eq!(narrowed.ascending().count(), kept);
            prop_assert_eq!(narrowed.count().exact(), Some(kept as u128));
        }
    }
}
