//! Progress marks in words that may be programmed twice between erases, and no more.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Level, Profile};

use super::Specimen;
use super::evidence::P11;
use super::habitat::{Habitat, SECTOR, scripted};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

const WORDS: u32 = 32;

struct Steps {
    /// All steps share the first word, each clears one byte of it.
    shared: bool,
}

impl Steps {
    /// The mark of a step: 24 bits that a torn mark does not have.
    const fn mark(step: u8) -> [u8; 4] {
        [step, !step, 0, 0]
    }

    /// The last step marked, and the first word that is blank.
    fn scan(flash: &mut Chip<'_>) -> Result<(u8, u32), ChipError> {
        let (mut last, mut blank) = (0, 0);
        for index in 0..WORDS {
            let mut word = [0; 4];
            flash.read(index * 4, &mut word)?;
            if word == [0xFF; 4] {
                break;
            }
            if word == Self::mark(word[0]) {
                last = word[0];
            }
            blank = index + 1;
        }
        Ok((last, blank))
    }
}

impl Store for Steps {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<(), ChipError> {
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        if !self.shared {
            return Ok(Self::scan(flash)?.0);
        }
        let mut word = [0; 4];
        flash.read(0, &mut word)?;
        let done = word.iter().take_while(|byte| **byte == 0).count();
        Ok(done.try_into().unwrap_or(u8::MAX))
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, step: &u8) -> Result<(), ChipError> {
        if !self.shared {
            let (_, blank) = Self::scan(flash)?;
            return flash.write(blank * 4, &Self::mark(*step));
        }
        let mut word = [0xFF; 4];
        word[..usize::from(*step)].fill(0);
        flash.write(0, &word)
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "third-write",
    mistake: "Two steps are marked in one word, which may be programmed twice. A cut in a mark makes its repetition the third program, for which the chip is not specified.",
    source: "nRF52 product specification, nWRITE = 2; https://github.com/mcu-tools/mcuboot/pull/2793 (a torn trailer written again)",
    caught_by: &[P11],
    level: Level::L1,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = Profile::builder("two-programs-per-word")
            .size(2 * SECTOR)
            .program_limit(4, 2, false)
            .build()
            .unwrap_or_else(|_| Profile::w25q64jv());
        let state = profile.erased();
        let script = Script::from(0).then(1, 1).then(2, 2);
        scripted(Steps { shared: broken }, script, profile, state)
    },
}];
