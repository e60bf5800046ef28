//! Every shape that a cut erase may leave of one row, on every ground that it may leave of the others.

use super::risen::{Cells, Mixture, Risen};
use super::{Bits, MetadataRow, Tear};
use crate::level::Level;
use crate::op::Op;

/// A cut erase that leaves one row of 32 bytes, or a part of it, apart from all others: the tears of erases that matter to
/// a row of metadata.
///
/// They are numbered, so that nobody need keep a list: [`RowTears::tear`]. Of a sector of 4 KiB they are some 70,000, and
/// those of two rows differ in these rows alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RowTears {
    rows: u32,
    shapes: u32,
}

/// What the rows beside the one apart hold.
const GROUNDS: [Cells; 3] = [Cells::Risen, Cells::Old, Cells::Zero];
const WIDTHS: [u8; 3] = [32, 16, 8];
const PARTS: u32 = RowTears::PARTS;
const CONTENTS: u32 = RowTears::CONTENTS;
const BITS: u32 = MetadataRow::WIDTH as u32 * 8;
const SEEDS: u32 = 4;
/// Slow cells in 256, as they were measured: see [`measured_tears`](super::measured_tears).
const SLOW: [u8; 2] = [12, 1];
const SLOW_CELLS: u32 = 2;
/// Within a row: each bit alone, all but each, drawn subsets, slow cells.
const WITHIN: u32 = 2 * BITS + SEEDS + SLOW_CELLS;
/// All that leave stable cells.
const STABLE: u32 = 3 * PARTS * CONTENTS + WITHIN;
const _: () = assert!(GROUNDS.len() == 3 && SLOW.len() == SLOW_CELLS as usize);
/// Those that leave weak ones: all parts, and drawn subsets.
const WEAK: u32 = PARTS + SEEDS;

impl RowTears {
    /// Parts of a row, by all widths: one of 32 bytes, which comes first, two of 16, four of 8.
    pub const PARTS: u32 = 7;
    /// What a part may hold that its ground does not. The shapes of a ground are each of these in each part; on risen ground,
    /// where old bits come first, those [within](Self::within) the row follow.
    pub const CONTENTS: u32 = 2;

    /// Those of an erase at a level; none of an erase that is not whole rows, or below [`Level::L2`].
    pub fn of(op: &Op, level: Level) -> Option<Self> {
        let Op::Erase { addr, len } = *op else {
            return None;
        };
        let width = u32::from(MetadataRow::WIDTH);
        let whole = addr % width == 0 && len % width == 0 && len > width;
        (whole && level >= Level::L2).then_some(Self {
            rows: len / width,
            shapes: if level >= Level::L3 {
                STABLE + WEAK
            } else {
                STABLE
            },
        })
    }

    /// How many rows the erase has.
    pub const fn rows(self) -> u32 {
        self.rows
    }

    /// How many tears there are of each row.
    pub const fn shapes(self) -> u32 {
        self.shapes
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        u64::from(self.rows) * u64::from(self.shapes)
    }

    /// What the other rows hold after those of these numbers: the shapes on each ground stand together.
    pub fn grounds(self) -> impl Iterator<Item = (Cells, std::ops::Range<u32>)> {
        let each = PARTS * CONTENTS;
        let risen = 0..each + WITHIN;
        let old = risen.end..risen.end + each;
        let zero = old.end..old.end + each;
        GROUNDS.into_iter().zip([risen, old, zero])
    }

    /// The numbers of those that leave weak bits; the other rows have risen.
    pub const fn weak(self) -> std::ops::Range<u32> {
        STABLE..self.shapes
    }

    /// The numbers of those that leave some bits of the row risen and others not; the other rows have risen.
    pub const fn within(self) -> std::ops::Range<u32> {
        PARTS * CONTENTS..PARTS * CONTENTS + WITHIN
    }

