//! P8, eventual completion: once the faults end, the device gets on.
//!
//! ∀σ ∈ Reach(M): if no cut follows any more, then within K boots the update that was under way is
//! complete or cleanly given up, and from there a *new* update succeeds: nothing is wedged, and no
//! room is lost for ever.
//!
//! *Looked at*: of a [store](crate::acknowledged), every operation that it refuses. Of every subject,
//! from every state that the explorer meets: whether it comes to rest when it is left alone, and then
//! does what is [asked](crate::subject::Subject::asked) of it; a device that updates itself is offered
//! one more image. See [`wedged`].
//!
//! *Not claimed*: anything while cuts go on; a device that never has the power for a download never
//! completes one.

use std::fmt::{Debug, Display};

use super::{Finding, Property};

/// Judges an operation that a store refused although the power was on.
pub fn refused(operation: impl Debug, error: impl Debug) -> Finding {
    let got = format!("refused: {error:?}");
    Finding::new(Property::Completion, format!("{operation:?}"), got)
}

/// Judges where a device has come to after `boots` boots without a cut.
///
/// `settled`: it has come to rest, and the boots to come change nothing. `updated`: what became of a
/// new update that it was given then: `Ok`, or what it said instead.
pub fn wedged<E: Display>(boots: u32, settled: bool, updated: Result<(), E>) -> Option<Finding> {
    if !settled {
        let allowed = format!("rest within {boots} boots");
        let got = "the flash still changes at each boot";
        return Some(Finding::new(Property::Completion, allowed, got));
    }
    let error = updated.err()?;
    let got = format!("it does not: {error}");
    Some(Finding::new(
        Property::Completion,
        "a new update succeeds",
        got,
    ))
}
