//! What the stock algorithm does not keep when a read wavers.

use super::{Cause, Known, known, why};
use crate::property::Property;

/// Where a read of an image is answered otherwise once, whatever else happens.
pub const WAVERING: [Known; 1] = [known(
    Property::AntiRollback,
    "boot",
    "a read that wavers",
    0,
    why(
        Cause::RaisedUnverified,
        "the version of an image whose entry is VALID is burnt as its descriptor reads before anything is verified: one \
     read that is too high locks every image out for good, and so do 0x120 unverified bytes in that slot",
    ),
)];
