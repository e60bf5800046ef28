//! The bootloader descriptor: what a second-stage bootloader says about itself.
//!
//! Source: ESP-IDF `esp_bootloader_desc.h`: 80 bytes at the start of the first segment's data,
//! which is offset 32 of the image.

use core::fmt;

use crate::error::EspErr;
use crate::wire;

/// Length of the descriptor.
pub const LEN: usize = 80;
/// Where the descriptor starts, from the start of the image.
pub const OFFSET: u32 = 32;
/// The first byte of a descriptor.
pub const MAGIC: u8 = 80;

/// Where the fields of a descriptor are. The bytes between them are reserved.
mod field {
    pub(super) const MAGIC: usize = 0;
    pub(super) const SECURE_VERSION: usize = 3;
    pub(super) const VERSION: usize = 4;
    pub(super) const IDF_VER: usize = 8;
    pub(super) const DATE_TIME: usize = 40;
}

/// The bootloader descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootloaderDesc {
    /// Anti-rollback version of the bootloader itself; 0 in versions that predate the field.
    pub secure_version: u8,
    /// Version of the bootloader.
    pub version: u32,
    /// Version of ESP-IDF, padded with NUL.
    pub idf_ver: [u8; 32],
    /// Date and time of the build, padded with NUL.
    pub date_time: [u8; 24],
}

impl BootloaderDesc {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// The first byte, if it is not [`MAGIC`].
    pub fn parse(record: &[u8; LEN]) -> Result<Self, MagicError> {
        let found = wire::u8_at::<{ field::MAGIC }, LEN>(record);
        if found != MAGIC {
            return Err(MagicError { found });
        }
        Ok(Self {
            secure_version: wire::u8_at::<{ field::SECURE_VERSION }, LEN>(record),
            version: wire::u32_at::<{ field::VERSION }, LEN>(record),
            idf_ver: wire::bytes::<{ field::IDF_VER }, 32, LEN>(record),
            date_time: wire::bytes::<{ field::DATE_TIME }, 24, LEN>(record),
        })
    }

    /// Writes the descriptor, reserved bytes as zero.
    #[must_use]
    pub fn emit(&self) -> [u8; LEN] {
        let mut record = [0; LEN];
        wire::put::<{ field::MAGIC }, 1, LEN>(&mut record, [MAGIC]);
        wire::put::<{ field::SECURE_VERSION }, 1, LEN>(&mut record, [self.secure_version]);
        wire::put::<{ field::VERSION }, 4, LEN>(&mut record, self.version.to_le_bytes());
        wire::put::<{ field::IDF_VER }, 32, LEN>(&mut record, self.idf_ver);
        wire::put::<{ field::DATE_TIME }, 24, LEN>(&mut record, self.date_time);
        record
    }
}

/// The record is no bootloader descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MagicError {
    /// Its first byte.
    pub found: u8,
}

impl MagicError {
    /// The value that `esp_ota_get_bootloader_description` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        EspErr::NOT_FOUND
    }
}

impl fmt::Display for MagicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a bootloader descriptor starts with {MAGIC:02x}, here is {:02x}",
            self.found
        )
    }
}

impl core::error::Error for MagicError {}
