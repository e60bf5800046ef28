//! The sweep: every scenario explored, every violation shrunk, one verdict each.

pub mod coverage;
mod exhibit;
mod json;
pub mod known;
mod print;
mod profiles;
mod report;
mod windows;

use std::time::{Duration, Instant};

use rayon::prelude::*;
use sim_flash::{Level, Profile};
use xxhash_rust::xxh3::Xxh3;

use crate::explore::Counts;
use crate::ota::{Inputs, Scenario, Setup};

pub(crate) use exhibit::Exhibit;
pub(crate) use print::thousands;
pub use profiles::{NoProfile, profile, usable};
pub use report::{MarkReport, ScenarioReport, Skipped, SweepReport, Verdict, WindowReport};

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
                    why: why.0.to_owned(),
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
    let unmet = unmet(options, &scenarios);
    SweepReport {
        scenarios,
        skipped,
        cuts: options.cuts,
        unmet,
    }
}

/// What a full sweep must meet sometimes, and this one did not.
///
/// A sweep is full if it takes every scenario on its bundled files, and cuts as the default does or
/// worse; any other may well miss something.
fn unmet(options: &SweepOptions, scenarios: &[ScenarioReport]) -> Vec<&'static str> {
    let all = crate::ota::SCENARIOS.iter();
    let full = options.inputs.is_none()
        && options.level >= Level::L2
        && options.cuts > 0
        && all
            .map(|scenario| scenario.name)
            .eq(scenarios.iter().map(|scenario| scenario.scenario));
    if !full {
        return Vec::new();
    }
    let met = |mark: &&str| {
        let marks = scenarios.iter().flat_map(|scenario| &scenario.marks);
        marks
            .into_iter()
            .any(|met| met.mark == **mark && met.states > 0)
    };
    let marks = crate::ota::marks::MARKS;
    marks.into_iter().filter(|mark| !met(mark)).collect()
}

/// Sweeps one device: the scenario says what it is called, the setup what it is.
pub fn sweep_one(
    options: &SweepOptions,
    scenario: &Scenario,
    setup: &Setup,
    progress: Progress<'_>,
) -> ScenarioReport {
    let started = Instant::now();
    let exhibit = Exhibit {
        name: scenario.name,
        about: scenario.about,
        inputs: options.inputs.as_ref().map(inputs_hash),
        subject: &setup.device,
        profile: &setup.profile,
        starts: &setup.starts,
        level: options.level,
    };
    let exploration = exhibit.explore(options, &|counts| progress(scenario.name, counts));
    exhibit.report(&exploration, started)
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
