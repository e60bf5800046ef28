//! The second-stage bootloader's choice: which slot runs after a reset, and why.
//!
//! [`boot`] is the whole of it. The steps can be driven alone: [`load_table`],
//! [`select_boot_partition`] (read otadata, move its states on, choose where to start) and
//! [`load_boot_image`] (try that slot, then the others). [`Decision`] says what came out and what
//! was refused on the way.
//!
//! What is here is ESP-IDF's stock behaviour, windows included; source: ESP-IDF
//! `bootloader_support/src/bootloader_utility.c` and `bootloader/subproject/main/bootloader_start.c`.
//! Four things that surprise people are meant:
//!
//! - a state changes by erasing and rewriting the very entry that is being changed;
//! - `NEW` becomes `PENDING_VERIFY` before the image is looked at;
//! - the fallback goes by slot number, down to factory and then up, whatever otadata says of those
//!   slots;
//! - with anti-rollback, the secure version of an image that otadata calls VALID is burnt before that
//!   image is verified: [unverified bytes burn fuses](select_boot_partition#unverified-bytes-burn-fuses).
//!
//! # Flash errors
//!
//! An error while the table or otadata is read ends the boot at once. The reference only logs
//! errors of the writes it does on the way (ABORTED, `PENDING_VERIFY`, the first-boot entry, the
//! factory reset) and goes on with what it meant to write; so does this, and [`Changes`] tells. An
//! error while an image is read refuses that image, and the next candidate is tried. On a flash
//! that fails for good this ends within [`Tried::CAPACITY`] candidates.
//!
//! # What is not here
//!
//! Loading segments to RAM, flash encryption (hand in a flash that decrypts), signatures (hand in a
//! verifier that checks them). `CONFIG_BOOTLOADER_SKIP_VALIDATE_*` is a verifier that skips; the
//! fast path out of deep sleep, which boots what RTC memory names, never comes here.

mod decision;
mod error;
mod factory_reset;
mod load;
pub(crate) mod rows;
mod select;
mod tried;

pub use decision::{Change, ChangeKind, Changes, Decision, Reason, Selection, Start};
pub use error::BootError;
pub use factory_reset::{FactoryReset, Wipe};
pub use load::load_boot_image;
pub use select::select_boot_partition;
pub use tried::{Attempt, Refused, Tried};

use factory_reset::wipe;
pub(crate) use factory_reset::wipe_data;
pub(crate) use select::is_new_enough;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::efuse::SecureVersion;
use crate::image::VerifyImage;
use crate::partition::{DEFAULT_TABLE_OFFSET, PartitionTable, Slot, TABLE_LEN};
use rows::Rows;

/// What the bootloader was built with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootConfig {
    /// Where the partition table is (`CONFIG_PARTITION_TABLE_OFFSET`).
    pub table_offset: u32,
    /// Size of the flash in bytes, as the bootloader's image header states it. No partition may
    /// end past it.
    pub flash_size: u32,
    /// Monitor the first boot of a new image (`CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE`).
    pub rollback: bool,
    /// Refuse images below the secure version in eFuse (`CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK`);
    /// implies `rollback`.
    pub anti_rollback: bool,
    /// Heed [`BootInputs::app_test_pin`] (`CONFIG_BOOTLOADER_APP_TEST`); not with `anti_rollback`,
    /// as in the reference.
    pub app_test: bool,
    /// Heed [`BootInputs::factory_reset_pin`], and erase this (`CONFIG_BOOTLOADER_FACTORY_RESET`).
    pub factory_reset: Option<FactoryReset>,
}

impl BootConfig {
    /// The defaults of ESP-IDF: the table at 0x8000, and every option off.
    #[must_use]
    pub const fn new(flash_size: u32) -> Self {
        Self {
            table_offset: DEFAULT_TABLE_OFFSET,
            flash_size,
            rollback: false,
            anti_rollback: false,
            app_test: false,
            factory_reset: None,
        }
    }

    const fn monitors(&self) -> bool {
        self.rollback || self.anti_rollback
    }
}

/// What the outside world says at this reset. The default is an ordinary one: nothing held.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BootInputs {
    /// The factory-reset pin was held for the whole hold time.
    pub factory_reset_pin: bool,
    /// The test-app pin was held for the whole hold time.
    pub app_test_pin: bool,
    /// The chip wakes from deep sleep: no pin is read.
    pub deep_sleep_wake: bool,
}

/// Decides what runs: the bootloader from its reset to the jump.
///
/// `table` is room for the partition table; its contents before do not matter.
///
/// # A power cut in it
///
/// can hit the rewrite of an otadata entry, and leaves then what [`select_boot_partition`] and
/// [`load_boot_image`] say; or a factory reset, and leaves any part of it done.
///
/// # Errors
///
/// The device resets and comes back here: see [`BootError`].
#[expect(
    clippy::result_large_err,
    reason = "the list of refused candidates is the point of the error, and there is no heap"
)]
pub fn boot<F: NorFlash, V: VerifyImage<F>, S: SecureVersion>(
    flash: &mut F,
    verifier: &mut V,
    efuse: &mut S,
    config: &BootConfig,
    inputs: &BootInputs,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<F::Error>> {
    let table = load_table(flash, config, table)?;
    let mut selection = select_boot_partition(flash, efuse, table, config)?;
    if !inputs.deep_sleep_wake {
        match &config.factory_reset {
            Some(what) if inputs.factory_reset_pin => {
                let wipe = wipe(flash, table, what);
                // The first selection has already moved states on, and this one does it again: an
                // entry that it found NEW is PENDING_VERIFY by now, and becomes ABORTED.
                selection = select_boot_partition(flash, efuse, table, config)?.after(&selection);
                selection.wipe = Some(wipe);
            }
            _ if inputs.app_test_pin && config.app_test && !config.anti_rollback => {
                if !Rows(table).has(Slot::Test) {
                    return Err(BootError::NoTestPartition);
                }
                selection.start = Start::Test;
                selection.reason = Reason::TestPin;
            }
            _ => {}
        }
    }
    load_boot_image(flash, verifier, efuse, table, config, &selection)
}

/// Reads the partition table and checks it as the bootloader does. Writes nothing.
#[expect(
    clippy::result_large_err,
    reason = "the error is shared with the steps that have candidates to list"
)]
pub fn load_table<'t, F: ReadNorFlash>(
    flash: &mut F,
    config: &BootConfig,
    table: &'t mut [u8; TABLE_LEN],
) -> Result<PartitionTable<'t>, BootError<F::Error>> {
    flash
        .read(config.table_offset, table)
        .map_err(BootError::Flash)?;
    PartitionTable::for_bootloader(table, config.flash_size).map_err(BootError::Table)
}

#[cfg(test)]
mod tests;
