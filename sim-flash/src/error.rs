//! What can go wrong when the flash is asked to do something.

use std::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

use crate::op::OpKind;
use crate::tear::Tear;

/// A rule of the chip.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// A program can only clear bits.
    ClearsBitsOnly,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::ClearsBitsOnly => "a program can only clear bits, erase first",
        })
    }
}

/// Why an operation was refused or failed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FlashError {
    /// The power is off: cut, and not yet back on.
    PowerLost,
    /// The operation breaks a rule of the chip; nothing was changed.
    Rule {
        /// The rule.
        rule: Rule,
        /// What was asked.
        kind: OpKind,
        /// First byte of the operation.
        addr: u32,
        /// Its length in bytes.
        len: u32,
        /// The first byte that breaks the rule.
        at: u32,
    },
    /// The operation reaches beyond the end of the flash; nothing was changed.
    OutOfBounds {
        /// What was asked.
        kind: OpKind,
        /// First byte.
        addr: u32,
        /// Length in bytes.
        len: u64,
        /// Size of the flash.
        size: u32,
    },
    /// Start or length is not a multiple of the unit; nothing was changed.
    NotAligned {
        /// What was asked.
        kind: OpKind,
        /// First byte.
        addr: u32,
        /// Length in bytes.
        len: u64,
        /// The unit in bytes.
        unit: u32,
    },
    /// The armed cut does not fit the operation it met; nothing was changed and the power stays on.
    CutDoesNotFit {
        /// The armed tear.
        tear: Tear,
        /// The operation.
        kind: OpKind,
        /// First byte.
        addr: u32,
        /// Length in bytes.
        len: u32,
    },
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlashError::PowerLost => f.write_str("the power is off"),
            FlashError::Rule {
                rule,
                kind,
                addr,
                len,
                at,
            } => {
                write!(f, "{kind} {addr:#x}+{len:#x}: {rule} (first at {at:#x})")
            }
            FlashError::OutOfBounds {
                kind,
                addr,
                len,
                size,
            } => {
                write!(
                    f,
                    "{kind} {addr:#x}+{len:#x} reaches beyond the end of the flash at {size:#x}"
                )
            }
            FlashError::NotAligned {
                kind,
                addr,
                len,
                unit,
            } => {
                write!(
                    f,
                    "{kind} {addr:#x}+{len:#x} is not aligned to {unit:#x} bytes"
                )
            }
            FlashError::CutDoesNotFit {
                tear,
                kind,
                addr,
                len,
            } => {
                write!(
                    f,
                    "the armed cut {tear} does not fit {kind} {addr:#x}+{len:#x}"
                )
            }
        }
    }
}

impl std::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FlashError::OutOfBounds { .. } => NorFlashErrorKind::OutOfBounds,
            FlashError::NotAligned { .. } => NorFlashErrorKind::NotAligned,
            _ => NorFlashErrorKind::Other,
        }
    }
}
