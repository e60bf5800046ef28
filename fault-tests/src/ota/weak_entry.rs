//! What an otadata entry with weak bits may be read as.
//!
//! ESP-IDF's code asks three things of an entry: whether its CRC fits, which slot its sequence number
//! stands for and whether it is the larger one, and what its state is. So one content is tried for
//! each answer that the solid bits leave open: of each slot the least number that is possible and a
//! great one, and numbers solved for whose CRC fits, with each state that is treated in a way of its own.

use ota_core::otadata::{self, OtaState, slot_of};

use super::torn_entry;

/// The states that an entry may be in, in the order of trying.
const STATES: [OtaState; 5] = [
    OtaState::VALID,
    OtaState::PENDING_VERIFY,
    OtaState::NEW,
    OtaState::UNDEFINED,
    OtaState::INVALID,
];

/// Tried in place of others that are treated alike, if the bits leave none of those open.
const STAND_INS: [(OtaState, OtaState); 2] = [
    (OtaState::INVALID, OtaState::ABORTED),
    (OtaState::UNDEFINED, UNKNOWN_STATE),
];

/// One that no entry has in life: code treats it as it does UNDEFINED.
const UNKNOWN_STATE: OtaState = OtaState(5);

/// A great number: far above those of an ordinary life, and far below the end of all numbers.
const GREAT: u32 = 0x7FFF_FFFF;

/// Numbers tried in search of one that names a slot, at most: for all slots of ESP-IDF some are among them.
const STEPS: usize = 64;

/// A word, some of whose bits are open.
#[derive(Clone, Copy)]
struct Word {
    solid: u32,
    open: u32,
}

impl Word {
    fn at(offset: usize, solid: &[u8], weak: &[u8]) -> Self {
        let word = |bytes: &[u8]| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[offset..offset + 4]);
            u32::from_le_bytes(word)
        };
        Self {
            solid: word(solid),
            open: word(weak),
        }
    }

    fn may_be(self, value: u32) -> bool {
        (value ^ self.solid) & !self.open == 0
    }

    fn lowest(self) -> u32 {
        self.solid & !self.open
    }

    /// What it may be, from the lowest up.
    fn ascending(self) -> impl Iterator<Item = u32> {
        let next = move |bits: &u32| Some(bits.wrapping_sub(self.open) & self.open);
        let bits = std::iter::successors(Some(0), next).take(STEPS);
        bits.map(move |bits| self.lowest() | bits)
    }

    /// What it may be, from `GREAT` down, or from the highest if it is always greater.
    fn descending(self) -> impl Iterator<Item = u32> {
        let open = self.open & GREAT;
        let next = move |bits: &u32| Some(bits.wrapping_sub(1) & open);
        let bits = std::iter::successors(Some(open), next).take(STEPS);
        bits.map(move |bits| self.lowest() | bits)
    }

    fn highest(self) -> u32 {
        self.solid | self.open
    }
}

