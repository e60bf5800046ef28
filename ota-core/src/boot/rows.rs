//! The partition table with the bootloader's conventions.
//!
//! In the reference a partition that is missing is one of zeros: "none" is told by address 0 in
//! some places and by size 0 in others. A table may really hold such rows, so the difference is
//! kept.

use crate::partition::{Partition, PartitionTable, Slot};

/// The bootloader's look-ups. Each walks the table, 95 rows at most.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'t>(pub(crate) PartitionTable<'t>);

impl Rows<'_> {
    /// otadata; one at address 0 counts as none.
    pub(crate) fn otadata(self) -> Option<Partition> {
        self.0.otadata().filter(|row| row.offset != 0)
    }

    /// Whether there is a slot to default to; one at address 0 counts as none here, though it is
    /// tried as a candidate.
    pub(crate) fn has(self, slot: Slot) -> bool {
        self.0.slot(slot).is_some_and(|row| row.offset != 0)
    }

    /// Number of OTA rows, duplicates counted. Sequence numbers are taken modulo this, so a table
    /// of `ota_0` and `ota_2` has slots 0 and 1, and `ota_2` is never reached.
    pub(crate) fn app_count(self) -> u32 {
        self.0.boot_ota_count()
    }

    /// The OTA partition `index`, if the bootloader can reach it: below 16 and below the count.
    pub(crate) fn ota(self, index: u32) -> Option<Partition> {
        let n = u8::try_from(index).ok().filter(|&n| n < 16)?;
        if index >= self.app_count() {
            return None;
        }
        self.0.slot(Slot::Ota(n))
    }

    /// The partition of a slot that is to be tried; one of size 0 is passed over.
    pub(crate) fn candidate(self, slot: Slot) -> Option<Partition> {
        let row = match slot {
            Slot::Ota(n) => self.ota(u32::from(n)),
            Slot::Factory | Slot::Test => self.0.slot(slot),
        };
        row.filter(|row| row.size != 0)
    }
}
