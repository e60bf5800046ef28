//! One row of the table: 32 bytes that name a partition.

use core::fmt;

use super::{Label, ROW_LEN, Slot, SubType, Type};
use crate::error::EspErr;
use crate::flash::Region;

/// The two bytes a partition's row starts with (`0x50AA`, little-endian).
pub const MAGIC: [u8; 2] = [0xAA, 0x50];
/// The two bytes the MD5 row starts with.
pub const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

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

impl Partition {
    /// Reads a row.
    pub fn parse(row: &[u8; ROW_LEN]) -> Result<Self, RowError> {
        let [
            m0,
            m1,
            kind,
            subtype,
            o0,
            o1,
            o2,
            o3,
            s0,
            s1,
            s2,
            s3,
            rest @ ..,
        ] = *row;
        let [label @ .., f0, f1, f2, f3] = rest;
        if [m0, m1] != MAGIC {
            return Err(RowError { magic: [m0, m1] });
        }
        Ok(Self {
            kind: Type(kind),
            subtype: SubType(subtype),
            offset: u32::from_le_bytes([o0, o1, o2, o3]),
            size: u32::from_le_bytes([s0, s1, s2, s3]),
            label: Label(label),
            flags: u32::from_le_bytes([f0, f1, f2, f3]),
        })
    }

    /// Writes the row: the inverse of [`Partition::parse`].
    #[must_use]
    pub fn emit(&self) -> [u8; ROW_LEN] {
        let mut row = [0; ROW_LEN];
        let fields: [&[u8]; 6] = [
            &[MAGIC[0], MAGIC[1], self.kind.0, self.subtype.0],
            &self.offset.to_le_bytes(),
            &self.size.to_le_bytes(),
            &self.label.0,
            &self.flags.to_le_bytes(),
            &[],
        ];
        for (byte, value) in row.iter_mut().zip(fields.into_iter().flatten()) {
            *byte = *value;
        }
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

    /// Whether its row asks for encryption. (Apps, bootloaders, tables and otadata are encrypted
    /// regardless once flash encryption is on.)
    #[must_use]
    pub const fn encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
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
