//! P7, resumability: a download goes on where it was cut.
//!
//! ∀ cuts in a download of which x bytes are written: the update core accepts it again at an offset x'
//! with x − W ≤ x' ≤ x, where W is what one `write` is given, or the part of the slot that the update core
//! notes when it is complete; the bytes that follow are written from
//! there on; and the image in the end is, byte for byte, the one that was sent.
//!
//! *Looked at*: in a scenario whose application keeps count of the bytes that `write` has acknowledged,
//! in memory that survives (a partition of its own, or the server): whether `resume` accepts that
//! offset, whether `end` returns Ok, and what the slot then holds.
//!
//! *Not claimed*: that an offset inside a sector can be resumed (with ESP-IDF's API it cannot: the
//! sector is not erased again); nor anything about how the application keeps its count.

use super::{Finding, Property};

/// Judges how far a device says that a download has come, of which `acknowledged` bytes are written: no more
/// than the one `part` that was not complete may be lost.
pub fn judge_progress(progress: u32, acknowledged: u32, part: u32) -> Option<Finding> {
    let complete = acknowledged - acknowledged % part.max(1);
    (progress < complete).then(|| {
        let allowed = format!("a download that goes on at {complete} or later");
        Finding::new(Property::Resumability, allowed, format!("at {progress}"))
    })
}

/// Judges whether a download is accepted again at `offset`.
pub fn judge_offset(offset: u32, accepted: bool) -> Option<Finding> {
    (!accepted).then(|| {
        let allowed = format!("a download that goes on at {offset}");
        Finding::new(Property::Resumability, allowed, "it is refused")
    })
}

/// Judges the end of a resumed download: whether it is accepted, and whether the slot holds what was sent.
pub fn judge_end(accepted: bool, exact: bool) -> Option<Finding> {
    let got = match (accepted, exact) {
        (true, true) => return None,
        (true, false) => "another image, and Ok",
        (false, _) => "the image is refused",
    };
    Some(Finding::new(
        Property::Resumability,
        "the image that was sent, whole",
        got,
    ))
}
