//! Profiles from what a chip says about itself: the basic flash parameter table of JEDEC JESD216 (SFDP).

use std::fmt;

use super::builder::ProfileBuilder;
use super::{Profile, Span};
use crate::geometry::SpiNor;

/// Why no profile can be made of an SFDP table.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SfdpError {
    /// Fewer bytes than the 16 words of a table of JESD216A or later; the first 9 words carry no times.
    TooShort {
        /// Bytes given.
        len: usize,
    },
    /// The chip cannot erase 4 KiB sectors.
    NoSectorErase,
    /// Its size is not below 4 GiB, or no number of sectors.
    Size {
        /// The density word.
        density: u32,
    },
    /// Its page is larger than a sector.
    Page {
        /// Bytes per page.
        page: u32,
    },
}

impl fmt::Display for SfdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SfdpError::TooShort { len } => {
                write!(
                    f,
                    "an SFDP table of {len} bytes; 64 are needed, from revision A of JESD216 on"
                )
            }
            SfdpError::NoSectorErase => f.write_str("the SFDP table names no erase of 4 KiB"),
            SfdpError::Size { density } => write!(
                f,
                "the SFDP density {density:#010x} is no size this model has"
            ),
            SfdpError::Page { page } => write!(
                f,
                "the SFDP table's page of {page} bytes is larger than a sector"
            ),
        }
    }
}

impl std::error::Error for SfdpError {}

impl Profile<SpiNor> {
    /// The chip that a basic flash parameter table describes: 64 bytes or more, as read from the chip.
    ///
    /// Takes size, page, erases and all times from it. Reading is not in it in nanoseconds: it is taken as
    /// 25 ns a byte (four bits per cycle at 80 MHz). Endurance is taken as 100,000.
    pub fn from_sfdp(name: &str, table: &[u8]) -> Result<Self, SfdpError> {
        let (words, _) = table.as_chunks::<4>();
        // Word n of the standard, counted from 1.
        let word = |n: usize| words.get(n - 1).map(|bytes| u32::from_le_bytes(*bytes));
        let (
            Some(density),
            Some(sizes),
            Some(more),
            Some(erase),
            Some(program),
            Some(suspend),
            Some(_),
        ) = (
            word(2),
            word(8),
            word(9),
            word(10),
            word(11),
            word(12),
            word(16),
        )
        else {
            return Err(SfdpError::TooShort { len: table.len() });
        };
        let size = size(density).ok_or(SfdpError::Size { density })?;
        let page = 1u32.checked_shl(bits(program, 4, 4)).unwrap_or(0);
        if !(32..=4096).contains(&page) {
            return Err(SfdpError::Page { page });
        }
        let erases = erases(sizes, more, erase);
        if erases.first().is_none_or(|(len, _)| *len != 4096) {
            return Err(SfdpError::NoSectorErase);
        }
        let slowest = u64::from(2 * (bits(program, 0, 4) + 1));
        let longest = |typ: u64| Span::ns(typ, typ * slowest);
        let part = |at: u32, width: u32, units: [u64; 2]| {
            let unit = units[bits(program, at + width, 1) as usize];
            longest(u64::from(bits(program, at, width) + 1) * unit)
        };
        let chip_unit = [16 * MS, 256 * MS, 4_000 * MS, 64_000 * MS][bits(program, 29, 2) as usize];
        let latency = u64::from(bits(suspend, 24, 5) + 1)
            * [128, US, 8 * US, 64 * US][bits(suspend, 29, 2) as usize];
        let resume = u64::from(bits(suspend, 20, 4) + 1) * 64 * US;
        let supported = bits(suspend, 31, 1) == 0;
        Ok(ProfileBuilder::start(name)
            .size(size)
            .page(page)
            .erases(&erases)
            .program(
                part(14, 4, [US, 8 * US]),
                part(19, 4, [US, 8 * US]),
                part(8, 5, [8 * US, 64 * US]),
            )
            .chip_erase(longest(u64::from(bits(program, 24, 5) + 1) * chip_unit))
            .suspend(
                if supported { latency } else { 0 },
                if supported { resume } else { 0 },
            )
            .source("size", "SFDP word 2")
            .source(
                "erases",
                "SFDP words 8 and 9; times and their maximum, word 10",
            )
            .source(
                "page, programs, chip erase",
                "SFDP word 11; the chip erase maximum by the factor for programs",
            )
            .source("suspend", "SFDP word 12")
            .source("read", "not in SFDP; four bits per cycle at 80 MHz")
            .source("endurance", "not in SFDP; 100,000, as is usual")
            .finish())
    }
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

fn bits(word: u32, at: u32, width: u32) -> u32 {
    word >> at & ((1 << width) - 1)
}

/// Word 2: bits less one, or with bit 31 set, their logarithm.
fn size(density: u32) -> Option<u32> {
    let bits = if density >> 31 == 0 {
        u64::from(density) + 1
    } else {
        1u64.checked_shl(density & 0x7FFF_FFFF)?
    };
    let bytes = u32::try_from(bits / 8).ok()?;
    (bytes >= 4096 && bytes.is_multiple_of(4096)).then_some(bytes)
}

/// Words 8 and 9: size and opcode of up to four erases; word 10: their times.
fn erases(sizes: u32, more: u32, times: u32) -> Vec<(u32, Span)> {
    let slowest = u64::from(2 * (bits(times, 0, 4) + 1));
    let exponents = [
        bits(sizes, 0, 8),
        bits(sizes, 16, 8),
        bits(more, 0, 8),
        bits(more, 16, 8),
    ];
    let mut kinds: Vec<(u32, Span)> = exponents
        .into_iter()
        .zip([4, 11, 18, 25])
        .filter(|(exponent, _)| (12..=20).contains(exponent))
        .map(|(exponent, at)| {
            let unit = [MS, 16 * MS, 128 * MS, 1_000 * MS][bits(times, at + 5, 2) as usize];
            let typ = u64::from(bits(times, at, 5) + 1) * unit;
            (1 << exponent, Span::ns(typ, typ * slowest))
        })
        .collect();
    kinds.sort_by_key(|(len, _)| *len);
    kinds
}
