//! The known windows of devices of which one half is ESP-IDF's: what that half does, and the other half cannot
//! make up for.

use super::stock::{FORGED, ONE_BY_ONE};
use super::{Cause, Known, Why, known, why};
use crate::property::Property::{
    AtomicSwitch as P2, Durability as P3, PublishOrder as P13, RollbackConvergence as P4,
};

const NUMBER_ZERO: Why = why(
    Cause::BlankIsEntry,
    "a cut erase of a blank sector can zero its first four bytes alone: a stock bootloader takes that for \
    an entry with sequence number 0, and starts with slot 0xffffffff mod n; nothing boots that does not verify",
);
const CONFIRMED_IN_PLACE: Why = why(
    Cause::StateInPlace,
    "a stock application confirms itself by rewriting its entry in place: in between the other sector \
    says what was handed over, an image on trial that was not started yet",
);

/// Under ESP-IDF's bootloader.
#[rustfmt::skip] // a table
pub const STOCK_BOOTLOADER: [Known; 5] = [
    known(P2, "factory_reset", "erase otadata (VALID -> erased)", 1, ONE_BY_ONE),
    known(P3, "begin", "erase otadata (erased -> erased)", 1, NUMBER_ZERO),
    known(P13, "boot", "erase otadata (erased -> erased)", 1, NUMBER_ZERO),
    known(P13, "begin", "erase otadata (erased -> erased)", 1, NUMBER_ZERO),
    known(P13, "set_boot_partition", "erase otadata (erased -> erased)", 1, NUMBER_ZERO),
];

/// Below an application of ESP-IDF.
#[rustfmt::skip] // a table
pub const STOCK_APPLICATION: [Known; 4] = [
    known(P2, "set_boot_partition", "program otadata (-> NEW)", 1, FORGED),
    known(P2, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, FORGED),
    known(P4, "mark_app_valid_cancel_rollback", "erase otadata (UNDEFINED -> erased)", 1, CONFIRMED_IN_PLACE),
    known(P4, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, CONFIRMED_IN_PLACE),
];
