//! What a hunt found, as a table for people and as JSON for machines.

use std::fmt::{self, Write as _};

use serde::Serialize;
use sim_flash::Level;

use super::hunt::{Outcome, short};
use super::{GATE, Specimen};

/// What became of every specimen.
#[derive(Clone, Debug)]
pub struct ZooReport {
    /// One for each specimen, in order.
    pub outcomes: Vec<Outcome>,
}

impl ZooReport {
    /// The specimens that can be expected to be caught.
    fn counted(&self) -> impl Iterator<Item = &Outcome> + Clone {
        self.outcomes.iter().filter(|outcome| !outcome.waits())
    }

    /// The specimens that should have been caught and were not.
    pub fn survivors(&self) -> impl Iterator<Item = &Outcome> {
        self.counted().filter(|outcome| outcome.caught().is_none())
    }

    /// The specimens whose twin is not faultless.
    pub fn faulty_twins(&self) -> impl Iterator<Item = (&Outcome, &str)> {
        let faulty = |outcome: &'_ Outcome| outcome.twin.is_some();
        let faulty = self.outcomes.iter().filter(move |outcome| faulty(outcome));
        faulty.filter_map(|outcome| Some((outcome, outcome.twin.as_deref()?)))
    }

    /// Whether every mistake was caught, and no twin.
    pub fn passed(&self) -> bool {
        self.survivors().next().is_none() && self.faulty_twins().next().is_none()
    }

    /// `26 of 26 caught; 9 not at L0`.
    pub fn score(&self) -> String {
        let caught = self.counted().filter(|outcome| outcome.caught().is_some());
        let late = caught
            .clone()
            .filter(|outcome| outcome.at(Level::L0).is_none());
        format!(
            "{} of {} caught; {} not at L0",
            caught.count(),
            self.counted().count(),
            late.count()
        )
    }

    /// What each specimen does wrong, and what happens in the case that shows it.
    pub fn told(&self) -> String {
        let mut text = String::new();
        for outcome in &self.outcomes {
            let Specimen {
                name,
                mistake,
                source,
                ..
            } = outcome.specimen;
            let _ = write!(text, "\n{name}\n  {mistake}\n  Source: {source}\n");
            if let Some((level, catch)) = outcome.caught() {
                let _ = write!(
                    text,
                    "\n{} at {level}\n{}",
                    short(&catch.path),
                    catch.timeline
                );
            }
        }
        text
    }

    /// One JSON object for each specimen, one on a line.
    pub fn json(&self) -> String {
        let mut text = String::new();
        for outcome in &self.outcomes {
            // Strings, numbers and lists of them: nothing here can fail to serialise.
            let line = serde_json::to_string(&Line::of(outcome)).unwrap_or_default();
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

/// The levels that the table has a column for.
const COLUMNS: [Level; 4] = [Level::L0, Level::L1, Level::L2, Level::L3];

fn cell(outcome: &Outcome, level: Level) -> &'static str {
    match outcome.levels.iter().find(|(at, _)| *at == level) {
        Some((_, Some(_))) => "yes",
        Some((_, None)) => "no",
        None => "-",
    }
}

impl fmt::Display for ZooReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |outcome: &Outcome| outcome.specimen.name.len();
        let width = self.outcomes.iter().map(name).max().unwrap_or(0).max(8);
        write!(f, "{:width$}", "specimen")?;
        for level in COLUMNS {
            write!(f, "  {:<3}", level.to_string())?;
        }
        writeln!(
            f,
            "  {:<24}  {:>4}  {:>7}  case",
            "caught by", "cuts", "states"
        )?;
        for outcome in &self.outcomes {
            write!(f, "{:width$}", outcome.specimen.name)?;
            for level in COLUMNS {
                write!(f, "  {:<3}", cell(outcome, level))?;
            }
            match outcome.caught() {
                Some((_, catch)) => writeln!(
                    f,
                    "  {:<24}  {:>4}  {:>7}  {}",
                    catch.evidence.to_string(),
                    catch.path.cuts.len(),
                    catch.crash_states,
                    short(&catch.path)
                )?,
                None if outcome.waits() => writeln!(f, "  waits for {}", outcome.specimen.level)?,
                None => writeln!(f, "  SURVIVED")?,
            }
        }
        writeln!(f)?;
        for (outcome, why) in self.faulty_twins() {
            writeln!(
                f,
                "the twin of {} is not faultless {why}",
                outcome.specimen.name
            )?;
        }
        let waiting: Vec<_> = self
            .outcomes
            .iter()
            .filter(|o| o.waits())
            .map(|o| o.specimen.name)
            .collect();
        if !waiting.is_empty() {
            writeln!(
                f,
                "not counted, because only cuts above {GATE} show them: {}",
                waiting.join(", ")
            )?;
        }
        writeln!(f, "{}", self.score())
    }
}

/// An outcome, for machines.
#[derive(Serialize)]
struct Line<'a> {
    specimen: &'a str,
    mistake: &'a str,
    source: &'a str,
    expected_at: String,
    caught_at: Vec<String>,
    caught_by: Option<String>,
    finding: Option<String>,
    cuts: Option<usize>,
    crash_states: Option<u64>,
    case: Option<String>,
    waits: bool,
    fault_of_twin: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let specimen = outcome.specimen;
        let catch = outcome.caught().map(|(_, catch)| catch);
        let caught_at = outcome.levels.iter().filter(|(_, catch)| catch.is_some());
        Self {
            specimen: specimen.name,
            mistake: specimen.mistake,
            source: specimen.source,
            expected_at: specimen.level.to_string(),
            caught_at: caught_at.map(|(level, _)| level.to_string()).collect(),
            caught_by: catch.map(|catch| catch.evidence.to_string()),
            finding: catch.and_then(|catch| Some(catch.finding.as_ref()?.to_string())),
            cuts: catch.map(|catch| catch.path.cuts.len()),
            crash_states: catch.map(|catch| catch.crash_states),
            case: catch.map(|catch| short(&catch.path)),
            waits: outcome.waits(),
            fault_of_twin: outcome.twin.as_deref(),
        }
    }
}
