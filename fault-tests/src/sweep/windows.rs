//! From violating states to windows: one shrunk case for each place where a cut does harm.
//!
//! A window is a property, a call and a transition on flash. However many
//! crash states violate the property there, and however many cuts came before,
//! it is reported once, by the simplest case that shows it.

use std::collections::HashSet;

use super::exhibit::Exhibit;
use super::known;
use super::report::WindowReport;
use crate::case::{Replay, Timeline, Window, shrink};
use crate::explore::{Exploration, Violation};
use crate::subject::Subject;

pub(super) fn of<S: Subject>(
    exhibit: &Exhibit<'_, S>,
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
        let Some(first) = exhibit.replay(violation.start, &violation.cuts) else {
            continue;
        };
        let window = last_window(exhibit, &first);
        if let Some(known) = find(&mut windows, violation, window.as_ref()) {
            known.states += 1;
            continue;
        }
        let Some((cuts, proof)) = shrink(
            exhibit.subject,
            exhibit.profile,
            &exhibit.starts[violation.start],
            &violation.cuts,
            &violation.finding,
            exhibit.level,
        ) else {
            continue;
        };
        let window = last_window(exhibit, &proof);
        if let Some(known) = find(&mut windows, violation, window.as_ref()) {
            known.states += 1;
            continue;
        }
        windows.push(WindowReport {
            known: known::find(violation.finding.property, window.as_ref()),
            timeline: Timeline::new(exhibit.subject, &proof).to_string(),
            finding: violation.finding.clone(),
            window,
            case: exhibit.case(violation.start, cuts, proof.trace),
            states: 1,
        });
    }
    windows
}

fn last_window<S: Subject>(exhibit: &Exhibit<'_, S>, replay: &Replay) -> Option<Window> {
    Window::all(exhibit.subject, replay).pop()
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
