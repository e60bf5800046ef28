//! The persistent tree that holds the leaves: root, groups of 32, leaves of 4 KiB.
//!
//! An absent leaf or group is erased. Nodes cache the sums of their leaves' hashes.

use std::sync::{Arc, OnceLock};

use super::leaf::{LEAF_LEN, Leaf};
use super::sums::Sums;

/// A leaf in the tree. The box lets it move in and out of the shared allocation without copying its cells.
#[allow(clippy::redundant_allocation)]
pub(crate) type SharedLeaf = Arc<Box<Leaf>>;

/// Leaves per group.
pub(crate) const FAN: usize = 32;

#[derive(Clone, Default)]
struct Group {
    leaves: [Option<SharedLeaf>; FAN],
    sums: OnceLock<Sums>,
}

#[derive(Clone, Default)]
struct Root {
    groups: Vec<Option<Arc<Group>>>,
    sums: OnceLock<Sums>,
}

/// All leaves of a flash. Cloning is one reference count.
#[derive(Clone)]
pub(crate) struct Tree {
    root: Arc<Root>,
}

#[allow(clippy::cast_possible_truncation)] // a flash of 4 GiB has 2^20 leaves
fn leaf_addr(index: usize) -> u32 {
    (index as u32).wrapping_mul(LEAF_LEN)
}

impl Tree {
    pub(crate) fn erased(leaves: usize) -> Self {
        Tree {
            root: Arc::new(Root {
                groups: vec![None; leaves.div_ceil(FAN)],
                sums: OnceLock::new(),
            }),
        }
    }

    /// The leaf at `index`, if it is not erased.
    #[inline]
    pub(crate) fn leaf(&self, index: usize) -> Option<&SharedLeaf> {
        self.root.groups.get(index / FAN)?.as_ref()?.leaves[index % FAN].as_ref()
    }

    /// Whether all leaves of a group are erased, and nobody had reason to keep them.
    pub(crate) fn lacks_group(&self, group: usize) -> bool {
        self.root.groups.get(group).is_none_or(Option::is_none)
    }

    /// Takes the leaf out if nobody shares the way to it; otherwise hands out a second reference and leaves the tree
    /// as it is.
    pub(crate) fn check_out(&mut self, index: usize) -> Option<SharedLeaf> {
        let (group, slot) = (index / FAN, index % FAN);
        if let Some(root) = Arc::get_mut(&mut self.root)
            && let Some(Some(group)) = root.groups.get_mut(group)
            && let Some(group) = Arc::get_mut(group)
        {
            root.sums.take();
            group.sums.take();
            return group.leaves[slot].take();
        }
        self.leaf(index).cloned()
    }

    /// Puts a leaf in its place, copying the nodes above it that others share.
    pub(crate) fn check_in(&mut self, index: usize, leaf: Option<SharedLeaf>) {
        if leaf.is_none() && self.leaf(index).is_none() {
            return;
        }
        if let Some(slot) = self.slot_mut(index) {
            *slot = leaf;
        }
    }

    /// Erases whole leaves; those that nobody shares keep their memory.
    pub(crate) fn erase(&mut self, mut from: usize, to: usize) {
        while from < to {
            let end = ((from / FAN + 1) * FAN).min(to);
            if let Some(group) = self.group_mut(from / FAN) {
                for slot in &mut group.leaves[from % FAN..from % FAN + (end - from)] {
                    match slot.as_mut().map(Arc::get_mut) {
                        Some(Some(leaf)) => leaf.erase(),
                        Some(None) => *slot = None,
                        None => {}
                    }
                }
            }
            from = end;
        }
    }

