//! P2, atomic switch, and P3, durability: what a boot runs is what the device has promised.
//!
//! The two are one rule, allowed(σ), by what was promised last:
//!
//! * **P2**: a call that switches from a to b is under way. ∀ cuts in it, ∀ω: the decision is a or b,
//!   and the image that runs is, byte for byte, a whole published one, never a mixture.
//! * **P3**: the last call has returned. ∀ later σ, ∀ω, until the next command: the decision is the
//!   one that the call promised, unless [P4](super::rollback_convergence) takes it back.
//!
//! *Looked at*: the image in the slot that the boot decided for, recognised by its bytes, against the
//! images that the world allows. The world changes at the calls' beginning and return, between two
//! flash operations; a cut finds it as it is there.
//!
//! *Not claimed*: anything of slots that do not run, see [P13](super::publish_order).

use ota_core::partition::Slot;

use super::{Finding, Property};

/// What a boot ran.
#[derive(Clone, Copy, Debug)]
pub struct Ran<I> {
    /// The slot.
    pub slot: Slot,
    /// The image in it; `None` for content that is no known image.
    pub image: Option<I>,
    /// What to call such content.
    pub foreign: &'static str,
}

/// The property that a wrong boot violates: P2 while a call is under way, P3 otherwise.
pub const fn broken(under_way: bool) -> Property {
    if under_way {
        Property::AtomicSwitch
    } else {
        Property::Durability
    }
}

/// Judges the image that a boot ran by those that were allowed, `name` telling what each is called.
///
/// `wrong` is what any other image violates: [`broken`], unless more is known. Content that nobody knows violates P2
/// at any time.
pub fn judge<I: Copy + PartialEq>(
    ran: Ran<I>,
    allowed: &[I],
    wrong: Property,
    name: impl Fn(I) -> String,
) -> Option<Finding> {
    let names: Vec<_> = allowed.iter().map(|image| name(*image)).collect();
    let names = if names.is_empty() {
        "nothing".into()
    } else {
        names.join(" or ")
    };
    let Ran { slot, foreign, .. } = ran;
    let Some(image) = ran.image else {
        let got = format!("{slot} runs {foreign}");
        let names = format!("{names}, whole");
        return Some(Finding::new(broken(true), names, got));
    };
    let got = || format!("{} from {slot}", name(image));
    (!allowed.contains(&image)).then(|| Finding::new(wrong, names, got()))
}
