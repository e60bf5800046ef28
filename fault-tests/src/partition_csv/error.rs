//! Why a partition table is refused, in the tool's words, and what it warns about.

use std::fmt;

use super::keyword::Keywords;
use super::number::{Hex, Number};
use super::row::Row;

/// Why a partition table is refused. The text is what `gen_esp32part.py` prints, except for the
/// variants of which the documentation says that the tool ends in a Python traceback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// A line of the CSV cannot be read.
    #[error(
        "Error at line {line}: {error}\nPlease check extra_partition_subtypes.inc file in build/config directory"
    )]
    Line {
        /// Line number, the first is 1.
        line: usize,
        /// What is wrong with it.
        error: Box<CsvError>,
    },
    /// A field cannot be read; comes inside [`CsvError::Line`].
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A line starts with an environment variable that does not exist.
    #[error("unknown variable '{name}'")]
    UnknownVariable {
        /// Its name.
        name: String,
    },
    /// The primary bootloader would not lie below the table.
    #[error(
        "Unsupported configuration. Primary bootloader must be below partition table. Check --primary-bootloader-offset={primary:#x} and --offset={table_offset:#x}"
    )]
    BootloaderAboveTable {
        /// Flash address of the primary bootloader.
        primary: u32,
        /// Flash address of the partition table.
        table_offset: u32,
    },
    /// The first partition starts inside or below the table's own sector.
    #[error(
        "CSV Error at line {line}: Partitions overlap. Partition sets offset {}. But partition table occupies the whole sector {}. Use a free offset {} or higher.",
        Hex(*offset), Hex(*table_offset), Hex(*free)
    )]
    BelowTable {
        /// Line number, the first is 1.
        line: usize,
        /// The partition's offset.
        offset: Number,
        /// The table's offset.
        table_offset: Number,
        /// The lowest free offset.
        free: Number,
    },
    /// A partition starts before the one above it in the file ends.
    #[error(
        "CSV Error at line {line}: Partitions overlap. Partition sets offset {}. Previous partition ends {}",
        Hex(*offset), Hex(*previous_end)
    )]
    Overlap {
        /// Line number, the first is 1.
        line: usize,
        /// The partition's offset.
        offset: Number,
        /// Where the one before it ends.
        previous_end: Number,
    },
    /// One partition breaks a rule.
    #[error("Partition {name} invalid: {rule}")]
    Row {
        /// The partition's name.
        name: String,
        /// The rule.
        rule: RowRule,
    },
    /// Two partitions have one name.
    #[error(
        "A list of partitions that have the same name:\n{}Partition names must be unique",
        Listed(partitions)
    )]
    SameName {
        /// All partitions whose name is not unique, sorted by name.
        partitions: Vec<Row>,
    },
    /// A partition lies below the first free offset.
    #[error("Partition offset {} is below {}", Hex(*offset), Hex(*free))]
    OffsetBelowTable {
        /// The partition's offset.
        offset: Number,
        /// The lowest free offset.
        free: Number,
    },
    /// Two partitions share flash.
    #[error("Partition at {} overlaps {}-{}", Hex(*offset), Hex(*start), Hex(*last))]
    Overlaps {
        /// The offset of the higher one.
        offset: Number,
        /// First byte of the lower one.
        start: Number,
        /// Last byte of the lower one.
        last: Number,
    },
    /// More than one otadata partition.
    #[error("{}Found multiple {} partitions. Only one partition can be defined with {}.", Listed(partitions), kind.name(), kind.row())]
    ManyOtadata {
        /// Which kind.
        kind: Otadata,
        /// The partitions.
        partitions: Vec<Row>,
    },
    /// An otadata partition that is not two sectors.
    #[error("{partition}\n{} partition must have size = 0x2000", kind.name())]
    OtadataSize {
        /// Which kind.
        kind: Otadata,
        /// The partition.
        partition: Row,
    },
    /// The last partition ends beyond the flash.
    #[error(
        "Partitions tables occupies {:.1}MB of flash ({end} bytes) which does not fit in configured flash size {}MB. Change the flash size in menuconfig under the 'Serial Flasher Config' menu.",
        megabytes(*end), flash_size / 0x10_0000
    )]
    BeyondFlash {
        /// First address after the partition that starts last.
        end: Number,
        /// Size of the flash in bytes.
        flash_size: u32,
    },
    /// Too many partitions for one table.
    #[error("Binary partition table length ({length}) longer than max")]
    TooLong {
        /// Length of the rows and the MD5 row in bytes.
        length: usize,
    },
    /// A binary table with a piece of a row at the end.
    #[error("Partition table length must be a multiple of 32 bytes")]
    PartialRow,
    /// A binary table without an erased row after the last one.
    #[error("Partition table is missing an end-of-table marker")]
    NoEnd,
    /// The MD5 row does not match the rows before it.
    #[error(
        "MD5 checksums don't match! (computed: 0x{}, parsed: 0xb'{}')",
        LowerHex(computed),
        LowerHex(parsed)
    )]
    Md5 {
        /// MD5 of the rows.
        computed: [u8; 16],
        /// MD5 in the table.
        parsed: [u8; 16],
    },
    /// A row of a binary table that is neither a partition nor the MD5 row.
    #[error("Invalid magic bytes ({}) for partition definition", PythonBytes(*magic))]
    Magic {
        /// The row's first two bytes.
        magic: [u8; 2],
    },
    /// A name in a binary table that is no text. The tool ends in a traceback.
    #[error("the label of row {row} is not UTF-8 text: {}", LowerHex(label))]
    Label {
        /// Row number, the first is 0.
        row: usize,
        /// The label up to its first NUL.
        label: Vec<u8>,
    },
    /// Neither a binary table nor text. The tool ends in a traceback.
    #[error(
        "not a partition table: a binary one begins with aa 50, and as a CSV it is not {encoding} text at offset {offset:#x}"
    )]
    NotText {
        /// The encoding, as the byte-order mark says.
        encoding: &'static str,
        /// Offset in the file of the first byte that is no text.
        offset: usize,
    },
    /// A number that the binary table cannot hold. The tool ends in a traceback.
    #[error("Partition {name}: {field} {} does not fit into the {bits} bits that the binary table has for it", Hex(*value))]
    DoesNotFit {
        /// The partition's name.
        name: String,
        /// Which number.
        field: &'static str,
        /// Its value.
        value: Number,
        /// Width of the field.
        bits: u32,
    },
    /// A number beyond any flash; the tool, which counts without bound, refuses it later.
    #[error("number {value} is too large")]
    NumberTooLarge {
        /// The field.
        value: String,
    },
}

