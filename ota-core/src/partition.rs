//! The partition table: its rows, the table as a whole, and the slots that images live in.
//!
//! This file holds the vocabulary (type, subtype, label, slot); [`row`] is the 32-byte codec,
//! [`table`] the checked view with the two sets of rules that the reference applies to it, and
//! [`emit`] writes one.
//!
//! Source of all numbers: ESP-IDF `esp_flash_partitions.h` and `esp_partition.h`.

pub mod emit;
pub mod row;
pub mod table;

pub use emit::{EmitError, emit_table};
pub use row::{Partition, RowError};
pub use table::{PartitionTable, TableError};

use core::fmt;

/// Length of the table proper: 96 rows. The rest of its sector is not table.
pub const TABLE_LEN: usize = 0xC00;
/// Length of one row.
pub const ROW_LEN: usize = 32;
/// Where the table is unless the project says otherwise (`CONFIG_PARTITION_TABLE_OFFSET`).
pub const DEFAULT_TABLE_OFFSET: u32 = 0x8000;

/// The type byte of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Type(pub u8);

impl Type {
    /// Applications.
    pub const APP: Self = Self(0x00);
    /// Data.
    pub const DATA: Self = Self(0x01);
    /// Second-stage bootloaders.
    pub const BOOTLOADER: Self = Self(0x02);
    /// Partition tables.
    pub const PARTITION_TABLE: Self = Self(0x03);
    /// The type byte of erased flash, which ends a table.
    pub const END: Self = Self(0xFF);
}

/// The subtype byte of a partition. What it means depends on the [`Type`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SubType(pub u8);

impl SubType {
    /// App: the factory image.
    pub const FACTORY: Self = Self(0x00);
    /// App: `ota_0`, the first of sixteen.
    pub const OTA_0: Self = Self(0x10);
    /// App: `ota_15`, the last of sixteen.
    pub const OTA_15: Self = Self(0x1F);
    /// App: the test image.
    pub const TEST: Self = Self(0x20);

    /// Data: otadata, which says what boots.
    pub const OTA: Self = Self(0x00);
    /// Data: radio calibration.
    pub const PHY: Self = Self(0x01);
    /// Data: key-value storage.
    pub const NVS: Self = Self(0x02);
    /// Data: core dumps.
    pub const COREDUMP: Self = Self(0x03);
    /// Data: keys of encrypted key-value storage.
    pub const NVS_KEYS: Self = Self(0x04);
    /// Data: emulated eFuse.
    pub const EFUSE: Self = Self(0x05);
    /// Data: no particular use.
    pub const UNDEFINED: Self = Self(0x06);
    /// Data: otadata of a trusted execution environment.
    pub const TEE_OTA: Self = Self(0x90);

    /// Bootloader or partition table: the one that the chip starts from.
    pub const PRIMARY: Self = Self(0x00);
    /// Bootloader or partition table: where an update is staged.
    pub const STAGED: Self = Self(0x01);
    /// Bootloader: the one used when the primary does not load.
    pub const RECOVERY: Self = Self(0x02);

    /// The app subtype of `ota_n`; only the low four bits of `n` count.
    #[must_use]
    pub const fn ota(n: u8) -> Self {
        Self(0x10 | (n & 0x0F))
    }
}

/// A place an application can boot from.
///
/// The order is the order in which the bootloader numbers them: factory, `ota_0` to `ota_15`,
/// test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Slot {
    /// The factory image, never written by an update.
    Factory,
    /// `ota_0` to `ota_15`.
    Ota(u8),
    /// The test image, booted when its pin is held or when nothing else is left.
    Test,
}

impl Slot {
    /// The slot of an app partition with this subtype, if it is one that boots.
    #[must_use]
    pub const fn of(subtype: SubType) -> Option<Self> {
        match subtype.0 {
            0x00 => Some(Self::Factory),
            0x10..=0x1F => Some(Self::Ota(subtype.0 & 0x0F)),
            0x20 => Some(Self::Test),
            _ => None,
        }
    }

