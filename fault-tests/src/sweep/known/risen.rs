//! The known windows of erases that leave old bits beside risen ones, or beside zeros.
//!
//! No erase of an entry is safe from them, whatever call makes it, so that is said once for all calls. What is left to find
//! is a brick, a panic, or harm done elsewhere.

use super::{ANY_CALL, Cause, Known, Why, known, why};
use crate::property::Property::{
    AtomicSwitch as P2, Completion as P8, Durability as P3, PublishOrder as P13,
    RollbackConvergence as P4, Stability as P5,
};

const RISES: Why = why(
    Cause::NumberForged,
    "the CRC covers the sequence number alone: of an entry that is being erased a cut may leave a valid one whose \
    state has risen to another, or, as a CRC is affine, whose number has risen to a larger one that was never written",
);
const RISES_BEHIND_ZEROS: Why = why(
    Cause::BlankIsEntry,
    "of any entry a cut erase may leave its first bytes zeroed and the rest erased: sequence number 0 \
    with an erased CRC field is valid, and points at slot 0xffffffff mod n",
);

/// What holds wherever an entry is erased and bits of it may rise: an operation in any call. The transition is the beginning
/// of those meant.
#[rustfmt::skip] // a table
pub const RISEN: [Known; 6] = [
    known(P2, ANY_CALL, "erase otadata", 1, RISES),
    known(P3, ANY_CALL, "erase otadata", 1, RISES),
    known(P4, ANY_CALL, "erase otadata", 1, RISES),
    known(P5, ANY_CALL, "erase otadata", 1, RISES_BEHIND_ZEROS),
    known(P8, ANY_CALL, "erase otadata", 1, RISES_BEHIND_ZEROS),
    known(P13, ANY_CALL, "erase otadata", 1, RISES_BEHIND_ZEROS),
];
