//! What a file of a device's flash holds, what boots from it, and why.
//!
//! [`look`] takes any file, says [which kind](FileKind) it is, and looks at what it can:
//!
//! | of | it says | it cannot tell |
//! |---|---|---|
//! | a dump, whole or in part | bootloader, table, both otadata entries, images, what boots and why, what lies there by mistake | what depends on bytes outside the file, on ciphertext, on a chip that it does not know, on eFuses |
//! | otadata alone | both entries, which slot they select among so many | whether that slot boots |
//! | an image | whether it verifies, what it says about itself | whether it fits, and which chip it will be on |
//! | a partition table | its rows, whether bootloader and application take it | anything else |
//! | all else | what it is, and what wants it | |
//!
//! A dump is taken as it is: any length, from any address. Nothing in it can make this fail; what is missing or wrong
//! is part of the answer. The boot is the core's own, on a copy: ESP-IDF's algorithm, as of 6.2.0-dev.
//!
//! What is not in the file is not taken for erased: where the answer depends on it, the answer is that it cannot be
//! told, and what to read. Options say what no dump does: the eFuses' secure version, the chip's revision, whether
//! secure boot is on.

mod advice;
mod alone;
mod boot;
mod bootloader;
mod dump_flash;
mod entry;
mod kind;
mod layout;
mod noise;
mod print;
mod remark;
pub(crate) mod shown;
mod slot;

use std::path::Path;

use ota_core::image::Target;
use ota_core::otadata::{self, ENTRY_LEN, Entry};
use ota_core::{Chip, PartitionTable};
use serde::Serialize;

use crate::input::{InputError, Place, Problem};
use boot::Device;
use dump_flash::{DumpFlash, Known};

use embedded_storage::nor_flash::ReadNorFlash as _;

pub use alone::{ImageAlone, OtadataAlone, TableAlone};
pub use boot::{BootView, Refusal};
pub use bootloader::{BootloaderState, BootloaderView};
pub use entry::{EntryView, Intended, Likeness, WrongBytes};
pub use kind::FileKind;
pub use layout::{Absent, ChipSource, PartitionView, TableView};
pub(crate) use slot::version;
pub use slot::{ImageView, SlotView};

/// The version of ESP-IDF whose rules are applied.
pub const ESP_IDF: &str = "6.2.0-dev";

/// How to look at a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct InspectOptions {
    /// Flash address of the file's first byte. None: 0, or what its contents say.
    pub from: Option<u32>,
    /// Where the partition table is. None: at 0x8000, or else in the first sector that holds one.
    pub table_offset: Option<u32>,
    /// The bootloader's setting of rollback. None: both are tried.
    pub rollback: Option<bool>,
    /// The chip. None: what the bootloader's header or an image's header says.
    pub chip: Option<&'static Chip>,
    /// The chip's revision, major × 100 + minor. None: one that every image takes.
    pub chip_revision: Option<u16>,
    /// The revision of its eFuse blocks, major × 100 + minor. None: one that every image takes.
    pub efuse_revision: Option<u16>,
    /// The secure version in eFuse, on a device with anti-rollback. None: without anti-rollback.
    pub efuse_version: Option<u32>,
    /// Whether the device has secure boot v2, so that images need a signature.
    pub secure_boot: bool,
    /// Number of OTA slots, for otadata alone. None: several are tried.
    pub slots: Option<u32>,
}

impl InspectOptions {
    /// The device that images are judged for.
    fn target(&self, chip: &'static Chip) -> Target {
        let mut target = Target::new(chip);
        if let Some(revision) = self.chip_revision {
            target.revision = revision;
            target.ignore_max_revision = false;
        }
        if let Some(revision) = self.efuse_revision {
            target.efuse_block_revision = revision;
            target.ignore_max_efuse_block_revision = false;
        }
        // A build for flash with 32-bit addresses takes slots above 16 MiB; which build it is no file tells.
        target.max_region = u32::MAX;
        target
    }
}

/// What a file is, and what it holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Report {
    /// A dump of flash, whole or in part.
    Dump(Box<Inspection>),
    /// otadata alone.
    Otadata(OtadataAlone),
    /// An image alone.
    Image(ImageAlone),
    /// A partition table alone.
    Table(TableAlone),
}

