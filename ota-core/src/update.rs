//! The application's side: download an image, switch to it, confirm it or go back.
//!
//! [`Ota`] is ESP-IDF's `esp_ota_ops` over any NOR flash. Its methods are named as there, without
//! `esp_ota_` and `get_`; they check their arguments in the same order, and each error maps to the
//! same value ([`OtaError::esp_err`]). What is here is the stock behaviour, windows included;
//! source: ESP-IDF `components/app_update/esp_ota_ops.c`.
//!
//! | room | what lives there |
//! |---|---|
//! | `begin` | [`begin`](Ota::begin), [`resume`](Ota::resume), [`set_final_partition`](Ota::set_final_partition), [`abort`](Ota::abort) |
//! | `steps` | [`begin_in_steps`](Ota::begin_in_steps), [`erase_step`](Ota::erase_step): ours, for watchdogs |
//! | `write` | [`write`](Ota::write), [`write_with_offset`](Ota::write_with_offset) |
//! | `end` | [`end`](Ota::end) |
//! | `switch` | [`set_boot_partition`](Ota::set_boot_partition), [`boot_partition`](Ota::boot_partition), [`next_update_partition`](Ota::next_update_partition) |
//! | `confirm` | [`mark_app_valid_cancel_rollback`](Ota::mark_app_valid_cancel_rollback), [`mark_app_invalid_rollback`](Ota::mark_app_invalid_rollback), [`erase_last_boot_app_partition`](Ota::erase_last_boot_app_partition) |
//! | `query` | states and descriptions |
//!
//! # A whole update
//!
//! ```
//! use embedded_storage::nor_flash::NorFlash;
//! use ota_core::boot::{BootConfig, BootError, BootInputs, Decision, boot};
//! use ota_core::efuse::NoSecureVersion;
//! use ota_core::image::{Target, VerifyImage};
//! use ota_core::partition::{PartitionTable, TABLE_LEN};
//! use ota_core::update::{AppConfig, ImageSize, Ota, OtaError};
//! use ota_core::{Partition, chip};
//!
//! const TARGET: Target = Target::new(&chip::ESP32C3);
//! const FLASH_SIZE: u32 = 4 << 20;
//!
//! fn update<F: NorFlash, V: VerifyImage<F>>(
//!     flash: F,
//!     verifier: V,
//!     table: PartitionTable<'_>,
//!     running: Partition,
//!     image: &[u8],
//! ) -> Result<(), OtaError<F::Error>> {
//!     let config = AppConfig { rollback: true, ..AppConfig::new(TARGET, FLASH_SIZE) };
//!     let mut ota: Ota<'_, _, _, _> =
//!         Ota::new(flash, verifier, NoSecureVersion, table, running, config);
//!
//!     let next = ota.next_update_partition(None).ok_or(OtaError::NotInTable)?;
//!     let handle = ota.begin(&next, ImageSize::Unknown)?;
//!     for chunk in image.chunks(1024) {
//!         ota.write(handle, chunk)?;
//!     }
//!     ota.end(handle)?; // verifies it
//!     ota.set_boot_partition(&next) // after the reset: mark_app_valid_cancel_rollback()
//! }
//!
//! /// What runs, and why; or who was refused, and why. Both can be printed.
//! fn reset<F: NorFlash, V: VerifyImage<F>>(
//!     flash: &mut F,
//!     verifier: &mut V,
//! ) -> Result<Decision, BootError<F::Error>> {
//!     let mut table = [0; TABLE_LEN];
//!     let config = BootConfig { rollback: true, ..BootConfig::new(FLASH_SIZE) };
//!     boot(flash, verifier, &mut NoSecureVersion, &config, &BootInputs::default(), &mut table)
//! }
//! ```
//!
//! # What differs from C
//!
//! - Checks for NULL are gone: no argument can be NULL.
//! - Partitions are values and compare by what they say; C compares pointers into its table.
//! - An error that is not the flash's is found before the flash is touched, unless a method says
//!   otherwise. After an error of the flash nothing more is done to it, and the error is returned
//!   at once; the one exception is stated at [`Ota::begin`].
//! - Where C would stop with an assertion, or write a sequence number that selects the wrong slot,
//!   there is an error instead.
//! - Reads stay inside the partition: an otadata partition of less than two sectors counts as none.
//!
//! # The active entry is not the running slot
//!
//! Confirming, refusing and switching act on the *active* otadata entry, as in the reference. After
//! a fallback that is not the entry of the image that runs.

