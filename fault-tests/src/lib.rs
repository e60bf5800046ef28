#![doc = include_str!("../README.md")]

pub mod case;
pub mod chip;
pub mod explore;
pub mod partition_csv;
pub mod property;
pub mod subject;
