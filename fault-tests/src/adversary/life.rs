//! A life: a device, and what happens to it in each power-on.

use ota_core::partition::Slot;

use super::device::Device;
use super::reading::Reading;

/// A device's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    pub(super) device: Device,
    pub(super) days: Vec<Day>,
}

/// One power-on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Day {
    /// The factory-reset pin is held.
    pub(super) reset_pin: bool,
    /// How weak bits read.
    pub(super) reading: Reading,
    /// What the application calls, one after the other.
    pub(super) calls: Vec<Call>,
    /// Where the power goes away; where there are fewer operations, it stays.
    pub(super) cut: Option<Cut>,
}

/// A loss of power in an operation of the flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cut {
    pub(super) place: Where,
    /// In which of the operations there, from 1 on.
    pub(super) at: u32,
    /// What it leaves is drawn with this.
    pub(super) seed: u32,
}

/// Which operations a cut counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Where {
    Otadata,
    /// The erases of otadata alone.
    Erases,
    Anywhere,
}

/// A call of the application, or the calls of one download.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// `begin`, `write` and `end`.
    Download {
        to: Aim,
        image: usize,
        room: Room,
        part: Part,
    },
    /// `progress`, `resume`, the rest is written, `end`.
    Resume { to: Aim, image: usize },
    /// `set_boot_partition`.
    SetBoot(Aim),
    /// `mark_app_valid_cancel_rollback`.
    MarkValid,
    /// `mark_app_invalid_rollback`.
    MarkInvalid,
    /// `erase_last_boot_app_partition`.
    EraseLast,
    /// `invalidate_inactive_otadata_slot`.
    Invalidate,
    /// Every call that only reads.
    Ask,
}

/// How a download makes room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    Known,
    Unknown,
    Sequential,
    ByBlock,
    InSteps,
}

impl Room {
    pub(super) const ALL: [Self; 5] = [
        Self::Known,
        Self::Unknown,
        Self::Sequential,
        Self::ByBlock,
        Self::InSteps,
    ];
}

/// How far a download goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// To its `end`.
    Whole,
    /// Half the image is written, and `abort`.
    Half,
    /// All of it is written, and `abort`.
    Aborted,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Whole, Self::Half, Self::Aborted];
}

/// Which slot a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    Slot(Slot),
    /// What [`next_update_partition`](ota_core::hardened::Ota::next_update_partition) says.
    Next,
}
