//! Between two passes: demands that grew late are brought to all that lead there.
//!
//! A pass explores a state before those that follow from it, so what is demanded further down arrives
//! one step earlier with each pass. Here it arrives at once: where a state's children demand more than
//! when it was explored, it demands more in its turn, the last one first, until nothing grows. That a
//! pass finds nothing to be demanded is still what proves the demands complete, not this.

use std::rc::Rc;

use sim_flash::Tear;

use super::super::tally::Shown;
use super::super::trie::LeafId;
use super::super::walk::Walk;
use super::{Engine, Work};
use crate::subject::Subject;

/// A state that was explored, and what followed from it.
pub(super) struct Done {
    work: Work,
    met: Vec<Met>,
}

/// What followed a cut, or the end of a power-on.
#[derive(Clone, Copy)]
struct Met {
    branch: u32,
    /// The operation that was cut, or how many there were.
    op: usize,
    tear: Option<Tear>,
    child: LeafId,
    /// The version of its demand.
    version: u32,
}

/// What an expansion meets.
#[derive(Default)]
pub(in super::super) struct Children {
    met: Vec<Met>,
    /// By leaf: at which operation it was met last, of all that any walk looked at.
    last: Vec<u64>,
    operations: u64,
    /// The branch and the operation that are looked at.
    at: (u32, usize),
}

impl Children {
    pub(super) fn begin(&mut self) {
        self.met.clear();
        self.operations += 1;
    }

    /// Notes that `child`, at this version of its demand, follows where the walk stands.
    pub(in super::super) fn note(
        &mut self,
        walk: &Walk,
        tear: Option<Tear>,
        (child, version): (LeafId, u32),
    ) {
        if self.at != (walk.from.branch, walk.op) {
            self.at = (walk.from.branch, walk.op);
            self.operations += 1;
        }
        let leaf = child.0 as usize;
        if self.last.len() <= leaf {
            self.last.resize(leaf + 1, 0);
        }
        if std::mem::replace(&mut self.last[leaf], self.operations) != self.operations {
            self.met.push(Met {
                branch: walk.from.branch,
                op: walk.op,
                tear,
                child,
                version,
            });
        }
    }
}

impl<S: Subject> Engine<'_, S> {
    /// Keeps what followed from a state that was explored.
    pub(super) fn keep(&mut self, work: Work) {
        let met = self.children.met.clone();
        self.pass.done.push(Done { work, met });
    }

    /// Lets demands grow by what is demanded further down, until none does.
    pub(super) fn settle(&mut self) {
        let mut done = std::mem::take(&mut self.pass.done);
        // Ends: demands only grow, and there are so many bytes, records and checks.
        loop {
            let mut settled = true;
            for Done { work, met } in done.iter_mut().rev() {
                let mut grew = met.iter().any(|met| self.has_grown(met));
                settled &= !grew;
                // Its own demand may be among those that it looks at.
                while std::mem::take(&mut grew) {
                    self.demand_again(work, met);
                    grew = met.iter().any(|met| self.has_grown(met));
                }
            }
            if settled {
                return;
            }
        }
    }

    fn has_grown(&self, met: &Met) -> bool {
        self.leaf(met.child).demand.version != met.version
    }

    /// Walks the power-ons of a state again, past what it met there.
    fn demand_again(&mut self, work: &Work, met: &mut [Met]) {
        let parent = work.class.0;
        for (branch, number) in (0..).zip(0..self.leaf(parent).branches.len()) {
            let does = Rc::clone(&self.leaf(parent).branches[number].does);
            let from = Shown {
                node: work.node,
                branch,
            };
            let mut walk = Walk::new(from, parent, work.state.clone());
            let mut first = 0;
            for segment in &does.recording.segments {
                let end = first + segment.ops.len();
                let here = |met: &Met| met.branch == branch && (first..end).contains(&met.op);
                if !met.iter().any(|met| here(met) && self.has_grown(met)) {
                    walk.pass_over(segment, 0);
                    first = end;
                    continue;
                }
                walk.catch_up();
                for (op, number) in segment.ops.iter().zip(first..) {
                    walk.op = number;
                    for met in met.iter_mut().filter(|met| met.branch == branch) {
                        if met.op == number && self.has_grown(met) {
                            met.version = self.leaf(met.child).demand.version;
                            self.propagate(&mut walk, met.child, met.tear.map(|tear| (op, tear)));
                        }
                    }
                    walk.carry_out(op);
                }
                first = end;
            }
            walk.op = first;
            walk.catch_up();
            for met in met.iter_mut().filter(|met| met.branch == branch) {
                if met.op >= first && self.has_grown(met) {
                    met.version = self.leaf(met.child).demand.version;
                    self.propagate(&mut walk, met.child, None);
                }
            }
        }
    }
}
