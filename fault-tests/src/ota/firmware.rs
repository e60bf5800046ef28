//! The images that the server has published, and how the judge tells them apart.

use std::sync::Arc;

use embedded_storage::nor_flash::ReadNorFlash;
use ota_core::flash::Region;

use crate::chip::Chip;

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

/// Which of `published` lies at the start of `at`, whole and bit-identical.
pub(super) fn identify(
    chip: &mut Chip<'_>,
    published: &[Firmware],
    at: Region,
    image_len: u32,
) -> Option<ImageId> {
    chip.memoised(at.offset..at.offset + image_len, |chip| {
        which(chip, published, at, image_len)
    })
}

/// The same on any flash.
pub(super) fn which<F: ReadNorFlash>(
    flash: &mut F,
    published: &[Firmware],
    at: Region,
    image_len: u32,
) -> Option<ImageId> {
    let holds = |flash: &mut F, bytes: &[u8]| -> Result<bool, F::Error> {
        let mut found = [0; 4096];
        let mut offset = at.offset;
        for expected in bytes.chunks(found.len()) {
            let found = &mut found[..expected.len()];
            flash.read(offset, found)?;
            if found != expected {
                return Ok(false);
            }
            offset += 4096;
        }
        Ok(true)
    };
    let mut ids = published
        .iter()
        .zip(0..)
        .filter(|(f, _)| f.bytes.len() == image_len as usize);
    ids.find(|(firmware, _)| matches!(holds(flash, &firmware.bytes), Ok(true)))
        .map(|(_, id)| ImageId(id))
}
