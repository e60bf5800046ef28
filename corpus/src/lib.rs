#![doc = include_str!("../README.md")]
#![no_std]

mod cases;
mod images;
mod signed;
mod tables;
mod vectors;

pub use cases::{CASES, Case, case};
pub use images::{IMAGES, Image, Sections, image};
pub use signed::{SIGNED, Signed, signed};
pub use tables::{TABLES, Table, Verdict, table};
pub use vectors::{VectorFile, vectors};
