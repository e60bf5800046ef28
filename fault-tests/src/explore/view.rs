//! A crash state that is not built until it has to be: a base, plus one torn operation.
//!
//! Nearly every crash state is recognised by the hashes of a few ranges. Those
//! are the base's cached range hashes, corrected for the few granules of the
//! torn operation that lie in the range, so nothing of the flash is copied.

use std::ops::Range;

use sim_flash::{Op, State, Tear};

use super::ranges::Ranges;
use crate::chip::{span, widen};

/// A state between two operations, with the range hashes asked for so far.
pub(crate) struct Base<'s> {
    pub(crate) state: &'s State,
    hashes: Vec<(Range<u32>, u128)>,
}

impl<'s> Base<'s> {
    pub(crate) fn new(state: &'s State) -> Self {
        Self {
            state,
            hashes: Vec::new(),
        }
    }

    fn hash(&mut self, range: &Range<u32>) -> u128 {
        if let Some((_, hash)) = self.hashes.iter().find(|(known, _)| known == range) {
            return *hash;
        }
        let hash = self.state.hash_range(range.clone());
        self.hashes.push((range.clone(), hash));
        hash
    }
}

/// A base, or a base with its next operation torn.
pub(crate) struct View<'v, 's> {
    base: &'v mut Base<'s>,
    torn: Option<(&'v Op, Tear)>,
    /// Corrections for the parts of the torn operation asked for so far.
    changes: Vec<(Range<u32>, u128)>,
    scratch: &'v mut Scratch,
}

/// Buffers that views of one exploration share.
#[derive(Default)]
pub(crate) struct Scratch {
    old: Vec<u8>,
    new: Vec<u8>,
}

impl<'v, 's> View<'v, 's> {
    pub(crate) fn new(
        base: &'v mut Base<'s>,
        torn: Option<(&'v Op, Tear)>,
        scratch: &'v mut Scratch,
    ) -> Self {
        Self {
            base,
            torn,
            changes: Vec::new(),
            scratch,
        }
    }

    /// The hash of the bytes in `range`, which starts and ends at granules.
    pub(crate) fn hash(&mut self, range: &Range<u32>) -> u128 {
        let whole = self.base.hash(range);
        let Some((op, tear)) = self.torn else {
            return whole;
        };
        let size = self.base.state.size();
        let torn = widen(&span(op), size);
        let part = torn.start.max(range.start)..torn.end.min(range.end);
        if part.is_empty() {
            return whole;
        }
        if let Some((_, change)) = self.changes.iter().find(|(known, _)| *known == part) {
            return whole.wrapping_add(*change);
        }
        let before = self.base.hash(&part);
        let after = self.scratch.hash_torn(self.base.state, op, tear, &part);
        let change = after.wrapping_sub(before);
        self.changes.push((part, change));
        whole.wrapping_add(change)
    }

    /// One hash over everything in `ranges`.
    pub(crate) fn hash_all(&mut self, ranges: &Ranges) -> u128 {
        ranges
            .iter()
            .fold(0, |sum: u128, range| sum.wrapping_add(self.hash(&range)))
    }

    /// The state itself.
    pub(crate) fn state(&self) -> State {
        let mut state = self.base.state.clone();
        if let Some((op, tear)) = self.torn {
            state.tear(op, tear);
        }
        state
    }
}

impl Scratch {
    fn hash_torn(&mut self, state: &State, op: &Op, tear: Tear, part: &Range<u32>) -> u128 {
        let len = part.len();
        self.old.resize(len, 0);
        state.read(part.start, &mut self.old);
        self.new.clear();
        self.new.extend_from_slice(&self.old);
        let op_span = span(op);
        let hit = op_span.start.max(part.start)..op_span.end.min(part.end);
        let inside = (hit.start - part.start) as usize..(hit.end - part.start) as usize;
        tear.torn(
            op,
            hit.start - op_span.start,
            &self.old[inside.clone()],
            &mut self.new[inside],
        );
        State::granule_hash(part.start, &self.new)
    }
}
