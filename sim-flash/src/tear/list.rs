//! Which tears to try for an operation: enumeration by density and level.

use super::bits::{MetadataRow, rows, wanted_zeros};
use super::{Around, Bits, Cells, Mixture, Neighbour, Risen, Rows, Tear};
use crate::level::Level;
use crate::op::Op;

/// How many of the possible tears to list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Density {
    /// About 25 for a program, twice as many for an erase: one or two of every shape.
    Coarse,
    /// A few hundred: everything for a record of up to 64 bytes, byte positions in steps for pages and sectors.
    Field,
    /// Every byte position and every row of a page, every 16th byte of a sector.
    Full,
}

/// The tears of `op` that may occur at `level`, from simple to intricate, always in the same order.
///
/// The list depends on the operation alone. Of the shapes that a cut erase may leave of a single row, those of a few rows
/// are listed; who knows which rows hold metadata takes all of them from [`RowTears`](super::RowTears). Tears that cannot differ from an earlier one, whatever the flash holds (a
/// prefix that ends in bytes to be left at 0xFF), are left out.
pub fn tears(op: &Op, density: Density, level: Level) -> Vec<Tear> {
    let mut list = match op {
        Op::Program { data, .. } => program(op, data, density),
        Op::Erase { len, .. } => {
            let mut list = erase(*len, density);
            list.extend(erase_from_old(op, *len, density));
            list
        }
    };
    list.retain(|tear| tear.level() <= level && tear.applies_to(op));
    list
}

fn program(op: &Op, data: &[u8], density: Density) -> Vec<Tear> {
    let zeros = wanted_zeros(data);
    let mut list = vec![Tear::P0, Tear::P6];
    let cuts = program_cuts(data, density);
    list.extend(cuts.iter().map(|n| Tear::P1(*n)));
    list.extend(cuts.iter().map(|n| Tear::P2(Rows::From(*n))));
    for width in [8u8, 16, 32] {
        let count = rows(op, width);
        if count < 2 {
            continue;
        }
        let chosen: Vec<u32> = match density {
            Density::Coarse if width == 8 => vec![0, count - 1],
            Density::Coarse => vec![],
            Density::Field | Density::Full => (0..count).collect(),
        };
        list.extend(
            chosen
                .iter()
                .map(|row| Tear::P2(Rows::One { width, row: *row })),
        );
        list.extend(
            chosen
                .iter()
                .map(|row| Tear::P2(Rows::AllBut { width, row: *row })),
        );
    }
    if zeros.len() >= 2 {
        let spots = match density {
            Density::Coarse => pick(&zeros, 3),
            Density::Field if data.len() <= RECORD => pick(&zeros, 256),
            Density::Field => pick(&zeros, 16),
            Density::Full if data.len() <= RECORD => zeros.clone(),
            Density::Full => pick(&zeros, 64),
        };
        list.extend(spots.iter().map(|n| Tear::P3(Bits::One(*n))));
        if zeros.len() > 2 {
            list.extend(spots.iter().map(|n| Tear::P3(Bits::AllBut(*n))));
        }
        list.extend((0..seeds(density)).map(|n| Tear::P3(Bits::Seeded(n))));
    }
    if !zeros.is_empty() {
        list.extend(weak_program(&zeros, data.len(), density));
    }
    list
}

/// An adversary who decides weak bits needs few of these: `P4.none` alone already reads as any torn program.
fn weak_program(zeros: &[u32], len: usize, density: Density) -> Vec<Tear> {
    let mut list = vec![Tear::P4(Bits::None), Tear::P5(Bits::All)];
    let (spots, seeds) = match density {
        Density::Coarse => (0, 1),
        Density::Field => (if len <= RECORD { 16 } else { 4 }, 4),
        Density::Full => (if len <= RECORD { u32::MAX } else { 16 }, 8),
    };
    if zeros.len() > 1 {
        for n in pick(zeros, spots) {
            list.extend([Tear::P4(Bits::AllBut(n)), Tear::P5(Bits::One(n))]);
        }
        for n in 0..seeds {
            list.extend([Tear::P4(Bits::Seeded(n)), Tear::P5(Bits::Seeded(n))]);
        }
    }
    for around in [Around::Page, Around::Sector] {
        list.push(Tear::P7(around, Bits::All));
        list.extend((0..seeds).map(|n| Tear::P7(around, Bits::Seeded(n))));
    }
    list
}

