//! What is swept: a device, where its life begins, and what its cases are called.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use sim_flash::{Contract, Level, Profile};

use super::report::{MarkReport, ScenarioReport, Verdict, WindowReport};
use super::{Budget, SweepOptions, coverage, windows};
use crate::case::{CaseId, Replay, replay};
use crate::explore::{Counts, Disagreement, Exploration, Limits, Path, Start, explore};
use crate::ota::{Policy, RENEWED};
use crate::subject::{Mark, Subject, World};

/// A device at a point of its life, named for case ids.
pub(crate) struct Exhibit<'a, W: World> {
    /// The scenario's name.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) about: &'static str,
    /// A hash of the user's own files, if it is about such.
    pub(crate) inputs: Option<u32>,
    pub(crate) subject: &'a dyn Subject<World = W>,
    pub(crate) profile: &'a Profile,
    pub(crate) starts: &'a [Start<W>],
    /// How badly cuts behave.
    pub(crate) level: Level,
    /// How many there may be in a row.
    pub(crate) cuts: u32,
    /// The commit policy that is built in.
    pub(crate) policy: Policy,
}

/// See [`Limits::departures`].
const DEPARTURES: u32 = 1;

impl<W: World> Exhibit<'_, W> {
    /// Explores it within the options' limits.
    pub(crate) fn explore(
        &self,
        options: &SweepOptions,
        unwanted: Option<Arc<AtomicBool>>,
        progress: &dyn Fn(&Counts),
    ) -> Exploration {
        let (boots, deadline) = match options.budget {
            Budget::Boots(boots) => (boots, None),
            Budget::Time(time) => (u64::MAX, Some(Instant::now() + time)),
        };
        let limits = Limits {
            boots,
            deadline,
            memory: options.memory,
            ends_at_first: options.first,
            unwanted,
            interrupted: options.interrupted.clone(),
            ..self.limits(options)
        };
        let explore =
            |limits: &Limits| explore(self.subject, self.profile, self.starts, limits, progress);
        let first = explore(&limits);
        if !limits.ends_at_first || first.violations.is_empty() || self.shows(&first) {
            return first;
        }
        // What was derived first is a known window, or cannot be shown: something else may be.
        let limits = Limits {
            ends_at_first: false,
            ..limits
        };
        explore(&limits)
    }

    /// Whether a violation is shown by its cuts, and is no known window.
    fn shows(&self, exploration: &Exploration) -> bool {
        let windows = windows::of(self, exploration);
        windows.is_ok_and(|windows| windows.iter().any(|window| window.known.is_none()))
    }

    fn limits(&self, options: &SweepOptions) -> Limits {
        Limits {
            level: self.level,
            cuts: self.cuts,
            audit_one_in: options.audit_one_in,
            risen: options.risen,
            seed: options.seed,
            departures: if self.level < Level::L4 {
                u32::MAX
            } else {
                DEPARTURES
            },
            spared: options.filling.spares().then_some(Mark::Borrowed(RENEWED)),
            ..Limits::default()
        }
    }

    /// What `exploration` found, each window shrunk. `started` is when that began.
    pub(crate) fn report(
        &self,
        options: &SweepOptions,
        exploration: &mut Exploration,
        started: Instant,
    ) -> ScenarioReport {
        let windows = match windows::of(self, exploration) {
            Ok(windows) => windows,
            Err(contradiction) => {
                exploration.disagreement.get_or_insert(contradiction);
                Vec::new()
            }
        };
        ScenarioReport {
            scenario: self.name,
            about: self.about,
            profile: self.profile.name().to_owned(),
            contract: self.contract(),
            policy: self.policy,
            risen: options.risen,
            verdict: verdict(exploration, &windows, self.cuts),
            counts: exploration.counts,
            closure: exploration.closure,
            stopped: exploration.stopped,
            cuts: self.cuts,
            filling: options.filling,
            seconds: started.elapsed().as_secs_f64(),
            disagreement: exploration.disagreement.as_ref().map(|disagreement| {
                let Disagreement { what, start, path } = disagreement;
                let named = self.starts.get(*start).map(|start| &*start.name);
                let start = named.filter(|name| !name.is_empty()).unwrap_or("the start");
                if path.cuts.is_empty() {
                    format!("{what}, in what follows {start}")
                } else {
                    format!("{what}, in what follows {path} from {start}")
                }
            }),
            windows,
            marks: exploration
                .reached
                .iter()
                .map(|reached| MarkReport {
                    mark: reached.mark.to_string(),
                    states: reached.states,
                })
                .collect(),
            coverage: coverage::of(self, exploration, &self.limits(options)),
        }
    }

    /// What its verdict is about: how badly cuts behave, and the chip's weak bits.
    fn contract(&self) -> Contract {
        Contract::on(self.level, self.profile)
    }

    /// The replay of this way from the start of this index; `None` if they cannot be made.
    pub(crate) fn replay(&self, start: usize, path: &Path) -> Option<Replay> {
        replay(self.subject, self.profile, &self.starts[start], path, true).ok()
    }

    /// The id of a case whose operations hash to `trace`.
    pub(crate) fn case(&self, start: usize, path: Path, trace: u32) -> CaseId {
        CaseId {
            scenario: self.name.to_owned(),
            start: self.starts[start].name.clone(),
            inputs: self.inputs,
            profile: self.profile.name().to_owned(),
            contract: self.contract(),
            policy: self.policy.to_string(),
            path,
            trace,
        }
    }
}

fn verdict(exploration: &Exploration, windows: &[WindowReport], cuts: u32) -> Verdict {
    match Verdict::of(windows) {
        Verdict::Violated => Verdict::Violated,
        _ if exploration.disagreement.is_some() => Verdict::Nondeterministic,
        // Without a cut nothing is shown.
        _ if exploration.exhausted || cuts == 0 => Verdict::Inconclusive,
        verdict => verdict,
    }
}
