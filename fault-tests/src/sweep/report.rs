//! What a sweep found.

use std::fmt;

use serde::{Deserialize, Serialize};
use sim_flash::{Contract, Level};

use super::coverage::{self, Row};
use super::filling::Filling;
use super::known::Known;
use crate::case::{CaseFile, CaseId, Expected, Window};
use crate::explore::{Counts, Limit};
use crate::ota::Policy;
use crate::property::{Consequence, Finding, Property, recovery};

/// The verdict on one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every promised property held in every state within the limits.
    Pass,
    /// The same but for known windows, in which a cut costs the owner something.
    Windows,
    /// A promised property is violated.
    Violated,
    /// The subject or the pruning contradicted itself.
    Nondeterministic,
    /// Nothing is violated, but something never happened that must happen sometimes.
    Unmet,
    /// The budget ran out, or a part is missing: nothing is concluded.
    Inconclusive,
}

impl Verdict {
    /// The verdict of a sweep that came to its end with these windows.
    pub fn of(windows: &[WindowReport]) -> Self {
        if windows.iter().any(|window| window.known.is_none()) {
            Self::Violated
        } else if { windows.iter() }.any(|window| window.consequence() < Consequence::Nothing) {
            Self::Windows
        } else {
            Self::Pass
        }
    }

    /// The exit code of a run with this verdict.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::Windows => 0,
            Self::Violated | Self::Unmet => 1,
            Self::Nondeterministic => 5,
            Self::Inconclusive => 6,
        }
    }
}

impl Verdict {
    /// Of several verdicts the gravest counts.
    pub(super) const fn graveness(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Windows => 1,
            Self::Unmet => 2,
            Self::Inconclusive => 3,
            Self::Nondeterministic => 4,
            Self::Violated => 5,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Windows => "WINDOWS",
            Self::Violated => "VIOLATED",
            Self::Nondeterministic => "NONDETERMINISTIC",
            Self::Unmet => "UNMET",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// A place where a cut violates a property, with the simplest case that shows it.
#[derive(Clone, Debug)]
pub struct WindowReport {
    /// What is violated, and how.
    pub finding: Finding,
    /// Where the last cut fell, or the operation that violates it; `None` if no cut is needed.
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
    /// `cut `, unless an operation itself is what is wrong.
    pub(super) fn cut(&self) -> &'static str {
        if self.finding.place.is_some() {
            ""
        } else {
            "cut "
        }
    }

    /// Its call and transition; empty if no cut is needed.
    pub fn place(&self) -> (&str, &str) {
        let window = self.window.as_ref();
        window.map_or(("", ""), |window| (&window.call, &window.transition))
    }

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
        let why = self.known.map_or("", |known| known.why.text);
        let cut = self.cut();
        let comment = format!("{property}, {cut}in {place}.\n\n{why}\n\n{}", self.timeline);
        let file = CaseFile {
            id: self.case.clone(),
            expected: Expected::Shown(self.finding.clone()),
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
    pub contract: Contract,
    /// The commit policy.
    pub policy: Policy,
    /// Whether erases were cut so that they leave old bits beside risen ones.
    pub risen: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// What was done.
    pub counts: Counts,
    /// No state is left unexplored, for any number of cuts.
    pub closure: bool,
    /// The limit that ended it before its time, if one did.
    pub stopped: Option<Limit>,
    /// How many cuts in a row were tried; [`ANY`](crate::explore::ANY) for all.
    pub cuts: u32,
    /// How far they could fill a log.
    pub filling: Filling,
    /// Host time, in seconds.
    pub seconds: f64,
    /// The contradiction behind a nondeterministic verdict: what, and after which cuts.
    pub disagreement: Option<String>,
    /// Where cuts do harm, fewest cuts first.
    pub windows: Vec<WindowReport>,
    /// What happened sometimes, in alphabetical order.
    pub marks: Vec<MarkReport>,
    /// How the history without cuts was covered, window by window.
    pub coverage: Vec<Row>,
}

/// Something that must happen sometimes, and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkReport {
    /// Its name.
    pub mark: String,
    /// Crash states that are followed by it.
    pub states: u64,
}

impl ScenarioReport {
    pub(super) fn windows(&self, known: bool) -> impl Iterator<Item = &WindowReport> {
        self.windows
            .iter()
            .filter(move |window| window.known.is_some() == known)
    }

