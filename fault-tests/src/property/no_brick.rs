//! P1, no brick: every boot ends, and runs a slot whose image verifies.
//!
//! ∀σ ∈ Reach(M), ∀ω: Boot(σ, ω) ends within a bound on flash accesses, without a panic, and its
//! decision is a slot s with Verify(s) at the moment of the jump.
//!
//! *Looked at*: what the bootloader returned. That it ends and does not panic is judged with
//! [totality](super::totality), as P14, which asks the same of more states.
//!
//! *Not claimed*: that the image works, once it runs. Whether it is the right one is for
//! [P2 and P3](super::promises).

use std::fmt::Display;

use ota_core::boot::BootError;

use super::{Finding, Property};

/// Judges what a bootloader came to.
pub fn judge<T, E>(booted: &Result<T, BootError<E>>) -> Option<Finding>
where
    BootError<E>: Display,
{
    let error = booted.as_ref().err()?;
    let allowed = "a slot whose image verifies";
    Some(Finding::new(Property::NoBrick, allowed, kind_of(error)))
}

/// Why nothing boots, without the reasons slot by slot: those stand in the timeline.
fn kind_of<E>(error: &BootError<E>) -> String
where
    BootError<E>: Display,
{
    match error {
        BootError::NothingBootable { .. } => "nothing that boots".into(),
        other => other.to_string(),
    }
}
