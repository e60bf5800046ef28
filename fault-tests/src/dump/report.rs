//! What can become of a dump's device: the outcomes, each with an example, and the verdict.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::call::Call;
use super::setup::DumpSetup;
use crate::case::{CaseId, Timeline};
use crate::explore::{Counts, Reached};
use crate::ota::Policy;
use crate::partition_csv::size_text;
use crate::sweep::{Exhibit, Show, SweepOptions, SweepReport, thousands};

/// What a boot after a cut comes to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `ota_1 runs blink 1.2`, or `nothing boots`.
    pub what: String,
    /// Crash states that it follows.
    pub states: u64,
    /// Whether it is what boots without the call.
    pub before: bool,
    /// Whether it is what boots after the call.
    pub after: bool,
    /// An example.
    pub case: CaseId,
    /// The example, told to a person.
    pub timeline: String,
}

/// What the sweep of a dump found.
#[derive(Clone, Debug)]
pub struct DumpReport {
    /// The dump's file.
    pub file: PathBuf,
    /// How it was taken, and what it does without a cut.
    pub setup: DumpSetup,
    /// What boots can come to, the likeliest first.
    pub outcomes: Vec<Outcome>,
    /// The verdict, the windows, the counts.
    pub sweep: SweepReport,
}

/// Cuts the power everywhere in the call and in the boots after it.
///
/// Of `options` the limits count; the scenarios, the inputs and the profile are the dump's.
pub fn sweep(
    file: &Path,
    setup: &DumpSetup,
    options: &SweepOptions,
    progress: &dyn Fn(&Counts),
) -> DumpReport {
    let started = Instant::now();
    let exhibit = setup.exhibit(options);
    let mut exploration = exhibit.explore(options, None, progress);
    let mut outcomes: Vec<Outcome> = exploration
        .reached
        .iter()
        .filter_map(|reached| setup.outcome(&exhibit, reached))
        .collect();
    outcomes.sort_by_key(|outcome| (std::cmp::Reverse(outcome.states), outcome.what.clone()));
    DumpReport {
        file: file.to_owned(),
        setup: setup.clone(),
        outcomes,
        sweep: SweepReport {
            scenarios: vec![exhibit.report(options, &mut exploration, started)],
            skipped: Vec::new(),
            unmet: Vec::new(),
        },
    }
}

/// Cuts in a row, unless asked otherwise: what a field engineer's question is about, and one more.
const DEPTH: u32 = 2;

impl DumpSetup {
    fn exhibit(&self, options: &SweepOptions) -> Exhibit<'_, super::World> {
        Exhibit {
            name: self.device.call.scenario(),
            about: self.device.call.about(),
            inputs: Some(self.hash),
            subject: &self.device,
            profile: &self.profile,
            starts: std::slice::from_ref(&self.start),
            level: options.level,
            cuts: options.cuts.unwrap_or(DEPTH),
            policy: Policy::Stock,
        }
    }

    fn outcome(&self, exhibit: &Exhibit<'_, super::World>, reached: &Reached) -> Option<Outcome> {
        let replay = exhibit.replay(reached.start, &reached.path)?;
        let first = |life: &[String]| life.first().is_some_and(|first| *first == reached.mark);
        Some(Outcome {
            what: reached.mark.to_string(),
            states: reached.states,
            before: first(&self.lives[0]),
            after: first(&self.lives[1]),
            case: exhibit.case(reached.start, reached.path.clone(), replay.trace),
            timeline: Timeline::new(&self.device, &replay).to_string(),
        })
    }
}

#[derive(Serialize)]
struct JsonOutcome<'a> {
    what: &'a str,
    states: u64,
    before: bool,
    after: bool,
    case: String,
}

impl DumpReport {
    /// The sweep's JSON object, with the outcomes.
    pub fn json(&self) -> String {
        let outcomes = self.outcomes.iter().map(|outcome| JsonOutcome {
            what: &outcome.what,
            states: outcome.states,
            before: outcome.before,
            after: outcome.after,
            case: outcome.case.to_string(),
        });
        let outcomes = serde_json::to_string(&outcomes.collect::<Vec<_>>()).unwrap_or_default();
        let line = self.sweep.json();
        // One scenario, so one object: its last brace makes room for one more key.
        let line = line.trim_end();
        let open = line.strip_suffix('}').unwrap_or(line);
        format!("{open},\"outcomes\":{outcomes}}}\n")
    }

    fn holdings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inspection = &self.setup.inspection;
        let size = self.setup.profile.size();
        let file = crate::inspect::shown::path(&self.file);
        write!(f, "{file}: {} bytes", inspection.length)?;
        if u64::from(size) == inspection.length {
            writeln!(f, ", the whole flash")?;
        } else {
            let size = size_text(size);
            writeln!(f, " of a flash of {size}; the rest is taken for erased")?;
        }
        if let Some(otadata) = &inspection.otadata {
            for (index, entry) in otadata.entries.iter().enumerate() {
                writeln!(f, "  otadata entry {index} at {entry}")?;
            }
        }
        for slot in &inspection.slots {
            writeln!(f, "{slot}")?;
        }
        Ok(())
    }

    /// What the device does without a cut.
    fn twin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.setup.lives.each_ref().map(|life| life.join(", then "));
        writeln!(f, "\nwithout a cut")?;
        let call = self.setup.device.call;
        if call == Call::Boot {
            return writeln!(f, "  {before}");
        }
        for change in &self.setup.first_boot {
            writeln!(f, "  the boot before the call writes {change}")?;
        }
        writeln!(f, "  before {}: {before}", call.function())?;
        if let Some(returned) = &self.setup.returned {
            writeln!(f, "  {}: {returned}", call.function())?;
        }
        writeln!(f, "  after it: {after}")
    }

    fn outcomes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nwhat a cut can lead to")?;
        for outcome in &self.outcomes {
            let when = match (self.setup.device.call, outcome.before, outcome.after) {
                (Call::Boot, true, _) => ", as without a cut",
                (_, true, true) => ", as before the call and after it",
                (_, true, false) => ", as before the call",
                (_, false, true) => ", as after the call",
                (_, false, false) => "",
            };
            let states = match outcome.states {
                0 => "without a cut".into(),
                1 => "1 crash state".into(),
                states => format!("{} crash states", thousands(states)),
            };
            writeln!(f, "  {}{when}: {states}", outcome.what)?;
            writeln!(f, "    {}", outcome.case)?;
            for line in outcome.timeline.lines() {
                writeln!(f, "      {line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for DumpReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(Show::default()).fmt(f)
    }
}

impl DumpReport {
    /// The report, shown like this.
    pub fn shown<'r>(&'r self, show: Show<'r>) -> Shown<'r> {
        Shown { report: self, show }
    }
}

/// A report, to be shown.
#[derive(Debug)]
pub struct Shown<'r> {
    report: &'r DumpReport,
    show: Show<'r>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        report.holdings(f)?;
        report.twin(f)?;
        report.outcomes(f)?;
        write!(f, "\n{}", report.sweep.shown(self.show))
    }
}
