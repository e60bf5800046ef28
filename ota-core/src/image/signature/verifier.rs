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
use crate::image::stream::{BufferTooShort, Kind, Witness};
use crate::image::{ImageMetadata, Refusal, StreamVerifier, VerifyError, VerifyImage};

/// Length of a block.
const BLOCK_LEN: u32 = block::LEN as u32;

/// Verifies images as [`StreamVerifier`] does, and then that one of the keys that the device trusts
/// has signed them.
///
/// All of it is read once: the signature is checked of the very bytes that were judged, so what
/// [`verify`](VerifyImage::verify) returns was signed, even on a flash that answers a second read
/// otherwise. Besides the buffer it needs stack: see
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

    /// The image, if it is whole and signed.
    fn verify_as<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        at: Region,
        kind: Kind,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        match self.scheme {
            #[cfg(feature = "secure-boot-ecdsa")]
            Scheme::EcdsaP384 => self.verify_hashed::<sha2::Sha384, F>(flash, at, kind),
            _ => self.verify_hashed::<Sha256, F>(flash, at, kind),
        }
    }

    fn verify_hashed<D: Digest, F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        at: Region,
        kind: Kind,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let mut seen = Seen(D::new());
        let image = self.image.verify_as(flash, at, kind, Some(&mut seen))?;
        let signed = signed_len(&image)?;
        let mut reader = RegionReader::new(flash, self.image.buf, at)?;
        reader.check(signed, SECTOR)?;
        seen.up_to(&mut reader, image.image_len, signed)?;
        let digest = seen.0.finalize();
        self.judge_blocks(flash, &image, signed, digest.as_slice())?;
        Ok(image)
    }

    /// Whether a block behind an image with this digest makes it trusted.
    fn judge_blocks<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        image: &ImageMetadata,
        signed: u32,
        digest: &[u8],
    ) -> Result<(), VerifyError<F::Error>> {
        let mut reader = RegionReader::new(flash, self.image.buf, image.region)?;
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
        let kind = self.image.kind_at(at);
        self.verify_as(flash, at, kind)
    }

    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        self.verify_as(flash, at, Kind::Bootloader)
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

/// The digest of what is signed, made while it is read.
struct Seen<D>(D);

impl<D: Digest> Witness for Seen<D> {
    fn see(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl<D: Digest> Seen<D> {
    /// Takes in what is signed behind the image: the bytes from `at` up to `end`.
    fn up_to<F: ReadNorFlash>(
        &mut self,
        reader: &mut RegionReader<'_, F>,
        mut at: u32,
        end: u32,
    ) -> Result<(), VerifyError<F::Error>> {
        // Each turn takes a whole buffer or the rest, and never nothing.
        while at < end {
            let chunk = reader.read(at, end.saturating_sub(at))?;
            self.0.update(chunk);
            let taken = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            at = at.saturating_add(taken.max(1));
        }
        Ok(())
    }
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
