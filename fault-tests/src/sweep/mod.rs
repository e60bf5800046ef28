//! The sweep: every scenario explored, every violation shrunk, one verdict each.

pub mod baseline;
pub mod consequences;
pub mod coverage;
mod exhibit;
mod filling;
mod gap;
mod json;
pub mod known;
mod notes;
mod print;
mod profiles;
mod report;
mod shard;
mod unit;
mod unit_line;
pub mod waver;
mod windows;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sim_flash::{Level, Profile};
use xxhash_rust::xxh3::Xxh3;

use crate::explore::{Counts, MEMORY};
use crate::ota::{Inputs, Policy, Scenario, Setup};

pub(crate) use exhibit::Exhibit;
pub use filling::Filling;
pub use gap::{Difference, Gap};
pub(crate) use print::thousands;
pub use print::{Show, Windows};
pub use profiles::{NoProfile, fitting, profile, usable};
pub use report::{MarkReport, Says, ScenarioReport, Skipped, SweepReport, Verdict, WindowReport};
pub use shard::{Shard, lines, merge};

/// What to sweep, and how far.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// The scenarios, in order.
    pub scenarios: Vec<&'static Scenario>,
    /// The user's own table and images instead of the bundled ones.
    pub inputs: Option<Inputs>,
    /// The chip.
    pub profile: Profile,
    /// The commit policy under test.
    pub policy: Policy,
    /// How badly a cut may behave.
    pub level: Level,
    /// Cuts in a row, at most.
    pub cuts: Option<u32>,
    /// How far they may fill a log of otadata.
    pub filling: Filling,
    /// When to give up.
    pub budget: Budget,
    /// Once this is true every exploration under way is given up, and none is begun.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// Bytes that the exploration of one unit may hold: see [`Limits::memory`](crate::explore::Limits::memory).
    pub memory: u64,
    /// Whether erases are cut so that they leave old bits beside risen ones: see
    /// [`Limits::risen`](crate::explore::Limits::risen).
    pub risen: bool,
    /// Threads; scenarios run side by side.
    pub jobs: usize,
    /// Seeds the seeded tears and the audit.
    pub seed: u64,
    /// One in this many pruned judgements is executed after all; 0 audits none.
    pub audit_one_in: u32,
    /// Whether the sweep stops at the first violation that is no known window: see [`run_units`].
    pub first: bool,
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
        Self::of(Policy::default())
    }
}

impl SweepOptions {
    /// The default sweep, of this policy.
    pub fn of(policy: Policy) -> Self {
        Self {
            scenarios: crate::ota::SCENARIOS.iter().collect(),
            inputs: None,
            profile: Profile::w25q64jv(),
            policy,
            level: policy.level(),
            cuts: None,
            filling: Filling::default(),
            budget: Budget::Boots(2_000_000),
            interrupted: None,
            memory: MEMORY,
            // With any number of cuts ESP-IDF's algorithm comes to no end with them.
            risen: matches!(policy, Policy::Hardened(_)),
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            seed: 0,
            audit_one_in: 1000,
            first: false,
        }
    }

    /// The default sweep, of ESP-IDF's algorithm.
    pub fn stock() -> Self {
        Self::of(Policy::Stock)
    }
}

