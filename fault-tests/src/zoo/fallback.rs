//! Guards the pruning: the harm was written two power-ons before it shows, and no power-on in between looked at it.
//!
//! An explorer that merges states whose next power-on does the same would lose this one: right after the first cut all
//! torn spares look alike, because the record is whole and the spare is not read.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::P1;
use super::habitat::{Habitat, SECTOR, chip, home};
use super::seal::{is_sealed, sealed};
use crate::chip::{Chip, ChipError};
use crate::property::Property;
use crate::subject::{Dead, Journal, Place, Rest, Subject};

const LEN: usize = 8;
const RECORD: u32 = 0;
const SPARE: u32 = SECTOR;

/// Refreshes the spare, then the record. The spare is looked at only when the record is damaged.
struct Spare {
    /// The record is rewritten without a look at the spare that it relies on.
    blindly: bool,
}

fn whole(chip: &mut Chip<'_>, at: u32) -> Result<bool, ChipError> {
    let mut bytes = [0; LEN];
    chip.read(at, &mut bytes)?;
    Ok(is_sealed(&bytes))
}

fn rewrite(chip: &mut Chip<'_>, at: u32, value: u8) -> Result<(), ChipError> {
    chip.erase(at, at + SECTOR)?;
    chip.write(at, &sealed::<LEN>(&[0xC3, value, 0]))
}

impl Spare {
    fn run(&self, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<Rest, ChipError> {
        if whole(chip, RECORD)? {
            journal.boot("from the record");
        } else if whole(chip, SPARE)? {
            journal.boot("from the spare");
        } else {
            journal.violated(Property::NoBrick, "a record or a spare", "neither is whole");
            return Ok(Rest::Stuck);
        }
        // What is asked for is asked for once.
        match *journal.world() {
            0 => {
                journal.call("refresh", "the spare");
                journal.change(|asked| *asked = 1);
                rewrite(chip, SPARE, 2)?;
            }
            1 => {
                journal.call("refresh", "the record");
                if !self.blindly && !whole(chip, SPARE)? {
                    rewrite(chip, SPARE, 2)?;
                }
                journal.change(|asked| *asked = 2);
                rewrite(chip, RECORD, 2)?;
            }
            _ => return Ok(Rest::Idle),
        }
        Ok(Rest::Reset)
    }
}

impl Subject for Spare {
    /// What has been asked for: nothing, to refresh the spare, to refresh the record.
    type World = u8;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<Rest, Dead> {
        self.run(chip, journal).map_err(|_| Dead)
    }

    fn place(&self, addr: u32) -> Place {
        let name = if addr < SPARE { "record" } else { "spare" };
        Place {
            name: name.into(),
            kind: "flash",
        }
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "blind-fallback",
    mistake: "The record is erased without a look at the spare, which an earlier cut may have torn.",
    source: "a soundness guard: content written two power-ons earlier, unread in between",
    caught_by: &[P1],
    level: Level::L0,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = chip(2);
        let mut state = profile.erased();
        for at in [RECORD, SPARE] {
            state.load(at, &sealed::<LEN>(&[0xC3, 1, 0]));
        }
        home(Spare { blindly: broken }, profile, state, 0)
    },
}];
