//! What one pass has met: states, where each came from, and which are still to be explored.

use std::collections::{HashMap, HashSet, VecDeque};

use sim_flash::{State, Tear};

use super::super::tally::{Shown, Tally};
use super::super::trie::{HashedMap, LeafId, Root};
use super::super::walk::Walk;
use super::again::{Aftermath, Which};
use super::aside::Aside;
use super::calm::Calm;
use super::meet::Cut;
use super::settle::Done;
use crate::property::{Finding, Property};

/// How a state was reached from its parent.
#[derive(Clone, Copy)]
pub(super) enum Edge {
    /// The start of this index.
    Start(u32),
    /// The power-on came to its end, and the next one follows.
    Cycle,
    /// The device had come to rest, and something new is asked of it.
    Asked,
    /// The power was cut in operation `op` of the parent's power-on.
    Cut { op: u32, tear: Tear },
}

#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) parent: u32,
    /// Which power-on of the parent's.
    pub(super) branch: u32,
    pub(super) edge: Edge,
    /// What follows here.
    pub(super) leaf: LeafId,
    pub(super) cuts: u32,
    /// Where the last cut fell.
    pub(super) window: Option<u32>,
    /// Reached through a tear that was solved for, or calm: see [`aside`](super::aside).
    pub(super) aside: bool,
    /// Behind [`Edge::Asked`]: see [`calm`](super::calm).
    pub(super) calm: bool,
}

/// What merged states have in common: the power-on that follows, and all that it demands.
pub(super) type Class = (LeafId, u128);

/// A state, by a hash of its cells, and the world in it.
pub(super) type Situation = (u128, Root);

pub(super) fn situation(state: &State, root: Root) -> Situation {
    (hash_of(state), root)
}

/// A hash of all cells.
pub(super) fn hash_of(state: &State) -> u128 {
    state.hash_range(0..state.size())
}

pub(super) struct Work {
    pub(super) node: u32,
    pub(super) class: Class,
    pub(super) state: State,
}

/// What is begun anew whenever a demand has grown.
pub(super) struct Pass {
    pub(super) nodes: Vec<Node>,
    /// Work by number of cuts so far, so that each state is first met with the fewest.
    pub(super) work: Vec<VecDeque<Work>>,
    /// Every class met, with the fewest cuts it was met after. A class can be met behind a cut
    /// first and without one later; then it is explored again, with more cuts left.
    pub(super) visited: HashedMap<Class, u32>,
    /// Classes that others stand for: see [`stand_in`](super::stand_in).
    pub(super) stand_ins: HashedMap<Class, Class>,
    /// What followed where operations were torn.
    pub(super) torn: HashMap<Which, Aftermath>,
    /// What was explored, in order.
    pub(super) done: Vec<Done>,
    pub(super) aside: Aside,
    pub(super) calm: Calm,
    pub(super) violations: Vec<(Shown, Finding)>,
    /// Windows and properties for which a violation right behind the cut is listed.
    pub(super) blamed: HashSet<(u32, Property)>,
    pub(super) tally: Tally,
    pub(super) grew: bool,
    pub(super) truncated: bool,
}

impl Pass {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            work: Vec::new(),
            visited: HashedMap::default(),
            stand_ins: HashedMap::default(),
            torn: HashMap::new(),
            done: Vec::new(),
            aside: Aside::default(),
            calm: Calm::default(),
            violations: Vec::new(),
            blamed: HashSet::new(),
            tally: Tally::default(),
            grew: false,
            truncated: false,
        }
    }

    /// How many states are still to be explored.
    pub(super) fn waiting(&self) -> u64 {
        let queues = self.work.iter().chain([&self.aside.work]);
        queues.map(|queue| queue.len() as u64).sum()
    }

    pub(super) fn node(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 states fit in memory")
    }

    /// The state that a cut left in the operation that the walk stands before.
    pub(super) fn cut(&mut self, walk: &Walk, leaf: LeafId, tear: Tear, cut: &Cut) -> u32 {
        let parent = &self.nodes[walk.from.node as usize];
        let (cuts, aside) = (parent.cuts + 1, cut.solved || parent.aside);
        let op = u32::try_from(walk.op).unwrap_or(u32::MAX);
        self.node(Node {
            parent: walk.from.node,
            branch: walk.from.branch,
            edge: Edge::Cut { op, tear },
            leaf,
            cuts,
            window: Some(cut.window),
            aside,
            calm: false,
        })
    }
}
