//! One reproducible failure: its id, its replay, its simplest form, its file.
//!
//! A case id holds everything needed to replay it:
//!
//! ```text
//! bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3/b1.o2.P3.b17~9c3e01ab
//! │   │              │        │  │     │        │            └ trace hash
//! │   scenario       profile  │  │     │        └ second cut: in the first power-on after the
//! format                      │  │     │          first cut, operation 2, tear P3.b17
//! contract level ─────────────┘  │     └ first cut: in power-on 1 (0 is the first), operation 0
//! commit policy ─────────────────┘
//! ```
//!
//! Where weak bits are read, `w1.0.3` says what they were read as: in the first power-on after the cut
//! before it, the first read of some took reading 0, the second reading 3, and further ones 0.
//!
//! `asked` at the end says that something new is asked of the device once it has come to rest.
//!
//! `b0.` is left out. A scenario that begins in several states names the one: `scenario.start`. The trace hash covers every operation up to the last
//! cut; when the code under test changes what it does before that point, the
//! case is *stale*, and says so.

mod file;
mod id;
mod live;
mod replay;
mod shrink;
mod timeline;

pub use crate::explore::Window;
pub use file::{CaseFile, CaseFileError, Expected};
pub use id::{CaseId, CaseIdError};
pub use live::{LiveDevice, LivePowerOn};
pub use replay::{Replay, Step, Unreached, replay};
pub(crate) use shrink::Shrinker;
pub use shrink::shrink;
pub use timeline::{Timeline, windows};
pub(crate) use timeline::{hex, state_before, tear_words};
