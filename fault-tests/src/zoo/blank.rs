//! An image in one of two sectors, and a log that says in which: what an erase may be spared for.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::{P1, P2, P3, P5, P15};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::rows::Log;
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

const LOG: Log = Log::sound();
/// Bytes of an image.
const LEN: usize = 8;

struct Images {
    /// A sector that reads erased is not erased again.
    spares_erase: bool,
}

/// Odd images go to one sector, even ones to the other.
const fn home_of(image: u8) -> u32 {
    (1 + image as u32 % 2) * SECTOR
}

const fn body(image: u8) -> [u8; 3] {
    [0xE9, image, 0xF0]
}

impl Images {
    fn reads_erased(flash: &mut Chip<'_>, at: u32) -> Result<bool, ChipError> {
        let mut bytes = [0; SECTOR as usize];
        flash.read(at, &mut bytes)?;
        Ok(bytes.iter().all(|byte| *byte == 0xFF))
    }
}

impl Store for Images {
    type Mounted = ();
    /// The image that runs.
    type Value = u8;
    type Operation = u8;
    /// `None`: the image that should run does not verify.
    type Error = Option<ChipError>;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), Self::Error> {
        Ok(LOG.mount(flash)?)
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, Self::Error> {
        let image = LOG.value(&mut (), flash)?;
        let mut bytes = [0; LEN];
        flash.read(home_of(image), &mut bytes)?;
        if is_sealed(&bytes) && bytes[..3] == body(image) {
            Ok(image)
        } else {
            Err(None)
        }
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, image: &u8) -> Result<(), Self::Error> {
        let at = home_of(*image);
        if !self.spares_erase || !Self::reads_erased(flash, at)? {
            flash.erase(at, at + SECTOR)?;
        }
        flash.write(at, &sealed::<LEN>(&body(*image)))?;
        Ok(LOG.apply(&mut (), flash, image)?)
    }

    fn place(&self, addr: u32) -> String {
        let names = ["log", "even image", "odd image"];
        let index = (addr / SECTOR) as usize;
        names.get(index).copied().unwrap_or("outside").to_owned()
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "blank-check-trusted",
    mistake: "A sector that reads erased is not erased again. After a cut erase it may read so, and what is programmed there reads otherwise later.",
    source: "JFFS2 clean markers; Infineon KBA218817",
    caught_by: &[P1, P2, P3, P5, P15],
    level: Level::L3,
    twin: Level::L3,
    build: |broken| -> Box<dyn Habitat> {
        let profile = chip(3);
        let mut state = profile.erased();
        Log::load(&mut state, 1);
        for image in [1, 2] {
            state.load(home_of(image), &sealed::<LEN>(&body(image)));
        }
        let script = Script::from(1).then(4, 4).or_after_a_cut(6, 6);
        let images = Images {
            spares_erase: broken,
        };
        scripted(images, script, profile, state)
    },
}];
