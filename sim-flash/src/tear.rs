//! Tears: what a cut leaves behind of the operation it hit.
//!
//! A [`Tear`] is a small value with a readable id (`P1.n17`, `E4.s5`). What it leaves behind is a function of the
//! operation and of the old bytes; *which* tears exist for an operation depends on the operation alone, never on what
//! the flash held before. Two states that differ only in old contents have the same tears.

mod id;
mod list;
mod subset;

pub use self::id::ParseTearError;
pub use self::list::{Density, tears};

use self::subset::Subset;
use crate::level::Level;
use crate::op::{Op, OpKind};

/// A set of bits of an operation. For a program, bits are counted among the bits it wants to be 0, from the lowest bit
/// of the first byte; for an erase, among all bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Bits {
    /// `b17`: this one.
    One(u32),
    /// `x17`: all but this one.
    AllBut(u32),
    /// `s5`: a subset drawn by `ChaCha8` from the operation and this number. The number also picks how dense it is:
    /// 1/2, 1/4, 3/4, 1/16, 15/16 and again from the start.
    Seeded(u32),
}

/// A set of rows of a program. Rows are aligned in the address space and counted from the row of the first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Rows {
    /// `n17`: every byte from this one on (no rows: a byte suffix).
    From(u32),
    /// `w8.k3`: only this row.
    One {
        /// Bytes per row: 8, 16 or 32.
        width: u8,
        /// Which row.
        row: u32,
    },
    /// `w8.x3`: all rows but this one.
    AllBut {
        /// Bytes per row: 8, 16 or 32.
        width: u8,
        /// Which row.
        row: u32,
    },
}

/// What a cut leaves behind of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Tear {
    /// Program: nothing happened.
    P0,
    /// Program: only the first `n` bytes.
    P1(u32),
    /// Program: only these rows.
    P2(Rows),
    /// Program: only these of the bits it wants to be 0.
    P3(Bits),
    /// Program: all of it, but the device was never told.
    P6,
    /// Erase: nothing happened.
    E0,
    /// Erase: pre-programming had zeroed the first `n` bytes.
    E1(u32),
    /// Erase: pre-programming had zeroed everything from byte `n` on; the head survives.
    E2(u32),
    /// Erase: pre-programming was done, every bit is 0.
    E3,
    /// Erase: only these bits are back to 1, the rest are 0.
    E4(Bits),
    /// Erase: all of it, but the device was never told.
    E7,
}

impl Tear {
    /// The kind of operation it is a tear of.
    pub fn kind(&self) -> OpKind {
        match self {
            Tear::P0 | Tear::P1(_) | Tear::P2(_) | Tear::P3(_) | Tear::P6 => OpKind::Program,
            Tear::E0 | Tear::E1(_) | Tear::E2(_) | Tear::E3 | Tear::E4(_) | Tear::E7 => {
                OpKind::Erase
            }
        }
    }

    /// The lowest contract level at which it may occur.
    pub fn level(&self) -> Level {
        match self {
            Tear::P0 | Tear::P6 | Tear::E0 | Tear::E7 => Level::L0,
            Tear::P1(_) | Tear::E1(_) | Tear::E3 => Level::L1,
            Tear::P2(_) | Tear::P3(_) | Tear::E2(_) | Tear::E4(_) => Level::L2,
        }
    }

