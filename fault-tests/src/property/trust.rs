//! P12, the trust rule: nothing is built on what an operation may have left half done.
//!
//! ∀σ ∈ Reach(M): no positive decision (this entry counts, this image runs) depends on a location of
//! which it is not known that every operation since its last erase was completed under continuous
//! power. That such a location *reads* right proves nothing: cells that a cut left on the verge read
//! right today (Infineon, KBA218817). And every area that looks blank is erased before it is used,
//! unless something vouches for it.
//!
//! *Looked at*: the simulated flash keeps, of every granule, whether it can be trusted; in a pass of
//! its own ([`crate::ota::trust`]) every operation of the history without a cut is cut once, and of the
//! boot that follows the entry and the image that decided are looked up. Not in the sweep: what a
//! power-on cannot read must not keep states apart that are the same to it.
//!
//! *Not claimed*: anything behind a second cut, or behind a boot that has rewritten what it did not
//! trust. The stock algorithm has no notion of trust and keeps this nowhere; where, is in a snapshot.

use super::{Finding, Property};
use crate::explore::Window;

/// Judges what a boot has decided by, after a cut in the operation of `window`.
pub fn judge(what: &str, trusted: bool, window: Window) -> Option<Finding> {
    (!trusted).then(|| {
        let allowed = "a decision by what is known to be complete";
        let got = format!("a decision by {what} that a cut may have left half done");
        Finding::new(Property::TrustRule, allowed, got).at(window)
    })
}
