//! Records: small places of which a subject learns less than the bytes.
//!
//! Two otadata entries with wrong CRCs are the same to a bootloader. To merge states that differ in
//! such entries, two things must be told apart: what a power-on learns of a record now, and what a
//! later one may learn of it after an erase of it was cut. A cut erase that is not over with its
//! pre-programming zeroes the first bytes and leaves the rest, or the last ones, and a cut of the
//! next erase may zero some at the other end. So the *future* of a record is what is learned of it
//! with any number of bytes zeroed at either end; records with equal futures stay equal under all of
//! that. Everything else that a cut erase leaves does not depend on what was there. A cut program
//! does, if no erase came before it; then the bytes are demanded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::trie::HashedMap;

/// A small place of which a subject learns less than the bytes.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies. It is read whole or not at all; a read of a part is a read of bytes.
    pub range: Range<u32>,
    /// What the subject learns of these bytes: a number that is the same for two contents only if the
    /// subject treats them alike, up to the bytes it [carries](crate::subject::Subject::carried).
    pub learned: fn(&[u8]) -> u128,
}

/// What is learned of a record's content now, and what may be later.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// What is learned, as an edge of the trie.
    pub(crate) now: u128,
    /// A hash of what is and may later be learned.
    pub(crate) future: u128,
}

/// The records of a subject, with what is known of contents that were met.
#[derive(Default)]
pub(crate) struct Records {
    records: Vec<Record>,
    /// By record, and hash of its content.
    readings: RefCell<HashedMap<(usize, u128), Reading>>,
    /// By record and what is learned of it: the contents met first and last of which it is.
    alike: RefCell<HashMap<(usize, u128), [Vec<u8>; 2]>>,
}

impl Records {
    pub(crate) fn new(records: &[Record]) -> Self {
        Self {
            records: records.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn range(&self, record: usize) -> Range<u32> {
        self.records[record].range.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.records.len()
    }

    /// The record that is just this range.
    pub(crate) fn find(&self, range: &Range<u32>) -> Option<usize> {
        self.records.iter().position(|r| r.range == *range)
    }

    /// What these bytes of a record say.
    pub(crate) fn reading(&self, record: usize, bytes: &[u8]) -> Reading {
        let key = (record, xxh3_128(bytes));
        if let Some(known) = self.readings.borrow().get(&key) {
            return *known;
        }
        let learned = self.records[record].learned;
        let now = learned(bytes);
        let mut hasher = Xxh3::new();
        // Keyed by the record: equal futures of two records are two things.
        hasher.update(&record.to_le_bytes());
        for front in 0..=bytes.len() {
            let mut zeroed = bytes.to_vec();
            zeroed[..front].fill(0);
            hasher.update(&learned(&zeroed).to_le_bytes());
            for end in (front..bytes.len()).rev() {
                zeroed[end] = 0;
                hasher.update(&learned(&zeroed).to_le_bytes());
            }
        }
        let reading = Reading {
            now: xxh3_128(&now.to_le_bytes()),
            future: hasher.digest128(),
        };
        self.readings.borrow_mut().insert(key, reading);
        let mut alike = self.alike.borrow_mut();
        alike
            .entry((record, now))
            .and_modify(|[_, last]| *last = bytes.to_vec())
            .or_insert_with(|| [bytes.to_vec(), bytes.to_vec()]);
        reading
    }

    /// Another content, met before, of which the same is learned.
    pub(crate) fn other(&self, record: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        let learned = (self.records[record].learned)(bytes);
        let alike = self.alike.borrow();
        let known = alike.get(&(record, learned))?;
        known.iter().find(|other| *other != bytes).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Valid if the second byte complements the first.
    fn pair(bytes: &[u8]) -> u128 {
        if bytes[0] == !bytes[1] {
            u128::from(bytes[0])
        } else {
            1 << 64
        }
    }

    #[test]
    fn a_future_tells_apart_what_a_cut_erase_may_bring_to_light() {
        let record = Record {
            range: 0..2,
            learned: pair,
        };
        let records = Records::new(&[record]);
        // Both are invalid now. With its first byte zeroed, the first becomes valid, the others do not.
        let becomes = records.reading(0, &[0x12, 0xFF]).future;
        let stays = records.reading(0, &[0x12, 0x34]).future;
        assert_ne!(becomes, stays);
        assert_eq!(stays, records.reading(0, &[0x56, 0x34]).future);
        assert_eq!(stays, records.reading(0, &[0x12, 0x35]).future);
        assert_eq!(records.other(0, &[0x12, 0x34]), Some(vec![0x12, 0xFF]));
    }
}
