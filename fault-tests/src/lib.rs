#![doc = include_str!("../README.md")]

pub mod acknowledged;
pub mod case;
pub mod chip;
pub mod cli;
pub mod conform;
pub mod dump;
pub mod explore;
pub mod input;
pub mod inspect;
pub mod memory_flash;
pub mod ota;
pub mod partition_csv;
pub mod property;
pub mod subject;
pub mod sweep;
pub mod zoo;
