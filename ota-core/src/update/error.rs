//! What an update call can come back with.

use core::fmt;

use embedded_storage::nor_flash::NorFlashError;

use crate::efuse::SecureVersionError;
use crate::error::EspErr;
use crate::image::{DescError, VerifyError, bootloader_desc};
use crate::otadata::NextError;
use crate::partition::TableError;

/// An access that does not fit its partition. Offsets count from the start of the partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeError {
    /// The partition is read-only.
    ReadOnly,
    /// It starts past the end of the partition.
    Start {
        /// Where it starts.
        offset: u32,
        /// Size of the partition.
        size: u32,
    },
    /// It ends past the end of the partition.
    Length {
        /// Where it starts.
        offset: u32,
        /// Size of the partition.
        size: u32,
    },
    /// An erase of a part of a sector.
    LengthInSectors {
        /// Its length.
        len: u32,
    },
    /// An erase that starts inside a sector.
    StartInSectors {
        /// Where it starts.
        offset: u32,
    },
    /// The partition itself runs past the last address.
    OutsideFlash {
        /// Where the access starts.
        offset: u32,
    },
}

impl RangeError {
    /// The value of `esp_partition_read`, `_write`, `_erase_range`.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::ReadOnly => EspErr::NOT_ALLOWED,
            Self::Length { .. } | Self::LengthInSectors { .. } => EspErr::INVALID_SIZE,
            Self::Start { .. } | Self::StartInSectors { .. } | Self::OutsideFlash { .. } => {
                EspErr::INVALID_ARG
            }
        }
    }
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly => f.pad("the partition is read-only"),
            Self::Start { offset, size } => write!(
                f,
                "0x{offset:x} is past the end of a partition of 0x{size:x} bytes"
            ),
            Self::Length { offset, size } => write!(
                f,
                "from 0x{offset:x} it does not fit a partition of 0x{size:x} bytes"
            ),
            Self::LengthInSectors { len } => {
                write!(f, "0x{len:x} bytes to erase are not whole sectors")
            }
            Self::StartInSectors { offset } => {
                write!(f, "0x{offset:x} is not the start of a sector")
            }
            Self::OutsideFlash { offset } => write!(
                f,
                "at 0x{offset:x} the partition is past the last flash address"
            ),
        }
    }
}

impl core::error::Error for RangeError {}

/// Why the entry that is not active is left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inactive {
    /// The table has no otadata.
    NoOtadata,
    /// No entry is active, or there is no OTA slot.
    NoActiveEntry,
    /// The other entry is erased or its CRC is wrong.
    Blank,
    /// It names a slot that the table has not.
    NoSuchSlot,
    /// It names the running slot.
    Running,
}

impl fmt::Display for Inactive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoOtadata => "there is no otadata",
            Self::NoActiveEntry => "no otadata entry is active",
            Self::Blank => "the inactive otadata entry is blank",
            Self::NoSuchSlot => "the inactive otadata entry names a slot that is not there",
            Self::Running => "the inactive otadata entry names the running slot",
        })
    }
}

