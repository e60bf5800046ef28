//! What a sweep found, for people: the verdict in words, a row for each scenario, the violations, the causes.

use std::collections::BTreeMap;
use std::fmt;

use sim_flash::{Contract, Level};

use super::consequences::{Exposure, Exposures};
use super::filling::Filling;
use super::known::{self, Cause, Known};
use super::report::{ScenarioReport, SweepReport, WindowReport};
use crate::explore::ANY;
use crate::property::Consequence;

/// Columns of a terminal.
pub(crate) const WIDTH: usize = 80;

/// How a report is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show<'a> {
    /// With the small print, and the properties of each scenario.
    pub verbose: bool,
    /// What `brownout replay` needs besides a case id, as it is typed: the user's own files.
    pub replay: &'a str,
    /// What is swept, where that is not the bundled firmware.
    pub about: &'a str,
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(Show::default()).fmt(f)
    }
}

/// A report, to be shown.
#[derive(Debug)]
pub struct Shown<'r> {
    report: &'r SweepReport,
    show: Show<'r>,
}

impl SweepReport {
    /// The report, shown like this.
    pub fn shown<'r>(&'r self, show: Show<'r>) -> Shown<'r> {
        Shown { report: self, show }
    }

    /// Every known window that was met, with why it is one and every case, for people.
    pub fn known_windows_in_full(&self) -> Windows<'_> {
        Windows(self)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.head(f)?;
        if !self.show.about.is_empty() {
            writeln!(f)?;
            wrapped(f, "", "  ", self.show.about)?;
        }
        self.rows(f)?;
        self.violations(f)?;
        self.causes(f)?;
        self.notes(f)
    }
}

/// Writes `text` in lines of [`WIDTH`] columns, all but the first indented by `more` than `first`.
pub(crate) fn wrapped(
    f: &mut fmt::Formatter<'_>,
    first: &str,
    rest: &str,
    text: &str,
) -> fmt::Result {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false);
    for line in textwrap::wrap(text, options) {
        writeln!(f, "{line}")?;
    }
    Ok(())
}

/// What weak bits become, where cuts leave any.
fn healing(contract: Contract) -> &'static str {
    match contract.reprogram_heals {
        _ if contract.level < Level::L3 => "",
        true => " (weak bits heal when programmed over)",
        false => " (weak bits heal when erased alone)",
    }
}

/// Every known window that was met, with why it is one and every case.
#[derive(Debug)]
pub struct Windows<'r>(&'r SweepReport);

impl fmt::Display for Windows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (known, cases) in self.0.met() {
            let Known {
                property,
                call,
                transition,
                why,
                ..
            } = known;
            writeln!(f, "{property}, {}in {call}: {transition}", cases[0].cut())?;
            let consequence = known.consequence();
            let why = format!("{consequence}: {}", why.text);
            wrapped(f, "  ", "  ", &why)?;
            for window in cases {
                if let (known::ANY_CALL, Some(place)) = (*call, &window.window) {
                    writeln!(f, "  {place}")?;
                }
                writeln!(f, "  {}", window.case)?;
            }
        }
        Ok(())
    }
}

