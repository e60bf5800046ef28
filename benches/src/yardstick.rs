//! The yardstick: explorers that do the same by less clever means, to be measured against.
//!
//! All of them cut the same power-ons in the same operations with the same tears, follow each crash
//! state with the power on until the device rests, and collect what the judge finds. They differ in
//! what they execute to get there:
//!
//! | explorer | gets to a crash state by | follows |
//! |---|---|---|
//! | [`Means::Rerun`] | running everything before it again, from the start | every one |
//! | [`Means::Snapshots`] | tearing a copy of the flash as it was before the operation | every one |
//! | [`Means::Closure`] | the same | each flash content and world once |
//! | `fault_tests::explore` | the same | what no power-on can tell apart once; and proves it by a pass more |
//!
//! So each row's saving over the one above is what snapshots, closure and pruning buy. Counted are
//! operations of the chip (programs and erases) that were *executed* by the subject; to tear a copy
//! executes nothing. The explorer of `fault_tests` is counted from outside, by the subject, with all that it
//! executes for its own assurance: each power-on twice, the audit, and a further update behind it all.

mod counted;
mod explorer;

use std::collections::BTreeSet;

use fault_tests::explore::{Limits, Start, explore};
use fault_tests::property::Finding;
use fault_tests::subject::Subject;
use sim_flash::Profile;

pub use counted::Counted;
pub use explorer::{Means, explore_by};

/// What an exploration did and found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Crash states judged: each operation cut, times its tears, and untouched.
    pub crash_states: u64,
    /// Power-ons that the subject went through.
    pub power_ons: u64,
    /// Operations of the chip that were executed.
    pub operations: u64,
    /// What was found: property, what it allowed, what the device did.
    pub findings: BTreeSet<String>,
}

impl Outcome {
    fn found<'f>(&mut self, findings: impl IntoIterator<Item = &'f Finding>) {
        let text = |f: &Finding| format!("{:?}: {}, not {}", f.property, f.allowed, f.got);
        self.findings.extend(findings.into_iter().map(text));
    }
}

/// The explorer of `fault_tests`, counted.
///
/// # Panics
///
/// If it comes to no conclusion.
pub fn explore_counted<S: Subject>(
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    limits: &Limits,
) -> Outcome {
    let counted = Counted::new(subject);
    let starts = std::slice::from_ref(start);
    let explored = explore(&counted, profile, starts, limits, &|_| {});
    assert!(!explored.exhausted, "{:?}", explored.disagreement);
    let mut outcome = Outcome {
        crash_states: explored.counts.crash_states,
        power_ons: counted.power_ons(),
        operations: counted.operations(),
        findings: BTreeSet::new(),
    };
    outcome.found(explored.violations.iter().map(|v| &v.finding));
    outcome
}
