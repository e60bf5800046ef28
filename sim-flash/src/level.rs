//! Contract levels: how badly a cut may behave.

use std::fmt;
use std::str::FromStr;

/// How badly a loss of power may behave. Each level allows all that the levels below it allow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Level {
    /// An operation happens whole or not at all.
    L0,
    /// A program stops after some byte, an erase while it zeroes cells from the start.
    L1,
    /// Any subset of the bits that had to change did change; all cells are stable.
    L2,
    /// Also weak bits, and a cut erase leaves anything.
    L3,
    /// Also collateral damage within the sector.
    L4,
    /// Also the loss of one arbitrary metadata sector, and operations that brown-out swallows.
    L5,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Level; 6] = [
        Level::L0,
        Level::L1,
        Level::L2,
        Level::L3,
        Level::L4,
        Level::L5,
    ];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A text that names no level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseLevelError {
    text: String,
}

impl fmt::Display for ParseLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not a contract level; L0, L1, L2, L3, L4 and L5 are",
            self.text
        )
    }
}

impl std::error::Error for ParseLevelError {}

impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = Level::ALL
            .into_iter()
            .find(|level| level.to_string() == text);
        level.ok_or_else(|| ParseLevelError {
            text: text.to_owned(),
        })
    }
}