/// Tears of an erase that reach into a neighbouring sector (E8).
///
/// They are opt-in and not in [`tears`]: [`Level::L4`](crate::Level::L4) keeps collateral within the sector, and what is
/// known of over-erased cells that disturb others is a patent's background (US 6381175), not a measurement.
pub fn over_erase_tears(op: &Op, density: Density) -> Vec<Tear> {
    let mut list = Vec::new();
    for neighbour in [Neighbour::Before, Neighbour::Behind] {
        list.push(Tear::E8(neighbour, Bits::All));
        list.extend((0..seeds(density) / 4).map(|n| Tear::E8(neighbour, Bits::Seeded(n))));
    }
    list.retain(|tear| tear.applies_to(op));
    list
}

/// Tears as they were measured on a real chip, beside the adversary's: all but the slow cells are done, and the slow cells
/// are the same every time.
///
/// `BrickProof` stopped an STM32F103 by reset (the mild end: its supply stayed up). An erase stopped at once left 4.5 %
/// of the old 0 bits, 15 us later 0.35 %: 12 and 1 in 256. Nothing had been zeroed before, so what is left are old bits.
pub fn measured_tears(op: &Op) -> Vec<Tear> {
    let shape = match op {
        Op::Program { .. } => Tear::P3,
        Op::Erase { .. } => |bits| Tear::E9(Risen::Bits(bits)),
    };
    SLOW.map(|slow| shape(Bits::Quick(slow))).to_vec()
}

/// Slow cells, of 256.
const SLOW: [u8; 2] = [12, 1];

/// Operations up to this size are taken for records, whose every bit matters.
const RECORD: usize = 64;

fn seeds(density: Density) -> u32 {
    match density {
        Density::Coarse => 4,
        Density::Field => 16,
        Density::Full => 32,
    }
}

/// Byte positions at which a program may be cut: behind a byte that clears something and before another one.
fn program_cuts(data: &[u8], density: Density) -> Vec<u32> {
    let last = data.iter().rposition(|byte| *byte != 0xFF).unwrap_or(0);
    #[allow(clippy::cast_possible_truncation)] // a page is at most 4 KiB
    let all: Vec<u32> = (1..=last)
        .filter(|n| data[n - 1] != 0xFF)
        .map(|n| n as u32)
        .collect();
    match density {
        Density::Coarse => pick(&all, 5),
        Density::Field if data.len() > RECORD => pick(&all, 48),
        Density::Field | Density::Full => all,
    }
}

fn erase(len: u32, density: Density) -> Vec<Tear> {
    let mut list = vec![Tear::E0, Tear::E7, Tear::E3];
    let cuts = erase_cuts(len, density);
    list.extend(cuts.iter().map(|n| Tear::E1(*n)));
    list.extend(cuts.iter().map(|n| Tear::E2(*n)));
    let seeds = if density == Density::Coarse {
        10
    } else {
        seeds(density)
    };
    list.extend((0..seeds).map(|n| Tear::E4(Bits::Seeded(n))));
    list.extend([Tear::E5(Bits::All), Tear::E6(Bits::All)]);
    list.extend((0..seeds / 4).map(|n| Tear::E5(Bits::Seeded(n))));
    list.extend((0..seeds / 4).map(|n| Tear::E6(Bits::Seeded(n))));
    list
}

