//! The images that the server has published, and how the judge tells them apart.

use std::path::Path;
use std::sync::Arc;

use crate::input;

/// Names a published image: its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u8);

/// One published image.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// For a person: `v2 (c3_64k)`.
    pub name: String,
    /// The file.
    pub bytes: Arc<[u8]>,
}

/// Where a damaged download differs from the published image: one bit, in the middle.
const DAMAGED_BIT: u8 = 0x10;

impl Firmware {
    /// The image itself: without what the file holds behind it, such as a signature.
    pub(super) fn image(&self) -> Arc<[u8]> {
        let verified = input::Firmware::new(Path::new("a published image"), self.bytes.to_vec());
        match verified.map(|firmware| firmware.image.image_len as usize) {
            Ok(len) if len < self.bytes.len() => Arc::from(&self.bytes[..len]),
            _ => Arc::clone(&self.bytes),
        }
    }

    /// Its secure version.
    pub(super) fn secure_version(&self) -> u32 {
        secure_version(&self.bytes)
    }

    /// The image with one bit of its middle byte flipped, as a bad download delivers it.
    pub fn damaged(&self) -> Arc<[u8]> {
        let mut bytes = self.bytes.to_vec();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= DAMAGED_BIT;
        }
        bytes.into()
    }
}

/// The secure version of an image: the first field of the application descriptor, behind the magic word.
pub(super) fn secure_version(image: &[u8]) -> u32 {
    let field = image.get(36..40);
    let field = field.and_then(|bytes| bytes.try_into().ok());
    field.map_or(0, u32::from_le_bytes)
}
