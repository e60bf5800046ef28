//! What a sweep found, as a table for people.

use std::fmt;

use sim_flash::{Contract, Level};

use super::filling::Filling;
use super::known::{self, Known};
use super::profiles;
use super::report::{SweepReport, Verdict, WindowReport};
use crate::explore::{ANY, Counts};
use crate::ota::marks;
use crate::property::Property;

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.scenarios.iter().map(|s| s.scenario.len());
        let width = names.max().unwrap_or(0).max(15);
        writeln!(
            f,
            "{:<width$} {:>10} {:>12} {:>8} {:>8} {:>7}  {:<13} properties",
            "scenario", "operations", "crash states", "distinct", "boots", "time", "verdict"
        )?;
        for s in &self.scenarios {
            writeln!(
                f,
                "{:<width$} {:>10} {:>12} {:>8} {:>8} {:>6.1}s  {:<13} {}",
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
            writeln!(f, "{:<width$} left out: {}", skipped.scenario, skipped.why)?;
        }
        self.violations(f)?;
        self.known_windows(f)?;
        self.scope(f)
    }
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
pub struct Windows<'r>(&'r SweepReport);

impl SweepReport {
    /// Every known window that was met, with why it is one and every case, for people.
    pub fn known_windows_in_full(&self) -> Windows<'_> {
        Windows(self)
    }
}

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
            writeln!(f, "  {why}")?;
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

impl SweepReport {
    fn violations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.scenarios {
            for window in s.windows(false) {
                let place = window.window.as_ref().map_or_else(
                    || "without a cut".into(),
                    |w| format!("{}in {w}", window.cut()),
                );
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
            if let Some(limit) = s.stopped {
                let (name, states) = (s.scenario, thousands(s.counts.waiting));
                writeln!(
                    f,
                    "\nINCONCLUSIVE in {name}: {}, {states} states waiting",
                    limit.spent()
                )?;
            }
            if let Some(disagreement) = &s.disagreement {
                writeln!(f, "\nNONDETERMINISTIC in {}: {disagreement}", s.scenario)?;
            }
        }
        Ok(())
    }

    /// Known windows that were met, each with all its cases: by property, the bootloader's first, then by call.
    fn met(&self) -> Vec<(&'static Known, Vec<&WindowReport>)> {
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

    /// A line for each known window that was met: how many scenarios met it, and the shortest case.
    fn known_windows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = self.met();
        if met.is_empty() {
            return Ok(());
        }
        let places: usize = met.iter().map(|(_, cases)| cases.len()).sum();
        writeln!(
            f,
            "\nknown windows of the stock algorithm: {}, met {places} times (--windows tells why, and every case)",
            met.len()
        )?;
        let calls = met.iter().map(|(known, _)| known.call.len()).max();
        let transitions = met.iter().map(|(known, _)| known.transition.len()).max();
        let (calls, transitions) = (calls.unwrap_or(0), transitions.unwrap_or(0));
        let mut last = None;
        for (known, cases) in met {
            if last.replace(known.property) != Some(known.property) {
                writeln!(f, "  {}", known.property)?;
            }
            let Some(case) = cases.iter().min_by_key(|case| case.case.path.cuts.len()) else {
                continue;
            };
            writeln!(
                f,
                "    {:<calls$}  {:<transitions$} {:>3}x  {}",
                known.call,
                known.transition,
                cases.len(),
                case.case
            )?;
        }
        Ok(())
    }

    /// Power-ons that were spared cuts.
    fn spared(&self) -> u64 {
        self.scenarios.iter().map(|s| s.counts.spared).sum()
    }

    /// All the cuts that there may be, or that were asked for.
    fn any_number(&self) -> &'static str {
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

    /// What was shown, of this chip and of others.
    fn shown(&self, f: &mut fmt::Formatter<'_>, profile: &str) -> fmt::Result {
        let known = if self.met().is_empty() {
            ""
        } else {
            " outside the known windows"
        };
        writeln!(f, "  no property is violated{known}")?;
        let alike = profiles::cut_like(profile);
        if !alike.is_empty() {
            writeln!(
                f,
                "  the same holds on {}, which differ in size and times alone",
                alike.join(", ")
            )?;
        }
        let mut marks = self.scenarios.iter().flat_map(|s| &s.marks);
        if marks.any(|met| met.mark == marks::STOCK_BOOTS) {
            writeln!(
                f,
                "  each power-on began with a stock bootloader in place of ours: it booted a published image too"
            )?;
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
        writeln!(
            f,
            "\n{verdict} @ {} {}{}, {} policy, {}",
            first.profile,
            first.contract,
            healing(first.contract),
            first.policy,
            self.depth()
        )?;
        if matches!(verdict, Verdict::Pass | Verdict::Unmet) {
            self.shown(f, &first.profile)?;
        }
        if !self.unmet.is_empty() {
            let unmet = self.unmet.join(", ");
            writeln!(f, "  never met in any crash state, but must be: {unmet}")?;
        }
        writeln!(
            f,
            "  {} crash states: {} judged singly, {} judged by family, {} represented",
            sum(|c| c.crash_states),
            sum(|c| c.by_lookup),
            sum(|c| c.by_family),
            sum(|c| c.represented),
        )?;
        writeln!(
            f,
            "  {} power-ons executed, {} of them to check what was pruned",
            sum(|c| c.boots + c.audited),
            sum(|c| c.audited),
        )?;
        let closed = self.scenarios.iter().filter(|s| s.closure).count();
        if closed > 0 {
            writeln!(
                f,
                "  closure in {closed} of {} scenarios: no state is left, so this holds for {}",
                self.scenarios.len(),
                self.any_number()
            )?;
        }
        if self.spared() > 0 {
            writeln!(
                f,
                "  a log was full and in doubt in {} power-ons: judged, followed until the device rests, and not cut",
                thousands(self.spared())
            )?;
        }
        let uncut: u64 = self.scenarios.iter().map(|s| s.counts.uncut).sum();
        if uncut > 0 {
            writeln!(
                f,
                "  except behind torn records with a right checksum: {} power-ons there were judged, and not cut again",
                thousands(uncut)
            )?;
        }
        if closed < self.scenarios.len() {
            let elsewhere = if closed > 0 { "elsewhere " } else { "" };
            writeln!(
                f,
                "  {elsewhere}longer rows of cuts were not tried: inconclusive there"
            )?;
        }
        if first.contract.level >= Level::L4 {
            writeln!(
                f,
                "  weak bits read as 0 in each power-on, but in one place at most, where other ways were tried"
            )?;
        }
        for property in Property::ALL {
            if let Some(test) = property.judged_by_test() {
                writeln!(f, "  {property} is not judged here, but by {test}")?;
            }
        }
        if !first.risen && first.contract.level >= Level::L1 {
            writeln!(
                f,
                "  erases that leave old bits beside risen ones were not tried: --risen does, one cut each"
            )?;
        }
        writeln!(
            f,
            "  tears are a choice: every byte position; bits one by one and in drawn subsets, fewer of them behind a first cut;\n  \
             of records, as a first cut, some of the torn ones with a right checksum, solved for"
        )
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
