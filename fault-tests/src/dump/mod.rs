//! A real device's flash dump as a subject: what could a power cut have done to it?
//!
//! The device boots once, undisturbed, and the application that runs then makes one [`Call`]; or it
//! only boots. The power is cut everywhere within that call and within the boots after it. Nothing
//! is known of what the images in the dump do, so after the call they do nothing: no image confirms
//! itself or updates itself.
//!
//! What is allowed is what the same device does without a cut, its fault-free [`Twin`]: what boots
//! before the call, or what boots after it; after the call returned Ok only the latter.

mod call;
mod device;
mod file;
mod promise;
mod report;
mod setup;

pub use call::Call;
pub use device::DumpDevice;
pub use promise::{Twin, World};
pub use report::{DumpReport, Outcome, sweep};
pub use setup::{DumpError, DumpOptions, DumpSetup};

use crate::property::Property;

/// Whether `property` is judged of a dump's device: nothing is known of what its images would do.
pub const fn judges(property: Property) -> bool {
    matches!(
        property,
        Property::NoBrick
            | Property::AtomicSwitch
            | Property::Durability
            | Property::RecoveryIdempotence
            | Property::BoundedWear
            | Property::Containment
            | Property::PublishOrder
            | Property::Totality
    )
}
