//! Where things are: the bootloader, the chip it is for, the size of the flash, the partition table.

use ota_core::chip::{CHIPS, ESP32C3};
use ota_core::image::{Header, StreamVerifier, Target, VerifyImage, header};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, TABLE_LEN};
use ota_core::{Chip, PartitionTable, Region};
use serde::Serialize;

use super::dump_flash::DumpFlash;

const SECTOR: usize = 4096;
const MIB: u64 = 0x10_0000;

/// The second-stage bootloader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootloaderView {
    /// Its flash address.
    pub offset: u32,
    /// The chip that its header names.
    pub chip: &'static str,
    /// The size of the flash in bytes, as its header says; this is what the bootloader goes by.
    pub flash_size: Option<u32>,
    /// Its length in bytes, or why it does not verify.
    pub image: Result<u32, String>,
}

/// What says which chip it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChipSource {
    /// The caller.
    Option,
    /// The bootloader's header.
    Bootloader,
    /// The header of an image in a slot.
    Image,
    /// Nothing: images are judged as an ESP32-C3 would.
    Nothing,
}

/// The partition table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// Its flash address, or where it was looked for.
    pub offset: u32,
    /// Whether it is not where it was expected first.
    pub elsewhere: bool,
    /// Its partitions, as far as rows can be read.
    pub partitions: Vec<PartitionView>,
    /// Why the bootloader refuses it.
    pub bootloader_refuses: Option<String>,
    /// Why an application (with MD5 required, the default) sees no partitions.
    pub application_refuses: Option<String>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionView {
    /// Its label.
    pub name: String,
    /// Its type, by name if it has one.
    pub kind: String,
    /// Its subtype, by name if it has one.
    pub subtype: String,
    /// Its flash address.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its flags, as they are written in CSV.
    pub flags: &'static str,
    /// Whether the dump ends before it does.
    pub beyond_dump: bool,
}

/// A header of a known chip where that chip looks for its bootloader.
pub(super) fn bootloader(dump: &[u8]) -> Option<BootloaderView> {
    CHIPS.iter().find_map(|chip| {
        let header = header_at(dump, chip.bootloader_offset)?;
        (header.chip_id == chip.id).then(|| BootloaderView {
            offset: chip.bootloader_offset,
            chip: chip.name,
            flash_size: header.flash_size(),
            image: Err(String::new()),
        })
    })
}