mod begin;
mod confirm;
mod end;
mod error;
mod handle;
mod query;
mod steps;
pub(crate) mod storage;
mod switch;
mod table_check;
mod write;

pub use begin::ImageSize;
pub use error::{Inactive, OtaError, RangeError};
pub use handle::Handle;
pub use steps::Erasing;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::commit;
use crate::efuse::SecureVersion;
use crate::image::{ImageMetadata, Refusal, Target, VerifyError, VerifyImage};
use crate::otadata::{Entry, MIN_SIZE};
use crate::partition::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, Slot, SubType, Type};
use handle::Handles;

/// What the application was built with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own, as in ESP-IDF's configuration"
)]
pub struct AppConfig {
    /// New images start monitored (`CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE`).
    pub rollback: bool,
    /// Images below the secure version in eFuse are refused, and erased
    /// (`CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK`).
    pub anti_rollback: bool,
    /// The device.
    pub target: Target,
    /// Where the partition table is (`CONFIG_PARTITION_TABLE_OFFSET`); the bootloader's region ends
    /// here.
    pub table_offset: u32,
    /// Size of the flash in bytes, for the check of a downloaded partition table.
    pub flash_size: u32,
    /// Each part of an image is read back when it was written, and compared: a flash that does not
    /// keep what it is given is found out at once, and where, and not at the end. Costs one read of
    /// the image; the reference does not do it.
    pub read_back: bool,
    /// The flash encrypts: images are programmed in blocks of 16 bytes. (The encryption itself is
    /// the flash's.)
    pub flash_encryption: bool,
}

impl AppConfig {
    /// The defaults of ESP-IDF: the table at 0x8000, and every option off.
    #[must_use]
    pub const fn new(target: Target, flash_size: u32) -> Self {
        Self {
            rollback: false,
            anti_rollback: false,
            target,
            table_offset: DEFAULT_TABLE_OFFSET,
            flash_size,
            read_back: false,
            flash_encryption: false,
        }
    }

    /// Anti-rollback cannot be had without rollback.
    const fn monitors(&self) -> bool {
        self.rollback || self.anti_rollback
    }
}

/// The over-the-air update of one application.
///
/// It owns what it works on (hand in `&mut` to keep it) and room for `HANDLES` updates at a time.
/// It holds nothing that outlives a reset: a new one is as good as the old.
#[derive(Debug)]
pub struct Ota<'t, F, V, S, const HANDLES: usize = 1> {
    pub(crate) flash: F,
    pub(crate) verifier: V,
    pub(crate) efuse: S,
    pub(crate) table: PartitionTable<'t>,
    pub(crate) running: Partition,
    pub(crate) config: AppConfig,
    handles: Handles<HANDLES>,
}

impl<'t, F, V, S, const HANDLES: usize> Ota<'t, F, V, S, HANDLES> {
    /// An updater for the application that runs from `running`. Touches no flash.
    ///
    /// `table` is what [`PartitionTable::for_application`] made of the table in flash.
    pub const fn new(
        flash: F,
        verifier: V,
        efuse: S,
        table: PartitionTable<'t>,
        running: Partition,
        config: AppConfig,
    ) -> Self {
        Self {
            flash,
            verifier,
            efuse,
            table,
            running,
            config,
            handles: Handles::NONE,
        }
    }

    /// Gives back the flash, the verifier and the eFuse. Open handles are forgotten.
    pub fn into_parts(self) -> (F, V, S) {
        (self.flash, self.verifier, self.efuse)
    }

