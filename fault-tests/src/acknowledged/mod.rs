//! Tests anything that keeps something on a flash and acknowledges changes to it.
//!
//! A configuration store, a log, a counter, a swap of two firmware slots: what
//! they have in common is that an operation which returned Ok must have
//! happened, and that one which was cut must have happened or not. Implement
//! [`Store`] (three methods) for the thing, give a [`Script`] of operations,
//! and a [`Scripted`] device is a [`Subject`](crate::subject::Subject) for
//! [`explore`](crate::explore::explore). Nothing else is to be written: no
//! oracle, no crash points.
//!
//! What a power-on may find follows from what was told before:
//!
//! | before the power-on | it may find | otherwise it violates |
//! |---|---|---|
//! | the last operation returned Ok | what is there after it | P3 |
//! | an operation was under way | what was there before it, or after | P2; P3 if that takes back an acknowledged one |
//! | a power-on found one of the two, and let it be seen | that one | P5 |
//!
//! Besides, mounting must succeed (P1); an operation must not be refused (P8);
//! what an operation returned Ok for must be found at once (P15); and
//! nothing may panic or go on for ever (P14). A panic of the code under test
//! is a finding, it does not end the exploration.
//!
//! A power-on that finds an operation under way only looks, and resets; the next one looks again
//! and goes on with the script. So whoever acts on what it finds has a witness.
//!
//! # Example
//!
//! Two settings in two copies, the second one a spare.
//!
//! ```
#![doc = include_str!("example.rs")]
//! ```

mod script;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;

use crate::chip::Chip;

pub use script::{Phase, Progress, Script, Scripted};

/// Something that keeps a value on a flash and acknowledges changes.
///
/// `self` is how it is configured, not what it knows: what it knows while the power is on is
/// [`Mounted`](Store::Mounted), and is lost with the power. A store that owns its flash is built in each method, from
/// `&mut *flash`.
pub trait Store: Sync {
    /// What it keeps in RAM, from mounting until the power goes.
    type Mounted;
    /// All that can be seen of it. Equal values are what "nothing was lost" means.
    type Value: Clone + Eq + Hash + Debug + Send + Sync;
    /// A change that can be asked for.
    type Operation: Debug + Send + Sync;
    /// Why it refuses. After a cut it may be anything.
    type Error: Debug;

    /// What a power-on does first: finds what is there, and repairs what a cut left.
    fn mount(&self, flash: &mut Chip<'_>) -> Result<Self::Mounted, Self::Error>;

    /// What it holds now.
    fn value(
        &self,
        mounted: &mut Self::Mounted,
        flash: &mut Chip<'_>,
    ) -> Result<Self::Value, Self::Error>;

    /// Makes a change. Ok acknowledges it: it is there from now on, whatever happens.
    fn apply(
        &self,
        mounted: &mut Self::Mounted,
        flash: &mut Chip<'_>,
        operation: &Self::Operation,
    ) -> Result<(), Self::Error>;

    /// What lies at `addr`, for timelines.
    fn place(&self, addr: u32) -> String {
        format!("sector {:#x}", addr / 4096 * 4096)
    }
}
