//! Any flash code under test in ten lines: what is found, how it is told, and what is kept.

// The code under test counts to three.
#![allow(clippy::cast_possible_truncation)]

mod adapters;
mod first_contact;
mod judged;
mod kept;

use std::path::PathBuf;

/// An empty folder for the cases of a test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("power_cuts")
        .join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}
