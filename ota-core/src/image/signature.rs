//! Secure boot v2: the signature behind an image, and whose it is.
//!
//! A signed image is padded to a whole sector; the sector after that holds up to three
//! [signature blocks](block), one on an ESP32 and an ESP32-C2
//! ([`Chip::signature_blocks`](crate::Chip::signature_blocks)), each with a public key and a signature of the image by it. An image is
//! trusted if one block is: its key is one that the device [trusts](keys) (its digest is in eFuse
//! and not revoked) and its signature is right. `SignedVerifier` looks at that after another
//! verifier has found the image whole, so it goes wherever a [`VerifyImage`](super::VerifyImage)
//! goes: into the boot, into the update.
//!
//! The formats are always here. Checking a signature takes big numbers, which are the field's own
//! crates, and a feature:
//!
//! | feature | scheme | crate | stack at `opt-level` 3 / `"s"` / `"z"` | time on a PC |
//! |---|---|---|---|---|
//! | `secure-boot-rsa` | RSA-3072, PSS, SHA-256 | `crypto-bigint` | 12 / 15 / 32 KiB | 0.3 ms |
//! | `secure-boot-ecdsa` | ECDSA on P-256 with SHA-256 | `p256` | 9 / 12 / 15 KiB | 0.4 ms |
//! | `secure-boot-ecdsa` | ECDSA on P-384 with SHA-384 | `p384` | 12 / 14 / 16 KiB | 1 ms |
//!
//! The stack is all that [`verify`](super::VerifyImage::verify) uses, measured on x86-64 with LTO;
//! without a signature it is 2 KiB (7.5 at `"s"`). These numbers are wider than the 256 bytes that the
//! rest of the crate keeps to: an RSA-3072 number alone has 384. The RAM besides is the caller's
//! buffer of 1216 bytes or more.
//!
//! Neither allocates. A device has one scheme: images signed in another are refused, as in ESP-IDF.
//!
//! Differences from the reference:
//!
//! - The SHA-256 that the image carries is compared too; the reference leaves it out when an image is
//!   signed.
//! - An RSA key has the exponent that its block says: 65537 as a rule; espsecure signs with 3 as well, and with
//!   any other odd one. What makes no key is refused: 1, with which anybody could sign, and even numbers.
//! - ECDSA on P-192, with which espsecure can sign and which some chips verify, is not here: such a block is
//!   refused for its curve.
//! - Bytes 2 and 3 of a block are not looked at, nor are they by the reference. espsecure writes 1 into byte 2 of
//!   an ECDSA block with SHA-384, 0 otherwise, and goes by it when it reads one: an image in which it is wrong
//!   verifies here and not there. It is under the block's CRC, which is no signature.
//! - The first block that is right decides; those behind it are not looked at. ROMs since 2026 are said to refuse
//!   a sector in which any block has numbers out of their range, also behind a good one. No tool makes such a
//!   sector; whoever writes blocks of their own leaves the places behind the last one erased.
//! - `SignedVerifier::first_key` is the key of block 0, whatever stands in the others: an image whose first
//!   block is damaged has no key for whoever trusts the running image's, although it verifies by another.
//! - Where segments are loaded to is signed, and not judged: see
//!   [`VerifyImage`](super::VerifyImage#load-addresses).
//! - No key is revoked because a signature by it is wrong (`CONFIG_SECURE_BOOT_ENABLE_AGGRESSIVE_KEY_REVOKE`).
//!
//! Sources: ESP-IDF `esp_secure_boot.h`, `bootloader_support/src/secure_boot_v2`, and the images that
//! `espsecure sign-data` makes; RFC 8017 (PSS), FIPS 186-5 (ECDSA).

pub mod block;
#[cfg(feature = "secure-boot-ecdsa")]
mod ecdsa;
pub mod keys;
#[cfg(feature = "secure-boot-rsa")]
mod pss;
pub mod refusal;
#[cfg(feature = "secure-boot-rsa")]
mod rsa;
#[cfg(any(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa"))]
mod verifier;

pub use block::{Block, Scheme};
pub use keys::{KeySlot, TrustedKeys};
pub use refusal::BlockRefusal;
#[cfg(any(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa"))]
pub use verifier::SignedVerifier;
