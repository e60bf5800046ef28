//! The first exhibit: a device that updates itself with `ota-core`.
//!
//! [`Device`] is the subject: bootloader, then whichever application the boot
//! chose, which confirms itself or not and downloads the next version.
//! [`Scenario`] names a device, its starting flash and what its server offers.
//! [`World`] holds the device's promises, and judges each boot by them.

mod application;
mod caller;
mod company;
mod core;
mod course;
mod device;
mod efuse;
mod entry;
mod errand;
mod firmware;
mod flash_map;
mod hardened;
pub mod honesty;
pub(crate) mod image_header;
mod life;
pub mod made;
pub mod marks;
mod policy;
mod scenario;
mod setup;
mod torn_entry;
pub mod trust;
mod twin;
mod watch;
mod weak_entry;
mod world;

pub(crate) use application::name_of;
pub use course::{Course, Outcome, Plan};
pub use device::{Bootloader, Device, SelfTest, Verifier, Writing, stock_bootloader};
pub(crate) use device::{app_config, entries_of};
pub use efuse::Efuse;
pub(crate) use entry::learned;
pub use errand::{Aim, Errand, Step};
pub use firmware::{Firmware, ImageId};
pub(crate) use flash_map::FlashMap;
pub use hardened::{EXHAUSTED, RENEWED};
pub use policy::{NoPolicy, Policy};
pub use scenario::{ON_DEMAND, SCENARIOS, Scenario, find, find_all};
pub use setup::{Inputs, NotApplicable, Setup};
pub(crate) use watch::watch;
pub use world::{Afresh, Promise, Promises, World};