    /// A tear, by its row and the number of its shape.
    pub fn tear(self, row: u32, shape: u32) -> Option<Tear> {
        if row >= self.rows || shape >= self.shapes {
            return None;
        }
        if shape >= STABLE {
            return Some(weak(row, shape - STABLE));
        }
        let (ground, numbers) = self
            .grounds()
            .find(|(_, numbers)| numbers.contains(&shape))?;
        let shape = shape - numbers.start;
        if shape >= PARTS * CONTENTS {
            return Some(Tear::E9(Risen::Within(
                MetadataRow(row),
                within(shape - PARTS * CONTENTS),
            )));
        }
        let (width, row) = part(row, shape % PARTS);
        let others = GROUNDS.into_iter().filter(|holds| *holds != ground);
        let is = others.clone().nth((shape / PARTS) as usize)?;
        Some(match (is, ground) {
            (Cells::Old, Cells::Risen) => Tear::E9(Risen::AllBut { width, row }),
            (Cells::Risen, Cells::Old) => Tear::E9(Risen::Row { width, row }),
            (is, rest) => Tear::E10(Mixture::Row {
                width,
                row,
                is,
                rest,
            }),
        })
    }
}

/// The width of a part of a row, and its number among all of that width.
fn part(row: u32, number: u32) -> (u8, u32) {
    match number {
        0 => (WIDTHS[0], row),
        1 | 2 => (WIDTHS[1], row * 2 + number - 1),
        _ => (WIDTHS[2], row * 4 + number - 3),
    }
}

fn within(number: u32) -> Bits {
    let (bits, both, seeded) = (BITS, 2 * BITS, 2 * BITS + SEEDS);
    match number {
        n if n < bits => Bits::One(n),
        n if n < both => Bits::AllBut(n - bits),
        n if n < seeded => Bits::Seeded(n - both),
        n => Bits::Quick(SLOW[(n - seeded) as usize % SLOW.len()]),
    }
}

fn weak(row: u32, number: u32) -> Tear {
    if number < PARTS {
        let (width, row) = part(row, number);
        return Tear::E11(Risen::AllBut { width, row });
    }
    Tear::E11(Risen::Within(
        MetadataRow(row),
        Bits::Seeded(number - PARTS),
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_number_is_a_tear_of_its_own_that_applies() {
        let op = Op::erase(0x3000, 256);
        for level in [Level::L2, Level::L3] {
            let all = RowTears::of(&op, level).unwrap();
            let each = (0..all.rows()).flat_map(|row| (0..all.shapes()).map(move |n| (row, n)));
            let tears: Vec<_> = each.map(|(row, n)| all.tear(row, n).unwrap()).collect();
            assert_eq!(tears.len() as u64, all.count());
            assert!(
                tears
                    .iter()
                    .all(|tear| tear.applies_to(&op) && tear.level() <= level)
            );
            assert_eq!(tears.iter().collect::<HashSet<_>>().len(), tears.len());
        }
        assert_eq!(RowTears::of(&op, Level::L1), None);
        assert_eq!(RowTears::of(&Op::program(0, &[0; 64]), Level::L3), None);
    }

    /// Who tries a row by its ground alone relies on this.
    #[test]
    fn a_tear_of_a_row_leaves_all_others_as_its_ground() {
        let op = Op::erase(0x3000, 256);
        let old: Vec<u8> = (0..=255).collect();
        let all = RowTears::of(&op, Level::L3).unwrap();
        let grounds = all.grounds().chain([(Cells::Risen, all.weak())]);
        for (ground, numbers) in grounds {
            for shape in numbers {
                let tear = all.tear(2, shape).unwrap();
                let (mut cells, mut weak) = (old.clone(), vec![0; 256]);
                tear.torn_cells(&op, 0, &mut cells, &mut weak, true);
                for at in (0..256).filter(|at| !(64..96).contains(at)) {
                    let holds = match ground {
                        Cells::Old => old[at],
                        Cells::Zero => 0,
                        Cells::Risen => 0xFF,
                    };
                    assert_eq!((cells[at], weak[at]), (holds, 0), "{tear}, byte {at}");
                }
            }
        }
    }
}
