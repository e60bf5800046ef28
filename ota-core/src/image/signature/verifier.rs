//! The verifier that looks at signatures, after another has found the image whole.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "only constants are narrowed, none above 4096"
)]

use embedded_storage::nor_flash::ReadNorFlash;
use sha2::{Digest, Sha256};

use super::block::{self, Block, Scheme};
use super::keys::{Standing, TrustedKeys};
use super::refusal::BlockRefusal;
use crate::flash::{Region, SECTOR};
use crate::image::reader::RegionReader;
use crate::image::stream::BufferTooShort;
use crate::image::{ImageMetadata, Refusal, StreamVerifier, VerifyError, VerifyImage};

/// Length of a block.
const BLOCK_LEN: u32 = block::LEN as u32;

/// Verifies images as [`StreamVerifier`] does, and then that one of the keys that the device trusts
/// has signed them.
///
/// The image is read twice, its signature sector once. Besides the buffer it needs stack: see
/// [`signature`](super).
#[derive(Debug)]
pub struct SignedVerifier<'b> {
    image: StreamVerifier<'b>,
    scheme: Scheme,
    keys: TrustedKeys,
    blocks: u8,
}

impl<'b> SignedVerifier<'b> {
    /// The shortest buffer of the inner verifier, in bytes: a signature block.
    pub const MIN_BUFFER: usize = block::LEN;

    /// A verifier of images that are signed with RSA-3072.
    ///
    /// # Errors
    /// [`BufferTooShort`] if that of `image` has fewer than [`SignedVerifier::MIN_BUFFER`] bytes.
    #[cfg(feature = "secure-boot-rsa")]
    pub const fn rsa3072(
        image: StreamVerifier<'b>,
        keys: TrustedKeys,
    ) -> Result<Self, BufferTooShort> {
        Self::new(image, Scheme::Rsa3072, keys)
    }

    /// A verifier of images that are signed on the curve P-256.
    ///
    /// # Errors
    /// [`BufferTooShort`] if that of `image` has fewer than [`SignedVerifier::MIN_BUFFER`] bytes.
    #[cfg(feature = "secure-boot-ecdsa")]
    pub const fn ecdsa_p256(
        image: StreamVerifier<'b>,
        keys: TrustedKeys,
    ) -> Result<Self, BufferTooShort> {
        Self::new(image, Scheme::EcdsaP256, keys)
    }

    /// A verifier of images that are signed on the curve P-384.
    ///
    /// # Errors
    /// [`BufferTooShort`] if that of `image` has fewer than [`SignedVerifier::MIN_BUFFER`] bytes.
    #[cfg(feature = "secure-boot-ecdsa")]
    pub const fn ecdsa_p384(
        image: StreamVerifier<'b>,
        keys: TrustedKeys,
    ) -> Result<Self, BufferTooShort> {
        Self::new(image, Scheme::EcdsaP384, keys)
    }

    const fn new(
        image: StreamVerifier<'b>,
        scheme: Scheme,
        keys: TrustedKeys,
    ) -> Result<Self, BufferTooShort> {
        let len = image.buf.len();
        if len < Self::MIN_BUFFER {
            let min = Self::MIN_BUFFER;
            return Err(BufferTooShort { len, min });
        }
        Ok(Self {
            image,
            scheme,
            keys,
            blocks: block::MOST,
        })
    }

    /// The same, but only the first signature block counts: signed updates without secure boot in
    /// hardware (`CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT`). The key to trust is then that of
    /// the running image, [`first_key`](Self::first_key).
    #[must_use]
    pub const fn first_block_only(mut self) -> Self {
        self.blocks = 1;
        self
    }

    /// How images are signed.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The same verifier with other keys to trust.
    #[must_use]
    pub const fn with_keys(mut self, keys: TrustedKeys) -> Self {
        self.keys = keys;
        self
    }

    /// The digest of the key that signed the image at the start of `at`, by its first block. Whether
    /// the signature is right is not looked at: it is what the running image is asked for.
    ///
    /// Writes nothing.
    ///
    /// # Errors
    /// As [`verify`](VerifyImage::verify).
    pub fn first_key<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<[u8; 32], VerifyError<F::Error>> {
        let image = self.image.verify(flash, at)?;
        let signed = signed_len(&image)?;
        let mut reader = RegionReader::new(flash, self.image.buf, at)?;
        let scheme = self.scheme;
        read_block(&mut reader, signed, 0, |block| {
            Ok(Block::new_checked(block, scheme)?.key_digest())
        })?
        .map_err(|why| refuse(at, signed, 0, why, scheme))
    }

    fn signed<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        image: &ImageMetadata,
    ) -> Result<(), VerifyError<F::Error>> {
        let signed = signed_len(image)?;
        let mut reader = RegionReader::new(flash, self.image.buf, image.region)?;
        reader.check(signed, SECTOR)?;
        let mut room = [0; 64];
        let digest = match self.scheme {
            #[cfg(feature = "secure-boot-ecdsa")]
            Scheme::EcdsaP384 => hash::<sha2::Sha384, F>(&mut reader, signed, &mut room)?,
            _ => hash::<Sha256, F>(&mut reader, signed, &mut room)?,
        };
        let (scheme, keys) = (self.scheme, &self.keys);
        let mut furthest = (0, BlockRefusal::Magic { found: 0xFF });
        for number in 0..self.blocks {
            let judged = read_block(&mut reader, signed, number, |block| {
                judge(block, scheme, keys, digest)
            })?;
            match judged {
                Ok(()) => return Ok(()),
                Err(why) if number == 0 || why.rank() > furthest.1.rank() => {
                    furthest = (number, why);
                }
                Err(_) => {}
            }
        }
        let (number, why) = furthest;
        Err(refuse(image.region, signed, number, why, scheme))
    }
}

