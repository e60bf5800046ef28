//! A device that updates itself, on a simulated flash, driven call by call.

use std::fmt;

use embedded_storage::nor_flash::NorFlash;
use fault_tests::ota::made;
use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::chip::ESP32C3;
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{self, Log};
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, SubType, TABLE_LEN, Type, emit_table,
};
use ota_core::update::{self, AppConfig, Handle, ImageSize, OtaError};
use sim_flash::{Flash, FlashError, Geometry, Profile, Recording, SpiNor, Stats};

use super::Driver;
use super::update::{Case, NotMeasured, Policy};

/// Where the slot of the update starts: behind the table, otadata and a slot of 64 KiB, which the device
/// runs from. Aligned to 64 KiB, as every app partition is.
pub const SLOT: u32 = 0x2_0000;
const RUNNING: u32 = 0x1_0000;
pub(super) const OTADATA: u32 = 0xD000;
pub(super) const SECTOR: u32 = 4096;
/// Bytes of the image that the device runs first.
const SMALL: usize = 4096;

macro_rules! either {
    ($core:expr, $ota:ident => $call:expr) => {
        match $core {
            Core::Stock($ota) => $call,
            Core::Hardened($ota) => $call,
        }
    };
}

/// A device under one policy: a slot of 64 KiB that it runs from first, and one for an image.
#[derive(Debug)]
pub struct Device<G = SpiNor> {
    flash: Flash<(), G>,
    case: Case,
    table: [u8; TABLE_LEN],
    running: Partition,
    config: AppConfig,
}

impl<G: Geometry> Device<G> {
    /// As it leaves the factory: the table, and an image in the first slot.
    ///
    /// # Errors
    ///
    /// The flash refuses; no healthy one does.
    pub fn flashed(profile: &Profile<G>, case: Case) -> Result<Self, NotMeasured> {
        let mut flash = Flash::new(profile.clone());
        flash.record(Recording::Off);
        let mut table = [0; TABLE_LEN];
        let rows = partitions(case.len);
        emit_table(rows, true, &mut table).map_err(failed)?;
        let mut driver = Driver(&mut flash);
        let image = made::image(SMALL, 0);
        driver.write(DEFAULT_TABLE_OFFSET, &table).map_err(failed)?;
        driver.write(RUNNING, &image).map_err(failed)?;
        let config = AppConfig {
            rollback: true,
            flash_encryption: profile.rules().encryption.is_some(),
            ..AppConfig::new(Target::new(&ESP32C3), profile.size())
        };
        Ok(Device {
            flash,
            case,
            table,
            running: rows[1],
            config,
        })
    }

    /// `begin`, `write`, `end`; where to. The longest call's device time goes to `longest`, if it is longer.
    ///
    /// # Errors
    ///
    /// [`NotMeasured::Failed`] if a call fails.
    pub fn download(&mut self, image: &[u8], longest: &mut u64) -> Result<Partition, NotMeasured> {
        let Case { erasing, chunk, .. } = self.case;
        let len = u32::try_from(image.len()).map_err(failed)?;
        let mut slot = None;
        self.with_core(|core| {
            let next = core.next_update_partition().ok_or(OtaError::NotInTable)?;
            slot = Some(next);
            let mut last = core.stats();
            let mut watch = |now: Stats| {
                *longest = (now - last).device_time.max(*longest);
                last = now;
            };
            let handle = core.begin(&next, erasing.size(len))?;
            watch(core.stats());
            for chunk in image.chunks(chunk as usize) {
                core.write(handle, chunk)?;
                watch(core.stats());
            }
            core.end(handle)?;
            watch(core.stats());
            Ok(())
        })?;
        slot.ok_or_else(|| failed("no slot"))
    }

    /// `set_boot_partition`.
    ///
    /// # Errors
    ///
    /// [`NotMeasured::Failed`] if it fails.
    pub fn set_boot_partition(&mut self, slot: &Partition) -> Result<(), NotMeasured> {
        self.with_core(|core| either!(core, ota => ota.set_boot_partition(slot)))
    }

    /// `mark_app_valid_cancel_rollback`.
    ///
    /// # Errors
    ///
    /// [`NotMeasured::Failed`] if it fails.
    pub fn confirm(&mut self) -> Result<(), NotMeasured> {
        self.with_core(|core| either!(core, ota => ota.mark_app_valid_cancel_rollback()))
    }

    /// The counters of its flash.
    pub fn stats(&self) -> Stats {
        self.flash.stats()
    }

    /// Its flash.
    pub fn flash(&self) -> &Flash<(), G> {
        &self.flash
    }

