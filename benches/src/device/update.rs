//! One update in the middle of a device's life, call by call.

use std::fmt;

use embedded_storage::nor_flash::NorFlash;
use fault_tests::ota::made;
use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::chip::ESP32C3;
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{self, Log};
use ota_core::image::{StreamVerifier, Target};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, SubType, TABLE_LEN, Type, emit_table,
};
use ota_core::update::{self, AppConfig, Handle, ImageSize, OtaError};
use sim_flash::{Flash, FlashError, Geometry, Profile, Recording, Stats};

use super::Driver;

/// Which commit policy the device has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// ESP-IDF's.
    Stock,
    /// `ota-core`'s own.
    Hardened,
}

impl Policy {
    /// Both.
    pub const ALL: [Policy; 2] = [Policy::Stock, Policy::Hardened];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Stock => "stock",
            Policy::Hardened => "hardened",
        }
    }
}

/// When the slot is erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Erasing {
    /// In `begin`, as much as the image needs.
    UpFront,
    /// Block by block of 64 KiB, as the writes reach them.
    ByBlock,
    /// Sector by sector, or whatever a write reaches at a time.
    Sequential,
}

impl Erasing {
    /// All of them.
    pub const ALL: [Erasing; 3] = [Erasing::UpFront, Erasing::ByBlock, Erasing::Sequential];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Erasing::UpFront => "up front",
            Erasing::ByBlock => "by block",
            Erasing::Sequential => "sequential",
        }
    }

    const fn size(self, len: u32) -> ImageSize {
        match self {
            Erasing::UpFront => ImageSize::Known(len),
            Erasing::ByBlock => ImageSize::ByBlock,
            Erasing::Sequential => ImageSize::Sequential,
        }
    }
}

/// An update to be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// The commit policy.
    pub policy: Policy,
    /// When the slot is erased.
    pub erasing: Erasing,
    /// Bytes handed to each `write`.
    pub chunk: u32,
    /// Bytes of the image: a multiple of 64 KiB.
    pub len: u32,
}

/// What an update cost the chip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Update {
    /// `begin`, `write` and `end`: the image is there, and verified.
    pub download: Stats,
    /// `set_boot_partition`: it boots next.
    pub switch: Stats,
    /// The bootloader's run that starts it for the first time.
    pub boot: Stats,
    /// `mark_app_valid_cancel_rollback`: it is there to stay.
    pub confirm: Stats,
    /// Erases of both sectors of otadata, from `begin` to the confirmation.
    pub otadata_erases: u32,
    /// Erases of each sector of the image's; of the most erased one.
    pub slot_erases: u32,
    /// The longest single call in nanoseconds: what a watchdog has to wait for.
    pub longest: u64,
}

impl Update {
    /// From `begin` to the return of `set_boot_partition`, in nanoseconds.
    pub fn time(&self) -> u64 {
        self.download.device_time + self.switch.device_time
    }

    /// The first boot and the confirmation, in nanoseconds.
    pub fn first_start(&self) -> u64 {
        self.boot.device_time + self.confirm.device_time
    }
}

/// Why an update has no figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotMeasured {
    /// The image and a slot that runs do not fit the chip.
    TooLarge,
    /// The policy does not support the chip.
    Unsupported(&'static str),
    /// Something failed that should not have.
    Failed(String),
}

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotMeasured::TooLarge => f.write_str("does not fit the chip"),
            NotMeasured::Unsupported(why) => f.write_str(why),
            NotMeasured::Failed(what) => write!(f, "failed: {what}"),
        }
    }
}

impl std::error::Error for NotMeasured {}

/// Where the slot of the update starts: behind the table, otadata and a slot of 64 KiB, which the device
/// runs from. Aligned to 64 KiB, as every app partition is.
pub const SLOT: u32 = 0x2_0000;
const RUNNING: u32 = 0x1_0000;
const OTADATA: u32 = 0xD000;
const SECTOR: u32 = 4096;
/// The image that the device runs, and had before.
const SMALL: u32 = 4096;

/// Measures an update of a device that has taken two small ones before, so that otadata is as it is in
/// the middle of a device's life. Both policies are built with rollback.
///
/// # Errors
///
/// See [`NotMeasured`].
pub fn update<G: Geometry>(
    profile: &Profile<G>,
    case: Case,
    image: &[u8],
) -> Result<Update, NotMeasured> {
    if SLOT + case.len > profile.size() {
        return Err(NotMeasured::TooLarge);
    }
    let encrypted = profile.rules().encryption.is_some();
    if encrypted && case.policy == Policy::Hardened {
        return Err(NotMeasured::Unsupported(
            "the hardened policy does not support flash that encrypts",
        ));
    }
    let mut device = Device::flashed(profile, case)?;
    for seed in [1, 2] {
        let small = made::image(SMALL as usize, seed);
        device.update(&small)?;
    }
    device.update(image)
}

/// A device under one policy.
struct Device<G> {
    flash: Flash<(), G>,
    case: Case,
    table: [u8; TABLE_LEN],
    running: Partition,
    config: AppConfig,
}

