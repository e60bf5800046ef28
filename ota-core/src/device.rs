//! The short way: a device as data, and an update in five calls.
//!
//! [`Device`] says once what the bootloader and the application must agree on: the chip, the size of the flash, where
//! the partition table is, how often a new image may be started. [`Device::boot`] is the bootloader, [`Ota`] the
//! application's side, both under the [hardened policy](crate::hardened); [`Memory`] is all the RAM that either needs.
//!
//! ```
//! use embedded_storage::nor_flash::NorFlash;
//! use ota_core::device::{Device, Error, Memory, Ota};
//! use ota_core::update::ImageSize;
//! use ota_core::Slot;
//!
//! const DEVICE: Device = Device::esp32c3(4 << 20);
//!
//! fn update<F: NorFlash>(flash: F, running: Slot, image: &[u8]) -> Result<(), Error<F::Error>> {
//!     let mut memory = Memory::new();
//!     let mut ota = Ota::open(flash, DEVICE, running, &mut memory)?;
//!     ota.confirm()?; // this image works: it is not gone back from any more
//!     let mut update = ota.begin(ImageSize::Unknown)?;
//!     for chunk in image.chunks(1024) {
//!         update.write(chunk)?;
//!     }
//!     update.finish()?.boot_next() // verified, then chosen; the caller restarts
//! }
//! ```
//!
//! An image that does not verify is an error of [`Update::finish`], and what ran before it stays chosen.
//!
//! # Which slot runs
//!
//! The application has to know where it runs from, as otadata only says what was chosen: after a fallback that is another
//! slot. Two ways lead there:
//!
//! - the bootloader hands it over: [`Device::boot`] returns the slot in its [`Decision`], which RTC memory or a register
//!   keeps for the application;
//! - the application asks the MMU: the flash address that any address of its own code is mapped to lies in the partition
//!   that runs (`esp_ota_get_running_partition` does it so). [`Running::At`] takes that address.

mod ota;
mod update;

use core::fmt;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError};

pub use ota::Ota;
pub use update::{Ready, Update};

use crate::EspErr;
use crate::boot::{BootConfig, BootInputs};
use crate::chip::{self, Chip};
use crate::efuse::NoSecureVersion;
use crate::hardened::{self, BootError, Decision, Log};
use crate::image::{Target, UnsignedVerifier};
use crate::partition::{Slot, TABLE_LEN, TableError};
use crate::update::{AppConfig, OtaError};

/// What bootloader and application must agree on.
///
/// New images start on trial: the application that runs calls [`Ota::confirm`], or the next boot but those that
/// [`with_attempts`](Self::with_attempts) allows goes back to the image before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    target: Target,
    flash_size: u32,
    table_offset: u32,
    attempts: u8,
    on_trial: bool,
    log: Log,
    flash_encryption: bool,
}

macro_rules! chips {
    ($($name:ident $chip:ident $text:literal),* $(,)?) => {
        /// One constructor for each chip of ESP-IDF; the size of the flash is in bytes.
        impl Device {
            $(
                #[doc = concat!("A device with an ", $text, " and so many bytes of flash.")]
                #[must_use]
                pub const fn $name(flash_size: u32) -> Self {
                    Self::new(&chip::$chip, flash_size)
                }
            )*
        }
    };
}

chips! {
    esp32 ESP32 "ESP32",
    esp32s2 ESP32S2 "ESP32-S2",
    esp32s3 ESP32S3 "ESP32-S3",
    esp32c2 ESP32C2 "ESP32-C2",
    esp32c3 ESP32C3 "ESP32-C3",
    esp32c5 ESP32C5 "ESP32-C5",
    esp32c6 ESP32C6 "ESP32-C6",
    esp32c61 ESP32C61 "ESP32-C61",
    esp32h2 ESP32H2 "ESP32-H2",
    esp32h21 ESP32H21 "ESP32-H21",
    esp32h4 ESP32H4 "ESP32-H4",
    esp32p4 ESP32P4 "ESP32-P4",
    esp32s31 ESP32S31 "ESP32-S31",
}

impl Device {
    /// A device with this chip and so many bytes of flash: the partition table at 0x8000 with its MD5 row, new images on
    /// trial and started once, the [default log](Log::DEFAULT), no flash encryption.
    #[must_use]
    pub const fn new(chip: &'static Chip, flash_size: u32) -> Self {
        let target = Target::new(chip);
        let AppConfig { table_offset, .. } = AppConfig::new(target, flash_size);
        Self {
            target,
            flash_size,
            table_offset,
            attempts: 1,
            on_trial: true,
            log: Log::DEFAULT,
            flash_encryption: false,
        }
    }

    /// The same, with the partition table at this flash address (`CONFIG_PARTITION_TABLE_OFFSET`).
    #[must_use]
    pub const fn with_table_at(mut self, offset: u32) -> Self {
        self.table_offset = offset;
        self
    }

