#![doc = include_str!("../README.md")]
// The README shows a test as its reader would write it; a hidden line runs it.
#![allow(clippy::test_attr_in_doctest)]

mod adversary;
mod cipher;
mod draw;
mod drift;
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
mod stencils;
mod sweep;
mod tear;
mod trace;
mod view;

/// The fault table.
#[allow(clippy::doc_markdown)] // names of projects
#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

/// A page-long example.
#[allow(clippy::doc_markdown)]
#[doc = include_str!("../docs/example.md")]
pub mod example {}

pub use embedded_storage;

pub use crate::adversary::Adversary;
pub use crate::cipher::Cipher;
pub use crate::error::{FlashError, Rule};
pub use crate::fault::{Failure, Fault, Symptom, When};
pub use crate::flash::{Breach, Cut, EraseOrder, EraseSteps, Flash, Overprogram};
pub use crate::geometry::{
    EccDoubleWords, EncryptedRows16, EncryptedRows32, Geometry, Multiwrite, RomPages, Sectors1K,
    Sectors256, SpiNor, Units, Words, WriteOnceWords,
};
pub use crate::hash::{GRANULE, granule_hash};
pub use crate::level::{Contract, Level, ParseLevelError};
pub use crate::observer::Observer;
pub use crate::op::{Op, OpKind};
pub use crate::profile::{
    Encryption, EraseKind, Pace, PartialErase, Profile, ProfileBuilder, ProfileError, ProgramLimit,
    Rules, SfdpError, Source, Span, Timing,
};
pub use crate::state::State;
pub use crate::stats::Stats;
pub use crate::stencils::Stencils;
pub use crate::sweep::{CrashState, CrashStates, Recorder, crash_states};
pub use crate::tear::{
    Around, BitMask, Bits, Cells, Density, Fraction, MetadataRow, Mixture, Neighbour,
    ParseTearError, Risen, RowTears, Rows, Tear, measured_tears, over_erase_tears, tears, tears_at,
};
pub use crate::trace::{Event, Outcome, ParseTraceError, Recording, ReplayError, Row, Trace};
pub use crate::view::{View, ViewError};
