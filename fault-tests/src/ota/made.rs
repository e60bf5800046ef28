//! Images of any size, made on the spot: where a bundled one will not do.
//!
//! One is a header, one segment that begins with an application descriptor, the checksum and the
//! SHA-256, as ESP-IDF lays them out. Nothing would run in it; a bootloader and an application that
//! verify it cannot tell.

use ota_core::image::{
    AppDesc, CHECKSUM_SEED, HASH_LEN, Header, SegmentHeader, app_desc, header, segment,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Bytes of the smallest: the headers, the descriptor, 16 bytes with the checksum last, the digest.
pub const SMALLEST: usize = header::LEN + segment::LEN + app_desc::LEN + ALIGN + DIGEST;

/// What the length of an image is a multiple of.
pub const ALIGN: usize = 16;

const DIGEST: usize = HASH_LEN as usize;

/// An image for the ESP32-C3 that verifies, of `len` bytes; its content is drawn with `seed`.
///
/// # Panics
///
/// If `len` is less than [`SMALLEST`] or no multiple of [`ALIGN`].
pub fn image(len: usize, seed: u64) -> Vec<u8> {
    assert!(
        len >= SMALLEST && len.is_multiple_of(ALIGN),
        "no image has {len} bytes"
    );
    let header = Header {
        segment_count: 1,
        spi_mode: 2,
        spi_speed_size: 0x3F,
        entry: 0x4038_0000,
        wp_pin: 0xEE,
        pin_drive: [0; 3],
        chip_id: ota_core::chip::ESP32C3.id,
        min_revision_legacy: 0,
        min_revision: 0,
        max_revision: u16::MAX,
        reserved: [0; 4],
        hash_appended: 1,
    };
    // The last four bytes before the digest are padding and the checksum.
    let mut data = vec![0; len - header::LEN - segment::LEN - 4 - DIGEST];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut data);
    let mut app_elf_sha256 = [0; 32];
    app_elf_sha256.copy_from_slice(&Sha256::digest(&data));
    let desc = AppDesc {
        secure_version: 0,
        version: text(&format!("made {seed}")),
        project_name: text("brownout"),
        time: text("00:00:00"),
        date: text("Jan  1 2026"),
        idf_ver: text("v5.5"),
        app_elf_sha256,
        min_efuse_blk_rev: 0,
        max_efuse_blk_rev: u16::MAX,
        mmu_page_size: 16,
        spi_flash_mode: 0,
    };
    data[..app_desc::LEN].copy_from_slice(&desc.emit());
    let segment = SegmentHeader {
        // Padding, as far as a bootloader is concerned: loaded nowhere.
        load_addr: 0,
        data_len: u32::try_from(data.len()).expect("an image is no larger than a flash"),
    };
    let checksum = data.iter().fold(CHECKSUM_SEED, |sum, byte| sum ^ byte);
    let mut image = Vec::with_capacity(len);
    image.extend(header.emit());
    image.extend(segment.emit());
    image.extend(data);
    image.extend([0, 0, 0, checksum]);
    let digest = Sha256::digest(&image);
    image.extend_from_slice(&digest);
    image
}

/// The made image of this name: `made_336` has 336 bytes.
pub(super) fn named(name: &str) -> Option<Vec<u8>> {
    let len = name.strip_prefix("made_")?.parse().ok()?;
    Some(image(len, len as u64))
}

fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut padded = [0; N];
    padded[..text.len()].copy_from_slice(text.as_bytes());
    padded
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::input::Firmware;

    #[test]
    fn images_of_any_size_verify() {
        for len in [SMALLEST, SMALLEST + ALIGN, 4096, 16 << 10, 1 << 20] {
            let made = image(len, 7);
            assert_eq!(made.len(), len);
            let verified = Firmware::new(Path::new("made"), made).expect("it verifies");
            assert_eq!(verified.image.image_len as usize, len);
        }
        assert_ne!(image(SMALLEST, 1), image(SMALLEST, 2));
    }
}
