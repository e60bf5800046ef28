//! An executor for code under test that is async.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Times that a future may say that it is not ready before it counts as one that waits for ever.
const POLLS: u32 = 100_000;

/// Runs a future to its end.
///
/// The simulated flash is always ready, so there is nothing to wait for but what the code under test makes up itself (a
/// mutex, a yield). One small enough to be no dependency; and where a usual executor would sleep for ever, it panics, which is
/// a finding.
///
/// # Panics
///
/// If the future is not ready after 100,000 polls.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that never comes: not ready after {POLLS} polls");
}

/// A value from code that cannot fail, where a `Result` is asked for.
pub const fn infallible<T>(value: T) -> Result<T, std::convert::Infallible> {
    Ok(value)
}
