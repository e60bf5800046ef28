//! The 24 bytes that every image starts with.
//!
//! Source: ESP-IDF `esp_app_format.h`, `esp_image_header_t`.

use core::fmt;

use crate::error::EspErr;
use crate::wire;

/// Length of the header.
pub const LEN: usize = 24;
/// The byte every image starts with.
pub const MAGIC: u8 = 0xE9;

/// Where the fields of a header are.
pub(super) mod field {
    pub(in crate::image) const MAGIC: usize = 0;
    pub(in crate::image) const SEGMENT_COUNT: usize = 1;
    pub(in crate::image) const SPI_MODE: usize = 2;
    pub(in crate::image) const SPI_SPEED_SIZE: usize = 3;
    pub(in crate::image) const ENTRY: usize = 4;
    pub(in crate::image) const WP_PIN: usize = 8;
    pub(in crate::image) const PIN_DRIVE: usize = 9;
    pub(in crate::image) const CHIP_ID: usize = 12;
    pub(in crate::image) const MIN_REVISION_LEGACY: usize = 14;
    pub(in crate::image) const MIN_REVISION: usize = 15;
    pub(in crate::image) const MAX_REVISION: usize = 17;
    pub(in crate::image) const RESERVED: usize = 19;
    pub(in crate::image) const HASH_APPENDED: usize = 23;
}

/// An image's header. Nothing but the magic is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// Number of segments; images have at most 16.
    pub segment_count: u8,
    /// SPI mode: 0 QIO, 1 QOUT, 2 DIO, 3 DOUT, 4 fast read, 5 slow read.
    pub spi_mode: u8,
    /// SPI clock in the low four bits (0 is 1/2, 1 is 1/3, 2 is 1/4, F is 1/1), flash size in the
    /// high four.
    pub spi_speed_size: u8,
    /// Where the program starts.
    pub entry: u32,
    /// Write protect pin, `0xEE` for none.
    pub wp_pin: u8,
    /// Drive strengths of the SPI pins.
    pub pin_drive: [u8; 3],
    /// The chip the image is for, see [`Chip::id`](crate::Chip::id).
    pub chip_id: u16,
    /// Oldest silicon as old tools write it: major only.
    pub min_revision_legacy: u8,
    /// Oldest silicon the image runs on, major × 100 + minor.
    pub min_revision: u16,
    /// Newest silicon the image runs on, major × 100 + minor; 0 and 65535 are no limit.
    pub max_revision: u16,
    /// Reserved.
    pub reserved: [u8; 4],
    /// Not 0 when a SHA-256 ends the image.
    pub hash_appended: u8,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// The first byte, if it is not [`MAGIC`].
    pub fn parse(record: &[u8; LEN]) -> Result<Self, MagicError> {
        let found = wire::u8_at::<{ field::MAGIC }, LEN>(record);
        if found != MAGIC {
            return Err(MagicError { found });
        }
        Ok(Self {
            segment_count: wire::u8_at::<{ field::SEGMENT_COUNT }, LEN>(record),
            spi_mode: wire::u8_at::<{ field::SPI_MODE }, LEN>(record),
            spi_speed_size: wire::u8_at::<{ field::SPI_SPEED_SIZE }, LEN>(record),
            entry: wire::u32_at::<{ field::ENTRY }, LEN>(record),
            wp_pin: wire::u8_at::<{ field::WP_PIN }, LEN>(record),
            pin_drive: wire::bytes::<{ field::PIN_DRIVE }, 3, LEN>(record),
            chip_id: wire::u16_at::<{ field::CHIP_ID }, LEN>(record),
            min_revision_legacy: wire::u8_at::<{ field::MIN_REVISION_LEGACY }, LEN>(record),
            min_revision: wire::u16_at::<{ field::MIN_REVISION }, LEN>(record),
            max_revision: wire::u16_at::<{ field::MAX_REVISION }, LEN>(record),
            reserved: wire::bytes::<{ field::RESERVED }, 4, LEN>(record),
            hash_appended: wire::u8_at::<{ field::HASH_APPENDED }, LEN>(record),
        })
    }

    /// Writes the header: the inverse of [`Header::parse`].
    #[must_use]
    pub fn emit(&self) -> [u8; LEN] {
        let mut record = [0; LEN];
        let r = &mut record;
        wire::put::<{ field::MAGIC }, 1, LEN>(r, [MAGIC]);
        wire::put::<{ field::SEGMENT_COUNT }, 1, LEN>(r, [self.segment_count]);
        wire::put::<{ field::SPI_MODE }, 1, LEN>(r, [self.spi_mode]);
        wire::put::<{ field::SPI_SPEED_SIZE }, 1, LEN>(r, [self.spi_speed_size]);
        wire::put::<{ field::ENTRY }, 4, LEN>(r, self.entry.to_le_bytes());
        wire::put::<{ field::WP_PIN }, 1, LEN>(r, [self.wp_pin]);
        wire::put::<{ field::PIN_DRIVE }, 3, LEN>(r, self.pin_drive);
        wire::put::<{ field::CHIP_ID }, 2, LEN>(r, self.chip_id.to_le_bytes());
        wire::put::<{ field::MIN_REVISION_LEGACY }, 1, LEN>(r, [self.min_revision_legacy]);
        wire::put::<{ field::MIN_REVISION }, 2, LEN>(r, self.min_revision.to_le_bytes());
        wire::put::<{ field::MAX_REVISION }, 2, LEN>(r, self.max_revision.to_le_bytes());
        wire::put::<{ field::RESERVED }, 4, LEN>(r, self.reserved);
        wire::put::<{ field::HASH_APPENDED }, 1, LEN>(r, [self.hash_appended]);
        record
    }

    /// The flash size that the image was built for, in bytes: 1 MiB to 128 MiB.
    ///
    /// `None` for a code that has no meaning. In a bootloader's header this is the size of the
    /// flash as far as the bootloader is concerned.
    #[must_use]
    pub const fn flash_size(&self) -> Option<u32> {
        match self.spi_speed_size >> 4 {
            code @ 0..=7 => Some(0x10_0000 << code),
            _ => None,
        }
    }
}

/// The record is no image header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MagicError {
    /// Its first byte.
    pub found: u8,
}

impl MagicError {
    /// The value that `esp_image_verify` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        EspErr::IMAGE_INVALID
    }
}

impl fmt::Display for MagicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an image starts with {MAGIC:02x}, here is {:02x}",
            self.found
        )
    }
}

impl core::error::Error for MagicError {}
