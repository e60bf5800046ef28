//! P4, rollback convergence: an image on trial is started so often, and then never again.
//!
//! ∀σ ∈ Reach(M), over *any* sequence of cuts: an image that never confirms itself is started at most
//! T times, the attempt being on flash before the jump; within T + 1 boots the decision is the last
//! confirmed image, and stays so for ever. For ESP-IDF's algorithm T = 1.
//!
//! *Looked at*: for a device that makes single calls the course of its fault-free
//! [twin](crate::ota): the coming boots as they are without a cut. The image that ran last, on trial,
//! runs again although the course says otherwise; or the boots to come no longer end the trial. Under the
//! hardened policy, which counts starts before the jump: it is started a second time.
//!
//! *Not claimed*: anything of an image that a torn entry has confirmed by accident in a way that no
//! later boot differs in; there is no telling it from a confirmed one.

use super::Property;

/// What a boot violates that took a turn which no promise allows.
///
/// `on_trial`: the image ran at the last boot, and should have been replaced by now.
pub const fn wrong_turn(on_trial: bool, under_way: bool, foreign: bool) -> Property {
    if on_trial {
        Property::RollbackConvergence
    } else {
        super::promises::broken(under_way || foreign)
    }
}

/// What is violated where a boot is right and the boots to come are not: P4 if this image was on
/// trial and will run again, otherwise [P5](super::stability).
pub const fn wrong_future(on_trial: bool, runs_again: bool) -> Property {
    if on_trial && runs_again {
        Property::RollbackConvergence
    } else {
        Property::Stability
    }
}
