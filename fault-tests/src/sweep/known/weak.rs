//! The known windows at levels with weak bits.
//!
//! There no change of otadata is safe, whatever call makes it, so that is said once for all calls. What
//! is left to find is a brick, a panic, or harm done elsewhere.

use super::{ANY_CALL, Cause, Known, Why, known, why};
use crate::property::Property::{
    AtomicSwitch as P2, Completion as P8, Containment as P11, Durability as P3,
    PublishOrder as P13, RollbackConvergence as P4, Stability as P5,
};

const ERASES_ANYTHING: Why = why(
    Cause::WeakBits,
    "from L3 on, an erase that was cut leaves anything, and what it leaves may read otherwise each time: \
    also as a valid entry that nobody wrote, for the CRC says whether an entry is whole and not who wrote it",
);
const WEAK_ENTRY: Why = why(
    Cause::WeakBits,
    "from L3 on, an entry whose program was cut may read valid now and invalid later: it is acted on when it \
    reads valid, and never programmed again",
);

/// What holds wherever otadata is changed, at levels with weak bits: an operation on it in any call.
/// The transition is the beginning of those meant.
#[rustfmt::skip] // a table
pub const WEAK: [Known; 10] = [
    known(P2, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P3, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P4, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P5, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P8, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P11, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P13, ANY_CALL, "erase otadata", 1, ERASES_ANYTHING),
    known(P3, ANY_CALL, "program otadata", 1, WEAK_ENTRY),
    known(P4, ANY_CALL, "program otadata", 1, WEAK_ENTRY),
    known(P5, ANY_CALL, "program otadata", 1, WEAK_ENTRY),
];
