//! Where things are: the chip, the size of the flash, the partition table.

use ota_core::chip::CHIPS;
use ota_core::image::{Header, header};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, TABLE_LEN};
use ota_core::{Chip, PartitionTable};
use serde::Serialize;

use super::bootloader::BootloaderView;
use super::dump_flash::Known;
use super::noise::looks_encrypted;
use super::shown;

const MIB: u64 = 0x10_0000;

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
    /// Nothing: no image is judged.
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
    /// What is there, if it is no table.
    pub found: Option<Absent>,
}

/// What is in the place of something that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// The place is not in the file.
    Outside,
    /// Erased flash.
    Erased,
    /// Bytes that look encrypted.
    Encrypted,
    /// Something else, with its first two bytes.
    Other([u8; 2]),
}

impl Absent {
    /// What is at `address`, judged by up to a sector of it.
    pub(super) fn at(known: Known<'_>, address: u32) -> Self {
        let bytes = known.part(address, 4096);
        match bytes {
            [first, second, ..] if looks_encrypted(bytes) => {
                // A short piece, or an image that happens to be all noise, has its magic yet.
                if *first == header::MAGIC {
                    Self::Other([*first, *second])
                } else {
                    Self::Encrypted
                }
            }
            _ if bytes.len() < 32 => Self::Outside,
            _ if bytes.iter().all(|byte| *byte == 0xFF) => Self::Erased,
            [first, second, ..] => Self::Other([*first, *second]),
            _ => Self::Outside,
        }
    }
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outside => f.write_str("that is outside the file"),
            Self::Erased => f.write_str("there is erased flash"),
            Self::Encrypted => f.write_str("there are bytes that look encrypted"),
            Self::Other([a, b]) => write!(f, "there is {a:02x} {b:02x}"),
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionView {
    /// Its label; what does not print is escaped.
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
    /// Whether the file ends before it does, or begins after it.
    pub beyond_dump: bool,
}

/// The header of an image at a flash address.
pub(super) fn header_at(known: Known<'_>, address: u32) -> Option<Header> {
    let bytes = known.whole(address, header::LEN)?.first_chunk()?;
    Header::parse(bytes).ok()
}

/// The chip that images are judged for; `None` if nothing says which.
pub(super) fn chip(
    option: Option<&'static Chip>,
    bootloader: &BootloaderView,
    table: Option<PartitionTable<'_>>,
    known: Known<'_>,
) -> (Option<&'static Chip>, ChipSource) {
    if option.is_some() {
        return (option, ChipSource::Option);
    }
    if let Some(chip) = bootloader.named_chip() {
        return (Some(chip), ChipSource::Bootloader);
    }
    // Several images may name several: the one that most of them do, then the one that is first.
    let slots = table.into_iter().flat_map(|table| table.iter());
    let named: Vec<u16> = slots
        .filter(|row| row.slot().is_some())
        .filter_map(|row| Some(header_at(known, row.offset)?.chip_id))
        .collect();
    let votes = |id: u16| named.iter().filter(|named| **named == id).count();
    let named_by_image = { named.iter().rev() }
        .filter_map(|id| Chip::by_id(*id))
        .max_by_key(|chip| votes(chip.id));
    match named_by_image {
        Some(chip) => (Some(chip), ChipSource::Image),
        None => (None, ChipSource::Nothing),
    }
}

/// A table that was looked for.
pub(super) struct FoundTable {
    pub(super) view: TableView,
    /// The table, if there is anything that begins like one.
    pub(super) bytes: Option<Box<[u8; TABLE_LEN]>>,
    pub(super) flash_size: u32,
    /// Whether all of it is in the file.
    pub(super) whole: bool,
}

/// Finds the table, and the size of a flash that its partitions fit into.
///
/// The bootloader goes by the size in its own header. Without one it is the length of the dump, or
/// what the partitions need if the dump ends before they do.
pub(super) fn find_table(
    known: Known<'_>,
    option: Option<u32>,
    flash_size: Option<u32>,
) -> FoundTable {
    let expected = option.unwrap_or(DEFAULT_TABLE_OFFSET);
    let here = table_at(known, expected);
    let elsewhere = match (&here, option) {
        (None, None) => scan(known, &[]),
        _ => None,
    };
    let offset = elsewhere.unwrap_or(expected);
    let bytes = here.or_else(|| table_at(known, elsewhere?));
    let flash_size = flash_size.unwrap_or_else(|| likely_flash_size(known, bytes.as_deref()));
    let view = TableView {
        offset,
        elsewhere: elsewhere.is_some(),
        partitions: bytes
            .as_deref()
            .map_or_else(Vec::new, |bytes| rows(bytes, known)),
        bootloader_refuses: bytes.as_deref().and_then(|bytes| {
            let error = PartitionTable::for_bootloader(bytes, flash_size).err()?;
            Some(error.to_string())
        }),
        application_refuses: bytes.as_deref().and_then(|bytes| {
            let error = PartitionTable::for_application(bytes, true).err()?;
            Some(error.to_string())
        }),
        found: bytes.is_none().then(|| Absent::at(known, offset)),
    };
    FoundTable {
        view,
        bytes,
        flash_size,
        whole: known.whole(offset, TABLE_LEN).is_some(),
    }
}

/// The bytes there, if the first row is a partition. What the file does not hold is taken for erased.
fn table_at(known: Known<'_>, offset: u32) -> Option<Box<[u8; TABLE_LEN]>> {
    let found = known.part(offset, TABLE_LEN);
    if !found.starts_with(&[0xAA, 0x50]) {
        return None;
    }
    let mut table = Box::new([0xFF; TABLE_LEN]);
    table[..found.len()].copy_from_slice(found);
    Some(table)
}

/// The first sector that holds a table which a bootloader accepts on some flash, but for those in `except`.
pub(super) fn scan(known: Known<'_>, except: &[u32]) -> Option<u32> {
    known.sectors().find(|offset| {
        !except.contains(offset)
            && table_at(known, *offset)
                .is_some_and(|table| PartitionTable::for_bootloader(&*table, u32::MAX).is_ok())
    })
}

/// A size that flashes come in, large enough for the dump and, if the dump was cut off, for the table.
fn likely_flash_size(known: Known<'_>, table: Option<&[u8; TABLE_LEN]>) -> u32 {
    let needed = table
        .and_then(|table| {
            let table = PartitionTable::for_bootloader(table, u32::MAX).ok()?;
            table.iter().map(|row| row.region().end()).max()
        })
        .unwrap_or(0);
    let size = known.end().max(needed).max(MIB).next_power_of_two();
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Rows up to the first that is no partition.
pub(super) fn rows(table: &[u8], known: Known<'_>) -> Vec<PartitionView> {
    use crate::partition_csv::{kind_name, subtype_name};

    table
        .as_chunks()
        .0
        .iter()
        .map_while(|row| Partition::parse(row).ok())
        .map(|row| PartitionView {
            name: shown::label(&row.label),
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
            beyond_dump: !known.covers(row.offset, row.size),
        })
        .collect()
}

/// Every place where some chip looks for its bootloader.
pub(super) fn bootloader_offsets() -> Vec<u32> {
    let mut offsets: Vec<u32> = CHIPS.iter().map(|chip| chip.bootloader_offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}