/// Why a call of [`Ota`](super::Ota) failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtaError<E> {
    /// The flash failed. Nothing was done to it afterwards.
    Flash(E),
    /// The access does not fit the partition.
    Range(RangeError),
    /// The table has no such partition.
    NotInTable,
    /// An app partition that no image can be staged in: factory, test, or unknown.
    NotStageable,
    /// The partition is the one that runs.
    Running,
    /// The running image is not confirmed yet.
    RunningUnconfirmed,
    /// The partition is open in another update.
    AlreadyInProgress,
    /// All handles are taken.
    NoFreeHandle,
    /// The image cannot resume past the end of its partition.
    ResumeOffset {
        /// Where it would resume.
        offset: u32,
        /// Size of the partition.
        size: u32,
    },
    /// No update is open under this handle (to end, to abort, to give another destination).
    NoSuchHandle,
    /// No update is open under this handle (to write).
    NotOpen,
    /// The destination can only be set before the first write.
    AlreadyWritten {
        /// Bytes written.
        wrote: u32,
    },
    /// The first bytes are not those of such an image.
    Magic {
        /// What it starts with; the second is 0 where one byte decides.
        found: [u8; 2],
    },
    /// Writes in any order need a partition that was erased at once.
    Sequential,
    /// On an encrypted flash, writes in any order come in blocks of 16 bytes.
    NotInBlocks {
        /// Length of the write.
        len: usize,
    },
    /// An update that was opened in steps is not erased yet. In bytes.
    EraseUnfinished {
        /// Erased so far.
        bytes: u32,
        /// To be erased.
        of: u32,
    },
    /// What was programmed reads differently. The byte that does first:
    ReadBack {
        /// Where it is, from the start of the partition.
        offset: u32,
        /// What it is.
        found: u8,
        /// What it should be.
        expected: u8,
    },
    /// Nothing was written.
    NothingWritten,
    /// The last block of an encrypted image could not be programmed.
    Tail(E),
    /// The last block of an encrypted image does not fit.
    TailRange(RangeError),
    /// The image does not verify.
    Image(VerifyError<E>),
    /// The partition table that was written is refused.
    Table(TableError),
    /// Only an app can boot.
    NotAnApp,
    /// Only an app partition has a descriptor of this kind.
    NoDescriptorKind,
    /// Only OTA slots have a state.
    NoState,
    /// The table has no otadata, or one that does not hold two entries.
    NoOtadata,
    /// No entry gives this slot a state.
    StateUnknown,
    /// No entry is active, or there is no OTA slot: what runs is the factory image.
    NoActiveEntry,
    /// No entry can select the slot.
    Next(NextError),
    /// The image has no descriptor to take its secure version from, or none at all.
    Descriptor(DescError<E>),
    /// There is no bootloader descriptor.
    BootloaderDescriptor(bootloader_desc::MagicError),
    /// The image is for another chip.
    WrongChip {
        /// Its chip id.
        found: u16,
        /// This chip's.
        expected: u16,
    },
    /// The chip is older than the image allows. Revisions are major × 100 + minor.
    ChipTooOld {
        /// The oldest revision allowed.
        needs: u16,
        /// The chip's.
        has: u16,
    },
    /// The chip is newer than the image allows. Revisions are major × 100 + minor.
    ChipTooNew {
        /// The newest revision allowed.
        allows: u16,
        /// The chip's.
        has: u16,
    },
    /// The image is built for another SPI flash mode than the running one.
    SpiMode {
        /// Its mode.
        found: u8,
        /// The running image's.
        expected: u8,
    },
    /// The image's secure version is too low. Its partition was erased.
    SmallSecureVersion {
        /// Secure version of the image.
        image: u32,
        /// Secure version of the device.
        device: u32,
    },
    /// The device's secure version could not be read or raised.
    SecureVersion(SecureVersionError),
    /// There is no other image to go back to.
    RollbackImpossible,
    /// The inactive entry is left alone.
    Inactive(Inactive),
    /// [`hardened`](crate::hardened) only: no group is left in the log of otadata, and none of them says
    /// anything. What is chosen stays chosen, and nothing is written any more: see
    /// [a full log](crate::hardened#a-full-log).
    LogExhausted,
    /// `hardened` only: the slot is being written, and no `end` has verified it.
    Unfinished,
    /// `hardened` only: the image verifies and is not the one that `end` verified.
    OtherImage,
    /// `hardened` only: the image's secure version is too low. Nothing was erased.
    TooOld {
        /// Secure version of the image.
        image: u32,
        /// Secure version of the device.
        device: u32,
    },
}