    /// Takes over the leaves `from..to` of `other`, by sharing; whole groups with their sums.
    pub(crate) fn share(&mut self, other: &Tree, mut from: usize, to: usize) {
        while from < to {
            let group = from / FAN;
            let end = ((group + 1) * FAN).min(to);
            if from.is_multiple_of(FAN) && end == from + FAN {
                let root = Arc::make_mut(&mut self.root);
                root.sums.take();
                let theirs = other.root.groups.get(group).cloned().flatten();
                if let Some(ours) = root.groups.get_mut(group) {
                    *ours = theirs;
                }
            } else {
                for index in from..end {
                    self.check_in(index, other.leaf(index).cloned());
                }
            }
            from = end;
        }
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Option<SharedLeaf>> {
        let root = Arc::make_mut(&mut self.root);
        root.sums.take();
        let group = Arc::make_mut(root.groups.get_mut(index / FAN)?.get_or_insert_default());
        group.sums.take();
        Some(&mut group.leaves[index % FAN])
    }

    /// The group, unless it is absent.
    fn group_mut(&mut self, group: usize) -> Option<&mut Group> {
        self.root.groups.get(group)?.as_ref()?;
        let root = Arc::make_mut(&mut self.root);
        root.sums.take();
        let group = Arc::make_mut(root.groups.get_mut(group)?.as_mut()?);
        group.sums.take();
        Some(group)
    }

    /// The sums of the leaf at `index`.
    pub(crate) fn leaf_sums(&self, index: usize) -> Sums {
        self.leaf(index)
            .map_or(Sums::ERASED, |leaf| Sums::of(leaf, leaf_addr(index)))
    }

    /// The sums over all leaves.
    pub(crate) fn sums(&self) -> Sums {
        let groups = 0..self.root.groups.len();
        *self.root.sums.get_or_init(|| {
            groups.fold(Sums::ERASED, |sums, group| sums.add(self.group_sums(group)))
        })
    }

    /// The sums over the leaves `from..to`.
    pub(crate) fn sums_of(&self, mut from: usize, to: usize) -> Sums {
        let mut sums = Sums::ERASED;
        while from < to {
            if from.is_multiple_of(FAN) && from + FAN <= to {
                sums = sums.add(self.group_sums(from / FAN));
                from += FAN;
            } else {
                sums = sums.add(self.leaf_sums(from));
                from += 1;
            }
        }
        sums
    }

    fn group_sums(&self, index: usize) -> Sums {
        let Some(Some(group)) = self.root.groups.get(index) else {
            return Sums::ERASED;
        };
        let leaves = index * FAN..(index + 1) * FAN;
        *group
            .sums
            .get_or_init(|| leaves.fold(Sums::ERASED, |sums, leaf| sums.add(self.leaf_sums(leaf))))
    }

    /// Shows the leaves that are not shared with `other`, each with its place; the bytes of the nodes above them.
    pub(crate) fn each_unshared(
        &self,
        other: &Tree,
        mut each: impl FnMut(usize, &SharedLeaf),
    ) -> u64 {
        if Arc::ptr_eq(&self.root, &other.root) {
            return 0;
        }
        let mut bytes = size_of::<Root>() + size_of_val(&*self.root.groups);
        for (number, group) in self.root.groups.iter().enumerate() {
            let Some(group) = group.as_ref().filter(|_| !self.shares_group(other, number)) else {
                continue;
            };
            bytes += size_of::<Group>();
            for (slot, leaf) in group.leaves.iter().enumerate() {
                let index = number * FAN + slot;
                let theirs = other.leaf(index);
                if let Some(leaf) = leaf.as_ref()
                    && theirs.is_none_or(|theirs| !Arc::ptr_eq(leaf, theirs))
                {
                    each(index, leaf);
                }
            }
        }
        bytes as u64
    }

    /// Whether both hold the same node above `index`, and so the same leaf.
    pub(crate) fn shares_group(&self, other: &Tree, group: usize) -> bool {
        match (self.root.groups.get(group), other.root.groups.get(group)) {
            (Some(Some(a)), Some(Some(b))) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none_or(Option::is_none) && b.is_none_or(Option::is_none),
        }
    }
}
