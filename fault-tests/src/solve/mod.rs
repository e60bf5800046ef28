//! Torn programs with a right checksum, solved for instead of searched.
//!
//! A torn program leaves some bits at 1 that were to become 0: any content `x` with
//! `wanted ⊆ x ⊆ old`. A CRC over a part of the record is no guard against that. It is affine over
//! GF(2), so "the bits that are fixed in the lattice are as they are, and the CRC field is that of
//! the covered bytes" is a linear system, and its solutions are partial programs that read as
//! records nobody wrote. Of a CRC-32 drawing finds one in 2³² tries; elimination finds all of them
//! at once.
//!
//! * [`Checked`] describes a record: which bytes a checksum covers, and where it stands.
//! * [`Solutions`] are the contents that a torn program can leave with a right checksum and other
//!   covered bytes than before or afterwards: counted, ordered, and narrowed by what bits must be.
//! * [`tear_of`] is the [`Tear`](sim_flash::Tear) that leaves a content, for case ids.
//! * [`Representatives`] are few of them, one for each thing a reader of a numbered record might do.
//!
//! What lives here knows neither otadata nor the explorer: any record with an affine checksum will
//! do. A checksum that is not affine (a digest, a count of bits) is refused.

mod field;
mod record;
mod representatives;
mod solutions;
mod space;
mod tear;
#[cfg(test)]
mod tests;

pub use field::{ByteOrder, Field};
pub use record::{Checked, NotSolvable};
pub use representatives::Representatives;
pub use solutions::{Count, Solutions};
pub use tear::tear_of;
