//! Files that a user names: reading them, and saying what is wrong with them.
//!
//! Every error says which file, where in it, what was found and what was expected. The command line
//! answers all of them with exit status 2.

mod firmware;
mod table;

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use embedded_storage::nor_flash::NorFlashErrorKind;
use ota_core::Slot;
use ota_core::image::Refusal;
use ota_core::partition::TableError;

use crate::inspect::FileKind;
use crate::partition_csv::Refused;

pub use firmware::{Firmware, Kind, firmware};
pub(crate) use table::place_of;
pub use table::{TableFile, partition_table};

/// A file that cannot be used.
#[derive(Debug)]
pub struct InputError {
    /// The file, as the user named it. Bundled files have their bare name.
    pub file: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

/// The largest flash that is swept, in bytes: the largest that ESP-IDF knows.
pub const MAX_FLASH: u32 = 128 << 20;

/// The most that is read of a file, in bytes, by what it is. A device or a FIFO may have no end.
pub mod limit {
    /// The largest flash that ESP-IDF knows.
    pub const DUMP: u64 = 128 << 20;
    /// An image: 16 MiB, the most that a slot may have, and a signature.
    pub const IMAGE: u64 = (16 << 20) + (1 << 16);
    /// A partition table: a sector in binary; in CSV 95 rows, and whatever comments.
    pub const TABLE: u64 = 1 << 20;
    /// A case: a page of text.
    pub const CASE: u64 = 1 << 20;
    /// Vectors, or the lines of a sweep: thousands of them.
    pub const LINES: u64 = 256 << 20;
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A line; the first is 1.
    Line(usize),
    /// A byte; the first is 0.
    Offset(u64),
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system does not hand it out.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// More than anything of its kind.
    #[error("goes on after {limit} bytes, more than any {what} has")]
    Endless {
        /// What it was to be.
        what: &'static str,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// A file of another kind than any that there is something to say of.
    #[error("there is nothing to inspect: the file is {0}")]
    NothingToInspect(FileKind),
    /// Not UTF-8.
    #[error("expected UTF-8 text, found the byte {found:02x}")]
    NotText {
        /// The first byte that is no text.
        found: u8,
    },
    /// A file of vectors with nothing in it.
    #[error("expected one vector per line, found none")]
    NoVectors,
    /// A line that is no vector of this file.
    #[error("not a vector: {}", without_line(.0))]
    Vector(#[from] serde_json::Error),
    /// A vector starts from a file that is not there.
    #[error("the vector starts from {base:?}, which is not {looked_in}")]
    UnknownBase {
        /// The name in the vector.
        base: String,
        /// Where it was looked for, for instance `in the folder images`.
        looked_in: String,
    },
    /// A vector describes something that cannot be built.
    #[error("the vector asks for {asked}: expected {expected}")]
    Impossible {
        /// What it asks for.
        asked: String,
        /// What is possible.
        expected: &'static str,
    },
    /// An image shorter than its header.
    #[error(
        "expected an application image, which begins with a header of 24 bytes; the file ends here"
    )]
    NoHeader,
    /// A file that is no image.
    #[error("expected an application image, which begins with e9, found {found:02x}{looks_like}")]
    NotAnImage {
        /// Its first byte.
        found: u8,
        /// What it is instead.
        looks_like: Kind,
    },
    /// An image for a chip that is not in `ota_core::chip`.
    #[error("the image is for the chip with id {id}, which is none of {}", Chips)]
    UnknownChip {
        /// The id.
        id: u16,
    },
    /// An image for another chip than the rest.
    #[error(
        "the image is for {found}, expected {expected} as {} is",
        crate::inspect::shown::path(because)
    )]
    OtherChip {
        /// The chip it is for.
        found: &'static str,
        /// The chip it should be for.
        expected: &'static str,
        /// The file that says so.
        because: PathBuf,
    },
    /// An image that does not fit.
    #[error("the image is {length} bytes long, the partition {partition} only {size:#x}")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The partition's label.
        partition: String,
        /// The partition's size in bytes.
        size: u32,
    },
    /// A file beyond the addresses of any flash.
    #[error("no image is that long")]
    NoImageIsThatLong,
    /// An image whose end is missing.
    #[error("the image is truncated: it needs at least {needed} bytes, the file ends here")]
    Truncated {
        /// The length that it needs at least.
        needed: u64,
    },
    /// A damaged image.
    #[error("the image does not verify: {0}")]
    Image(Refusal<NorFlashErrorKind>),
    /// A partition table in CSV that the tool refuses.
    #[error("{0}")]
    Csv(#[from] Refused),
    /// A binary partition table that the bootloader refuses.
    #[error("the bootloader refuses this partition table: {0}")]
    Table(#[from] TableError),
    /// A table that cannot be updated, or not as a sweep does it.
    #[error("{}", too_few(found))]
    TooFewSlots {
        /// The slots of the table.
        found: Vec<Slot>,
    },
    /// A table without otadata.
    #[error(
        "expected a partition of type data, subtype ota (otadata), found none: without it the bootloader boots factory or \
        ota_0 for ever, and an update never takes effect"
    )]
    NoOtadata,
    /// An update that is no update.
    #[error(
        "holds the same bytes as the running image; expected another, or boots cannot be told apart"
    )]
    SameImage,
    /// A table that cannot be where it is said to be.
    #[error(
        "partition {partition} at {at:#x} lies over the table, expected at {table:#x} (--table-offset)"
    )]
    OverTheTable {
        /// The partition's label.
        partition: String,
        /// Its flash address.
        at: u32,
        /// The table's flash address.
        table: u32,
    },
    /// A dump that ends before the partition table does.
    #[error(
        "the dump ends here, expected at least {needed:#x} bytes: it must reach past the partition table at {table:#x} (--table-offset)"
    )]
    DumpTooShort {
        /// Its least length in bytes.
        needed: u64,
        /// The table's flash address.
        table: u32,
    },
    /// A dump of more than a flash of [`MAX_FLASH`].
    #[error("found {length} bytes, expected a flash dump of at most {MAX_FLASH} (128 MiB)")]
    DumpTooLong {
        /// Its length in bytes.
        length: u64,
    },
    /// A dump of a larger flash than the user says.
    #[error("found {length} bytes, expected at most {size} (--flash-size)")]
    LargerThanFlash {
        /// Its length in bytes.
        length: u64,
        /// The flash's size in bytes.
        size: u32,
    },
    /// A dump without a partition table.
    #[error(
        "expected a partition table, which begins with aa 50 (--table-offset), found {found}{elsewhere}"
    )]
    NoTable {
        /// What is there instead.
        found: String,
        /// Where there is one instead, in words.
        elsewhere: String,
    },
    /// A dump with a table that an application refuses.
    #[error("an application finds no partition in this table: {0}")]
    NoApplicationTable(TableError),
    /// A dump that boots nothing.
    #[error("expected a slot whose image boots, found none: {0}")]
    NothingBoots(String),
    /// A table that reaches beyond any flash.
    #[error(
        "the partition {partition} ends at {end:#x}, expected at most {MAX_FLASH:#x} (128 MiB), the largest flash that ESP-IDF knows"
    )]
    BeyondFlash {
        /// The partition's label.
        partition: String,
        /// First address after it.
        end: u64,
    },
    /// otadata with room for one entry.
    #[error("expected otadata of 0x2000 bytes, found {size:#x}")]
    OtadataTooSmall {
        /// Its size in bytes.
        size: u32,
    },
}

