//! Any code that keeps something on flash, under test in ten lines.
//!
//! [`PowerCuts`] takes the chip, how the code comes up on it, what it is asked for, what can be seen of it, and a model
//! of that. [`check`](Test::check) cuts the power everywhere, opens the code again after each cut, and judges:
//!
//! | before the power-on | it may show | otherwise |
//! |---|---|---|
//! | the last operation returned Ok | what the model says | an acknowledged operation is lost (P3) |
//! | an operation was under way | what the model says before it, or after | neither the old nor the new is there (P2) |
//! | a power-on found one of the two, and let it be seen | that one | what was seen is gone (P5) |
//!
//! Besides, it must come up (P1), must not refuse what it does not refuse without cuts (P8), must not panic or hang (P14).
//!
//! # Reading a story
//!
//! The head says what is lost and what that means. The timeline has a line for each call, with its operations on the flash
//! in brackets; `** POWER CUT` says what the cut left, with the bytes. Then come the causes, each with the number of states
//! that show it, and the id of the case. `BROWNOUT_REPLAY=ID cargo test NAME` tells one case in full.
//!
//! # Choosing a level
//!
//! [`Level`](sim_flash::Level) says how badly a cut may behave. The mildest is tried first, so the first story is the one
//! that nobody argues with. `L0`: operations happen whole or not at all. `L1`: they stop after some byte. `L2`, the default: any
//! bits of the torn operation are done. `L3`: weak bits, which read otherwise the next time. A store with a checksum over each
//! record should hold at `L2`.
//!
//! # Starts and values
//!
//! A test begins blank, aged (shortly before a sector is erased again) and full of another's data;
//! [`image`](Test::image), [`prepared`](Test::prepared) and [`aged`](Test::aged) add others. Put everything that the device can
//! know into the value that is read: a loss of what is not in it is never noticed. Small chips
//! ([`Profile::sectors_of_256`](sim_flash::Profile::sectors_of_256)) fill up after a few operations, at little cost.
//!
//! # Async, partitions, statics
//!
//! [`DeviceFlash`] implements the traits of `embedded-storage` and of `embedded-storage-async`: call async code in
//! [`block_on`]. [`partition`](DeviceFlash::partition) makes several flashes of one, [`in_units`](DeviceFlash::in_units) shows
//! larger words. [`reset`](Test::reset) sets statics back at each power-on. A closure that cannot fail says so with
//! [`infallible`].
//!
//! # CI
//!
//! `BROWNOUT_EFFORT=quick` or `full` scales all tests. Check `power-cuts/` in. Under cargo-nextest each test is a process, its
//! shards and its `JUnit` report work as ever. Where time, boots or memory run out, [`Checked`] says what was not tried.

mod check;
mod checked;
mod course;
mod device;
mod drawn;
mod effort;
mod flash;
mod kept;
mod label;
mod plan;
mod replayed;
mod story;
mod wait;

pub use checked::Checked;
pub use flash::DeviceFlash;
pub use plan::{Applied, Operated, PowerCuts, Seen, Stored, Test};
pub use story::Story;
pub use wait::{block_on, infallible};