impl<G: Geometry> Device<G> {
    /// As it leaves the factory: the table, and an image in the first slot.
    fn flashed(profile: &Profile<G>, case: Case) -> Result<Self, NotMeasured> {
        let mut flash = Flash::new(profile.clone());
        flash.record(Recording::Off);
        let mut table = [0; TABLE_LEN];
        let rows = partitions(case.len);
        emit_table(rows, true, &mut table).map_err(failed)?;
        let mut driver = Driver(&mut flash);
        let image = made::image(SMALL as usize, 0);
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

    /// Takes an update: download, switch, first boot, confirmation.
    fn update(&mut self, image: &[u8]) -> Result<Update, NotMeasured> {
        let wear = self.flash.erase_counts().to_vec();
        let mut longest = 0;
        let start = self.flash.stats();
        let (slot, downloaded) = self.download(image, &mut longest)?;
        let switched = self.with_core(|core| core.set_boot_partition(&slot))?;
        let booted = self.boot()?;
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "a method is of one lifetime, a closure of any"
        )]
        let confirmed = self.with_core(|core| core.mark_app_valid_cancel_rollback())?;
        let calls = [switched - downloaded, booted - switched, confirmed - booted];
        let longest = calls
            .iter()
            .fold(longest, |most, call| most.max(call.device_time));
        let worn = |from: u32, to: u32| {
            let sectors = (from / self.flash.state().sector())..(to / self.flash.state().sector());
            let count =
                |sector: u32| self.flash.erase_counts()[sector as usize] - wear[sector as usize];
            sectors.map(count).collect::<Vec<_>>()
        };
        let both = [OTADATA, OTADATA + SECTOR].map(|at| worn(at, at + SECTOR));
        Ok(Update {
            download: downloaded - start,
            switch: calls[0],
            boot: calls[1],
            confirm: calls[2],
            otadata_erases: both.iter().filter_map(|sector| sector.iter().max()).sum(),
            slot_erases: worn(slot.offset, slot.offset + slot.size)
                .into_iter()
                .max()
                .unwrap_or(0),
            longest,
        })
    }

    /// `begin`, `write`, `end`; where to, and the counters then.
    fn download(
        &mut self,
        image: &[u8],
        longest: &mut u64,
    ) -> Result<(Partition, Stats), NotMeasured> {
        let Case { erasing, chunk, .. } = self.case;
        let len = u32::try_from(image.len()).map_err(failed)?;
        let mut slot = None;
        let stats = self.with_core(|core| {
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
        let slot = slot.ok_or_else(|| failed("no slot"))?;
        Ok((slot, stats))
    }

    /// The bootloader; what runs afterwards.
    fn boot(&mut self) -> Result<Stats, NotMeasured> {
        let config = BootConfig {
            rollback: true,
            ..BootConfig::new(self.config.flash_size)
        };
        let mut buffer = [0; SECTOR as usize];
        let mut verifier = StreamVerifier::new(self.config.target, &mut buffer).map_err(failed)?;
        let mut flash = Driver(&mut self.flash);
        let inputs = BootInputs::default();
        let (flash, verifier, efuse) = (&mut flash, &mut verifier, &mut NoSecureVersion);
        let table = &mut self.table;
        let ran = match self.case.policy {
            Policy::Stock => {
                boot::boot(flash, verifier, efuse, &config, &inputs, table)
                    .map_err(failed)?
                    .partition
            }
            Policy::Hardened => {
                let log = Log::DEFAULT;
                hardened::boot(flash, verifier, efuse, &config, log, &inputs, table)
                    .map_err(failed)?
                    .partition
            }
        };
        if ran == self.running {
            return Err(failed("the update does not run"));
        }
        self.running = ran;
        Ok(self.flash.stats())
    }

    /// Calls the update core of the application; the counters afterwards.
    fn with_core(
        &mut self,
        calls: impl FnOnce(&mut Core<'_, '_, '_, G>) -> Outcome<()>,
    ) -> Result<Stats, NotMeasured> {
        let table = PartitionTable::for_application(&self.table, true).map_err(failed)?;
        let mut buffer = [0; SECTOR as usize];
        let verifier = StreamVerifier::new(self.config.target, &mut buffer).map_err(failed)?;
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
                Log::DEFAULT,
            )),
        };
        calls(&mut core).map_err(failed)?;
        Ok(self.flash.stats())
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
type Verifier<'b> = StreamVerifier<'b>;

/// The update core of either policy: the same calls.
enum Core<'f, 'b, 't, G> {
    Stock(update::Ota<'t, Driver<'f, G>, Verifier<'b>, NoSecureVersion>),
    Hardened(hardened::Ota<'t, Driver<'f, G>, Verifier<'b>, NoSecureVersion>),
}

macro_rules! either {
    ($core:expr, $ota:ident => $call:expr) => {
        match $core {
            Core::Stock($ota) => $call,
            Core::Hardened($ota) => $call,
        }
    };
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

    fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<()> {
        either!(self, ota => ota.set_boot_partition(partition))
    }

    fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<()> {
        either!(self, ota => ota.mark_app_valid_cancel_rollback())
    }
}
