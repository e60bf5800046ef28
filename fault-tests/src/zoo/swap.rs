//! Two slots of two sectors whose contents change places, one sector at a time, through a scratch sector.
//!
//! A request says that a swap is wanted, and how many sectors it takes. After each copy a mark is programmed. Mounting
//! goes on behind the last mark. A swap is over when its request is programmed to zeros.

use std::sync::atomic::{AtomicU8, Ordering};

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::evidence::{P1, P2, P3, P14, P15};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::seal::{is_sealed, sealed};
use super::{Evidence, Specimen};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

const A: u32 = 0;
const B: u32 = 2 * SECTOR;
const SCRATCH: u32 = 4 * SECTOR;
const REQUEST: u32 = 5 * SECTOR;
const SIZE: u32 = REQUEST + 32;
const MARKS: u32 = 6 * SECTOR;
/// Bytes of each sector that are used.
const LEN: usize = 16;
/// Sectors of a slot.
const SECTORS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    MarksEarly,
    BadMagic,
    RamSurvives,
    SizeLate,
    SizeFromHeaders,
    StaleMarks,
}

struct Swap {
    mistake: Option<Mistake>,
    /// The copy to go on with. Not lost with the power: what a `static` is that a reset does not clear.
    resume: AtomicU8,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown in findings")]
enum SwapError {
    Chip(ChipError),
    BadRequest([u8; LEN]),
}

impl From<ChipError> for SwapError {
    fn from(error: ChipError) -> Self {
        Self::Chip(error)
    }
}

/// One record of the status sectors.
fn record(kind: u8, value: u8) -> [u8; LEN] {
    sealed(&[kind, value, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

const SWAP: u8 = 0x53;
const COUNT: u8 = 0x4C;
const MARK: u8 = 0x3A;
const CONTENT: u8 = 0x69;

fn read(flash: &mut Chip<'_>, at: u32) -> Result<[u8; LEN], ChipError> {
    let mut bytes = [0; LEN];
    flash.read(at, &mut bytes)?;
    Ok(bytes)
}

/// A sector of an image: its number, how many sectors it has, and which of them this is.
fn content(image: u8, of: u8, sector: u8) -> [u8; LEN] {
    sealed(&[CONTENT, image, of, sector, 0, 0, 0, 0, 0, 0, 0])
}

impl Swap {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn request(&self, flash: &mut Chip<'_>) -> Result<bool, SwapError> {
        let request = read(flash, REQUEST)?;
        if request == record(SWAP, 0) {
            return Ok(true);
        }
        let known = request == [0xFF; LEN] || request == [0; LEN];
        if self.is(Mistake::BadMagic) && !known {
            return Err(SwapError::BadRequest(request));
        }
        Ok(false)
    }

    fn sectors(&self, flash: &mut Chip<'_>) -> Result<u8, SwapError> {
        if self.is(Mistake::SizeFromHeaders) {
            return Ok(Self::larger(flash)?);
        }
        let size = read(flash, SIZE)?;
        assert!(is_sealed(&size), "the swap has a size");
        Ok(size[1])
    }

    /// The sectors of the larger of the two images.
    fn larger(flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        let mut larger = 0;
        for slot in [A, B] {
            let header = read(flash, slot)?;
            if is_sealed(&header) {
                larger = header[2].max(larger);
            }
        }
        Ok(larger)
    }

    fn copy(flash: &mut Chip<'_>, from: u32, to: u32) -> Result<(), ChipError> {
        let bytes = read(flash, from)?;
        flash.erase(to, to + SECTOR)?;
        if bytes == [0xFF; LEN] {
            return Ok(());
        }
        flash.write(to, &bytes)
    }

    fn step(&self, flash: &mut Chip<'_>, step: u8) -> Result<(), ChipError> {
        let at = MARKS + u32::from(step) * 32;
        if read(flash, at)? == record(MARK, step) {
            return Ok(());
        }
        if self.is(Mistake::RamSurvives) {
            if self.resume.load(Ordering::Relaxed) > step {
                return Ok(());
            }
            self.resume.store(step + 1, Ordering::Relaxed);
        }
        if self.is(Mistake::MarksEarly) {
            flash.write(at, &record(MARK, step))?;
        }
        let sector = u32::from(step / 3) * SECTOR;
        match step % 3 {
            0 => Self::copy(flash, A + sector, SCRATCH)?,
            1 => Self::copy(flash, B + sector, A + sector)?,
            _ => Self::copy(flash, SCRATCH, B + sector)?,
        }
        if self.is(Mistake::MarksEarly) {
            return Ok(());
        }
        flash.write(at, &record(MARK, step))
    }

    /// The copies that are not marked, then the end of the request.
    fn run(&self, flash: &mut Chip<'_>, sectors: u8) -> Result<(), SwapError> {
        for step in 0..3 * sectors {
            self.step(flash, step)?;
            if step == 0 && self.is(Mistake::SizeLate) {
                flash.write(SIZE, &record(COUNT, sectors))?;
            }
        }
        flash.write(REQUEST, &[0; LEN])?;
        if self.is(Mistake::StaleMarks) {
            flash.erase(MARKS, MARKS + SECTOR)?;
        }
        Ok(())
    }

    fn letter(flash: &mut Chip<'_>, at: u32, sector: u8) -> Result<char, ChipError> {
        let bytes = read(flash, at + u32::from(sector) * SECTOR)?;
        Ok(match bytes {
            [0xFF, ..] if bytes == [0xFF; LEN] => '-',
            [CONTENT, image, _, part, ..] if is_sealed(&bytes) && part == sector => {
                char::from(b'0' + image)
            }
            _ => '?',
        })
    }
}

impl Store for Swap {
    type Mounted = ();
    /// What each sector of the slots holds: the number of an image, nothing (`-`), or neither (`?`).
    type Value = String;
    type Operation = ();
    type Error = SwapError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), SwapError> {
        if self.request(flash)? {
            let sectors = self.sectors(flash)?;
            self.run(flash, sectors)?;
        }
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<String, SwapError> {
        let mut text = String::new();
        for (name, slot) in [("A ", A), (", B ", B)] {
            text.push_str(name);
            for sector in 0..SECTORS {
                text.push(Self::letter(flash, slot, sector)?);
            }
        }
        Ok(text)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, (): &()) -> Result<(), SwapError> {
        let sectors = Self::larger(flash)?;
        if !self.is(Mistake::StaleMarks) {
            flash.erase(MARKS, MARKS + SECTOR)?;
        }
        // One that was withdrawn in part must not rise again while it is erased.
        flash.write(REQUEST, &[0; LEN])?;
        flash.erase(REQUEST, REQUEST + SECTOR)?;
        if !self.is(Mistake::SizeLate) {
            flash.write(SIZE, &record(COUNT, sectors))?;
        }
        flash.write(REQUEST, &record(SWAP, 0))?;
        self.run(flash, sectors)
    }

    fn place(&self, addr: u32) -> String {
        let names = [
            "A[0]", "A[1]", "B[0]", "B[1]", "scratch", "request", "marks",
        ];
        let index = (addr / SECTOR) as usize;
        names.get(index).copied().unwrap_or("outside").to_owned()
    }
}

fn swap(mistake: Mistake, broken: bool) -> Box<dyn Habitat> {
    let swap = Swap {
        mistake: broken.then_some(mistake),
        resume: AtomicU8::new(0),
    };
    let profile = chip(7);
    let mut state = profile.erased();
    state.load(A, &content(1, 2, 0));
    state.load(A + SECTOR, &content(1, 2, 1));
    state.load(B, &content(2, 1, 0));
    let script = Script::from("A 11, B 2-".to_owned())
        .then((), "A 2-, B 11".to_owned())
        .then((), "A 11, B 2-".to_owned());
    scripted(swap, script, profile, state)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "swap-marks-early",
        mistake: "A copy is marked as done before it is done, so that recovery passes over it.",
        source: "ALICE (OSDI 2014): the log entry is ordered before what it logs",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| swap(Mistake::MarksEarly, broken),
    },
    Specimen {
        name: "swap-bad-magic",
        mistake: "A request that is neither there nor absent is an error, and the bootloader gives up. A cut in its program leaves just that.",
        source: "https://github.com/mcu-tools/mcuboot/issues/1966",
        caught_by: &[P1],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| swap(Mistake::BadMagic, broken),
    },
    Specimen {
        name: "swap-ram-survives",
        mistake: "Where to go on is kept in a global that a reset does not clear. On a test bench it is right; after a loss of power it is not.",
        source: "https://github.com/mcu-tools/mcuboot/issues/1588",
        caught_by: &[Evidence::DoesNotRepeat],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| swap(Mistake::RamSurvives, broken),
    },
    Specimen {
        name: "swap-size-late",
        mistake: "How many sectors to swap is written when the first copy is done, and recovery asserts that it is there.",
        source: "https://github.com/mcu-tools/mcuboot/issues/829",
        caught_by: &[P14],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| swap(Mistake::SizeLate, broken),
    },
    Specimen {
        name: "swap-size-from-headers",
        mistake: "Recovery takes the size from the images' headers, which the swap may have moved already. It shows when the two differ in size.",
        source: "https://github.com/mcu-tools/mcuboot/pull/2109",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| swap(Mistake::SizeFromHeaders, broken),
    },
    Specimen {
        name: "swap-stale-marks",
        mistake: "The marks are erased when a swap is over, not before the next one. Cut before that erase, the next swap finds everything done.",
        source: "https://github.com/mcu-tools/mcuboot/pull/1645, https://github.com/mcu-tools/mcuboot/issues/480",
        caught_by: &[P2, P3, P15],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| swap(Mistake::StaleMarks, broken),
    },
];