    /// Its partition table.
    pub fn table(&self) -> &[u8; TABLE_LEN] {
        &self.table
    }

    /// The bootloader, into another slot than the one that ran.
    ///
    /// # Errors
    ///
    /// [`NotMeasured::Failed`] if nothing or the same boots.
    pub fn boot(&mut self) -> Result<(), NotMeasured> {
        let before = self.running;
        self.reboot()?;
        if self.running == before {
            return Err(failed("the update does not run"));
        }
        Ok(())
    }

    /// The bootloader.
    ///
    /// # Errors
    ///
    /// [`NotMeasured::Failed`] if nothing boots.
    pub fn reboot(&mut self) -> Result<(), NotMeasured> {
        let config = BootConfig {
            rollback: true,
            ..BootConfig::new(self.config.flash_size)
        };
        let mut buffer = [0; SECTOR as usize];
        let mut verifier =
            UnsignedVerifier::new(self.config.target, &mut buffer).map_err(failed)?;
        let mut flash = Driver(&mut self.flash);
        let inputs = BootInputs::default();
        let (flash, verifier, efuse) = (&mut flash, &mut verifier, &mut NoSecureVersion);
        let table = &mut self.table;
        self.running = match self.case.policy {
            Policy::Stock => {
                boot::boot(flash, verifier, efuse, &config, &inputs, table)
                    .map_err(failed)?
                    .partition
            }
            Policy::Hardened => {
                let log = log(&self.config);
                hardened::boot(flash, verifier, efuse, &config, log, &inputs, table)
                    .map_err(failed)?
                    .partition
            }
        };
        Ok(())
    }

    /// Calls the update core of the application.
    fn with_core(
        &mut self,
        calls: impl FnOnce(&mut Core<'_, '_, '_, G>) -> Outcome<()>,
    ) -> Result<(), NotMeasured> {
        let table = PartitionTable::for_application(&self.table, true).map_err(failed)?;
        let mut buffer = [0; SECTOR as usize];
        let verifier = UnsignedVerifier::new(self.config.target, &mut buffer).map_err(failed)?;
        let flash = Driver(&mut self.flash);
        let (running, config) = (self.running, self.config);
        let mut core = match self.case.policy {
            Policy::Stock => Core::Stock(update::Ota::new(
                flash,
                verifier,
                NoSecureVersion,
                table,
                running,
                config,
            )),
            Policy::Hardened => Core::Hardened(hardened::Ota::new(
                flash,
                verifier,
                NoSecureVersion,
                table,
                running,
                config,
                log(&config),
            )),
        };
        calls(&mut core).map_err(failed)
    }
}

/// The log of the hardened policy.
const fn log(config: &AppConfig) -> Log {
    if config.flash_encryption {
        Log::DEFAULT.encrypted()
    } else {
        Log::DEFAULT
    }
}

/// otadata, the slot that runs, and one for the update.
fn partitions(len: u32) -> [Partition; 3] {
    let row = |kind, subtype, offset, size| Partition {
        kind,
        subtype,
        offset,
        size,
        label: Label::truncated(""),
        flags: 0,
    };
    [
        row(Type::DATA, SubType::OTA, OTADATA, 2 * SECTOR),
        row(Type::APP, SubType::ota(0), RUNNING, SLOT - RUNNING),
        row(Type::APP, SubType::ota(1), SLOT, len),
    ]
}

fn failed(error: impl fmt::Display) -> NotMeasured {
    NotMeasured::Failed(error.to_string())
}

type Outcome<T> = Result<T, OtaError<FlashError>>;
type Verifier<'b> = UnsignedVerifier<'b>;

/// The update core of either policy: the same calls.
enum Core<'f, 'b, 't, G> {
    Stock(update::Ota<'t, Driver<'f, G>, Verifier<'b>, NoSecureVersion>),
    Hardened(hardened::Ota<'t, Driver<'f, G>, Verifier<'b>, NoSecureVersion>),
}

impl<G: Geometry> Core<'_, '_, '_, G> {
    fn stats(&mut self) -> Stats {
        either!(self, ota => ota.flash().0.stats())
    }

    fn next_update_partition(&self) -> Option<Partition> {
        either!(self, ota => ota.next_update_partition(None))
    }

    fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle> {
        either!(self, ota => ota.begin(partition, size))
    }

    fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<()> {
        either!(self, ota => ota.write(handle, data))
    }

    fn end(&mut self, handle: Handle) -> Outcome<()> {
        either!(self, ota => ota.end(handle))
    }
}
