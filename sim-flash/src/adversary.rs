//! Who decides what weak bits read as.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Decides what weak bits read as, read by read or boot by boot.
///
/// An [`Observer`](crate::Observer) has the last word: it sees every such read and may choose otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Adversary {
    /// They read as what they lean to, always. The mildest: what a bench test in a warm room sees.
    Leaning,
    /// They read as 0.
    Zeros,
    /// They read as 1.
    Ones,
    /// Every read decides anew: the worst.
    PerRead {
        /// Same seed, same decisions.
        seed: u64,
    },
    /// Every power-on decides anew and sticks to it until the next: the usual.
    PerBoot {
        /// Same seed, same decisions.
        seed: u64,
    },
}

impl Adversary {
    /// Decides the bits of `weak` in `out`, which starts at `addr` and holds what bits lean to.
    pub(crate) fn decide(self, addr: u32, weak: &[u8], out: &mut [u8], boot: u32, read: u64) {
        let (seed, stream) = match self {
            Adversary::Leaning => return,
            Adversary::Zeros => {
                return out
                    .iter_mut()
                    .zip(weak)
                    .for_each(|(out, weak)| *out &= !weak);
            }
            Adversary::Ones => {
                return out
                    .iter_mut()
                    .zip(weak)
                    .for_each(|(out, weak)| *out |= weak);
            }
            Adversary::PerRead { seed } => (seed, read),
            Adversary::PerBoot { seed } => (seed, u64::from(boot)),
        };
        let per_read = u8::from(matches!(self, Adversary::PerRead { .. }));
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = per_read;
        key[16..24].copy_from_slice(&stream.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        // Decisions belong to places, so that overlapping reads within a boot agree.
        rng.set_word_pos(u128::from(addr / 4));
        let mut bytes = rng.next_u32().to_le_bytes();
        for (i, (out, weak)) in out.iter_mut().zip(weak).enumerate() {
            let lane = (addr as usize + i) % 4;
            if lane == 0 && i > 0 {
                bytes = rng.next_u32().to_le_bytes();
            }
            *out = *out & !weak | bytes[lane] & weak;
        }
    }
}
