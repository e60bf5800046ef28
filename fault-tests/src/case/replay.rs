//! Replay: the cuts of a case, made live, and what the device does afterwards.

use std::fmt;

use sim_flash::{Cut, Op, Profile, State};
use xxhash_rust::xxh3::Xxh3;

use crate::chip::{Knowledge, Knows, WeakRead};
use crate::explore::{
    Conditions, CutAt, Decided, Path, PowerOn, REST, Start, Window, lean_to_ones, power_on,
};
use crate::property::{Finding, completion, wear};
use crate::subject::{Entry, Event, Rest, Subject};

/// One power-on of a replay.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number: from 0 before the first cut, from 1 after each cut.
    pub boot: u32,
    /// The flash when the power came on.
    pub before: State,
    /// The flash when it ended.
    pub after: State,
    /// Completed operations.
    pub ops: Vec<Op>,
    /// The cut that ended it, with the operation it hit.
    pub cut: Option<(CutAt, Op)>,
    /// How it ended otherwise.
    pub rest: Option<Rest>,
    /// Reads that met weak bits.
    pub(crate) weak_reads: Vec<WeakRead>,
    /// What the device told.
    pub entries: Vec<Entry>,
    /// What the judge saw.
    pub findings: Vec<Finding>,
}

/// A replayed case.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Every power-on, in order.
    pub steps: Vec<Step>,
    /// The hash of all operations up to the last cut.
    pub trace: u32,
}

impl Replay {
    /// Every violation, in order.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.steps.iter().flat_map(|step| &step.findings)
    }

    /// What there is to say of it first: what a cut led to, or else what some operation violates.
    pub fn finding(&self) -> Option<&Finding> {
        let of_a_cut = |finding: &&Finding| !finding.property.is_of_operations();
        self.findings()
            .find(of_a_cut)
            .or_else(|| self.findings().next())
    }

    /// Whether `finding` was seen again: the same property, allowed and got.
    pub fn shows(&self, finding: &Finding) -> bool {
        self.findings().any(|seen| seen.says(finding))
    }
}

/// A cut that could not be made, because the device never came to that operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// Which cut, counted from 1.
    pub cut: usize,
    /// Why not.
    pub why: String,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut {} cannot be made: {}", self.cut, self.why)
    }
}

impl std::error::Error for Unreached {}

/// Runs the device from `start`, makes each cut live, then lets it come to rest.
pub fn replay<S: Subject + ?Sized>(
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    path: &Path,
    verbose: bool,
) -> Result<Replay, Unreached> {
    let mut known = Knowledge::of(subject.records(), true);
    replay_knowing(subject, profile, start, path, verbose, &mut known)
}

/// The same with what is known from other replays: results for equal bytes are not worked out again.
pub(super) fn replay_knowing<S: Subject + ?Sized>(
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    path: &Path,
    verbose: bool,
    known: &mut Knowledge,
) -> Result<Replay, Unreached> {
    let mut device = Live {
        subject,
        profile,
        state: start.state.clone(),
        world: start.world.clone(),
        path,
        known,
        steps: Vec::new(),
        trace: Xxh3::new(),
        verbose,
    };
    let mut first = 0;
    for (index, cut) in path.cuts.iter().enumerate() {
        let unreached = |why| Unreached {
            cut: index + 1,
            why,
        };
        for boot in first..cut.boot {
            let step = device.power_on(boot, None);
            if step.rest == Some(Rest::Stuck) {
                return Err(unreached(format!("power-on {boot} before it got stuck")));
            }
        }
        let step = device.power_on(cut.boot, Some(*cut));
        let ops = step.ops.len();
        match &step.cut {
            Some((made, _)) if made.tear == cut.tear => {}
            Some((_, op)) => {
                return Err(unreached(format!(
                    "tear {} does not fit operation {} ({op})",
                    cut.tear, cut.op
                )));
            }
            None => {
                let why = if ops == cut.op as usize {
                    format!(
                        "power-on {} has no operation {}, or {} is no tear of it",
                        cut.boot, cut.op, cut.tear
                    )
                } else {
                    format!("power-on {} has only {ops} operations", cut.boot)
                };
                return Err(unreached(why));
            }
        }
        first = 1;
    }
    let trace = device.trace.digest();
    let next = device.settle(first);
    if path.asked && device.rests() {
        device.ask(next);
    }
    #[allow(clippy::cast_possible_truncation)] // a fingerprint: 32 of its bits are enough
    Ok(Replay {
        steps: device.steps,
        trace: trace as u32,
    })
}

struct Live<'s, S: Subject + ?Sized> {
    subject: &'s S,
    profile: &'s Profile,
    state: State,
    world: S::World,
    path: &'s Path,
    known: &'s mut Knowledge,
    steps: Vec<Step>,
    trace: Xxh3,
    verbose: bool,
}