    /// The flash.
    pub const fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// The partition that the application runs from (`esp_ota_get_running_partition`).
    ///
    /// The reference finds it by the address of its own code: see [`partition_at`].
    pub const fn running_partition(&self) -> Partition {
        self.running
    }

    /// Number of OTA slots: `ota_0`, `ota_1`, … up to the first that is missing
    /// (`esp_ota_get_app_partition_count`). The bootloader counts differently.
    pub fn app_partition_count(&self) -> u32 {
        self.table.ota_count()
    }

    /// The row of the table that `partition` describes (`esp_partition_verify`): same type,
    /// subtype, place and label, and both encrypted or neither. An empty label matches any.
    pub(crate) fn in_table(&self, partition: &Partition) -> Option<Partition> {
        let label = partition.label.as_bytes();
        let encrypted = |row: &Partition| row.encrypted_with(self.config.flash_encryption);
        self.table.iter().find(|row| {
            same_place(row, partition)
                && (label.is_empty() || label == row.label.as_bytes())
                && encrypted(row) == encrypted(partition)
        })
    }

    pub(crate) fn is_running(&self, partition: &Partition) -> bool {
        same_place(partition, &self.running)
    }

    /// The partition of OTA slot `slot`, the first if there are several.
    fn ota_slot(&self, slot: u32) -> Option<Partition> {
        let n = u8::try_from(slot).ok().filter(|&n| n < 16)?;
        self.table.find(Type::APP, Some(SubType::ota(n)))
    }

    fn factory(&self) -> Option<Partition> {
        self.table.find(Type::APP, Some(SubType::FACTORY))
    }

    /// The bytes written in an open update so far.
    pub(crate) fn wrote(&mut self, handle: Handle) -> Option<u32> {
        self.handles.get(handle).map(|open| open.wrote)
    }

    /// Where an open update is written.
    pub(crate) fn staging(&mut self, handle: Handle) -> Option<Partition> {
        self.handles.get(handle).map(|open| open.staging)
    }

    /// otadata, unless it does not hold two entries.
    pub(crate) fn otadata(&self) -> Option<Partition> {
        self.table
            .find(Type::DATA, Some(SubType::OTA))
            .filter(|row| row.size >= MIN_SIZE)
    }
}

impl<F: ReadNorFlash, V, S, const HANDLES: usize> Ota<'_, F, V, S, HANDLES> {
    /// otadata and its entries; `None` without otadata.
    fn read_otadata(&mut self) -> Result<Option<Otadata>, OtaError<F::Error>> {
        let Some(partition) = self.otadata() else {
            return Ok(None);
        };
        let entries = commit::read(&mut self.flash, partition.region()).map_err(OtaError::Flash)?;
        Ok(Some((partition, entries)))
    }
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// The image of `partition`, if it verifies.
    pub(crate) fn verified(
        &mut self,
        partition: &Partition,
    ) -> Result<Option<ImageMetadata>, OtaError<F::Error>> {
        match self.verifier.verify(&mut self.flash, partition.region()) {
            Ok(image) => Ok(Some(image)),
            Err(VerifyError {
                refusal: Refusal::Flash(error),
                ..
            }) => Err(OtaError::Flash(error)),
            Err(_) => Ok(None),
        }
    }
}

/// The otadata partition and its two entries.
type Otadata = (Partition, [Entry; 2]);

/// The app partition that holds the flash address `address`, the first if several do.
///
/// With the address of the running code this is the running partition.
#[must_use]
pub fn partition_at(table: PartitionTable<'_>, address: u32) -> Option<Partition> {
    table
        .iter()
        .find(|row| row.kind == Type::APP && row.region().contains(address, 1))
}

/// Whether both are the same partition, whatever label and flags the caller gave one of them.
fn same_place(one: &Partition, other: &Partition) -> bool {
    one.kind == other.kind && one.subtype == other.subtype && one.region() == other.region()
}

/// Whether an image can be staged there: an app partition `ota_0` to `ota_15`.
pub(crate) fn is_ota(partition: &Partition) -> bool {
    matches!(partition.slot(), Some(Slot::Ota(_)))
}

#[cfg(test)]
mod tests;
