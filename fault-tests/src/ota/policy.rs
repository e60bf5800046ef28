//! The commit policies that a device can be built with.

use std::fmt;
use std::str::FromStr;

use ota_core::hardened::Log;
use sim_flash::Level;

use crate::property::wear;

/// How a device writes otadata. Its name stands in case ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// `stock`: ESP-IDF's.
    Stock,
    /// `hardened`: ota-core's own; `hardened-G-R` with a log of G groups of which R are kept back, so
    /// that its end is met often.
    Hardened(Log),
    /// `stock-bootloader`: the hardened policy in the application alone, under ESP-IDF's bootloader.
    StockBootloader,
    /// `stock-application`: the hardened policy in the bootloader alone, below an application of ESP-IDF.
    StockApplication,
}

impl Policy {
    /// The log of the bootloader, if that is of the hardened policy.
    pub(super) const fn in_bootloader(self) -> Option<Log> {
        match self {
            Self::Hardened(log) => Some(log),
            Self::StockApplication => Some(Log::DEFAULT),
            Self::Stock | Self::StockBootloader => None,
        }
    }

    /// The log of the application, if that is of the hardened policy.
    pub(super) const fn in_application(self) -> Option<Log> {
        match self {
            Self::Hardened(log) => Some(log),
            Self::StockBootloader => Some(Log::DEFAULT),
            Self::Stock | Self::StockApplication => None,
        }
    }

    /// The level at which a device of this policy is swept where none is asked for: the hardest that the policy is
    /// made for.
    pub const fn level(self) -> Level {
        match self {
            Self::Hardened(_) => Level::L3,
            Self::Stock | Self::StockBootloader | Self::StockApplication => Level::L2,
        }
    }

    /// How often one power-on may erase a sector.
    pub(super) fn wear(self) -> wear::Bound {
        match self.in_bootloader().or(self.in_application()) {
            Some(log) => wear::hardened(log),
            None => wear::STOCK,
        }
    }
}

impl Default for Policy {
    /// Hardened, with the log that devices have.
    fn default() -> Self {
        Self::Hardened(Log::DEFAULT)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock => f.pad("stock"),
            Self::StockBootloader => f.pad("stock-bootloader"),
            Self::StockApplication => f.pad("stock-application"),
            Self::Hardened(log) if *log == Log::DEFAULT => f.pad("hardened"),
            Self::Hardened(log) => write!(f, "hardened-{}-{}", log.groups(), log.reserve()),
        }
    }
}

/// The name is of no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found the policy \"{0}\", expected stock, hardened, hardened-GROUPS-RESERVE, stock-bootloader or stock-application"
)]
pub struct NoPolicy(String);

impl FromStr for Policy {
    type Err = NoPolicy;

    fn from_str(name: &str) -> Result<Self, NoPolicy> {
        let small = || {
            let (groups, reserve) = name.strip_prefix("hardened-")?.split_once('-')?;
            Log::new(groups.parse().ok()?, reserve.parse().ok()?)
        };
        match name {
            "stock" => Ok(Self::Stock),
            "stock-bootloader" => Ok(Self::StockBootloader),
            "stock-application" => Ok(Self::StockApplication),
            "hardened" => Ok(Self::Hardened(Log::DEFAULT)),
            _ => small()
                .map(Self::Hardened)
                .ok_or_else(|| NoPolicy(name.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_one_name() {
        for name in [
            "stock",
            "hardened",
            "hardened-4-2",
            "stock-bootloader",
            "stock-application",
        ] {
            assert_eq!(
                name.parse::<Policy>().map(|p| p.to_string()),
                Ok(name.into())
            );
        }
        for name in ["", "soft", "hardened-", "hardened-4-4", "hardened-31-2"] {
            assert!(name.parse::<Policy>().is_err(), "{name}");
        }
    }
}
