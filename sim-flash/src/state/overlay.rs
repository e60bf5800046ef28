//! What is known of the cells of a leaf beyond their pristine bytes. Most leaves have no overlay.

use super::leaf::{LEAF, offset};
use crate::hash::{self, GRANULE_LEN};

/// Facts about a unit are kept at its first word of 4 bytes, the smallest unit there is.
const WORD: usize = 4;

/// Sparse facts about 4 KiB of cells. All zero is the same as no overlay.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Overlay {
    /// Bits whose reading is undecided; the pristine byte holds what they lean to.
    pub(crate) weak: Option<Box<[u8; LEAF]>>,
    /// Programs of each unit since its last erase, where the chip limits them.
    pub(crate) programs: Option<Box<[u8; LEAF / WORD]>>,
    /// Units whose check bits do not fit their data: reading them fails. One bit per word.
    pub(crate) broken: Option<Box<[u8; LEAF / WORD / 8]>>,
}

impl Overlay {
    pub(crate) fn weak_mut(&mut self) -> &mut [u8; LEAF] {
        self.weak.get_or_insert_with(|| Box::new([0; LEAF]))
    }

    pub(crate) fn programs_mut(&mut self) -> &mut [u8; LEAF / WORD] {
        self.programs
            .get_or_insert_with(|| Box::new([0; LEAF / WORD]))
    }

    pub(crate) fn broken_mut(&mut self) -> &mut [u8; LEAF / WORD / 8] {
        self.broken
            .get_or_insert_with(|| Box::new([0; LEAF / WORD / 8]))
    }

    /// Forgets facts that say nothing; whether any are left.
    pub(crate) fn tidy(&mut self) -> bool {
        self.weak.take_if(|weak| is_zero(&weak[..]));
        self.programs.take_if(|programs| is_zero(&programs[..]));
        self.broken.take_if(|broken| is_zero(&broken[..]));
        self.weak.is_some() || self.programs.is_some() || self.broken.is_some()
    }

    /// Marks the unit that starts at `at` as broken, or as sound.
    pub(crate) fn set_broken(&mut self, at: usize, broken: bool) {
        let word = at / WORD;
        if broken {
            self.broken_mut()[word / 8] |= 1 << (word % 8);
        } else if let Some(map) = &mut self.broken {
            map[word / 8] &= !(1 << (word % 8));
        }
    }

    pub(crate) fn is_broken(&self, at: usize) -> bool {
        let word = at / WORD;
        self.broken
            .as_ref()
            .is_some_and(|map| map[word / 8] & (1 << (word % 8)) != 0)
    }

    /// Counts one program of the unit that starts at `at`.
    pub(crate) fn count_program(&mut self, at: usize) {
        let count = &mut self.programs_mut()[at / WORD];
        *count = count.saturating_add(1);
    }

    pub(crate) fn programs(&self, at: usize) -> u8 {
        self.programs
            .as_ref()
            .map_or(0, |programs| programs[at / WORD])
    }

    /// Forgets everything about `at..at + len`: whole units.
    pub(crate) fn erase(&mut self, at: usize, len: usize) {
        if let Some(weak) = &mut self.weak {
            weak[at..at + len].fill(0);
        }
        if let Some(programs) = &mut self.programs {
            programs[at / WORD..(at + len) / WORD].fill(0);
        }
        for unit in (at..at + len).step_by(WORD) {
            self.set_broken(unit, false);
        }
    }

    /// The hash of what is known of `len` bytes from `at` in the leaf at `addr`, granule by granule.
    pub(crate) fn hash(&self, addr: u32, at: usize, len: usize) -> u128 {
        self.hash_of(addr, at, len, self.weak.as_ref().map(|weak| &weak[..]))
    }

    /// The same without the weak bits.
    pub(crate) fn hash_counts(&self, addr: u32, at: usize, len: usize) -> u128 {
        self.hash_of(addr, at, len, None)
    }

    fn hash_of(&self, addr: u32, at: usize, len: usize, weak: Option<&[u8]>) -> u128 {
        let mut sum = 0u128;
        for granule in at / GRANULE_LEN..(at + len) / GRANULE_LEN {
            let addr = offset(addr, granule * GRANULE_LEN);
            let mut add = |domain, facts: Option<&[u8]>| {
                if let Some(facts) = facts {
                    let share = facts.len() / (LEAF / GRANULE_LEN);
                    let part = &facts[granule * share..(granule + 1) * share];
                    sum = sum.wrapping_add(hash::of_overlay(domain, addr, part));
                }
            };
            add(hash::WEAK, weak);
            add(
                hash::PROGRAMS,
                self.programs.as_ref().map(|programs| &programs[..]),
            );
            add(hash::ECC, self.broken.as_ref().map(|broken| &broken[..]));
        }
        sum
    }
}

/// Whether no bit is set.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Many at a time: nearly all are 0, nearly always.
    bytes
        .chunks(64)
        .all(|some| some.iter().fold(0, |all, byte| all | byte) == 0)
}
