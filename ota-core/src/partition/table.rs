//! A whole table, checked.
//!
//! The bootloader and the application read the same bytes by different rules. The bootloader
//! wants a terminator and takes the MD5 row or leaves it; the application wants the MD5 row and
//! stops at whatever is not a partition. So there are two ways in, and the view remembers which
//! one it came through, because they also differ in which row counts when two name the same
//! slot.
//!
//! Sources: ESP-IDF `bootloader_support/src/flash_partitions.c` (the bootloader's check),
//! `bootloader_support/src/bootloader_utility.c` (what it makes of the rows) and
//! `esp_partition/partition.c` (the application).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use md5::{Digest, Md5};

use super::row::{self, MAGIC, MD5_MAGIC};
use super::{Partition, ROW_LEN, Slot, SubType, TABLE_LEN, Type};
use crate::error::EspErr;
use crate::flash::SECTOR;
use crate::wire;

/// Rows the bootloader looks at: the table proper.
const BOOTLOADER_ROWS: usize = TABLE_LEN / ROW_LEN;
/// Rows the application looks at: the whole sector.
const APPLICATION_ROWS: usize = SECTOR as usize / ROW_LEN;
/// Length of the stored MD5.
const MD5_LEN: usize = 16;
/// Where the MD5 is in its row. What is before it, magic apart, is not looked at.
const MD5_AT: usize = 16;

/// A checked partition table, over the caller's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionTable<'a> {
    rows: &'a [[u8; ROW_LEN]],
    reader: Reader,
}

/// Whose rules the table passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reader {
    Bootloader,
    Application,
}

impl<'a> PartitionTable<'a> {
    /// The table as the second-stage bootloader reads it, on a flash of `flash_size` bytes.
    ///
    /// Checked: each partition lies inside the flash; an MD5 row, if there is one, matches the
    /// rows before it; a terminator follows within 96 rows. Not checked: overlaps, alignment,
    /// duplicates, types, labels.
    ///
    /// Rows after the MD5 row are taken although nothing covers them. The reference then counts
    /// one row too few, starting with the MD5 row: such a table has the MD5 row among its
    /// partitions (as one of type `0xFF`, unless its filler bytes say otherwise), and its last
    /// partition is lost. So it is here.
    ///
    /// `bytes` holds the table from its first row, [`TABLE_LEN`] bytes of it; more are not looked
    /// at, and fewer are refused unless the terminator is among them.
    ///
    /// # Errors
    /// [`TableError`]: each one sends the device into a reset loop.
    pub fn for_bootloader(bytes: &'a [u8], flash_size: u32) -> Result<Self, TableError> {
        let (rows, _) = bytes.as_chunks::<ROW_LEN>();
        let mut md5_seen = false;
        for (index, row) in rows.iter().take(BOOTLOADER_ROWS).enumerate() {
            match row::magic(row) {
                MAGIC => {
                    let Partition { offset, size, .. } = Partition::parse_any(row);
                    if offset > flash_size || size > flash_size.saturating_sub(offset) {
                        return Err(TableError::OutsideFlash {
                            row: index,
                            offset,
                            size,
                            flash_size,
                        });
                    }
                }
                MD5_MAGIC if md5_seen => return Err(TableError::SecondMd5 { row: index }),
                MD5_MAGIC => {
                    check_md5(rows, index)?;
                    md5_seen = true;
                }
                _ if is_end(row) && index == 0 => return Err(TableError::Empty),
                _ if is_end(row) => {
                    let count = index.saturating_sub(usize::from(md5_seen));
                    let rows = rows.get(..count).unwrap_or_default();
                    return Ok(Self {
                        rows,
                        reader: Reader::Bootloader,
                    });
                }
                found => return Err(TableError::Magic { row: index, found }),
            }
        }
        Err(TableError::Unterminated {
            rows: rows.len().min(BOOTLOADER_ROWS),
        })
    }

    /// The table as an application reads it.
    ///
    /// Partitions are the rows up to the first that is not one. `md5_required` is
    /// `CONFIG_PARTITION_TABLE_MD5`, on by default: that row must then be the MD5 row, and match.
    /// Nothing else is checked, not even that partitions lie inside the flash.
    ///
    /// The reference looks at the whole sector, 4096 bytes. `bytes` may be shorter and is then
    /// taken to be followed by erased flash.
    ///
    /// # Errors
    /// [`TableError::Md5Missing`] and [`TableError::Md5Mismatch`]: the application then sees no
    /// partition at all.
    pub fn for_application(bytes: &'a [u8], md5_required: bool) -> Result<Self, TableError> {
        let (rows, _) = bytes.as_chunks::<ROW_LEN>();
        let rows = rows.get(..APPLICATION_ROWS).unwrap_or(rows);
        let count = rows
            .iter()
            .position(|row| row::magic(row) != MAGIC)
            .unwrap_or(rows.len());
        if md5_required {
            match rows.get(count).map(row::magic) {
                Some(MD5_MAGIC) => check_md5(rows, count)?,
                _ => return Err(TableError::Md5Missing { row: count }),
            }
        }
        let rows = rows.get(..count).unwrap_or_default();
        Ok(Self {
            rows,
            reader: Reader::Application,
        })
    }

