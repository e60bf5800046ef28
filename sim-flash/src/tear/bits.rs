//! Sets of bits and rows of an operation.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::mask::BitMask;
use super::subset::Subset;
use crate::op::Op;

/// A set of bits of an operation, or of the area around it.
///
/// Bit `n` is bit `n % 8`, lowest first, of byte `n / 8`, whatever the bytes are. Of a program only the bits it wants to
/// be 0 count: to name another is to name a tear that does not apply, and sets that are drawn or computed leave the
/// others out. So a set means the same for two programs in every byte in which they agree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Bits {
    /// `none`.
    None,
    /// `all`.
    All,
    /// `b17`: this one.
    One(u32),
    /// `x17`: all but this one.
    AllBut(u32),
    /// `s5`: a subset drawn by `ChaCha8` from the place and kind of the operation and this number, not from its data. The
    /// number also picks how dense it is: 1/2, 1/4, 3/4, 1/16, 15/16 and again from the start.
    Seeded(u32),
    /// `z12`: all but the slowest cells, so many in 256. Which cells are slow is a matter of the cell alone: the same ones
    /// in every operation, and those of `z11` among them.
    Quick(u8),
    /// `m1f`: these, among the first 256.
    Mask(BitMask),
}

impl Bits {
    /// Whether every bit that it names is among the first `count`.
    pub(super) fn fits(&self, count: u64) -> bool {
        match *self {
            Bits::One(n) | Bits::AllBut(n) => u64::from(n) < count,
            Bits::Mask(mask) => (1..=count).contains(&mask.width()),
            Bits::None | Bits::All | Bits::Seeded(_) | Bits::Quick(_) => true,
        }
    }

    /// Whether every bit that it names is one of the wanted-0 bits of `data`.
    pub(super) fn fits_zeros(&self, data: &[u8]) -> bool {
        match *self {
            Bits::One(n) | Bits::AllBut(n) => data
                .get(n as usize / 8)
                .is_some_and(|byte| byte & 1 << (n % 8) == 0),
            Bits::Mask(mask) => {
                let mut bytes = data.iter().enumerate();
                self.fits(data.len() as u64 * 8)
                    && bytes.all(|(at, byte)| byte & mask.byte(at) == 0)
            }
            Bits::None | Bits::All | Bits::Seeded(_) | Bits::Quick(_) => true,
        }
    }

    /// The members among the wanted-0 bits of a program, for the part of its data that starts at `offset`.
    pub(super) fn of_zeros(&self, op: &Op, data: &[u8], offset: usize, out: &mut [u8]) {
        self.of_all(op, 0, offset, out);
        out.iter_mut()
            .zip(&data[offset..])
            .for_each(|(out, byte)| *out &= !byte);
    }

    /// The members among all bits of an area, for the part of it that starts at byte `offset`. Seeded sets depend on
    /// where `op` is and on `salt`.
    pub(super) fn of_all(&self, op: &Op, salt: u32, offset: usize, out: &mut [u8]) {
        match *self {
            Bits::None => out.fill(0),
            Bits::All => out.fill(0xFF),
            Bits::One(n) | Bits::AllBut(n) => {
                out.fill(if matches!(self, Bits::One(_)) {
                    0
                } else {
                    0xFF
                });
                let byte = (n as usize / 8).checked_sub(offset);
                if let Some(out) = byte.and_then(|byte| out.get_mut(byte)) {
                    *out ^= 1 << (n % 8);
                }
            }
            Bits::Seeded(n) => {
                Subset::of(op, n, salt).each(offset, out.len(), |at, mask| out[at] = mask);
            }
            Bits::Quick(slow) => quick(op, slow, offset, out),
            Bits::Mask(mask) => {
                for (at, out) in out.iter_mut().enumerate() {
                    *out = mask.byte(offset + at);
                }
            }
        }
    }
}

/// A row of 32 bytes, which is what metadata is mostly kept in: counted from the row of the first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct MetadataRow(pub u32);

impl MetadataRow {
    /// Bytes per row.
    pub const WIDTH: u8 = 32;
    /// Bits per row.
    pub(super) const BITS: u64 = Self::WIDTH as u64 * 8;

    /// Its first byte, counted from that of the operation.
    pub(super) fn start(self, op: &Op) -> usize {
        let width = usize::from(Self::WIDTH);
        (self.0 as usize * width).saturating_sub(op.addr() as usize % width)
    }
}

impl Bits {
    /// The members among the bits of a row that starts `start` bytes into the operation, for the part of it that starts at
    /// byte `offset` of the row. Seeded sets depend on where the row is.
    pub(super) fn of_row(&self, op: &Op, salt: u32, start: usize, offset: usize, out: &mut [u8]) {
        match self {
            // What is drawn for a byte is a matter of its place in the operation.
            Bits::Seeded(_) | Bits::Quick(_) => self.of_all(op, salt, start + offset, out),
            _ => self.of_all(op, salt, offset, out),
        }
    }
}

/// The cells of a part of an operation that are not among the slowest.
fn quick(op: &Op, slow: u8, offset: usize, out: &mut [u8]) {
    let mut rng = ChaCha8Rng::from_seed(*b"cells that are slow remain slow.");
    // Eight cells a byte, a byte of slowness each: two words.
    rng.set_word_pos((u128::from(op.addr()) + offset as u128) * 2);
    for out in out {
        let slowness = rng.next_u64().to_le_bytes();
        *out = (0..8)
            .filter(|bit| slowness[*bit] >= slow)
            .fold(0, |bits, bit| bits | 1 << bit);
    }
}

/// The positions of the bits of `data` that are 0: those a program wants to clear.
#[allow(clippy::cast_possible_truncation)] // a page is at most 4 KiB
pub(super) fn wanted_zeros(data: &[u8]) -> Vec<u32> {
    let is_zero = |n: &u32| data[*n as usize / 8] & 1 << (n % 8) == 0;
    (0..data.len() as u32 * 8).filter(is_zero).collect()
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

impl Rows {
    pub(super) fn fits(self, op: &Op) -> bool {
        match self {
            Rows::From(n) => 0 < n && n < op.len(),
            Rows::One { width, row } | Rows::AllBut { width, row } => {
                matches!(width, 8 | 16 | 32) && row < rows(op, width)
            }
        }
    }
}

/// How many aligned rows of `width` bytes a program touches.
pub(super) fn rows(op: &Op, width: u8) -> u32 {
    let width = u32::from(width);
    (op.addr() % width + op.len()).div_ceil(width)
}

/// The part of a row that lies within a part of the operation.
pub(super) fn row_span(
    addr: u32,
    width: u8,
    row: u32,
    offset: usize,
    len: usize,
) -> (usize, usize) {
    // Only rows that fit an operation have a span; others have none.
    let width = usize::from(width.max(1));
    let lead = addr as usize % width;
    let from = (row as usize * width).saturating_sub(lead);
    let to = ((row as usize + 1) * width).saturating_sub(lead);
    (
        from.saturating_sub(offset).min(len),
        to.saturating_sub(offset).min(len),
    )
}