impl Report {
    /// Exit code of the command: 0 what is selected boots (or the image verifies, or the table is taken), 1 it does not,
    /// 6 that cannot be told.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Dump(dump) => dump.code(),
            // Which slot it selects is said; whether that boots no otadata tells.
            Self::Otadata(_) => 6,
            Self::Image(image) => image.code(),
            Self::Table(table) => table.code(),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dump(dump) => dump.fmt(f),
            Self::Otadata(otadata) => otadata.fmt(f),
            Self::Image(image) => image.fmt(f),
            Self::Table(table) => table.fmt(f),
        }
    }
}

/// Looks at a file, whatever it is.
///
/// # Errors
/// The file is of a kind in which there is nothing to look at; the error says which, and what wants it.
pub fn look(path: &Path, bytes: &[u8], options: &InspectOptions) -> Result<Report, InputError> {
    let refuse = |kind| {
        Err(InputError::new(
            path,
            Place::Whole,
            Problem::NothingToInspect(kind),
        ))
    };
    match FileKind::of(bytes, options) {
        FileKind::Dump { from } => {
            let options = InspectOptions {
                from: Some(from),
                ..*options
            };
            let mut inspection = dump(bytes, &options);
            let known = Known::new(bytes, from);
            inspection.advice = advice::advice(&inspection, known, &shown::argument(path));
            Ok(Report::Dump(Box::new(inspection)))
        }
        FileKind::Otadata => Ok(Report::Otadata(OtadataAlone::new(bytes, options))),
        kind @ (FileKind::App | FileKind::Bootloader) => {
            Ok(Report::Image(ImageAlone::new(path, bytes, kind, options)))
        }
        kind @ (FileKind::Table | FileKind::Csv) => {
            TableAlone::new(path, bytes, kind, options).map(Report::Table)
        }
        kind => refuse(kind),
    }
}

/// What a dump holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Length of the dump in bytes.
    pub length: u64,
    /// Flash address of its first byte.
    pub from: u32,
    /// Size of the flash in bytes that the rest is judged for.
    pub flash_size: u32,
    /// The chip that images are judged for, if anything says which.
    pub chip: Option<&'static str>,
    /// What says which chip it is.
    pub chip_source: ChipSource,
    /// The bootloader, or what is where the chip looks for it.
    pub bootloader: BootloaderView,
    /// The partition table.
    pub table: TableView,
    /// otadata, if the table has it.
    pub otadata: Option<OtadataView>,
    /// App partitions that can boot, in the order of the table.
    pub slots: Vec<SlotView>,
    /// What boots, for each setting that was asked for.
    pub boots: Vec<BootView>,
    /// What else is to be said: faults, traps, and what lies where nothing looks for it.
    pub remarks: Vec<String>,
    /// What to do, as a command where it is one; `None` if there is nothing to do.
    pub advice: Option<String>,
}

/// The otadata partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtadataView {
    /// Its flash address.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Both entries; none if the partition is too small for two sectors, or is not all in the file.
    pub entries: Vec<EntryView>,
    /// Index of the active entry.
    pub active: Option<usize>,
    /// In each sector, the number of bytes after the entry that are not erased.
    pub beyond: Vec<usize>,
    /// Number of OTA slots as the bootloader counts them.
    pub boot_slots: u32,
    /// Number of OTA slots as the application counts them.
    pub app_slots: u32,
    /// Why its entries are not shown.
    pub cannot_tell: Option<String>,
}

impl Inspection {
    /// Exit code of the command: 0 what is selected boots, 1 it does not, 6 that cannot be told.
    #[must_use]
    pub fn code(&self) -> u8 {
        let codes = || self.boots.iter().map(BootView::code);
        if codes().any(|code| code == 6) {
            6
        } else {
            codes().max().unwrap_or(6)
        }
    }
}

