//! The names of partition types and subtypes, in the tool's order (it lists them in messages).

use std::fmt;

use super::number::Number;

/// Names with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keywords(&'static [(&'static str, u8)]);

impl Keywords {
    /// No names: the field must be a number.
    pub(super) const NONE: Self = Self(&[]);

    pub(super) fn value(self, name: &str) -> Option<u8> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    pub(super) fn name(self, value: Number) -> Option<&'static str> {
        self.0
            .iter()
            .find(|(_, known)| Number::from(*known) == value)
            .map(|(name, _)| *name)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Keywords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, _)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

pub(super) const APP: Number = 0;
pub(super) const DATA: Number = 1;
pub(super) const BOOTLOADER: Number = 2;
pub(super) const PARTITION_TABLE: Number = 3;

/// Subtype of a bootloader or a partition table.
pub(super) const PRIMARY: Number = 0;
/// Subtype of a bootloader.
pub(super) const RECOVERY: Number = 2;

pub(super) const DATA_OTA: Number = 0x00;
pub(super) const DATA_NVS: Number = 0x02;
pub(super) const DATA_COREDUMP: Number = 0x03;
/// What an empty subtype means for every type but app.
pub(super) const DATA_UNDEFINED: Number = 0x06;
pub(super) const DATA_TEE_OTA: Number = 0x90;

pub(super) const TYPES: Keywords = Keywords(&[
    ("bootloader", 2),
    ("partition_table", 3),
    ("app", 0),
    ("data", 1),
]);

const BOOTLOADER_SUBTYPES: Keywords = Keywords(&[("primary", 0), ("ota", 1), ("recovery", 2)]);

const PARTITION_TABLE_SUBTYPES: Keywords = Keywords(&[("primary", 0), ("ota", 1)]);

const APP_SUBTYPES: Keywords = Keywords(&[
    ("factory", 0x00),
    ("test", 0x20),
    ("ota_0", 0x10),
    ("ota_1", 0x11),
    ("ota_2", 0x12),
    ("ota_3", 0x13),
    ("ota_4", 0x14),
    ("ota_5", 0x15),
    ("ota_6", 0x16),
    ("ota_7", 0x17),
    ("ota_8", 0x18),
    ("ota_9", 0x19),
    ("ota_10", 0x1A),
    ("ota_11", 0x1B),
    ("ota_12", 0x1C),
    ("ota_13", 0x1D),
    ("ota_14", 0x1E),
    ("ota_15", 0x1F),
    ("tee_0", 0x30),
    ("tee_1", 0x31),
]);

const DATA_SUBTYPES: Keywords = Keywords(&[
    ("ota", 0x00),
    ("phy", 0x01),
    ("nvs", 0x02),
    ("coredump", 0x03),
    ("nvs_keys", 0x04),
    ("efuse", 0x05),
    ("undefined", 0x06),
    ("esphttpd", 0x80),
    ("fat", 0x81),
    ("spiffs", 0x82),
    ("littlefs", 0x83),
    ("tee_ota", 0x90),
]);

/// The subtypes of a type; none for the types that products define themselves.
pub(super) const fn subtypes(kind: Number) -> Keywords {
    match kind {
        APP => APP_SUBTYPES,
        DATA => DATA_SUBTYPES,
        BOOTLOADER => BOOTLOADER_SUBTYPES,
        PARTITION_TABLE => PARTITION_TABLE_SUBTYPES,
        _ => Keywords::NONE,
    }
}

/// Whether any type has a subtype of this name.
pub(super) fn names_a_subtype(name: &str) -> bool {
    [APP, DATA, BOOTLOADER, PARTITION_TABLE]
        .into_iter()
        .any(|kind| subtypes(kind).value(name).is_some())
}
