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
//! Where a read met weak bits, the adversary decides. A state has then several power-ons, one for each
//! way through. Of a record with weak bits a power-on learns what it read, whichever bits are weak, and
//! that it may read otherwise the next time. So the edge is that of what was read, and a second read is a
//! look of its own; states with other weak bits that read the same share their power-ons. Where other bytes
//! were weak, the trie branches by the number of the reading.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::record::Contents;
use super::view::View;
use crate::chip::{FLIPS, Knowledge, Look, otherwise};

/// Names a known power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeafId(pub(crate) u32);

/// Where the power-ons of one world begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    alternatives: Vec<(Look, Edges)>,
    /// Where the adversary has the choice, the ways it has taken.
    choices: Vec<Option<u32>>,
    /// Whether the choice is of a place that was read before: all but the first is a flip.
    again: bool,
}

/// Where what was found leads to. Most looks have found but one thing so far.
enum Edges {
    One(u128, u32),
    Several(Box<HashedMap<u128, u32>>),
}

impl Edges {
    fn get(&self, found: u128) -> Option<u32> {
        match self {
            Edges::One(known, to) => (*known == found).then_some(*to),
            Edges::Several(edges) => edges.get(&found).copied(),
        }
    }

    /// Where `found` leads to: to `fresh`, if it was not found before.
    fn get_or_insert(&mut self, found: u128, fresh: u32) -> u32 {
        match self {
            Edges::One(known, to) if *known == found => *to,
            Edges::One(known, to) => {
                let edges = [(*known, *to), (found, fresh)].into_iter().collect();
                *self = Edges::Several(Box::new(edges));
                fresh
            }
            Edges::Several(edges) => *edges.entry(found).or_insert(fresh),
        }
    }
}

/// What is known of the power-ons of a state.
pub(crate) enum Found {
    /// It has this one.
    One(LeafId),
    /// It has these, as the adversary likes, each with what it takes, read by read.
    Several(Vec<Way>),
    /// Not all: the ones with these readings are to be executed.
    Missing(Vec<Vec<u16>>),
}

/// A power-on, and what the adversary takes on the way to it, read by read.
pub(crate) type Way = (LeafId, Vec<u16>);

/// What the adversary has decided on the way to a node.
#[derive(Default)]
struct Decided {
    /// What it took, read by read.
    taken: Vec<u16>,
    /// Of records with weak bits, the number of the content that they read as now.
    held: Vec<(usize, usize)>,
    /// How many times a place read otherwise than before.
    flips: u8,
    /// How many places read otherwise than the first way.
    departures: u32,
}

/// What is found below a node.
#[derive(Default)]
struct Met {
    ways: Vec<Way>,
    /// The readings of power-ons that are not known.
    missing: Vec<Vec<u16>>,
}

/// All known power-ons, by the world they started in and what they learned.
pub(crate) struct Trie<W> {
    roots: HashMap<W, Root>,
    nodes: Vec<Node>,
    /// How many places with weak bits may read otherwise than the first way, in one power-on.
    departures: u32,
    /// Bytes of what the nodes hold.
    held: u64,
}

/// What a power-on learned.
#[derive(Clone, Copy)]
pub(crate) struct Learned<'l> {
    /// Where it looked, in order.
    pub(crate) looks: &'l [Look],
    /// Of looks at records with weak bits, by their number: what it learned.
    pub(crate) learned: &'l [(usize, u128)],
}

impl Decided {
    /// The content, by number, that a record with weak bits reads as now.
    fn held(&self, record: usize) -> Option<usize> {
        let held = self.held.iter().find(|(of, _)| *of == record);
        held.map(|(_, content)| *content)
    }

    fn hold(&mut self, record: usize, content: Option<usize>) {
        self.held.retain(|(of, _)| *of != record);
        self.held.extend(content.map(|content| (record, content)));
    }

    /// The contents, by number, that a record may be read as next, in the order of the chip's choice;
    /// `again`: what it read as, if it was read before.
    fn choices(
        &self,
        again: Option<usize>,
        contents: &Contents,
    ) -> impl Iterator<Item = usize> + Clone + use<> {
        let others = match again {
            Some(held) if self.flips < FLIPS => {
                otherwise(contents, |other| other.edge == contents[held].edge)
            }
            _ => [None, None],
        };
        let first = if again.is_none() { contents.len() } else { 0 };
        (0..first).chain(again).chain(others.into_iter().flatten())
    }
}

