//! One partition: from its fields in a CSV line to values, and back to a CSV line.

use std::fmt;

use super::Options;
use super::error::{CsvError, FieldError};
use super::keyword::{
    APP, BOOTLOADER, DATA_UNDEFINED, Keywords, PARTITION_TABLE, PRIMARY, RECOVERY, TYPES, subtypes,
};
use super::number::{Hex, Number, parse};
use super::text::strip;

/// Size of the sector that a partition table fills.
pub(super) const TABLE_SECTOR: Number = 0x1000;

/// A partition with everything known. Values may still be outside what the binary format holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Any length; the binary table keeps the first 16 bytes.
    pub name: String,
    /// Partition type, 0 to 255 in a binary table.
    pub kind: Number,
    /// Subtype, 0 to 255 in a binary table.
    pub subtype: Number,
    /// Flash address in bytes.
    pub offset: Number,
    /// Size in bytes.
    pub size: Number,
    /// Flag bit 0: encrypted when flash encryption is on.
    pub encrypted: bool,
    /// Flag bit 1: the application may not write to it.
    pub readonly: bool,
}

impl Row {
    /// The primary bootloader and the primary partition table lie where the options say.
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self.kind, BOOTLOADER | PARTITION_TABLE) && self.subtype == PRIMARY
    }

    /// Offsets must be multiples of this.
    pub(super) const fn alignment(&self) -> Number {
        alignment(self.kind)
    }
}

const fn alignment(kind: Number) -> Number {
    if kind == APP { 0x1_0000 } else { 0x1000 }
}

/// Prints the CSV line, as the tool does.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{},{},{},{},{},",
            self.name,
            named(self.kind, TYPES),
            named(self.subtype, subtypes(self.kind)),
            Hex(self.offset),
            size(self.size)
        )?;
        f.write_str(match (self.encrypted, self.readonly) {
            (false, false) => "",
            (true, false) => "encrypted",
            (false, true) => "readonly",
            (true, true) => "encrypted:readonly",
        })
    }
}

