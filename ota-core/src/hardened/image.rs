//! Whether the image in a slot is the one that was meant.

use embedded_storage::nor_flash::ReadNorFlash;
use sha2::{Digest as _, Sha256};

use super::choice::Digest;
use crate::flash::READ_ALIGN;
use crate::image::{ImageMetadata, Refusal, VerifyError, VerifyImage};
use crate::partition::Partition;

/// Bytes hashed at a time.
const CHUNK: u32 = 256;

/// Verifies the image of a partition, and takes its digest: the SHA-256 that it carries, which was
/// compared, or else one made of all its bytes. So a bit of the header that falls and thereby says that
/// there is no SHA-256 makes it another image.
pub(super) fn verify<F: ReadNorFlash, V: VerifyImage<F>>(
    flash: &mut F,
    verifier: &mut V,
    partition: &Partition,
) -> Result<(ImageMetadata, Digest), VerifyError<F::Error>> {
    let image = verifier.verify(flash, partition.region())?;
    let digest = digest(flash, &image)?;
    Ok((image, digest))
}

/// The digest of an image that was verified.
pub(super) fn digest<F: ReadNorFlash>(
    flash: &mut F,
    image: &ImageMetadata,
) -> Result<Digest, VerifyError<F::Error>> {
    if let Some(hash) = &image.hash {
        return Ok(Digest::of(hash));
    }
    const { assert!(READ_ALIGN.is_multiple_of(F::READ_SIZE)) };
    const { assert!((CHUNK as usize).is_multiple_of(READ_ALIGN)) };
    let mut sha = Sha256::new();
    let mut chunk = [0; CHUNK as usize];
    let (mut at, mut left) = (image.region.offset, image.image_len);
    // Each round takes 256 bytes or is the last.
    while left > 0 {
        let len = left.min(CHUNK) as usize;
        // The last read is made longer, up to where the next one would start: a partition is whole
        // sectors.
        let (room, _) = chunk
            .split_at_mut_checked(len.next_multiple_of(READ_ALIGN))
            .unwrap_or_default();
        flash.read(at, room).map_err(|error| VerifyError {
            at,
            refusal: Refusal::Flash(error),
        })?;
        sha.update(room.get(..len).unwrap_or_default());
        at = at.saturating_add(CHUNK);
        left = left.saturating_sub(CHUNK);
    }
    Ok(Digest::of(&sha.finalize().into()))
}
