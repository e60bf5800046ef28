//! The known windows of the stock algorithm that are operations: what it writes where it should not.
//!
//! Here the operation itself is what is wrong, whether or not a cut hits it (P11); which cuts do harm
//! there is told by the other [known windows](super).

use super::{Cause, Known, Why, known, why};
use crate::property::Property::Containment as P11;

const NEW_IN_PLACE: Why = why(
    Cause::StateInPlace,
    "the bootloader moves the new image's entry from NEW to PENDING_VERIFY in place, and after a first \
    update, or with the old entry cleared by begin, it is the only one",
);
const ACTIVE_OR_NEEDED: Why = why(
    Cause::NeededEntry,
    "switching to the slot that is active already rewrites its entry in place; and while an image is on \
    trial, the other entry, which is rewritten, is the one that a rollback goes back to",
);
const SAME_SLOT: Why = why(
    Cause::SameSlot,
    "switching to the slot that is active already rewrites its entry in place",
);
const BLANK_IS_FACTORY: Why = why(
    Cause::OneByOne,
    "nothing but blank otadata selects factory, so switching to it erases the last entry, too",
);
const CONFIRMED_IN_PLACE: Why = why(
    Cause::StateInPlace,
    "confirming rewrites the active entry in place",
);
const REFUSED_IN_PLACE: Why = why(
    Cause::StateInPlace,
    "refusing rewrites the active entry in place",
);
const ROLLBACK_TARGET: Why = why(
    Cause::NeededEntry,
    "while an image is on trial, the entry that is not active is the one that a rollback goes back to; \
    the call does not ask for the state of the active one",
);

const NEW: &str = "erase otadata (NEW -> erased)";
const VALID: &str = "erase otadata (VALID -> erased)";
const UNDEFINED: &str = "erase otadata (UNDEFINED -> erased)";

/// Every known one.
#[rustfmt::skip] // a table
pub const OPERATIONS: [Known; 23] = [
    known(P11, "boot", NEW, 0, NEW_IN_PLACE),
    known(P11, "set_boot_partition", NEW, 0, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition", VALID, 0, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition", UNDEFINED, 0, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition_skip_validate", NEW, 0, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition_skip_validate", VALID, 0, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition_skip_validate", UNDEFINED, 1, ACTIVE_OR_NEEDED),
    known(P11, "set_boot_partition(running)", VALID, 0, SAME_SLOT),
    known(P11, "set_boot_partition(running)", UNDEFINED, 0, SAME_SLOT),
    known(P11, "set_boot_partition(factory)", NEW, 0, BLANK_IS_FACTORY),
    known(P11, "set_boot_partition(factory)", VALID, 0, BLANK_IS_FACTORY),
    known(P11, "set_boot_partition(factory)", UNDEFINED, 0, BLANK_IS_FACTORY),
    known(P11, "mark_app_valid_cancel_rollback", NEW, 1, CONFIRMED_IN_PLACE),
    known(P11, "mark_app_valid_cancel_rollback", UNDEFINED, 0, CONFIRMED_IN_PLACE),
    known(P11, "mark_app_invalid_rollback", VALID, 0, REFUSED_IN_PLACE),
    known(P11, "mark_app_invalid_rollback", UNDEFINED, 0, REFUSED_IN_PLACE),
    known(P11, "erase_last_boot_app_partition", NEW, 0, ROLLBACK_TARGET),
    known(P11, "erase_last_boot_app_partition", VALID, 0, ROLLBACK_TARGET),
    known(P11, "invalidate_inactive_otadata_slot", NEW, 0, ROLLBACK_TARGET),
    known(P11, "invalidate_inactive_otadata_slot", VALID, 0, ROLLBACK_TARGET),
    known(P11, "set_boot_partition(running)", "erase otadata (NEW -> erased)", 2, SAME_SLOT),
    known(P11, "erase_last_boot_app_partition", "erase otadata (UNDEFINED -> erased)", 2, ROLLBACK_TARGET),
    known(P11, "invalidate_inactive_otadata_slot", "erase otadata (UNDEFINED -> erased)", 2, ROLLBACK_TARGET),
];
