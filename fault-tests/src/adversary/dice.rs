//! Random numbers that are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number of 32 bits.
    pub(super) fn number(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// A number below `sides`, which is not 0.
    pub(super) fn below(&mut self, sides: u32) -> u32 {
        self.number() % sides
    }

    /// True so often in a hundred.
    pub(super) fn percent(&mut self, often: u32) -> bool {
        self.below(100) < often
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let number = usize::try_from(self.number()).unwrap_or(0);
        all[number % all.len()]
    }
}

/// A number that looks random and follows from this one: the finaliser of `SplitMix64`.
pub(super) const fn mix(number: u64) -> u64 {
    let n = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}
