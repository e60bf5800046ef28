//! The result of a test without a finding.

use std::fmt;

use super::effort::Stage;
use super::story::Tried;

/// The stages that a test without a finding has tried, and those that it has not.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(super) name: String,
    pub(super) tried: Vec<Tried>,
    pub(super) left: Vec<Stage>,
    pub(super) remarks: Vec<String>,
}

impl Checked {
    /// Whether every stage came to its end.
    pub fn is_complete(&self) -> bool {
        self.left.is_empty() && self.tried.iter().all(|tried| tried.stopped.is_none())
    }

    /// Adds what another one tried.
    pub(super) fn add(&mut self, other: Self) {
        for tried in other.tried {
            match self.tried.iter_mut().find(|known| known.is_like(&tried)) {
                Some(known) => known.add(&tried),
                None => self.tried.push(tried),
            }
        }
        for stage in other.left {
            if !self.left.contains(&stage) {
                self.left.push(stage);
            }
        }
        let new = other.remarks.into_iter();
        let new: Vec<String> = new
            .filter(|remark| !self.remarks.contains(remark))
            .collect();
        self.remarks.extend(new);
    }

    /// Crash states that were judged, of all stages.
    pub fn crash_states(&self) -> u64 {
        self.tried.iter().map(|tried| tried.crash_states).sum()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tried.is_empty() {
            return write!(f, "{}: the case is no longer shown", self.name);
        }
        let verdict = if self.is_complete() {
            "holds"
        } else {
            "INCONCLUSIVE, nothing found so far"
        };
        writeln!(f, "{}: {verdict}", self.name)?;
        for tried in &self.tried {
            writeln!(f, "  {tried}")?;
        }
        for stage in &self.left {
            writeln!(f, "  not tried: {stage}")?;
        }
        for remark in &self.remarks {
            writeln!(f, "  {remark}")?;
        }
        Ok(())
    }
}
