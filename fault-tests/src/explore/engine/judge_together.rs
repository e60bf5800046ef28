//! Crash states judged by one test, and the audit that executes some of them, or all, after all.

use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Op, State, Tear};

use super::super::recording::{Recording, Segment};
use super::super::run::{Conditions, power_on};
use super::super::tally::{Judged, Shown};
use super::super::trie::LeafId;
use super::super::view::{Base, View};
use super::super::walk::Walk;
use super::{Branch, Engine, Stop};
use crate::chip::{Knows, resolve};
use crate::subject::Subject;

impl<S: Subject> Engine<'_, S> {
    /// Judges all crash states of these operations by one test: no future looks at what they do, so
    /// however they are torn, and also when they complete, what follows is `leaf`. The walk stands
    /// before them.
    pub(super) fn judge_family(
        &mut self,
        walk: &Walk,
        recording: &Recording<S::World>,
        segment: &Rc<Segment>,
        ops: Range<usize>,
        leaf: LeafId,
        cuts: u32,
    ) -> Result<(), Stop> {
        let states = segment.states_of(ops.clone(), &mut self.tears, cuts);
        self.counts.crash_states += states;
        self.counts.by_family += states;
        self.pass.tally.met(leaf, states);
        if cuts == 0 {
            let numbers = walk.op..walk.op + ops.len();
            self.pass
                .tally
                .judged(walk.from.node, numbers, Judged::ByFamily);
        }
        let picked = if self.audit.all() {
            ops.clone()
        } else if let Some(pick) = self.audit.due(ops.len() as u64) {
            let op = ops.start + usize::try_from(pick).unwrap_or(0);
            op..op + 1
        } else {
            return Ok(());
        };
        let mut other = walk.clone();
        other.catch_up();
        for index in ops.start..picked.end {
            if picked.contains(&index) {
                other.op = walk.op + index - ops.start;
                self.audit_tears(&other, recording, segment, index, leaf, cuts)?;
            }
            other.carry_out(&segment.ops[index]);
        }
        Ok(())
    }

    pub(super) fn audit_tears(
        &mut self,
        walk: &Walk,
        recording: &Recording<S::World>,
        segment: &Rc<Segment>,
        index: usize,
        leaf: LeafId,
        cuts: u32,
    ) -> Result<(), Stop> {
        let tears = segment.tears(index, &mut self.tears, cuts);
        let (op, world) = (&segment.ops[index], recording.world_at(walk.op));
        if self.audit.all() {
            self.check(&walk.state, None, world, leaf, walk.from)?;
            for tear in tears.all() {
                self.check(&walk.state, Some((op, tear)), world, leaf, walk.from)?;
            }
            return Ok(());
        }
        let pick = self.audit.pick(tears.count());
        let torn = tears.get(pick).map(|tear| (op, tear));
        self.check(&walk.state, torn, world, leaf, walk.from)
    }

    /// Audits one of so many tears of `op` that were judged together, or all of them.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and what is expected of it
    pub(super) fn audit_of(
        &mut self,
        count: u64,
        tear: impl Fn(u64) -> Option<Tear>,
        state: &State,
        op: &Op,
        world: &S::World,
        leaf: LeafId,
        from: Shown,
    ) -> Result<(), Stop> {
        let picked = if self.audit.all() {
            0..count
        } else {
            self.audit.due(count).map_or(0..0, |pick| pick..pick + 1)
        };
        for torn in picked.filter_map(tear) {
            self.check(state, Some((op, torn)), world, leaf, from)?;
        }
        Ok(())
    }

    /// Executes a pruned state in full and compares.
    pub(super) fn check(
        &mut self,
        state: &State,
        torn: Option<(&Op, Tear)>,
        world: &S::World,
        leaf: LeafId,
        from: Shown,
    ) -> Result<(), Stop> {
        let mut base = Base::new(state);
        let state = View::new(&mut base, torn, &mut self.scratch).state();
        for number in 0..self.leaf(leaf).branches.len() {
            let branch = Rc::clone(&self.leaf(leaf).branches[number]);
            let agrees = self.repeats(&state, world, &branch, &branch.tape);
            self.counts.audited += 1;
            if !agrees {
                return Err(self.disagrees(from, "a pruned state behaves otherwise than predicted"));
            }
            // Of a sample one way to read weak bits is enough.
            if !self.audit.all() {
                break;
            }
        }
        Ok(())
    }

    /// Executes a state in full, weak bits read as on `tape`; whether it does what is expected.
    fn repeats(
        &mut self,
        state: &State,
        world: &S::World,
        expected: &Branch<S::World>,
        tape: &[u16],
    ) -> bool {
        let mut state = state.clone();
        if !tape.is_empty() {
            // Weak bits are made solid as they were read, so that it can be executed in full.
            let run = self.run(state.clone(), world.clone(), true, tape.to_vec());
            let recording = Recording::of(&run, self.subject.carried(), &mut self.segments);
            let same = recording.signature == expected.recording.signature;
            let Some(decided) = run.decided.filter(|_| same) else {
                return same;
            };
            resolve(&mut state, &decided);
        }
        // Of a sample, digests of bytes met before are taken over; of all, nothing is.
        let knows = if self.audit.all() {
            Knows::Nothing
        } else {
            Knows::Results(&mut self.known)
        };
        let (subject, profile) = (self.subject, self.profile);
        let conditions = Conditions::undisturbed(knows);
        let run = power_on(subject, profile, state, world.clone(), conditions);
        let recording = Recording::of(&run, subject.carried(), &mut self.segments);
        recording.signature == expected.recording.signature
    }
}
