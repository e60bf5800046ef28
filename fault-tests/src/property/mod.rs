//! What a device must keep, however the power fails: the properties P1 to P15.
//!
//! Each has a room of its own. It states the property in full, with its quantification: over which
//! states and which cuts, what of a power-on is looked at, and what is *not* claimed. And it holds
//! the judgement: a pure function over what a power-on showed, called by whichever
//! [subject](crate::subject) knows how to show that.
//!
//! # Words
//!
//! * **Σ**: states of the flash, and of other memory that outlives the power.
//! * **M**: the model: a chip profile and a [contract level](sim_flash::Level), which say what a cut
//!   may leave of the operation it hits.
//! * **Reach(M)**: the closure of the start under the device's calls, under every cut of every
//!   operation (those of a boot too), and under resets.
//! * **ω**: the adversary, who decides what a weak bit reads as, each time it is read.
//! * **Boot(σ, ω)**: what a power-on does: a decision, and operations in order.
//! * **allowed(σ)**: what a boot from σ may decide, by all that the device has promised so far.
//!
//! Every state is reached by operations that are cut, so *for all states* means: for all in Reach(M)
//! within the limits of the sweep. Of weak bits and ω the sweep says at which levels it explores
//! them; at the others there are none.

pub mod anti_rollback;
pub mod completion;
pub mod consequence;
pub mod containment;
pub mod error_honesty;
pub mod no_brick;
pub mod promises;
pub mod publish_order;
pub mod recovery;
pub mod resumption;
pub mod rollback_convergence;
pub mod stability;
pub mod totality;
pub mod trust;
pub mod wear;

use std::fmt;

use crate::explore::Window;

pub use consequence::Consequence;

/// A property of a device that updates itself, judged in every crash state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// P1: see [`no_brick`].
    NoBrick,
    /// P2: see [`promises`].
    AtomicSwitch,
    /// P3: see [`promises`].
    Durability,
    /// P4: see [`rollback_convergence`].
    RollbackConvergence,
    /// P5: see [`stability`].
    Stability,
    /// P6: see [`recovery`].
    RecoveryIdempotence,
    /// P7: see [`resumption`].
    Resumability,
    /// P8: see [`completion`].
    Completion,
    /// P9: see [`anti_rollback`].
    AntiRollback,
    /// P10: see [`wear`].
    BoundedWear,
    /// P11: see [`containment`].
    Containment,
    /// P12: see [`trust`].
    TrustRule,
    /// P13: see [`publish_order`].
    PublishOrder,
    /// P14: see [`totality`].
    Totality,
    /// P15: see [`error_honesty`].
    ErrorHonesty,
}

/// What there is to say of a property in a line.
struct Row {
    property: Property,
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
}

const fn row(
    property: Property,
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
) -> Row {
    Row {
        property,
        id,
        title,
        meaning,
    }
}

