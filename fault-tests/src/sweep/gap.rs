//! Why the files of shards do not make a sweep.

use std::fmt;
use std::path::PathBuf;

use super::shard::Shard;
use crate::input;

/// Why files put together conclude nothing.
#[derive(Debug, thiserror::Error)]
pub enum Gap {
    /// A file that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] input::InputError),
    /// A file that is not what a shard writes.
    #[error(
        "{}, line {line}: {why}, expected what `brownout sweep --shard` writes",
        crate::inspect::shown::path(file)
    )]
    NotAShard {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A file that another version of the command wrote.
    #[error(
        "{}: written by version {found}, expected {expected}, which this is",
        crate::inspect::shown::path(file)
    )]
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// The version that wrote it.
        found: String,
        /// The version of this command.
        expected: &'static str,
    },
    /// A file whose end is missing.
    #[error(
        "{} (shard {shard}): found {found} units and no end, the shard failed or its file is truncated",
        crate::inspect::shown::path(file)
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Its shard.
        shard: Shard,
        /// Units in it.
        found: usize,
    },
    /// A shard of another sweep.
    #[error(
        "{} (shard {shard}): found {difference} as in {}",
        crate::inspect::shown::path(file),
        crate::inspect::shown::path(like)
    )]
    OtherSweep {
        /// The file.
        file: PathBuf,
        /// Its shard.
        shard: Shard,
        /// What differs.
        difference: Box<Difference>,
        /// The first file.
        like: PathBuf,
    },
    /// A shard that is there twice.
    #[error(
        "{}: shard {shard} is there already, in {}",
        crate::inspect::shown::path(file),
        crate::inspect::shown::path(first)
    )]
    Duplicate {
        /// The second file.
        file: PathBuf,
        /// The shard.
        shard: Shard,
        /// The first file.
        first: PathBuf,
    },
    /// A shard that is not there.
    #[error("shard {0} is missing")]
    Missing(Shard),
    /// A file with other units than its shard has.
    #[error(
        "{} (shard {shard}): found the units {found:?}, expected {expected:?}",
        crate::inspect::shown::path(file)
    )]
    OtherUnits {
        /// The file.
        file: PathBuf,
        /// The shard.
        shard: Shard,
        /// The units in it.
        found: Vec<usize>,
        /// The units that it should hold.
        expected: Vec<usize>,
    },
}

/// In what two sweeps differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// An option, or the version of the command.
    pub key: String,
    /// What it is here.
    pub found: String,
    /// What it is in the first file.
    pub expected: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            found,
            expected,
        } = self;
        write!(f, "{key} {found}, expected {expected}")
    }
}
