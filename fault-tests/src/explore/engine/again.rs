//! Operations that are cut in a state in which they were cut before: what follows is the same.
//!
//! A power-on that reads weak bits in many ways mostly begins with the same operations, whatever it reads, and
//! many ways lead to one state. There the tears of an operation leave what they left the first time, and each is
//! followed by the power-on that followed then. Only where the walk began may differ, and what is demanded of that:
//! it is asked again, of one tear for each that may ask something else.
//!
//! A node has no fewer cuts behind it than those that were explored before it. So what follows was met already, and
//! is listed where it was met.

use std::collections::HashSet;
use std::hash::Hash as _;
use std::rc::Rc;

use sim_flash::{Op, State, Tear};
use xxhash_rust::xxh3::Xxh3;

use super::super::tally::Followed;
use super::super::tears::Operation;
use super::super::trie::LeafId;
use super::super::walk::Walk;
use super::pass::Situation;
use super::{Engine, memory};
use crate::chip::{reach, span};
use crate::subject::World;

/// An operation in a state, and how it is cut there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Which {
    pub(super) situation: Situation,
    pub(super) operation: Operation,
    pub(super) window: u32,
}

/// What followed the tears of an operation in a state.
#[derive(Default)]
pub(super) struct Aftermath {
    pub(super) followed: Followed,
    /// Power-ons that followed, with one tear for each that may demand something else.
    children: Rc<Vec<(LeafId, Tear)>>,
    /// The same, by what makes them differ: whether the tear reaches beyond its operation, and where a check looks
    /// at it, the tear itself.
    apart: HashSet<(LeafId, bool, Option<Tear>)>,
    /// Hashes of what the walks had behind them of which that was demanded.
    demanded: HashSet<u128>,
}

impl Aftermath {
    /// Bytes of it, but for the table that it is in.
    fn held(&self) -> u64 {
        // Hashes of ways grow to a few.
        const WAYS: u64 = 128;
        self.followed.held() + memory::many::<(LeafId, Tear)>(self.children.capacity()) + WAYS
    }
}

impl<W: World> Engine<'_, W> {
    /// Notes that `leaf` follows where `op` was torn in `state`.
    pub(super) fn note_child(
        &self,
        after: &mut Aftermath,
        state: &State,
        op: &Op,
        tear: Tear,
        leaf: LeafId,
    ) {
        after.followed.met(leaf, 1);
        let farthest = self.may_reach(&span(op), state);
        let mut checks = self.leaf(leaf).demand.checks.iter();
        let is_checked = checks.any(|check| self.known.checks.looks_at(*check, &farthest));
        let beyond = reach(op, tear, state) != span(op);
        if { &mut after.apart }.insert((leaf, beyond, is_checked.then_some(tear))) {
            Rc::make_mut(&mut after.children).push((leaf, tear));
        }
    }

    /// Keeps what followed for when the same is met again.
    pub(super) fn remember(&mut self, walk: &Walk, which: Which, mut after: Aftermath) {
        self.pass.tally.follow(&after.followed);
        after.apart = HashSet::new();
        after.demanded.insert(behind(walk));
        self.held.of_pass(after.held());
        self.pass.torn.insert(which, after);
    }

    /// Judges the tears of `op`, which the walk stands before, if they were met before; `false` if they were not.
    pub(super) fn judge_again(&mut self, walk: &mut Walk, op: &Op, which: &Which) -> bool {
        // Where all are audited, each is.
        if self.audit.all() || self.judges_each() {
            return false;
        }
        let Some(after) = self.pass.torn.get_mut(which) else {
            return false;
        };
        self.pass.tally.follow(&after.followed);
        if after.demanded.insert(behind(walk)) {
            let children = Rc::clone(&after.children);
            for &(leaf, tear) in children.iter() {
                self.propagate(walk, leaf, Some((op, tear)));
            }
        }
        true
    }
}

/// A hash of all that decides what is demanded of a walk's power-on, where the walk has come to this state.
fn behind(walk: &Walk) -> u128 {
    let mut hasher = Xxh3::new();
    (walk.parent, &walk.determined, &walk.programmed).hash(&mut hasher);
    hasher.digest128()
}