impl<E: NorFlashError> OtaError<E> {
    /// The value that the reference returns in this place.
    pub fn esp_err(&self) -> EspErr {
        match self {
            Self::Flash(error) => EspErr::of_flash(error),
            Self::ReadBack { .. } => EspErr::FLASH_OP_FAIL,
            Self::Range(error) => error.esp_err(),
            Self::NotInTable | Self::NoSuchHandle | Self::NoOtadata | Self::StateUnknown => {
                EspErr::NOT_FOUND
            }
            Self::NotStageable
            | Self::ResumeOffset { .. }
            | Self::NotOpen
            | Self::NotInBlocks { .. }
            | Self::NothingWritten
            | Self::NotAnApp => EspErr::INVALID_ARG,
            Self::Running => EspErr::OTA_PARTITION_CONFLICT,
            Self::RunningUnconfirmed => EspErr::OTA_ROLLBACK_INVALID_STATE,
            Self::AlreadyInProgress => EspErr::OTA_ALREADY_IN_PROGRESS,
            Self::NoFreeHandle => EspErr::NO_MEM,
            Self::AlreadyWritten { .. }
            | Self::Sequential
            | Self::Tail(_)
            | Self::TailRange(_)
            | Self::LogExhausted
            | Self::Unfinished
            | Self::EraseUnfinished { .. } => EspErr::INVALID_STATE,
            Self::Magic { .. } | Self::Image(_) | Self::Table(_) | Self::OtherImage => {
                EspErr::OTA_VALIDATE_FAILED
            }

            Self::NoDescriptorKind | Self::NoState => EspErr::NOT_SUPPORTED,
            Self::NoActiveEntry | Self::Inactive(_) => EspErr::FAIL,
            Self::Next(error) => error.esp_err(),
            Self::Descriptor(error) => error.esp_err(),
            Self::BootloaderDescriptor(error) => error.esp_err(),
            Self::WrongChip { .. } | Self::ChipTooOld { .. } | Self::ChipTooNew { .. } => {
                EspErr::INVALID_VERSION
            }
            Self::SpiMode { .. } => EspErr::OTA_SPI_MODE_MISMATCH,
            Self::SmallSecureVersion { .. } | Self::TooOld { .. } => EspErr::OTA_SMALL_SEC_VER,
            Self::SecureVersion(error) => error.esp_err(),
            Self::RollbackImpossible => EspErr::OTA_ROLLBACK_FAILED,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for OtaError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Range(error) => error.fmt(f),
            Self::NotInTable => f.pad("the partition is not in the table"),
            Self::NotStageable => f.pad("only ota_0 to ota_15 can take a new application"),
            Self::Running => f.pad("the partition is the one that runs"),
            Self::RunningUnconfirmed => f.pad("the running image is not confirmed yet"),
            Self::AlreadyInProgress => f.pad("another update of this partition is open"),
            Self::NoFreeHandle => f.pad("no more updates can be open"),
            Self::ResumeOffset { offset, size } => write!(
                f,
                "cannot resume at 0x{offset:x} of a partition of 0x{size:x} bytes"
            ),
            Self::NoSuchHandle | Self::NotOpen => f.pad("no update is open under this handle"),
            Self::AlreadyWritten { wrote } => write!(
                f,
                "the destination cannot change after {wrote} bytes were written"
            ),
            Self::Magic { found: [a, b] } => write!(
                f,
                "{a:02x} {b:02x} is not how an image for this partition starts"
            ),
            Self::Sequential => {
                f.pad("a sequential update cannot be written at an offset of its own")
            }
            Self::NotInBlocks { len } => write!(
                f,
                "{len} bytes are not blocks of 16, which encrypted flash needs"
            ),
            Self::NothingWritten => f.pad("nothing was written"),
            Self::Tail(error) => write!(f, "the last block was not written: {error:?}"),
            Self::TailRange(error) => write!(f, "the last block was not written: {error}"),
            Self::Image(error) => write!(f, "the image does not verify: {error}"),
            Self::Table(error) => write!(f, "the new partition table is refused: {error}"),
            Self::NotAnApp => f.pad("only an app partition boots"),
            Self::NoDescriptorKind => f.pad("only an app partition has an app descriptor"),
            Self::NoState => f.pad("only ota_0 to ota_15 have a state"),
            Self::NoOtadata => f.pad("there is no otadata partition of two sectors"),
            Self::StateUnknown => f.pad("no otadata entry names this slot"),
            Self::NoActiveEntry => f.pad("no otadata entry is active"),
            Self::Next(error) => error.fmt(f),
            Self::Descriptor(error) => error.fmt(f),
            Self::BootloaderDescriptor(error) => error.fmt(f),
            Self::WrongChip { found, expected } => write!(
                f,
                "the image is for chip id {found}, this chip's id is {expected}"
            ),
            Self::ChipTooOld { needs, has } => write!(
                f,
                "the image needs silicon revision {needs} or later, this is {has}"
            ),
            Self::ChipTooNew { allows, has } => write!(
                f,
                "the image runs on silicon up to revision {allows}, this is {has}"
            ),
            Self::SpiMode { found, expected } => write!(
                f,
                "the image is built for SPI flash mode {found}, the running one for {expected}"
            ),
            Self::SmallSecureVersion { image, device } => write!(
                f,
                "secure version {image} is below the device's {device}; the partition is erased"
            ),
            Self::SecureVersion(error) => error.fmt(f),
            Self::RollbackImpossible => f.pad("there is no other image to go back to"),
            Self::Inactive(error) => error.fmt(f),
            Self::EraseUnfinished { bytes, of } => {
                write!(f, "0x{bytes:x} of 0x{of:x} bytes are erased yet")
            }
            Self::ReadBack {
                offset,
                found,
                expected,
            } => write!(
                f,
                "the byte at 0x{offset:x} was programmed to {expected:02x} and reads {found:02x}"
            ),
            Self::LogExhausted => {
                f.pad("the log of otadata is exhausted: every group of it was cut")
            }
            Self::Unfinished => f.pad("the image was not verified since it was written"),
            Self::OtherImage => f.pad("the image is not the one that was verified"),
            Self::TooOld { image, device } => {
                write!(f, "secure version {image} is below the device's {device}")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for OtaError<E> {}

impl<E> From<RangeError> for OtaError<E> {
    fn from(error: RangeError) -> Self {
        Self::Range(error)
    }
}

impl<E> From<NextError> for OtaError<E> {
    fn from(error: NextError) -> Self {
        Self::Next(error)
    }
}
