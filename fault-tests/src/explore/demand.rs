//! What a power-on's future looks at: bytes, and answers to checks.

use super::check::CheckId;
use super::ranges::Ranges;

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
}
