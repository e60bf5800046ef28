#![doc = include_str!("../README.md")]

pub mod conform;
pub mod input;
pub mod inspect;
pub mod memory_flash;
pub mod partition_csv;
