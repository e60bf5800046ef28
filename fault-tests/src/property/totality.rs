//! P14, totality: whatever the flash holds, a boot ends.
//!
//! ∀ contents of the flash, not only those in Reach(M): a boot ends within a bound on flash accesses,
//! without a panic, and reads and writes inside the flash; if an image can be found that verifies, one
//! is booted, and otherwise the device stops in a way that is documented.
//!
//! *Looked at*: in a sweep every power-on of every state that is met. Arbitrary contents are the
//! business of the tests (`tests/boot_totality.rs`), which draw them, and of the core's own.
//!
//! *Not claimed*: a proof for all contents; those are drawn.

use super::{Finding, Property};
use crate::chip::ACCESS_LIMIT;

/// Judges code under test that panicked, at `place` if that is known: file, line and column.
pub fn panicked(message: &str, place: Option<&str>) -> Finding {
    let place = place.map(|place| format!(" at {place}"));
    let place = place.unwrap_or_default();
    let got = format!("the code under test panicked{place}: {message}");
    Finding::new(Property::Totality, "no panic", got)
}

/// Judges a power-on that was stopped after [`ACCESS_LIMIT`] accesses.
pub fn endless() -> Finding {
    let allowed = format!("at most {ACCESS_LIMIT} flash accesses in one power-on");
    let got = "a power-on that does not end";
    Finding::new(Property::Totality, allowed, got)
}
