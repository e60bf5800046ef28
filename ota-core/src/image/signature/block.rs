//! A signature block: 1216 bytes, up to three to a sector, or one: it depends on the chip.
//!
//! | bytes | RSA-3072 | P-256 | P-384 |
//! |---|---|---|---|
//! | 0 | `E7` | `E7` | `E7` |
//! | 1 | version: 2 | 3 | 3 |
//! | 2..4 | zero; not looked at | | byte 2 is 1 |
//! | 4.. | SHA-256 of the image, 32 | SHA-256, 32 | SHA-384, 48 |
//! | | 36 n, 384 | 36 curve: 2 | 52 curve: 3 |
//! | | 420 e, 4 | 37 X, 32 | 53 X, 48 |
//! | | 424 R² mod n, 384 | 69 Y, 32 | 101 Y, 48 |
//! | | 808 -1/n mod 2³², 4 | 101 r, 32 | 149 r, 48 |
//! | | 812 signature, 384 | 133 s, 32 | 197 s, 48 |
//! | 1196..1200 | CRC-32 of bytes 0..1196 | | |
//! | 1200..1216 | zero, and covered by nothing | | |
//!
//! All numbers are little-endian, the large ones too. A key is known by its *digest*: the SHA-256 of
//! its bytes from n, or the curve, up to the signature.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use sha2::{Digest as _, Sha256};

use super::BlockRefusal;
use crate::wire;

/// Length of a block.
pub const LEN: usize = 1216;
/// Most blocks of an image, on any chip: see [`Chip::signature_blocks`](crate::Chip::signature_blocks).
pub const MOST: u8 = 3;
/// The byte that every block starts with.
pub const MAGIC: u8 = 0xE7;

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Where the fields of a block are.
mod field {
    use super::Range;

    pub(super) const MAGIC: usize = 0;
    pub(super) const VERSION: usize = 1;
    pub(super) const IMAGE: usize = 4;
    pub(super) const CRC: usize = 1196;

    pub(super) const RSA_KEY: Range<usize> = 36..812;
    pub(super) const P256_KEY: Range<usize> = 36..101;
    pub(super) const P384_KEY: Range<usize> = 52..149;
}

/// How a device's images are signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// RSA with keys of 3072 bits, padded by PSS with SHA-256 and a salt of 32 bytes.
    Rsa3072,
    /// ECDSA on the curve P-256, with SHA-256.
    EcdsaP256,
    /// ECDSA on the curve P-384, with SHA-384.
    EcdsaP384,
}

impl Scheme {
    /// What byte 1 of a block is.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Rsa3072 => 2,
            Self::EcdsaP256 | Self::EcdsaP384 => 3,
        }
    }

    /// Length of the digest of the image, in bytes.
    #[must_use]
    pub const fn image_digest_len(self) -> usize {
        match self {
            Self::Rsa3072 | Self::EcdsaP256 => 32,
            Self::EcdsaP384 => 48,
        }
    }

    /// Where in a block the key is.
    #[must_use]
    pub const fn key(self) -> Range<usize> {
        match self {
            Self::Rsa3072 => field::RSA_KEY,
            Self::EcdsaP256 => field::P256_KEY,
            Self::EcdsaP384 => field::P384_KEY,
        }
    }

    /// Where in a block the signature is.
    #[must_use]
    pub const fn signature(self) -> Range<usize> {
        match self {
            Self::Rsa3072 => 812..1196,
            Self::EcdsaP256 => 101..165,
            Self::EcdsaP384 => 149..245,
        }
    }

    /// The curve's number and where it stands.
    const fn curve(self) -> Option<(usize, u8)> {
        match self {
            Self::Rsa3072 => None,
            Self::EcdsaP256 => Some((field::P256_KEY.start, 2)),
            Self::EcdsaP384 => Some((field::P384_KEY.start, 3)),
        }
    }
}

/// Bytes that are a signature block of a scheme. Whether key and signature are any good is another
/// question.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    bytes: &'a [u8; LEN],
    scheme: Scheme,
}

impl<'a> Block<'a> {
    /// Looks at what tells a block: magic, version, CRC, curve, in this order.
    ///
    /// # Errors
    /// The first of them that is wrong.
    pub fn new_checked(bytes: &'a [u8; LEN], scheme: Scheme) -> Result<Self, BlockRefusal> {
        let found = wire::u8_at::<{ field::MAGIC }, LEN>(bytes);
        if found != MAGIC {
            return Err(BlockRefusal::Magic { found });
        }
        let (found, expected) = (
            wire::u8_at::<{ field::VERSION }, LEN>(bytes),
            scheme.version(),
        );
        if found != expected {
            return Err(BlockRefusal::Version { found, expected });
        }
        let stored = wire::u32_at::<{ field::CRC }, LEN>(bytes);
        let computed = crc(bytes);
        if stored != computed {
            return Err(BlockRefusal::Crc { stored, computed });
        }
        if let Some((at, expected)) = scheme.curve() {
            let found = bytes.get(at).copied().unwrap_or(0);
            if found != expected {
                return Err(BlockRefusal::Curve { found, expected });
            }
        }
        Ok(Self { bytes, scheme })
    }

    /// The digest of the image that was signed: SHA-256, or SHA-384 for P-384.
    #[must_use]
    pub fn image_digest(&self) -> &'a [u8] {
        let from = field::IMAGE;
        let to = from.saturating_add(self.scheme.image_digest_len());
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The digest of the key, which the eFuse holds.
    #[must_use]
    pub fn key_digest(&self) -> [u8; 32] {
        let key = self.bytes.get(self.scheme.key()).unwrap_or_default();
        Sha256::digest(key).into()
    }

    /// The `N` bytes at offset `AT`.
    #[cfg(any(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa"))]
    pub(super) fn field<const AT: usize, const N: usize>(&self) -> &'a [u8; N] {
        const { assert!(AT + N <= LEN, "the field ends past the block") };
        let (_, rest) = self.bytes.split_at(AT);
        rest.first_chunk().unwrap_or(&[0; N])
    }
}

/// The CRC of a block, over all bytes before it.
fn crc(bytes: &[u8; LEN]) -> u32 {
    let mut crc = CRC.digest();
    crc.update(&wire::bytes::<0, { field::CRC }, LEN>(bytes));
    crc.finalize()
}

/// Writes the CRC that a block should have, where it should be: for tools and tests that make
/// blocks.
pub fn put_crc(bytes: &mut [u8; LEN]) {
    let crc = crc(bytes);
    wire::put::<{ field::CRC }, 4, LEN>(bytes, crc.to_le_bytes());
}
