//! The first exhibit: a device that updates itself with `ota-core`.
//!
//! [`Device`] is the subject: bootloader, then whichever application the boot
//! chose, which confirms itself or not and downloads the next version.
//! [`Scenario`] names a device, its starting flash and what its server offers.
//! [`World`] holds the device's promises, and judges each boot by them.

mod application;
mod caller;
mod course;
mod device;
mod errand;
mod firmware;
mod flash_map;
pub(crate) mod image_header;
mod life;
pub mod made;
pub mod marks;
mod scenario;
mod setup;
mod twin;
mod world;

pub(crate) use application::name_of;
pub use course::{Course, Outcome, Plan};
pub(crate) use device::learned_with_invalid;
pub(crate) use device::unverified_pointer;
pub use device::{Bootloader, Device, SelfTest, Verifier, Writing, stock_bootloader};
pub use errand::{Aim, Errand, Step};
pub use firmware::{Firmware, ImageId};
pub(crate) use flash_map::FlashMap;
pub use scenario::{ON_DEMAND, SCENARIOS, Scenario, find};
pub use setup::{Inputs, NotApplicable, Setup};
pub use world::{Promise, Promises, World};
