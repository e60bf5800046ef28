//! A partition table from a file, binary or CSV.

use std::path::{Path, PathBuf};

use ota_core::partition::{ROW_LEN, TABLE_LEN, TableError};
use ota_core::{Partition, PartitionTable, Slot};

use super::{InputError, MAX_FLASH, Place, Problem, limit, read};
use crate::partition_csv::{self, Options, Output, Warning};

/// A table that the bootloader accepts.
#[derive(Clone, Debug)]
pub struct TableFile {
    /// Where it comes from.
    pub file: PathBuf,
    /// The binary table.
    pub binary: Box<[u8; TABLE_LEN]>,
    /// The partitions as the bootloader reads them.
    pub partitions: Vec<Partition>,
    /// Where the rows end in the file.
    end_of_rows: Place,
    /// What the conversion from CSV warns about.
    pub warnings: Vec<Warning>,
}

/// Reads a partition table. A CSV is converted as `gen_esp32part.py` would; a binary table must be one
/// that the bootloader accepts.
///
/// # Errors
/// The file cannot be read, or is refused.
pub fn partition_table(path: &Path, options: &Options) -> Result<TableFile, InputError> {
    TableFile::new(path, &read(path, "partition table", limit::TABLE)?, options)
}

impl TableFile {
    /// As [`partition_table`], of bytes that come from `file`.
    pub fn new(file: &Path, bytes: &[u8], options: &Options) -> Result<Self, InputError> {
        let mut warnings = Vec::new();
        let mut found = bytes.to_vec();
        if !partition_csv::is_binary(bytes) {
            let converted = partition_csv::convert(bytes, options)
                .map_err(|refused| InputError::new(file, Place::Whole, refused))?;
            warnings = converted.warnings;
            if let Output::Binary(table) = converted.output {
                found = table;
            }
        }
        let flash_size = options.flash_size.unwrap_or(u32::MAX);
        let partitions = match PartitionTable::for_bootloader(&found, flash_size) {
            Ok(table) => table.iter().collect::<Vec<_>>(),
            Err(error) => return Err(InputError::new(file, place_of(&error, 0), error)),
        };
        // A file may hold the whole sector, with a signature behind the table.
        let length = found.len().min(TABLE_LEN);
        let mut binary = Box::new([0xFF; TABLE_LEN]);
        binary[..length].copy_from_slice(&found[..length]);
        let end_of_rows = if partition_csv::is_binary(bytes) {
            Place::Offset((partitions.len() * ROW_LEN) as u64)
        } else {
            Place::Line(
                bytes
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .count(),
            )
        };
        Ok(Self {
            file: file.to_owned(),
            end_of_rows,
            binary,
            partitions,
            warnings,
        })
    }

    /// The slots that hold an application, in table order.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, Partition)> {
        self.partitions
            .iter()
            .filter_map(|row| Some((row.slot()?, *row)))
    }

    /// First flash address after the partition that ends last.
    #[must_use]
    pub fn end(&self) -> u64 {
        let ends = self.partitions.iter().map(|row| row.region().end());
        ends.max().unwrap_or(0)
    }

    /// Refuses a table without otadata, or without two OTA slots to update between. An application
    /// counts slots from `ota_0` to the first gap, so these must be `ota_0` and `ota_1`.
    pub fn check_updatable(&self) -> Result<(), InputError> {
        // What is missing would stand behind the last row.
        let error = |problem| Err(InputError::new(&self.file, self.end_of_rows, problem));
        let beyond = |row: &&Partition| row.region().end() > u64::from(MAX_FLASH);
        if let Some(row) = self.partitions.iter().find(beyond) {
            let problem = Problem::BeyondFlash {
                partition: crate::inspect::shown::label(&row.label),
                end: row.region().end(),
            };
            return Err(InputError::new(&self.file, Place::Whole, problem));
        }
        let slots: Vec<Slot> = self.slots().map(|(slot, _)| slot).collect();
        if !slots.contains(&Slot::Ota(0)) || !slots.contains(&Slot::Ota(1)) {
            return error(Problem::TooFewSlots { found: slots });
        }
        let is_otadata = |row: &&Partition| {
            (row.kind, row.subtype)
                == (
                    ota_core::partition::Type::DATA,
                    ota_core::partition::SubType::OTA,
                )
        };
        match self.partitions.iter().find(is_otadata) {
            Some(row) if row.size >= ota_core::otadata::MIN_SIZE => Ok(()),
            Some(row) => error(Problem::OtadataTooSmall { size: row.size }),
            None => error(Problem::NoOtadata),
        }
    }
}

/// The row that `error` is about, as a place in a file that holds the table from `from` on.
pub(crate) fn place_of(error: &TableError, from: u32) -> Place {
    let row = match error {
        TableError::OutsideFlash { row, .. }
        | TableError::SecondMd5 { row }
        | TableError::Md5Mismatch { row, .. }
        | TableError::Md5Missing { row }
        | TableError::Magic { row, .. } => *row,
        TableError::Empty => 0,
        TableError::Unterminated { rows } => *rows,
    };
    Place::Offset(u64::from(from) + (row * ROW_LEN) as u64)
}
