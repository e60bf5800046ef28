//! Between two passes: demands that grew late are brought to all that lead there.
//!
//! A pass explores a state before those that follow from it, so what is demanded further down arrives
//! one step earlier with each pass. Here it arrives at once: where a state's children demand more than
//! when it was explored, it demands more in its turn, the last one first, until nothing grows. That a
//! pass finds nothing to be demanded is still what proves the demands complete, not this.

use sim_flash::{Op, Tear};

use super::super::tally::Shown;
use super::super::trie::LeafId;
use super::super::walk::Walk;
use super::{Engine, Work};
use crate::subject::World;

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

impl<W: World> Engine<'_, W> {
    /// Keeps what followed from a state that was explored.
    pub(super) fn keep(&mut self, work: Work) {
        let met = std::mem::take(&mut self.children.met);
        self.hold_done((met.capacity() * size_of::<Met>()) as u64);
        self.pass.done.push(Done { work, met });
    }

    /// Lets demands grow by what is demanded further down, until none does.
    pub(super) fn settle(&mut self) {
        let mut done = std::mem::take(&mut self.pass.done);
        let mut settled = false;
        // Ends: demands only grow, and there are so many bytes, records and checks.
        while !std::mem::replace(&mut settled, true) {
            for Done { work, met } in done.iter_mut().rev() {
                // More than once: its own demand may be among those that it looks at.
                while met.iter().any(|met| self.has_grown(met)) {
                    settled = false;
                    self.demand_again(work, met);
                }
            }
        }
    }

    fn has_grown(&self, met: &Met) -> bool {
        self.leaf(met.child).demand.version != met.version
    }

    /// Walks the power-ons of a state again, past what it met there.
    fn demand_again(&mut self, work: &Work, met: &mut [Met]) {
        let parent = work.class.0;
        let branches = self.leaf(parent).branches.clone();
        for (number, branch) in (0..).zip(&branches) {
            let from = Shown {
                node: work.node,
                branch: number,
            };
            let mut walk = Walk::new(from, parent, work.state.clone());
            for segment in &branch.does.recording.segments {
                let ops = walk.op..walk.op + segment.ops.len();
                let here = |met: &Met| met.branch == number && ops.contains(&met.op);
                if met.iter().any(|met| here(met) && self.has_grown(met)) {
                    walk.catch_up();
                    for op in &segment.ops {
                        self.demand_here(&mut walk, Some(op), met);
                        walk.carry_out(op);
                        walk.op += 1;
                    }
                } else {
                    walk.pass_over(segment, 0);
                    walk.op = ops.end;
                }
            }
            walk.catch_up();
            self.demand_here(&mut walk, None, met);
        }
    }

    /// Notes what the children that were met where the walk stands, before `op` or at the end, demand more.
    fn demand_here(&mut self, walk: &mut Walk, op: Option<&Op>, met: &mut [Met]) {
        let at = (walk.from.branch, walk.op);
        for met in met.iter_mut().filter(|met| (met.branch, met.op) == at) {
            if self.has_grown(met) {
                met.version = self.leaf(met.child).demand.version;
                self.propagate(walk, met.child, op.zip(met.tear));
            }
        }
    }
}