    /// The same, where a new image is started up to `attempts` times (1 to [`hardened::Ota::MOST_ATTEMPTS`]) before the
    /// bootloader goes back.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same, where a new image counts as confirmed as soon as it is chosen: nothing goes back from it but a failure to
    /// verify.
    #[must_use]
    pub const fn without_trials(mut self) -> Self {
        self.on_trial = false;
        self
    }

    /// The same, judging images for these revisions of the chip (major × 100 + minor), or with other MMU pages.
    #[must_use]
    pub const fn with_target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The same, with a log of another length.
    #[must_use]
    pub const fn with_log(mut self, log: Log) -> Self {
        self.log = log;
        self
    }

    /// The same, on a flash that encrypts: images are programmed in blocks of 16 bytes, and otadata is read as
    /// [what an encrypted one is](hardened#flash-encryption). The encryption itself is the flash's.
    #[must_use]
    pub const fn with_flash_encryption(mut self) -> Self {
        self.flash_encryption = true;
        self.log = self.log.encrypted();
        self
    }

    /// What the calls of [`update`](crate::update) and [`hardened`] take: the application's side of this device.
    #[must_use]
    pub const fn app_config(&self) -> AppConfig {
        AppConfig {
            rollback: self.on_trial,
            table_offset: self.table_offset,
            flash_encryption: self.flash_encryption,
            ..AppConfig::new(self.target, self.flash_size)
        }
    }

    /// What the calls of [`boot`](mod@crate::boot) and [`hardened::boot`] take: the bootloader's side of this device.
    #[must_use]
    pub const fn boot_config(&self) -> BootConfig {
        BootConfig {
            rollback: self.on_trial,
            table_offset: self.table_offset,
            ..BootConfig::new(self.flash_size)
        }
    }

    /// The bootloader: which slot runs, and why. No pin is held, images need no signature, and eFuse counts no versions;
    /// [`hardened::boot`] takes all of these.
    ///
    /// # A power cut in it
    ///
    /// As in [`hardened::boot`]: the next boot runs the same slot, and an image on trial is not started more often than it
    /// may be.
    ///
    /// # Errors
    ///
    /// [`BootError`]: the table cannot be used, the flash fails, or no image verifies.
    #[expect(
        clippy::result_large_err,
        reason = "the list of refused candidates is the point of the error"
    )]
    pub fn boot<F: NorFlash>(
        &self,
        flash: &mut F,
        memory: &mut Memory,
    ) -> Result<Decision, BootError<F::Error>> {
        let Memory { table, buffer } = memory;
        hardened::boot(
            flash,
            &mut UnsignedVerifier::over(self.target, buffer),
            &mut NoSecureVersion,
            &self.boot_config(),
            self.log,
            &BootInputs::default(),
            table,
        )
    }
}

/// The RAM that an update needs: the partition table, and what an image is verified in. 3.3 KiB.
#[derive(Clone, Debug)]
pub struct Memory {
    table: [u8; TABLE_LEN],
    buffer: [u8; UnsignedVerifier::MIN_BUFFER],
}

impl Memory {
    /// Memory with nothing in it yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            table: [0; TABLE_LEN],
            buffer: [0; UnsignedVerifier::MIN_BUFFER],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the application runs from: see [which slot runs](self#which-slot-runs).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Running {
    /// In this slot.
    Slot(Slot),
    /// At this flash address, which lies in its partition.
    At(u32),
}

impl From<Slot> for Running {
    fn from(slot: Slot) -> Self {
        Self::Slot(slot)
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "{slot}"),
            Self::At(address) => write!(f, "flash address 0x{address:x}"),
        }
    }
}

/// Why a call failed. [`OtaError`] and [`TableError`] become one with `?`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The flash failed. Nothing was done to it afterwards.
    Flash(E),
    /// The partition table cannot be used.
    Table(TableError),
    /// The table has no app partition there, so this is not where the application runs.
    NotInTable(Running),
    /// The table has no second OTA slot to take an update.
    NoOtherSlot,
    /// The call was refused.
    Refused(OtaError<E>),
}

/// A result of a call on flash `F`.
type Outcome<T, F> = Result<T, Error<<F as ErrorType>::Error>>;

impl<E> From<OtaError<E>> for Error<E> {
    fn from(error: OtaError<E>) -> Self {
        match error {
            OtaError::Flash(error) => Self::Flash(error),
            refused => Self::Refused(refused),
        }
    }
}

impl<E> From<TableError> for Error<E> {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl<E: NorFlashError> Error<E> {
    /// The value that ESP-IDF returns in this place.
    pub fn esp_err(&self) -> EspErr {
        match self {
            Self::Flash(error) => EspErr::of_flash(error),
            Self::Table(error) => error.esp_err(),
            Self::NotInTable(_) | Self::NoOtherSlot => EspErr::NOT_FOUND,
            Self::Refused(error) => error.esp_err(),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Table(error) => write!(f, "the partition table cannot be used: {error}"),
            Self::NotInTable(running) => {
                write!(f, "the partition table has no application at {running}")
            }
            Self::NoOtherSlot => f.pad("the partition table has no second slot for an update"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}

#[cfg(test)]
mod tests;
