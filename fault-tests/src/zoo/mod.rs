//! The zoo: the harness against subjects that are broken on purpose.
//!
//! Each specimen is a small device with exactly one mistake, of a kind that people really make, and a source for it.
//! The explorer knows none of them. It has to catch every one, by a property that this mistake may violate, and it has
//! to find nothing in the specimen's *twin*: the same code with the mistake switched off. Otherwise it would not be the
//! mistake that was caught.
//!
//! The share that is caught is the mutation score of the harness. A specimen is explored at every level of cut behaviour
//! from L0 to [`GATE`], and caught at the lowest one that shows the mistake: most mistakes that survive a test with cuts
//! between whole operations do not survive cuts inside them.

mod aim;
mod blank;
mod device;
pub use device::crc_blind_bootloader;
mod fallback;
mod habitat;
mod hunt;
mod left;
mod over;
mod pairs;
mod redo;
mod refused;
mod register;
mod report;
mod rows;
mod seal;
mod slots;
mod stamp;
mod swap;
mod trial;
mod weak;
mod words;

use std::fmt;

use sim_flash::Level;

use crate::property::Property;

use habitat::Habitat;
pub use hunt::{Catch, Outcome, hunt};
pub use report::ZooReport;

/// The highest level at which the zoo is explored.
///
/// Specimens that only a higher level can catch are listed and not counted.
pub const GATE: Level = Level::L3;

/// A subject with one mistake, and its healthy twin.
pub struct Specimen {
    /// Its name.
    pub name: &'static str,
    /// What is wrong.
    pub mistake: &'static str,
    /// Where the mistake was made or described.
    pub source: &'static str,
    /// What may catch it.
    pub caught_by: &'static [Evidence],
    /// The lowest level at which it is caught.
    pub level: Level,
    /// The level up to which the twin is faultless.
    pub twin: Level,
    /// The specimen if true, the twin if not.
    build: fn(broken: bool) -> Box<dyn Habitat>,
}

impl fmt::Debug for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Specimen({})", self.name)
    }
}

/// What gives a broken subject away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It violates this property.
    Violates(Property),
    /// Two runs from the same state differ: something outside the flash survived the reset.
    DoesNotRepeat,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violates(property) => write!(f, "{} {}", property.id(), property.title()),
            Self::DoesNotRepeat => f.write_str("does not repeat itself"),
        }
    }
}

/// Short names for the evidence that the lists of specimens ask for.
mod evidence {
    use super::Evidence;
    use crate::property::Property;

    pub(super) const P1: Evidence = Evidence::Violates(Property::NoBrick);
    pub(super) const P2: Evidence = Evidence::Violates(Property::AtomicSwitch);
    pub(super) const P3: Evidence = Evidence::Violates(Property::Durability);
    pub(super) const P4: Evidence = Evidence::Violates(Property::RollbackConvergence);
    pub(super) const P5: Evidence = Evidence::Violates(Property::Stability);
    pub(super) const P8: Evidence = Evidence::Violates(Property::Completion);
    pub(super) const P9: Evidence = Evidence::Violates(Property::AntiRollback);
    pub(super) const P10: Evidence = Evidence::Violates(Property::BoundedWear);
    pub(super) const P11: Evidence = Evidence::Violates(Property::Containment);
    pub(super) const P13: Evidence = Evidence::Violates(Property::PublishOrder);
    pub(super) const P14: Evidence = Evidence::Violates(Property::Totality);
    pub(super) const P15: Evidence = Evidence::Violates(Property::ErrorHonesty);
}

/// Every specimen, in the order of the table.
pub fn specimens() -> impl Iterator<Item = &'static Specimen> {
    [
        register::SPECIMENS,
        pairs::SPECIMENS,
        redo::SPECIMENS,
        words::SPECIMENS,
        rows::SPECIMENS,
        blank::SPECIMENS,
        swap::SPECIMENS,
        slots::SPECIMENS,
        trial::SPECIMENS,
        fallback::SPECIMENS,
        device::SPECIMENS,
        stamp::SPECIMENS,
        aim::SPECIMENS,
        refused::SPECIMENS,
        over::SPECIMENS,
        left::SPECIMENS,
        weak::SPECIMENS,
    ]
    .into_iter()
    .flatten()
}

/// The specimen of this name.
pub fn find(name: &str) -> Option<&'static Specimen> {
    specimens().find(|specimen| specimen.name == name)
}