/// The subject looked elsewhere in two power-ons that had found the same so far.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl<W: Clone + Eq + Hash> Trie<W> {
    /// In one power-on at most so many places with weak bits read otherwise than the first way.
    pub(crate) fn new(departures: u32) -> Self {
        Self {
            roots: HashMap::new(),
            nodes: Vec::new(),
            departures,
            held: 0,
        }
    }

    /// Bytes of it.
    pub(super) fn held(&self) -> u64 {
        (self.nodes.capacity() * size_of::<Node>()
            + self.roots.capacity() * (size_of::<(W, Root)>() + 1)) as u64
            + self.held
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
        if !view.is_weak() {
            let at = self.descend(root.0, known, view);
            return match self.nodes[at as usize].leaf {
                Some(leaf) => Found::One(leaf),
                None => Found::Missing(vec![Vec::new()]),
            };
        }
        let (mut decided, mut met) = (Decided::default(), Met::default());
        self.all_ways(root.0, known, view, &mut decided, &mut met);
        let Met { ways, missing } = met;
        match ways.as_slice() {
            _ if !missing.is_empty() => Found::Missing(missing),
            [(leaf, _)] => Found::One(*leaf),
            _ => Found::Several(ways),
        }
    }

    /// As far as the state determines the way; that of a missing look is where it ends.
    fn descend(&self, mut at: u32, known: &Knowledge, view: &mut View<'_, '_>) -> u32 {
        // Ends: the nodes form a tree and every step goes down.
        loop {
            let mut ways = self.nodes[at as usize].alternatives.iter();
            let next = ways.find_map(|(look, edges)| edges.get(view.found(look, known)));
            match next {
                Some(next) => at = next,
                None => return at,
            }
        }
    }

    /// Collects the leaves below `at`, of every choice, and the ways that lead to none yet.
    fn all_ways(
        &self,
        mut at: u32,
        known: &Knowledge,
        view: &mut View<'_, '_>,
        decided: &mut Decided,
        met: &mut Met,
    ) {
        // Ends: the nodes form a tree and every step goes down.
        loop {
            let node = &self.nodes[at as usize];
            if let Some(leaf) = node.leaf {
                met.ways.push((leaf, decided.taken.clone()));
                return;
            }
            if !node.choices.is_empty() {
                for (number, way) in (0..).zip(&node.choices) {
                    let flip = u8::from(node.again && number > 0);
                    let departs = u32::from(number > 0);
                    if decided.departures + departs > self.departures {
                        break;
                    }
                    decided.taken.push(number);
                    decided.flips += flip;
                    decided.departures += departs;
                    match way {
                        Some(way) => self.all_ways(*way, known, view, decided, met),
                        None => met.missing.push(decided.taken.clone()),
                    }
                    decided.departures -= departs;
                    decided.flips -= flip;
                    decided.taken.pop();
                }
                return;
            }
            let mut next = None;
            for (look, edges) in &node.alternatives {
                if let Look::Record(record) | Look::Again(record) = look
                    && let Some(contents) = view.contents(*record, &known.records)
                {
                    let held = decided.held(*record);
                    let again = matches!(look, Look::Again(_)).then_some(held).flatten();
                    let choices = decided.choices(again, &contents);
                    let several = choices.clone().count() > 1;
                    for (number, content) in (0..).zip(choices) {
                        let flip = u8::from(again.is_some_and(|again| again != content));
                        let departs = u32::from(number > 0);
                        if decided.departures + departs > self.departures {
                            break;
                        }
                        decided.departures += departs;
                        if several {
                            decided.taken.push(number);
                        }
                        decided.flips += flip;
                        decided.hold(*record, Some(content));
                        match edges.get(contents[content].edge) {
                            Some(way) => self.all_ways(way, known, view, decided, met),
                            None => met.missing.push(decided.taken.clone()),
                        }
                        decided.hold(*record, held);
                        decided.departures -= departs;
                        decided.flips -= flip;
                        if several {
                            decided.taken.pop();
                        }
                    }
                    return;
                }
                next = next.or_else(|| edges.get(view.found(look, known)));
            }
            match next {
                Some(next) => at = next,
                None => return met.missing.push(decided.taken.clone()),
            }
        }
    }

    /// Adds a power-on that learned so much in the state in `view`.
    pub(crate) fn insert(
        &mut self,
        root: Root,
        Learned { looks, learned }: Learned<'_>,
        known: &Knowledge,
        view: &mut View<'_, '_>,
        leaf: LeafId,
    ) -> Result<(), Contradiction> {
        let mut at = root.0;
        for (number, look) in looks.iter().enumerate() {
            if self.nodes[at as usize].leaf.is_some() {
                return Err(Contradiction);
            }
            if let Look::Choice { taken, of, again } = look {
                at = self.choice(at, *taken, *of, *again)?;
                continue;
            }
            if !self.nodes[at as usize].choices.is_empty() {
                return Err(Contradiction);
            }
            let weak = learned.iter().find(|(look, _)| *look == number);
            let found = weak.map_or_else(|| view.found(look, known), |(_, learned)| *learned);
            let fresh = self.push();
            let node = &mut self.nodes[at as usize];
            let known = node
                .alternatives
                .iter()
                .position(|(there, _)| there == look);
            at = match known {
                Some(slot) => {
                    // An edge in a table, with its share of what is free there.
                    self.held += 48;
                    node.alternatives[slot].1.get_or_insert(found, fresh)
                }
                None => {
                    // Hardly any node has more than one.
                    node.alternatives.reserve_exact(1);
                    self.held += size_of::<(Look, Edges)>() as u64 + 16;
                    node.alternatives
                        .push((look.clone(), Edges::One(found, fresh)));
                    fresh
                }
            };
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
    fn choice(&mut self, at: u32, taken: u16, of: u16, again: bool) -> Result<u32, Contradiction> {
        let (taken, of) = (usize::from(taken), usize::from(of));
        let node = &mut self.nodes[at as usize];
        if node.choices.is_empty() && node.alternatives.is_empty() {
            node.choices = vec![None; of];
            self.held += of as u64 * 8 + 16;
            node.again = again;
        }
        if node.choices.len() != of || node.again != again {
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
