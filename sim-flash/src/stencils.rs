//! Sectors that have been written, kept to be shared when the same is written again.
//!
//! Who runs one firmware a hundred thousand times, as an explorer does, sees the same image written to
//! the same place nearly every time. [`Flash::write_with`](crate::Flash::write_with) then shares what
//! the first one left instead of copying it: the cells, and with them their hashes. What the chip does
//! and what its trace says is the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::state::{LEAF, Leaf, SharedLeaf};

/// Contents kept for one place, at most; the oldest makes room.
const KEPT: usize = 8;

/// Contents of whole sectors of 4 KiB, by place.
#[derive(Clone, Default)]
pub struct Stencils(HashMap<usize, Vec<SharedLeaf>>);

impl Stencils {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many contents are kept.
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The leaf that holds `bytes` in this place, if they were kept: solid, trusted and nothing else.
    pub(crate) fn find(&self, place: usize, bytes: &[u8; LEAF]) -> Option<&SharedLeaf> {
        let kept = self.0.get(&place)?;
        kept.iter().find(|leaf| leaf.bytes() == bytes)
    }

    /// Keeps `bytes` for this place.
    pub(crate) fn keep(&mut self, place: usize, bytes: &[u8; LEAF]) -> &SharedLeaf {
        let kept = self.0.entry(place).or_default();
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(Arc::new(Box::new(Leaf::holding(bytes))));
        &kept[kept.len() - 1]
    }
}

impl fmt::Debug for Stencils {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stencils({} places)", self.0.len())
    }
}
