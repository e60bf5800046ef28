//! What a flash dump would do: its partition table, both otadata entries, the images in its slots, and
//! which slot would boot and why.
//!
//! A dump is taken as it is: any length, from address 0, of a whole chip or of its first part. Nothing
//! in it can make this fail; what is missing or wrong is part of the answer. The boot is the core's
//! own, on a copy.

mod boot;
mod dump_flash;
mod entry;
mod layout;
mod print;
mod slot;

use std::path::Path;

use ota_core::otadata::{self, ENTRY_LEN, Entry};
use ota_core::{Chip, PartitionTable};
use serde::Serialize;

use crate::input::{self, InputError};
use dump_flash::DumpFlash;

pub use boot::{BootView, Refusal};
pub use entry::{EntryView, Intended, Likeness, WrongBytes};
pub use layout::{BootloaderView, ChipSource, PartitionView, TableView};
pub(crate) use slot::version;
pub use slot::{ImageView, SlotView};

/// How to look at a dump.
#[derive(Clone, Copy, Debug, Default)]
pub struct InspectOptions {
    /// Where the partition table is. None: at 0x8000, or else in the first sector that holds one.
    pub table_offset: Option<u32>,
    /// The bootloader's setting of rollback. None: both are tried.
    pub rollback: Option<bool>,
    /// The chip. None: what the bootloader's header or an image's header says.
    pub chip: Option<&'static Chip>,
}

/// What a dump holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Length of the dump in bytes.
    pub length: u64,
    /// Size of the flash in bytes that the rest is judged for.
    pub flash_size: u32,
    /// The chip that images are judged for, if anything says which.
    pub chip: Option<&'static str>,
    /// What says which chip it is.
    pub chip_source: ChipSource,
    /// The bootloader, if its header is where a chip expects it.
    pub bootloader: Option<BootloaderView>,
    /// The partition table.
    pub table: TableView,
    /// otadata, if the table has it.
    pub otadata: Option<OtadataView>,
    /// App partitions that can boot, in the order of the table.
    pub slots: Vec<SlotView>,
    /// What boots, for each setting that was asked for.
    pub boots: Vec<BootView>,
    /// What is missing, each with what was looked for where.
    pub missing: Vec<String>,
}

/// The otadata partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtadataView {
    /// Its flash address.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Both entries; none if the partition is too small for two sectors.
    pub entries: Vec<EntryView>,
    /// Index of the active entry.
    pub active: Option<usize>,
    /// In each sector, the number of bytes after the entry that are not erased.
    pub beyond: Vec<usize>,
    /// Number of OTA slots as the bootloader counts them.
    pub boot_slots: u32,
    /// Number of OTA slots as the application counts them.
    pub app_slots: u32,
}

/// Inspects the dump in a file.
///
/// # Errors
/// The file cannot be read. Whatever it holds is no error.
pub fn file(path: &Path, options: &InspectOptions) -> Result<Inspection, InputError> {
    Ok(dump(&input::read(path)?, options))
}

/// Inspects a dump.
#[must_use]
pub fn dump(bytes: &[u8], options: &InspectOptions) -> Inspection {
    let mut missing = Vec::new();
    let mut bootloader = layout::bootloader(bytes);
    let found = layout::find_table(bytes, options.table_offset, bootloader.as_ref());
    let flash_size = found.flash_size;
    let flash = DumpFlash::new(bytes, flash_size);
    if bytes.is_empty() {
        missing.push("the dump is empty".into());
    }
    // A table that is refused still says what is meant to be where.
    let table = found.bytes.as_deref().and_then(|bytes| {
        PartitionTable::for_bootloader(bytes, flash_size)
            .or_else(|_| PartitionTable::for_application(bytes, false))
            .ok()
    });
    if let Some(bootloader) = &mut bootloader {
        bootloader.verify(&flash, found.view.offset);
    }
    let (chip, chip_source) = layout::chip(options.chip, bootloader.as_ref(), table, &flash);
    let otadata = table.and_then(|table| look_at_otadata(table, &mut flash.clone()));
    let slots = table.map_or_else(Vec::new, |table| {
        slot::look_at_slots(table, chip, bytes.len() as u64, &flash)
    });
    if found.bytes.is_none() {
        missing.push(format!(
            "a partition table: it would begin with aa 50 at {:#x}",
            found.view.offset
        ));
    }
    if table.is_some() {
        if otadata.is_none() {
            missing.push("otadata: the table has no partition of type data, subtype ota".into());
        }
        if slots.is_empty() {
            missing.push("an app partition: the table has no factory, ota or test slot".into());
        }
        if bootloader.is_none() {
            missing.push(
                "a bootloader: its header would begin with e9 at 0x0, 0x1000 or 0x2000".into(),
            );
        }
    }
    let settings = match options.rollback {
        Some(rollback) => vec![rollback],
        None => vec![true, false],
    };
    let boots = settings
        .into_iter()
        .map(|rollback| boot::look_at_boot(&flash, found.view.offset, rollback, chip, &slots))
        .collect();
    Inspection {
        length: bytes.len() as u64,
        flash_size,
        chip: (chip_source != ChipSource::Nothing).then_some(chip.name),
        chip_source,
        bootloader,
        table: found.view,
        otadata,
        slots,
        boots,
        missing,
    }
}

fn look_at_otadata(table: PartitionTable<'_>, flash: &mut DumpFlash<'_>) -> Option<OtadataView> {
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
    };
    if region.size < otadata::MIN_SIZE {
        return Some(view);
    }
    let sectors = [0, ota_core::flash::SECTOR].map(|inside| {
        let address = region.offset.saturating_add(inside);
        let mut sector = flash.bytes(address, ota_core::flash::SECTOR as usize);
        // A partition that passed the table's check lies inside the flash.
        sector.resize(ota_core::flash::SECTOR as usize, 0xFF);
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
