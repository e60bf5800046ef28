//! P15, error honesty: Ok means done, and an error means before or after.
//!
//! ∀ calls, ∀ flash accesses in it that fail (an error is returned, whether or not the operation was
//! carried out), and ∀ programs that leave something else than was asked for where the call promises
//! to verify: the call does not return Ok unless what Ok promises holds. If it returns an error,
//! allowed = {before, after}: the boots that follow are those before the call or those after it.
//!
//! *Looked at*: of a [store](crate::acknowledged) the value right after each Ok. Of the update core
//! ([`crate::ota::honesty`]) every access of every call at every point of a life, failing once: the
//! boots that follow, and after Ok the slots.
//!
//! *Not claimed*: that an error is ever reported by the chip; a chip that lies about a program which
//! no call promises to verify is a chip that lies.

use std::fmt::Debug;

use super::{Finding, Property};

/// What came of a call in which the flash failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// It returned Ok.
    Ok {
        /// What Ok promises holds.
        kept: bool,
    },
    /// It returned an error.
    Err {
        /// The boots that follow are those before the call, or those after the same call on a flash
        /// that does not fail.
        before_or_after: bool,
    },
}

/// Judges a call in which the flash failed.
pub fn judge_call(returned: Returned) -> Option<Finding> {
    let (allowed, got) = match returned {
        Returned::Ok { kept: false } => (
            "what the call is for, if it returns Ok",
            "Ok, although the flash failed",
        ),
        Returned::Err {
            before_or_after: false,
        } => (
            "what boots before the call or after it, if it returns an error",
            "something else boots",
        ),
        _ => return None,
    };
    Some(Finding::new(Property::ErrorHonesty, allowed, got))
}

/// Judges what is `found` right after an operation returned Ok.
pub fn judge<V: Debug + PartialEq, E: Debug>(
    promised: &V,
    found: &Result<V, E>,
) -> Option<Finding> {
    let got = match found {
        Ok(found) if found == promised => return None,
        Ok(found) => format!("{found:?}, right after Ok"),
        Err(error) => format!("{error:?}, right after Ok"),
    };
    Some(Finding::new(
        Property::ErrorHonesty,
        format!("{promised:?}"),
        got,
    ))
}