impl<F: ReadNorFlash> VerifyImage<F> for SignedVerifier<'_> {
    /// As [`StreamVerifier`], then the signature.
    ///
    /// # Errors
    /// Besides those of [`StreamVerifier`]: [`Refusal::PastRegion`] if there is no room for a
    /// signature, [`Refusal::Signature`] with the block that came furthest and why it does not count.
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let image = self.image.verify(flash, at)?;
        self.signed(flash, &image)?;
        Ok(image)
    }

    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let image = self.image.verify_bootloader(flash, at)?;
        self.signed(flash, &image)?;
        Ok(image)
    }
}

/// Length of what is signed: it is inside the region, which is at most 4 GiB.
fn signed_len<E>(image: &ImageMetadata) -> Result<u32, VerifyError<E>> {
    u32::try_from(image.signed_len()).map_err(|_| VerifyError {
        at: image.region.offset,
        refusal: Refusal::PastRegion {
            needed: image.signed_len(),
            size: image.region.size,
        },
    })
}

/// Reads block `number` of the signature sector at `signed`, and asks about it.
fn read_block<F: ReadNorFlash, T>(
    reader: &mut RegionReader<'_, F>,
    signed: u32,
    number: u8,
    ask: impl FnOnce(&[u8; block::LEN]) -> Result<T, BlockRefusal>,
) -> Result<Result<T, BlockRefusal>, VerifyError<F::Error>> {
    let at = signed.saturating_add(u32::from(number).saturating_mul(BLOCK_LEN));
    let bytes = reader.read(at, BLOCK_LEN)?;
    // A buffer that the flash's `READ_SIZE` does not divide may read less than it holds.
    let block = bytes.first_chunk();
    Ok(block.map_or(Err(BlockRefusal::Magic { found: 0xFF }), ask))
}

/// Whether a block makes an image with this digest trusted.
fn judge(
    bytes: &[u8; block::LEN],
    scheme: Scheme,
    keys: &TrustedKeys,
    computed: &[u8],
) -> Result<(), BlockRefusal> {
    let block = Block::new_checked(bytes, scheme)?;
    let stored = block.image_digest();
    if stored != computed {
        let start = |digest: &[u8]| digest.first_chunk().copied().unwrap_or_default();
        return Err(BlockRefusal::Image {
            stored: start(stored),
            computed: start(computed),
        });
    }
    let digest = block.key_digest();
    match keys.standing(&digest) {
        Standing::Trusted => {}
        Standing::Revoked { slot } => return Err(BlockRefusal::RevokedKey { digest, slot }),
        Standing::Unknown => return Err(BlockRefusal::UnknownKey { digest }),
    }
    match scheme {
        #[cfg(feature = "secure-boot-rsa")]
        Scheme::Rsa3072 => super::rsa::check(&block),
        #[cfg(feature = "secure-boot-ecdsa")]
        Scheme::EcdsaP256 => super::ecdsa::check_p256(&block),
        #[cfg(feature = "secure-boot-ecdsa")]
        Scheme::EcdsaP384 => super::ecdsa::check_p384(&block),
        // There is no way to make such a verifier.
        #[cfg(not(all(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa")))]
        _ => Err(BlockRefusal::Signature),
    }
}

/// The digest of the first `len` bytes, in `room`.
fn hash<'r, D: Digest, F: ReadNorFlash>(
    reader: &mut RegionReader<'_, F>,
    len: u32,
    room: &'r mut [u8; 64],
) -> Result<&'r [u8], VerifyError<F::Error>> {
    let mut hash = D::new();
    let mut at = 0;
    // Each turn takes a whole buffer or the rest, and never nothing.
    while at < len {
        let chunk = reader.read(at, len.saturating_sub(at))?;
        hash.update(chunk);
        let taken = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        at = at.saturating_add(taken.max(1));
    }
    let digest = hash.finalize();
    let (digest, room) = (digest.as_slice(), &mut room[..]);
    let (room, _) = room.split_at_mut_checked(digest.len()).unwrap_or_default();
    if room.len() == digest.len() {
        room.copy_from_slice(digest);
    }
    Ok(room)
}

/// The error about block `number`.
fn refuse<E>(
    at: Region,
    signed: u32,
    number: u8,
    why: BlockRefusal,
    scheme: Scheme,
) -> VerifyError<E> {
    let field = u32::try_from(why.field(scheme).start).unwrap_or(0);
    let block = u32::from(number).saturating_mul(BLOCK_LEN);
    VerifyError {
        at: at
            .offset
            .saturating_add(signed)
            .saturating_add(block)
            .saturating_add(field),
        refusal: Refusal::Signature { block: number, why },
    }
}
