//! The bytes of otadata under the hardened policy, read and written by this module alone.
//!
//! Each of the two sectors of otadata has 4096 bytes, in 128 rows of 32 bytes:
//!
//! ```text
//! row    0 | 1 .. 4            | 5 .. 94                       | 95 .. 126 | 127
//!   entry  | generation header | 30 groups of claim, decision, | progress  | given
//!   (stock)|                   | seal                          |           | up
//! ```
//!
//! - [`sector`] says which row holds which of these;
//! - [`record`] parses and emits one row of the log;
//! - [`generation_header`] holds what a generation begins with, in four records;
//! - [`boot_state`] is what is chosen, and the payload of a decision;
//! - [`stock_entry`] is the entry of row 0, which stock code reads.

pub mod boot_state;
pub mod generation_header;
pub mod record;
pub mod sector;
pub mod stock_entry;
