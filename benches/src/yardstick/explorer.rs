//! Three explorers in one: what they have in common is all but how they get to a crash state.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use fault_tests::case::{LiveDevice, LivePowerOn};
use fault_tests::explore::{Limits, Start};
use fault_tests::subject::{Rest, Subject};
use sim_flash::{Cut, Op, Profile, State, Tear};

use super::{Counted, Outcome};

/// What an explorer has to save work by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// Nothing: what comes before a cut is run again for each tear of each operation.
    Rerun,
    /// A copy of the flash before each operation.
    Snapshots,
    /// Besides, a set of all flash contents and worlds that were seen.
    Closure,
}

impl Means {
    /// All of them, the fewest means first.
    pub const ALL: [Means; 3] = [Means::Rerun, Means::Snapshots, Means::Closure];
}

/// Power-ons within which a device rests once its power stays on.
const REST: usize = 16;

/// Explores as `fault_tests::explore` does, up to `limits.cuts` cuts in a row, by these means.
///
/// Of `limits` it heeds what is about tears, and the number of cuts. What follows from a tear that the
/// subject solved for is judged and not cut again, as there.
pub fn explore_by<S: Subject>(
    means: Means,
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    limits: &Limits,
) -> Outcome {
    let counted = Counted::new(subject);
    let mut explorer = Explorer {
        device: LiveDevice::new(&counted, profile),
        subject,
        means,
        start,
        limits,
        tears: HashMap::new(),
        seen: HashSet::new(),
        outcome: Outcome::default(),
    };
    explorer.follow(
        &mut Vec::new(),
        start.state.clone(),
        start.world.clone(),
        false,
    );
    Outcome {
        power_ons: counted.power_ons(),
        operations: counted.operations(),
        ..explorer.outcome
    }
}

/// A cut: power-ons since the start or the cut before, and where in that one.
#[derive(Clone, Copy)]
struct Place {
    boot: usize,
    cut: Cut,
}

struct Explorer<'a, S: Subject> {
    device: LiveDevice<'a, Counted<'a, S>>,
    subject: &'a S,
    means: Means,
    start: &'a Start<S::World>,
    limits: &'a Limits,
    /// The tears to try, by operation and whether it is the first cut.
    tears: HashMap<(Op, bool), Rc<[Tear]>>,
    /// What was followed, with how many cuts before it, and whether it is cut no more.
    seen: HashSet<(u128, S::World, usize, bool)>,
    outcome: Outcome,
}

impl<S: Subject> Explorer<'_, S> {
    /// Lets the power on in this state until the device rests, and cuts every operation on the way.
    fn follow(&mut self, path: &mut Vec<Place>, state: State, world: S::World, uncut: bool) {
        let (mut state, mut world) = (state, world);
        for boot in 0..REST {
            let here = (state.hash(), world.clone(), path.len(), uncut);
            if self.means == Means::Closure && !self.seen.insert(here) {
                return;
            }
            let run = self.device.power_on(state.clone(), world.clone(), None);
            self.outcome.found(&run.findings);
            let cuts = u32::try_from(path.len()).unwrap_or(u32::MAX);
            if cuts < self.limits.cuts && !uncut {
                self.cut_each(path, boot, &state, &run);
            }
            let settled = run.ops.is_empty() && *run.world() == world;
            if run.rest == Some(Rest::Stuck) || (run.rest == Some(Rest::Idle) && settled) {
                return;
            }
            world = run.world().clone();
            state = run.after;
        }
    }

    /// Cuts every operation of a power-on that began in `state`.
    fn cut_each(
        &mut self,
        path: &mut Vec<Place>,
        boot: usize,
        state: &State,
        run: &LivePowerOn<S::World>,
    ) {
        let mut before = state.clone();
        for (index, op) in run.ops.iter().enumerate() {
            before.seal();
            let nothing = if op.data().is_empty() {
                Tear::E0
            } else {
                Tear::P0
            };
            let solved = self.subject.solved(op.addr(), op.data());
            let tears = self.tears_of(op, path.is_empty());
            for tear in tears.iter().copied().chain([nothing]) {
                self.outcome.crash_states += 1;
                let cut = Cut {
                    op: index as u64,
                    tear,
                };
                path.push(Place { boot, cut });
                let (torn, world) = if self.means == Means::Rerun {
                    self.rerun(path)
                } else {
                    let mut torn = before.clone();
                    torn.tear(op, tear);
                    (torn, run.world_at(index).clone())
                };
                let uncut = path.len() == 1 && solved.contains(&tear);
                self.follow(path, torn, world, uncut);
                path.pop();
            }
            before.apply(op);
        }
    }

    /// Runs from the start, through every cut, up to and with the last.
    fn rerun(&mut self, path: &[Place]) -> (State, S::World) {
        let (mut state, mut world) = (self.start.state.clone(), self.start.world.clone());
        for place in path {
            for _ in 0..place.boot {
                let run = self.device.power_on(state, world, None);
                world = run.world().clone();
                state = run.after;
            }
            let run = self.device.power_on(state, world, Some(place.cut));
            assert!(run.torn.is_some(), "the cut falls where it fell before");
            world = run.world_at(run.ops.len()).clone();
            state = run.after;
        }
        (state, world)
    }

    fn tears_of(&mut self, op: &Op, first: bool) -> Rc<[Tear]> {
        let (limits, subject) = (self.limits, self.subject);
        let tears = self.tears.entry((op.clone(), first));
        let cuts = u32::from(!first);
        Rc::clone(tears.or_insert_with(|| limits.tears(subject, op, cuts).into()))
    }
}
