//! Why a boot comes to nothing.

use core::fmt;

use super::{Selection, Tried, decision};
use crate::error::EspErr;
use crate::otadata::MIN_SIZE;
use crate::partition::table::TableError;

/// No slot runs. The device resets and tries again, forever: with the same flash contents it comes
/// to the same end (only a selection that aborted an image can come to another).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box the list of candidates on"
)]
pub enum BootError<E> {
    /// The flash failed to read the table or otadata.
    Flash(E),
    /// The partition table is refused.
    Table(TableError),
    /// The otadata partition does not hold two sectors.
    OtadataTooSmall {
        /// Its size in bytes.
        size: u32,
    },
    /// The test-app pin is held, and there is no test partition.
    NoTestPartition,
    /// Every candidate was refused.
    NothingBootable {
        /// What the boot started from.
        selection: Selection,
        /// Each candidate with the reason; empty if the table has none.
        tried: Tried,
    },
}

impl<E> BootError<E> {
    /// The reference has no value for these (it resets); this is what the failed step of it
    /// returns.
    #[must_use]
    pub fn esp_err(&self) -> EspErr {
        match self {
            Self::Table(error) => error.esp_err(),
            Self::NoTestPartition => EspErr::NOT_FOUND,
            Self::Flash(_) | Self::OtadataTooSmall { .. } | Self::NothingBootable { .. } => {
                EspErr::FAIL
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Display for BootError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "nothing boots: the flash failed: {error:?}"),
            Self::Table(error) => write!(f, "nothing boots: the partition table: {error}"),
            Self::OtadataTooSmall { size } => write!(
                f,
                "nothing boots: otadata has 0x{size:x} bytes, 0x{MIN_SIZE:x} are needed"
            ),
            Self::NoTestPartition => {
                f.write_str("nothing boots: the test-app pin is held and there is no test image")
            }
            Self::NothingBootable { selection, tried } => {
                f.write_str("nothing boots")?;
                decision::story(
                    f,
                    selection.reason,
                    selection.start,
                    selection.entries.as_ref(),
                )?;
                tried.fmt(f)?;
                decision::aftermath(f, &selection.changed, selection.wipe)
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for BootError<E> {}
