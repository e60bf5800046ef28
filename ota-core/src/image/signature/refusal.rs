//! Why a signature block does not count.

use core::fmt;
use core::ops::Range;

use super::block::{MAGIC, Scheme};

/// The cause, one variant each, in the order of the checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockRefusal {
    /// There is no block.
    Magic {
        /// The first byte found; `FF` where nothing was signed.
        found: u8,
    },
    /// It is of another scheme, or another format.
    Version {
        /// Byte 1 of it.
        found: u8,
        /// What the device's scheme writes there.
        expected: u8,
    },
    /// It is damaged.
    Crc {
        /// What it says.
        stored: u32,
        /// What its bytes say.
        computed: u32,
    },
    /// Its key is on another curve. 1 is P-192, 2 P-256, 3 P-384.
    Curve {
        /// The curve's number.
        found: u8,
        /// That of the device's scheme.
        expected: u8,
    },
    /// It was made for another image, or the image was changed since. Digests by their first 32 bytes.
    Image {
        /// What the block says.
        stored: [u8; 32],
        /// What the image says.
        computed: [u8; 32],
    },
    /// The device does not know the key.
    UnknownKey {
        /// Its digest.
        digest: [u8; 32],
    },
    /// The device has revoked the key.
    RevokedKey {
        /// Its digest.
        digest: [u8; 32],
        /// The place that holds it in eFuse: 0..=2.
        slot: u8,
    },
    /// The key is none: the modulus is even or has fewer than 3072 bits, the exponent is not 65537,
    /// the point is not on the curve.
    Key,
    /// The signature is wrong.
    Signature,
}

impl BlockRefusal {
    /// Which bytes of a block of this scheme it is about.
    #[must_use]
    pub const fn field(&self, scheme: Scheme) -> Range<usize> {
        match self {
            Self::Magic { .. } => 0..1,
            Self::Version { .. } => 1..2,
            Self::Image { .. } => 4..4 + scheme.image_digest_len(),
            Self::Curve { .. } => {
                let key = scheme.key();
                key.start..key.start + 1
            }
            Self::UnknownKey { .. } | Self::RevokedKey { .. } | Self::Key => scheme.key(),
            Self::Signature => scheme.signature(),
            Self::Crc { .. } => 1196..1200,
        }
    }

    /// How far the checks came: of several blocks, the one that came furthest is reported.
    #[cfg_attr(
        not(any(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa")),
        expect(dead_code, reason = "asked by the verifier alone")
    )]
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Magic { .. } => 0,
            Self::Version { .. } => 1,
            Self::Crc { .. } => 2,
            Self::Curve { .. } => 3,
            Self::Image { .. } => 4,
            Self::UnknownKey { .. } => 5,
            Self::RevokedKey { .. } => 6,
            Self::Key => 7,
            Self::Signature => 8,
        }
    }
}

/// The first bytes of a digest, enough to tell two apart.
struct Start<'a>(&'a [u8; 32]);

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for BlockRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic { found: 0xFF } => f.write_str("there is none"),
            Self::Magic { found } => write!(f, "it would start with {MAGIC:02x}, not {found:02x}"),
            Self::Version { found, expected } => {
                write!(f, "its version is {found}, this device's is {expected}")
            }
            Self::Crc { stored, computed } => {
                write!(f, "its CRC says 0x{stored:08x}, its bytes 0x{computed:08x}")
            }
            Self::Curve { found, expected } => {
                write!(
                    f,
                    "its key is on curve {found}, this device's on {expected}"
                )
            }
            Self::Image { stored, computed } => write!(
                f,
                "it signs image {}…, this is {}…",
                Start(stored),
                Start(computed)
            ),
            Self::UnknownKey { digest } => {
                write!(
                    f,
                    "no eFuse holds the digest of its key, {}…",
                    Start(digest)
                )
            }
            Self::RevokedKey { digest, slot } => {
                write!(f, "its key {}… is revoked, digest {slot}", Start(digest))
            }
            Self::Key => f.write_str("its key is none"),
            Self::Signature => f.write_str("its signature is wrong"),
        }
    }
}

impl core::error::Error for BlockRefusal {}
