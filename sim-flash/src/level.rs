//! Contract levels: how badly a cut may behave.

use std::fmt;
use std::str::FromStr;

use crate::fault::Failure;
use crate::profile::Profile;
use crate::tear::Tear;

/// How badly a loss of power may behave. Each level allows all that the levels below it allow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Level {
    /// An operation happens whole or not at all.
    L0,
    /// An operation stops after some byte: a program, the zeroing of an erase (from the start), or the rise of what was
    /// there to 1 (from either end).
    L1,
    /// Any subset of the bits that had to change did change; all cells are stable. An erase leaves them as they were, zeroed
    /// or risen, row by row and bit by bit.
    L2,
    /// Also weak bits, those that were under way among them, and a cut erase leaves anything.
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

impl Level {
    /// Whether a cut may leave this tear behind.
    pub fn allows(self, tear: Tear) -> bool {
        tear.level() <= self
    }

    /// Whether a failure with the power on may occur. Failures of the chip itself are in no contract: they are allowed at
    /// every level, where they are scripted.
    pub fn allows_failure(self, failure: &Failure) -> bool {
        failure.level().is_none_or(|level| level <= self)
    }
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

/// A level together with what re-programming does to weak bits: every guarantee names both.
///
/// `L3` heals; `L3-noheal` is the stricter contract in which only an erase makes a weak cell solid (Infineon KBA218817
/// trusts no re-program).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Contract {
    /// How badly a cut may behave.
    pub level: Level,
    /// Whether programming a weak bit to 0, to completion, makes it solid.
    pub reprogram_heals: bool,
}

impl Contract {
    /// The contract of this level on this chip, whose rules say whether re-programming heals.
    pub fn on<G>(level: Level, profile: &Profile<G>) -> Self {
        Contract {
            level,
            reprogram_heals: profile.rules().reprogram_heals,
        }
    }
}

impl From<Level> for Contract {
    /// The usual contract of a level, in which re-programming heals.
    fn from(level: Level) -> Self {
        Contract {
            level,
            reprogram_heals: true,
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.level,
            if self.reprogram_heals { "" } else { "-noheal" }
        )
    }
}

impl FromStr for Contract {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (level, reprogram_heals) = match text.strip_suffix("-noheal") {
            Some(level) => (level, false),
            None => (text, true),
        };
        let level = level.parse().map_err(|_| ParseLevelError {
            text: text.to_owned(),
        })?;
        Ok(Contract {
            level,
            reprogram_heals,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_have_names() {
        for level in Level::ALL {
            for reprogram_heals in [true, false] {
                let contract = Contract {
                    level,
                    reprogram_heals,
                };
                assert_eq!(contract.to_string().parse(), Ok(contract));
            }
        }
        let refused = "L7-noheal".parse::<Contract>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "\"L7-noheal\" is not a contract level; L0, L1, L2, L3, L4 and L5 are"
        );
    }

    #[test]
    fn each_level_allows_what_the_milder_ones_do() {
        let brown_out = Failure::Silent(Tear::P0);
        assert!(!Level::L4.allows_failure(&brown_out) && Level::L5.allows_failure(&brown_out));
        assert!(Level::L0.allows_failure(&Failure::Read));
        assert!(
            !Level::L0.allows(Tear::P1(3))
                && Level::L1.allows(Tear::P1(3))
                && Level::L5.allows(Tear::P1(3))
        );
    }
}
