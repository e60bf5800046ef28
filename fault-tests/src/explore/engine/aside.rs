//! States behind a tear that was solved for: looked at when all others are done.
//!
//! A record that nobody wrote and that is valid is a true new state, and so is each of what follows
//! from it: with every number that can be forged the whole life of the device begins once more. So
//! these states are set aside. Each is judged, and so is each power-on that follows with the power
//! on; but their operations are not cut again, and what that leaves out is counted
//! ([`Counts::uncut`](super::super::Counts::uncut)). What the others reach is explored as if there were
//! no such states: a state that is met both ways is not among these.

use std::collections::{HashSet, VecDeque};

use super::super::ANY;
use super::{Class, Engine, Work};
use crate::subject::World;

/// What is set aside in one pass.
#[derive(Default)]
pub(super) struct Aside {
    pub(super) work: VecDeque<Work>,
    met: HashSet<Class>,
}

impl<W: World> Engine<'_, W> {
    /// Whether the class was not met yet: behind a solved tear, if it is `aside`, or else elsewhere after
    /// so few cuts. Notes that it was now.
    pub(super) fn is_new(&mut self, class: Class, cuts: u32, aside: bool) -> bool {
        if aside {
            return self.pass.aside.met.insert(class);
        }
        match self.pass.visited.get_mut(&class) {
            Some(fewest) if *fewest <= cuts => return false,
            Some(fewest) => *fewest = cuts,
            None => {
                self.pass.visited.insert(class, cuts);
            }
        }
        true
    }

    /// Whether the class was met, by whatever way.
    pub(super) fn is_known(&self, class: &Class) -> bool {
        self.pass.visited.contains_key(class) || self.pass.aside.met.contains(class)
    }

    /// Whether work that was set aside need not be done, as its state was explored after all.
    pub(super) fn is_met_elsewhere(&self, work: &Work) -> bool {
        let node = &self.pass.nodes[work.node as usize];
        let elsewhere = self.pass.visited.get(&work.class);
        node.aside
            && elsewhere.is_some_and(|fewest| self.limits.cuts == ANY || *fewest <= node.cuts)
    }

    /// Whether the operations of this node's power-on are not to be cut, although more cuts may follow.
    pub(super) fn stays_uncut(&self, node: u32) -> bool {
        let node = &self.pass.nodes[node as usize];
        node.aside && node.cuts < self.limits.cuts
    }
}