impl BootloaderView {
    /// Verifies it; it may reach to the partition table.
    pub(super) fn verify(&mut self, flash: &DumpFlash<'_>, table_offset: u32) {
        let Some(chip) = Chip::by_name(self.chip) else {
            return;
        };
        let at = Region {
            offset: self.offset,
            size: table_offset.saturating_sub(self.offset),
        };
        let mut buffer = [0; SECTOR];
        self.image = match StreamVerifier::new(Target::new(chip), &mut buffer) {
            Ok(mut verifier) => verifier
                .verify(&mut flash.clone(), at)
                .map(|image| image.image_len)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
    }
}

fn header_at(dump: &[u8], address: u32) -> Option<Header> {
    let bytes = dump
        .get(address as usize..)?
        .first_chunk::<{ header::LEN }>()?;
    Header::parse(bytes).ok()
}

/// The chip that images are judged for.
pub(super) fn chip(
    option: Option<&'static Chip>,
    bootloader: Option<&BootloaderView>,
    table: Option<PartitionTable<'_>>,
    flash: &DumpFlash<'_>,
) -> (&'static Chip, ChipSource) {
    if let Some(chip) = option {
        return (chip, ChipSource::Option);
    }
    if let Some(chip) = bootloader.and_then(|found| Chip::by_name(found.chip)) {
        return (chip, ChipSource::Bootloader);
    }
    let named_by_image = table.and_then(|table| {
        table
            .iter()
            .filter(|row| row.slot().is_some())
            .find_map(|row| {
                let bytes = flash.clone().bytes(row.offset, header::LEN);
                let header = Header::parse(bytes.first_chunk()?).ok()?;
                Chip::by_id(header.chip_id)
            })
    });
    match named_by_image {
        Some(chip) => (chip, ChipSource::Image),
        None => (&ESP32C3, ChipSource::Nothing),
    }
}

/// A table that was looked for.
pub(super) struct FoundTable {
    pub(super) view: TableView,
    /// The table, if there is anything that begins like one.
    pub(super) bytes: Option<Box<[u8; TABLE_LEN]>>,
    pub(super) flash_size: u32,
}

/// Finds the table, and the size of a flash that its partitions fit into.
///
/// The bootloader goes by the size in its own header. Without one it is the length of the dump, or
/// what the partitions need if the dump ends before they do.
pub(super) fn find_table(
    dump: &[u8],
    option: Option<u32>,
    bootloader: Option<&BootloaderView>,
) -> FoundTable {
    let expected = option.unwrap_or(DEFAULT_TABLE_OFFSET);
    let here = table_at(dump, expected);
    let elsewhere = match (&here, option) {
        (None, None) => scan(dump),
        _ => None,
    };
    let offset = elsewhere.unwrap_or(expected);
    let bytes = here.or_else(|| table_at(dump, elsewhere?));
    let flash_size = bootloader
        .and_then(|found| found.flash_size)
        .unwrap_or_else(|| likely_flash_size(dump.len() as u64, bytes.as_deref()));
    let view = TableView {
        offset,
        elsewhere: elsewhere.is_some(),
        partitions: bytes
            .as_deref()
            .map_or_else(Vec::new, |bytes| rows(bytes, dump.len() as u64)),
        bootloader_refuses: bytes.as_deref().and_then(|bytes| {
            let error = PartitionTable::for_bootloader(bytes, flash_size).err()?;
            Some(error.to_string())
        }),
        application_refuses: bytes.as_deref().and_then(|bytes| {
            let error = PartitionTable::for_application(bytes, true).err()?;
            Some(error.to_string())
        }),
    };
    FoundTable {
        view,
        bytes,
        flash_size,
    }
}

/// The bytes there, if the first row is a partition. What the dump does not hold was erased.
fn table_at(dump: &[u8], offset: u32) -> Option<Box<[u8; TABLE_LEN]>> {
    let found = dump.get(offset as usize..)?;
    if !found.starts_with(&[0xAA, 0x50]) {
        return None;
    }
    let mut table = Box::new([0xFF; TABLE_LEN]);
    let length = found.len().min(TABLE_LEN);
    table[..length].copy_from_slice(&found[..length]);
    Some(table)
}

/// The first sector that holds a table which a bootloader accepts on some flash.
fn scan(dump: &[u8]) -> Option<u32> {
    (0..dump.len()).step_by(SECTOR).find_map(|offset| {
        let offset = u32::try_from(offset).ok()?;
        let table = table_at(dump, offset)?;
        PartitionTable::for_bootloader(&*table, u32::MAX).ok()?;
        Some(offset)
    })
}

/// A size that flashes come in, large enough for the dump and, if the dump was cut off, for the table.
fn likely_flash_size(length: u64, table: Option<&[u8; TABLE_LEN]>) -> u32 {
    let needed = table
        .and_then(|table| {
            let table = PartitionTable::for_bootloader(table, u32::MAX).ok()?;
            table.iter().map(|row| row.region().end()).max()
        })
        .unwrap_or(0);
    let size = length.max(needed).max(MIB).next_power_of_two();
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Rows up to the first that is no partition.
fn rows(table: &[u8; TABLE_LEN], dump: u64) -> Vec<PartitionView> {
    use crate::partition_csv::{kind_name, subtype_name};

    table
        .as_chunks()
        .0
        .iter()
        .map_while(|row| Partition::parse(row).ok())
        .map(|row| PartitionView {
            name: row.label.to_string(),
            kind: kind_name(row.kind.0),
            subtype: subtype_name(row.kind.0, row.subtype.0),
            offset: row.offset,
            size: row.size,
            flags: match row.flags & 3 {
                0 => "",
                1 => "encrypted",
                2 => "readonly",
                _ => "encrypted:readonly",
            },
            beyond_dump: u64::from(row.offset) + u64::from(row.size) > dump,
        })
        .collect()
}
