#![doc = include_str!("../README.md")]

pub mod partition_csv;
