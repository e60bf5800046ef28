//! Timing two things side by side in one process.

use std::time::{Duration, Instant};

/// The best time of each, taken in turns so that both see the same machine.
pub fn side_by_side(
    rounds: u32,
    mut ours: impl FnMut(),
    mut limit: impl FnMut(),
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        best.0 = best.0.min(time(&mut ours));
        best.1 = best.1.min(time(&mut limit));
    }
    best
}

/// The best time of one thing in nanoseconds, done `times` times per round.
#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
pub fn nanoseconds(rounds: u32, times: usize, mut what: impl FnMut()) -> f64 {
    let best = (0..rounds)
        .map(|_| time(&mut what))
        .min()
        .unwrap_or_default();
    best.as_nanos() as f64 / times as f64
}

fn time(what: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}