    /// Whether it leaves the flash as it was.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Tear::P0 | Tear::E0)
    }

    /// Whether it leaves the operation done.
    pub fn is_complete(&self) -> bool {
        matches!(self, Tear::P6 | Tear::E7)
    }

    /// Whether `op` can be torn so: the kind fits and every number in it is within the operation.
    pub fn applies_to(&self, op: &Op) -> bool {
        let len = op.len();
        if self.kind() != op.kind() {
            return false;
        }
        match *self {
            Tear::P1(n) | Tear::P2(Rows::From(n)) | Tear::E1(n) | Tear::E2(n) => 0 < n && n < len,
            Tear::P2(Rows::One { width, row } | Rows::AllBut { width, row }) => {
                matches!(width, 8 | 16 | 32) && row < rows(op, width)
            }
            Tear::P3(Bits::One(n) | Bits::AllBut(n)) => n < wanted_zeros(op.data()),
            Tear::E4(Bits::One(n) | Bits::AllBut(n)) => u64::from(n) < u64::from(len) * 8,
            _ => true,
        }
    }

    /// What the cells read as afterwards, for any part of the operation.
    ///
    /// `old` holds the bytes before, from `offset_in_op` on; as many of `new` are set. Pure, allocates nothing. Where the
    /// tear does not apply, or beyond the end of the operation, `new` is `old`.
    pub fn torn(&self, op: &Op, offset_in_op: u32, old: &[u8], new: &mut [u8]) {
        let len = old.len().min(new.len());
        new[..len].copy_from_slice(&old[..len]);
        self.tear_cells(op, offset_in_op, &mut new[..len]);
    }

    /// The same in place.
    pub(crate) fn tear_cells(&self, op: &Op, offset_in_op: u32, cells: &mut [u8]) {
        if offset_in_op >= op.len() || self.kind() != op.kind() {
            return;
        }
        let inside = ((op.len() - offset_in_op) as usize).min(cells.len());
        let cells = &mut cells[..inside];
        match op {
            Op::Program { addr, data } => {
                self.tear_program(op, *addr, data, offset_in_op as usize, cells);
            }
            Op::Erase { .. } => self.tear_erase(op, offset_in_op as usize, cells),
        }
    }

    fn tear_program(&self, op: &Op, addr: u32, data: &[u8], offset: usize, cells: &mut [u8]) {
        let here = &data[offset..offset + cells.len()];
        match *self {
            Tear::P1(n) => {
                let done = cut_at(n, offset, cells.len());
                and(&mut cells[..done], here);
            }
            Tear::P2(Rows::From(n)) => {
                let from = cut_at(n, offset, cells.len());
                and(&mut cells[from..], &here[from..]);
            }
            Tear::P2(Rows::One { width, row }) => {
                let (from, to) = row_span(addr, width, row, offset, cells.len());
                and(&mut cells[from..to], &here[from..to]);
            }
            Tear::P2(Rows::AllBut { width, row }) => {
                let (from, to) = row_span(addr, width, row, offset, cells.len());
                and(&mut cells[..from], here);
                and(&mut cells[to..], &here[to..]);
            }
            Tear::P3(Bits::One(n)) => {
                if let Some((byte, bit)) = nth_zero(data, n)
                    && let Some(cell) = byte
                        .checked_sub(offset)
                        .and_then(|byte| cells.get_mut(byte))
                {
                    *cell &= !bit;
                }
            }
            Tear::P3(Bits::AllBut(n)) => {
                let spared = nth_zero(data, n)
                    .and_then(|(byte, bit)| {
                        byte.checked_sub(offset)
                            .filter(|byte| *byte < cells.len())
                            .map(|byte| (byte, bit))
                    })
                    .map(|(byte, bit)| (byte, cells[byte] & bit));
                and(cells, here);
                if let Some((byte, bit)) = spared {
                    cells[byte] |= bit;
                }
            }
            Tear::P3(Bits::Seeded(n)) => {
                Subset::of(op, n).each(offset, cells.len(), |at, mask| {
                    cells[at] &= here[at] | !mask;
                });
            }
            Tear::P6 => and(cells, here),
            _ => {}
        }
    }

    fn tear_erase(&self, op: &Op, offset: usize, cells: &mut [u8]) {
        let len = cells.len();
        match *self {
            Tear::E1(n) => cells[..cut_at(n, offset, len)].fill(0),
            Tear::E2(n) => cells[cut_at(n, offset, len)..].fill(0),
            Tear::E3 => cells.fill(0),
            Tear::E4(Bits::One(n) | Bits::AllBut(n)) => {
                let one = matches!(self, Tear::E4(Bits::One(_)));
                cells.fill(if one { 0x00 } else { 0xFF });
                if let Some(byte) = (n as usize / 8)
                    .checked_sub(offset)
                    .filter(|byte| *byte < len)
                {
                    cells[byte] ^= 1 << (n % 8);
                }
            }
            Tear::E4(Bits::Seeded(n)) => {
                Subset::of(op, n).each(offset, len, |at, mask| cells[at] = mask);
            }
            Tear::E7 => cells.fill(0xFF),
            _ => {}
        }
    }
}

/// How many bits of `data` are 0: those a program wants to clear.
pub(crate) fn wanted_zeros(data: &[u8]) -> u32 {
    data.iter().map(|byte| byte.count_zeros()).sum()
}

/// How many aligned rows of `width` bytes a program touches.
pub(crate) fn rows(op: &Op, width: u8) -> u32 {
    let width = u32::from(width);
    (op.addr() % width + op.len()).div_ceil(width)
}

/// Where byte `n` of the operation lies in a part of it, kept within the part.
fn cut_at(n: u32, offset: usize, len: usize) -> usize {
    (n as usize).saturating_sub(offset).min(len)
}

/// The part of a row that lies within a part of the operation.
fn row_span(addr: u32, width: u8, row: u32, offset: usize, len: usize) -> (usize, usize) {
    let width = usize::from(width);
    let lead = addr as usize % width;
    let from = (row as usize * width).saturating_sub(lead);
    let to = ((row as usize + 1) * width).saturating_sub(lead);
    (
        from.saturating_sub(offset).min(len),
        to.saturating_sub(offset).min(len),
    )
}

fn and(cells: &mut [u8], wanted: &[u8]) {
    for (cell, wanted) in cells.iter_mut().zip(wanted) {
        *cell &= wanted;
    }
}

/// The byte and the bit of the `n`th 0 in `data`.
fn nth_zero(data: &[u8], n: u32) -> Option<(usize, u8)> {
    let mut left = n;
    for (at, byte) in data.iter().enumerate() {
        let zeros = byte.count_zeros();
        if left < zeros {
            let mut open = !byte;
            for _ in 0..left {
                open &= open - 1;
            }
            return Some((at, open & open.wrapping_neg()));
        }
        left -= zeros;
    }
    None
}
