//! A log that goes from one sector to the other, and on the way back meets what it wrote there before.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::{P2, P3, P15};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// Bytes of a row: its number, the value, CRC-32, number of zeros.
const LEN: usize = 7;
/// Bytes from row to row.
const STEP: u32 = 16;
/// Rows of a sector: few, so that it is soon full.
const ROWS: u32 = 3;

/// The newest row of two sectors counts; the next one goes behind it.
struct Ring {
    /// The sector that comes next is programmed as it is, with the rows of the last round in it.
    unerased: bool,
}

/// Where row `index` of both sectors is.
const fn at(index: u32) -> u32 {
    index / ROWS * SECTOR + index % ROWS * STEP
}

impl Ring {
    /// The number and value of the newest row, and where it is.
    fn newest(flash: &mut Chip<'_>) -> Result<(u8, u8, u32), ChipError> {
        let mut newest = (0, 0, 2 * ROWS - 1);
        for index in 0..2 * ROWS {
            let mut row = [0; LEN];
            flash.read(at(index), &mut row)?;
            if is_sealed(&row) && row[0] > newest.0 {
                newest = (row[0], row[1], index);
            }
        }
        Ok(newest)
    }

    /// Whether nothing was begun in a row.
    fn is_blank(flash: &mut Chip<'_>, index: u32) -> Result<bool, ChipError> {
        let mut row = [0; LEN];
        flash.read(at(index), &mut row)?;
        Ok(row == [0xFF; LEN])
    }
}

impl Store for Ring {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<(), ChipError> {
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        Ok(Self::newest(flash)?.1)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        let (number, _, newest) = Self::newest(flash)?;
        let mut next = (newest + 1) % (2 * ROWS);
        // Behind the newest row a cut may have left something. Ends: at most a sector of rows is passed over.
        while next % ROWS != 0 && !Self::is_blank(flash, next)? {
            next = (next + 1) % (2 * ROWS);
        }
        if next % ROWS == 0 && !self.unerased {
            let sector = at(next);
            flash.erase(sector, sector + SECTOR)?;
        }
        flash.write(at(next), &sealed::<LEN>(&[number + 1, *value]))
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "programs-over-a-record",
    mistake: "A log that comes back to its first sector does not erase it before. The new record is programmed over an old one, and what is there is neither.",
    source: "embedded-storage, MultiwriteNorFlash: a write over written bytes is an AND",
    caught_by: &[P2, P3, P15],
    level: Level::L0,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = chip(2);
        let mut state = profile.erased();
        // Numbers 1 to 5; one row is left before the log comes round.
        for index in 0..2 * ROWS - 1 {
            let [number, ..] = (index + 1).to_le_bytes();
            state.load(at(index), &sealed::<LEN>(&[number, 0xA0 | number]));
        }
        let script = Script::from(0xA5)
            .then(0x33, 0x33)
            .then(0x4D, 0x4D)
            .then(0x5E, 0x5E);
        scripted(Ring { unerased: broken }, script, profile, state)
    },
}];
