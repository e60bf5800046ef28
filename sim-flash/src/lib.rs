#![doc = include_str!("../README.md")]

mod adversary;
mod cipher;
mod draw;
mod error;
mod fault;
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
mod view;

pub use crate::adversary::Adversary;
pub use crate::error::{FlashError, Rule};
pub use crate::fault::{Failure, Fault, Symptom, When};
pub use crate::flash::{Cut, EraseOrder, Flash};
pub use crate::geometry::{
    EccDoubleWords, EncryptedRows16, EncryptedRows32, Geometry, Multiwrite, RomPages, SpiNor, Words,
};
pub use crate::hash::{GRANULE, granule_hash};
pub use crate::level::{Level, ParseLevelError};
pub use crate::observer::Observer;
pub use crate::op::{Op, OpKind};
pub use crate::profile::{
    Encryption, EraseKind, Pace, Profile, ProfileBuilder, ProfileError, ProgramLimit, Rules,
    SfdpError, Source, Span, Timing,
};
pub use crate::state::State;
pub use crate::stats::Stats;
pub use crate::tear::{
    Around, Bits, Density, Fraction, Neighbour, ParseTearError, Rows, Tear, over_erase_tears,
    tears, tears_at,
};
pub use crate::trace::{Outcome, ParseTraceError, Recording, ReplayError, Row, Trace};
pub use crate::view::{View, ViewError};
