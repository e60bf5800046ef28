//! When two states are the same: hashes and comparison.

use std::fmt;
use std::ops::Range;

use super::leaf::LEAF;
use super::sums::Sums;
use super::tree::FAN;
use super::{NONE_OPEN, State};
use crate::hash;

impl State {
    /// The hash of the whole contents: cells, weak bits, trust, and what chips that count programs know.
    ///
    /// Equal contents, equal hash, however they came to be. Wear and time are no part of a state.
    pub fn hash(&self) -> u128 {
        let tree = self.tree.sums();
        if self.open_index == NONE_OPEN {
            return tree.all();
        }
        tree.replace(
            self.tree.leaf_sums(self.open_index),
            self.leaf_sums(self.open_index),
        )
        .all()
    }

    /// The hash of a range of cells, weak bits included, trust left out.
    ///
    /// Where all cells are solid it is the wrapping sum of [`State::granule_hash`] over the granules. The range is
    /// widened to whole granules. Sums are cached per page (256 bytes), per 4 KiB and per 128 KiB.
    pub fn hash_range(&self, range: Range<u32>) -> u128 {
        let granule = hash::GRANULE_LEN;
        let from = range.start as usize / granule * granule;
        let to = range.end.min(self.size) as usize;
        let to = to.next_multiple_of(granule);
        let mut sum = 0u128;
        let mut at = from;
        while at < to {
            let index = at / LEAF;
            let whole = to / LEAF;
            if at.is_multiple_of(LEAF) && index < whole {
                sum = sum.wrapping_add(self.sums_of(index, whole).cells);
                at = whole * LEAF;
            } else {
                let end = ((index + 1) * LEAF).min(to);
                if let Some(leaf) = self.leaf(index) {
                    sum = sum.wrapping_add(leaf.hash_part(
                        leaf_addr(index),
                        at % LEAF,
                        end - index * LEAF,
                    ));
                }
                at = end;
            }
        }
        sum
    }

    fn sums_of(&self, from: usize, to: usize) -> Sums {
        let sums = self.tree.sums_of(from, to);
        if (from..to).contains(&self.open_index) {
            return sums.replace(
                self.tree.leaf_sums(self.open_index),
                self.leaf_sums(self.open_index),
            );
        }
        sums
    }

    fn leaf_sums(&self, index: usize) -> Sums {
        self.leaf(index)
            .map_or(Sums::ERASED, |leaf| Sums::of(leaf, leaf_addr(index)))
    }
}

#[allow(clippy::cast_possible_truncation)] // leaves lie within a 32-bit address space
fn leaf_addr(index: usize) -> u32 {
    (index * LEAF) as u32
}

impl PartialEq for State {
    /// By content; sharing makes it quick for states that are related.
    fn eq(&self, other: &Self) -> bool {
        if (self.size, self.sector) != (other.size, other.sector) {
            return false;
        }
        let leaves = (self.size as usize).div_ceil(LEAF);
        let mut index = 0;
        while index < leaves {
            let group = index / FAN;
            let open_here = self.open_index / FAN == group || other.open_index / FAN == group;
            if !open_here && self.tree.shares_group(&other.tree, group) {
                index = (group + 1) * FAN;
                continue;
            }
            let same = match (self.leaf(index), other.leaf(index)) {
                (Some(a), Some(b)) => std::ptr::eq(a, b) || a.same(b),
                (Some(leaf), None) | (None, Some(leaf)) => leaf.is_erased(),
                (None, None) => true,
            };
            if !same {
                return false;
            }
            index += 1;
        }
        true
    }
}

impl Eq for State {}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("size", &self.size)
            .field("sector", &self.sector)
            .field("hash", &format_args!("{:032x}", self.hash()))
            .finish_non_exhaustive()
    }
}
