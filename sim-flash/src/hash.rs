//! The hash of flash contents: a keyed 128-bit hash per granule, added up.
//!
//! A granule is 32 bytes. Its hash is XXH3-128 of its bytes, seeded with its address; a granule of
//! erased cells hashes to 0. The hash of any range is the wrapping sum over its granules, so hashes of parts add
//! up to the hash of the whole, and a caller who knows which granules differ can adjust a sum without
//! touching the flash.
//!
//! How sure is "equal hash, equal contents"? Each term is a 128-bit output of a hash without known 128-bit
//! collisions, keyed by its address, so a sum of terms collides like a random 128-bit number: among 2^40
//! different states the chance of one collision is about 2^-49. It is not a cryptographic hash: flash contents here
//! come from a program under test, not from someone who searches for collisions.

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Bytes per granule: the unit of hashing and of trust.
pub const GRANULE: u32 = 32;

pub(crate) const GRANULE_LEN: usize = GRANULE as usize;

// Seeds that keep what is hashed about a place apart: its cells, and what is known of them besides.
const SOLID: u64 = 0x6272_6f77_6e6f_7574;
pub(crate) const WEAK: u64 = 0x7765_616b_2062_6974;
pub(crate) const TRUST: u64 = 0x756e_7472_7573_7400;
pub(crate) const PROGRAMS: u64 = 0x7072_6f67_7261_6d73;
pub(crate) const ECC: u64 = 0x6563_6320_6661_756c;

/// The hash of something known about the cells at `addr`; 0 if it is all zero.
pub(crate) fn of_overlay(domain: u64, addr: u32, bytes: &[u8]) -> u128 {
    if bytes.iter().all(|byte| *byte == 0) {
        return 0;
    }
    xxh3_128_with_seed(bytes, domain ^ (u64::from(addr) << 8))
}

/// The sum of the hashes of the granules in `bytes`, which start at `addr`.
///
/// `addr` should be a multiple of [`GRANULE`]; a last granule that is cut short counts as erased up to its end.
/// Erased granules add 0. Combine sums with `wrapping_add` and `wrapping_sub`.
#[inline]
pub fn granule_hash(addr: u32, bytes: &[u8]) -> u128 {
    let (granules, rest) = bytes.as_chunks::<GRANULE_LEN>();
    let mut sum = 0u128;
    let mut at = u64::from(addr);
    for granule in granules {
        sum = sum.wrapping_add(one(at, granule));
        at += GRANULE_LEN as u64;
    }
    if !rest.is_empty() {
        let mut last = [0xFF; GRANULE_LEN];
        last[..rest.len()].copy_from_slice(rest);
        sum = sum.wrapping_add(one(at, &last));
    }
    sum
}

#[inline]
fn one(addr: u64, granule: &[u8; GRANULE_LEN]) -> u128 {
    if *granule == [0xFF; GRANULE_LEN] {
        return 0;
    }
    xxh3_128_with_seed(granule, SOLID ^ (addr << 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erased_granules_hash_to_zero() {
        assert_eq!(granule_hash(0x1000, &[0xFF; 4096]), 0);
    }

    #[test]
    fn the_same_bytes_elsewhere_hash_differently() {
        assert_ne!(granule_hash(0, &[0; 32]), granule_hash(32, &[0; 32]));
    }

    #[test]
    fn sums_of_parts_are_the_sum_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        let parts = granule_hash(64, &bytes[..96]).wrapping_add(granule_hash(160, &bytes[96..]));
        assert_eq!(granule_hash(64, &bytes), parts);
    }
}
