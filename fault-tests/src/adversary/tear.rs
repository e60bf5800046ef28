//! What a cut leaves of the operation that it hits.
//!
//! An erase may have pre-programmed its sector or not, in any order, and raised any bits of what was there; a program
//! has moved any of its bits, or left them half way. Shapes are drawn by the row, as rows are what records are made of,
//! and by the byte.

use super::cells::{Byte, Cells, SECTOR};
use super::dice::Dice;

/// What becomes of the bytes of one row or of one byte in a cut erase.
#[derive(Clone, Copy)]
enum Left {
    Old,
    Blank,
    Zero,
    /// Each bit reads as it was or as 1.
    WeakOld,
    /// Reads as blank, or as zeroed on the way there.
    WeakBlank,
    Noise,
    /// Some 0 bits of what was there are 1.
    Risen,
    /// A single one is.
    OneRisen,
    /// All but one are.
    AllButOneRisen,
    /// Some are, and the others are weak.
    RisenWeak,
}

impl Left {
    const ALL: [Self; 10] = [
        Self::Old,
        Self::Blank,
        Self::Zero,
        Self::WeakOld,
        Self::WeakBlank,
        Self::Noise,
        Self::Risen,
        Self::OneRisen,
        Self::AllButOneRisen,
        Self::RisenWeak,
    ];

    /// The shapes that keep something of what was there.
    const OF_OLD: [Self; 7] = [
        Self::Old,
        Self::WeakOld,
        Self::Risen,
        Self::OneRisen,
        Self::OneRisen,
        Self::AllButOneRisen,
        Self::RisenWeak,
    ];

    /// What an erase that was nearly through leaves, most of all.
    const SWEPT: [Self; 6] = [
        Self::Blank,
        Self::Blank,
        Self::Blank,
        Self::Zero,
        Self::WeakBlank,
        Self::Old,
    ];

    fn leaves(self, at: u32, len: u32, cells: &mut Cells, dice: &mut Dice) {
        let zeros = |byte: Byte| (!byte.value | byte.weak).count_ones();
        let all: u32 = (at..at + len).map(|at| zeros(cells.byte(at))).sum();
        let mut lone = match self {
            Self::OneRisen | Self::AllButOneRisen if all > 0 => Some(dice.below(all)),
            _ => None,
        };
        for at in at..at + len {
            let byte = cells.byte(at);
            // Of a bit that was weak already, either.
            let old = byte.read(if byte.weak == 0 { 0 } else { dice.byte() });
            let mut single = 0;
            for bit in (0..8)
                .map(|n| 1u8 << n)
                .filter(|bit| (!byte.value | byte.weak) & bit != 0)
            {
                match &mut lone {
                    Some(0) => {
                        single = bit;
                        lone = None;
                    }
                    Some(left) => *left -= 1,
                    None => {}
                }
            }
            let left = match self {
                Self::Old => Byte {
                    value: old,
                    weak: 0,
                    ..byte
                },
                Self::Blank => Byte::solid(0xFF),
                Self::Zero => Byte::solid(0),
                Self::WeakOld => Byte::half_erased(old, !old),
                Self::WeakBlank => Byte::half_erased(old, dice.byte() & dice.byte()),
                Self::Noise => Byte::solid(dice.byte()),
                Self::Risen => Byte::solid(old | dice.byte()),
                Self::OneRisen => Byte::solid(old | single),
                Self::AllButOneRisen => Byte::solid(!single),
                Self::RisenWeak => {
                    let risen = old | dice.byte() & dice.byte();
                    Byte::half_erased(risen, !risen)
                }
            };
            cells.set(at, left);
        }
    }
}

/// An erase of the sector at `at` is cut.
pub(super) fn erase(at: u32, cells: &mut Cells, dice: &mut Dice) {
    let unit = dice.one_of(&[32, 32, 32, 16, 8, 1]);
    let units = SECTOR / unit;
    let focus = |dice: &mut Dice| {
        // The entry; the birth and the first groups; the whole sector.
        let within = match dice.below(10) {
            0..3 => 32,
            3..8 => 20 * 32,
            _ => SECTOR,
        };
        dice.below(within / unit)
    };
    let all = |left: Left, cells: &mut Cells, dice: &mut Dice| left.leaves(at, SECTOR, cells, dice);
    match dice.below(10) {
        // One row, or a few, keep what was there; the rest is something else.
        0..=2 => {
            let rest = dice.one_of(&Left::SWEPT);
            let kept: Vec<_> = (0..dice.one_of(&[1, 1, 2, 5]))
                .map(|_| focus(dice))
                .collect();
            let left = dice.one_of(&Left::OF_OLD);
            for n in (0..units).filter(|n| !kept.contains(n)) {
                rest.leaves(at + n * unit, unit, cells, dice);
            }
            for n in kept {
                left.leaves(at + n * unit, unit, cells, dice);
            }
        }
        // All but one row keep what was there.
        3 => {
            let lost = focus(dice);
            let left = dice.one_of(&Left::ALL);
            left.leaves(at + lost * unit, unit, cells, dice);
        }
        // Up to somewhere one thing, from there on another.
        4 | 5 => {
            let edge = focus(dice);
            let (before, behind) = (dice.one_of(&Left::ALL), dice.one_of(&Left::ALL));
            for n in 0..units {
                let left = if n < edge { before } else { behind };
                left.leaves(at + n * unit, unit, cells, dice);
            }
        }
        // Everything in one way.
        6 => all(dice.one_of(&Left::ALL), cells, dice),
        // Each row in one of three ways.
        7 | 8 => {
            let ways = [0; 3].map(|_| dice.one_of(&Left::ALL));
            for n in 0..units {
                dice.one_of(&ways).leaves(at + n * unit, unit, cells, dice);
            }
        }
        _ => {
            if dice.percent(50) {
                // Complete, and not acknowledged.
                cells.erase(at);
            }
        }
    }
}

/// A program of `data` at `at` is cut.
pub(super) fn program(at: u32, data: &[u8], cells: &mut Cells, dice: &mut Dice) {
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let shape = dice.below(9);
    let edge = dice.below(len + 1);
    let rows = dice.number();
    let lone = dice.below(len * 8);
    for (n, wanted) in (0..len).zip(data) {
        let byte = cells.byte(at + n);
        let (done, weak) = match shape {
            // Nothing, or everything.
            0 => (if rows & 1 == 0 { 0 } else { 0xFF }, 0),
            // A prefix, a suffix; the byte at the edge in part.
            1 | 2 => {
                let through = (n < edge) == (shape == 1);
                let part = if n == edge { dice.byte() } else { 0 };
                (if through { 0xFF } else { part }, 0)
            }
            // Rows of 8 bytes.
            3 => (
                if rows >> (n / 8 % 32) & 1 == 0 {
                    0
                } else {
                    0xFF
                },
                0,
            ),
            // Any bits; most; few.
            4 => (dice.byte(), 0),
            5 => {
                let bit = if lone / 8 == n { 1 << (lone % 8) } else { 0 };
                (if rows & 1 == 0 { bit } else { !bit }, 0)
            }
            // Some bits, and the others half way.
            6 => (dice.byte(), 0xFF),
            // All half way: as wanted, or not.
            7 => (0, 0xFF),
            _ => (dice.byte() | dice.byte(), dice.byte()),
        };
        cells.set(at + n, byte.half_programmed(*wanted, done, weak));
    }
}
