//! Places in flash: the sector and the region.
//!
//! Nothing here touches a flash but [`Watched`], which passes on what it is asked for.

mod watched;

use core::fmt;

pub use watched::{Done, Watched};

/// The smallest erase unit of every flash that ESP-IDF supports, in bytes.
pub const SECTOR: u32 = 4096;

/// What the `READ_SIZE` of a flash must divide, in bytes.
///
/// The records of the formats lie at multiples of it. A flash with another `READ_SIZE` is refused
/// when the program is compiled.
pub const READ_ALIGN: usize = 32;

/// The larger units that every serial NOR flash erases in one operation, in bytes, the largest first
/// (JEDEC JESD216, basic flash parameter table: 64 KiB and 32 KiB blocks).
const BLOCKS: [u32; 2] = [0x1_0000, 0x8000];

/// How much to erase at `at` in one operation of the chip: the largest block that starts there, is no
/// longer than `most` and ends at `end` at the latest; a sector otherwise.
pub(crate) fn block_at(at: u32, end: u32, most: u32) -> u32 {
    let room = end.saturating_sub(at).min(most);
    let mut blocks = BLOCKS.into_iter();
    blocks
        .find(|block| at.is_multiple_of(*block) && *block <= room)
        .unwrap_or(SECTOR)
}

/// A span of flash by its absolute address.
///
/// Any two numbers are a `Region`: a damaged partition table can name one that ends past 4 GiB,
/// which is why [`Region::end`] is wider than the fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Region {
    /// First byte, as an address in the flash chip.
    pub offset: u32,
    /// Length in bytes.
    pub size: u32,
}

impl Region {
    /// The region of `size` bytes from `offset`.
    #[must_use]
    pub const fn new(offset: u32, size: u32) -> Self {
        Self { offset, size }
    }

    /// The address after the last byte. It can exceed `u32`.
    #[must_use]
    pub const fn end(&self) -> u64 {
        // Widening: `u64::from` is not const.
        self.offset as u64 + self.size as u64
    }

    /// Whether all `len` bytes from the absolute address `addr` lie inside.
    #[must_use]
    pub const fn contains(&self, addr: u32, len: u32) -> bool {
        addr >= self.offset && addr as u64 + len as u64 <= self.end()
    }
}

impl fmt::Display for Region {
    /// `0x10000..0x110000`, the end excluded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}..0x{:x}", self.offset, self.end())
    }
}
