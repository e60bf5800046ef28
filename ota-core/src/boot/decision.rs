//! What the bootloader decided, in full: field engineers ask "why this slot".

use core::fmt;

use embedded_storage::nor_flash::NorFlashErrorKind;

use super::{Tried, Wipe};
use crate::image::ImageMetadata;
use crate::otadata::{Entry, OtaState};
use crate::partition::{Partition, Slot};

/// The candidate that is tried first: the reference's boot index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Start {
    /// Index -1: factory, then every OTA slot from 0 up, then test.
    Factory,
    /// An OTA slot, then those below it down to factory, then those above it, then test. The
    /// number can exceed 15 in a table with duplicate rows; no partition answers to it then.
    Ota(u32),
    /// Index -2: the test image and nothing else.
    Test,
}

impl Start {
    /// The reference's number: -2 for test, -1 for factory, otherwise the slot.
    #[must_use]
    pub const fn index(self) -> i64 {
        match self {
            Self::Test => -2,
            Self::Factory => -1,
            Self::Ota(index) => index as i64,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory => f.pad("factory"),
            Self::Ota(index) => write!(f, "ota_{index}"),
            Self::Test => f.pad("test"),
        }
    }
}

/// Why the boot starts at its [`Start`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The table has no otadata.
    NoOtadata,
    /// The table has no OTA slot.
    NoOtaSlots,
    /// Neither entry may select: each is erased, INVALID or ABORTED, whatever its CRC.
    ///
    /// Factory is the default; without it `ota_0`, even if that is the very image that was
    /// refused.
    BothInvalid,
    /// Anti-rollback: both entries are erased or have a wrong CRC. Every slot is tried.
    NeverUsed,
    /// The entry `entry` is active.
    ActiveEntry {
        /// Index of the entry: 0 or 1.
        entry: usize,
        /// Its sequence number.
        seq: u32,
        /// Its state as it was found.
        state: OtaState,
    },
    /// No entry is active, yet not both are [invalid](Entry::is_invalid): at least one has a wrong
    /// CRC, or (anti-rollback) names an image that is too old. Every slot is tried, factory first.
    ///
    /// otadata is not repaired.
    NoActiveEntry,
    /// The test-app pin was held.
    TestPin,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOtadata => f.pad("there is no otadata"),
            Self::NoOtaSlots => f.pad("the table has no OTA slot"),
            Self::BothInvalid => f.pad("neither otadata entry may select a slot"),
            Self::NeverUsed => f.pad("otadata was never used"),
            Self::ActiveEntry { entry, seq, state } => {
                write!(f, "otadata entry {entry} (seq {seq}, {state}) is active")
            }
            Self::NoActiveEntry => f.pad("no otadata entry is active"),
            Self::TestPin => f.pad("the test-app pin is held"),
        }
    }
}

/// Why an entry was rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    /// `PENDING_VERIFY` became ABORTED: the image was booted before and never confirmed.
    Aborted,
    /// NEW became `PENDING_VERIFY`: the image is about to be booted for the first time.
    Pending,
    /// otadata was never used and there is no factory: entry 0 now names the slot that runs.
    FirstBoot,
}

/// One rewrite of an entry: an erase and a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Index of the entry and of its sector: 0 or 1.
    pub sector: usize,
    /// Why.
    pub kind: ChangeKind,
    /// What the flash said. The boot goes on either way.
    pub outcome: Result<(), NorFlashErrorKind>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ChangeKind::Aborted => "PENDING_VERIFY to ABORTED",
            ChangeKind::Pending => "NEW to PENDING_VERIFY",
            ChangeKind::FirstBoot => "written for the first time",
        };
        write!(f, "otadata entry {}: {what}", self.sector)?;
        match self.outcome {
            Ok(()) => Ok(()),
            Err(kind) => write!(f, ", but the flash failed: {kind}"),
        }
    }
}

/// The rewrites of one boot, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changes {
    list: [Option<Change>; Self::CAPACITY],
}

impl Changes {
    /// The most rewrites in one boot: three in each of the two selections that a factory reset
    /// takes, and the first-boot entry.
    pub const CAPACITY: usize = 7;

    pub(super) const NONE: Self = Self {
        list: [None; Self::CAPACITY],
    };

    pub(super) fn push(&mut self, change: Change) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(change);
        }
    }

    /// Each rewrite, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.list.iter().flatten()
    }

    /// Whether otadata was left alone.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let [first, ..] = &self.list;
        first.is_none()
    }
}

/// What [`select_boot_partition`](super::select_boot_partition) found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The candidate to try first.
    pub start: Start,
    /// Why that one.
    pub reason: Reason,
    /// The entries as they were found, before anything was rewritten; `None` without otadata.
    pub entries: Option<[Entry; 2]>,
    /// Whether the OTA slot that comes to run is to be written to entry 0.
    pub first_boot: bool,
    /// What was rewritten.
    pub changed: Changes,
    /// The factory reset that came before, if there was one.
    pub wipe: Option<Wipe>,
}

impl Selection {
    /// This selection, with the rewrites of the one before it first.
    pub(super) fn after(mut self, earlier: &Self) -> Self {
        let mut changed = earlier.changed;
        for change in self.changed.iter() {
            changed.push(*change);
        }
        self.changed = changed;
        self
    }
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
    /// The candidate that otadata or a pin chose.
    pub selected: Start,
    /// Why that one.
    pub reason: Reason,
    /// Who was refused before it.
    pub tried: Tried,
    /// The entries as they were found; `None` without otadata.
    pub entries: Option<[Entry; 2]>,
    /// What was rewritten on the way.
    pub changed: Changes,
    /// The factory reset on the way, if there was one.
    pub wipe: Option<Wipe>,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "boots {} at 0x{:x} ({} bytes)",
            self.slot, self.partition.offset, self.image.image_len
        )?;
        story(f, self.reason, self.selected, self.entries.as_ref())?;
        self.tried.fmt(f)?;
        aftermath(f, &self.changed, self.wipe)
    }
}

/// `: <reason>, so <start> comes first`, and the entries.
pub(super) fn story(
    f: &mut fmt::Formatter<'_>,
    reason: Reason,
    start: Start,
    entries: Option<&[Entry; 2]>,
) -> fmt::Result {
    write!(f, ": {reason}, so {start} comes first")?;
    for (i, entry) in entries.into_iter().flatten().enumerate() {
        write!(f, "\n  otadata entry {i}: {entry}")?;
    }
    Ok(())
}

/// A line for each change.
pub(super) fn aftermath(
    f: &mut fmt::Formatter<'_>,
    changed: &Changes,
    wipe: Option<Wipe>,
) -> fmt::Result {
    match wipe {
        Some(Wipe::Done) => f.write_str("\n  factory reset: done")?,
        Some(Wipe::Incomplete) => f.write_str("\n  factory reset: not everything was erased")?,
        None => {}
    }
    changed
        .iter()
        .try_for_each(|change| write!(f, "\n  {change}"))
}
