//! The sweep: every scenario explored, every violation shrunk, one verdict each.

pub mod known;
mod report;
mod windows;

use std::time::{Duration, Instant};

use rayon::prelude::*;
use sim_flash::{Level, Profile};
use xxhash_rust::xxh3::Xxh3;

use crate::explore::{Counts, Exploration, Limits, explore};
use crate::ota::{Inputs, Scenario, Setup};

pub use report::{ScenarioReport, Skipped, SweepReport, Verdict, WindowReport};

/// The name of the commit policy under test.
pub const POLICY: &str = "stock";

/// What to sweep, and how far.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// The scenarios, in order.
    pub scenarios: Vec<&'static Scenario>,
    /// The user's own table and images instead of the bundled ones.
    pub inputs: Option<Inputs>,
    /// The chip.
    pub profile: Profile,
    /// How badly a cut may behave.
    pub level: Level,
    /// Cuts in a row, at most.
    pub cuts: u32,
    /// When to give up.
    pub budget: Budget,
    /// Threads; scenarios run side by side.
    pub jobs: usize,
    /// Seeds the seeded tears and the audit.
    pub seed: u64,
    /// One in this many pruned judgements is executed after all; 0 audits none.
    pub audit_one_in: u32,
}

/// When a scenario is given up as inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// After this many executed power-ons: the same on every machine.
    Boots(u64),
    /// After this much time.
    Time(Duration),
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            scenarios: crate::ota::SCENARIOS.iter().collect(),
            inputs: None,
            profile: Profile::w25q64jv(),
            level: Level::L2,
            cuts: 2,
            budget: Budget::Boots(2_000_000),
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            seed: 0,
            audit_one_in: 1000,
        }
    }
}

/// Tells how a sweep gets on: the scenario, and its counts so far.
pub type Progress<'a> = &'a (dyn Fn(&'static str, &Counts) + Sync);

/// Sweeps every scenario. The report does not depend on `jobs`, but for its times.
pub fn run(options: &SweepOptions, progress: Progress<'_>) -> SweepReport {
    let mut skipped = Vec::new();
    let mut setups = Vec::new();
    for &scenario in &options.scenarios {
        match &options.inputs {
            None => setups.push((scenario, scenario.bundled(&options.profile))),
            Some(inputs) => match scenario.with_inputs(&options.profile, inputs) {
                Ok(setup) => setups.push((scenario, setup)),
                Err(why) => skipped.push(Skipped {
                    scenario: scenario.name,
                    why: why.0,
                }),
            },
        }
    }
    let sweep = || {
        setups
            .par_iter()
            .map(|(scenario, setup)| sweep_one(options, scenario, setup, progress))
            .collect::<Vec<_>>()
    };
    let scenarios = match rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
    {
        Ok(pool) => pool.install(sweep),
        // No threads to be had: the scenarios run one after the other on this one.
        Err(_) => setups
            .iter()
            .map(|(scenario, setup)| sweep_one(options, scenario, setup, progress))
            .collect(),
    };
    SweepReport {
        scenarios,
        skipped,
        cuts: options.cuts,
    }
}

/// Sweeps one device: the scenario says what it is called, the setup what it is.
pub fn sweep_one(
    options: &SweepOptions,
    scenario: &Scenario,
    setup: &Setup,
    progress: Progress<'_>,
) -> ScenarioReport {
    let started = Instant::now();
    let (boots, deadline) = match options.budget {
        Budget::Boots(boots) => (boots, None),
        Budget::Time(time) => (u64::MAX, Some(started + time)),
    };
    let limits = Limits {
        level: options.level,
        cuts: scenario.cuts(options.cuts),
        boots,
        deadline,
        audit_one_in: options.audit_one_in,
        seed: options.seed,
        ..Limits::default()
    };
    let name = scenario.name;
    let exploration = explore(
        &setup.device,
        &setup.profile,
        &setup.starts,
        &limits,
        &|counts| {
            progress(name, counts);
        },
    );
    let mut exploration = exploration;
    let windows = match windows::of(scenario, setup, options, &exploration) {
        Ok(windows) => windows,
        Err(contradiction) => {
            exploration.disagreement.get_or_insert(contradiction);
            Vec::new()
        }
    };
    ScenarioReport {
        scenario: name,
        about: scenario.about,
        profile: setup.profile.name().to_owned(),
        level: options.level,
        policy: POLICY,
        verdict: verdict(&exploration, &windows),
        counts: exploration.counts,
        closure: exploration.closure,
        seconds: started.elapsed().as_secs_f64(),
        disagreement: exploration.disagreement,
        windows,
    }
}

fn verdict(exploration: &Exploration, windows: &[WindowReport]) -> Verdict {
    if windows.iter().any(|window| window.known.is_none()) {
        Verdict::Violated
    } else if exploration.disagreement.is_some() {
        Verdict::Nondeterministic
    } else if exploration.exhausted {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

/// A hash of the user's own files, for case ids.
pub fn inputs_hash(inputs: &Inputs) -> u32 {
    let mut hasher = Xxh3::new();
    for part in [
        &inputs.table.binary[..],
        &inputs.running.bytes,
        &inputs.update.bytes,
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    #[allow(clippy::cast_possible_truncation)] // a fingerprint: 32 of its bits are enough
    let hash = hasher.digest() as u32;
    hash
}
