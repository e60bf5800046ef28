//! What an otadata entry with weak bits may be read as.
//!
//! ESP-IDF's code asks three things of an entry: whether its CRC fits, which slot its sequence number
//! stands for and whether it is the larger one, and what its state is. So one content is tried for
//! each answer that the solid bits leave open: a few sequence numbers, small and large, and those
//! solved for whose CRC fits, with each state.

use ota_core::otadata::{self, OtaState};

use super::torn_entry;

/// Sequence numbers tried where the bits are open: of each of two and three slots, older than any
/// other entry's and newer.
const SEQUENCE_NUMBERS: [u32; 5] = [1, 2, 3, 0x7FFF_FFFE, 0x7FFF_FFFF];

/// One that no entry has in life: how code that knows the states treats others.
const UNKNOWN_STATE: OtaState = OtaState(5);

const STATES: [OtaState; 7] = [
    OtaState::VALID,
    OtaState::PENDING_VERIFY,
    OtaState::NEW,
    OtaState::UNDEFINED,
    OtaState::INVALID,
    OtaState::ABORTED,
    UNKNOWN_STATE,
];

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

    fn highest(self) -> u32 {
        self.solid | self.open
    }
}

/// The contents to try, entries as a whole program would have left them first.
pub(super) fn readings(solid: &[u8], weak: &[u8]) -> Vec<Vec<u8>> {
    if solid.len() < otadata::ENTRY_LEN || weak.len() < otadata::ENTRY_LEN {
        return Vec::new();
    }
    let seq = Word::at(0, solid, weak);
    let state = Word::at(24, solid, weak);
    let crc = Word::at(28, solid, weak);
    let low: Vec<u8> = solid.iter().zip(weak).map(|(s, w)| s & !w).collect();
    let high: Vec<u8> = solid.iter().zip(weak).map(|(s, w)| s | w).collect();
    let mut numbers = vec![seq.lowest(), seq.highest()];
    numbers.extend(SEQUENCE_NUMBERS);
    // With all of the CRC open, one fits to every number.
    if crc.open != u32::MAX {
        numbers.extend(torn_entry::numbers(&high, &low));
    }
    numbers.retain(|number| seq.may_be(*number));
    let states: Vec<u32> = { STATES.iter().map(|s| s.0) }
        .chain([state.lowest()])
        .filter(|s| state.may_be(*s))
        .collect();
    let mut contents = Vec::new();
    let mut add = |number: u32, check: u32| {
        for state in &states {
            let mut content = high.clone();
            content[..4].copy_from_slice(&number.to_le_bytes());
            content[24..28].copy_from_slice(&state.to_le_bytes());
            content[28..32].copy_from_slice(&check.to_le_bytes());
            contents.push(content);
        }
    };
    for number in &numbers {
        let fits = otadata::crc(*number);
        if crc.may_be(fits) {
            add(*number, fits);
        }
    }
    // And one that does not fit.
    let number = seq.lowest();
    let checks = [crc.highest(), crc.lowest()];
    let mut wrong = { checks.into_iter() }.filter(|check| *check != otadata::crc(number));
    if let Some(check) = wrong.next() {
        add(number, check);
    }
    contents
}

#[cfg(test)]
mod tests {
    use ota_core::otadata::{Entry, crc};

    use super::*;

    /// A program of seq 1 that left every bit it had to clear weak.
    #[test]
    fn a_weak_entry_may_be_one_that_nobody_wrote() {
        let wanted = Entry::new(1, OtaState::NEW).emit();
        let weak = wanted.map(|byte| !byte);
        let contents = readings(&wanted, &weak);
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
}
