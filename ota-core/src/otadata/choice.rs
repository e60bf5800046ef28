//! The rules over both entries: which one counts, which slot it names, and what comes next.
//!
//! Sources: ESP-IDF `bootloader_common.c` (`bootloader_common_select_otadata`) and
//! `esp_ota_ops.c` (`esp_rewrite_ota_data`, `compute_ota_seq_for_target_slot`).

use core::fmt;

use super::{ERASED_SEQ, Entry, OtaState};
use crate::error::EspErr;

/// Which of two eligible entries [`select`] takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// The one with the larger sequence number.
    Newest,
    /// The one with the smaller sequence number.
    Oldest,
}

/// The index (0 or 1) of the entry that counts among the eligible ones, `None` if neither is.
///
/// Sequence numbers compare as plain unsigned numbers: there is no wrap. At equal numbers entry 0
/// is taken.
#[must_use]
pub const fn select(entries: &[Entry; 2], eligible: [bool; 2], pick: Pick) -> Option<usize> {
    let [first, second] = entries;
    match eligible {
        [true, true] => {
            let second_wins = match pick {
                Pick::Newest => second.seq > first.seq,
                Pick::Oldest => second.seq < first.seq,
            };
            Some(second_wins as usize)
        }
        [true, false] => Some(0),
        [false, true] => Some(1),
        [false, false] => None,
    }
}

/// The index of the active entry: the valid one, the newer if both are valid.
#[must_use]
pub fn active(entries: &[Entry; 2]) -> Option<usize> {
    let [first, second] = entries;
    select(entries, [first.is_valid(), second.is_valid()], Pick::Newest)
}

/// The slot that a sequence number names among `slots` slots, `None` if there are none.
///
/// `(seq - 1) mod slots` in 32-bit arithmetic, so 0 counts like 2³².
#[must_use]
pub const fn slot_of(seq: u32, slots: u32) -> Option<u32> {
    seq.wrapping_sub(1).checked_rem(slots)
}

/// One entry to be written: erase its sector, then program it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// Index of the entry and of its sector: 0 or 1.
    pub sector: usize,
    /// What to write there.
    pub entry: Entry,
}

/// Why no entry selects the wanted slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextError {
    /// There is no such slot.
    NoSuchSlot {
        /// The slot that was asked for.
        slot: u32,
        /// Number of slots.
        slots: u32,
    },
    /// The sequence numbers that name this slot are used up.
    ///
    /// The reference goes wrong here: it writes `0xFFFF_FFFF`, which reads as erased, or a number
    /// that names another slot, and reports success; or it searches forever. Erasing otadata (boot
    /// the factory image, or [`crate::update::Ota::set_boot_partition`] to it) starts the numbers
    /// again.
    Exhausted {
        /// Sequence number of the active entry.
        active: u32,
        /// The slot that was asked for.
        slot: u32,
        /// Number of slots.
        slots: u32,
    },
}

impl NextError {
    /// The reference's value for the first; for the second it has none, and this is the one it
    /// reserves for otadata that says something impossible.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::NoSuchSlot { .. } => EspErr::INVALID_ARG,
            Self::Exhausted { .. } => EspErr::OTA_SELECT_INFO_INVALID,
        }
    }
}

impl fmt::Display for NextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSlot { slot, slots } => {
                write!(f, "there is no slot {slot} among {slots}")
            }
            Self::Exhausted {
                active,
                slot,
                slots,
            } => write!(
                f,
                "no sequence number from {active} on names slot {slot} of {slots}"
            ),
        }
    }
}

impl core::error::Error for NextError {}

/// What to write so that `slot` (of `slots`) boots next, in `state`.
///
/// - No active entry: entry 0, sequence number `slot + 1`.
/// - The active entry names that slot already: the same sector and the same number, only the state
///   changes. This erases the sector that counts.
/// - Otherwise the other sector, with the smallest number that names the slot and is not below the
///   active one.
///
/// The label of the entry that is replaced stays. Constant time, where the reference counts up.
pub fn next(
    entries: &[Entry; 2],
    slot: u32,
    slots: u32,
    state: OtaState,
) -> Result<Rewrite, NextError> {
    if slot >= slots {
        return Err(NextError::NoSuchSlot { slot, slots });
    }
    let [first, second] = entries;
    let active = active(entries);
    let (sector, replaced, seq) = match active {
        None => (0, first, Some(slot + 1)),
        Some(0) if slot_of(first.seq, slots) == Some(slot) => (0, first, Some(first.seq)),
        Some(0) => (1, second, seq_from(first.seq, slot, slots)),
        Some(_) if slot_of(second.seq, slots) == Some(slot) => (1, second, Some(second.seq)),
        Some(_) => (0, first, seq_from(second.seq, slot, slots)),
    };
    let seq = seq.ok_or(NextError::Exhausted {
        active: if active == Some(1) {
            second.seq
        } else {
            first.seq
        },
        slot,
        slots,
    })?;
    Ok(Rewrite {
        sector,
        entry: Entry {
            label: replaced.label,
            ..Entry::new(seq, state)
        },
    })
}