/// What is wrong with one field of a CSV line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The type is empty.
    #[error("Field 'type' can't be left empty.")]
    NoType,
    /// The subtype of an app is empty.
    #[error("App partition cannot have an empty subtype")]
    NoAppSubtype,
    /// The size is empty.
    #[error("Size field can't be empty")]
    NoSize,
    /// Neither a number nor one of the names.
    #[error("Value '{value}' is not valid. Known keywords: {keywords}")]
    Unknown {
        /// The field.
        value: String,
        /// The names it may have.
        keywords: Keywords,
    },
    /// Not a number, and no name is possible.
    #[error("Invalid field value {value}")]
    Invalid {
        /// The field.
        value: String,
    },
    /// A flag that does not exist.
    #[error("CSV flag column contains unknown flag '{flag}'")]
    UnknownFlag {
        /// The flag.
        flag: String,
    },
    /// A bootloader row needs to know where the primary bootloader is.
    #[error("Primary bootloader offset is not defined. Please use --primary-bootloader-offset")]
    NoPrimaryBootloader,
    /// A recovery bootloader row needs to know where that is.
    #[error("Recovery bootloader offset is not defined. Please use --recovery-bootloader-offset")]
    NoRecoveryBootloader,
}

/// A rule that each partition must keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowRule {
    /// The offset is not aligned.
    #[error("Offset {} is not aligned to {}", Hex(*offset), Hex(*alignment))]
    Offset {
        /// The partition's offset.
        offset: Number,
        /// What it must be a multiple of.
        alignment: Number,
    },
    /// The size of an app is not aligned.
    #[error("Size {} is not aligned to {}", Hex(*size), Hex(*alignment))]
    Size {
        /// The partition's size.
        size: Number,
        /// What it must be a multiple of.
        alignment: Number,
    },
    /// otadata and coredump must be writable.
    #[error(
        "'{name}' partition of type {kind} and subtype {subtype} is always read-write and cannot be read-only"
    )]
    Readonly {
        /// The partition's name.
        name: String,
        /// Its type.
        kind: Number,
        /// Its subtype.
        subtype: Number,
    },
    /// A small NVS partition cannot be written.
    #[error(
        "'{name}' partition of type {kind} and subtype {subtype} of this size ({}) must be flagged as 'readonly' (the size of read/write NVS has to be at least 0x3000)",
        Hex(*size)
    )]
    SmallNvs {
        /// The partition's name.
        name: String,
        /// Its type.
        kind: Number,
        /// Its subtype.
        subtype: Number,
        /// Its size.
        size: Number,
    },
}

