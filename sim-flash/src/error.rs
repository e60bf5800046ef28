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
    /// A word may be programmed so many times between erases.
    ProgramLimit(u8),
    /// A block of several words may be programmed so many times between erases, all its words taken together.
    BlockProgramLimit {
        /// Bytes per block.
        block: u32,
        /// Programs allowed.
        times: u8,
    },
    /// A word that was not programmed since its erase reads as anything.
    ErasedUndefined,
    /// One program command stays within a page; the address wraps at its end.
    PageWrap,
    /// The range is protected by the chip's block protection.
    Protected,
    /// While an erase is suspended, its range cannot be read or changed, and nothing else can be erased.
    EraseSuspended,
    /// There is no suspended erase to resume.
    NothingSuspended,
    /// The chip does not erase its sectors in steps, or not in steps of this length.
    ErasesInSteps,
    /// The sector has been erased in steps that do not yet add up to an erase.
    PartlyErased,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::ClearsBitsOnly => f.write_str("a program can only clear bits, erase first"),
            Rule::ProgramLimit(1) => f.write_str("a word may be programmed once between erases"),
            Rule::ProgramLimit(times) => {
                write!(f, "a word may be programmed {times} times between erases")
            }
            Rule::BlockProgramLimit { block, times } => write!(
                f,
                "a block of {block} bytes may be programmed {times} times between erases"
            ),
            Rule::ErasedUndefined => f.write_str("a word reads as anything until it is programmed"),
            Rule::PageWrap => f.write_str("a program command wraps at the end of its page"),
            Rule::Protected => f.write_str("the range is protected"),
            Rule::EraseSuspended => f.write_str("an erase is suspended"),
            Rule::NothingSuspended => f.write_str("no erase is suspended"),
            Rule::ErasesInSteps => f.write_str("the chip knows no such step of an erase"),
            Rule::PartlyErased => f.write_str("the steps of its erase are not complete"),
        }
    }
}

/// Why an operation was refused or failed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FlashError {
    /// The power is off: cut, and not yet back on.
    PowerLost,
    /// The processor was reset, and has not been restarted. The chip still has power.
    Reset,
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
    /// The chip, or its bus, reports failure. What the cells hold is for the caller to find out.
    Failed {
        /// What was asked.
        kind: OpKind,
        /// First byte.
        addr: u32,
        /// Length in bytes.
        len: u32,
    },
    /// The check bits of a word do not fit its data: a torn word.
    Ecc {
        /// First byte of the read.
        addr: u32,
        /// Its length in bytes.
        len: u32,
        /// First byte of the word.
        at: u32,
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
            FlashError::Reset => f.write_str("the processor is in reset"),
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
            FlashError::Failed { kind, addr, len } => {
                write!(f, "{kind} {addr:#x}+{len:#x} failed, says the chip")
            }
            FlashError::Ecc { addr, len, at } => {
                write!(
                    f,
                    "read {addr:#x}+{len:#x}: the check bits of the word at {at:#x} do not fit its data"
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
