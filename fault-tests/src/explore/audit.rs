//! The audit: a seeded sample of pruned states is executed after all.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Decides which pruned states are executed in full and compared.
///
/// On average one in `one_in` judgements, a judgement being one look-up or one
/// test of a whole family of tears. The choice depends on the seed alone.
pub(super) struct Audit {
    seed: u64,
    one_in: u32,
    rng: ChaCha8Rng,
    /// Judgements until the next audited one.
    wait: u64,
    /// Nothing more is audited in this pass.
    rests: bool,
}

impl Audit {
    /// An audit of one judgement in `one_in`; 0 audits none, 1 all.
    pub(super) fn new(seed: u64, one_in: u32) -> Self {
        let mut audit = Self {
            seed,
            one_in,
            rng: ChaCha8Rng::seed_from_u64(seed),
            wait: 0,
            rests: false,
        };
        audit.begin_pass();
        audit
    }

    pub(super) fn begin_pass(&mut self) {
        self.rng = ChaCha8Rng::seed_from_u64(self.seed);
        self.wait = self.draw();
        self.rests = false;
    }

    /// Audits nothing more until the next pass: this one proves nothing.
    pub(super) fn rest(&mut self) {
        self.rests = true;
    }

    /// Counts one judgement of `states` pruned states; which of them to audit, if any.
    pub(super) fn due(&mut self, states: u64) -> Option<u64> {
        if self.rests || self.one_in == 0 || states == 0 {
            return None;
        }
        if self.wait > 0 {
            self.wait -= 1;
            return None;
        }
        self.wait = self.draw();
        Some(self.pick(states))
    }

    /// One of so many.
    pub(super) fn pick(&mut self, states: u64) -> u64 {
        self.rng.next_u64() % states.max(1)
    }

    /// Whether nothing more is audited in this pass.
    pub(super) fn is_resting(&self) -> bool {
        self.rests
    }

    /// Whether every pruned state is audited.
    pub(super) fn all(&self) -> bool {
        self.one_in == 1 && !self.rests
    }

    /// Uniform over 0..2n-1, so n-1 on average.
    fn draw(&mut self) -> u64 {
        match u64::from(self.one_in) {
            0 => u64::MAX,
            n => self.rng.next_u64() % (2 * n - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audits_about_one_in_n_and_the_same_ones_every_pass() {
        let mut audit = Audit::new(7, 100);
        let mut pick = || {
            (0..100_000)
                .filter(|_| audit.due(3).is_some())
                .collect::<Vec<_>>()
        };
        let first = pick();
        assert!(
            (900..1100).contains(&first.len()),
            "{} of 100,000 at 1 in 100",
            first.len()
        );
        audit.begin_pass();
        let again: Vec<_> = (0..100_000).filter(|_| audit.due(3).is_some()).collect();
        assert_eq!(again, first);
    }

    #[test]
    fn one_in_one_audits_everything_and_zero_nothing() {
        assert!((0..50).all(|_| Audit::new(1, 1).due(1).is_some()));
        assert!((0..50).all(|_| Audit::new(1, 0).due(1).is_none()));
    }
}
