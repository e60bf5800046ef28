//! Sets of flash addresses, as sorted disjoint ranges.
//!
//! Demand, reads and determined bytes are all such sets. They stay short (a
//! device reads a handful of places), so a sorted `Vec` beats any tree.

use std::ops::Range;

/// `range` in pieces of `len` bytes, the last one perhaps shorter.
pub(crate) fn pieces(range: &Range<u32>, len: u16) -> impl Iterator<Item = Range<u32>> + use<> {
    let (start, end) = (range.start, range.end.max(range.start));
    { start..end }
        .step_by(usize::from(len))
        .map(move |at| at..at.saturating_add(u32::from(len)).min(end))
}

/// Whether two ranges have an address in common; neither is empty.
pub(crate) fn overlap(a: &Range<u32>, b: &Range<u32>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A set of byte addresses: sorted, disjoint, no two ranges touching.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<Range<u32>>);

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The ranges, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.0.iter().cloned()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any address of `range` is in the set.
    pub fn intersects(&self, range: &Range<u32>) -> bool {
        let first = self.0.partition_point(|r| r.end <= range.start);
        !range.is_empty() && self.0.get(first).is_some_and(|r| r.start < range.end)
    }

    /// Adds `range`; `true` if the set grew.
    pub fn insert(&mut self, range: Range<u32>) -> bool {
        if range.is_empty() {
            return false;
        }
        // Everything in lo..hi touches or overlaps `range` and merges with it.
        let lo = self.0.partition_point(|r| r.end < range.start);
        let hi = self.0.partition_point(|r| r.start <= range.end);
        if let [only] = &self.0[lo..hi]
            && only.start <= range.start
            && range.end <= only.end
        {
            return false;
        }
        if let [only] = &mut self.0[lo..hi] {
            *only = only.start.min(range.start)..only.end.max(range.end);
            return true;
        }
        let start = self.0[lo..hi]
            .first()
            .map_or(range.start, |r| r.start.min(range.start));
        let end = self.0[lo..hi]
            .last()
            .map_or(range.end, |r| r.end.max(range.end));
        self.0.splice(lo..hi, std::iter::once(start..end));
        true
    }

    /// The parts of `range` that are in the set, in ascending order.
    pub fn within(&self, range: &Range<u32>) -> impl Iterator<Item = Range<u32>> + '_ {
        let (start, end) = (range.start, range.end);
        let first = self.0.partition_point(|r| r.end <= start);
        self.0[first..]
            .iter()
            .map(move |r| r.start.max(start)..r.end.min(end))
            .take_while(|part| !part.is_empty())
    }

    /// Takes every address of `range` out.
    pub fn remove(&mut self, range: &Range<u32>) {
        if !self.intersects(range) {
            return;
        }
        let parts = self.0.iter().flat_map(|r| {
            let before = r.start..r.end.min(range.start);
            let behind = r.start.max(range.end)..r.end;
            [before, behind]
        });
        self.0 = parts.filter(|part| !part.is_empty()).collect();
    }

    /// The first address of the set from `at` on.
    pub fn next(&self, at: u32) -> Option<u32> {
        let first = self.0.partition_point(|r| r.end <= at);
        self.0.get(first).map(|r| r.start.max(at))
    }

    /// The last address of the set before `at`.
    pub fn last_before(&self, at: u32) -> Option<u32> {
        let behind = self.0.partition_point(|r| r.start < at);
        self.0[..behind].last().map(|r| r.end.min(at) - 1)
    }

    /// The parts of `range` that are not in the set, in ascending order.
    pub fn missing_from(&self, range: Range<u32>) -> impl Iterator<Item = Range<u32>> + '_ {
        let mut rest = range;
        let mut at = self.0.partition_point(|r| r.end <= rest.start);
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                match self.0.get(at) {
                    Some(held) if held.start <= rest.start => {
                        rest.start = held.end.min(rest.end).max(rest.start);
                        at += 1;
                    }
                    Some(held) if held.start < rest.end => {
                        let gap = rest.start..held.start;
                        rest.start = held.start;
                        return Some(gap);
                    }
                    _ => {
                        let gap = rest.clone();
                        rest.start = rest.end;
                        return Some(gap);
                    }
                }
            }
            None
        })
    }

    /// Adds every address of `other` that is not in `except`; `true` if the set grew.
    pub fn insert_all_except(&mut self, other: &Self, except: &Self) -> bool {
        let mut grew = false;
        for range in other.iter() {
            for part in except.missing_from(range) {
                grew |= self.insert(part);
            }
        }
        grew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn plain(ranges: &Ranges) -> BTreeSet<u32> {
        ranges.iter().flatten().collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_set_of_addresses(
            adds in prop::collection::vec((0u32..60, 0u32..12), 0..12),
            probe in (0u32..60, 0u32..20),
        ) {
            let mut ranges = Ranges::new();
            let mut set = BTreeSet::new();
            for (start, len) in adds {
                let before = set.len();
                set.extend(start..start + len);
                prop_assert_eq!(ranges.insert(start..start + len), set.len() > before);
                prop_assert_eq!(plain(&ranges), set.clone());
                prop_assert!(ranges.0.windows(2).all(|w| w[0].end < w[1].start));
            }
            let probe = probe.0..probe.0 + probe.1;
            prop_assert_eq!(ranges.intersects(&probe), probe.clone().any(|a| set.contains(&a)));
            let missing: BTreeSet<u32> = ranges.missing_from(probe.clone()).flatten().collect();
            let expected: BTreeSet<u32> = probe.clone().filter(|a| !set.contains(a)).collect();
            prop_assert_eq!(missing, expected);
            let within: BTreeSet<u32> = ranges.within(&probe).flatten().collect();
            prop_assert_eq!(within, probe.clone().filter(|a| set.contains(a)).collect());
            prop_assert_eq!(ranges.next(probe.start), set.range(probe.start..).next().copied());
            let last = set.range(..probe.start).next_back().copied();
            prop_assert_eq!(ranges.last_before(probe.start), last);
            ranges.remove(&probe);
            set.retain(|a| !probe.contains(a));
            prop_assert_eq!(plain(&ranges), set);
        }
    }
}
