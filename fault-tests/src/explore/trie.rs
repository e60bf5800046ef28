//! The trie of looks: which power-ons are known, found by what they learned.
//!
//! A power-on is deterministic: it looks at a place, and what it finds there
//! decides where it looks next. So the known power-ons form a trie. A node is
//! a place or a check, an edge is the hash of its content *at power-on* or the answer, a leaf is a
//! power-on that ended. Two states that agree on every look along a path have
//! the same power-on. Neighbouring reads are merged into one place, so a node
//! may have alternatives of different length; a match of any one of them is a
//! proof.
//!
//! Where a read met weak bits, the trie branches by what the adversary made of them. A state has then
//! several power-ons, one for each way through.

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
    /// Where the adversary has the choice, the ways it has taken.
    choices: Vec<Option<u32>>,
}

/// What is known of the power-ons of a state.
pub(crate) enum Found {
    /// It has this one.
    One(LeafId),
    /// It has these, as the adversary likes.
    Several(Vec<LeafId>),
    /// Not all: the one with these readings is to be executed.
    Missing(Vec<u16>),
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

    /// The known power-ons that the state in `view` would repeat.
    pub(crate) fn find(&self, root: Root, known: &Knowledge, view: &mut View<'_, '_>) -> Found {
        let at = self.descend(root.0, known, view);
        let node = &self.nodes[at as usize];
        match node.leaf {
            Some(leaf) => Found::One(leaf),
            None if node.choices.is_empty() => Found::Missing(Vec::new()),
            None => {
                let (mut taken, mut leaves) = (Vec::new(), Vec::new());
                if self.all_ways(at, known, view, &mut taken, &mut leaves) {
                    Found::Several(leaves)
                } else {
                    Found::Missing(taken)
                }
            }
        }
    }

    /// As far as the state determines the way; that of a missing look is where it ends.
    fn descend(&self, mut at: u32, known: &Knowledge, view: &mut View<'_, '_>) -> u32 {
        // Ends: the nodes form a tree and every step goes down.
        loop {
            let mut ways = self.nodes[at as usize].alternatives.iter();
            let next = ways.find_map(|(look, edges)| edges.get(&view.found(look, known)).copied());
            match next {
                Some(next) => at = next,
                None => return at,
            }
        }
    }

    /// Collects the leaves below `at`, of every choice; if one is missing, `taken` leads to it.
    fn all_ways(
        &self,
        at: u32,
        known: &Knowledge,
        view: &mut View<'_, '_>,
        taken: &mut Vec<u16>,
        leaves: &mut Vec<LeafId>,
    ) -> bool {
        let at = self.descend(at, known, view);
        let node = &self.nodes[at as usize];
        if let Some(leaf) = node.leaf {
            leaves.push(leaf);
            return true;
        }
        for (number, way) in (0..).zip(&node.choices) {
            taken.push(number);
            match way {
                // Ends: every choice is further down in the tree.
                Some(way) if self.all_ways(*way, known, view, taken, leaves) => {}
                _ => return false,
            }
            taken.pop();
        }
        !node.choices.is_empty()
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
            if let Look::Choice { taken, of } = look {
                at = self.choice(at, *taken, *of)?;
                continue;
            }
            if !self.nodes[at as usize].choices.is_empty() {
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
        if node.leaf.is_some() || !node.alternatives.is_empty() || !node.choices.is_empty() {
            return Err(Contradiction);
        }
        node.leaf = Some(leaf);
        Ok(())
    }

    /// The way that is `taken`, of so many.
    fn choice(&mut self, at: u32, taken: u16, of: u16) -> Result<u32, Contradiction> {
        let (taken, of) = (usize::from(taken), usize::from(of));
        let node = &mut self.nodes[at as usize];
        if node.choices.is_empty() && node.alternatives.is_empty() {
            node.choices = vec![None; of];
        }
        if node.choices.len() != of {
            return Err(Contradiction);
        }
        match node.choices[taken] {
            Some(way) => Ok(way),
            None => {
                let way = self.push();
                self.nodes[at as usize].choices[taken] = Some(way);
                Ok(way)
            }
        }
    }

    fn push(&mut self) -> u32 {
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 trie nodes fit in memory")
    }
}
