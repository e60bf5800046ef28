//! What a life violates.

use std::fmt;

/// The kind of promise that is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rule {
    /// Something boots.
    NoBrick,
    /// What boots was chosen, and is as it was said.
    Choice,
    /// An image on trial is started so often, and no more.
    Trial,
    /// A call returns what it is to return.
    Answer,
    /// A factory reset does what it says.
    Reset,
    /// What is counted as written is there.
    Progress,
    /// Nothing is erased or programmed but the slot that is open, and otadata.
    Containment,
    /// The secure version never falls.
    AntiRollback,
    /// Nothing is written where everything is in order.
    Wear,
    /// A stock bootloader does as well.
    Company,
    /// No panic, and otadata is put in order.
    Totality,
}

impl Rule {
    const fn name(self) -> &'static str {
        match self {
            Self::NoBrick => "P1 no brick",
            Self::Choice => "P2, P3, P5: what boots was chosen",
            Self::Trial => "P4 rollback convergence",
            Self::Answer => "P15 error honesty",
            Self::Reset => "P3 factory reset",
            Self::Progress => "P7 resumability",
            Self::Containment => "P11 containment",
            Self::AntiRollback => "P9 anti-rollback",
            Self::Wear => "P10 bounded wear",
            Self::Company => "P1, P13 in company with stock code",
            Self::Totality => "P14 totality",
        }
    }
}

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Violation {
    pub(super) rule: Rule,
    allowed: String,
    got: String,
}

impl Violation {
    pub(super) fn new(rule: Rule, allowed: impl Into<String>, got: impl Into<String>) -> Self {
        Self {
            rule,
            allowed: allowed.into(),
            got: got.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, allowed, got } = self;
        write!(f, "{}\n  allowed: {allowed}\n  got:     {got}", rule.name())
    }
}

/// One or another.
pub(super) fn list(all: &[String]) -> String {
    all.join("; or ")
}
