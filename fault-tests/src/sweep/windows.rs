//! From violating states to windows: one shrunk case for each place where a cut does harm.
//!
//! A window is a property, a call and a transition on flash. However many
//! crash states violate the property there, and however many cuts came before,
//! it is reported once, by the simplest case that shows it. Of a property of operations the window is the
//! operation that violates it, and the case leads there.

use sim_flash::Level;

use super::exhibit::Exhibit;
use super::known;
use super::report::WindowReport;
use crate::case::{Replay, Shrinker, Timeline, windows};
use crate::explore::{Disagreement, Exploration, Path, Violation, Window};
use crate::property::Property;
use crate::subject::{Subject, World};

/// Crash states that violate one property in one window, fewest cuts first.
struct Group<'e> {
    property: Property,
    window: Option<&'e Window>,
    violations: Vec<&'e Violation>,
}

/// Violations of a group that are tried in turn, should one not show the same when it is replayed.
const TRIES: usize = 16;

/// The windows; or the violation that could not be shown live, which then contradicts the explorer.
pub(super) fn of<W: World>(
    exhibit: &Exhibit<'_, W>,
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
    let shrinker = Shrinker::new(exhibit.subject, exhibit.profile, exhibit.level);
    for group in groups {
        // One that shows that the cut there does harm, or else one that shows where the harm was done.
        let tried = || group.violations.iter().take(TRIES);
        let here = tried().find_map(|v| report_here(exhibit, &shrinker, v));
        let report = here.or_else(|| tried().find_map(|v| report_anywhere(exhibit, &shrinker, v)));
        let report = report.or_else(|| tried().find_map(|v| report_read(exhibit, &shrinker, v)));
        let Some(report) = report else {
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

/// The shrunk case of a violation, if the last cut is needed for it and stays in its window.
fn report_here<W: World>(
    exhibit: &Exhibit<'_, W>,
    shrinker: &Shrinker<'_, dyn Subject<World = W> + '_>,
    violation: &Violation,
) -> Option<WindowReport> {
    let Violation { path, finding, .. } = violation;
    let start = &exhibit.starts[violation.start];
    if finding.place.is_some() {
        return None;
    }
    // If the cut is not needed, the harm was done before.
    let needed = |path: &Path| {
        let before = path.up_to(path.cuts.len().saturating_sub(1));
        let replay = shrinker.replay(start, &before);
        !replay.is_some_and(|replay| replay.shows(finding))
    };
    if !needed(path) {
        return None;
    }
    let shrunk = shrinker.shrink(start, path, finding, violation.window.as_ref())?;
    needed(&shrunk.0).then(|| report(exhibit, violation, shrunk))
}

/// The shrunk case of a violation, wherever that leads.
fn report_anywhere<W: World>(
    exhibit: &Exhibit<'_, W>,
    shrinker: &Shrinker<'_, dyn Subject<World = W> + '_>,
    violation: &Violation,
) -> Option<WindowReport> {
    let start = &exhibit.starts[violation.start];
    let shrunk = shrinker.shrink(start, &violation.path, &violation.finding, None)?;
    Some(report(exhibit, violation, shrunk))
}

/// The same for weak bits that read otherwise than in the state that stood for this one.
fn report_read<W: World>(
    exhibit: &Exhibit<'_, W>,
    shrinker: &Shrinker<'_, dyn Subject<World = W> + '_>,
    violation: &Violation,
) -> Option<WindowReport> {
    if exhibit.level < Level::L3 {
        return None;
    }
    let Violation { path, finding, .. } = violation;
    let start = &exhibit.starts[violation.start];
    let path = shrinker.with_other_readings(start, path, finding)?;
    let shrunk = shrinker.shrink(start, &path, finding, None)?;
    Some(report(exhibit, violation, shrunk))
}

fn report<W: World>(
    exhibit: &Exhibit<'_, W>,
    violation: &Violation,
    (path, proof): (Path, Replay),
) -> WindowReport {
    let last_cut = || windows(exhibit.subject, &proof).pop();
    let window = violation.finding.place.clone().or_else(last_cut);
    let timeline = Timeline::new(exhibit.subject, &proof).about(Some(&violation.finding));
    WindowReport {
        known: known::find(
            exhibit.policy,
            violation.finding.property,
            window.as_ref(),
            exhibit.level,
            &path,
        ),
        timeline: timeline.to_string(),
        finding: violation.finding.clone(),
        window,
        case: exhibit.case(violation.start, path, proof.trace),
        states: 1,
    }
}
