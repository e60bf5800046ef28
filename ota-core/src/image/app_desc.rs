//! The application descriptor: what an image says about itself.
//!
//! ESP-IDF `esp_app_desc.h`: 256 bytes at the start of the first segment's data, which is offset
//! 32 of the image.

use core::fmt;

use embedded_storage::nor_flash::ReadNorFlash;

use crate::error::EspErr;
use crate::flash::{READ_ALIGN, Region};
use crate::wire;

/// Length of the descriptor.
pub const LEN: usize = 256;
/// Where the descriptor starts, from the start of the image.
pub const OFFSET: u32 = 32;
/// The first word of a descriptor.
pub const MAGIC: u32 = 0xABCD_5432;

/// Where the fields of a descriptor are. The bytes between them are reserved.
pub(super) mod field {
    pub(in crate::image) const MAGIC: usize = 0;
    pub(in crate::image) const SECURE_VERSION: usize = 4;
    pub(in crate::image) const VERSION: usize = 16;
    pub(in crate::image) const PROJECT_NAME: usize = 48;
    pub(in crate::image) const TIME: usize = 80;
    pub(in crate::image) const DATE: usize = 96;
    pub(in crate::image) const IDF_VER: usize = 112;
    pub(in crate::image) const APP_ELF_SHA256: usize = 144;
    pub(in crate::image) const MIN_EFUSE_BLK_REV: usize = 176;
    pub(in crate::image) const MAX_EFUSE_BLK_REV: usize = 178;
    pub(in crate::image) const MMU_PAGE_SIZE: usize = 180;
    pub(in crate::image) const SPI_FLASH_MODE: usize = 181;
}

/// The application descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppDesc {
    /// Anti-rollback version.
    pub secure_version: u32,
    /// Version of the application, padded with NUL.
    pub version: [u8; 32],
    /// Name of the project, padded with NUL.
    pub project_name: [u8; 32],
    /// Time of the build, padded with NUL.
    pub time: [u8; 16],
    /// Date of the build, padded with NUL.
    pub date: [u8; 16],
    /// Version of ESP-IDF, padded with NUL.
    pub idf_ver: [u8; 32],
    /// SHA-256 of the ELF file.
    pub app_elf_sha256: [u8; 32],
    /// Oldest eFuse block revision the image runs on, major × 100 + minor.
    pub min_efuse_blk_rev: u16,
    /// Newest eFuse block revision the image runs on, major × 100 + minor.
    pub max_efuse_blk_rev: u16,
    /// Base-2 logarithm of the MMU page size, 0 in images that predate the field: see
    /// [`mmu_page`](Self::mmu_page).
    pub mmu_page_size: u8,
    /// SPI flash mode that the image was built for.
    pub spi_flash_mode: u8,
}

impl AppDesc {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// The first word, if it is not [`MAGIC`].
    pub fn parse(record: &[u8; LEN]) -> Result<Self, MagicError> {
        match magic(record) {
            MAGIC => Ok(Self::parse_any(record)),
            found => Err(MagicError { found }),
        }
    }

    /// Reads the fields whatever the magic: the reference checks eFuse revisions this way.
    pub(super) fn parse_any(record: &[u8; LEN]) -> Self {
        Self {
            secure_version: wire::u32_at::<{ field::SECURE_VERSION }, LEN>(record),
            version: wire::bytes::<{ field::VERSION }, 32, LEN>(record),
            project_name: wire::bytes::<{ field::PROJECT_NAME }, 32, LEN>(record),
            time: wire::bytes::<{ field::TIME }, 16, LEN>(record),
            date: wire::bytes::<{ field::DATE }, 16, LEN>(record),
            idf_ver: wire::bytes::<{ field::IDF_VER }, 32, LEN>(record),
            app_elf_sha256: wire::bytes::<{ field::APP_ELF_SHA256 }, 32, LEN>(record),
            min_efuse_blk_rev: wire::u16_at::<{ field::MIN_EFUSE_BLK_REV }, LEN>(record),
            max_efuse_blk_rev: wire::u16_at::<{ field::MAX_EFUSE_BLK_REV }, LEN>(record),
            mmu_page_size: wire::u8_at::<{ field::MMU_PAGE_SIZE }, LEN>(record),
            spi_flash_mode: wire::u8_at::<{ field::SPI_FLASH_MODE }, LEN>(record),
        }
    }

