//! A log on a flash that refuses what it cannot do: a program that would have to set bits.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::P15;
use super::habitat::{Habitat, chip, scripted};
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

const LEN: usize = 9;
const ROWS: u8 = 32;

/// Values in rows, each with its number; a row whose number was not written counts as free.
struct Rows {
    /// What the driver returns is not looked at.
    deaf: bool,
}

const fn at(row: u8) -> u32 {
    row as u32 * 16
}

impl Rows {
    /// The number and value of the newest row, and the first free one.
    fn scan(flash: &mut Chip<'_>) -> Result<((u8, u8), u8), ChipError> {
        let (mut newest, mut free) = ((0, 0), None);
        for row in 0..ROWS {
            let mut bytes = [0; LEN];
            flash.read(at(row), &mut bytes)?;
            if bytes[0] == 0xFF {
                free = free.or(Some(row));
            } else if is_sealed(&bytes) && bytes[0] > newest.0 {
                newest = (bytes[0], bytes[1]);
            }
        }
        Ok((newest, free.unwrap_or(ROWS)))
    }
}

impl Store for Rows {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<(), ChipError> {
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        Ok(Self::scan(flash)?.0.1)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        let ((number, _), free) = Self::scan(flash)?;
        let row = sealed::<LEN>(&[number + 1, *value, 0, 0]);
        let mut last = Ok(());
        // At most so many rounds as there are rows.
        for place in free..ROWS {
            last = flash.write(at(place), &row);
            match last {
                // A cut has left something in a row that looked free.
                Err(ChipError::Refused(_)) if !self.deaf => {}
                Err(ChipError::Refused(_)) => return Ok(()),
                _ => return last,
            }
        }
        last
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "error-ignored",
    mistake: "The flash refuses a program over what a cut has left, and nobody looks at what the driver returned: the value is acknowledged and not there.",
    source: "https://github.com/mcu-tools/mcuboot/issues/7 (status write failures are ignored); https://github.com/zephyrproject-rtos/zephyr/pull/74135",
    caught_by: &[P15],
    level: Level::L2,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        // As drivers do that look at the cells before they program.
        let profile = chip(1).with_overprogram_refused(true);
        let state = profile.erased();
        let script = Script::from(0).then(0xA5, 0xA5);
        let script = script.or_after_a_cut(0x5A, 0x5A).then(0x3C, 0x3C);
        scripted(Rows { deaf: broken }, script, profile, state)
    },
}];