/// The two kinds of otadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otadata {
    /// The application's.
    Application,
    /// That of the trusted execution environment.
    Tee,
}

impl Otadata {
    const fn name(self) -> &'static str {
        match self {
            Self::Application => "otadata",
            Self::Tee => "TEE otadata",
        }
    }

    const fn row(self) -> &'static str {
        match self {
            Self::Application => "type=\"data\"(1) and subtype=\"ota\"(0)",
            Self::Tee => "type=\"data\"(1) and subtype=\"tee_ota\"(0x90)",
        }
    }
}

/// What the tool warns about and accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The partition is named like a type that it does not have.
    TypeName {
        /// The partition's name.
        name: String,
        /// Its type.
        kind: Number,
    },
    /// The partition is named like a subtype that it does not have.
    SubtypeName {
        /// The partition's name.
        name: String,
        /// Its type.
        kind: Number,
        /// Its subtype.
        subtype: Number,
    },
    /// Flag bits without a meaning in a binary table; they are lost on the way to CSV.
    Flags(u32),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TypeName { name, kind } => write!(
                f,
                "WARNING: Partition has name '{name}' which is a partition type, but does not match this partition's type ({}). Mistake in partition table?",
                Hex(*kind)
            ),
            Self::SubtypeName {
                name,
                kind,
                subtype,
            } => write!(
                f,
                "WARNING: Partition has name '{name}' which is a partition subtype, but this partition has non-matching type {} and subtype {}. Mistake in partition table?",
                Hex(*kind),
                Hex(*subtype)
            ),
            Self::Flags(flags) => write!(
                f,
                "WARNING: Partition definition had unknown flag(s) 0x{flags:08x}. Newer binary format?"
            ),
        }
    }
}

struct Listed<'a>(&'a [Row]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

struct LowerHex<'a>(&'a [u8]);

impl fmt::Display for LowerHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Two bytes as Python prints a `bytes` object.
struct PythonBytes([u8; 2]);

impl fmt::Display for PythonBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains(&b'\'') && !self.0.contains(&b'"') {
            '"'
        } else {
            '\''
        };
        write!(f, "b{quote}")?;
        for byte in self.0 {
            match byte {
                b'\t' => f.write_str("\\t")?,
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\\' => f.write_str("\\\\")?,
                b'\'' if quote == '\'' => f.write_str("\\'")?,
                b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        write!(f, "{quote}")
    }
}

#[allow(clippy::cast_precision_loss, reason = "one decimal is printed")]
fn megabytes(bytes: Number) -> f64 {
    bytes as f64 / f64::from(0x10_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_print_as_in_python() {
        for (bytes, expected) in [
            (*b"\xEB\xEB", r"b'\xeb\xeb'"),
            (*b"a\n", r"b'a\n'"),
            (*b"a'", r#"b"a'""#),
            (*b"\"'", r#"b'"\''"#),
            (*b"\\\x7F", r"b'\\\x7f'"),
        ] {
            assert_eq!(PythonBytes(bytes).to_string(), expected);
        }
    }
}
