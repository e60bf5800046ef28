//! P9, anti-rollback: the minimum version never falls, and never locks the device out.
//!
//! Over Reach(M) the minimum version is non-decreasing; ∀σ: the image that a boot runs has at least
//! that version; and ∀σ ∃ slot: its image verifies and has at least that version, so that raising the
//! minimum never bricks.
//!
//! *Looked at*: the version of the image that a boot runs, the minimum before and after each step of
//! the device, and, where nothing boots, the versions of what was refused.
//!
//! *Not claimed*: anything of a cut inside the burning of a fuse; a fuse is taken to be burnt between
//! two flash operations.

use ota_core::boot::{Refused, Tried};

use super::{Finding, Property};

/// Judges the minimum version `before` and `after` a step of the device.
pub fn judge_minimum(before: u32, after: u32) -> Option<Finding> {
    let allowed = || format!("a minimum version of {before} or later");
    let got = || format!("version {after}");
    (after < before).then(|| Finding::new(Property::AntiRollback, allowed(), got()))
}

/// Judges a boot that ran nothing and refused all of these: an image that was refused for its version alone
/// has been locked out.
pub fn judge_nothing(tried: &Tried) -> Option<Finding> {
    tried.iter().find_map(|attempt| match attempt.refused {
        Refused::SecureVersion { image, device } => {
            let got = format!("{} with version {image}, and nothing else", attempt.slot);
            judge(image, device, &got)
        }
        _ => None,
    })
}

/// Judges an image of `version` that runs, or that is all there is to run, by the device's `minimum`.
pub fn judge(version: u32, minimum: u32, what: &str) -> Option<Finding> {
    let allowed = || format!("an image of version {minimum} or later");
    (version < minimum).then(|| Finding::new(Property::AntiRollback, allowed(), what))
}
