//! Tiny images: a header, a segment that begins with an application descriptor, the checksum, the SHA-256.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::dice::mix;

/// A published image.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    /// Its secure version.
    pub(super) version: u32,
}

/// Every image that is ever published. The first one is what a new device runs.
pub(super) static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let images = [
        (336, 1),
        (336, 1),
        (4512, 1),
        (336, 2),
        (336, 0),
        (8608, 2),
        (352, 1),
        (336, 3),
    ];
    let make = |(id, (len, version))| Image {
        bytes: image(len, id, version),
        version,
    };
    (0u64..).zip(images).map(make).collect()
});

const HEADER: usize = 24;
const SEGMENT: usize = 8;

/// An image for the ESP32-C3, of `len` bytes, a multiple of 16.
fn image(len: usize, id: u64, version: u32) -> Vec<u8> {
    let mut data: Vec<u8> = (0..len - HEADER - SEGMENT - 4 - 32)
        .map(|at| mix(id << 32 | at as u64).to_le_bytes()[0])
        .collect();
    // The descriptor: its magic, the secure version, a version, and the size of a page of the MMU.
    data[..256].fill(0);
    data[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    data[4..8].copy_from_slice(&version.to_le_bytes());
    data[16] = b'a' + id.to_le_bytes()[0];
    data[178..180].copy_from_slice(&u16::MAX.to_le_bytes());
    data[180] = 16;
    let mut image = vec![0; HEADER];
    image[..4].copy_from_slice(&[0xE9, 1, 2, 0x3F]);
    image[4..8].copy_from_slice(&0x4038_0000_u32.to_le_bytes());
    image[8] = 0xEE;
    // ESP32-C3, any revision.
    image[12] = 5;
    image[17..19].copy_from_slice(&u16::MAX.to_le_bytes());
    image[23] = 1;
    image.extend(0u32.to_le_bytes());
    image.extend(u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
    let checksum = data.iter().fold(0xEF, |sum, byte| sum ^ byte);
    image.extend(data);
    image.extend([0, 0, 0, checksum]);
    let digest = Sha256::digest(&image);
    image.extend_from_slice(&digest);
    image
}
