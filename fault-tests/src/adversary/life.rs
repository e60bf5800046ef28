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
    /// What happens to the device before, while it is off.
    pub(super) outside: Option<Outside>,
    /// The factory-reset pin is held.
    pub(super) reset_pin: bool,
    /// It wakes from deep sleep: no pin counts.
    pub(super) wakes: bool,
    /// The flash refuses something, with the power on.
    pub(super) refuses: Option<Refuses>,
    /// How weak bits read.
    pub(super) reading: Reading,
    /// What the application calls, one after the other.
    pub(super) calls: Vec<Call>,
    /// Where the power goes away; where there are fewer operations, it stays.
    pub(super) cut: Option<Cut>,
}

impl Day {
    /// A power-on in which nothing happens.
    pub(super) const IDLE: Self = Self {
        outside: None,
        reset_pin: false,
        wakes: false,
        refuses: None,
        reading: Reading::ZERO,
        calls: Vec::new(),
        cut: None,
    };

    /// Whether the bootloader is to reset the device.
    pub(super) const fn resets(&self) -> bool {
        self.reset_pin && !self.wakes
    }
}

/// An operation that fails, is reported, and leaves things as they were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refuses {
    /// The operation of otadata with this number, from 1 on.
    Otadata(u32),
    /// Each erase of the data that a reset is to wipe.
    Data,
}

/// What happens to a device while it is off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outside {
    /// A few bytes of the slot rot.
    Rot(Slot),
    /// A cable flashes this image into the slot; otadata stays.
    Cable { to: Slot, image: usize },
    /// `otatool.py erase_otadata`.
    EraseOtadata,
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
    /// Two downloads that are open at a time; the first one ends first.
    Two { first: usize, second: usize },
    /// Half a download, `invalidate_inactive_otadata_slot`, and the other half without its `end`.
    Interrupted { image: usize },
    /// The second part of an image is written with an offset, then as if it came next; the first part never is.
    Offsets,
    /// A download that `end` copies to this slot.
    Copy { to: Aim, image: usize },
    /// What the documentation says is refused.
    Misuse(Misuse),
}

/// A call that must be refused, while the next slot is open in an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misuse {
    /// `begin` of the same slot.
    BeginTwice,
    /// `write_with_offset` where nothing is erased yet.
    OffsetWhileSequential,
    /// `write` before the last step of the erase.
    WriteBeforeErased,
    /// `write` under a handle that was given up, while another one is open.
    StaleHandle,
    /// `set_boot_partition` of the slot, whole as it is.
    SetBootWhileOpen,
    /// `end` of a download without a byte.
    EndOfNothing,
    /// `write` of what is no image.
    Magic,
    /// `write` past the end of the slot.
    PastTheEnd,
    /// `resume` inside a part that is noted.
    ResumeMidPart,
    /// `resume` behind what is noted.
    ResumeAhead,
    /// `set_final_partition` to the slot that runs.
    CopyOntoWhatRuns,
}

impl Misuse {
    pub(super) const ALL: [Self; 11] = [
        Self::BeginTwice,
        Self::OffsetWhileSequential,
        Self::WriteBeforeErased,
        Self::StaleHandle,
        Self::SetBootWhileOpen,
        Self::EndOfNothing,
        Self::Magic,
        Self::PastTheEnd,
        Self::ResumeMidPart,
        Self::ResumeAhead,
        Self::CopyOntoWhatRuns,
    ];
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
