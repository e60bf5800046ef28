//! P6, recovery idempotence: a boot that is cut leaves no more to hope for than it found.
//!
//! ∀σ ∈ Reach(M), ∀ prefixes p of the operations of Boot(σ), the next operation cut in any way:
//! allowed(Boot(σₚ)) ⊆ allowed(σ). A boot that repairs, and is cut, and repairs again, any number of
//! times, comes to what the first one was allowed to come to.
//!
//! *Judged by*: allowed(σ) is a function of the world, and a cut inside an operation finds the world as
//! it was when that operation began. The bootloader promises nothing, so the world it leaves allows
//! what the world it met allowed ([`judge`]); a boot after the cut is then held to the same set, by
//! [P2 and P3](super::promises), [P4](super::rollback_convergence) and [P5](super::stability). A
//! violation of one of these whose last cut fell in a boot is one of P6 as well ([`breaks`]): it is
//! listed once, under the property that says more.
//!
//! *Not claimed*: that recovery ends; that is for [P8](super::completion).

use super::{Finding, Property};
use crate::explore::Window;

/// Judges whether a bootloader has changed what is promised.
pub fn judge<P: PartialEq>(before: &P, after: &P) -> Option<Finding> {
    (before != after).then(|| {
        let allowed = "the promises as they were";
        let got = "the bootloader changed them";
        Finding::new(Property::RecoveryIdempotence, allowed, got)
    })
}

/// Whether a violation of `property`, of which the last cut fell in `window`, is one of P6 as well.
pub fn breaks(property: Property, window: Option<&Window>) -> bool {
    let of_a_boot = matches!(
        property,
        Property::NoBrick
            | Property::AtomicSwitch
            | Property::Durability
            | Property::RollbackConvergence
            | Property::Stability
    );
    of_a_boot && window.is_some_and(|window| window.call == "boot")
}
