//! One update in the middle of a device's life, call by call.

use std::fmt;

use fault_tests::ota::made;
use ota_core::update::ImageSize;
use sim_flash::{Geometry, Profile, Stats};

use super::machine::{Device, OTADATA, SECTOR, SLOT};

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

    pub(super) const fn size(self, len: u32) -> ImageSize {
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
    /// Something failed that should not have.
    Failed(String),
}

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotMeasured::TooLarge => f.write_str("does not fit the chip"),
            NotMeasured::Failed(what) => write!(f, "failed: {what}"),
        }
    }
}

impl std::error::Error for NotMeasured {}

/// Bytes of the images that the device had before.
const SMALL: usize = 4096;

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
    let mut device = Device::flashed(profile, case)?;
    for seed in [1, 2] {
        one(&mut device, &made::image(SMALL, seed))?;
    }
    one(&mut device, image)
}

/// Takes an update: download, switch, first boot, confirmation.
fn one<G: Geometry>(device: &mut Device<G>, image: &[u8]) -> Result<Update, NotMeasured> {
    let wear = device.flash().erase_counts().to_vec();
    let mut longest = 0;
    let start = device.stats();
    let slot = device.download(image, &mut longest)?;
    let downloaded = device.stats();
    device.set_boot_partition(&slot)?;
    let switched = device.stats();
    device.boot()?;
    let booted = device.stats();
    device.confirm()?;
    let calls = [
        switched - downloaded,
        booted - switched,
        device.stats() - booted,
    ];
    let worn = |from: u32, to: u32| {
        let sector = device.flash().state().sector();
        let counts = device.flash().erase_counts();
        let sectors = (from / sector) as usize..(to / sector) as usize;
        sectors.map(|sector| counts[sector] - wear[sector]).max()
    };
    let otadata = [OTADATA, OTADATA + SECTOR].map(|at| worn(at, at + SECTOR));
    Ok(Update {
        download: downloaded - start,
        switch: calls[0],
        boot: calls[1],
        confirm: calls[2],
        otadata_erases: otadata.into_iter().flatten().sum(),
        slot_erases: worn(slot.offset, slot.offset + slot.size).unwrap_or(0),
        longest: calls
            .iter()
            .fold(longest, |most, call| most.max(call.device_time)),
    })
}
