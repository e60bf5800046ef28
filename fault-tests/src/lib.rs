#![doc = include_str!("../README.md")]

pub mod acknowledged;
pub mod adversary;
pub mod case;
pub mod chip;
pub mod cli;
pub mod conform;
pub mod dump;
pub mod explore;
pub mod input;
pub mod inspect;
pub mod json;
pub mod memory_flash;
pub mod ota;
pub mod output;
pub mod partition_csv;
pub mod power_cuts;
pub mod property;
pub mod solve;
pub mod subject;
pub mod sweep;
pub mod zoo;

pub use power_cuts::{DeviceFlash, PowerCuts, block_on, infallible};
pub use sim_flash::{Level, Profile};