impl Shown<'_> {
    /// A row for each scenario, and for each that was left out.
    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        if report.scenarios.is_empty() && report.skipped.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", ScenarioReport::columns())?;
        for scenario in &report.scenarios {
            writeln!(f, "{}", scenario.row())?;
            if self.show.verbose {
                let (counts, properties) = (scenario.counts, scenario.properties());
                let text = format!(
                    "{} operations, {} distinct states; {properties}",
                    thousands(counts.operations),
                    thousands(counts.distinct_states)
                );
                wrapped(f, "  ", "  ", &text)?;
            }
        }
        for skipped in &report.skipped {
            let text = format!("left out: {}", skipped.why);
            let first = format!("{:<21} ", skipped.scenario);
            wrapped(f, &first, "    ", &text)?;
        }
        Ok(())
    }

    /// The command that replays a case, indented.
    fn replay(&self, f: &mut fmt::Formatter<'_>, indent: &str, case: &WindowReport) -> fmt::Result {
        write!(f, "{indent}brownout replay '{}'", case.case)?;
        if !self.show.replay.is_empty() {
            write!(f, " \\\n{indent}  {}", self.show.replay)?;
        }
        writeln!(f)
    }

    fn violations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.report.scenarios {
            for window in s.windows(false) {
                let place = window.window.as_ref().map_or_else(
                    || "without a cut".into(),
                    |w| format!("{}in {w}", window.cut()),
                );
                let property = window.finding.property;
                let what = format!("VIOLATED in {}: {property}, {place}", s.scenario);
                writeln!(f)?;
                wrapped(f, "", "  ", &what)?;
                writeln!(f, "  consequence: {}", window.consequence())?;
                wrapped(
                    f,
                    "  allowed: ",
                    "    ",
                    &format!("{}; got: {}", window.finding.allowed, window.finding.got),
                )?;
                self.replay(f, "  ", window)?;
            }
            if let Some(limit) = s.stopped {
                let (name, states) = (s.scenario, thousands(s.counts.waiting));
                let what = format!(
                    "INCONCLUSIVE in {name}: {}, {states} states waiting",
                    limit.spent()
                );
                writeln!(f)?;
                wrapped(f, "", "  ", &what)?;
            }
            if let Some(disagreement) = &s.disagreement {
                let what = format!("NONDETERMINISTIC in {}: {disagreement}", s.scenario);
                writeln!(f)?;
                wrapped(f, "", "  ", &what)?;
            }
        }
        Ok(())
    }

    /// The causes of the known windows that were met, the worst first.
    fn causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = self.report.causes();
        if causes.is_empty() {
            return Ok(());
        }
        let all: usize = causes.iter().map(|met| met.windows).sum();
        let causes_of = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        writeln!(
            f,
            "\n{} of ESP-IDF's algorithm, in {} (--windows lists them)",
            causes_of(causes.len(), "cause"),
            causes_of(all, "known window")
        )?;
        for (met, number) in causes.iter().zip(1..) {
            let cause = met.cause;
            writeln!(f, "\n{number:>2}. {cause}")?;
            let head = format!(
                "{}; {}; in {}",
                met.consequence,
                met.exposures,
                met.calls.join(", ")
            );
            wrapped(f, "    ", "    ", &head)?;
            wrapped(f, "    ", "    ", cause.happens())?;
            wrapped(f, "    You can: ", "      ", cause.application())?;
            wrapped(f, "    Closed by: ", "      ", cause.closed_by())?;
            self.replay(f, "    ", met.simplest)?;
        }
        Ok(())
    }

    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = self.report.notes();
        if self.report.scenarios.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        if !self.show.verbose {
            return writeln!(
                f,
                "--verbose: {} notes on what was counted, and what was not tried",
                notes.len()
            );
        }
        for note in notes {
            wrapped(f, "  ", "    ", &note)?;
        }
        Ok(())
    }
}

impl ScenarioReport {
    /// The names of the columns of [`row`](Self::row).
    pub(crate) fn columns() -> String {
        format!(
            "{:<21} {:<12} {:>14} {:>8} {:>7}  {}",
            "scenario", "verdict", "crash states", "boots", "time", "at worst"
        )
    }

    /// The scenario in a line: its verdict, its counts, the worst that a cut does.
    pub(crate) fn row(&self) -> String {
        let worst = match self.worst() {
            Consequence::Nothing => "-",
            worst => worst.name(),
        };
        format!(
            "{:<21} {:<12} {:>14} {:>8} {:>6.1}s  {worst}",
            self.scenario,
            self.verdict,
            thousands(self.counts.crash_states),
            thousands(self.counts.boots),
            self.seconds
        )
    }
}

/// A cause, as far as a sweep met it.
#[derive(Clone, Debug)]
pub struct Met<'r> {
    /// The cause.
    pub cause: Cause,
    /// The worst that it does.
    pub consequence: Consequence,
    /// How many known windows come from it.
    pub windows: usize,
    /// For how long they are open.
    pub exposures: Exposures,
    /// The calls in which it was met, the bootloader first.
    pub calls: Vec<&'r str>,
    /// Of its worst windows the case with the fewest cuts.
    pub simplest: &'r WindowReport,
}

