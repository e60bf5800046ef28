//! Which kind of file it is.

use ota_core::Chip;
use ota_core::image::{Header, app_desc, header};
use ota_core::otadata::{ENTRY_LEN, Entry};
use ota_core::partition::DEFAULT_TABLE_OFFSET;
use serde::Serialize;

use super::dump_flash::Known;
use super::layout::scan;
use super::noise::looks_encrypted;
use super::{InspectOptions, shown};
use crate::partition_csv;

/// Length of a sector.
const SECTOR: usize = 4096;

/// The kind of a file, by its contents. Its `Display` says in words what it is and what wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A dump of flash, whole or in part, or a merged image.
    Dump {
        /// Flash address of its first byte.
        from: u32,
    },
    /// otadata alone: one sector or two.
    Otadata,
    /// An image of an application.
    App,
    /// An image of a second-stage bootloader.
    Bootloader,
    /// A binary partition table.
    Table,
    /// A partition table in CSV.
    Csv,
    /// Nothing at all.
    Empty,
    /// A few KiB of erased flash.
    Erased,
    /// An image for the ESP8266.
    Esp8266,
    /// An image for `MCUboot`.
    Mcuboot,
    /// An ELF file.
    Elf,
    /// Intel HEX.
    IntelHex,
    /// A UF2 file.
    Uf2,
    /// A compressed file, by the name of its format.
    Compressed(&'static str),
    /// Bytes that look encrypted, too few for a dump.
    Encrypted,
    /// Text.
    Text,
    /// Anything else, with its first byte.
    Unknown(u8),
}

impl FileKind {
    /// The kind of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8], options: &InspectOptions) -> Self {
        if let Some(from) = options.from {
            return Self::Dump { from };
        }
        let Some(&first) = bytes.first() else {
            return Self::Empty;
        };
        let foreign = [
            (&b"\x7FELF"[..], Self::Elf),
            (b"UF2\n", Self::Uf2),
            (&[0x3D, 0xB8, 0xF3, 0x96], Self::Mcuboot),
            (&[0x3C, 0xB8, 0xF3, 0x96], Self::Mcuboot),
            (&[0xEA, 0x04], Self::Esp8266),
            (&[0x1F, 0x8B, 0x08], Self::Compressed("gzip")),
            (b"PK\x03\x04", Self::Compressed("zip")),
            (b"\xFD7zXZ", Self::Compressed("xz")),
        ];
        if let Some((_, kind)) = foreign.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *kind;
        }
        if is_intel_hex(bytes) {
            return Self::IntelHex;
        }
        if let Some(from) = start_of_dump(bytes, options) {
            return Self::Dump { from };
        }
        if partition_csv::is_binary(bytes) {
            return Self::Table;
        }
        if is_otadata(bytes) {
            return Self::Otadata;
        }
        if first == header::MAGIC {
            return image(bytes);
        }
        if is_text(bytes) {
            let has_rows = bytes.contains(&b',') && !bytes.contains(&b'{');
            return if has_rows { Self::Csv } else { Self::Text };
        }
        if bytes.iter().all(|byte| *byte == 0xFF) && bytes.len() < 4 * SECTOR {
            return Self::Erased;
        }
        // Long enough to hold a table: a dump without one, or one that is encrypted.
        if bytes.len() > DEFAULT_TABLE_OFFSET as usize {
            return Self::Dump { from: 0 };
        }
        if looks_encrypted(bytes) {
            return Self::Encrypted;
        }
        Self::Unknown(first)
    }
}

/// The address that a dump starts at, told by where its partition table is.
fn start_of_dump(bytes: &[u8], options: &InspectOptions) -> Option<u32> {
    let table = options.table_offset.unwrap_or(DEFAULT_TABLE_OFFSET);
    let known = Known::new(bytes, 0);
    // From the table on: longer than a table, and what follows its sector is not all erased.
    if partition_csv::is_binary(bytes) {
        let rest = bytes.get(SECTOR..).unwrap_or(&[]);
        return rest.iter().any(|byte| *byte != 0xFF).then_some(table);
    }
    if known.part(table, 2) == [0xAA, 0x50] {
        return Some(0);
    }
    let found = scan(known, &[])?;
    // A merged image for a chip whose bootloader is not at 0 may start there.
    let start = bytes
        .first_chunk()
        .and_then(|start| Header::parse(start).ok());
    let own = start.and_then(|header| Some(Chip::by_id(header.chip_id)?.bootloader_offset));
    let shifted = own.filter(|offset| found.checked_add(*offset) == Some(table));
    Some(shifted.unwrap_or(0))
}

