//! RSA-3072: the public operation, on numbers of `crypto-bigint`.
//!
//! Nothing here is secret, so nothing needs constant time. Each product is reduced by a division:
//! Montgomery's form would be faster, but its numbers take twice the stack, and there are 17 products
//! in all with the exponent that keys have as a rule, 65537. What a block carries for the chip's accelerator is not used: it follows from the modulus.
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

/// The smallest exponent of a key. With 1 anybody could sign; no even one is a key's.
const SMALLEST: u32 = 3;

/// Checks the signature of a block by the key in it.
pub(super) fn check(block: &Block<'_>) -> Result<(), BlockRefusal> {
    let exponent = u32::from_le_bytes(*block.field::<{ field::EXPONENT }, 4>());
    let modulus = U3072::from_le_slice(block.field::<{ field::MODULUS }, { pss::LEN }>());
    let [low] = *block.field::<{ field::MODULUS }, 1>();
    let [high] = *block.field::<{ field::EXPONENT - 1 }, 1>();
    let is_exponent = exponent >= SMALLEST && exponent & 1 != 0;
    let is_key = is_exponent && low & 0x01 != 0 && high & 0x80 != 0;
    let modulus = Option::<NonZero<U3072>>::from(NonZero::new(modulus));
    let Some(modulus) = modulus.filter(|_| is_key) else {
        return Err(BlockRefusal::Key);
    };
    let signature = U3072::from_le_slice(block.field::<{ field::SIGNATURE }, { pss::LEN }>());
    if signature >= *modulus.as_ref() {
        return Err(BlockRefusal::Signature);
    }
    let encoded = power(&signature, exponent, &modulus).to_be_bytes();
    let Some(encoded) = encoded.as_slice().first_chunk() else {
        return Err(BlockRefusal::Signature);
    };
    match block.image_digest().first_chunk() {
        Some(digest) if pss::is_encoding_of(encoded, digest) => Ok(()),
        _ => Err(BlockRefusal::Signature),
    }
}

/// `signature` to the power of `exponent`, which is not 0, modulo `modulus`: at most 31 squarings and as many
/// products.
fn power(signature: &U3072, exponent: u32, modulus: &NonZero<U3072>) -> U3072 {
    let mut power = *signature;
    // From the bit below the highest one down.
    let bits = u32::BITS.saturating_sub(exponent.leading_zeros());
    for bit in (0..bits.saturating_sub(1)).rev() {
        power = power.square_mod_vartime(modulus);
        if exponent.checked_shr(bit).unwrap_or(0) & 1 != 0 {
            power = power.mul_mod_vartime(signature, modulus);
        }
    }
    power
}
