//! What an exploration met besides violations: marks, and how each healthy operation was judged.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use sim_flash::{Op, OpKind, Tear};
use xxhash_rust::xxh3::xxh3_64;

use super::engine::hashed;
use super::tears::Tears;
use super::trie::{HashedMap, LeafId};
use super::{Limits, Path};
use crate::subject::{Mark, Subject};

/// A mark that some power-on made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its name.
    pub mark: Mark,
    /// Crash states that are followed by a power-on with this mark.
    pub states: u64,
    /// Index of the start of the example.
    pub start: usize,
    /// The way to the example: with as few cuts as possible, but one if one leads to it.
    pub path: Path,
}

/// How all tears of one operation were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// One by one, but for these.
    Singly(Pruned),
    /// By one test for all: no future reads what the operation touches.
    ByFamily,
}

/// Tears of an operation that were judged as families of a few: cuts at byte positions between which no future looks, and
/// shapes of rows of which the same is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Of P1 or E1: those that begin at the first byte.
    pub ascending: u64,
    /// Of P2 or E2: those that begin at the last byte.
    pub descending: u64,
    /// Of E9.
    pub risen: u64,
    /// Of E10.
    pub mixed: u64,
    /// Of E11.
    pub weak: u64,
}

impl Pruned {
    fn add(&mut self, other: Self) {
        self.ascending += other.ascending;
        self.descending += other.descending;
        self.risen += other.risen;
        self.mixed += other.mixed;
        self.weak += other.weak;
    }

    /// How many there are of a family.
    pub fn of(&self, family: &str) -> u64 {
        match family {
            "P1" | "E1" => self.ascending,
            "P2" | "E2" => self.descending,
            "E9" => self.risen,
            "E10" => self.mixed,
            "E11" => self.weak,
            _ => 0,
        }
    }

    /// So many tears like this one.
    fn like(tear: Tear, count: u64) -> Self {
        let mut pruned = Self::default();
        match tear {
            Tear::P1(_) | Tear::E1(_) => pruned.ascending = count,
            Tear::P2(_) | Tear::E2(_) => pruned.descending = count,
            Tear::E9(_) => pruned.risen = count,
            Tear::E10(_) => pruned.mixed = count,
            Tear::E11(_) => pruned.weak = count,
            _ => {}
        }
        pruned
    }
}

/// One operation of the history without cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthyOp {
    /// Index of the start.
    pub start: usize,
    /// Power-ons since the start, the first being 0.
    pub boot: u32,
    /// Its number in that power-on.
    pub op: u32,
    /// How its tears were judged.
    pub judged: Judged,
}

/// Where something shows: a node, and which of the power-ons that may follow there.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) node: u32,
    pub(super) branch: u32,
}

/// The tally of one pass.
#[derive(Default)]
pub(super) struct Tally {
    /// Crash states by the power-on that follows them.
    met: Vec<u64>,
    /// For each mark a node that shows it, and the number of cuts that lead there.
    examples: BTreeMap<Mark, (Shown, u32)>,
    healthy: Vec<(u32, u32, Judged)>,
    /// Tears of the operation at hand that were judged as families.
    pruned: Pruned,
}

/// What followed where one operation was torn.
#[derive(Default)]
pub(super) struct Followed {
    /// Crash states by the power-on that follows them.
    met: HashedMap<LeafId, u64>,
    /// Those that were judged as families.
    pruned: Pruned,
}

impl Followed {
    /// Counts crash states that `leaf` follows.
    pub(super) fn met(&mut self, leaf: LeafId, states: u64) {
        *self.met.entry(leaf).or_default() += states;
    }

    /// Bytes of it.
    pub(super) fn held(&self) -> u64 {
        hashed(&self.met)
    }

    /// Notes that so many tears like `tear` were judged as a family, and that `leaf` follows them.
    pub(super) fn skipped(&mut self, leaf: LeafId, tear: Tear, count: u64) {
        self.met(leaf, count);
        self.pruned.add(Pruned::like(tear, count));
    }
}

impl Tally {
    /// Counts crash states that `leaf` follows.
    pub(super) fn met(&mut self, leaf: LeafId, states: u64) {
        let leaf = leaf.0 as usize;
        if self.met.len() <= leaf {
            self.met.resize(leaf + 1, 0);
        }
        self.met[leaf] += states;
    }

