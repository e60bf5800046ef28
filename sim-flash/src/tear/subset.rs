//! Seeded subsets of the bits of an operation.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::op::{Op, OpKind};

/// A subset of bits that depends on where an operation is, its kind and a number, and on nothing else: not on its data, so
/// that what it takes of one byte does not change with the bytes around.
pub(super) struct Subset {
    rng: ChaCha8Rng,
    /// Words drawn per word of mask; they are combined by AND.
    draws: u32,
    inverted: bool,
}

impl Subset {
    /// Different salts give independent subsets.
    pub(super) fn of(op: &Op, n: u32, salt: u32) -> Self {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&op.addr().to_le_bytes());
        seed[4..8].copy_from_slice(&op.len().to_le_bytes());
        seed[8..12].copy_from_slice(&n.to_le_bytes());
        seed[12] = u8::from(op.kind() == OpKind::Erase);
        seed[13] = salt.to_le_bytes()[0];
        let (draws, inverted) = match n % 5 {
            0 => (1, false),
            1 => (2, false),
            2 => (2, true),
            3 => (4, false),
            _ => (4, true),
        };
        Subset {
            rng: ChaCha8Rng::from_seed(seed),
            draws,
            inverted,
        }
    }

    /// Calls `each(at, mask)` for the bytes `offset..offset + len` of the operation, `at` counted from `offset`.
    pub(super) fn each(mut self, offset: usize, len: usize, mut each: impl FnMut(usize, u8)) {
        let mut at = offset / 4 * 4;
        self.rng
            .set_word_pos(offset as u128 / 4 * u128::from(self.draws));
        while at < offset + len {
            let mut word = (0..self.draws).fold(u32::MAX, |word, _| word & self.rng.next_u32());
            if self.inverted {
                word = !word;
            }
            for (byte, mask) in word.to_le_bytes().into_iter().enumerate() {
                if (offset..offset + len).contains(&(at + byte)) {
                    each(at + byte - offset, mask);
                }
            }
            at += 4;
        }
    }
}
