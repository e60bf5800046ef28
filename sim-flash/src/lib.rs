#![doc = include_str!("../README.md")]

mod error;
mod flash;
mod geometry;
mod hash;
mod level;
mod observer;
mod op;
mod profile;
mod state;
mod stats;
mod tear;
mod trace;

pub use crate::error::{FlashError, Rule};
pub use crate::flash::{Cut, Flash};
pub use crate::geometry::{Geometry, Multiwrite, SpiNor};
pub use crate::hash::{GRANULE, granule_hash};
pub use crate::level::{Level, ParseLevelError};
pub use crate::observer::Observer;
pub use crate::op::{Op, OpKind};
pub use crate::profile::{Profile, Timing};
pub use crate::state::State;
pub use crate::stats::Stats;
pub use crate::tear::{Bits, Density, ParseTearError, Rows, Tear, tears};
pub use crate::trace::{Outcome, Row, Trace};
