//! What it means that an image verifies: the request, the answer, the refusals.

use core::fmt;

use embedded_storage::nor_flash::ReadNorFlash;

use crate::chip::Chip;
use crate::error::EspErr;
use crate::flash::Region;

/// The device an image is judged for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The chip.
    pub chip: &'static Chip,
    /// Its silicon revision, major × 100 + minor (v0.4 is 4).
    pub revision: u16,
    /// Its eFuse block revision, major × 100 + minor (v1.3 is 103).
    pub efuse_block_revision: u16,
}

/// What is known of an image that verifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageMetadata {
    /// Where it was looked for: the whole region, not only the image.
    pub region: Region,
    /// Its length in bytes from the start of the region, the appended hash included.
    pub image_len: u32,
    /// Number of its segments.
    pub segments: u8,
    /// The SHA-256 that ends it, if it carries one.
    pub hash: Option<[u8; 32]>,
    /// The anti-rollback version, if it carries an application descriptor.
    pub secure_version: Option<u32>,
}

/// Something that can tell whether an image is whole.
///
/// The boot and the update are generic over it, so that a test can answer from a table and a
/// product can add signatures.
pub trait VerifyImage<F: ReadNorFlash> {
    /// Verifies the image at the start of `at`. Reads only inside `at`, and writes nothing.
    fn verify(&mut self, flash: &mut F, at: Region)
    -> Result<ImageMetadata, VerifyError<F::Error>>;
}

/// An image was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyError<E> {
    /// Absolute address of what was refused.
    pub at: u32,
    /// What was wrong with it.
    pub refusal: Refusal<E>,
}

/// The cause, one variant each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal<E> {
    /// The flash refused to read.
    Flash(E),
    /// There is no image.
    Magic {
        /// The first byte found.
        found: u8,
    },
}

impl<E> VerifyError<E> {
    /// The value that `esp_image_verify` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self.refusal {
            Refusal::Flash(_) => EspErr::IMAGE_FLASH_FAIL,
            Refusal::Magic { .. } => EspErr::IMAGE_INVALID,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for VerifyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at 0x{:x}: {}", self.at, self.refusal)
    }
}

impl<E: fmt::Debug> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(e) => write!(f, "the flash failed: {e:?}"),
            Self::Magic { found } => write!(f, "an image starts with e9, here is {found:02x}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for VerifyError<E> {}
