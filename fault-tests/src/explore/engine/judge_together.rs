//! Crash states judged by one test, and the audit that executes some of them, or all, after all.

use std::ops::Range;
use std::rc::Rc;

use rayon::prelude::*;
use sim_flash::{Op, State, Tear};

use super::super::recording::{Recording, Segment, Unseen, sign};
use super::super::run::{Conditions, PowerOn, power_on};
use super::super::tally::{Judged, Shown};
use super::super::trie::LeafId;
use super::super::view::crash_state;
use super::super::walk::Walk;
use super::{Branch, Engine, Stop};
use crate::chip::{Knows, resolve};
use crate::subject::World;

/// States that are executed side by side, where all are.
const TOGETHER: usize = 4096;

/// Where all states are executed, one in so many of those that the shapes of rows leave is: they are a hundred times as
/// many as all others.
const ROWS_AUDITED: u64 = 4093;

/// A pruned state that is to be executed after all.
pub(super) struct Due<W> {
    base: State,
    torn: Option<(Op, Tear)>,
    world: W,
    /// The signature of what it was judged to do.
    expected: u128,
    from: Shown,
}

impl<W: World> Engine<'_, W> {
    /// Judges all crash states of these operations by one test: no future looks at what they do, so
    /// however they are torn, and also when they complete, what follows is `leaf`. The walk stands
    /// before them.
    pub(super) fn judge_family(
        &mut self,
        walk: &Walk,
        recording: &Recording<W>,
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
        recording: &Recording<W>,
        segment: &Rc<Segment>,
        index: usize,
        leaf: LeafId,
        cuts: u32,
    ) -> Result<(), Stop> {
        let tears = segment.tears(index, &mut self.tears, cuts);
        let (op, world) = (&segment.ops[index], recording.world_at(walk.op));
        if self.audit.all() {
            self.check(&walk.state, None, world, leaf, walk.from)?;
            for tear in tears.all(ROWS_AUDITED) {
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
        world: &W,
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

    /// Executes a pruned state in full and compares. Where all are, many at a time.
    pub(super) fn check(
        &mut self,
        state: &State,
        torn: Option<(&Op, Tear)>,
        world: &W,
        leaf: LeafId,
        from: Shown,
    ) -> Result<(), Stop> {
        if self.subject.numbered().is_some() {
            let crashed = crash_state(state, torn, self.subject.carried());
            return self.check_numbered(&crashed, world, leaf, from);
        }
        let branches = self.leaf(leaf).branches.clone();
        for branch in &branches {
            if self.audit.all() && branch.tape.is_empty() {
                self.due.push(Due {
                    base: state.clone(),
                    torn: torn.map(|(op, tear)| (op.clone(), tear)),
                    world: world.clone(),
                    expected: branch.does.recording.signature,
                    from,
                });
                if self.due.len() >= TOGETHER {
                    self.check_due()?;
                }
                continue;
            }
            self.counts.audited += 1;
            let state = crash_state(state, torn, self.subject.carried());
            if !self.repeats(state, world, branch) {
                return Err(self.differs(from));
            }
            // Of a sample one way to read weak bits is enough.
            if !self.audit.all() {
                break;
            }
        }
        Ok(())
    }

    /// The same for a state that does what is expected with its own numbers, or with those of the state
    /// that stands for it.
    fn check_numbered(
        &mut self,
        state: &State,
        world: &W,
        leaf: LeafId,
        from: Shown,
    ) -> Result<(), Stop> {
        self.counts.audited += 1;
        let branches = self.leaf(leaf).branches.clone();
        if { branches.iter() }.all(|branch| self.repeats(state.clone(), world, branch)) {
            return Ok(());
        }
        let solid = self.solid_where_unread(state, world);
        let state = solid.as_ref().unwrap_or(state);
        let Some(simplest) = self.simplest(state) else {
            return Err(self.differs(from));
        };
        self.compare(state, &simplest, world, from)?;
        if { branches.iter() }.all(|branch| self.repeats(simplest.clone(), world, branch)) {
            return Ok(());
        }
        Err(self.differs(from))
    }

    /// The same state with its numbered sectors solid, if its power-on cannot tell: it reads none of their weak bits.
    /// Where programming again does not heal, nothing stands for a state in which there are some.
    fn solid_where_unread(&mut self, state: &State, world: &W) -> Option<State> {
        let sectors = self.subject.numbered()?;
        if state.reprogram_heals() || !state.has_weak(sectors.clone()) {
            return None;
        }
        let run = self.run(state.clone(), world.clone(), true, Vec::new());
        if !run.weak_reads.is_empty() {
            return None;
        }
        let mut bytes = vec![0; sectors.len()];
        state.read(sectors.start, &mut bytes);
        let mut solid = state.clone();
        solid.put_solid(sectors.start, &bytes);
        solid.seal();
        Some(solid)
    }

    /// Whether a state does what is expected, executed in full but for digests of bytes met before.
    fn repeats(&mut self, mut state: State, world: &W, expected: &Branch<W>) -> bool {
        let (subject, profile) = (self.subject, self.profile);
        let (unseen, expected_signature) = (Unseen::by(subject), expected.does.recording.signature);
        let signature = |run: &PowerOn<W>| sign(run, unseen, &mut Vec::new(), |_, _| {});
        if !expected.tape.is_empty() {
            // Weak bits are made solid as they were read, so that it can be executed in full.
            let run = self.run(state.clone(), world.clone(), true, expected.tape.to_vec());
            let same = signature(&run) == expected_signature;
            let Some(decided) = run.decided.filter(|_| same) else {
                return same;
            };
            resolve(&mut state, &decided);
        }
        let conditions = Conditions::undisturbed(Knows::Results(&mut self.known));
        let run = power_on(subject, profile, state, world.clone(), conditions);
        signature(&run) == expected_signature
    }

    /// Executes what is due, side by side, with nothing taken over from any other power-on.
    pub(super) fn check_due(&mut self) -> Result<(), Stop> {
        let due = std::mem::take(&mut self.due);
        let (subject, profile) = (self.subject, self.profile);
        let repeats = |due: &Due<W>| {
            let conditions = Conditions::undisturbed(Knows::Nothing);
            let carried = subject.carried();
            let torn = due.torn.as_ref().map(|(op, tear)| (op, *tear));
            let state = crash_state(&due.base, torn, carried);
            let run = power_on(subject, profile, state, due.world.clone(), conditions);
            sign(&run, Unseen::by(subject), &mut Vec::new(), |_, _| {}) == due.expected
        };
        self.counts.audited += due.len() as u64;
        match due.par_iter().find_first(|due| !repeats(due)) {
            Some(due) => Err(self.differs(due.from)),
            None => Ok(()),
        }
    }

    fn differs(&self, from: Shown) -> Stop {
        self.disagrees(from, "a pruned state behaves otherwise than predicted")
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
    use sim_flash::{Level, Profile};

    use super::super::super::{Limits, Start, explore};
    use super::*;
    use crate::chip::Chip;
    use crate::subject::{Dead, Journal, Rest, Subject};

    /// Adds two to a number. All numbers are said to be alike, as long as no cell of the sector is weak.
    struct Counter;

    const SECTOR: u32 = 4096;
    /// Programmed, and read by nobody.
    const UNREAD: u32 = 256;

    impl Subject for Counter {
        type World = ();

        fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
            let mut number = [0];
            chip.read(0, &mut number).map_err(|_| Dead)?;
            chip.erase(0, SECTOR).map_err(|_| Dead)?;
            chip.write(0, &[number[0].wrapping_add(2)])
                .map_err(|_| Dead)?;
            chip.write(UNREAD, &[0x5A]).map_err(|_| Dead)?;
            Ok(Rest::Reset)
        }

        fn numbered(&self) -> Option<Range<u32>> {
            Some(0..SECTOR)
        }

        fn simplest(&self, state: &State) -> Option<State> {
            let mut number = [0];
            state.read(0, &mut number);
            let mut simplest = state.clone();
            simplest.put_solid(0, &[0]);
            (number != [0] && !state.has_weak(0..SECTOR)).then_some(simplest)
        }
    }

    /// The state that a cut leaves in the last program has weak bits, so nothing stands for it; but it does what
    /// stands for the one before does, with other numbers.
    #[test]
    fn weak_bits_that_nobody_reads_are_no_difference() {
        let profile = Profile::w25q64jv()
            .with_size(16 * 1024)
            .with_reprogram_heals(false);
        let mut state = profile.erased();
        state.put_solid(0, &[0]);
        let limits = Limits {
            level: Level::L3,
            cuts: 1,
            audit_one_in: 1,
            ..Limits::default()
        };
        let explored = explore(
            &Counter,
            &profile,
            &[Start::only(state, ())],
            &limits,
            &|_| {},
        );
        assert_eq!(explored.disagreement.as_ref().map(|it| it.what), None);
        assert!(explored.counts.by_family > 0 && explored.counts.audited > 0);
    }
}
