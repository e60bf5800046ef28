//! The application image: its parts, and whether it is whole.
//!
//! ```text
//! 0      header, 24 bytes
//! 24     segment header, 8 bytes ┐
//! 32     segment data            ┘ repeated; an app's first segment starts with its descriptor
//!        padding, then one checksum byte that ends a block of 16
//!        SHA-256 of everything before, if the header says so
//!        (signed images: erased up to the next sector, then a sector of signature blocks)
//! ```
//!
//! [`header`], [`segment`], [`app_desc`] and [`bootloader_desc`] are the records.
//! [`verify`] says what it means that an image verifies, [`refusal`] why it does not,
//! [`stream`] is the verifier that reads the image itself, and [`signature`] is about who made it.
//!
//! Sources: ESP-IDF `esp_app_format.h`, `esp_app_desc.h`, `esp_bootloader_desc.h` and
//! `bootloader_support/src/esp_image_format.c`.

pub mod app_desc;
pub mod bootloader_desc;
pub mod header;
mod map_flash;
mod reader;
pub mod refusal;
pub mod segment;
pub mod signature;
pub mod stream;
pub mod verify;

pub use app_desc::{AppDesc, DescError, read_app_desc};
pub use bootloader_desc::BootloaderDesc;
pub use header::Header;
pub use refusal::{Refusal, VerifyError};
pub use segment::SegmentHeader;
pub use stream::UnsignedVerifier;
pub use verify::{ImageMetadata, Target, VerifyImage};

/// Length of the SHA-256 that ends an image.
pub const HASH_LEN: u32 = 32;
/// Most segments of an image.
pub const MAX_SEGMENTS: u8 = 16;
/// 16 MiB: no segment is that long, and by default no region that holds an image is longer.
pub const SIXTEEN_MIB: u32 = 0x100_0000;
/// What the checksum starts with.
pub const CHECKSUM_SEED: u8 = 0xEF;
/// What the checksum byte ends: a block of this many bytes.
pub const CHECKSUM_BLOCK: u32 = 16;
