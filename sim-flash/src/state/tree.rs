//! The persistent tree that holds the leaves: root, groups of 32, leaves of 4 KiB.
//!
//! An absent leaf or group is erased. Nodes cache the sum of their leaves' hashes.

use std::sync::{Arc, OnceLock};

use super::leaf::{LEAF_LEN, Leaf};

/// Leaves per group.
pub(crate) const FAN: usize = 32;

#[derive(Clone, Default)]
struct Group {
    leaves: [Option<Arc<Leaf>>; FAN],
    hash: OnceLock<u128>,
}

#[derive(Clone, Default)]
struct Root {
    groups: Vec<Option<Arc<Group>>>,
    hash: OnceLock<u128>,
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
                hash: OnceLock::new(),
            }),
        }
    }

    /// The leaf at `index`, if it is not erased.
    #[inline]
    pub(crate) fn leaf(&self, index: usize) -> Option<&Arc<Leaf>> {
        self.root.groups.get(index / FAN)?.as_ref()?.leaves[index % FAN].as_ref()
    }

    /// Takes the leaf out if nobody shares the way to it; otherwise hands out a second reference and leaves the tree
    /// as it is.
    pub(crate) fn check_out(&mut self, index: usize) -> Option<Arc<Leaf>> {
        let (group, slot) = (index / FAN, index % FAN);
        if let Some(root) = Arc::get_mut(&mut self.root)
            && let Some(Some(group)) = root.groups.get_mut(group)
            && let Some(group) = Arc::get_mut(group)
        {
            root.hash.take();
            group.hash.take();
            return group.leaves[slot].take();
        }
        self.leaf(index).cloned()
    }

    /// Puts a leaf in its place, copying the nodes above it that others share.
    pub(crate) fn check_in(&mut self, index: usize, leaf: Option<Arc<Leaf>>) {
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

    fn slot_mut(&mut self, index: usize) -> Option<&mut Option<Arc<Leaf>>> {
        let root = Arc::make_mut(&mut self.root);
        root.hash.take();
        let group = Arc::make_mut(root.groups.get_mut(index / FAN)?.get_or_insert_default());
        group.hash.take();
        Some(&mut group.leaves[index % FAN])
    }

    /// The group, unless it is absent.
    fn group_mut(&mut self, group: usize) -> Option<&mut Group> {
        self.root.groups.get(group)?.as_ref()?;
        let root = Arc::make_mut(&mut self.root);
        root.hash.take();
        let group = Arc::make_mut(root.groups.get_mut(group)?.as_mut()?);
        group.hash.take();
        Some(group)
    }

    /// The hash of the leaf at `index`.
    pub(crate) fn leaf_hash(&self, index: usize) -> u128 {
        self.leaf(index)
            .map_or(0, |leaf| leaf.hash(leaf_addr(index)))
    }

    /// The sum over all leaves.
    pub(crate) fn hash(&self) -> u128 {
        *self.root.hash.get_or_init(|| {
            (0..self.root.groups.len()).fold(0, |sum: u128, group| {
                sum.wrapping_add(self.group_hash(group))
            })
        })
    }

    /// The sum over the leaves `from..to`.
    pub(crate) fn hash_leaves(&self, mut from: usize, to: usize) -> u128 {
        let mut sum = 0u128;
        while from < to {
            if from.is_multiple_of(FAN) && from + FAN <= to {
                sum = sum.wrapping_add(self.group_hash(from / FAN));
                from += FAN;
            } else {
                sum = sum.wrapping_add(self.leaf_hash(from));
                from += 1;
            }
        }
        sum
    }

    fn group_hash(&self, index: usize) -> u128 {
        let Some(Some(group)) = self.root.groups.get(index) else {
            return 0;
        };
        *group.hash.get_or_init(|| {
            (0..FAN).fold(0, |sum: u128, slot| {
                sum.wrapping_add(self.leaf_hash(index * FAN + slot))
            })
        })
    }

    /// Whether both hold the same node above `index`, and so the same leaf.
    pub(crate) fn shares_group(&self, other: &Tree, group: usize) -> bool {
        match (self.root.groups.get(group), other.root.groups.get(group)) {
            (Some(Some(a)), Some(Some(b))) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none_or(Option::is_none) && b.is_none_or(Option::is_none),
        }
    }
}
