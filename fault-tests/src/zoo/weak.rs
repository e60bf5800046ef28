//! A copy of the value beside a sound log, believed by a check of its own: one mistake for each way in which a cut erase
//! leaves a few weak bits among solid ones.
//!
//! The copy is the value and the value rotated by one bit. Two weak bits, one in each, can read as another value. Which
//! bits a cut leaves weak is drawn, by the place: so each copy lies where some draw leaves such a pair. An adversary need
//! not look longer than this does.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Bits, Level, Op, Tear};

use super::Specimen;
use super::evidence::{P2, P3, P5, P15};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::rows::Log;
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// Sectors of the chip; the log is in the first.
const SECTORS: u32 = 16;
/// The value before.
const OLD: u8 = 0x0F;
/// The value that is set: few bits of it are 1.
const NEW: u8 = 0x12;
/// Bytes of a copy: the value, the value rotated, and how many 0 bits the two have.
const LEN: usize = 3;
/// Bytes from the copy of one group of the log to that of the next.
const STEP: u32 = 256;
/// Draws that are tried of each kind of tear.
const DRAWS: u32 = 4;

/// When a copy is programmed without another erase.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spares {
    /// Its place reads blank: an erase of it may have been cut.
    WhatReadsBlank,
    /// Only bits of it need be cleared: what is programmed was thought to be solid.
    WhatCanBeCleared,
}

/// A sound log, and a copy of its last decision for each group.
struct Copied {
    log: Log,
    spares: Spares,
    /// Where the copy of group 0 is.
    at: u32,
    /// The copy counts by its own check, whatever the log says.
    believes: bool,
}

fn copy(value: u8) -> [u8; LEN] {
    let rotated = value.rotate_left(1);
    let zeros = value.count_zeros() + rotated.count_zeros();
    [value, rotated, u8::try_from(zeros).unwrap_or(u8::MAX)]
}

impl Copied {
    fn at(&self, group: u8) -> u32 {
        self.at + u32::from(group) * STEP
    }

    fn read(&self, flash: &mut Chip<'_>, group: u8) -> Result<[u8; LEN], ChipError> {
        let mut read = [0; LEN];
        flash.read(self.at(group), &mut read)?;
        Ok(read)
    }

    /// The value of a copy that its check finds whole.
    fn parse([value, rotated, zeros]: [u8; LEN]) -> Option<u8> {
        let alike = value.rotate_left(1) == rotated && ![0, 0xFF].contains(&value);
        // A program that was cut has cleared too few bits, never too many.
        let enough = value.count_zeros() + rotated.count_zeros() >= u32::from(zeros);
        (alike && enough).then_some(value)
    }

    /// Makes the copy of a group that of its decision.
    fn copy(&self, flash: &mut Chip<'_>, value: u8, group: u8) -> Result<(), ChipError> {
        let (found, wanted) = (self.read(flash, group)?, copy(value));
        if found == wanted {
            return Ok(());
        }
        let blank = found == [0xFF; LEN];
        let fits = { found.iter().zip(&wanted) }.all(|(found, wanted)| found & wanted == *wanted);
        let spared = match self.spares {
            Spares::WhatReadsBlank => blank,
            Spares::WhatCanBeCleared => fits && !blank,
        };
        if !spared {
            self.erase(flash)?;
        }
        flash.write(self.at(group), &wanted)
    }

    fn erase(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        let sector = self.at / SECTOR * SECTOR;
        flash.erase(sector, sector + SECTOR)
    }
}

impl Store for Copied {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        self.log.mount(flash)?;
        let (value, group) = self.log.last(flash)?;
        self.copy(flash, value, group)
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        let (value, group) = self.log.last(flash)?;
        let read = self.read(flash, group)?;
        let copied = Self::parse(read).filter(|_| self.believes);
        Ok(copied.unwrap_or(value))
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        self.log.apply(&mut (), flash, value)?;
        let (value, group) = self.log.last(flash)?;
        self.erase(flash)?;
        self.copy(flash, value, group)
    }
}

/// What a tear leaves of the copy's place, which was blank: cells, and which of them are weak.
fn left(op: &Op, tear: Tear, at: u32) -> ([u8; LEN], [u8; LEN]) {
    let (mut cells, mut weak) = ([0xFF; LEN], [0; LEN]);
    tear.torn_cells(op, at - op.addr(), &mut cells, &mut weak, true);
    (cells, weak)
}

