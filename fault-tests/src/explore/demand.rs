//! What a power-on's future looks at: bytes, and answers to checks.

use std::ops::Range;

use super::check::CheckId;
use super::ranges::{Ranges, overlap};
use crate::chip::Knowledge;

/// The bytes at power-on, and the checks of them, that decide what a power-on does, or what any
/// later one does that starts from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    pub(super) bytes: Ranges,
    /// Records, by number, in ascending order.
    pub(super) records: Vec<usize>,
    /// In ascending order.
    pub(super) checks: Vec<CheckId>,
    /// Counts its growth.
    pub(super) version: u32,
}

impl Demand {
    /// Adds a record; `true` if it was not there.
    pub(super) fn insert_record(&mut self, record: usize) -> bool {
        match self.records.binary_search(&record) {
            Ok(_) => false,
            Err(place) => {
                self.records.insert(place, record);
                self.version += 1;
                true
            }
        }
    }

    /// Adds a check; `true` if it was not there.
    pub(super) fn insert_check(&mut self, check: CheckId) -> bool {
        match self.checks.binary_search(&check) {
            Ok(_) => false,
            Err(place) => {
                self.checks.insert(place, check);
                self.version += 1;
                true
            }
        }
    }

    /// Adds the bytes of `other` that are not in `except`; `true` if some were not there.
    pub(super) fn insert_bytes(&mut self, other: &Ranges, except: &Ranges) -> bool {
        let grew = self.bytes.insert_all_except(other, except);
        self.version += u32::from(grew);
        grew
    }

    /// Adds all of `other`.
    pub(super) fn insert_all(&mut self, other: &Self) {
        self.insert_bytes(&other.bytes, &Ranges::new());
        for record in &other.records {
            self.insert_record(*record);
        }
        for check in &other.checks {
            self.insert_check(*check);
        }
    }
}

/// All that the future of any known power-on looks at.
#[derive(Default)]
pub(super) struct Interests(Demand);

/// The part of it where an operation touches.
pub(super) struct Interest {
    pub(super) bytes: Vec<Range<u32>>,
    pub(super) records: Vec<usize>,
}

impl Interest {
    pub(super) const NONE: Self = Self {
        bytes: Vec::new(),
        records: Vec::new(),
    };
}

impl Interests {
    /// Counts its growth.
    pub(super) fn version(&self) -> u32 {
        self.0.version + 1
    }

    pub(super) fn grow(&mut self, demand: &Demand) {
        self.0.insert_all(demand);
    }

    /// What is of interest in `range`; none if a check is, whose answer is more than a hash away.
    pub(super) fn in_range(&self, range: &Range<u32>, known: &Knowledge) -> Option<Interest> {
        let mut checks = self.0.checks.iter();
        if checks.any(|check| known.checks.looks_at(*check, range)) {
            return None;
        }
        let overlaps = |record: &&usize| overlap(&known.records.range(**record), range);
        Some(Interest {
            bytes: self.0.bytes.within(range).collect(),
            records: self.0.records.iter().filter(overlaps).copied().collect(),
        })
    }
}
