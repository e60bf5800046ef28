//! From violating states to windows: one shrunk case for each place where a cut does harm.
//!
//! A window is a property, a call and a transition on flash. However many
//! crash states violate the property there, and however many cuts came before,
//! it is reported once, by the simplest case that shows it. Of a property of operations the window is the
//! operation that violates it, and the case leads there.

use super::exhibit::Exhibit;
use super::known;
use super::report::WindowReport;
use crate::case::{Replay, Timeline, shrink, windows};
use crate::explore::{Disagreement, Exploration, Path, Violation, Window};
use crate::property::Property;
use crate::subject::Subject;

/// Crash states that violate one property in one window, fewest cuts first.
struct Group<'e> {
    property: Property,
    window: Option<&'e Window>,
    violations: Vec<&'e Violation>,
}

/// Violations of a group that are tried in turn, should one not show the same when it is replayed.
const TRIES: usize = 16;

/// The windows; or the violation that could not be shown live, which then contradicts the explorer.
pub(super) fn of<S: Subject>(
    exhibit: &Exhibit<'_, S>,
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
        let Some(report) = { tried }.find_map(|v| report(exhibit, v)) else {
            let first = group.violations[0];
            return Err(Disagreement {
                what: "a violation that was derived does not show when the cuts are made",
                start: first.start,
                path: first.path.clone(),
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
    // What cuts do comes first.
    reports.sort_by_key(|report| report.finding.property.is_of_operations());
    Ok(reports)
}

fn report<S: Subject>(exhibit: &Exhibit<'_, S>, violation: &Violation) -> Option<WindowReport> {
    let shrunk = |window: Option<&Window>| {
        shrink(
            exhibit.subject,
            exhibit.profile,
            &exhibit.starts[violation.start],
            &violation.path,
            &violation.finding,
            window,
            exhibit.level,
        )
    };
    // The window does harm if the cut there is needed; if not, the harm was done before.
    let needed = |(path, _): &(Path, Replay)| {
        let before = path.up_to(path.cuts.len().saturating_sub(1));
        let replay = exhibit.replay(violation.start, &before);
        !replay.is_some_and(|replay| replay.shows(&violation.finding))
    };
    let here = match violation.finding.place {
        Some(_) => None,
        None => shrunk(violation.window.as_ref()).filter(needed),
    };
    let (path, proof) = here.or_else(|| shrunk(None))?;
    let last_cut = || windows(exhibit.subject, &proof).pop();
    let window = violation.finding.place.clone().or_else(last_cut);
    let timeline = Timeline::new(exhibit.subject, &proof).about(Some(&violation.finding));
    Some(WindowReport {
        known: known::find(
            exhibit.policy,
            violation.finding.property,
            window.as_ref(),
            exhibit.level,
        ),
        timeline: timeline.to_string(),
        finding: violation.finding.clone(),
        window,
        case: exhibit.case(violation.start, path, proof.trace),
        states: 1,
    })
}