/// The smallest number, not below `from`, that is `(slot + 1) mod slots` modulo `slots`; `None` if
/// it is no longer a number that names the slot. `slot < slots`.
fn seq_from(from: u32, slot: u32, slots: u32) -> Option<u32> {
    let wanted = u64::from(slot + 1) % u64::from(slots);
    let have = u64::from(from) % u64::from(slots);
    let step = (wanted + u64::from(slots) - have) % u64::from(slots);
    let seq = u32::try_from(u64::from(from) + step).ok()?;
    (seq != ERASED_SEQ && slot_of(seq, slots) == Some(slot)).then_some(seq)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_number_is_named() {
        let error = NextError::NoSuchSlot { slot: 3, slots: 2 };
        assert_eq!(error.to_string(), "there is no slot 3 among 2");
        let error = NextError::Exhausted {
            active: 0xFFFF_FFFE,
            slot: 1,
            slots: 3,
        };
        let said = "no sequence number from 4294967294 on names slot 1 of 3";
        assert_eq!(error.to_string(), said);
    }

    /// The reference's rule, counted out.
    fn naive(from: u32, slot: u32, slots: u32) -> u32 {
        let base = (slot + 1) % slots;
        (0..=from)
            .map(|i| base + i * slots)
            .find(|&s| s >= from)
            .unwrap()
    }

    fn valid(seq: u32) -> Entry {
        Entry::new(seq, OtaState::VALID)
    }

    #[test]
    fn entry_0_wins_a_tie() {
        let entries = [valid(7), valid(7)];
        assert_eq!(active(&entries), Some(0));
        assert_eq!(select(&entries, [true; 2], Pick::Oldest), Some(0));
    }

    #[test]
    fn the_same_slot_again_rewrites_the_active_entry_in_place() {
        let entries = [valid(3), valid(4)];
        let rewrite = next(&entries, 1, 2, OtaState::NEW).unwrap();
        assert_eq!(rewrite.sector, 1);
        assert_eq!(rewrite.entry, Entry::new(4, OtaState::NEW));
    }

    #[test]
    fn another_slot_goes_to_the_other_sector_and_keeps_its_label() {
        let old = Entry {
            label: [7; 20],
            ..valid(3)
        };
        let rewrite = next(&[old, valid(4)], 0, 2, OtaState::NEW).unwrap();
        assert_eq!((rewrite.sector, rewrite.entry.seq), (0, 5));
        assert_eq!(rewrite.entry.label, [7; 20]);
    }

    #[test]
    fn without_an_active_entry_the_numbers_start_again_in_sector_0() {
        let rewrite = next(&[Entry::ERASED; 2], 2, 3, OtaState::UNDEFINED).unwrap();
        assert_eq!((rewrite.sector, rewrite.entry.seq), (0, 3));
    }

    #[test]
    fn the_last_sequence_number_is_never_written_and_the_search_ends() {
        for slots in [2, 3, 4, 16] {
            let from = 0xFFFF_FFFE;
            let here = slot_of(from, slots).unwrap();
            for slot in (0..slots).filter(|&s| s != here) {
                let error = next(&[valid(from), Entry::ERASED], slot, slots, OtaState::NEW);
                assert!(
                    matches!(error, Err(NextError::Exhausted { .. })),
                    "{slots} {slot}"
                );
            }
        }
    }

    #[test]
    fn a_number_that_names_another_slot_is_refused() {
        // 0 counts like 2^32, which is slot 0 of 3; the reference writes it to select slot 2.
        let error = next(&[valid(0), Entry::ERASED], 2, 3, OtaState::NEW);
        assert!(matches!(error, Err(NextError::Exhausted { active: 0, .. })));
    }

    proptest! {
        #[test]
        fn constant_time_equals_counting(from in 1u32..5000, slots in 1u32..=16, slot in 0u32..16) {
            let slot = slot % slots;
            prop_assert_eq!(seq_from(from, slot, slots), Some(naive(from, slot, slots)));
        }

        #[test]
        fn what_is_written_next_is_active_and_names_the_slot(
            a: [u8; 32], b: [u8; 32], seqs: [u32; 2], slots in 1u32..=16, slot in 0u32..16,
        ) {
            let slot = slot % slots;
            let mut entries = [Entry::parse(&a), Entry::parse(&b)];
            for (entry, seq) in entries.iter_mut().zip(seqs) {
                if seq % 3 != 0 {
                    *entry = Entry { label: entry.label, ..Entry::new(seq, OtaState(seq % 6)) };
                }
            }
            if let Ok(rewrite) = next(&entries, slot, slots, OtaState::NEW) {
                entries[rewrite.sector] = rewrite.entry;
                prop_assert_eq!(active(&entries), Some(rewrite.sector));
                prop_assert_eq!(slot_of(rewrite.entry.seq, slots), Some(slot));
            }
        }
    }
}