/// Every property, in order; `ota-core/PROOF.md` shows the same.
const TABLE: [Row; 15] = [
    row(
        Property::NoBrick,
        "P1",
        "no brick",
        "every boot ends and runs a slot whose image verifies",
    ),
    row(
        Property::AtomicSwitch,
        "P2",
        "atomic switch",
        "a cut while switching leaves the old image or the new one, whole",
    ),
    row(
        Property::Durability,
        "P3",
        "durability",
        "what a call that returned Ok promised still holds after any cut",
    ),
    row(
        Property::RollbackConvergence,
        "P4",
        "rollback convergence",
        "an image that was not confirmed is started once, then the confirmed one runs",
    ),
    row(
        Property::Stability,
        "P5",
        "stability",
        "without a command between them, later boots decide what the first one's flash had settled",
    ),
    row(
        Property::RecoveryIdempotence,
        "P6",
        "recovery idempotence",
        "a boot that is cut leaves the next one nothing to do that it could not have done itself",
    ),
    row(
        Property::Resumability,
        "P7",
        "resumability",
        "a download goes on where it was cut, and the image is the one that was sent",
    ),
    row(
        Property::Completion,
        "P8",
        "eventual completion",
        "once the faults end, what was asked for can be completed, or asked for anew",
    ),
    row(
        Property::AntiRollback,
        "P9",
        "anti-rollback",
        "the minimum version never falls, and an image that it admits is always there",
    ),
    row(
        Property::BoundedWear,
        "P10",
        "bounded wear",
        "an idle boot writes nothing, and no power-on erases a sector more often than its bound",
    ),
    row(
        Property::Containment,
        "P11",
        "containment",
        "nothing is written but otadata and slots that do not run, and never the only entry that counts",
    ),
    row(
        Property::TrustRule,
        "P12",
        "trust rule",
        "no decision is built on what an operation that was cut may have left half done",
    ),
    row(
        Property::PublishOrder,
        "P13",
        "publish order",
        "otadata never points at a slot whose image does not verify",
    ),
    row(
        Property::Totality,
        "P14",
        "totality",
        "on arbitrary contents a boot ends, without panic, with an image if one can be found",
    ),
    row(
        Property::ErrorHonesty,
        "P15",
        "error honesty",
        "what returned Ok has happened; what returned an error left things as before or as after",
    ),
];

impl Property {
    /// Every property, in order.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::NoBrick; TABLE.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = TABLE[index].property;
            index += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        let row = TABLE.iter().find(|row| row.property == self);
        row.expect("every property is in the table")
    }

    /// The short name: `P1`, `P2`, …
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The property in a few words.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// The property in a sentence.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// Whether it is about the operations of a power-on, and not about what comes of a cut.
    pub const fn is_of_operations(self) -> bool {
        matches!(self, Self::BoundedWear | Self::Containment)
    }

    /// The test that judges it, where the sweep does not: what it is about are no cuts, or what it asks
    /// of a crash state is no question to a boot.
    pub const fn judged_by_test(self) -> Option<&'static str> {
        match self {
            Self::TrustRule => Some("tests/trust.rs"),
            Self::ErrorHonesty => Some("tests/error_honesty.rs"),
            _ => None,
        }
    }

    /// The property with the short name `id`.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.id() == id)
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
    /// The operation that violates it, of a property of operations; otherwise the cut before counts.
    pub place: Option<Window>,
}

impl Finding {
    /// A violation of `property`.
    pub fn new(property: Property, allowed: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self {
            property,
            allowed: allowed.to_string(),
            got: got.to_string(),
            place: None,
        }
    }

    /// The same, of an operation.
    #[must_use]
    pub fn at(mut self, place: Window) -> Self {
        self.place = Some(place);
        self
    }

    /// Whether it says the same: the same property, allowed and got.
    pub fn says(&self, other: &Self) -> bool {
        (self.property, &self.allowed, &self.got) == (other.property, &other.allowed, &other.got)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_has_its_row_and_ids_find_it_again() {
        for property in Property::ALL {
            assert_eq!(Property::from_id(property.id()), Some(property));
        }
        assert!(Property::ALL.is_sorted());
    }

    /// Where verdicts are explained every property is listed as here.
    #[test]
    fn the_document_of_proofs_shows_the_table() {
        let proof = concat!(env!("CARGO_MANIFEST_DIR"), "/../ota-core/PROOF.md");
        let proof = std::fs::read_to_string(proof).expect("the workspace has it");
        let shown: Vec<&str> = { proof.lines() }
            .filter(|line| {
                let number = line.strip_prefix("| P").unwrap_or_default();
                number.starts_with(|letter: char| letter.is_ascii_digit())
            })
            .collect();
        let rows: Vec<String> = Property::ALL
            .map(|p| format!("| {} {} | {} |", p.id(), p.title(), p.meaning()))
            .into();
        assert_eq!(shown, rows);
    }
}
