//! What a sweep found, as a table for people and as JSON for machines.

use std::fmt;

use serde::Serialize;
use sim_flash::Level;

use super::known::Known;
use crate::case::{CaseFile, CaseId, Window};
use crate::explore::{Counts, Disagreement};
use crate::property::{Finding, Property};

/// The verdict on one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every promised property held in every state within the limits.
    Pass,
    /// A promised property is violated.
    Violated,
    /// The subject or the pruning contradicted itself.
    Nondeterministic,
    /// The budget ran out: nothing is concluded.
    Inconclusive,
}

impl Verdict {
    /// The exit code of a run with this verdict.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violated => 1,
            Self::Nondeterministic => 5,
            Self::Inconclusive => 6,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Violated => "VIOLATED",
            Self::Nondeterministic => "NONDETERMINISTIC",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// A place where a cut violates a property, with the simplest case that shows it.
#[derive(Clone, Debug)]
pub struct WindowReport {
    /// What is violated, and how.
    pub finding: Finding,
    /// Where the last cut fell; `None` if no cut is needed.
    pub window: Option<Window>,
    /// The case.
    pub case: CaseId,
    /// The known window that it is, if it is one.
    pub known: Option<&'static Known>,
    /// Its shrunk replay, told to a person.
    pub timeline: String,
    /// How many distinct ways into it the sweep met (power-on and operation of each cut).
    pub states: u64,
}

impl WindowReport {
    /// The case as a file for the corpus, and a name for it.
    pub fn case_file(&self) -> (String, CaseFile) {
        let property = self.finding.property;
        let place = self
            .window
            .as_ref()
            .map_or_else(|| "no-cut".into(), ToString::to_string);
        let mut name = format!("{}-{}-", property.id(), self.case.scenario).to_lowercase();
        for letter in place.to_lowercase().chars() {
            let letter = if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            };
            if letter != '-' || !name.ends_with('-') {
                name.push(letter);
            }
        }
        let why = self.known.map_or("", |known| known.why);
        let comment = format!("{property}, cut in {place}.\n\n{why}\n\n{}", self.timeline);
        let file = CaseFile {
            id: self.case.clone(),
            finding: self.finding.clone(),
            comment,
        };
        (name.trim_end_matches('-').to_owned(), file)
    }
}

/// What the sweep of one scenario found.
#[derive(Clone, Debug)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub scenario: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// The chip profile's name.
    pub profile: String,
    /// How badly cuts behaved.
    pub level: Level,
    /// The commit policy.
    pub policy: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was done.
    pub counts: Counts,
    /// No state is left unexplored, for any number of cuts.
    pub closure: bool,
    /// Host time, in seconds.
    pub seconds: f64,
    /// The contradiction behind a nondeterministic verdict.
    pub disagreement: Option<Disagreement>,
    /// Where cuts do harm, fewest cuts first.
    pub windows: Vec<WindowReport>,
}

impl ScenarioReport {
    fn windows(&self, known: bool) -> impl Iterator<Item = &WindowReport> {
        self.windows
            .iter()
            .filter(move |window| window.known.is_some() == known)
    }

    /// `P1 P2 P14 hold, windows in P3 P13`.
    fn properties(&self) -> String {
        let broken =
            |property: &Property| self.windows.iter().any(|w| w.finding.property == *property);
        let judged = |property: &Property| {
            crate::ota::find(self.scenario).is_none_or(|scenario| scenario.judges(*property))
        };
        let (windows, hold): (Vec<_>, Vec<_>) =
            Property::ALL.into_iter().filter(judged).partition(broken);
        let ids = |properties: &[Property]| {
            properties
                .iter()
                .map(|p| p.id())
                .collect::<Vec<_>>()
                .join(" ")
        };
        if windows.is_empty() {
            format!("{} hold", ids(&hold))
        } else {
            format!("{} hold, not {}", ids(&hold), ids(&windows))
        }
    }
}

/// A scenario that says nothing about the user's own table and images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Why.
    pub why: &'static str,
}

/// What a sweep found.
#[derive(Clone, Debug)]
pub struct SweepReport {
    /// One report for each scenario, in the order asked for.
    pub scenarios: Vec<ScenarioReport>,
    /// Scenarios left out.
    pub skipped: Vec<Skipped>,
    /// The limit of cuts in a row.
    pub cuts: u32,
}

impl SweepReport {
    /// The verdict on all of them: the gravest.
    pub fn verdict(&self) -> Verdict {
        let graveness = |verdict: &Verdict| match verdict {
            Verdict::Pass => 0,
            Verdict::Inconclusive => 1,
            Verdict::Nondeterministic => 2,
            Verdict::Violated => 3,
        };
        let worst = self
            .scenarios
            .iter()
            .map(|s| s.verdict)
            .max_by_key(graveness);
        // No scenario at all proves nothing.
        worst.unwrap_or(Verdict::Inconclusive)
    }

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
    scenario: &'a str,
    profile: &'a str,
    level: String,
    policy: &'a str,
    verdict: String,
    operations: u64,
    crash_states: u64,
    distinct_states: u64,
    boots: u64,
    pruned: u64,
    audited: u64,
    closure: bool,
    seconds: f64,
    violations: Vec<JsonViolation>,
}

