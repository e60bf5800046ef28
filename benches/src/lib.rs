#![doc = include_str!("../README.md")]

pub mod device;
pub mod documents;
pub mod exploration;
pub mod limit;
pub mod measure;
pub mod peers;
pub mod process;
pub mod ratios;
pub mod workload;
pub mod yardstick;