    /// The MMU page size that the image is built for, in bytes: 8 KiB to 256 KiB. `None` if it does not say, or
    /// says what no page is (ESP-IDF takes anything but 13 to 18 for nothing said): then it is the bootloader's
    /// own.
    #[must_use]
    pub const fn mmu_page(&self) -> Option<u32> {
        match self.mmu_page_size {
            log @ 13..=18 => Some(1 << log),
            _ => None,
        }
    }

    /// Writes the descriptor, reserved bytes as zero.
    #[must_use]
    pub fn emit(&self) -> [u8; LEN] {
        let mut record = [0; LEN];
        let r = &mut record;
        wire::put::<{ field::MAGIC }, 4, LEN>(r, MAGIC.to_le_bytes());
        wire::put::<{ field::SECURE_VERSION }, 4, LEN>(r, self.secure_version.to_le_bytes());
        wire::put::<{ field::VERSION }, 32, LEN>(r, self.version);
        wire::put::<{ field::PROJECT_NAME }, 32, LEN>(r, self.project_name);
        wire::put::<{ field::TIME }, 16, LEN>(r, self.time);
        wire::put::<{ field::DATE }, 16, LEN>(r, self.date);
        wire::put::<{ field::IDF_VER }, 32, LEN>(r, self.idf_ver);
        wire::put::<{ field::APP_ELF_SHA256 }, 32, LEN>(r, self.app_elf_sha256);
        wire::put::<{ field::MIN_EFUSE_BLK_REV }, 2, LEN>(r, self.min_efuse_blk_rev.to_le_bytes());
        wire::put::<{ field::MAX_EFUSE_BLK_REV }, 2, LEN>(r, self.max_efuse_blk_rev.to_le_bytes());
        wire::put::<{ field::MMU_PAGE_SIZE }, 1, LEN>(r, [self.mmu_page_size]);
        wire::put::<{ field::SPI_FLASH_MODE }, 1, LEN>(r, [self.spi_flash_mode]);
        record
    }
}

/// The first word of a descriptor, whatever it is.
pub(super) fn magic(record: &[u8; LEN]) -> u32 {
    wire::u32_at::<{ field::MAGIC }, LEN>(record)
}

/// The record is no application descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MagicError {
    /// Its first word.
    pub found: u32,
}

impl MagicError {
    /// The value that `esp_ota_get_partition_description` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        EspErr::NOT_FOUND
    }
}

impl fmt::Display for MagicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        write!(
            f,
            "an application descriptor starts with 0x{MAGIC:08x}, here is 0x{found:08x}"
        )
    }
}

impl core::error::Error for MagicError {}

/// Why there is no descriptor to be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DescError<E> {
    /// The flash refused to read.
    Flash(E),
    /// The region ends before the descriptor does.
    TooShort {
        /// Size of the region.
        size: u32,
    },
    /// There is something else.
    Magic(MagicError),
    /// The image that was verified has none.
    Missing,
}

impl<E> DescError<E> {
    /// The value that `esp_ota_get_partition_description` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::Flash(_) => EspErr::FLASH_OP_FAIL,
            Self::TooShort { .. } => EspErr::INVALID_SIZE,
            Self::Magic(e) => e.esp_err(),
            Self::Missing => EspErr::NOT_FOUND,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for DescError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(e) => write!(f, "the flash failed: {e:?}"),
            Self::TooShort { size } => {
                write!(f, "{size} bytes are too few for an application descriptor")
            }
            Self::Magic(e) => e.fmt(f),
            Self::Missing => f.pad("the image has no application descriptor"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for DescError<E> {}

/// Reads the application descriptor of the image at the start of `at`.
///
/// Exactly its 256 bytes are read, nothing is written, and the image is not verified. The flash's `READ_SIZE` must
/// divide 32, and `at.offset` be a multiple of it; this is the one stack buffer of 256 bytes in
/// the crate.
pub fn read_app_desc<F: ReadNorFlash>(
    flash: &mut F,
    at: Region,
) -> Result<AppDesc, DescError<F::Error>> {
    const {
        assert!(
            READ_ALIGN.is_multiple_of(F::READ_SIZE),
            "READ_SIZE must divide 32"
        );
    };
    let mut record = [0; LEN];
    let end = u64::from(OFFSET) + LEN as u64;
    let Some(start) = at
        .offset
        .checked_add(OFFSET)
        .filter(|_| end <= u64::from(at.size))
    else {
        return Err(DescError::TooShort { size: at.size });
    };
    flash.read(start, &mut record).map_err(DescError::Flash)?;
    AppDesc::parse(&record).map_err(DescError::Magic)
}