/// What an erase leaves that was cut before it had zeroed all cells, or never zeroes any: old bits beside risen ones.
fn erase_from_old(op: &Op, len: u32, density: Density) -> Vec<Tear> {
    let mut list = Vec::new();
    for n in erase_cuts(len, density) {
        list.extend([Tear::E9(Risen::To(n)), Tear::E9(Risen::From(n))]);
    }
    let widths: &[u8] = if density == Density::Coarse {
        &[32]
    } else {
        &[8, 16, 32]
    };
    for &width in widths {
        let (of_each, mixed) = match density {
            Density::Coarse => (1, 1),
            Density::Field => (8, 2),
            Density::Full => (u32::MAX, 8),
        };
        for row in spread(rows(op, width), of_each) {
            list.push(Tear::E9(Risen::AllBut { width, row }));
            list.push(Tear::E9(Risen::Row { width, row }));
        }
        for row in spread(rows(op, width), mixed) {
            for (is, rest) in [(Cells::Old, Cells::Zero), (Cells::Zero, Cells::Old)] {
                list.push(Tear::E10(Mixture::Row {
                    width,
                    row,
                    is,
                    rest,
                }));
            }
        }
    }
    let spots = match density {
        Density::Coarse => 2,
        Density::Field => 32,
        Density::Full => 256,
    };
    let first = MetadataRow(0);
    for n in spread(u32::from(MetadataRow::WIDTH) * 8, spots) {
        list.push(Tear::E9(Risen::Within(first, Bits::One(n))));
        list.push(Tear::E9(Risen::Within(first, Bits::AllBut(n))));
    }
    let seeds = seeds(density) / 4;
    for n in 0..seeds {
        list.push(Tear::E9(Risen::Bits(Bits::Seeded(n))));
        list.push(Tear::E9(Risen::Within(first, Bits::Seeded(n))));
        list.push(Tear::E10(Mixture::Seeded(n)));
    }
    list.extend(SLOW.map(|slow| Tear::E9(Risen::Bits(Bits::Quick(slow)))));
    for (risen, zeroed) in [(32, 64), (len / 4, len / 2), (len / 2, len / 2 + 32)] {
        list.push(Tear::E10(Mixture::Up { risen, zeroed }));
        list.push(Tear::E10(Mixture::Down { risen, zeroed }));
    }
    list.push(Tear::E11(Risen::Bits(Bits::None)));
    list.push(Tear::E11(Risen::AllBut { width: 32, row: 0 }));
    for n in 0..seeds {
        list.push(Tear::E11(Risen::Bits(Bits::Seeded(n))));
        list.push(Tear::E11(Risen::Within(first, Bits::Seeded(n))));
    }
    list
}

fn erase_cuts(len: u32, density: Density) -> Vec<u32> {
    let mut cuts = match density {
        Density::Coarse => vec![32, len / 4, len / 2, len / 4 * 3, len.saturating_sub(32)],
        Density::Field | Density::Full => {
            let step = if density == Density::Field {
                (len / 64).max(16)
            } else {
                (len / 256).max(16)
            };
            let edge = [1, 4, 8, 16, 24, 28, 32];
            edge.into_iter()
                .chain((step..len).step_by(step as usize))
                .chain(edge.map(|n| len.saturating_sub(n)))
                .collect()
        }
    };
    cuts.retain(|n| 0 < *n && *n < len);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// At most `most` numbers below `count`, evenly spread, first and last among them.
fn spread(count: u32, most: u32) -> Vec<u32> {
    if count <= most {
        return (0..count).collect();
    }
    if most < 2 {
        return (0..most).collect();
    }
    #[allow(clippy::cast_possible_truncation)] // a quotient below `count`
    (0..most)
        .map(|i| (u64::from(i) * u64::from(count - 1) / u64::from(most - 1)) as u32)
        .collect()
}

#[allow(clippy::cast_possible_truncation)] // a page is at most 4 KiB
fn pick(all: &[u32], most: u32) -> Vec<u32> {
    spread(all.len() as u32, most)
        .into_iter()
        .map(|i| all[i as usize])
        .collect()
}
