//! The two hashes that nodes add up: of cells with their overlays, and of trust.

use super::leaf::Leaf;

/// Sums over granules and leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) cells: u128,
    pub(crate) trust: u128,
}

impl Sums {
    pub(crate) const ERASED: Sums = Sums { cells: 0, trust: 0 };

    pub(crate) fn of(leaf: &Leaf, addr: u32) -> Self {
        Sums {
            cells: leaf.hash(addr),
            trust: leaf.trust_hash(addr),
        }
    }

    pub(crate) fn add(self, other: Sums) -> Sums {
        Sums {
            cells: self.cells.wrapping_add(other.cells),
            trust: self.trust.wrapping_add(other.trust),
        }
    }

    /// With the share of `old` replaced by that of `new`.
    pub(crate) fn replace(self, old: Sums, new: Sums) -> Sums {
        Sums {
            cells: self.cells.wrapping_sub(old.cells).wrapping_add(new.cells),
            trust: self.trust.wrapping_sub(old.trust).wrapping_add(new.trust),
        }
    }

    pub(crate) fn all(self) -> u128 {
        self.cells.wrapping_add(self.trust)
    }
}
