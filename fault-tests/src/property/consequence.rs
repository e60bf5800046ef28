//! Consequences: what a violation means to the owner of the device.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Property;

/// What a violation means to the owner of the device, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// No image boots, or none ever will again, without a cable.
    Bricked,
    /// An image runs that nobody chose, or one that was not confirmed goes on running.
    Unchosen,
    /// An update is silently undone, a confirmation is forgotten.
    PromiseLost,
    /// The device is as before; what was under way must be asked for again.
    Redo,
    /// Nothing that anyone would notice.
    Nothing,
}

impl Consequence {
    /// Every consequence, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Bricked,
        Self::Unchosen,
        Self::PromiseLost,
        Self::Redo,
        Self::Nothing,
    ];

    /// Its name, on the command line and in JSON: `promise-lost`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bricked => "bricked",
            Self::Unchosen => "unchosen",
            Self::PromiseLost => "promise-lost",
            Self::Redo => "redo",
            Self::Nothing => "nothing",
        }
    }

    /// The same in words: `a promise is lost`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Bricked => "bricked",
            Self::Unchosen => "runs what nobody chose or confirmed",
            Self::PromiseLost => "a promise is lost",
            Self::Redo => "can be done again",
            Self::Nothing => "nothing",
        }
    }

    /// What happens to the device, as the end of a sentence that says in how many windows.
    pub const fn happens(self) -> &'static str {
        match self {
            Self::Bricked => "the device is bricked",
            Self::Unchosen => "it runs what nobody chose or confirmed",
            Self::PromiseLost => {
                "a promise is lost (an update silently undone, a confirmation forgotten)"
            }
            Self::Redo => "what was under way has to be done again",
            Self::Nothing => "nothing happens that anyone would notice",
        }
    }

    /// The consequence with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

impl Serialize for Consequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Property {
    /// What it means to the owner where this does not hold, at worst.
    ///
    /// | consequence | where it does not hold |
    /// |---|---|
    /// | bricked | P1, P9 (every image may be locked out), P14 |
    /// | runs what nobody chose or confirmed | P2, P4, P5, P12 |
    /// | a promise is lost | P3, P6, P8 (an update can no longer be asked for), P15 |
    /// | can be done again | P7, P13 (what otadata points at does not verify, so another slot boots) |
    /// | nothing | P10, P11: which cuts do harm there is found out as a violation of another property |
    pub const fn consequence(self) -> Consequence {
        match self {
            Self::NoBrick | Self::AntiRollback | Self::Totality => Consequence::Bricked,
            Self::AtomicSwitch | Self::RollbackConvergence | Self::Stability | Self::TrustRule => {
                Consequence::Unchosen
            }
            Self::Durability
            | Self::RecoveryIdempotence
            | Self::Completion
            | Self::ErrorHonesty => Consequence::PromiseLost,
            Self::Resumability | Self::PublishOrder => Consequence::Redo,
            Self::BoundedWear | Self::Containment => Consequence::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consequences_are_in_order_and_names_find_them_again() {
        assert!(Consequence::ALL.is_sorted());
        for consequence in Consequence::ALL {
            assert_eq!(Consequence::of_name(consequence.name()), Some(consequence));
        }
    }
}
