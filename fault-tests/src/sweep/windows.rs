//! From violating states to windows: one shrunk case for each place where a cut does harm.
//!
//! A window is a property, a call and a transition on flash. However many
//! crash states violate the property there, and however many cuts came before,
//! it is reported once, by the simplest case that shows it.

use super::report::WindowReport;
use super::{POLICY, SweepOptions, inputs_hash, known};
use crate::case::{CaseId, Timeline, shrink, windows};
use crate::explore::{Disagreement, Exploration, Violation, Window};
use crate::ota::{Scenario, Setup};
use crate::property::Property;

/// Crash states that violate one property in one window, fewest cuts first.
struct Group<'e> {
    property: Property,
    window: Option<&'e Window>,
    violations: Vec<&'e Violation>,
}

/// Violations of a group that are tried in turn, should one not show the same when it is replayed.
const TRIES: usize = 16;

/// The windows; or the violation that could not be shown live, which then contradicts the explorer.
pub(super) fn of(
    scenario: &Scenario,
    setup: &Setup,
    options: &SweepOptions,
    exploration: &Exploration,
) -> Result<Vec<WindowReport>, Disagreement> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for violation in &exploration.violations {
        let (property, window) = (violation.finding.property, violation.window.as_ref());
        match groups
            .iter_mut()
            .find(|g| g.property == property && g.window == window)
        {
            Some(group) => group.violations.push(violation),
            None => groups.push(Group {
                property,
                window,
                violations: vec![violation],
            }),
        }
    }
    let mut reports: Vec<WindowReport> = Vec::new();
    for group in groups {
        let tried = group.violations.iter().take(TRIES);
        let Some(report) = { tried }.find_map(|v| report(scenario, setup, options, v)) else {
            let first = group.violations[0];
            return Err(Disagreement {
                what: "a violation that was derived does not show when the cuts are made",
                start: first.start,
                cuts: first.cuts.clone(),
            });
        };
        let states = group.violations.len() as u64;
        // Shrinking can lead into a window that is known by a simpler case already.
        let same = |known: &&mut WindowReport| {
            known.finding.property == group.property && known.window == report.window
        };
        match reports.iter_mut().find(same) {
            Some(known) => known.states += states,
            None => reports.push(WindowReport { states, ..report }),
        }
    }
    Ok(reports)
}

fn report(
    scenario: &Scenario,
    setup: &Setup,
    options: &SweepOptions,
    violation: &Violation,
) -> Option<WindowReport> {
    let start = &setup.starts[violation.start];
    let (cuts, proof) = shrink(
        &setup.device,
        &setup.profile,
        start,
        &violation.cuts,
        &violation.finding,
        options.level,
    )?;
    let window = windows(&setup.device, &proof).pop();
    let case = CaseId {
        scenario: scenario.name.to_owned(),
        start: start.name.clone(),
        inputs: options.inputs.as_ref().map(inputs_hash),
        profile: setup.profile.name().to_owned(),
        level: options.level,
        policy: POLICY.to_owned(),
        cuts,
        trace: proof.trace,
    };
    Some(WindowReport {
        known: known::find(violation.finding.property, window.as_ref()),
        timeline: Timeline::new(&setup.device, &proof).to_string(),
        finding: violation.finding.clone(),
        window,
        case,
        states: 1,
    })
}
