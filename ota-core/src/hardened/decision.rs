//! What the bootloader decided, in full: field engineers ask "why this slot".

use core::fmt;

use embedded_storage::nor_flash::NorFlashErrorKind;

use super::choice::Status;
use super::stock::Origin;
use crate::boot::{Tried, Wipe};
use crate::error::EspErr;
use crate::image::ImageMetadata;
use crate::otadata::MIN_SIZE;
use crate::partition::{Partition, Slot, TableError};

/// Why the slot that runs does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It is chosen and confirmed.
    Confirmed,
    /// It is chosen and on trial; this start is counted.
    Trial {
        /// Which start this is, from 1 on.
        start: u8,
        /// How many there are at most.
        attempts: u8,
    },
    /// The image that was on trial is not to be started again, or not whole: this is what was confirmed
    /// before it.
    RolledBack {
        /// Where the image on trial is.
        from: Slot,
    },
    /// The image that is on trial waits: otadata is not in order, so its start cannot be counted. This is
    /// what was confirmed before it.
    Postponed {
        /// Where the image on trial is.
        trial: Slot,
    },
    /// What is chosen does not boot: the first in the list of what is left that does.
    Fallback,
    /// The table has no otadata: the first in the list that boots.
    NoOtadata,
    /// The test-app pin was held.
    TestPin,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed => f.pad("it is chosen and confirmed"),
            Self::Trial { start, attempts } => {
                write!(f, "it is on trial, start {start} of {attempts}")
            }
            Self::RolledBack { from } => write!(f, "the trial of {from} is over"),
            Self::Postponed { trial } => write!(f, "the trial of {trial} has to wait"),
            Self::Fallback => f.pad("what is chosen does not boot"),
            Self::NoOtadata => f.pad("there is no otadata"),
            Self::TestPin => f.pad("the test-app pin is held"),
        }
    }
}

/// Whether otadata could be put in order. Either way the boot acts on what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// It is in order.
    Kept,
    /// The log is [exhausted](super#a-full-log): nothing was written. An image on trial is not started,
    /// as that could not be counted, and every update call is refused.
    Exhausted,
    /// The flash failed, or no sequence number names the slot: nothing more was written.
    Failed(NorFlashErrorKind),
}

/// What runs, and how it came to that.
///
/// Its `Display` is for people: a line that says what runs and why, then a line for each thing that
/// happened on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The slot that runs.
    pub slot: Slot,
    /// Its partition.
    pub partition: Partition,
    /// Its image.
    pub image: ImageMetadata,
    /// Why that one.
    pub reason: Reason,
    /// What was chosen when the boot began; `None` without otadata.
    pub chosen: Option<Chosen>,
    /// Who was refused before it.
    pub tried: Tried,
    /// Whether otadata is in order.
    pub order: Order,
    /// The factory reset on the way, if there was one. Done, it has chosen the factory image, if it was to and there is one;
    /// whether that boots, the list of who was refused tells.
    pub wipe: Option<Wipe>,
}

/// What otadata said when the boot began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// The slot to boot.
    pub slot: Slot,
    /// Whether it is on trial.
    pub status: Status,
    /// The slot to go back to.
    pub previous: Option<Slot>,
    /// The slot that is being written.
    pub open: Option<Slot>,
    /// Who said so.
    pub source: Source,
}

/// Who says what is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// A record of this policy.
    Record {
        /// Index of its sector: 0 or 1.
        sector: usize,
        /// Its generation.
        generation: u32,
    },
    /// Stock code.
    Stock(Origin),
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Record { sector, generation } => {
                write!(f, "otadata sector {sector} (generation {generation})")?;
            }
            Source::Stock(Origin::Entry { entry }) => write!(f, "otadata entry {entry}")?,
            Source::Stock(Origin::Nothing) => f.write_str("no entry of otadata")?,
        }
        match self.status {
            Status::Confirmed => write!(f, " says {}, confirmed", self.slot)?,
            Status::Trial { started } => {
                write!(f, " says {}, on trial, started {started} times", self.slot)?;
            }
        }
        if let Some(previous) = self.previous {
            write!(f, "; before it {previous}")?;
        }
        if let Some(open) = self.open {
            write!(f, "; {open} is being written")?;
        }
        Ok(())
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "boots {} at 0x{:x} ({} bytes): {}",
            self.slot, self.partition.offset, self.image.image_len, self.reason
        )?;
        aftermath(f, self.chosen.as_ref(), &self.tried, self.order, self.wipe)
    }
}

fn aftermath(
    f: &mut fmt::Formatter<'_>,
    chosen: Option<&Chosen>,
    tried: &Tried,
    order: Order,
    wipe: Option<Wipe>,
) -> fmt::Result {
    if let Some(chosen) = chosen {
        write!(f, "\n  {chosen}")?;
    }
    fmt::Display::fmt(tried, f)?;
    match wipe {
        Some(Wipe::Done) => f.write_str("\n  factory reset: done")?,
        Some(Wipe::Incomplete) => f.write_str("\n  factory reset: not everything was erased")?,
        None => {}
    }
    match order {
        Order::Kept => Ok(()),
        Order::Exhausted => {
            f.write_str("\n  the log of otadata is exhausted: every group of it was cut")
        }
        Order::Failed(kind) => write!(f, "\n  otadata could not be written: {kind}"),
    }
}

/// No slot runs. The device resets and tries again, forever.
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
        chosen: Option<Chosen>,
        /// Each candidate with the reason; empty if the table has none.
        tried: Tried,
    },
}

impl<E> BootError<E> {
    /// The same values as those of the stock policy's [`BootError`](crate::boot::BootError).
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
            Self::NothingBootable { chosen, tried } => {
                f.write_str("nothing boots")?;
                aftermath(f, chosen.as_ref(), tried, Order::Kept, None)
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for BootError<E> {}
