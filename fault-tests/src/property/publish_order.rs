//! P13, publish order: first the image, then the pointer to it.
//!
//! ∀σ ∈ Reach(M) in which otadata points at a slot b as bootable: Verify(b) held *before* the first
//! operation on that pointer began. In other words, no state is met in which otadata points at a slot
//! whose image does not verify.
//!
//! *Looked at*: the slot that the active entry names, which the boot tried first and refused
//! ([`unverified_pointer`]); and of a device that makes single calls also an entry that a fallback
//! may turn to, if no image even begins in its slot.
//!
//! *Not claimed*: anything of slots that otadata names in vain without any cut, because they were
//! damaged by something else or switched to unverified on purpose; and of the *inactive* entry that
//! the image it names is whole beyond its first byte.

use ota_core::boot::{Decision, Reason, Start};
use ota_core::partition::Slot;

use super::{Finding, Property};

/// The slot that otadata pointed at although its image does not verify.
pub fn unverified_pointer(decision: &Decision) -> Option<Slot> {
    let Reason::ActiveEntry { .. } = decision.reason else {
        return None;
    };
    let first = decision.tried.iter().next()?;
    let Start::Ota(selected) = decision.selected else {
        return None;
    };
    (matches!(first.slot, Slot::Ota(slot) if u32::from(slot) == selected)).then_some(first.slot)
}

/// Judges the slot that otadata points at in vain, unless that is so without any cut.
pub fn judge(pointer: Option<Slot>, excused: impl Fn(Slot) -> bool) -> Option<Finding> {
    let slot = pointer.filter(|slot| !excused(*slot))?;
    let got = format!("it points at {slot}, whose image does not");
    let allowed = "otadata points at a slot whose image verifies";
    Some(Finding::new(Property::PublishOrder, allowed, got))
}

/// Judges the first slot that any entry names in vain.
pub fn judge_second_choice(in_vain: Option<Slot>) -> Option<Finding> {
    let slot = in_vain?;
    let got = format!("one names {slot}, where no image begins");
    let allowed = "an entry that may select names a slot whose image verifies";
    Some(Finding::new(Property::PublishOrder, allowed, got))
}
