//! P15, error honesty: Ok means done, and an error means before or after.
//!
//! ∀ calls, ∀ flash accesses in it that fail (an error is returned, whether or not the operation was
//! carried out), and ∀ programs that leave something else than was asked for where the call promises
//! to verify: the call does not return Ok unless what Ok promises holds. If it returns an error,
//! allowed = {before, after}: the boots that follow are those before the call or those after it.
//!
//! *Looked at*: of a [store](crate::acknowledged) the value right after each Ok.
//!
//! *Not claimed*: that an error is ever reported by the chip; a chip that lies about a program which
//! no call promises to verify is a chip that lies.

use std::fmt::Debug;

use super::{Finding, Property};

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
