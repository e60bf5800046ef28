//! What makes a sweep fail beyond its verdict: consequences that are denied, and what an earlier sweep did not find.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sim_flash::{Contract, Profile};

use super::report::{SweepReport, Verdict, WindowReport};
use crate::input;
use crate::json::SCHEMA;
use crate::ota::Policy;
use crate::property::Consequence;

/// What makes a sweep fail.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// Windows of this consequence, or a worse one.
    pub deny: Option<Consequence>,
    /// Only what is not in here.
    pub baseline: Option<Baseline>,
}

/// What an earlier sweep found.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Its file.
    pub file: PathBuf,
    scenarios: Vec<Earlier>,
}

#[derive(Clone, Debug, Deserialize)]
struct Earlier {
    schema: u32,
    scenario: String,
    profile: String,
    level: String,
    policy: String,
    violations: Vec<Place>,
}

/// A window, as the JSON of a sweep has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Place {
    property: String,
    call: String,
    transition: String,
}

/// Why a file is no baseline for this sweep.
#[derive(Debug, thiserror::Error)]
pub enum NoBaseline {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] input::InputError),
    /// It is something else.
    #[error(
        "{}, line {line}: {why}, expected what `brownout sweep --json` writes",
        crate::inspect::shown::path(file)
    )]
    NotASweep {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It is of another schema.
    #[error(
        "{}, line {line}: found schema {found}, expected {SCHEMA}",
        crate::inspect::shown::path(file)
    )]
    OtherSchema {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The schema found.
        found: u32,
    },
    /// It is of another sweep.
    #[error(
        "{}: a baseline for {what} {found}, expected one for {expected}, which is swept",
        crate::inspect::shown::path(file)
    )]
    OtherSweep {
        /// The file.
        file: PathBuf,
        /// What differs.
        what: &'static str,
        /// What it is there.
        found: String,
        /// What it is here.
        expected: String,
    },
}

impl Baseline {
    /// Reads the JSON of an earlier sweep.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, NoBaseline> {
        let text = input::read_text(path, "sweep", input::limit::LINES)?;
        let not_a_sweep = |line, why: String| NoBaseline::NotASweep {
            file: path.to_owned(),
            line,
            why,
        };
        let mut scenarios: Vec<Earlier> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let earlier: Earlier = serde_json::from_str(line)
                .map_err(|error| not_a_sweep(number, input::without_line(&error)))?;
            if earlier.schema != SCHEMA {
                return Err(NoBaseline::OtherSchema {
                    file: path.to_owned(),
                    line: number,
                    found: earlier.schema,
                });
            }
            scenarios.push(earlier);
        }
        if scenarios.is_empty() {
            return Err(not_a_sweep(1, "found an empty file".into()));
        }
        Ok(Self {
            file: path.to_owned(),
            scenarios,
        })
    }

    /// Refuses a baseline of a sweep that asked something else.
    ///
    /// # Errors
    /// Policy, level or chip differ.
    pub fn check(
        &self,
        policy: Policy,
        contract: Contract,
        profile: &Profile,
    ) -> Result<(), NoBaseline> {
        for earlier in &self.scenarios {
            for (what, found, expected) in [
                ("the policy", &earlier.policy, policy.to_string()),
                ("the level", &earlier.level, contract.to_string()),
                ("the chip", &earlier.profile, profile.name().to_owned()),
            ] {
                if *found != expected {
                    return Err(NoBaseline::OtherSweep {
                        file: self.file.clone(),
                        what,
                        found: found.clone(),
                        expected,
                    });
                }
            }
        }
        Ok(())
    }

    fn has(&self, scenario: &str, window: &WindowReport) -> bool {
        let (call, transition) = window.place();
        let place = Place {
            property: window.finding.property.id().to_owned(),
            call: call.to_owned(),
            transition: transition.to_owned(),
        };
        let mut earlier = self.scenarios.iter().filter(|s| s.scenario == scenario);
        earlier.any(|earlier| earlier.violations.contains(&place))
    }
}

impl Bar {
    /// The windows that make the sweep fail: the scenario of each, and it.
    pub fn failing<'r>(&self, report: &'r SweepReport) -> Vec<(&'static str, &'r WindowReport)> {
        let all = report
            .scenarios
            .iter()
            .flat_map(|s| s.windows.iter().map(|window| (s.scenario, window)));
        all.filter(|(scenario, window)| {
            let denied = |worst| window.consequence() <= worst;
            let unlisted = window.known.is_none();
            match &self.baseline {
                Some(baseline) if baseline.has(scenario, window) => false,
                Some(_) => unlisted || denied(self.deny.unwrap_or(Consequence::Redo)),
                None => unlisted || self.deny.is_some_and(denied),
            }
        })
        .collect()
    }

    /// The exit code of a run that found this.
    pub fn exit_code(&self, report: &SweepReport) -> u8 {
        let failing = !self.failing(report).is_empty();
        match report.verdict() {
            Verdict::Pass | Verdict::Windows | Verdict::Violated => u8::from(failing),
            verdict if failing && verdict == Verdict::Inconclusive => 1,
            verdict => verdict.exit_code(),
        }
    }

    /// What it made of the sweep, in words; empty if nothing is asked for.
    pub fn said<'a>(&'a self, report: &'a SweepReport) -> Said<'a> {
        Said { bar: self, report }
    }
}

/// What a [`Bar`] made of a sweep.
#[derive(Debug)]
pub struct Said<'a> {
    bar: &'a Bar,
    report: &'a SweepReport,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bar, report) = (self.bar, self.report);
        if bar.deny.is_none() && bar.baseline.is_none() {
            return Ok(());
        }
        let failing = bar.failing(report);
        if let Some(baseline) = &bar.baseline {
            let file = crate::inspect::shown::path(&baseline.file);
            match failing.len() {
                0 => writeln!(f, "\nnothing new since {file}")?,
                new => writeln!(f, "\nnew since {file}: {new}")?,
            }
        } else if let Some(deny) = bar.deny {
            match failing.len() {
                0 => writeln!(f, "\ndenied ({}): none", deny.name())?,
                denied => writeln!(f, "\ndenied ({}): {denied}", deny.name())?,
            }
        }
        for (scenario, window) in failing {
            let (call, transition) = window.place();
            let consequence = window.consequence();
            writeln!(f, "  {consequence}: {scenario}, {call}: {transition}")?;
        }
        Ok(())
    }
}