    /// The worst that a cut in it means to the owner of the device.
    pub fn worst(&self) -> Consequence {
        let worst = self.windows.iter().map(WindowReport::consequence).min();
        worst.unwrap_or(Consequence::Nothing)
    }

    /// What this sweep says of a property.
    pub fn says(&self, property: Property) -> Says {
        let judged = match crate::ota::find(self.scenario) {
            Some(scenario) => scenario.judges(property, self.policy),
            None => crate::dump::judges(property),
        };
        if !judged {
            return match property.judged_by_test() {
                Some(_) => Says::ByTest,
                None => Says::NotAsked,
            };
        }
        let breaks = |window: &&WindowReport| match property {
            Property::RecoveryIdempotence => {
                recovery::breaks(window.finding.property, window.window.as_ref())
            }
            property => window.finding.property == property,
        };
        let windows: Vec<_> = self.windows.iter().filter(breaks).collect();
        if windows.is_empty() {
            Says::Holds
        } else if windows.iter().all(|window| window.known.is_some()) {
            Says::KnownWindows
        } else {
            Says::Violated
        }
    }

    /// `P1 P2 P14 hold, not P3 P13`.
    pub(super) fn properties(&self) -> String {
        let ids = |says: &[Says]| {
            let said = |property: &Property| says.contains(&self.says(*property));
            let said = { Property::ALL.into_iter() }.filter(said);
            said.map(Property::id).collect::<Vec<_>>().join(" ")
        };
        let hold = ids(&[Says::Holds]);
        let not = ids(&[Says::KnownWindows, Says::Violated]);
        if not.is_empty() {
            format!("{hold} hold")
        } else {
            format!("{hold} hold, not {not}")
        }
    }
}

/// What the sweep of a scenario says of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It holds in every state met.
    Holds,
    /// It holds outside the known windows.
    KnownWindows,
    /// It does not hold.
    Violated,
    /// A test judges it, not the sweep: see [`Property::judged_by_test`].
    ByTest,
    /// It is about something that does not come up in this scenario.
    NotAsked,
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::KnownWindows => "known windows",
            Self::Violated => "violated",
            Self::ByTest => "judged by a test",
            Self::NotAsked => "not asked",
        })
    }
}

/// A scenario that says nothing about the user's own table and images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The scenario's name.
    pub scenario: String,
    /// Why.
    pub why: String,
}

/// What a sweep found.
#[derive(Clone, Debug)]
pub struct SweepReport {
    /// One report for each scenario, in the order asked for.
    pub scenarios: Vec<ScenarioReport>,
    /// Scenarios left out.
    pub skipped: Vec<Skipped>,
    /// What a full sweep must meet sometimes, and this one never did; empty for any other sweep.
    pub unmet: Vec<&'static str>,
}

impl SweepReport {
    /// The verdict on all of them: the gravest.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.scenarios.iter().map(|s| s.verdict);
        let worst = verdicts.max_by_key(|verdict| verdict.graveness());
        // No scenario at all proves nothing.
        match worst {
            Some(Verdict::Pass | Verdict::Windows) if !self.unmet.is_empty() => Verdict::Unmet,
            worst => worst.unwrap_or(Verdict::Inconclusive),
        }
    }

    /// The coverage of all scenarios together.
    pub fn coverage(&self) -> coverage::Table<'_> {
        let mut rows = Vec::new();
        for scenario in &self.scenarios {
            coverage::add(&mut rows, &scenario.coverage);
        }
        let first = self.scenarios.first();
        coverage::Table {
            rows,
            profile: first.map_or("", |scenario| &scenario.profile),
            contract: first.map_or(Level::L0.into(), |scenario| scenario.contract),
        }
    }
}
