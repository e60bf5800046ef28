//! The rules between partitions and for each of them, in the tool's order: the first broken one is
//! the verdict.

use super::error::{CsvError, Otadata, RowRule, Warning};
use super::keyword::{
    APP, DATA, DATA_COREDUMP, DATA_NVS, DATA_OTA, DATA_TEE_OTA, TYPES, names_a_subtype, subtypes,
};
use super::number::Number;
use super::row::{Row, TABLE_SECTOR};
use super::{Options, SecureBoot};

/// NVS needs two sectors for its data and one to move it; a smaller one can only be read.
const SMALLEST_WRITABLE_NVS: Number = 0x3000;

/// Two sectors, one for each entry.
const OTADATA_SIZE: Number = 0x2000;

pub(super) fn check(
    rows: &[Row],
    options: &Options,
    warnings: &mut Vec<Warning>,
) -> Result<(), CsvError> {
    for row in rows {
        check_row(row, options, warnings).map_err(|rule| CsvError::Row {
            name: row.name.clone(),
            rule,
        })?;
    }
    check_names(rows)?;
    check_places(rows, options)?;
    check_otadata(rows, DATA_OTA, Otadata::Application)?;
    check_otadata(rows, DATA_TEE_OTA, Otadata::Tee)
}

fn check_row(row: &Row, options: &Options, warnings: &mut Vec<Warning>) -> Result<(), RowRule> {
    let alignment = row.alignment();
    if row.offset % alignment != 0 {
        return Err(RowRule::Offset {
            offset: row.offset,
            alignment,
        });
    }
    if row.kind == APP {
        // Secure boot v1 puts its signature at the end of a 64 KiB block.
        let alignment = match options.secure {
            Some(SecureBoot::V1) => 0x1_0000,
            Some(SecureBoot::V2) | None => 0x1000,
        };
        if row.size % alignment != 0 {
            return Err(RowRule::Size {
                size: row.size,
                alignment,
            });
        }
    }
    warn_about_name(row, warnings);
    if row.kind != DATA {
        return Ok(());
    }
    if row.readonly && matches!(row.subtype, DATA_OTA | DATA_COREDUMP) {
        return Err(RowRule::Readonly {
            name: row.name.clone(),
            kind: row.kind,
            subtype: row.subtype,
        });
    }
    if row.subtype == DATA_NVS && row.size < SMALLEST_WRITABLE_NVS && !row.readonly {
        return Err(RowRule::SmallNvs {
            name: row.name.clone(),
            kind: row.kind,
            subtype: row.subtype,
            size: row.size,
        });
    }
    Ok(())
}

fn warn_about_name(row: &Row, warnings: &mut Vec<Warning>) {
    let (name, kind, subtype) = (row.name.as_str(), row.kind, row.subtype);
    if TYPES.value(name).is_some_and(|named| kind != named.into()) {
        warnings.push(Warning::TypeName {
            name: name.to_owned(),
            kind,
        });
    }
    let own = subtypes(kind).value(name).map(Number::from);
    if names_a_subtype(name) && own != Some(subtype) {
        warnings.push(Warning::SubtypeName {
            name: name.to_owned(),
            kind,
            subtype,
        });
    }
}

/// Names are compared whole, before they are cut to the 16 bytes of a label.
fn check_names(rows: &[Row]) -> Result<(), CsvError> {
    let mut partitions: Vec<Row> = rows
        .iter()
        .filter(|row| rows.iter().filter(|other| other.name == row.name).count() > 1)
        .cloned()
        .collect();
    if partitions.is_empty() {
        return Ok(());
    }
    partitions.sort_by(|a, b| a.name.cmp(&b.name));
    Err(CsvError::SameName { partitions })
}

fn check_places(rows: &[Row], options: &Options) -> Result<(), CsvError> {
    let free = Number::from(options.table_offset) + TABLE_SECTOR;
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| row.offset);
    let mut previous: Option<&Row> = None;
    for row in sorted {
        let offset = row.offset;
        if offset < free && !row.is_fixed() {
            return Err(CsvError::OffsetBelowTable { offset, free });
        }
        if let Some(previous) = previous
            && offset < previous.offset + previous.size
        {
            return Err(CsvError::Overlaps {
                offset,
                start: previous.offset,
                last: previous.offset + previous.size - 1,
            });
        }
        previous = Some(row);
    }
    Ok(())
}

fn check_otadata(rows: &[Row], subtype: Number, kind: Otadata) -> Result<(), CsvError> {
    let found: Vec<&Row> = rows
        .iter()
        .filter(|row| row.kind == DATA && row.subtype == subtype)
        .collect();
    match found.as_slice() {
        [] => Ok(()),
        [only] if only.size == OTADATA_SIZE => Ok(()),
        [only] => Err(CsvError::OtadataSize {
            kind,
            partition: (*only).clone(),
        }),
        many => Err(CsvError::ManyOtadata {
            kind,
            partitions: many.iter().map(|row| (*row).clone()).collect(),
        }),
    }
}

/// The partition that starts last must end inside the flash; the tool looks at no other.
pub(super) fn check_fits(rows: &[Row], flash_size: u32) -> Result<(), CsvError> {
    let mut last: Option<&Row> = None;
    for row in rows {
        if last.is_none_or(|last| row.offset > last.offset) {
            last = Some(row);
        }
    }
    let end = last.map_or(0, |row| row.offset + row.size);
    if Number::from(flash_size) < end {
        return Err(CsvError::BeyondFlash { end, flash_size });
    }
    Ok(())
}