impl SweepReport {
    /// The verdict, and what it means to the owner of the device.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        let Some(first) = self.scenarios.first() else {
            return writeln!(f, "{verdict}: no scenario was swept");
        };
        let head = format!(
            "{verdict} @ {} {}{}, {} policy, {}",
            first.profile,
            first.contract,
            healing(first.contract),
            first.policy,
            self.depth()
        );
        wrapped(f, "", "  ", &head)?;
        for sentence in self.sentences() {
            wrapped(f, "  ", "    ", &sentence)?;
        }
        if !self.unmet.is_empty() {
            let unmet = self.unmet.join(", ");
            let text = format!("never met in any crash state, but must be: {unmet}");
            wrapped(f, "  ", "    ", &text)?;
        }
        Ok(())
    }

    /// The causes of the known windows that were met, the worst first.
    pub fn causes(&self) -> Vec<Met<'_>> {
        let chip = self.chip();
        let mut causes: BTreeMap<Cause, Met<'_>> = BTreeMap::new();
        for (known, cases) in self.met() {
            let cuts = |case: &&&WindowReport| case.case.path.cuts.len();
            let Some(simplest) = cases.iter().min_by_key(cuts) else {
                continue;
            };
            let consequence = known.consequence();
            // Operations that are wrong in themselves: what cuts do there is found as harm of another kind.
            if consequence == Consequence::Nothing {
                continue;
            }
            let met = causes.entry(known.why.cause).or_insert_with(|| Met {
                cause: known.why.cause,
                consequence,
                windows: 0,
                exposures: Exposures::default(),
                calls: Vec::new(),
                simplest,
            });
            let rank = |consequence, case: &WindowReport| (consequence, case.case.path.cuts.len());
            if rank(consequence, simplest) < rank(met.consequence, met.simplest) {
                met.simplest = simplest;
            }
            met.consequence = met.consequence.min(consequence);
            met.windows += 1;
            for case in &cases {
                let (call, transition) = case.place();
                if !met.calls.contains(&call) {
                    met.calls.push(call);
                }
                if let Some(chip) = &chip {
                    met.exposures.add(Exposure::of(transition, chip));
                }
            }
        }
        let mut causes: Vec<_> = causes.into_values().collect();
        for met in &mut causes {
            met.calls.sort_by_key(|call| (*call != "boot", *call));
        }
        causes.sort_by_key(|met| met.consequence);
        causes
    }

    /// Known windows that were met, each with all its cases: by property, the bootloader's first, then by call.
    pub(super) fn met(&self) -> Vec<(&'static Known, Vec<&WindowReport>)> {
        let met = { self.scenarios.iter() }.flat_map(|s| s.windows(true));
        let met: Vec<_> = met.collect();
        let cases = |known: &'static Known| {
            let cases = met.iter().filter(|window| window.known == Some(known));
            (known, cases.copied().collect())
        };
        let mut windows: Vec<(_, Vec<_>)> = known::all().map(cases).collect();
        windows.retain(|(_, cases)| !cases.is_empty());
        windows.sort_by_key(|(known, _)| {
            let call = (known.call != "boot", known.call);
            (known.property, call, known.transition)
        });
        windows
    }

    /// Power-ons that were spared cuts.
    pub(super) fn spared(&self) -> u64 {
        self.scenarios.iter().map(|s| s.counts.spared).sum()
    }

    /// All the cuts that there may be, or that were asked for.
    pub(super) fn any_number(&self) -> &'static str {
        let filling = self.scenarios.first().map(|s| s.filling);
        match (filling, self.spared()) {
            (Some(Filling::WhileRoom), _) => "any number of cuts while a log has room",
            (_, 0) => "any number of cuts",
            _ => "any number of cuts until a log is full",
        }
    }

    /// `any number of cuts`, or what else was tried; and in how many scenarios fewer.
    fn depth(&self) -> String {
        let words = |cuts: u32| match cuts {
            ANY => self.any_number().into(),
            0 => "no cut".into(),
            1 => "1 cut".into(),
            cuts => format!("up to {cuts} cuts in a row"),
        };
        let mut depths: Vec<u32> = self.scenarios.iter().map(|s| s.cuts).collect();
        depths.sort_unstable();
        depths.dedup();
        let Some(most) = depths.pop() else {
            return String::new();
        };
        let fewer = depths.into_iter().rev().map(|cuts| {
            let scenarios = self.scenarios.iter().filter(|s| s.cuts == cuts).count();
            let all = self.scenarios.len();
            format!("; {} in {scenarios} of {all} scenarios", words(cuts))
        });
        words(most) + &fewer.collect::<String>()
    }
}

/// `12736641418` as `12,736,641,418`.
pub(crate) fn thousands(number: u64) -> String {
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
