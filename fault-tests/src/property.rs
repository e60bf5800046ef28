//! What a device must keep, however the power fails: the properties P1 to P15.
//!
//! A property here is a name, a short title and its quantification; the code
//! that judges it lives with the subject that knows what a boot or a promise
//! is (for updates: [`crate::ota`]).

use std::fmt;

/// A property of a device that updates itself, judged in every crash state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// Every boot ends within its bound and runs a slot whose image verifies.
    NoBrick,
    /// A cut while switching from a to b leaves a or b, whole, and nothing else.
    AtomicSwitch,
    /// What a call that returned Ok has promised still holds after any cut.
    Durability,
    /// An image that never confirms is started only so often, over any sequence of cuts; then the confirmed one runs, for ever.
    RollbackConvergence,
    /// What one power-on has acted on is what the next ones find.
    Stability,
    /// Once the faults end, what was asked for can be completed, or asked for anew.
    EventualCompletion,
    /// The minimum version never falls, and an image that it admits is always there.
    AntiRollback,
    /// Where otadata points at a slot as bootable, the image there verified before the pointer's first operation began.
    PublishOrder,
    /// On arbitrary flash contents a boot ends, without panic, and finds an image if one can be found.
    Totality,
    /// What returned Ok has happened; what returned an error left things as before or as after.
    ErrorHonesty,
}

impl Property {
    /// The properties that a sweep of updates judges today, in order.
    pub const ALL: [Self; 7] = [
        Self::NoBrick,
        Self::AtomicSwitch,
        Self::Durability,
        Self::RollbackConvergence,
        Self::Stability,
        Self::PublishOrder,
        Self::Totality,
    ];

    /// The properties that other subjects are judged by too, in order.
    pub const FURTHER: [Self; 3] = [
        Self::EventualCompletion,
        Self::AntiRollback,
        Self::ErrorHonesty,
    ];

    /// The short name: `P1`, `P2`, …
    pub const fn id(self) -> &'static str {
        match self {
            Self::NoBrick => "P1",
            Self::AtomicSwitch => "P2",
            Self::Durability => "P3",
            Self::RollbackConvergence => "P4",
            Self::Stability => "P5",
            Self::EventualCompletion => "P8",
            Self::AntiRollback => "P9",
            Self::PublishOrder => "P13",
            Self::Totality => "P14",
            Self::ErrorHonesty => "P15",
        }
    }

    /// The property in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoBrick => "no brick",
            Self::AtomicSwitch => "atomic switch",
            Self::Durability => "durability",
            Self::RollbackConvergence => "rollback convergence",
            Self::Stability => "stability",
            Self::EventualCompletion => "eventual completion",
            Self::AntiRollback => "anti-rollback",
            Self::PublishOrder => "publish order",
            Self::Totality => "totality",
            Self::ErrorHonesty => "error honesty",
        }
    }

    /// The property with the short name `id`.
    pub fn from_id(id: &str) -> Option<Self> {
        let mut known = Self::ALL.into_iter().chain(Self::FURTHER);
        known.find(|p| p.id() == id)
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id(), self.title())
    }
}

/// One violation, as the judge saw it: the property, what it allowed, what happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The violated property.
    pub property: Property,
    /// What the property allowed in this state.
    pub allowed: String,
    /// What the device did instead.
    pub got: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} violated: allowed {}, got {}",
            self.property, self.allowed, self.got
        )
    }
}
