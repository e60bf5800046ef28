//! Sets of bits and rows of an operation.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::subset::Subset;
use crate::op::Op;

/// A set of bits of an operation.
///
/// For a program, bits are counted among the bits it wants to be 0, from the lowest bit of the first byte; for an
/// erase and for collateral damage, among all bits of the area.
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
    /// `s5`: a subset drawn by `ChaCha8` from the operation and this number. The number also picks how dense it is:
    /// 1/2, 1/4, 3/4, 1/16, 15/16 and again from the start.
    Seeded(u32),
    /// `z12`: all but the slowest cells, so many in 256. Which cells are slow is a matter of the cell alone: the same ones
    /// in every operation, and those of `z11` among them.
    Quick(u8),
    /// `m1f`: bit `i` of this number stands for bit `i`; those from 128 on are not in the set.
    Mask(u128),
}

impl Bits {
    /// Whether every number in it is below `count`, the number of bits there are.
    pub(super) fn fits(&self, count: u64) -> bool {
        match *self {
            Bits::One(n) | Bits::AllBut(n) => u64::from(n) < count,
            Bits::Mask(mask) => mask != 0 && u64::from(128 - mask.leading_zeros()) <= count,
            Bits::None | Bits::All | Bits::Seeded(_) | Bits::Quick(_) => true,
        }
    }

    /// The members among the wanted-0 bits of `data`, for the part of it that starts at `offset`.
    pub(super) fn of_zeros(&self, op: &Op, data: &[u8], offset: usize, out: &mut [u8]) {
        let here = &data[offset..offset + out.len()];
        match *self {
            Bits::None => out.fill(0),
            Bits::All => out
                .iter_mut()
                .zip(here)
                .for_each(|(out, byte)| *out = !byte),
            Bits::One(n) => one_of_zeros(data, n, offset, out),
            Bits::AllBut(n) => {
                one_of_zeros(data, n, offset, out);
                out.iter_mut()
                    .zip(here)
                    .for_each(|(out, byte)| *out ^= !byte);
            }
            Bits::Seeded(n) => {
                let set = |at: usize, mask: u8| out[at] = mask & !here[at];
                Subset::of(op, n).each(offset, here.len(), set);
            }
            Bits::Quick(slow) => {
                quick(op, slow, offset, out);
                out.iter_mut()
                    .zip(here)
                    .for_each(|(out, byte)| *out &= !byte);
            }
            Bits::Mask(mask) => {
                let before = super::wanted_zeros(&data[..offset]);
                let mut left = mask.checked_shr(before).unwrap_or(0);
                for (out, byte) in out.iter_mut().zip(here) {
                    *out = deal(&mut left, !byte);
                }
            }
        }
    }

    /// The members among all bits of an area, for the part of it that starts at byte `offset`. Seeded sets depend on
    /// `op` and `salt`.
    #[allow(clippy::cast_possible_truncation)] // shifted down to a byte
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
                Subset::salted(op, n, salt).each(offset, out.len(), |at, mask| out[at] = mask);
            }
            Bits::Quick(slow) => quick(op, slow, offset, out),
            Bits::Mask(mask) => {
                for (at, out) in out.iter_mut().enumerate() {
                    let shift = u32::try_from((offset + at) * 8).unwrap_or(u32::MAX);
                    *out = mask.checked_shr(shift).unwrap_or(0) as u8;
                }
            }
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

fn one_of_zeros(data: &[u8], n: u32, offset: usize, out: &mut [u8]) {
    out.fill(0);
    if let Some((byte, bit)) = nth_zero(data, n)
        && let Some(out) = byte.checked_sub(offset).and_then(|byte| out.get_mut(byte))
    {
        *out = bit;
    }
}

/// Takes as many low bits of `left` as `places` has ones, and puts them there.
fn deal(left: &mut u128, mut places: u8) -> u8 {
    let mut dealt = 0;
    while places != 0 {
        let lowest = places & places.wrapping_neg();
        if *left & 1 == 1 {
            dealt |= lowest;
        }
        *left >>= 1;
        places ^= lowest;
    }
    dealt
}

/// The byte and the bit of the `n`th 0 in `data`.
pub(super) fn nth_zero(data: &[u8], n: u32) -> Option<(usize, u8)> {
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
