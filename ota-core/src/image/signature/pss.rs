//! EMSA-PSS: whether 384 bytes are an encoding of a digest.
//!
//! RFC 8017, section 9.1.2, with SHA-256 for the hash and for the mask, a salt of 32 bytes, and a
//! modulus of 3072 bits, so 3071 bits of encoding:
//!
//! ```text
//! 0                                 351       383
//! │ mask xor (0… 01 salt)           │ H       │ BC │        H = SHA-256(8 zeros, digest, salt)
//!                                                          mask = SHA-256(H, 0), SHA-256(H, 1), …
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use sha2::{Digest, Sha256};

/// Length of the encoding: of the modulus.
pub(super) const LEN: usize = 384;
/// Length of the hash, and of the salt.
const HASH: usize = 32;
/// Length of the masked part.
const MASKED: usize = LEN - HASH - 1;
/// Length of the zeros in it, without the salt and the byte 01 before it.
const ZEROS: usize = MASKED - HASH - 1;
/// What ends an encoding.
const TRAILER: u8 = 0xBC;
/// The modulus has 3072 bits, the encoding one less.
const UNUSED_BITS: u8 = 0x80;

/// Whether `encoded` encodes `digest`, with any salt.
pub(super) fn is_encoding_of(encoded: &[u8; LEN], digest: &[u8; HASH]) -> bool {
    let Some((masked, rest)) = encoded.split_first_chunk::<MASKED>() else {
        return false;
    };
    let Some((stored, trailer)) = rest.split_first_chunk::<HASH>() else {
        return false;
    };
    if *trailer != [TRAILER] || masked.first().is_none_or(|byte| byte & UNUSED_BITS != 0) {
        return false;
    }
    let mut salt = [0; HASH];
    let mut wrong = 0;
    let mut at = 0usize;
    // Eleven blocks of mask for the masked bytes.
    for (counter, bytes) in (0u32..).zip(masked.chunks(HASH)) {
        let mask = Sha256::new()
            .chain_update(stored)
            .chain_update(counter.to_be_bytes())
            .finalize();
        for (byte, mask) in bytes.iter().zip(mask) {
            let plain = match at {
                0 => (byte ^ mask) & !UNUSED_BITS,
                _ => byte ^ mask,
            };
            match at.checked_sub(ZEROS) {
                None => wrong |= plain,
                Some(0) => wrong |= plain ^ 1,
                Some(beyond) => {
                    if let Some(byte) = salt.get_mut(beyond.saturating_sub(1)) {
                        *byte = plain;
                    }
                }
            }
            at = at.saturating_add(1);
        }
    }
    let computed = Sha256::new()
        .chain_update([0; 8])
        .chain_update(digest)
        .chain_update(salt)
        .finalize();
    wrong == 0 && computed.as_slice() == stored
}

#[cfg(test)]
mod tests;
