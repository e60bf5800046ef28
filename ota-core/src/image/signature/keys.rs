//! The keys that a device trusts: what its eFuse says of them.
//!
//! Three eFuse key blocks may hold the digest of a key (purposes `SECURE_BOOT_DIGEST0` to `2`), and
//! three bits revoke them (`SECURE_BOOT_KEY_REVOKE0` to `2`). An ESP32 has one digest, in
//! `BLOCK2`, which cannot be revoked. Reading eFuse is the product's affair; here is what it read.

/// One place for a key digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum KeySlot {
    /// No digest was burnt.
    #[default]
    Empty,
    /// The digest of a key: SHA-256, see [`Block::key_digest`](super::Block::key_digest).
    Trusted([u8; 32]),
    /// The digest of a key that was revoked.
    Revoked([u8; 32]),
}

/// The key digests of a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct TrustedKeys {
    /// Each place for one.
    pub slots: [KeySlot; 3],
}

/// What the device says of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Standing {
    Trusted,
    Revoked { slot: u8 },
    Unknown,
}

impl TrustedKeys {
    /// A device that trusts this key alone.
    #[must_use]
    pub const fn only(digest: [u8; 32]) -> Self {
        Self {
            slots: [KeySlot::Trusted(digest), KeySlot::Empty, KeySlot::Empty],
        }
    }

    /// What the device says of the key with this digest. A key that stands in two places is trusted
    /// if one of them is not revoked, as in the reference.
    #[cfg_attr(
        not(any(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa")),
        expect(dead_code, reason = "asked by the verifier alone")
    )]
    pub(super) fn standing(&self, digest: &[u8; 32]) -> Standing {
        let mut standing = Standing::Unknown;
        for (slot, number) in self.slots.iter().zip(0..) {
            match slot {
                KeySlot::Trusted(known) if known == digest => return Standing::Trusted,
                KeySlot::Revoked(known) if known == digest => {
                    standing = Standing::Revoked { slot: number };
                }
                _ => {}
            }
        }
        standing
    }
}