/// The contents to try on a device with so many slots, entries as a whole program would have left
/// them first.
pub(super) fn readings<const SLOTS: u32>(solid: &[u8], weak: &[u8]) -> Vec<Vec<u8>> {
    if solid.len() < otadata::ENTRY_LEN || weak.len() < otadata::ENTRY_LEN {
        return Vec::new();
    }
    let seq = Word::at(0, solid, weak);
    let state = Word::at(24, solid, weak);
    let crc = Word::at(28, solid, weak);
    let low: Vec<u8> = solid.iter().zip(weak).map(|(s, w)| s & !w).collect();
    let high: Vec<u8> = solid.iter().zip(weak).map(|(s, w)| s | w).collect();
    let mut numbers = vec![seq.lowest()];
    for slot in 0..SLOTS {
        let names = |number: &u32| slot_of(*number, SLOTS) == Some(slot);
        numbers.extend(seq.ascending().find(names));
        numbers.extend(seq.descending().find(names));
    }
    // With all of the CRC open, one fits to every number.
    if crc.open != u32::MAX {
        numbers.extend(torn_entry::numbers(&high, &low));
    }
    let may_be = |known: OtaState| state.may_be(known.0);
    let mut states: Vec<u32> = { STATES.into_iter().filter(|s| may_be(*s)) }
        .map(|s| s.0)
        .chain([state.lowest()])
        .collect();
    let stand_ins = STAND_INS.into_iter().filter(|(like, _)| !may_be(*like));
    states.extend(stand_ins.filter(|(_, s)| may_be(*s)).map(|(_, s)| s.0));
    let mut contents = Vec::new();
    let mut add = |number: u32, check: u32, states: &[u32]| {
        for state in states {
            let mut content = high.clone();
            content[..4].copy_from_slice(&number.to_le_bytes());
            content[24..28].copy_from_slice(&state.to_le_bytes());
            content[28..32].copy_from_slice(&check.to_le_bytes());
            contents.push(content);
        }
    };
    let fitting = |number: &u32| crc.may_be(otadata::crc(*number));
    for number in numbers.into_iter().filter(fitting) {
        add(number, otadata::crc(number), &states);
    }
    // The greatest of all: it reads as erased, or no number comes after it.
    let greatest = Some(seq.highest()).filter(fitting);
    if let Some(number) = greatest {
        add(number, otadata::crc(number), &states[..1]);
    }
    // And one that does not fit.
    let number = seq.lowest();
    let checks = [crc.highest(), crc.lowest()];
    let mut wrong = { checks.into_iter() }.filter(|check| *check != otadata::crc(number));
    if let Some(check) = wrong.next() {
        add(number, check, &states);
    }
    contents
}

#[cfg(test)]
mod tests {
    use ota_core::otadata::{Entry, crc};

    use super::*;
    use crate::explore::Readings;

    /// A program of seq 1 that left every bit it had to clear weak.
    #[test]
    fn a_weak_entry_may_be_one_that_nobody_wrote() {
        let wanted = Entry::new(1, OtaState::NEW).emit();
        let weak = wanted.map(|byte| !byte);
        let contents = readings::<2>(&wanted, &weak);
        let entries = contents.iter().filter_map(|content| content.first_chunk());
        let entries: Vec<Entry> = entries.map(Entry::parse).collect();
        assert_eq!(entries[0].seq, 1);
        let forged =
            |entry: &&Entry| entry.seq > 1 && entry.seq != u32::MAX && entry.crc == crc(entry.seq);
        assert!(
            entries
                .iter()
                .any(|entry| forged(&entry) && entry.state == OtaState::VALID)
        );
        assert!(entries.iter().any(|entry| !entry.crc_matches()));
    }

    #[test]
    fn of_each_slot_a_small_number_and_a_great_one_are_tried() {
        for (slots, readings) in [(2, readings::<2> as Readings), (3, readings::<3>)] {
            let contents = readings(&[0xFF; 32], &[0xFF; 32]);
            let entries = contents.iter().filter_map(|content| content.first_chunk());
            let entries: Vec<Entry> = entries.map(Entry::parse).collect();
            for slot in 0..slots {
                let mut of_slot = { entries.iter().filter(|entry| entry.is_valid()) }
                    .map(|entry| entry.seq)
                    .filter(|seq| slot_of(*seq, slots) == Some(slot));
                assert!(of_slot.clone().any(|seq| seq <= slots));
                assert!(of_slot.any(|seq| (GREAT - slots..=GREAT).contains(&seq)));
            }
            for state in STATES {
                assert!(entries.iter().any(|e| e.crc_matches() && e.state == state));
            }
            assert!(entries.iter().any(|e| e.seq == u32::MAX));
        }
    }

    #[test]
    fn solid_bits_stay() {
        let entry = Entry::new(6, OtaState::ABORTED).emit();
        let mut weak = [0; 32];
        weak[0] = 0x01;
        weak[24] = 0x08;
        for content in readings::<2>(&entry, &weak) {
            let differs = |((c, e), w): ((&u8, &u8), &u8)| (c ^ e) & !w != 0;
            assert!(!content.iter().zip(&entry).zip(&weak).any(differs));
        }
    }
}
