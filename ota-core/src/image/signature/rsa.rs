//! RSA-3072: the public operation, on numbers of `crypto-bigint`.
//!
//! Nothing here is secret, so nothing needs constant time. Each product is reduced by a division:
//! Montgomery's form would be faster, but its numbers take twice the stack, and there are 17 products
//! in all. What a block carries for the chip's accelerator is not used: it follows from the modulus.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crypto_bigint::{NonZero, U3072};

use super::block::Block;
use super::pss;
use super::refusal::BlockRefusal;

/// Where the numbers are in a block.
mod field {
    pub(super) const MODULUS: usize = 36;
    pub(super) const EXPONENT: usize = 420;
    pub(super) const SIGNATURE: usize = 812;
}

/// The one public exponent: 2^16 + 1.
const EXPONENT: u32 = 65537;
/// Squarings that raise to 2^16.
const SQUARINGS: u32 = 16;

/// Checks the signature of a block by the key in it.
pub(super) fn check(block: &Block<'_>) -> Result<(), BlockRefusal> {
    let exponent = u32::from_le_bytes(*block.field::<{ field::EXPONENT }, 4>());
    let modulus = U3072::from_le_slice(block.field::<{ field::MODULUS }, { pss::LEN }>());
    let [low] = *block.field::<{ field::MODULUS }, 1>();
    let [high] = *block.field::<{ field::EXPONENT - 1 }, 1>();
    let is_key = exponent == EXPONENT && low & 0x01 != 0 && high & 0x80 != 0;
    let modulus = Option::<NonZero<U3072>>::from(NonZero::new(modulus));
    let Some(modulus) = modulus.filter(|_| is_key) else {
        return Err(BlockRefusal::Key);
    };
    let signature = U3072::from_le_slice(block.field::<{ field::SIGNATURE }, { pss::LEN }>());
    if signature >= *modulus.as_ref() {
        return Err(BlockRefusal::Signature);
    }
    let encoded = power(&signature, &modulus).to_be_bytes();
    let Some(encoded) = encoded.as_slice().first_chunk() else {
        return Err(BlockRefusal::Signature);
    };
    match block.image_digest().first_chunk() {
        Some(digest) if pss::is_encoding_of(encoded, digest) => Ok(()),
        _ => Err(BlockRefusal::Signature),
    }
}

/// `signature` to the power of [`EXPONENT`], modulo `modulus`.
fn power(signature: &U3072, modulus: &NonZero<U3072>) -> U3072 {
    let mut power = *signature;
    for _ in 0..SQUARINGS {
        power = power.square_mod_vartime(modulus);
    }
    power.mul_mod_vartime(signature, modulus)
}
