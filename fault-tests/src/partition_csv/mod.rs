//! Partition tables from CSV to binary and back, with the verdicts and messages of ESP-IDF's own
//! tool, `gen_esp32part.py` 1.5.
//!
//! The tool's oddities are kept on purpose: people's files have grown around it, and a table that a
//! build refuses must be refused here for the same reason. Among them: offsets must ascend in file
//! order; a negative size means "ends at"; names are compared whole but stored in 16 bytes; gaps and
//! doubles among the OTA slots are accepted; the last row of the table's space stays free, so that 94
//! partitions fit with the MD5 row and 95 without.
//!
//! Not here: subtypes that a project adds (`--extra-partition-subtypes`), and digits outside ASCII.

mod binary;
mod check;
mod error;
mod keyword;
mod number;
mod row;
mod text;

use std::fmt;

pub use error::{CsvError, FieldError, Otadata, RowRule, Warning};
pub use keyword::Keywords;
pub use number::Number;
pub use row::Row;
pub(crate) use row::{kind_name, size_text, subtype_name};

/// What the tool's command line can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Flash address of the partition table; default 0x8000.
    pub table_offset: u32,
    /// Size of the flash in bytes, a multiple of 1 MiB: partitions must end inside.
    pub flash_size: Option<u32>,
    /// Whether a binary table has an MD5 row; default true.
    pub md5: bool,
    /// Whether the rules are checked; default true.
    pub verify: bool,
    /// Secure boot, which changes the alignment of app sizes.
    pub secure: Option<SecureBoot>,
    /// Flash address of the bootloader; needed by rows of type bootloader.
    pub primary_bootloader_offset: Option<u32>,
    /// Flash address of the recovery bootloader; needed by its row.
    pub recovery_bootloader_offset: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            table_offset: 0x8000,
            flash_size: None,
            md5: true,
            verify: true,
            secure: None,
            primary_bootloader_offset: None,
            recovery_bootloader_offset: None,
        }
    }
}

/// The two schemes of secure boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// ESP32 only: app sizes are multiples of 64 KiB.
    V1,
    /// App sizes are multiples of 4 KiB, as without secure boot.
    V2,
}

/// A converted table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The partitions, in file order.
    pub rows: Vec<Row>,
    /// The other form of the input.
    pub output: Output,
    /// What to tell the user on standard error.
    pub warnings: Vec<Warning>,
}

/// The other form of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// From CSV: the table, 0xC00 bytes.
    Binary(Vec<u8>),
    /// From binary: CSV text.
    Csv(String),
}

/// A table that is refused. Prints all that the tool prints on standard error with `--quiet`: the
/// warnings that came before the error, then the error, without a newline at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Warnings that came before the error.
    pub warnings: Vec<Warning>,
    /// Why the table is refused.
    pub error: Box<CsvError>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "{warning}")?;
        }
        write!(f, "{}", self.error)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Whether these bytes are taken for a binary table; anything else is taken for CSV.
pub fn is_binary(input: &[u8]) -> bool {
    input.starts_with(&binary::MAGIC)
}

/// Converts CSV to a binary table, or a binary table to CSV. Variables in a CSV (`$NAME`, `${NAME}`)
/// are those of the process.
pub fn convert(input: &[u8], options: &Options) -> Result<Converted, Refused> {
    convert_with(input, options, &|name| {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    })
}

/// As [`convert`], with the variables of the caller.
pub fn convert_with(
    input: &[u8],
    options: &Options,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Converted, Refused> {
    let mut warnings = Vec::new();
    match run(input, options, variable, &mut warnings) {
        Ok((rows, output)) => Ok(Converted {
            rows,
            output,
            warnings,
        }),
        Err(error) => Err(Refused {
            warnings,
            error: Box::new(error),
        }),
    }
}

fn run(
    input: &[u8],
    options: &Options,
    variable: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<Row>, Output), CsvError> {
    if let Some(primary) = options.primary_bootloader_offset
        && primary >= options.table_offset
    {
        return Err(CsvError::BootloaderAboveTable {
            primary,
            table_offset: options.table_offset,
        });
    }
    let from_binary = is_binary(input);
    let rows = if from_binary {
        binary::parse(input, options.md5, warnings)?
    } else {
        parse_csv(&text::decode(input)?, options, variable)?
    };
    if options.verify {
        check::check(&rows, options, warnings)?;
    }
    if let Some(flash_size) = options.flash_size {
        check::check_fits(&rows, flash_size)?;
    }
    let output = if from_binary {
        Output::Csv(to_csv(&rows))
    } else {
        Output::Binary(binary::emit(&rows, options.md5)?)
    };
    Ok((rows, output))
}

fn parse_csv(
    text: &str,
    options: &Options,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Row>, CsvError> {
    let mut drafts = Vec::new();
    for (index, line) in text::lines(text).into_iter().enumerate() {
        let expanded = text::expand_variables(line, variable);
        if let Some(name) = text::unknown_variable(&expanded) {
            return Err(CsvError::UnknownVariable { name: name.into() });
        }
        let line = text::strip(&expanded);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let draft = row::Draft::parse(line, number, options).map_err(|error| CsvError::Line {
            line: number,
            error: Box::new(error),
        })?;
        drafts.push(draft);
    }
    row::lay_out(drafts, options)
}

fn to_csv(rows: &[Row]) -> String {
    use fmt::Write as _;

    let mut csv =
        String::from("# ESP-IDF Partition Table\n# Name, Type, SubType, Offset, Size, Flags\n");
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{row}");
    }
    csv
}
