//! One row of the table: 32 bytes that name a partition, or carry the MD5 of the rows before.

use core::fmt;

use super::{Label, ROW_LEN, Slot, SubType, Type};
use crate::error::EspErr;
use crate::flash::Region;
use crate::wire;

/// The two bytes a partition's row starts with (`0x50AA`, little-endian).
pub const MAGIC: [u8; 2] = [0xAA, 0x50];
/// The two bytes the MD5 row starts with.
pub const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

/// The two bytes that say what a row is.
pub(super) fn magic(row: &[u8; ROW_LEN]) -> [u8; 2] {
    wire::bytes::<{ field::MAGIC }, 2, ROW_LEN>(row)
}

/// Flag bit 0: the partition is encrypted when flash encryption is on.
pub const FLAG_ENCRYPTED: u32 = 1 << 0;
/// Flag bit 1: the partition may not be written or erased.
pub const FLAG_READONLY: u32 = 1 << 1;

/// One partition, as its row says.
///
/// Nothing about it is checked: it may lie anywhere, overlap another, and carry unknown flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Partition {
    /// Type.
    pub kind: Type,
    /// Subtype, to be read with the type.
    pub subtype: SubType,
    /// First byte, as an address in the flash chip.
    pub offset: u32,
    /// Length in bytes.
    pub size: u32,
    /// Name.
    pub label: Label,
    /// Flags, unknown ones included.
    pub flags: u32,
}

/// Where the fields of a row are.
mod field {
    pub(super) const MAGIC: usize = 0;
    pub(super) const KIND: usize = 2;
    pub(super) const SUBTYPE: usize = 3;
    pub(super) const OFFSET: usize = 4;
    pub(super) const SIZE: usize = 8;
    pub(super) const LABEL: usize = 12;
    pub(super) const FLAGS: usize = 28;
}

impl Partition {
    /// Reads a row.
    pub fn parse(row: &[u8; ROW_LEN]) -> Result<Self, RowError> {
        match magic(row) {
            MAGIC => Ok(Self::parse_any(row)),
            magic => Err(RowError { magic }),
        }
    }

    /// Reads a row as the bootloader does once the table is checked: whatever its magic.
    pub(super) fn parse_any(row: &[u8; ROW_LEN]) -> Self {
        Self {
            kind: Type(wire::u8_at::<{ field::KIND }, ROW_LEN>(row)),
            subtype: SubType(wire::u8_at::<{ field::SUBTYPE }, ROW_LEN>(row)),
            offset: wire::u32_at::<{ field::OFFSET }, ROW_LEN>(row),
            size: wire::u32_at::<{ field::SIZE }, ROW_LEN>(row),
            label: Label(wire::bytes::<{ field::LABEL }, 16, ROW_LEN>(row)),
            flags: wire::u32_at::<{ field::FLAGS }, ROW_LEN>(row),
        }
    }

    /// Writes the row: the inverse of [`Partition::parse`].
    #[must_use]
    pub fn emit(&self) -> [u8; ROW_LEN] {
        let mut row = [0; ROW_LEN];
        wire::put::<{ field::MAGIC }, 2, ROW_LEN>(&mut row, MAGIC);
        wire::put::<{ field::KIND }, 1, ROW_LEN>(&mut row, [self.kind.0]);
        wire::put::<{ field::SUBTYPE }, 1, ROW_LEN>(&mut row, [self.subtype.0]);
        wire::put::<{ field::OFFSET }, 4, ROW_LEN>(&mut row, self.offset.to_le_bytes());
        wire::put::<{ field::SIZE }, 4, ROW_LEN>(&mut row, self.size.to_le_bytes());
        wire::put::<{ field::LABEL }, 16, ROW_LEN>(&mut row, self.label.0);
        wire::put::<{ field::FLAGS }, 4, ROW_LEN>(&mut row, self.flags.to_le_bytes());
        row
    }

    /// The slot that this partition is, if it is an app that boots.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        (self.kind == Type::APP).then(|| Slot::of(self.subtype))?
    }

    /// Where it lies.
    #[must_use]
    pub const fn region(&self) -> Region {
        Region::new(self.offset, self.size)
    }

    /// Whether its row asks for encryption: see [`encrypted_with`](Self::encrypted_with).
    #[must_use]
    pub const fn encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
    }

    /// Whether its contents are encrypted, on a flash that encrypts or does not.
    ///
    /// Nothing is without flash encryption. With it, what its row asks for; and regardless of the row
    /// apps, bootloaders, partition tables, otadata (also that of a trusted execution environment) and
    /// the keys of key-value storage. Source: ESP-IDF `esp_partition/partition.c` (`load_partitions`).
    #[must_use]
    pub const fn encrypted_with(&self, flash_encryption: bool) -> bool {
        let always = match self.kind {
            Type::APP | Type::BOOTLOADER | Type::PARTITION_TABLE => true,
            Type::DATA => matches!(
                self.subtype,
                SubType::OTA | SubType::TEE_OTA | SubType::NVS_KEYS
            ),
            _ => false,
        };
        flash_encryption && (always || self.encrypted())
    }

    /// Whether it may not be written.
    #[must_use]
    pub const fn readonly(&self) -> bool {
        self.flags & FLAG_READONLY != 0
    }
}

/// The row does not start with a partition's magic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowError {
    /// The two bytes found.
    pub magic: [u8; 2],
}

impl RowError {
    /// The value that the reference's table check returns for such a row.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        EspErr::INVALID_STATE
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.magic;
        write!(f, "a row starts with {a:02x} {b:02x} instead of aa 50")
    }
}

impl core::error::Error for RowError {}