fn named(value: Number, keywords: Keywords) -> String {
    keywords
        .name(value)
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn size(size: Number) -> String {
    if size % 0x10_0000 == 0 {
        format!("{}M", size / 0x10_0000)
    } else if size % 0x400 == 0 {
        format!("{}K", size / 0x400)
    } else {
        Hex(size).to_string()
    }
}

/// The tool's name of a type, or its number.
pub(crate) fn kind_name(kind: u8) -> String {
    named(kind.into(), TYPES)
}

/// The tool's name of a subtype, or its number.
pub(crate) fn subtype_name(kind: u8, subtype: u8) -> String {
    named(subtype.into(), subtypes(kind.into()))
}

/// A size as the tool prints it: `1M`, `24K`, or hexadecimal.
pub(crate) fn size_text(bytes: u32) -> String {
    size(bytes.into())
}

/// A line of a CSV: the offset may be left to the layout, the size may be negative ("ends at").
pub(super) struct Draft {
    pub(super) line: usize,
    /// Holds offset 0 until the layout gives it one.
    pub(super) row: Row,
    pub(super) has_offset: bool,
}

impl Draft {
    pub(super) fn parse(text: &str, line: usize, options: &Options) -> Result<Self, CsvError> {
        let mut fields = text.split(',').map(strip).chain(std::iter::repeat(""));
        let mut field = || fields.next().unwrap_or("");
        let name = field().to_owned();
        let kind = parse_kind(field())?;
        let subtype = parse_subtype(field(), kind)?;
        let offset = parse_offset(field(), kind, subtype, options)?;
        let size = parse_size(field(), kind, options)?;
        let (encrypted, readonly) = parse_flags(field())?;
        Ok(Self {
            line,
            row: Row {
                name,
                kind,
                subtype,
                offset: offset.unwrap_or(0),
                size,
                encrypted,
                readonly,
            },
            has_offset: offset.is_some(),
        })
    }
}

fn parse_kind(field: &str) -> Result<Number, CsvError> {
    if field.is_empty() {
        return Err(FieldError::NoType.into());
    }
    parse(field, TYPES)
}

fn parse_subtype(field: &str, kind: Number) -> Result<Number, CsvError> {
    if !field.is_empty() {
        return parse(field, subtypes(kind));
    }
    if kind == APP {
        return Err(FieldError::NoAppSubtype.into());
    }
    Ok(DATA_UNDEFINED)
}

fn parse_offset(
    field: &str,
    kind: Number,
    subtype: Number,
    options: &Options,
) -> Result<Option<Number>, CsvError> {
    let given = match (kind, subtype) {
        (BOOTLOADER, PRIMARY) => options
            .primary_bootloader_offset
            .ok_or(FieldError::NoPrimaryBootloader)?,
        (BOOTLOADER, RECOVERY) => options
            .recovery_bootloader_offset
            .ok_or(FieldError::NoRecoveryBootloader)?,
        (PARTITION_TABLE, PRIMARY) => options.table_offset,
        _ if field.is_empty() => return Ok(None),
        _ => return parse(field, Keywords::NONE).map(Some),
    };
    Ok(Some(given.into()))
}

fn parse_size(field: &str, kind: Number, options: &Options) -> Result<Number, CsvError> {
    match kind {
        BOOTLOADER => {
            let primary = options
                .primary_bootloader_offset
                .ok_or(FieldError::NoPrimaryBootloader)?;
            Ok(Number::from(options.table_offset) - Number::from(primary))
        }
        PARTITION_TABLE => Ok(TABLE_SECTOR),
        _ if field.is_empty() => Err(FieldError::NoSize.into()),
        _ => parse(field, Keywords::NONE),
    }
}

fn parse_flags(field: &str) -> Result<(bool, bool), CsvError> {
    let (mut encrypted, mut readonly) = (false, false);
    for flag in field.split(':') {
        match flag {
            "" => {}
            "encrypted" => encrypted = true,
            "readonly" => readonly = true,
            _ => {
                return Err(FieldError::UnknownFlag { flag: flag.into() }.into());
            }
        }
    }
    Ok((encrypted, readonly))
}

/// Places every row: cursor after the table, each row where it says or at the next free address.
pub(super) fn lay_out(drafts: Vec<Draft>, options: &Options) -> Result<Vec<Row>, CsvError> {
    let table_offset = Number::from(options.table_offset);
    let mut cursor = table_offset + TABLE_SECTOR;
    let mut rows: Vec<Row> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Draft {
            line,
            mut row,
            has_offset,
        } = draft;
        if !row.is_fixed() {
            if has_offset && row.offset < cursor {
                // The tool compares values: a later row that equals the first one gets its message.
                let is_first = match rows.first() {
                    None => true,
                    Some(first) => same_place(first, &row),
                };
                return Err(if is_first {
                    CsvError::BelowTable {
                        line,
                        offset: row.offset,
                        table_offset,
                        free: cursor,
                    }
                } else {
                    CsvError::Overlap {
                        line,
                        offset: row.offset,
                        previous_end: cursor,
                    }
                });
            }
            if !has_offset {
                row.offset = next_multiple(cursor, row.alignment());
            }
            if row.size < 0 {
                row.size = -row.size - row.offset;
            }
            cursor = row.offset + row.size;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn same_place(a: &Row, b: &Row) -> bool {
    (&a.name, a.kind, a.subtype, a.offset, a.size) == (&b.name, b.kind, b.subtype, b.offset, b.size)
}

/// The next multiple at or after, also for the negative numbers that a careless file can reach.
const fn next_multiple(number: Number, multiple: Number) -> Number {
    let rest = number.rem_euclid(multiple);
    if rest == 0 {
        number
    } else {
        number + multiple - rest
    }
}
