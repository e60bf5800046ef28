//! What is known of cells beyond their bytes: weak bits, trust, counts, broken units.

use std::ops::Range;

use super::State;
use super::leaf::LEAF;
use super::overlay::is_zero;
use super::tree::FAN;
use crate::hash::GRANULE_LEN;

impl State {
    /// Copies the weak bits at `addr` out: a 1 for every bit whose reading is undecided.
    pub fn weak(&self, addr: u32, out: &mut [u8]) {
        self.each(addr, out.len(), |at, leaf, from, len| {
            let weak = leaf
                .and_then(|leaf| leaf.overlay())
                .and_then(|overlay| overlay.weak.as_ref());
            match weak {
                Some(weak) => out[at..at + len].copy_from_slice(&weak[from..from + len]),
                None => out[at..at + len].fill(0),
            }
        });
    }

    /// Whether any bit of a range is weak.
    pub fn has_weak(&self, range: Range<u32>) -> bool {
        let (start, end) = (range.start as usize, range.end.min(self.size) as usize);
        let mut at = start;
        while at < end {
            let index = at / LEAF;
            let group = index / FAN;
            if self.open_index / FAN != group && self.tree.lacks_group(group) {
                at = (group + 1) * FAN * LEAF;
                continue;
            }
            let next = (index + 1) * LEAF;
            let overlay = self.leaf(index).and_then(|leaf| leaf.overlay());
            let weak = overlay.and_then(|overlay| overlay.weak.as_ref());
            let part = at - index * LEAF..next.min(end) - index * LEAF;
            if weak.is_some_and(|weak| !is_zero(&weak[part])) {
                return true;
            }
            at = next;
        }
        false
    }

    /// Makes the bits at `addr` that are set in `mask` weak; they lean to what they are. What disturb and lost charge do
    /// to cells that nobody touches.
    pub fn weaken(&mut self, addr: u32, mask: &[u8]) {
        self.change(addr, mask.len(), |at, leaf, from, len| {
            let (_, overlay) = leaf.all_mut(from, len);
            let weak = &mut overlay.weak_mut()[from..from + len];
            weak.iter_mut()
                .zip(&mask[at..])
                .for_each(|(weak, mask)| *weak |= mask);
            leaf.tidy();
        });
    }

    /// Sets cells as they have come to be without anybody's doing: bits may change either way, and those of `solid` are
    /// no longer weak.
    pub(crate) fn drift(&mut self, addr: u32, bytes: &[u8], solid: &[u8]) {
        self.change(addr, bytes.len(), |at, leaf, from, len| {
            let (cells, overlay) = leaf.all_mut(from, len);
            cells.copy_from_slice(&bytes[at..at + len]);
            if let Some(weak) = &mut overlay.weak {
                weak[from..from + len]
                    .iter_mut()
                    .zip(&solid[at..])
                    .for_each(|(weak, solid)| *weak &= !solid);
            }
            leaf.tidy();
        });
    }

    /// Whether every operation on every granule of a range, since its last erase, is known to have completed under
    /// continuous power: the rule of Infineon's KBA218817.
    pub fn trusted(&self, range: Range<u32>) -> bool {
        let mut trusted = true;
        self.each(range.start, range.len(), |_, leaf, from, len| {
            let untrusted = leaf.map_or(0, super::leaf::Leaf::untrusted);
            let mut granules = from / GRANULE_LEN..(from + len).div_ceil(GRANULE_LEN);
            trusted &= granules.all(|granule| untrusted & (1 << granule) == 0);
        });
        trusted
    }

    /// Withdraws trust from the granules of a range.
    pub fn distrust(&mut self, range: Range<u32>) {
        self.change(range.start, range.len(), |_, leaf, from, len| {
            leaf.set_trust(from, len, false);
        });
    }

    /// How often the unit at `addr` was programmed since its last erase, on chips that count; 0 on others.
    pub fn programs(&self, addr: u32) -> u8 {
        let counted = self.physics.counted;
        if counted == 0 {
            return 0;
        }
        let unit = addr / counted * counted;
        let overlay = self
            .leaf(unit as usize / LEAF)
            .and_then(|leaf| leaf.overlay());
        overlay.map_or(0, |overlay| overlay.programs(unit as usize % LEAF))
    }

    /// Whether cells know more than their bytes and weak bits: how often they were programmed, or that their check
    /// bits do not fit.
    pub fn counts(&self) -> bool {
        self.physics.counted != 0 || self.physics.checked != 0
    }

    /// Whether cells carry check bits, so that reading them may fail.
    pub fn checks(&self) -> bool {
        self.physics.granule() != 0
    }

    /// A hash of what the cells of a range, widened to whole granules, know beyond their bytes and weak bits; 0 if that
    /// is nothing.
    pub fn hash_counts(&self, range: Range<u32>) -> u128 {
        let granule = State::GRANULE;
        let start = range.start / granule * granule;
        let len = range
            .end
            .min(self.size)
            .next_multiple_of(granule)
            .saturating_sub(start);
        let mut sum = 0u128;
        self.each(start, len as usize, |at, leaf, from, len| {
            if let Some(overlay) = leaf.and_then(|leaf| leaf.overlay()) {
                #[allow(clippy::cast_possible_truncation)]
                // leaves lie within a 32-bit address space
                let first = (start as usize + at - from) as u32;
                sum = sum.wrapping_add(overlay.hash_counts(first, from, len));
            }
        });
        sum
    }

    /// The first unit of a range whose check bits do not fit its data, on chips with ECC.
    pub fn broken_unit(&self, range: Range<u32>) -> Option<u32> {
        let granule = self.physics.granule();
        if granule == 0 {
            return None;
        }
        let units = (range.start / granule * granule..range.end).step_by(granule as usize);
        { units }.find(|unit| {
            let overlay = self
                .leaf(*unit as usize / LEAF)
                .and_then(|leaf| leaf.overlay());
            overlay.is_some_and(|overlay| overlay.is_broken(*unit as usize % LEAF))
        })
    }

    /// Shows the leaves of a range: with the offset in the range, and the span within the leaf.
    fn each(
        &self,
        addr: u32,
        len: usize,
        mut each: impl FnMut(usize, Option<&super::leaf::Leaf>, usize, usize),
    ) {
        let mut at = 0;
        while at < len {
            let place = addr as usize + at;
            let here = (LEAF - place % LEAF).min(len - at);
            each(at, self.leaf(place / LEAF), place % LEAF, here);
            at += here;
        }
    }
}
