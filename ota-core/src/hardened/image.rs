//! Whether the image in a slot is the one that was meant.

use embedded_storage::nor_flash::ReadNorFlash;

use super::choice::Digest;
use crate::image::{ImageMetadata, VerifyError, VerifyImage};
use crate::partition::Partition;

/// Verifies the image of a partition, and takes its digest: of the very bytes that were verified. So a bit of
/// the header that falls and thereby says that there is no SHA-256 makes it another image.
pub(super) fn verify<F: ReadNorFlash, V: VerifyImage<F>>(
    flash: &mut F,
    verifier: &mut V,
    partition: &Partition,
) -> Result<(ImageMetadata, Digest), VerifyError<F::Error>> {
    let image = verifier.verify(flash, partition.region())?;
    Ok((image, Digest::of(&image.digest)))
}
