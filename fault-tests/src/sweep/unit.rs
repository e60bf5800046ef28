//! Units: the parts of a sweep that are explored independently of each other.
//!
//! A unit is a scenario and a group of its starts. A sweep is split into the same units whether it
//! runs as a whole or in shards, and what they found is put together in their order; so neither the
//! number of threads nor that of shards changes what a sweep says.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::coverage;
use super::exhibit::Exhibit;
use super::report::{ScenarioReport, WindowReport};
use super::{Progress, SweepOptions, inputs_hash};
use crate::explore::Counts;
use crate::ota::{Scenario, Setup};

/// Units of one scenario, at most.
pub(super) const MOST: usize = 4;

/// What one more update counts for in bytes of image: a chain of updates leaves more states than a long one.
const PER_UPDATE: usize = 1 << 20;

/// A scenario and a group of its starts.
pub(super) struct Unit<'s> {
    scenario: &'s Scenario,
    setup: &'s Setup,
    starts: Range<usize>,
}

/// The units of a scenario, in order.
pub(super) fn split<'s>(scenario: &'s Scenario, setup: &'s Setup) -> Vec<Unit<'s>> {
    let unit = |starts| Unit {
        scenario,
        setup,
        starts,
    };
    groups(setup.starts.len()).map(unit).collect()
}

/// `starts` starts in [`MOST`] groups of nearly one size, in order; none is empty.
fn groups(starts: usize) -> impl Iterator<Item = Range<usize>> {
    let count = starts.min(MOST);
    (0..count).map(move |group| group * starts / count..(group + 1) * starts / count)
}

impl Unit<'_> {
    pub(super) const fn scenario(&self) -> &'static str {
        self.scenario.name
    }

    /// How long it may take, compared with others.
    pub(super) fn size(&self) -> usize {
        let published = self.setup.device.published.iter();
        let images = published.map(|firmware| firmware.bytes.len() + PER_UPDATE);
        images.sum::<usize>() * self.starts.len()
    }

    /// Sweeps it; `unwanted` is set when nobody wants to know any more.
    pub(super) fn sweep(
        &self,
        options: &SweepOptions,
        unwanted: Option<Arc<AtomicBool>>,
        progress: Progress<'_>,
    ) -> ScenarioReport {
        let started = Instant::now();
        let name = self.scenario.name;
        let exhibit = Exhibit {
            name,
            about: self.scenario.about,
            inputs: options.inputs.as_ref().map(inputs_hash),
            subject: &self.setup.device,
            profile: &self.setup.profile,
            starts: &self.setup.starts[self.starts.clone()],
            level: options.level,
            cuts: self.scenario.cuts(
                options.cuts,
                options.policy,
                options.level,
                &self.setup.profile,
            ),
            policy: options.policy,
        };
        let mut exploration = exhibit.explore(options, unwanted, &|counts| progress(name, counts));
        exhibit.report(options, &mut exploration, started)
    }
}

/// One report for each scenario, from the reports of its units in order.
pub(super) fn together(units: impl IntoIterator<Item = ScenarioReport>) -> Vec<ScenarioReport> {
    let mut scenarios: Vec<ScenarioReport> = Vec::new();
    for unit in units {
        match scenarios.iter_mut().find(|s| s.scenario == unit.scenario) {
            Some(scenario) => add(scenario, unit),
            None => scenarios.push(unit),
        }
    }
    scenarios
}

fn add(sum: &mut ScenarioReport, unit: ScenarioReport) {
    if unit.verdict.graveness() > sum.verdict.graveness() {
        sum.verdict = unit.verdict;
    }
    add_counts(&mut sum.counts, unit.counts);
    sum.closure &= unit.closure;
    sum.stopped = sum.stopped.max(unit.stopped);
    sum.seconds += unit.seconds;
    sum.disagreement = sum.disagreement.take().or(unit.disagreement);
    for window in unit.windows {
        add_window(&mut sum.windows, window);
    }
    for mark in unit.marks {
        match sum.marks.iter_mut().find(|known| known.mark == mark.mark) {
            Some(known) => known.states += mark.states,
            None => sum.marks.push(mark),
        }
    }
    sum.marks.sort_by(|one, other| one.mark.cmp(&other.mark));
    coverage::add(&mut sum.coverage, &unit.coverage);
}

/// A window that is known already stays where it is, with the case of fewer cuts.
fn add_window(windows: &mut Vec<WindowReport>, window: WindowReport) {
    let same = |known: &&mut WindowReport| {
        known.finding.property == window.finding.property && known.window == window.window
    };
    let Some(known) = windows.iter_mut().find(same) else {
        windows.push(window);
        return;
    };
    let states = known.states + window.states;
    if window.case.path.cuts.len() < known.case.path.cuts.len() {
        *known = window;
    }
    known.states = states;
}

/// Every count, so that a new one cannot be forgotten here.
fn add_counts(sum: &mut Counts, unit: Counts) {
    let Counts {
        operations,
        crash_states,
        by_lookup,
        by_family,
        represented,
        uncut,
        spared,
        distinct_states,
        waiting,
        violations,
        boots,
        audited,
        passes,
    } = unit;
    sum.operations += operations;
    sum.crash_states += crash_states;
    sum.by_lookup += by_lookup;
    sum.by_family += by_family;
    sum.represented += represented;
    sum.uncut += uncut;
    sum.spared += spared;
    sum.distinct_states += distinct_states;
    sum.waiting += waiting;
    sum.violations += violations;
    sum.boots += boots;
    sum.audited += audited;
    sum.passes = sum.passes.max(passes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_every_start_once_and_in_order() {
        for starts in 0..40 {
            let groups: Vec<_> = groups(starts).collect();
            assert!(groups.len() <= MOST && groups.iter().all(|group| !group.is_empty()));
            let covered: Vec<_> = groups.into_iter().flatten().collect();
            assert_eq!(covered, (0..starts).collect::<Vec<_>>());
        }
    }
}