    /// The app subtype of this slot.
    #[must_use]
    pub const fn subtype(self) -> SubType {
        match self {
            Self::Factory => SubType::FACTORY,
            Self::Ota(n) => SubType::ota(n),
            Self::Test => SubType::TEST,
        }
    }
}

impl fmt::Display for Slot {
    /// The name that `gen_esp32part.py` uses: `factory`, `ota_3`, `test`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory => f.pad("factory"),
            Self::Ota(n) => write!(f, "ota_{n}"),
            Self::Test => f.pad("test"),
        }
    }
}

/// A partition's name: 16 bytes, padded with NUL, with no NUL at all when it is 16 bytes long.
///
/// The bytes after the first NUL are kept, so that a row can be written back as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(pub [u8; 16]);

impl Label {
    /// The name: the bytes before the first NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&b| b == 0).next().unwrap_or(&[])
    }
}

impl Label {
    /// The label that `gen_esp32part.py` makes of a name: what is past 16 bytes is cut off,
    /// without a word and, for a name that is not ASCII, perhaps inside a character.
    #[must_use]
    pub fn truncated(name: &str) -> Self {
        let mut label = [0; 16];
        for (byte, value) in label.iter_mut().zip(name.bytes()) {
            *byte = value;
        }
        Self(label)
    }
}

impl fmt::Display for Label {
    /// The name; bytes that are not UTF-8 become U+FFFD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{FFFD}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label(\"{}\")", self.as_bytes().escape_ascii())
    }
}

/// Why a string is not a [`Label`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelError {
    /// It is longer than 16 bytes.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It has a NUL inside, where the name would end.
    Nul {
        /// Index of that byte.
        at: usize,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "a label of {len} bytes; 16 is the most"),
            Self::Nul { at } => write!(f, "a label with a NUL at byte {at}"),
        }
    }
}

impl core::error::Error for LabelError {}

impl TryFrom<&str> for Label {
    type Error = LabelError;

    fn try_from(name: &str) -> Result<Self, LabelError> {
        let bytes = name.as_bytes();
        if let Some(at) = bytes.iter().position(|&b| b == 0) {
            return Err(LabelError::Nul { at });
        }
        let mut label = [0; 16];
        label
            .get_mut(..bytes.len())
            .ok_or(LabelError::TooLong { len: bytes.len() })?
            .copy_from_slice(bytes);
        Ok(Self(label))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    #[test]
    fn a_label_of_sixteen_bytes_has_no_nul() {
        let label = Label::try_from("sixteen_bytes_16").unwrap();
        assert_eq!(label.as_bytes().len(), 16);
        assert_eq!(
            Label::try_from("seventeen_bytes_1"),
            Err(LabelError::TooLong { len: 17 })
        );
        assert_eq!(Label::try_from("a\0b"), Err(LabelError::Nul { at: 1 }));
        assert_eq!(Label::truncated("sixteen_bytes_16_and_more"), label);
    }

    #[test]
    fn a_label_ends_at_its_first_nul_and_prints_whatever_it_holds() {
        assert_eq!(
            Label(*b"nvs\0nvs\xff\xff\xff\xff\xff\xff\xff\xff\xff").as_bytes(),
            b"nvs"
        );
        assert_eq!(Label([0xFF; 16]).to_string(), "\u{FFFD}".repeat(16));
        assert_eq!(Label([0; 16]).to_string(), "");
    }

    #[test]
    fn a_slot_and_its_subtype_name_each_other() {
        let slots = [Slot::Factory, Slot::Test]
            .into_iter()
            .chain((0..16).map(Slot::Ota));
        for slot in slots {
            assert_eq!(Slot::of(slot.subtype()), Some(slot));
        }
        assert_eq!((0..=255).filter_map(|n| Slot::of(SubType(n))).count(), 18);
        assert_eq!(Slot::Ota(3).to_string(), "ota_3");
    }
}