/// Why there is nothing to update between.
fn too_few(found: &[Slot]) -> String {
    let why = match found {
        [] => "; nothing boots from this table",
        [Slot::Factory] => "; a device with this table cannot be updated over the air",
        _ if !found.contains(&Slot::Ota(0))
            || found.iter().any(|s| matches!(s, Slot::Ota(n) if *n > 1)) =>
        {
            "; an application counts the slots from ota_0 to the first gap, and updates none behind it"
        }
        _ if found.contains(&Slot::Factory) => {
            "; a device that updates its only slot from factory can be swept from a dump of its flash: brownout \
             sweep --dump dump.bin --do update --update v2.bin"
        }
        _ => "; a device with one slot writes over what it runs, or not at all",
    };
    format!(
        "expected the slots ota_0 and ota_1 to update between, found {}{why}",
        list(found)
    )
}

fn list(slots: &[Slot]) -> String {
    if slots.is_empty() {
        return "no slot at all".into();
    }
    let names: Vec<String> = slots.iter().map(ToString::to_string).collect();
    format!("only {}", names.join(", "))
}

/// The chips that are known, with their ids.
struct Chips;

impl fmt::Display for Chips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, chip) in ota_core::chip::CHIPS.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({})", chip.name, chip.id)?;
        }
        Ok(())
    }
}

/// The text of an error in a line that was read alone: its own line number, always 1, would mislead.
pub(crate) fn without_line(error: &serde_json::Error) -> String {
    error
        .to_string()
        .replace(" at line 1 column ", " at column ")
}

impl InputError {
    pub(crate) fn new(file: &Path, place: Place, problem: impl Into<Problem>) -> Self {
        Self {
            file: file.to_owned(),
            place,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::inspect::shown::path(&self.file))?;
        match self.place {
            Place::Whole => {}
            Place::Line(line) => write!(f, ", line {line}")?,
            Place::Offset(offset) => write!(f, ", offset {offset:#x}")?,
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// Reads a whole file that is `what`, of which none is longer than `limit` bytes. `-` is standard input.
pub fn read(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>, InputError> {
    let whole = || {
        let mut bytes = Vec::new();
        let most = limit.saturating_add(1);
        if path == Path::new("-") {
            io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        } else {
            File::open(path)?.take(most).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    let bytes: Vec<u8> =
        whole().map_err(|error: io::Error| InputError::new(path, Place::Whole, error))?;
    if bytes.len() as u64 > limit {
        let problem = Problem::Endless { what, limit };
        return Err(InputError::new(path, Place::Whole, problem));
    }
    Ok(bytes)
}

/// Reads a whole text file, as [`read`] does.
pub fn read_text(path: &Path, what: &'static str, limit: u64) -> Result<String, InputError> {
    String::from_utf8(read(path, what, limit)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let found = error.as_bytes()[offset];
        InputError::new(
            path,
            Place::Offset(offset as u64),
            Problem::NotText { found },
        )
    })
}
