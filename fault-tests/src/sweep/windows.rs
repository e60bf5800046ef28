//! From violating states to windows: one shrunk case for each place where a cut does harm.
//!
//! A window is a property, a call and a transition on flash. However many
//! crash states violate the property there, and however many cuts came before,
//! it is reported once, by the simplest case that shows it.

use std::collections::HashSet;

use super::report::WindowReport;
use super::{POLICY, SweepOptions, inputs_hash, known};
use crate::case::{CaseId, Replay, Timeline, Window, replay, shrink};
use crate::explore::{Exploration, Violation};
use crate::ota::{Scenario, Setup};

pub(super) fn of(
    scenario: &Scenario,
    setup: &Setup,
    options: &SweepOptions,
    exploration: &Exploration,
) -> Vec<WindowReport> {
    let mut windows: Vec<WindowReport> = Vec::new();
    let mut seen = HashSet::new();
    // Fewest cuts come first, so a window is met first in its simplest form.
    for violation in &exploration.violations {
        let places: Vec<_> = violation
            .cuts
            .iter()
            .map(|cut| (cut.boot, cut.op))
            .collect();
        if !seen.insert((violation.finding.clone(), violation.start, places)) {
            continue;
        }
        let (device, profile) = (&setup.device, &setup.profile);
        let start = &setup.starts[violation.start];
        let Ok(first) = replay(device, profile, start, &violation.cuts, true) else {
            continue;
        };
        if let Some(known) = find(&mut windows, violation, last_window(setup, &first).as_ref()) {
            known.states += 1;
            continue;
        }
        let Some((cuts, proof)) = shrink(
            device,
            profile,
            start,
            &violation.cuts,
            &violation.finding,
            options.level,
        ) else {
            continue;
        };
        let window = last_window(setup, &proof);
        if let Some(known) = find(&mut windows, violation, window.as_ref()) {
            known.states += 1;
            continue;
        }
        let case = CaseId {
            scenario: scenario.name.to_owned(),
            start: start.name.clone(),
            inputs: options.inputs.as_ref().map(inputs_hash),
            profile: profile.name().to_owned(),
            level: options.level,
            policy: POLICY.to_owned(),
            cuts,
            trace: proof.trace,
        };
        let known = known::find(violation.finding.property, window.as_ref());
        let timeline = Timeline::new(device, &proof).to_string();
        windows.push(WindowReport {
            known,
            timeline,
            finding: violation.finding.clone(),
            window,
            case,
            states: 1,
        });
    }
    windows
}

fn last_window(setup: &Setup, replay: &Replay) -> Option<Window> {
    Window::all(&setup.device, replay).pop()
}

fn find<'w>(
    windows: &'w mut [WindowReport],
    violation: &Violation,
    window: Option<&Window>,
) -> Option<&'w mut WindowReport> {
    windows.iter_mut().find(|known| {
        known.finding.property == violation.finding.property && known.window.as_ref() == window
    })
}
