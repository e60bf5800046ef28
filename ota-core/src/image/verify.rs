//! What it means that an image verifies: the device it is judged for, the question, the answer.

use embedded_storage::nor_flash::ReadNorFlash;

use super::{SIXTEEN_MIB, VerifyError};
use crate::chip::{Chip, MMU_PAGE};
use crate::flash::{Region, SECTOR};

/// The device an image is judged for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The chip.
    pub chip: &'static Chip,
    /// Its silicon revision, major × 100 + minor (v0.4 is 4).
    pub revision: u16,
    /// Whether its eFuse `DISABLE_WAFER_VERSION_MAJOR` is burnt: images then run on newer silicon
    /// than they say.
    pub ignore_max_revision: bool,
    /// Its eFuse block revision, major × 100 + minor (v1.3 is 103). Without meaning on an ESP32.
    pub efuse_block_revision: u16,
    /// Whether its eFuse `DISABLE_BLK_VERSION_MAJOR` is burnt: images then run with newer eFuse
    /// blocks than they say.
    pub ignore_max_efuse_block_revision: bool,
    /// MMU page size that the bootloader is built for (`CONFIG_MMU_PAGE_SIZE`), in bytes. It
    /// matters on chips where it is configurable; an image may say otherwise for itself.
    pub mmu_page: u32,
    /// Largest region that may hold an image, in bytes: 16 MiB, more only in builds for flash
    /// with 32-bit addresses.
    pub max_region: u32,
}

impl Target {
    /// A device of this kind that no image is too new or too old for, with 64 KiB pages and
    /// flash with 24-bit addresses.
    #[must_use]
    pub const fn new(chip: &'static Chip) -> Self {
        Self {
            chip,
            revision: u16::MAX,
            ignore_max_revision: true,
            efuse_block_revision: u16::MAX,
            ignore_max_efuse_block_revision: true,
            mmu_page: MMU_PAGE,
            max_region: SIXTEEN_MIB,
        }
    }

    /// The same device with these revisions, each major × 100 + minor, and neither of the eFuses
    /// burnt that lift the upper limits.
    #[must_use]
    pub const fn with_revisions(mut self, silicon: u16, efuse_blocks: u16) -> Self {
        self.revision = silicon;
        self.ignore_max_revision = false;
        self.efuse_block_revision = efuse_blocks;
        self.ignore_max_efuse_block_revision = false;
        self
    }
}

/// What is known of an image that verifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageMetadata {
    /// Where it was looked for: the whole region, not only the image.
    pub region: Region,
    /// Its length in bytes from the start of the region, the appended hash included and a
    /// signature excluded.
    pub image_len: u32,
    /// Number of its segments.
    pub segments: u8,
    /// The SHA-256 of its bytes as they were verified, from the first to the checksum: it tells this image
    /// from every other.
    pub digest: [u8; 32],
    /// Whether it carries that digest behind its checksum. The two were compared, except in an image at the
    /// chip's bootloader offset.
    pub hashed: bool,
    /// The anti-rollback version, if its first segment starts with an application descriptor: the bytes
    /// that were verified, not those of another read. With anti-rollback nothing boots without.
    pub secure_version: Option<u32>,
}

impl ImageMetadata {
    /// Length in bytes of what a secure boot v2 signature covers: the image up to the next
    /// sector. The signature sector follows.
    #[must_use]
    pub const fn signed_len(&self) -> u64 {
        // Widening: `u64::from` is not const.
        (self.image_len as u64).next_multiple_of(SECTOR as u64)
    }
}

/// Something that can tell whether an image is whole.
///
/// The boot and the update are generic over it, so that a test can answer from a table and a
/// product can add signatures.
pub trait VerifyImage<F: ReadNorFlash> {
    /// Verifies the image at the start of `at`.
    ///
    /// Reads only inside `at` and writes nothing, so a power cut in it changes nothing.
    ///
    /// # Errors
    /// [`VerifyError`] says what was refused, where, and by `esp_err` what the reference returns.
    fn verify(&mut self, flash: &mut F, at: Region)
    -> Result<ImageMetadata, VerifyError<F::Error>>;

    /// Verifies the image at the start of `at` as a second-stage bootloader, wherever it is staged
    /// (`esp_image_bootloader_offset_set` in the reference). The default makes no difference.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        self.verify(flash, at)
    }
}

impl<F: ReadNorFlash, V: VerifyImage<F> + ?Sized> VerifyImage<F> for &mut V {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        (**self).verify(flash, at)
    }

    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        (**self).verify_bootloader(flash, at)
    }
}
