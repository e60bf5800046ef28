//! Why a flash access of a subject fails.

use std::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};
use sim_flash::FlashError;

/// Flash accesses after which one power-on counts as a hang.
///
/// The longest honest power-on in the scenarios, a download of 1 MiB, makes
/// some 10,000; a device that loops makes any number.
pub const ACCESS_LIMIT: u64 = 4_000_000;

/// Why a flash access failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChipError {
    /// The power is gone: nothing was done and nothing will be.
    PowerLost,
    /// The power-on has made [`ACCESS_LIMIT`] accesses: it counts as a hang.
    Hang,
    /// The chip refused the operation.
    Refused(FlashError),
}

impl ChipError {
    /// Whether the device must let go at once (no power, or stopped as a hang).
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl fmt::Display for ChipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerLost => f.write_str("the power is gone"),
            Self::Hang => write!(
                f,
                "stopped after {ACCESS_LIMIT} flash accesses in one power-on"
            ),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChipError {}

impl NorFlashError for ChipError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerLost | Self::Hang => NorFlashErrorKind::Other,
            Self::Refused(error) => error.kind(),
        }
    }
}

impl From<FlashError> for ChipError {
    fn from(error: FlashError) -> Self {
        match error {
            FlashError::PowerLost => Self::PowerLost,
            other => Self::Refused(other),
        }
    }
}
