//! What a torn operation reads as afterwards.

use super::bits::row_span;
use super::subset::Subset;
use super::{Bits, Cells, Rows, Tear};
use crate::op::Op;

/// Selections are worked out this many bytes at a time, on the stack.
const CHUNK: usize = 64;

impl Tear {
    /// What the cells read as afterwards, for any part of the operation.
    ///
    /// `old` holds the bytes before, from `offset_in_op` on; as many of `new` are set. Weak bits show what they lean to.
    /// Pure, allocates nothing. Where the tear does not apply, or beyond the end of the operation, `new` is `old`.
    #[inline]
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
            Tear::P3(bits) | Tear::P4(bits) => {
                let mut done = [0; CHUNK];
                for at in (0..cells.len()).step_by(CHUNK) {
                    let part = &mut cells[at..];
                    let part_len = part.len().min(CHUNK);
                    bits.of_zeros(op, data, offset + at, &mut done[..part_len]);
                    part.iter_mut()
                        .zip(&done[..part_len])
                        .for_each(|(cell, done)| *cell &= !done);
                }
            }
            Tear::P5(_) | Tear::P6 | Tear::P7(..) => and(cells, here),
            _ => {}
        }
    }

    fn tear_erase(&self, op: &Op, offset: usize, cells: &mut [u8]) {
        let len = cells.len();
        match *self {
            Tear::E1(n) => cells[..cut_at(n, offset, len)].fill(0),
            Tear::E2(n) => cells[cut_at(n, offset, len)..].fill(0),
            Tear::E3 => cells.fill(0),
            Tear::E4(bits) => bits.of_all(op, 0, offset, cells),
            Tear::E5(_) | Tear::E7 | Tear::E8(..) => cells.fill(0xFF),
            Tear::E6(Bits::Seeded(n)) => {
                Subset::of(op, n, CONTENT).each(offset, len, |at, byte| cells[at] = byte);
            }
            Tear::E9(risen) | Tear::E11(risen) => {
                let mut mask = [0; CHUNK];
                for at in (0..len).step_by(CHUNK) {
                    let part = &mut cells[at..len.min(at + CHUNK)];
                    let mask = &mut mask[..part.len()];
                    risen.mask(op, offset + at, mask);
                    { part.iter_mut().zip(&*mask) }.for_each(|(cell, mask)| *cell |= mask);
                }
            }
            Tear::E10(mixture) => {
                mixture.pieces(op, offset, len, |from, to, holds| match holds {
                    Cells::Old => {}
                    Cells::Zero => cells[from..to].fill(0),
                    Cells::Risen => cells[from..to].fill(0xFF),
                });
            }
            _ => {}
        }
    }
}

/// Salt of the arbitrary content of E6, to keep it apart from which of its bits are weak.
const CONTENT: u32 = 1;

/// Where byte `n` of the operation lies in a part of it, kept within the part.
pub(super) fn cut_at(n: u32, offset: usize, len: usize) -> usize {
    (n as usize).saturating_sub(offset).min(len)
}

fn and(cells: &mut [u8], wanted: &[u8]) {
    for (cell, wanted) in cells.iter_mut().zip(wanted) {
        *cell &= wanted;
    }
}