/// Tells how a sweep gets on: the scenario, and its counts so far.
pub type Progress<'a> = &'a (dyn Fn(&'static str, &Counts) + Sync);

/// Sweeps every scenario. The report does not depend on `jobs`, but for its times.
pub fn run(options: &SweepOptions, progress: Progress<'_>) -> SweepReport {
    run_units(options, None, progress).into_report()
}

/// What the units of a sweep, or of one shard of it, found.
#[derive(Clone, Debug)]
pub struct Units {
    /// The units that were swept, in order: the number of each in the whole sweep, and its report.
    pub reports: Vec<(usize, ScenarioReport)>,
    /// Units of the whole sweep.
    pub total: usize,
    /// Whether the whole sweep is full, and so owes every mark.
    pub full: bool,
    /// Scenarios left out.
    pub skipped: Vec<Skipped>,
}

/// Told the report of a scenario, all its units together, once the last of them is finished.
pub type Finished<'a> = &'a (dyn Fn(&ScenarioReport) + Sync);

/// Sweeps every unit that is the shard's, or every unit.
///
/// With [`SweepOptions::first`], up to the first in their order in which something is violated, and of that one up to the
/// first violation that is derived and can be shown. Units behind it may have been begun beside it, but are not in the
/// report; so it is the same for any number of threads.
pub fn run_units(options: &SweepOptions, shard: Option<Shard>, progress: Progress<'_>) -> Units {
    watch_units(options, shard, progress, &|_| {})
}

/// The same, telling of each scenario when it is finished, in the order in which they are.
pub fn watch_units(
    options: &SweepOptions,
    shard: Option<Shard>,
    progress: Progress<'_>,
    finished: Finished<'_>,
) -> Units {
    let mut skipped = Vec::new();
    let mut setups = Vec::new();
    for &scenario in &options.scenarios {
        let setup = match &options.inputs {
            None => Ok(scenario.bundled(&options.profile)),
            Some(inputs) => scenario.with_inputs(&options.profile, inputs),
        };
        match setup.and_then(|setup| setup.under(options.policy)) {
            Ok(mut setup) => {
                setup.device.room = options.filling.room();
                setups.push((scenario, setup));
            }
            Err(why) => skipped.push(Skipped {
                scenario: scenario.name.to_owned(),
                why: why.0.to_owned(),
            }),
        }
    }
    let units = setups
        .iter()
        .flat_map(|(scenario, setup)| unit::split(scenario, setup));
    let units: Vec<_> = units.enumerate().collect();
    let total = units.len();
    let mine = |(unit, _): &(usize, _)| shard.is_none_or(|shard| shard.takes(*unit));
    let units: Vec<_> = units.into_iter().filter(mine).collect();
    let first = First::new(options.first, &units);
    let tally = Tally::new(units.iter().map(|(_, unit)| unit.scenario()));
    let sweep = |(number, unit): &(usize, unit::Unit<'_>)| {
        let unwanted = first.flag(*number);
        let report = unit.sweep(options, unwanted, progress);
        first.swept(*number, &report);
        if let Some(whole) = tally.add(*number, &report) {
            finished(&whole);
        }
        (*number, report)
    };
    let mut reports = match rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
    {
        Ok(pool) => pool.install(|| side_by_side(&units, options.first, sweep)),
        // No threads to be had: the units run one after the other on this one.
        Err(_) => units.iter().map(sweep).collect(),
    };
    if let Some(last) = first.found() {
        reports.retain(|(number, _)| *number <= last);
    }
    Units {
        reports,
        total,
        full: is_full(options),
        skipped,
    }
}

/// Where a sweep that stops at the first violation has got to.
struct First {
    /// A flag for each unit, by its number: it is not wanted any more.
    flags: Vec<(usize, Arc<AtomicBool>)>,
    /// The first unit in which something is violated, so far.
    found: Mutex<Option<usize>>,
}

impl First {
    fn new(wanted: bool, units: &[(usize, unit::Unit<'_>)]) -> Self {
        let units = units.iter().filter(|_| wanted);
        Self {
            flags: units.map(|(number, _)| (*number, Arc::default())).collect(),
            found: Mutex::new(None),
        }
    }

    fn flag(&self, unit: usize) -> Option<Arc<AtomicBool>> {
        let mut flags = self.flags.iter();
        flags
            .find(|(number, _)| *number == unit)
            .map(|(_, flag)| Arc::clone(flag))
    }

    /// Lets go of every unit behind one in which something is violated.
    fn swept(&self, unit: usize, report: &ScenarioReport) {
        let wanted = self.flag(unit).filter(|flag| !flag.load(Ordering::Relaxed));
        if report.verdict != Verdict::Violated || wanted.is_none() {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some(found.map_or(unit, |before| before.min(unit)));
        for (_, flag) in self.flags.iter().filter(|(number, _)| *number > unit) {
            flag.store(true, Ordering::Relaxed);
        }
    }

    fn found(&self) -> Option<usize> {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which units of each scenario are finished.
struct Tally(Mutex<Vec<Pending>>);

struct Pending {
    scenario: &'static str,
    units: usize,
    reports: Vec<(usize, ScenarioReport)>,
}

impl Tally {
    fn new(scenarios: impl Iterator<Item = &'static str>) -> Self {
        let mut pending: Vec<Pending> = Vec::new();
        for scenario in scenarios {
            match pending.iter_mut().find(|one| one.scenario == scenario) {
                Some(one) => one.units += 1,
                None => pending.push(Pending {
                    scenario,
                    units: 1,
                    reports: Vec::new(),
                }),
            }
        }
        Self(Mutex::new(pending))
    }

    /// Adds the report of a unit: that of the scenario, if it was the last one.
    fn add(&self, number: usize, report: &ScenarioReport) -> Option<ScenarioReport> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = { pending.iter_mut() }.find(|one| one.scenario == report.scenario)?;
        one.reports.push((number, report.clone()));
        if one.reports.len() < one.units {
            return None;
        }
        one.reports.sort_by_key(|(number, _)| *number);
        let reports = std::mem::take(&mut one.reports);
        unit::together(reports.into_iter().map(|(_, report)| report)).pop()
    }
}

/// Sweeps the units side by side: the largest first, so that none is left to run alone for long; or in their order.
fn side_by_side<'u>(
    units: &[(usize, unit::Unit<'u>)],
    in_order: bool,
    sweep: impl Fn(&(usize, unit::Unit<'u>)) -> (usize, ScenarioReport) + Sync,
) -> Vec<(usize, ScenarioReport)> {
    let mut queue: Vec<_> = units.iter().collect();
    if !in_order {
        queue.sort_by_key(|(_, unit)| std::cmp::Reverse(unit.size()));
    }
    let done = Mutex::new(Vec::new());
    rayon::scope_fifo(|scope| {
        for unit in queue {
            scope.spawn_fifo(|_| {
                let report = sweep(unit);
                if let Ok(mut done) = done.lock() {
                    done.push(report);
                }
            });
        }
    });
    let mut reports = done.into_inner().unwrap_or_default();
    reports.sort_by_key(|(number, _)| *number);
    reports
}

/// Whether it takes every scenario on its bundled files, and cuts as the default does or worse. Any
/// other sweep may well miss something that must happen sometimes.
fn is_full(options: &SweepOptions) -> bool {
    let all = crate::ota::SCENARIOS.iter().map(|scenario| scenario.name);
    let swept = options.scenarios.iter().map(|scenario| scenario.name);
    options.inputs.is_none()
        && options.level >= Level::L2
        && options.cuts != Some(0)
        && all.eq(swept)
}

impl Units {
    /// The report of the sweep that they are all the units of.
    pub fn into_report(mut self) -> SweepReport {
        self.reports.sort_by_key(|(unit, _)| *unit);
        let whole = self.reports.len() == self.total;
        let scenarios = unit::together(self.reports.into_iter().map(|(_, report)| report));
        let met = |mark: &&str| {
            let mut marks = scenarios.iter().flat_map(|scenario| &scenario.marks);
            marks.any(|met| met.mark == **mark && met.states > 0)
        };
        let policy = scenarios.first().map(|scenario| scenario.policy);
        let marks = policy.map_or(&[][..], crate::ota::marks::owed);
        let owed = marks.iter().copied().filter(|_| self.full && whole);
        SweepReport {
            unmet: owed.filter(|mark| !met(mark)).collect(),
            scenarios,
            skipped: self.skipped,
        }
    }
}

/// Sweeps one device: the scenario says what it is called, the setup what it is.
///
/// # Panics
/// If the setup has no start.
pub fn sweep_one(
    options: &SweepOptions,
    scenario: &Scenario,
    setup: &Setup,
    progress: Progress<'_>,
) -> ScenarioReport {
    let mut setup = setup.clone();
    setup.device.room = options.filling.room();
    let units = unit::split(scenario, &setup);
    let reports = units.iter().map(|unit| unit.sweep(options, None, progress));
    let mut together = unit::together(reports);
    together.pop().expect("a setup has a start")
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