#[derive(Serialize)]
struct JsonViolation {
    property: &'static str,
    case: String,
    call: String,
    transition: String,
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
                known: window.known.is_some(),
            }
        });
        Self {
            scenario: report.scenario,
            profile: &report.profile,
            level: report.level.to_string(),
            policy: report.policy,
            verdict: report.verdict.to_string(),
            operations: report.counts.operations,
            crash_states: report.counts.crash_states,
            distinct_states: report.counts.distinct_states,
            boots: report.counts.boots,
            pruned: report.counts.pruned(),
            audited: report.counts.audited,
            closure: report.closure,
            seconds: (report.seconds * 1000.0).round() / 1000.0,
            violations: violations.collect(),
        }
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<15} {:>10} {:>12} {:>8} {:>8} {:>7}  {:<13} properties",
            "scenario", "operations", "crash states", "distinct", "boots", "time", "verdict"
        )?;
        for s in &self.scenarios {
            writeln!(
                f,
                "{:<15} {:>10} {:>12} {:>8} {:>8} {:>6.1}s  {:<13} {}",
                s.scenario,
                thousands(s.counts.operations),
                thousands(s.counts.crash_states),
                thousands(s.counts.distinct_states),
                thousands(s.counts.boots),
                s.seconds,
                s.verdict,
                s.properties()
            )?;
        }
        for skipped in &self.skipped {
            writeln!(f, "{:<15} left out: {}", skipped.scenario, skipped.why)?;
        }
        self.violations(f)?;
        self.known_windows(f)?;
        self.scope(f)
    }
}

impl SweepReport {
    fn violations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.scenarios {
            for window in s.windows(false) {
                let place = window
                    .window
                    .as_ref()
                    .map_or_else(|| "without a cut".into(), |w| format!("cut in {w}"));
                writeln!(
                    f,
                    "\nVIOLATED in {}: {}, {place}",
                    s.scenario, window.finding.property
                )?;
                writeln!(
                    f,
                    "    allowed {}, got {}",
                    window.finding.allowed, window.finding.got
                )?;
                writeln!(f, "    brownout replay '{}'", window.case)?;
            }
            if let Some(disagreement) = &s.disagreement {
                let path: Vec<_> = disagreement.cuts.iter().map(ToString::to_string).collect();
                writeln!(
                    f,
                    "\nNONDETERMINISTIC in {}: {}, after the cuts {}",
                    s.scenario,
                    disagreement.what,
                    path.join("/")
                )?;
            }
        }
        Ok(())
    }

    fn known_windows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met: Vec<_> = self
            .scenarios
            .iter()
            .flat_map(|s| s.windows(true))
            .collect();
        if met.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nknown windows of the stock algorithm:")?;
        for known in &super::known::STOCK {
            let cases: Vec<_> = met
                .iter()
                .filter(|window| window.known == Some(known))
                .collect();
            if cases.is_empty() {
                continue;
            }
            writeln!(
                f,
                "  {}, cut in {}: {}",
                known.property, known.call, known.transition
            )?;
            writeln!(f, "    {}", known.why)?;
            for window in cases {
                writeln!(f, "    {}", window.case)?;
            }
        }
        Ok(())
    }

    /// What was shown, and what was not.
    fn scope(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |count: fn(&Counts) -> u64| {
            thousands(self.scenarios.iter().map(|s| count(&s.counts)).sum::<u64>())
        };
        let verdict = self.verdict();
        let Some(first) = self.scenarios.first() else {
            return writeln!(f, "\n{verdict}: no scenario was swept");
        };
        let cuts = if self.cuts == 1 {
            "1 cut".into()
        } else {
            format!("up to {} cuts in a row", self.cuts)
        };
        writeln!(
            f,
            "\n{verdict} @ {} {}, {} policy, {cuts}",
            first.profile, first.level, first.policy
        )?;
        if verdict == Verdict::Pass {
            writeln!(f, "  no property is violated outside the known windows")?;
        }
        writeln!(
            f,
            "  {} crash states: {} judged by look-up, {} by family, {} represented; {} executed to check",
            sum(|c| c.crash_states),
            sum(|c| c.by_lookup),
            sum(|c| c.by_family),
            sum(|c| c.represented),
            sum(|c| c.audited),
        )?;
        if self.scenarios.iter().all(|s| s.closure) {
            writeln!(
                f,
                "  closure: no state is left, so this holds for any number of cuts"
            )?;
        } else {
            writeln!(f, "  no closure: longer rows of cuts were not tried")?;
        }
        writeln!(
            f,
            "  tears are a choice: every byte position of a record, every 16th of a sector, drawn bit subsets"
        )
    }
}

/// `12736641418` as `12,736,641,418`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