/// Whether these bits are one of the value, and the same one of the value rotated.
fn is_pair([value, rotated, zeros]: [u8; LEN]) -> bool {
    value.is_power_of_two() && value.rotate_left(1) == rotated && zeros == 0
}

/// Whether a copy whose weak bits are these may read as another one that is whole.
fn misleads(weak: [u8; LEN]) -> bool {
    let wanted = copy(NEW);
    let reads = |pattern: u8| -> [u8; LEN] {
        std::array::from_fn(|n| wanted[n] & !weak[n] | weak[n] & pattern)
    };
    let whole = |[value, rotated, _]: [u8; LEN]| {
        value != NEW && value.rotate_left(1) == rotated && ![0, 0xFF].contains(&value)
    };
    is_pair(weak)
        || [0, 0xFF, 0x55, 0xAA]
            .into_iter()
            .any(|pattern| whole(reads(pattern)))
}

/// The bits of the copy that stay weak when it is programmed at `at`, where this tear hits the erase
/// before; `None` if the place is erased once more before.
fn stays_weak(spares: Spares, tear: Tear, at: u32) -> Option<[u8; LEN]> {
    let wanted = copy(NEW);
    let (cells, weak) = left(&Op::erase(at / SECTOR * SECTOR, SECTOR), tear, at);
    let may: [u8; LEN] = std::array::from_fn(|n| cells[n] | weak[n]);
    let fits = may
        .iter()
        .zip(&wanted)
        .all(|(may, wanted)| may & wanted == *wanted);
    let blank = may == [0xFF; LEN];
    let as_it_is = fits && blank == (spares == Spares::WhatReadsBlank);
    // What is 0 in the copy is programmed, and solid then.
    as_it_is.then(|| std::array::from_fn(|n| weak[n] & wanted[n]))
}

/// The first place of a copy where a draw of `shows` leaves a pair weak, and no draw of `other` misleads.
fn place(spares: Spares, shows: fn(Bits) -> Tear, other: fn(Bits) -> Tear) -> u32 {
    let weak = |tear: fn(Bits) -> Tear, at: u32| {
        let draws = (0..DRAWS).map(move |draw| tear(Bits::Seeded(draw)));
        draws.filter_map(move |tear| stays_weak(spares, tear, at))
    };
    let found = |at: &u32| weak(shows, *at).any(is_pair) && !weak(other, *at).any(misleads);
    let sectors = (1..SECTORS).map(|sector| sector * SECTOR);
    // The copy of the first group that is written lies within a page.
    let places = sectors.flat_map(|sector| sector + STEP..sector + 2 * STEP - 8);
    { places }.find(found).map_or(SECTOR, |at| at - STEP)
}

fn copied(spares: Spares, at: u32, broken: bool) -> Box<dyn Habitat> {
    let copied = Copied {
        log: Log::sound(),
        spares,
        at,
        believes: broken,
    };
    let profile = chip(SECTORS);
    let mut state = profile.erased();
    Log::load(&mut state, OLD);
    state.load(at, &copy(OLD));
    let script = Script::from(OLD).then(NEW, NEW);
    scripted(copied, script, profile, state)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "blank-is-solid",
        mistake: "A place that reads blank is programmed without another erase. Its check knows that a cut program clears too few bits, and not that a cut erase leaves bits weak that should stay 1 (E5).",
        source: "Malik, linux-mtd 2001-06: two full reads gave 0xFF, the third did not",
        caught_by: &[P2, P3, P5, P15],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| {
            let spares = Spares::WhatReadsBlank;
            copied(spares, place(spares, Tear::E5, Tear::E6), broken)
        },
    },
    Specimen {
        name: "programmed-is-solid",
        mistake: "A blank place is not trusted and erased again, but one that is not blank is programmed if only bits of it need be cleared: it is taken for something that was programmed. A cut erase leaves anything, weak bits among solid ones (E6).",
        source: "Infineon KBA218817: any stable or unstable content is possible",
        caught_by: &[P2, P3, P5, P15],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| {
            let spares = Spares::WhatCanBeCleared;
            copied(spares, place(spares, Tear::E6, Tear::E5), broken)
        },
    },
];
