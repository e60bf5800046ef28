//! Shapes of a cut erase that depend on what was there: which bits have risen, and mixtures by rows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::bits::{Rows, row_span, rows};
use super::effect::cut_at;
use super::{Bits, MetadataRow};
use crate::op::Op;

/// Which bits of an erase have risen to 1; the others are as before.
///
/// Rows are aligned in the address space, as those of [`Rows`] are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Risen {
    /// `n17`: those of the first 17 bytes.
    To(u32),
    /// `f17`: those of byte 17 and of all behind it.
    From(u32),
    /// `w8.k3`: those of this row.
    Row {
        /// Bytes per row: 8, 16 or 32.
        width: u8,
        /// Which row.
        row: u32,
    },
    /// `w8.x3`: those of all rows but this one.
    AllBut {
        /// Bytes per row: 8, 16 or 32.
        width: u8,
        /// Which row.
        row: u32,
    },
    /// `r3.b17`: those of all rows of 32 bytes but one, and in that one these.
    Within(MetadataRow, Bits),
    /// `b17`, `x17`, `s5`, `z12`, `m1f`, `none`: these.
    Bits(Bits),
}

/// The salt of seeded subsets of risen bits, to keep them apart from those of E4.
const RISEN: u32 = 4;

impl Risen {
    pub(super) fn fits(self, op: &Op) -> bool {
        let len = op.len();
        match self {
            Risen::To(n) | Risen::From(n) => 0 < n && n < len,
            Risen::Row { width, row } | Risen::AllBut { width, row } => {
                Rows::One { width, row }.fits(op) && rows(op, width) > 1
            }
            Risen::Within(row, bits) => {
                row.0 < rows(op, MetadataRow::WIDTH) && bits.fits(MetadataRow::BITS)
            }
            Risen::Bits(bits) => bits.fits(u64::from(len) * 8),
        }
    }

    /// The bits of a part of the erase that have risen; `out` starts `offset` bytes into it.
    pub(super) fn mask(self, op: &Op, offset: usize, out: &mut [u8]) {
        let len = out.len();
        match self {
            Risen::To(n) => {
                let end = cut_at(n, offset, len);
                out[..end].fill(0xFF);
                out[end..].fill(0);
            }
            Risen::From(n) => {
                let from = cut_at(n, offset, len);
                out[..from].fill(0);
                out[from..].fill(0xFF);
            }
            Risen::Row { width, row } => {
                let (from, to) = row_span(op.addr(), width, row, offset, len);
                out.fill(0);
                out[from..to].fill(0xFF);
            }
            Risen::AllBut { width, row } => {
                let (from, to) = row_span(op.addr(), width, row, offset, len);
                out.fill(0xFF);
                out[from..to].fill(0);
            }
            Risen::Within(row, bits) => {
                let (from, to) = row_span(op.addr(), MetadataRow::WIDTH, row.0, offset, len);
                out.fill(0xFF);
                if from < to {
                    // The bits are counted from the start of the row.
                    let start = row.start(op);
                    bits.of_row(op, RISEN, start, offset + from - start, &mut out[from..to]);
                }
            }
            Risen::Bits(bits) => bits.of_all(op, RISEN, offset, out),
        }
    }
}

/// What a row holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Cells {
    /// `o`: what it held.
    Old,
    /// `0`: zeros.
    Zero,
    /// `f`: ones.
    Risen,
}

impl Cells {
    pub(super) const fn letter(self) -> char {
        match self {
            Cells::Old => 'o',
            Cells::Zero => '0',
            Cells::Risen => 'f',
        }
    }
}

/// Rows that are as before, zeroed, or risen, as the front of the pre-programming and that of the erase were both cut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Mixture {
    /// `n32.64`: the first 32 bytes risen, zeros up to byte 64, the rest as before.
    Up {
        /// Bytes risen.
        risen: u32,
        /// Where the zeros end.
        zeroed: u32,
    },
    /// `f32.64`: the last 32 bytes risen, zeros from 64 bytes before the end on, the rest as before.
    Down {
        /// Bytes risen.
        risen: u32,
        /// Where the zeros begin, counted from the end.
        zeroed: u32,
    },
    /// `w32.k3.o0`: one row holds the first, all others the second.
    Row {
        /// Bytes per row: 8, 16 or 32.
        width: u8,
        /// Which row.
        row: u32,
        /// What it holds.
        is: Cells,
        /// What the others hold.
        rest: Cells,
    },
    /// `s5`: each row drawn by `ChaCha8` from the place of the erase and this number, which also picks their width: 8, 16,
    /// 32 and again from the start.
    Seeded(u32),
}

impl Mixture {
    pub(super) fn fits(self, op: &Op) -> bool {
        let len = op.len();
        match self {
            Mixture::Up { risen, zeroed } | Mixture::Down { risen, zeroed } => {
                0 < risen && risen < zeroed && zeroed < len
            }
            Mixture::Row {
                width,
                row,
                is,
                rest,
            } => Rows::One { width, row }.fits(op) && rows(op, width) > 1 && is != rest,
            Mixture::Seeded(_) => true,
        }
    }

    /// Changes a part of the erase that starts `offset` bytes into it: calls `each(from, to, holds)` for its pieces.
    pub(super) fn pieces(
        self,
        op: &Op,
        offset: usize,
        len: usize,
        mut each: impl FnMut(usize, usize, Cells),
    ) {
        let whole = op.len();
        match self {
            Mixture::Up { risen, zeroed } => {
                let (first, second) = (cut_at(risen, offset, len), cut_at(zeroed, offset, len));
                each(0, first, Cells::Risen);
                each(first, second, Cells::Zero);
                each(second, len, Cells::Old);
            }
            Mixture::Down { risen, zeroed } => {
                let from_end = |n: u32| cut_at(whole.saturating_sub(n), offset, len);
                let (first, second) = (from_end(zeroed), from_end(risen));
                each(0, first, Cells::Old);
                each(first, second, Cells::Zero);
                each(second, len, Cells::Risen);
            }
            Mixture::Row {
                width,
                row,
                is,
                rest,
            } => {
                let (from, to) = row_span(op.addr(), width, row, offset, len);
                each(0, from, rest);
                each(from, to, is);
                each(to, len, rest);
            }
            Mixture::Seeded(n) => seeded(op, n, offset, len, each),
        }
    }
}

fn seeded(op: &Op, n: u32, offset: usize, len: usize, mut each: impl FnMut(usize, usize, Cells)) {
    let width = [8, 16, 32][n as usize % 3];
    let mut seed = *b"rows of a cut erase: old, 0, ff.";
    seed[..4].copy_from_slice(&op.addr().to_le_bytes());
    seed[4..8].copy_from_slice(&op.len().to_le_bytes());
    seed[8..12].copy_from_slice(&n.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(seed);
    let lead = op.addr() as usize % width;
    let first = (lead + offset) / width;
    rng.set_word_pos(first as u128);
    let mut from = 0;
    while from < len {
        let row = (lead + offset + from) / width;
        let to = ((row + 1) * width - lead - offset).min(len);
        let holds = match rng.next_u32() % 3 {
            0 => Cells::Old,
            1 => Cells::Zero,
            _ => Cells::Risen,
        };
        each(from, to, holds);
        from = to;
    }
}
