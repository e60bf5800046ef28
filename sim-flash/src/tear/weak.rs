//! Which bits a torn operation leaves weak, in the operation and around it.

use std::ops::Range;

use super::effect::cut_at;
use super::{Around, Bits, Cells, Neighbour, Tear};
use crate::op::Op;

const CHUNK: usize = 64;

impl Tear {
    /// What a part of the operation is afterwards, weak bits and all: `cells` holds what bits are or lean to, `weak` which
    /// of them are weak; both start at `offset_in_op` and change in place.
    ///
    /// `heals`: whether programming a weak bit to 0 to completion makes it solid.
    pub fn torn_cells(
        &self,
        op: &Op,
        offset_in_op: u32,
        cells: &mut [u8],
        weak: &mut [u8],
        heals: bool,
    ) {
        if !self.applies_to(op) || offset_in_op >= op.len() {
            return;
        }
        let inside = (op.len() - offset_in_op) as usize;
        let inside = inside.min(cells.len()).min(weak.len());
        let (cells, weak) = (&mut cells[..inside], &mut weak[..inside]);
        for (part, (cells, weak)) in cells
            .chunks_mut(CHUNK)
            .zip(weak.chunks_mut(CHUNK))
            .enumerate()
        {
            let offset = offset_in_op as usize + part * CHUNK;
            match op {
                Op::Program { data, .. } => {
                    self.tear_program_part(op, data, offset, cells, weak, heals);
                }
                Op::Erase { .. } => self.tear_erase_part(op, offset, cells, weak, heals),
            }
        }
    }

    fn tear_program_part(
        &self,
        op: &Op,
        data: &[u8],
        offset: usize,
        cells: &mut [u8],
        weak: &mut [u8],
        heals: bool,
    ) {
        let len = cells.len();
        let here = &data[offset..offset + len];
        // Which bits are finished, and which are left weak if they had to move.
        let (mut done, mut left) = ([0; CHUNK], [0; CHUNK]);
        match *self {
            Tear::P4(bits) => {
                bits.of_zeros(op, data, offset, &mut done[..len]);
                for i in 0..len {
                    left[i] = !here[i] & !done[i];
                }
            }
            Tear::P5(bits) => {
                bits.of_zeros(op, data, offset, &mut left[..len]);
                Bits::All.of_zeros(op, data, offset, &mut done[..len]);
            }
            Tear::P7(..) => {
                Bits::All.of_zeros(op, data, offset, &mut done[..len]);
                left = done;
            }
            _ => {
                // What a stable tear clears in erased cells is what it finishes.
                let mut bytes = [0xFF; CHUNK];
                #[allow(clippy::cast_possible_truncation)] // within one operation
                self.tear_cells(op, offset as u32, &mut bytes[..len]);
                for i in 0..len {
                    done[i] = !bytes[i];
                }
            }
        }
        for i in 0..len {
            let could_move = cells[i] | weak[i];
            if heals {
                weak[i] &= !done[i];
            }
            weak[i] |= left[i] & could_move;
            cells[i] &= !done[i];
        }
    }

    fn tear_erase_part(
        &self,
        op: &Op,
        offset: usize,
        cells: &mut [u8],
        weak: &mut [u8],
        heals: bool,
    ) {
        let len = cells.len();
        #[allow(clippy::cast_possible_truncation)] // within one operation
        self.tear_cells(op, offset as u32, cells);
        let touched = match *self {
            Tear::E0 => 0..0,
            Tear::E1(n) => 0..cut_at(n, offset, len),
            Tear::E2(n) => cut_at(n, offset, len)..len,
            Tear::E5(bits) | Tear::E6(bits) => {
                bits.of_all(op, 0, offset, weak);
                0..0
            }
            Tear::E7 | Tear::E8(..) => {
                weak.fill(0);
                0..0
            }
            Tear::E9(risen) | Tear::E11(risen) => {
                let under_way = matches!(self, Tear::E11(_));
                let mut mask = [0; CHUNK];
                risen.mask(op, offset, &mut mask[..len]);
                for i in 0..len {
                    // Outside the mask the cells are as they were, zeros among them.
                    let left = weak[i] | if under_way { !cells[i] } else { 0 };
                    weak[i] = left & !mask[i];
                }
                0..0
            }
            Tear::E10(mixture) => {
                mixture.pieces(op, offset, len, |from, to, holds| match holds {
                    Cells::Old => {}
                    Cells::Zero if !heals => {}
                    Cells::Zero | Cells::Risen => weak[from..to].fill(0),
                });
                0..0
            }
            _ => 0..len,
        };
        for i in touched {
            // A bit at 0 got there by a program pulse: that heals a weak bit or does not.
            weak[i] &= if heals { 0 } else { !cells[i] };
        }
    }

    /// Whether it is a tear that makes granules unreadable on chips whose cut erases do so.
    pub(crate) fn breaks_checks(&self) -> bool {
        matches!(self, Tear::E6(_))
    }

    /// Whether granule `number` of the erase is one of them: all of them or some that are drawn, as the bits are.
    pub(crate) fn breaks_check(&self, op: &Op, number: u32) -> bool {
        let mut byte = [0];
        if let Tear::E6(bits) = self {
            bits.of_all(op, CHECKS, number as usize / 8, &mut byte);
        }
        byte[0] & 1 << (number % 8) != 0
    }

    /// The area beyond the operation in which it leaves weak bits, kept within `size`. The bits of the operation itself
    /// may lie within it and are not concerned.
    pub fn collateral(&self, op: &Op, page: u32, sector: u32, size: u32) -> Option<Range<u32>> {
        let around = |unit: u32| {
            let from = op.addr().checked_div(unit)? * unit;
            Some(from..from.saturating_add(unit).min(size))
        };
        match self {
            Tear::P7(Around::Page, _) => around(page),
            Tear::P7(Around::Sector, _) => around(sector),
            Tear::E8(Neighbour::Before, _) => Some(op.addr().checked_sub(sector)?..op.addr()),
            Tear::E8(Neighbour::Behind, _) => {
                let from = op.addr().checked_add(op.len())?;
                (from < size).then(|| from..from.saturating_add(sector).min(size))
            }
            _ => None,
        }
    }

    /// The bits that become weak in a part of the collateral area that starts `offset` bytes into it.
    pub fn collateral_bits(&self, op: &Op, offset: u32, out: &mut [u8]) {
        match self {
            Tear::P7(_, bits) | Tear::E8(_, bits) => {
                bits.of_all(op, SURROUNDINGS, offset as usize, out);
            }
            _ => out.fill(0),
        }
    }
}

/// Salt of the bits around an operation.
const SURROUNDINGS: u32 = 2;
/// Salt of the granules that become unreadable.
const CHECKS: u32 = 3;
