//! What an exploration met besides violations: marks, and how each healthy operation was judged.

use std::collections::BTreeMap;

use super::CutAt;
use super::trie::LeafId;
use crate::subject::Mark;

/// A mark that some power-on made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its name.
    pub mark: Mark,
    /// Crash states that are followed by a power-on with this mark.
    pub states: u64,
    /// Index of the start of the example.
    pub start: usize,
    /// The cuts of the example: as few as possible, but one if one leads to it.
    pub cuts: Vec<CutAt>,
}

/// How all tears of one operation were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// One by one.
    Singly,
    /// By one test for all: no future reads what the operation touches.
    ByFamily,
    /// Not at all: others stand for them.
    Represented,
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

/// The tally of one pass.
#[derive(Default)]
pub(super) struct Tally {
    /// Crash states by the power-on that follows them.
    met: Vec<u64>,
    /// For each mark a node that shows it, and the number of cuts that lead there.
    examples: BTreeMap<Mark, (u32, u32)>,
    healthy: Vec<(u32, u32, Judged)>,
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
    pub(super) fn entered(&mut self, marks: &[Mark], node: u32, cuts: u32) {
        for mark in marks {
            match self.examples.get_mut(mark) {
                Some((_, known)) if *known > 0 || cuts == 0 => {}
                Some(example) => *example = (node, cuts),
                None => {
                    self.examples.insert(mark.clone(), (node, cuts));
                }
            }
        }
    }

    pub(super) fn judged(&mut self, node: u32, op: usize, judged: Judged) {
        let op = u32::try_from(op).unwrap_or(u32::MAX);
        self.healthy.push((node, op, judged));
    }

    /// Every mark met, given the marks of each power-on and the way to a node.
    pub(super) fn reached<'l>(
        &self,
        leaves: impl Iterator<Item = (usize, &'l [Mark])>,
        path: impl Fn(u32) -> (usize, Vec<CutAt>),
    ) -> Vec<Reached> {
        let mut states: BTreeMap<&Mark, u64> = BTreeMap::new();
        for (leaf, marks) in leaves {
            for mark in marks {
                *states.entry(mark).or_default() += self.met.get(leaf).copied().unwrap_or(0);
            }
        }
        let reached = |(mark, (node, _)): (&Mark, &(u32, u32))| {
            let (start, cuts) = path(*node);
            Reached {
                mark: mark.clone(),
                states: states.get(mark).copied().unwrap_or(0),
                start,
                cuts,
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
