#![doc = include_str!("../README.md")]

pub mod device;
pub mod documents;
pub mod exploration;
pub mod limit;
pub mod measure;
pub mod process;
pub mod workload;
pub mod yardstick;