/// One sector or two with nothing but otadata entries in front of them. Erased flash of just that length is blank
/// otadata.
fn is_otadata(bytes: &[u8]) -> bool {
    if bytes.len() < ENTRY_LEN || bytes.len() > 2 * SECTOR {
        return false;
    }
    let entries: Vec<[u8; ENTRY_LEN]> = { bytes.chunks(SECTOR) }
        .filter_map(|sector| sector.first_chunk().copied())
        .collect();
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xFF);
    let valid = |entry: &[u8; ENTRY_LEN]| !is_erased(entry) && Entry::parse(entry).crc_matches();
    if entries.iter().any(valid) {
        return true;
    }
    // Torn entries count where everything else is erased.
    let rest =
        { bytes.chunks(SECTOR) }.all(|sector| is_erased(&sector[ENTRY_LEN.min(sector.len())..]));
    bytes.len() == 2 * SECTOR && rest
}

/// What begins with e9.
fn image(bytes: &[u8]) -> FileKind {
    let word = |at: usize| {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    // The first segment of an ESP8266 follows its header of 8 bytes; an ESP32's header has its pins there.
    let esp8266 =
        |address: u32| matches!(address, 0x4010_0000..0x4010_8000 | 0x3FFE_8000..0x4000_0000);
    if word(8).is_some_and(esp8266) {
        return FileKind::Esp8266;
    }
    match word(app_desc::OFFSET as usize) {
        Some(app_desc::MAGIC) | None => FileKind::App,
        Some(_) => FileKind::Bootloader,
    }
}

fn is_intel_hex(bytes: &[u8]) -> bool {
    bytes.len() > 10 && bytes[0] == b':' && bytes[1..11].iter().all(u8::is_ascii_hexdigit)
}

fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4 * SECTOR)];
    let marked = start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]);
    let text = |byte: &u8| matches!(*byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..);
    marked && start.contains(&0) || start.iter().all(text) && start.iter().any(u8::is_ascii_graphic)
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dump { from } => return write!(f, "a flash dump from address {from:#x} on"),
            Self::Otadata => "otadata",
            Self::App => "an app image",
            Self::Bootloader => "a bootloader image",
            Self::Table => "a binary partition table",
            Self::Csv => "a partition table in CSV",
            Self::Empty => "empty",
            Self::Erased => {
                "erased flash and nothing else; `esptool read-flash 0 ALL dump.bin` reads all of a flash"
            }
            Self::Esp8266 => {
                "an image for the ESP8266, which has no otadata; only images for the ESP32 and its successors are \
                 known here"
            }
            Self::Mcuboot => "an image for MCUboot, which does not boot by otadata; `imgtool verify` looks at it",
            Self::Elf => "an ELF file; `esptool elf2image` makes an app image of it",
            Self::IntelHex => "Intel HEX; `objcopy -I ihex -O binary` makes a dump of it, from its first address on",
            Self::Uf2 => "a UF2 file; the binaries that it was made of are what can be looked at",
            Self::Compressed(format) => {
                return write!(f, "a {format} file; what is in it may be one to look at, unpacked");
            }
            Self::Encrypted => {
                "bytes that look encrypted; only a device with the key can read them, `espefuse summary` says whether \
                 flash encryption is on"
            }
            Self::Text => "text, and no partition table in CSV",
            Self::Unknown(first) => {
                let first = shown::bytes(&[*first]);
                return write!(
                    f,
                    "of no known kind (its first byte is {first}); --from ADDRESS takes it as flash from that address on"
                );
            }
        })
    }
}
