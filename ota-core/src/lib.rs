#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod boot;
pub mod chip;
pub mod device;
pub mod efuse;
pub mod error;
pub mod flash;
pub mod hardened;
pub mod image;
pub mod otadata;
pub mod partition;
pub mod update;

mod commit;
#[cfg(test)]
mod ram;
mod wire;

pub use chip::Chip;
pub use error::EspErr;
pub use flash::Region;
pub use partition::{Partition, PartitionTable, Slot};
