//! What the scenarios must meet sometimes: a full sweep that never does has gone blind.

use ota_core::boot::{ChangeKind, Decision, Reason};
use ota_core::otadata::{ENTRY_LEN, Entry};

use super::policy::Policy;
use super::world::{Promise, World};
use crate::subject::Journal;

/// The bootloader aborted an image that never confirmed itself.
pub const ROLLED_BACK: &str = "rolled back";
/// The slot that otadata or the default chose did not verify, and another one ran.
pub const FELL_BACK: &str = "fell back to another slot";
/// An otadata entry was damaged, and the boot went on without it.
pub const DAMAGED_ENTRY: &str = "damaged entry skipped";
/// While an update was under way, the only entry left decided.
pub const SOLE_COPY: &str = "sole copy recovered";
/// A new image confirmed itself.
pub const CONFIRMED: &str = "confirmed";
/// A download that was cut was resumed.
pub const RESUMED: &str = "resumed";
/// A stock bootloader, started on the same flash first, booted an image that was published.
pub const STOCK_BOOTS: &str = "a stock bootloader boots too";
/// A download was refused.
pub const REFUSED: &str = "update refused";

/// A factory reset that was cut had been done all the same.
pub const RESET: &str = "factory reset done before the cut";

/// Every mark that a full sweep of this policy must meet.
pub const fn owed(policy: Policy) -> &'static [&'static str] {
    match policy {
        Policy::Stock => &STOCK,
        Policy::Hardened(_) => &HARDENED,
        Policy::StockBootloader | Policy::StockApplication => &[],
    }
}

/// Of the hardened policy: it has no entry that decides alone, and reads no damaged one.
const HARDENED: [&str; 6] = [ROLLED_BACK, FELL_BACK, CONFIRMED, REFUSED, RESUMED, RESET];

const STOCK: [&str; 8] = [
    ROLLED_BACK,
    FELL_BACK,
    DAMAGED_ENTRY,
    SOLE_COPY,
    CONFIRMED,
    REFUSED,
    RESUMED,
    RESET,
];

/// Marks what this boot shows.
pub(super) fn of_boot(journal: &mut Journal<World>, decision: &Decision) {
    let aborted = |kind: ChangeKind| kind == ChangeKind::Aborted;
    if decision.changed.iter().any(|change| aborted(change.kind)) {
        journal.sometimes(ROLLED_BACK);
    }
    if !decision.tried.is_empty() {
        journal.sometimes(FELL_BACK);
    }
    let Some(entries) = &decision.entries else {
        return;
    };
    let erased = |entry: &Entry| entry.emit() == [0xFF; ENTRY_LEN];
    let damaged = |entry: &Entry| !erased(entry) && !entry.crc_matches();
    if entries.iter().any(damaged) {
        journal.sometimes(DAMAGED_ENTRY);
    }
    let updating = match journal.world() {
        World::Updates(promises) => promises.promise != Promise::None,
        World::Calls(_) | World::Afresh { .. } => false,
    };
    if let Reason::ActiveEntry { entry, .. } = decision.reason
        && updating
        && entries
            .get(1 - entry.min(1))
            .is_some_and(Entry::is_blankish)
    {
        journal.sometimes(SOLE_COPY);
    }
}
