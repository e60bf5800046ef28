//! What a sweep found, as JSON for machines: one object for each scenario, one on a line.

use std::collections::BTreeMap;

use serde::Serialize;

use super::coverage::Row;
use super::filling::Filling;
use super::report::{ScenarioReport, SweepReport};
use crate::explore::ANY;
use crate::json::SCHEMA;
use crate::property::{Consequence, Property};

impl SweepReport {
    /// One JSON object for each scenario, one on a line.
    pub fn json(&self) -> String {
        let mut lines = String::new();
        for scenario in &self.scenarios {
            let line = JsonLine::from(scenario);
            lines.push_str(&serde_json::to_string(&line).unwrap_or_default());
            lines.push('\n');
        }
        lines
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    schema: u32,
    scenario: &'a str,
    profile: &'a str,
    level: String,
    policy: String,
    verdict: String,
    /// The worst of its windows.
    consequence: Consequence,
    operations: u64,
    crash_states: u64,
    distinct_states: u64,
    boots: u64,
    judged_singly: u64,
    judged_by_family: u64,
    represented: u64,
    /// Power-ons judged and not cut again, which the closure leaves out.
    uncut: u64,
    /// Power-ons that leave a full log, judged and not cut, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    spared: Option<u64>,
    executed: u64,
    pruned: u64,
    audited: u64,
    closure: bool,
    /// The limit that ended it before its time: boots, time or memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
    /// None: any number.
    cuts: Option<u32>,
    /// How far they could fill a log, if that was limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    filling: Option<Filling>,
    seconds: f64,
    /// What is said of each property, by its id.
    properties: BTreeMap<&'static str, String>,
    violations: Vec<JsonViolation>,
    marks: BTreeMap<&'a str, u64>,
    coverage: &'a [Row],
}

#[derive(Serialize)]
struct JsonViolation {
    property: &'static str,
    case: String,
    call: String,
    transition: String,
    consequence: Consequence,
    /// The weakness that it comes from, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    known: bool,
}

impl<'a> From<&'a ScenarioReport> for JsonLine<'a> {
    fn from(report: &'a ScenarioReport) -> Self {
        let violations = report.windows.iter().map(|window| {
            let place = window.window.clone();
            let (call, transition) =
                place.map_or_else(Default::default, |w| (w.call, w.transition));
            JsonViolation {
                property: window.finding.property.id(),
                case: window.case.to_string(),
                call,
                transition,
                consequence: window.consequence(),
                cause: window.known.map(|known| known.why.cause.name()),
                known: window.known.is_some(),
            }
        });
        Self {
            schema: SCHEMA,
            scenario: report.scenario,
            profile: &report.profile,
            level: report.contract.to_string(),
            policy: report.policy.to_string(),
            verdict: report.verdict.to_string(),
            consequence: report.worst(),
            operations: report.counts.operations,
            crash_states: report.counts.crash_states,
            distinct_states: report.counts.distinct_states,
            boots: report.counts.boots,
            judged_singly: report.counts.by_lookup,
            judged_by_family: report.counts.by_family,
            represented: report.counts.represented,
            uncut: report.counts.uncut,
            spared: Some(report.counts.spared).filter(|spared| *spared > 0),
            executed: report.counts.boots + report.counts.audited,
            pruned: report.counts.pruned(),
            audited: report.counts.audited,
            closure: report.closure,
            stopped_by: report.stopped.map(|limit| limit.to_string()),
            cuts: Some(report.cuts).filter(|cuts| *cuts != ANY),
            filling: Some(report.filling).filter(|filling| *filling != Filling::Any),
            seconds: (report.seconds * 1000.0).round() / 1000.0,
            properties: { Property::ALL.into_iter() }
                .map(|property| (property.id(), report.says(property).to_string()))
                .collect(),
            violations: violations.collect(),
            marks: report.marks.iter().map(|m| (&*m.mark, m.states)).collect(),
            coverage: &report.coverage,
        }
    }
}
