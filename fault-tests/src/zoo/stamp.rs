//! A boot that leaves a record of itself: who wears out what, and when nobody is asked to do anything.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::P10;
use super::habitat::{Habitat, SECTOR, chip, home};
use super::seal::{is_sealed, sealed};
use crate::chip::{Chip, ChipError};
use crate::subject::{Dead, Journal, Rest, Subject};

const LEN: usize = 8;
const RECORD: u32 = 0;

/// Makes sure at each boot that there is a record of this firmware's version.
struct Stamp {
    /// Writes it without a look whether it is there.
    always: bool,
}

impl Stamp {
    fn boot(&self, chip: &mut Chip<'_>) -> Result<(), ChipError> {
        let mut bytes = [0; LEN];
        chip.read(RECORD, &mut bytes)?;
        if self.always || !is_sealed(&bytes) {
            chip.erase(RECORD, RECORD + SECTOR)?;
            chip.write(RECORD, &sealed::<LEN>(&[0xC3, 1, 0]))?;
        }
        Ok(())
    }
}

impl Subject for Stamp {
    type World = ();

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<()>) -> Result<Rest, Dead> {
        self.boot(chip).map_err(|_| Dead)?;
        journal.boot("the record is there");
        Ok(Rest::Idle)
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "stamp-at-each-boot",
    mistake: "What is to be on flash is written at each boot, whether or not it is there: a sector is worn out by nothing but boots.",
    source: "U-Boot, drivers/bootcount/Kconfig, BOOTCOUNT_ENV: upgrade_available keeps it from saving the environment at each reboot",
    caught_by: &[P10],
    level: Level::L0,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = chip(1);
        let mut state = profile.erased();
        state.load(RECORD, &sealed::<LEN>(&[0xC3, 1, 0]));
        home(Stamp { always: broken }, profile, state, ())
    },
}];
