//! The report of one unit as a line of JSON, with everything that putting units together needs.

use serde::{Deserialize, Serialize};

use super::coverage::Row;
use super::filling::Filling;
use super::known;
use super::report::{MarkReport, ScenarioReport, Verdict, WindowReport};
use crate::case::{CaseId, Window};
use crate::explore::{Counts, Limit};
use crate::ota::{self, Policy};
use crate::property::{Finding, Property};

#[derive(Serialize, Deserialize)]
pub(super) struct UnitLine {
    unit: usize,
    scenario: String,
    profile: String,
    level: String,
    policy: String,
    #[serde(default)]
    risen: bool,
    verdict: Verdict,
    counts: Counts,
    closure: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<Limit>,
    cuts: u32,
    filling: Filling,
    seconds: f64,
    disagreement: Option<String>,
    windows: Vec<WindowLine>,
    marks: Vec<MarkReport>,
    coverage: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct WindowLine {
    property: String,
    allowed: String,
    got: String,
    /// Whether the window is the operation that violates it.
    placed: bool,
    /// Call and transition.
    window: Option<(String, String)>,
    case: String,
    timeline: String,
    states: u64,
}

impl UnitLine {
    pub(super) fn new(unit: usize, report: &ScenarioReport) -> Self {
        let window = |window: &WindowReport| WindowLine {
            property: window.finding.property.id().to_owned(),
            placed: window.finding.place.is_some(),
            allowed: window.finding.allowed.clone(),
            got: window.finding.got.clone(),
            window: window
                .window
                .as_ref()
                .map(|w| (w.call.clone(), w.transition.clone())),
            case: window.case.to_string(),
            timeline: window.timeline.clone(),
            states: window.states,
        };
        Self {
            unit,
            scenario: report.scenario.to_owned(),
            profile: report.profile.clone(),
            level: report.contract.to_string(),
            policy: report.policy.to_string(),
            risen: report.risen,
            verdict: report.verdict,
            counts: report.counts,
            closure: report.closure,
            stopped: report.stopped,
            cuts: report.cuts,
            filling: report.filling,
            seconds: report.seconds,
            disagreement: report.disagreement.clone(),
            windows: report.windows.iter().map(window).collect(),
            marks: report.marks.clone(),
            coverage: report.coverage.clone(),
        }
    }

    /// The unit's number and its report; `Err` says what in it nobody writes.
    pub(super) fn read(self) -> Result<(usize, ScenarioReport), String> {
        let scenario = ota::find(&self.scenario)
            .ok_or_else(|| format!("found no scenario of the name \"{}\"", self.scenario))?;
        let policy: Policy = self.policy.parse().map_err(|error| format!("{error}"))?;
        let report = ScenarioReport {
            scenario: scenario.name,
            about: scenario.about,
            profile: self.profile,
            contract: self.level.parse().map_err(|error| format!("{error}"))?,
            policy,
            risen: self.risen,
            verdict: self.verdict,
            counts: self.counts,
            closure: self.closure,
            stopped: self.stopped,
            cuts: self.cuts,
            filling: self.filling,
            seconds: self.seconds,
            disagreement: self.disagreement,
            windows: self
                .windows
                .into_iter()
                .map(|window| window.read(policy))
                .collect::<Result<_, _>>()?,
            marks: self.marks,
            coverage: self.coverage,
        };
        Ok((self.unit, report))
    }
}

impl WindowLine {
    fn read(self, policy: Policy) -> Result<WindowReport, String> {
        let property = Property::from_id(&self.property)
            .ok_or_else(|| format!("found no property \"{}\"", self.property))?;
        let window = self
            .window
            .map(|(call, transition)| Window { call, transition });
        let case: CaseId = self.case.parse().map_err(|error| format!("{error}"))?;
        Ok(WindowReport {
            known: known::find(
                policy,
                property,
                window.as_ref(),
                case.contract.level,
                &case.path,
            ),
            finding: Finding {
                property,
                allowed: self.allowed,
                got: self.got,
                place: window.clone().filter(|_| self.placed),
            },
            window,
            case,
            timeline: self.timeline,
            states: self.states,
        })
    }
}
