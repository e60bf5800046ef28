//! The hardened policy.
//!
//! # The idea
//!
//! # The protocol
//!
//! # Limits

mod boot;
mod choice;
mod commit;
mod decision;
mod image;
mod layout;
mod ota;
mod read;
mod record;
mod stock;
mod summary;

pub use boot::{Selection, boot, load_boot_image, load_table, select_boot_partition};
pub use choice::Status;
pub use decision::{BootError, Chosen, Decision, Order, Reason, Source};
pub use layout::Log;
pub use ota::Ota;
pub use record::{Appearance, appearance};
pub use stock::Origin;

#[cfg(test)]
mod tests;