/// Inspects a dump.
#[must_use]
pub fn dump(bytes: &[u8], options: &InspectOptions) -> Inspection {
    let known = Known::new(bytes, options.from.unwrap_or(0));
    let mut bootloader = BootloaderView::look(known, options.chip);
    let found = layout::find_table(known, options.table_offset, bootloader.flash_size);
    let flash_size = found.flash_size;
    // A table that is refused still says what is meant to be where.
    let table = found.bytes.as_deref().and_then(|bytes| {
        PartitionTable::for_bootloader(bytes, flash_size)
            .or_else(|_| PartitionTable::for_application(bytes, false))
            .ok()
    });
    let (chip, chip_source) = layout::chip(options.chip, &bootloader, table, known);
    bootloader.finish(known, found.view.offset, flash_size, chip);
    let otadata = table.and_then(|table| look_at_otadata(table, known, flash_size));
    let slots = table.map_or_else(Vec::new, |table| {
        slot::look_at_slots(table, chip, known, flash_size, options)
    });
    let device = Device {
        known,
        bootloader: &bootloader,
        table: &found,
        slots: &slots,
        guessed_chip: { chip.map(|chip| chip.name) }.filter(|_| chip_source == ChipSource::Image),
        efuse_version: options.efuse_version,
        secure_boot: options.secure_boot,
    };
    let settings = match options.rollback {
        // Anti-rollback includes rollback.
        _ if options.efuse_version.is_some() => vec![true],
        Some(rollback) => vec![rollback],
        None => vec![true, false],
    };
    let boots = { settings.into_iter() }
        .map(|rollback| device.boot(rollback))
        .collect();
    let mut inspection = Inspection {
        length: bytes.len() as u64,
        from: known.from(),
        flash_size,
        chip: chip.map(|chip| chip.name),
        chip_source,
        bootloader,
        table: found.view,
        otadata,
        slots: slots.into_iter().map(|slot| slot.view).collect(),
        boots,
        remarks: Vec::new(),
        advice: None,
    };
    inspection.remarks = remark::remarks(&inspection, table, known);
    inspection.advice = advice::advice(&inspection, known, "DUMP");
    inspection
}

fn look_at_otadata(
    table: PartitionTable<'_>,
    known: Known<'_>,
    flash_size: u32,
) -> Option<OtadataView> {
    let partition = table.otadata()?;
    let region = partition.region();
    let boot_slots = table.boot_ota_count();
    let mut view = OtadataView {
        offset: region.offset,
        size: region.size,
        entries: Vec::new(),
        active: None,
        beyond: Vec::new(),
        boot_slots,
        app_slots: table.ota_count(),
        cannot_tell: None,
    };
    if region.size < otadata::MIN_SIZE {
        return Some(view);
    }
    view.cannot_tell = match Absent::at(known, region.offset) {
        Absent::Encrypted => Some("looks encrypted".into()),
        Absent::Outside => Some("is outside the file".into()),
        _ if !known.covers(region.offset, otadata::MIN_SIZE) => {
            Some("is not all in the file".into())
        }
        _ => None,
    };
    if view.cannot_tell.is_some() {
        return Some(view);
    }
    let mut flash = DumpFlash::new(known, flash_size);
    let sectors = [0, ota_core::flash::SECTOR].map(|inside| {
        let address = region.offset.saturating_add(inside);
        let mut sector = vec![0xFF; ota_core::flash::SECTOR as usize];
        // A partition that passed the table's check lies inside the flash; of another nothing is read.
        let _ = flash.read(address, &mut sector);
        let mut entry = [0; ENTRY_LEN];
        entry.copy_from_slice(&sector[..ENTRY_LEN]);
        let beyond = sector[ENTRY_LEN..].iter().filter(|byte| **byte != 0xFF);
        (address, entry, beyond.count())
    });
    let entries = sectors.map(|(_, bytes, _)| Entry::parse(&bytes));
    view.active = otadata::active(&entries);
    for (index, (address, bytes, beyond)) in sectors.iter().enumerate() {
        let other = &entries[1 - index];
        view.entries
            .push(EntryView::new(*address, bytes, other, boot_slots));
        view.beyond.push(*beyond);
    }
    Some(view)
}

/// A revision as Espressif writes it: `v1.3` for 103.
fn revision(revision: u16) -> String {
    format!("v{}.{}", revision / 100, revision % 100)
}