impl<S: Subject + ?Sized> Live<'_, S> {
    /// Leaves the power on until the device rests; the number of the power-on that would follow.
    fn settle(&mut self, first: u32) -> u32 {
        let cuts = self.path.cuts.len();
        let behind = |decided: &&Decided| decided.cuts as usize == cuts;
        let decided = self
            .path
            .weak
            .iter()
            .filter(behind)
            .map(|decided| decided.boot);
        // Weak bits may read otherwise even when nothing changed.
        let decided = decided.max().unwrap_or(0);
        let mut boot = first;
        while boot < first + REST.max(decided) && (boot <= decided || !self.rests()) {
            if self
                .steps
                .last()
                .is_some_and(|step| step.rest == Some(Rest::Stuck))
            {
                return boot;
            }
            self.power_on(boot, None);
            boot += 1;
        }
        let finding =
            (!self.rests()).then(|| completion::wedged(REST, false, Ok::<(), String>(())));
        self.found(finding.flatten());
        boot
    }

    /// Whether the last power-on left things as it found them.
    fn rests(&self) -> bool {
        let rests = |step: &Step| {
            step.cut.is_none() && step.rest == Some(Rest::Idle) && step.before == step.after
        };
        self.steps.last().is_some_and(rests)
    }

    /// Asks something new of the device, and leaves the power on until it rests again.
    fn ask(&mut self, first: u32) {
        let Some(asked) = self.subject.asked(&self.world) else {
            return;
        };
        self.world = asked;
        for boot in first..first + REST {
            self.power_on(boot, None);
            if self.rests() {
                break;
            }
        }
        let finding = match self.subject.satisfied(&self.world) {
            Ok(()) => None,
            Err(why) => completion::wedged(REST, true, Err(why)),
        };
        self.found(finding);
    }

    fn found(&mut self, finding: Option<Finding>) {
        if let (Some(finding), Some(step)) = (finding, self.steps.last_mut()) {
            let at = u32::try_from(step.ops.len()).unwrap_or(u32::MAX);
            let event = Event::Violated(finding.clone());
            step.entries.push(Entry { at, event });
            step.findings.push(finding);
        }
    }

    fn power_on(&mut self, boot: u32, cut: Option<CutAt>) -> &Step {
        // As when exploring: what weak bits lean to does not matter.
        let size = self.state.size();
        lean_to_ones(&mut self.state, &(0..size));
        let before = self.state.clone();
        let cuts = self.steps.iter().filter(|step| step.cut.is_some()).count();
        let cuts = u32::try_from(cuts).unwrap_or(u32::MAX);
        // With weak bits an image is one decision, as it is when exploring.
        let knows = if before.has_weak(0..before.size()) {
            Knows::Contents(self.known)
        } else {
            Knows::Results(self.known)
        };
        let conditions = Conditions {
            cut: cut.map(|cut| Cut {
                op: u64::from(cut.op),
                tear: cut.tear,
            }),
            knows,
            verbose: self.verbose,
            tape: self.path.taken(cuts, boot),
        };
        let run = power_on(
            self.subject,
            self.profile,
            before.clone(),
            self.world.clone(),
            conditions,
        );
        let repeats = self.repeats(&run);
        self.state = run.state.clone();
        self.world = run.world.clone();
        self.note_trace(&run, cut.is_some());
        let torn = run.torn();
        let step = Step {
            boot,
            ops: run.done().filter_map(|op| op.op()).collect(),
            before,
            after: run.state,
            cut: cut.and_then(|cut| Some((cut, torn?))),
            rest: run.end.ok(),
            weak_reads: run.weak_reads,
            entries: run.entries,
            findings: run.findings,
        };
        let index = self.steps.len();
        self.steps.push(step);
        self.found(repeats);
        &self.steps[index]
    }

    /// What is wrong with a power-on that leaves all as it was, and did something.
    fn repeats(&self, run: &PowerOn<S::World>) -> Option<Finding> {
        let again = matches!(run.end, Ok(Rest::Reset | Rest::Idle));
        let same = again && run.state == self.state && run.world == self.world;
        let first = run.done().next().filter(|_| same)?.op()?;
        let first = Window::of(self.subject, &self.state, &first, None);
        wear::judge_repetition(run.done().len(), run.calls.len(), first)
    }

    fn note_trace(&mut self, run: &PowerOn<S::World>, cut: bool) {
        for op in run.done().filter_map(|op| op.op()).chain(run.torn()) {
            self.trace.update(&op.addr().to_le_bytes());
            self.trace.update(&op.len().to_le_bytes());
            self.trace.update(op.data());
        }
        self.trace.update(&[u8::from(cut)]);
    }
}
