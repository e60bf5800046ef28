//! The trie of reads: which power-ons are known, found by what they read.
//!
//! A power-on is deterministic: it reads a place, and what it finds there
//! decides where it reads next. So the known power-ons form a trie. A node is
//! a place, an edge is the hash of its content *at power-on*, a leaf is a
//! power-on that ended. Two states that agree on every place along a path have
//! the same power-on. Neighbouring reads are merged into one place, so a node
//! may have alternatives of different length; a match of any one of them is a
//! proof.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use super::view::View;

/// Names a known power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeafId(pub(crate) u32);

#[derive(Default)]
struct Node {
    leaf: Option<LeafId>,
    alternatives: Vec<(Range<u32>, HashMap<u128, u32>)>,
}

/// All known power-ons, by the world they started in and what they read.
pub(crate) struct Trie<W> {
    roots: HashMap<W, u32>,
    nodes: Vec<Node>,
}

/// The subject read differently in two power-ons that had read the same so far.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl<W: Clone + Eq + Hash> Trie<W> {
    pub(crate) fn new() -> Self {
        Self {
            roots: HashMap::new(),
            nodes: Vec::new(),
        }
    }

    /// The known power-on that the state in `view` would repeat.
    pub(crate) fn find(&self, world: &W, view: &mut View<'_, '_>) -> Option<LeafId> {
        let mut at = *self.roots.get(world)?;
        // Ends: the nodes form a tree and every step goes down.
        loop {
            let node = &self.nodes[at as usize];
            if node.leaf.is_some() {
                return node.leaf;
            }
            at = node
                .alternatives
                .iter()
                .find_map(|(range, edges)| edges.get(&view.hash(range)).copied())?;
        }
    }

    /// Adds a power-on that read `reads`, in that order, in the state in `view`.
    pub(crate) fn insert(
        &mut self,
        world: &W,
        reads: &[Range<u32>],
        view: &mut View<'_, '_>,
        leaf: LeafId,
    ) -> Result<(), Contradiction> {
        let mut at = match self.roots.get(world) {
            Some(&root) => root,
            None => {
                let root = self.push();
                self.roots.insert(world.clone(), root);
                root
            }
        };
        for range in reads {
            if self.nodes[at as usize].leaf.is_some() {
                return Err(Contradiction);
            }
            let hash = view.hash(range);
            let fresh = self.push();
            let node = &mut self.nodes[at as usize];
            let slot = match node
                .alternatives
                .iter()
                .position(|(known, _)| known == range)
            {
                Some(slot) => slot,
                None => {
                    node.alternatives.push((range.clone(), HashMap::new()));
                    node.alternatives.len() - 1
                }
            };
            at = *node.alternatives[slot].1.entry(hash).or_insert(fresh);
            if at != fresh {
                self.nodes.pop();
            }
        }
        let node = &mut self.nodes[at as usize];
        if node.leaf.is_some() || !node.alternatives.is_empty() {
            return Err(Contradiction);
        }
        node.leaf = Some(leaf);
        Ok(())
    }

    fn push(&mut self) -> u32 {
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 trie nodes fit in memory")
    }
}
