//! One operation of the chip: a page program or an erase.

use std::fmt;
use std::sync::Arc;

/// One operation that the chip carries out by itself, and that a loss of power can cut.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Clears bits: the cells become `old & data`.
    Program {
        /// First byte.
        addr: u32,
        /// The bytes to program, all within one page.
        data: Arc<[u8]>,
    },
    /// Sets every bit of `addr..addr + len`.
    Erase {
        /// First byte, a multiple of `len`.
        addr: u32,
        /// One sector, or one block of 32 or 64 KiB.
        len: u32,
    },
}

impl Op {
    /// A program of `data` at `addr`.
    pub fn program(addr: u32, data: &[u8]) -> Self {
        Op::Program {
            addr,
            data: data.into(),
        }
    }

    /// An erase of `addr..addr + len`.
    pub fn erase(addr: u32, len: u32) -> Self {
        Op::Erase { addr, len }
    }

    /// The first byte it may change.
    pub fn addr(&self) -> u32 {
        match self {
            Op::Program { addr, .. } | Op::Erase { addr, .. } => *addr,
        }
    }

    /// How many bytes it may change.
    #[allow(clippy::len_without_is_empty, clippy::cast_possible_truncation)] // a page is at most 4 KiB
    pub fn len(&self) -> u32 {
        match self {
            Op::Program { data, .. } => data.len() as u32,
            Op::Erase { len, .. } => *len,
        }
    }

    /// Program or erase.
    pub fn kind(&self) -> OpKind {
        match self {
            Op::Program { .. } => OpKind::Program,
            Op::Erase { .. } => OpKind::Erase,
        }
    }

    /// The bytes to program; empty for an erase.
    pub fn data(&self) -> &[u8] {
        match self {
            Op::Program { data, .. } => data,
            Op::Erase { .. } => &[],
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}+{:#x}", self.kind(), self.addr(), self.len())
    }
}

/// What was asked of the flash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum OpKind {
    /// Takes bytes out.
    Read,
    /// Clears bits.
    Program,
    /// Sets bits, a sector at a time.
    Erase,
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpKind::Read => "read",
            OpKind::Program => "program",
            OpKind::Erase => "erase",
        })
    }
}