    /// Notes that the power-on of `node` makes `marks`. Nodes come with ascending cuts.
    pub(super) fn entered(&mut self, marks: &[Mark], at: Shown, cuts: u32) {
        for mark in marks {
            match self.examples.get_mut(mark) {
                Some((_, known)) if *known > 0 || cuts == 0 => {}
                Some(example) => *example = (at, cuts),
                None => {
                    self.examples.insert(mark.clone(), (at, cuts));
                }
            }
        }
    }

    /// Counts what followed where an operation was torn.
    pub(super) fn follow(&mut self, followed: &Followed) {
        for (leaf, states) in &followed.met {
            self.met(*leaf, *states);
        }
        self.pruned.add(followed.pruned);
    }

    /// How an operation was judged that was met by itself; `family` if all its tears were one.
    pub(super) fn by_itself(&mut self, family: bool) -> Judged {
        let pruned = std::mem::take(&mut self.pruned);
        if family {
            return Judged::ByFamily;
        }
        Judged::Singly(pruned)
    }

    /// Notes how these operations of the power-on of `node` were judged.
    pub(super) fn judged(&mut self, node: u32, ops: Range<usize>, judged: Judged) {
        let op = |op| u32::try_from(op).unwrap_or(u32::MAX);
        self.healthy
            .extend(ops.map(|index| (node, op(index), judged)));
    }

    /// Every mark met, given the marks of each power-on and the way to a node.
    pub(super) fn reached<'l>(
        &self,
        leaves: impl Iterator<Item = (usize, &'l [Mark])>,
        path: impl Fn(Shown) -> (usize, Path),
    ) -> Vec<Reached> {
        let mut states: BTreeMap<&Mark, u64> = BTreeMap::new();
        for (leaf, marks) in leaves {
            for mark in marks {
                *states.entry(mark).or_default() += self.met.get(leaf).copied().unwrap_or(0);
            }
        }
        let reached = |(mark, (at, _)): (&Mark, &(Shown, u32))| {
            let (start, path) = path(*at);
            Reached {
                mark: mark.clone(),
                states: states.get(mark).copied().unwrap_or(0),
                start,
                path,
            }
        };
        self.examples.iter().map(reached).collect()
    }

    pub(super) fn healthy(&self, power_on: impl Fn(u32) -> (usize, u32)) -> Vec<HealthyOp> {
        let healthy = |&(node, op, judged): &(u32, u32, Judged)| {
            let (start, boot) = power_on(node);
            HealthyOp {
                start,
                boot,
                op,
                judged,
            }
        };
        self.healthy.iter().map(healthy).collect()
    }
}

/// The number of tears of each family that a first cut tries, remembered by operation.
pub(crate) struct Families<'s> {
    tears: Tears<'s>,
    known: HashMap<(u32, OpKind, u32, u64), BTreeMap<String, u64>>,
}

impl<'s> Families<'s> {
    pub(crate) fn new<S: Subject + ?Sized>(subject: &'s S, limits: &Limits) -> Self {
        let solved = Box::new(|addr, data: &[u8]| subject.solved(addr, data));
        Self {
            tears: Tears::new(limits).with_solved(solved),
            known: HashMap::new(),
        }
    }

    /// Tears by family (`P1`, `E4`); the untouched state is not among them.
    pub(crate) fn of(&mut self, op: &Op) -> &BTreeMap<String, u64> {
        let key = (op.addr(), op.kind(), op.len(), xxh3_64(op.data()));
        let tears = &mut self.tears;
        self.known.entry(key).or_insert_with(|| {
            let mut families = BTreeMap::new();
            let set = tears.of(op, 0);
            for tear in set.singles.iter().chain(&set.solved) {
                *families.entry(family(*tear)).or_default() += 1;
            }
            for ladder in &set.ladders {
                *families.entry(family(ladder.tear(1))).or_default() += ladder.count();
            }
            if let Some(rows) = set.rows {
                let shapes = (0..rows.shapes()).filter_map(|shape| rows.tear(0, shape));
                for tear in shapes {
                    *families.entry(family(tear)).or_default() += u64::from(rows.rows());
                }
            }
            families
        })
    }
}

/// `P1`: a tear's id up to the first dot.
fn family(tear: Tear) -> String {
    let id = tear.to_string();
    id.split('.').next().unwrap_or_default().to_owned()
}