    /// Number of partitions, as the reference counts them.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no partition at all. Only an application can meet such a table.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The partitions in table order, [`PartitionTable::len`] of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Partition> + ExactSizeIterator + use<'a> {
        self.rows.iter().map(Partition::parse_any)
    }

    /// The first partition of this type, and of this subtype if one is given.
    #[must_use]
    pub fn find(&self, kind: Type, subtype: Option<SubType>) -> Option<Partition> {
        self.iter()
            .find(|p| p.kind == kind && subtype.is_none_or(|s| s == p.subtype))
    }

    /// The app partition of a slot.
    ///
    /// Where two rows name the same slot the bootloader uses the last, the application the first.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> Option<Partition> {
        self.one(Type::APP, slot.subtype())
    }

    /// The partition with the boot selection (data, ota).
    ///
    /// Where there are several the bootloader uses the last, the application the first.
    #[must_use]
    pub fn otadata(&self) -> Option<Partition> {
        self.one(Type::DATA, SubType::OTA)
    }

    /// Number of update slots as the application counts them: `ota_0`, `ota_1`, … up to the
    /// first that is missing, at most 16.
    ///
    /// The reference counts on past 16 when there is a test partition as well, and aborts.
    #[must_use]
    pub fn ota_count(&self) -> u32 {
        (0..16u8)
            .take_while(|&n| self.find(Type::APP, Some(SubType::ota(n))).is_some())
            .map(|_| 1)
            .sum()
    }

    /// Number of update slots as the bootloader counts them: app rows with an `ota_N` subtype,
    /// in any order, gaps ignored, duplicates counted.
    ///
    /// A slot whose number is not below this count can never be booted.
    #[must_use]
    pub fn boot_ota_count(&self) -> u32 {
        self.iter()
            .filter(|p| matches!(p.slot(), Some(Slot::Ota(_))))
            .map(|_| 1)
            .sum()
    }

    /// The row that counts for this reader.
    fn one(&self, kind: Type, subtype: SubType) -> Option<Partition> {
        let wanted = |p: &Partition| p.kind == kind && p.subtype == subtype;
        match self.reader {
            Reader::Bootloader => self.iter().rfind(wanted),
            Reader::Application => self.iter().find(wanted),
        }
    }
}

/// Whether the row is a terminator. Only its first four bytes are looked at.
fn is_end(row: &[u8; ROW_LEN]) -> bool {
    wire::bytes::<0, 4, ROW_LEN>(row) == [0xFF; 4]
}

/// Compares the MD5 that row `index` carries with that of the rows before it.
fn check_md5(rows: &[[u8; ROW_LEN]], index: usize) -> Result<(), TableError> {
    let (Some(covered), Some(row)) = (rows.get(..index), rows.get(index)) else {
        return Err(TableError::Md5Missing { row: index });
    };
    let stored = wire::bytes::<MD5_AT, MD5_LEN, ROW_LEN>(row);
    let computed: [u8; MD5_LEN] = Md5::digest(covered.as_flattened()).into();
    if stored == computed {
        Ok(())
    } else {
        Err(TableError::Md5Mismatch {
            row: index,
            stored,
            computed,
        })
    }
}

/// Why a table is refused. Rows are counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableError {
    /// A partition ends past the flash.
    OutsideFlash {
        /// Its row.
        row: usize,
        /// Its offset.
        offset: u32,
        /// Its size.
        size: u32,
        /// The size of the flash.
        flash_size: u32,
    },
    /// There are two MD5 rows.
    SecondMd5 {
        /// The second.
        row: usize,
    },
    /// The MD5 is not that of the rows before it.
    Md5Mismatch {
        /// The MD5 row.
        row: usize,
        /// What it says.
        stored: [u8; 16],
        /// What the rows say.
        computed: [u8; 16],
    },
    /// The partitions are not followed by an MD5 row.
    Md5Missing {
        /// The row after the last partition.
        row: usize,
    },
    /// The first row is a terminator: nothing was ever written here.
    Empty,
    /// A row is neither a partition, nor the MD5, nor a terminator.
    Magic {
        /// The row.
        row: usize,
        /// Its first two bytes.
        found: [u8; 2],
    },
    /// No terminator ends the table.
    Unterminated {
        /// The number of rows looked at.
        rows: usize,
    },
}

impl TableError {
    /// The value of `esp_partition_table_verify` (bootloader) or `load_partitions` (application).
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::OutsideFlash { .. } => EspErr::INVALID_SIZE,
            Self::Md5Missing { .. } => EspErr::NOT_FOUND,
            Self::SecondMd5 { .. }
            | Self::Md5Mismatch { .. }
            | Self::Empty
            | Self::Magic { .. }
            | Self::Unterminated { .. } => EspErr::INVALID_STATE,
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideFlash {
                row,
                offset,
                size,
                flash_size,
            } => write!(
                f,
                "row {row}: 0x{size:x} bytes at 0x{offset:x} do not fit a flash of 0x{flash_size:x} bytes"
            ),
            Self::SecondMd5 { row } => write!(f, "row {row}: a second MD5 row"),
            Self::Md5Mismatch { row, .. } => {
                write!(f, "row {row}: the MD5 does not match the rows before it")
            }
            Self::Md5Missing { row } => {
                write!(f, "row {row}: the MD5 row is missing")
            }
            Self::Empty => f.write_str("the table is erased"),
            Self::Magic { row, found: [a, b] } => write!(
                f,
                "row {row}: it starts with {a:02x} {b:02x}, which is no row of a partition table"
            ),
            Self::Unterminated { rows } => {
                write!(f, "no terminator within {rows} rows")
            }
        }
    }
}

impl core::error::Error for TableError {}

#[cfg(test)]
mod tests;
