//! Draws by `ChaCha8` that depend on nothing but their arguments.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A number below `limit`, the same for the same arguments.
pub(crate) fn below(seed: u64, stream: u64, index: u64, limit: u32) -> u32 {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&stream.to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    let word = ChaCha8Rng::from_seed(key).next_u64();
    // The high half of the product: even enough for limits far below 2^64.
    let scaled = (u128::from(word) * u128::from(limit)) >> 64;
    u32::try_from(scaled).unwrap_or(0)
}
