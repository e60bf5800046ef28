//! The trie of looks: which power-ons are known, found by what they learned.
//!
//! A power-on is deterministic: it looks at a place, and what it finds there
//! decides where it looks next. So the known power-ons form a trie. A node is
//! a place or a check, an edge is the hash of its content *at power-on* or the answer, a leaf is a
//! power-on that ended. Two states that agree on every look along a path have
//! the same power-on. Neighbouring reads are merged into one place, so a node
//! may have alternatives of different length; a match of any one of them is a
//! proof.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::view::View;
use crate::chip::{Knowledge, Look};

/// Names a known power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeafId(pub(crate) u32);

/// Where the power-ons of one world begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root(u32);

/// A map whose keys are hashes already.
pub(crate) type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<Folded>>;

/// Takes the key's own bits for its hash.
#[derive(Default)]
pub(crate) struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(23) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    #[allow(clippy::cast_possible_truncation)] // its low half
    fn write_u128(&mut self, n: u128) {
        self.write_u64(n as u64);
    }
}

#[derive(Default)]
struct Node {
    leaf: Option<LeafId>,
    alternatives: Vec<(Look, HashedMap<u128, u32>)>,
}

/// All known power-ons, by the world they started in and what they learned.
pub(crate) struct Trie<W> {
    roots: HashMap<W, Root>,
    nodes: Vec<Node>,
}

/// The subject looked elsewhere in two power-ons that had found the same so far.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl<W: Clone + Eq + Hash> Trie<W> {
    pub(crate) fn new() -> Self {
        Self {
            roots: HashMap::new(),
            nodes: Vec::new(),
        }
    }

    /// Where the power-ons in this world begin.
    pub(crate) fn root(&mut self, world: &W) -> Root {
        if let Some(root) = self.roots.get(world) {
            return *root;
        }
        let root = Root(self.push());
        self.roots.insert(world.clone(), root);
        root
    }

    /// The known power-on that the state in `view` would repeat.
    pub(crate) fn find(
        &self,
        root: Root,
        known: &Knowledge,
        view: &mut View<'_, '_>,
    ) -> Option<LeafId> {
        let mut at = root.0;
        // Ends: the nodes form a tree and every step goes down.
        loop {
            let node = &self.nodes[at as usize];
            if node.leaf.is_some() {
                return node.leaf;
            }
            let mut ways = node.alternatives.iter();
            at = ways.find_map(|(look, edges)| edges.get(&view.found(look, known)).copied())?;
        }
    }

    /// Adds a power-on that learned of `looks`, in that order, in the state in `view`.
    pub(crate) fn insert(
        &mut self,
        root: Root,
        looks: &[Look],
        known: &Knowledge,
        view: &mut View<'_, '_>,
        leaf: LeafId,
    ) -> Result<(), Contradiction> {
        let mut at = root.0;
        for look in looks {
            if self.nodes[at as usize].leaf.is_some() {
                return Err(Contradiction);
            }
            let found = view.found(look, known);
            let fresh = self.push();
            let node = &mut self.nodes[at as usize];
            let slot = match node
                .alternatives
                .iter()
                .position(|(there, _)| there == look)
            {
                Some(slot) => slot,
                None => {
                    node.alternatives.push((look.clone(), HashMap::default()));
                    node.alternatives.len() - 1
                }
            };
            at = *node.alternatives[slot].1.entry(found).or_insert(fresh);
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
