//! A key-value store: pairs appended to a sector, the live ones copied to the other when it is full.
//!
//! A sector is `[generation, sealed]`, then rows. Of two sealed sectors the one with the higher generation counts.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::{P2, P3};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// Bytes of a row: key, value, CRC-32, number of zeros. The header is one too.
const LEN: usize = 7;
/// Bytes from row to row.
const STEP: u32 = 16;
/// Rows of a sector, its header among them: few, so that sectors are soon full.
const ROWS: u32 = 5;
/// The key of the header row.
const HEADER: u8 = 0xA5;
/// Keys are below this.
const KEYS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    HeaderFirst,
    InPlace,
    OldFirst,
}

struct Pairs {
    mistake: Option<Mistake>,
}

/// The sector that counts, and its rows that can be read.
#[derive(Clone, Copy, Debug, Default)]
struct Live {
    sector: u32,
    generation: u8,
    /// By key.
    values: [u8; KEYS as usize],
    /// Where the row of each key is.
    rows: [Option<u32>; KEYS as usize],
    /// Rows in use.
    used: u32,
}

impl Pairs {
    fn write(flash: &mut Chip<'_>, at: u32, key: u8, value: u8) -> Result<(), ChipError> {
        flash.write(at, &sealed::<LEN>(&[key, value]))
    }

    fn read(flash: &mut Chip<'_>, at: u32) -> Result<([u8; LEN], bool), ChipError> {
        let mut row = [0; LEN];
        flash.read(at, &mut row)?;
        let whole = is_sealed(&row);
        Ok((row, whole))
    }

    fn generation(flash: &mut Chip<'_>, sector: u32) -> Result<Option<u8>, ChipError> {
        let ([key, generation, ..], whole) = Self::read(flash, sector)?;
        Ok((whole && key == HEADER).then_some(generation))
    }

    fn live(flash: &mut Chip<'_>) -> Result<Live, ChipError> {
        let (a, b) = (
            Self::generation(flash, 0)?,
            Self::generation(flash, SECTOR)?,
        );
        let (generation, sector) = if a >= b { (a, 0) } else { (b, SECTOR) };
        let mut live = Live {
            sector,
            generation: generation.unwrap_or_default(),
            used: if generation.is_some() { 1 } else { ROWS },
            ..Live::default()
        };
        // A sector without a header is no store; one with it is read to its first blank row.
        for row in live.used..ROWS {
            let at = sector + row * STEP;
            let ([key, value, rest @ ..], whole) = Self::read(flash, at)?;
            if [key, value] == [0xFF; 2] && rest == [0xFF; 5] {
                break;
            }
            if whole && key < KEYS {
                live.values[usize::from(key)] = value;
                live.rows[usize::from(key)] = Some(at);
            }
            live.used = row + 1;
        }
        Ok(live)
    }

    /// Copies what is live, with the change, to the other sector.
    fn compact(&self, flash: &mut Chip<'_>, live: &Live) -> Result<(), ChipError> {
        let target = match self.mistake {
            Some(Mistake::InPlace) => live.sector,
            _ => SECTOR - live.sector,
        };
        flash.erase(target, target + SECTOR)?;
        let next = live.generation + 1;
        if self.mistake == Some(Mistake::HeaderFirst) {
            Self::write(flash, target, HEADER, next)?;
        }
        for ((key, value), row) in (0..).zip(live.values).zip(1..) {
            Self::write(flash, target + row * STEP, key, value)?;
        }
        if self.mistake == Some(Mistake::HeaderFirst) {
            return Ok(());
        }
        Self::write(flash, target, HEADER, next)
    }
}

impl Store for Pairs {
    type Mounted = ();
    type Value = [u8; KEYS as usize];
    type Operation = (u8, u8);
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<(), ChipError> {
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<Self::Value, ChipError> {
        Ok(Self::live(flash)?.values)
    }

    fn apply(
        &self,
        (): &mut (),
        flash: &mut Chip<'_>,
        (key, value): &(u8, u8),
    ) -> Result<(), ChipError> {
        let mut live = Self::live(flash)?;
        let old = live.rows[usize::from(*key)];
        if live.used >= ROWS {
            live.values[usize::from(*key)] = *value;
            return self.compact(flash, &live);
        }
        if let Some(old) = old.filter(|_| self.mistake == Some(Mistake::OldFirst)) {
            flash.write(old, &[0; LEN])?;
        }
        Self::write(flash, live.sector + live.used * STEP, *key, *value)
    }
}

fn pairs(mistake: Mistake, broken: bool) -> Box<dyn Habitat> {
    let pairs = Pairs {
        mistake: broken.then_some(mistake),
    };
    let profile = chip(2);
    let mut state = profile.erased();
    for (row, (key, value)) in (0..).zip([(HEADER, 1), (0, 3), (1, 4)]) {
        state.load(row * STEP, &sealed::<LEN>(&[key, value]));
    }
    let script = Script::from([3, 4])
        .then((1, 5), [3, 5])
        .then((0, 6), [6, 5])
        .then((1, 7), [6, 7]);
    scripted(pairs, script, profile, state)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "invalidate-old-first",
        mistake: "A pair is marked as replaced before its replacement is there.",
        source: "ESP-IDF NVS writes the new item, then erases the old one; this is the other order",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| pairs(Mistake::OldFirst, broken),
    },
    Specimen {
        name: "compaction-header-first",
        mistake: "When the live pairs are copied, the header that makes the copy count is programmed first.",
        source: "JFFS2, UBI: seal after the last write",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| pairs(Mistake::HeaderFirst, broken),
    },
    Specimen {
        name: "compaction-in-place",
        mistake: "The live pairs are kept in RAM while their own sector is erased.",
        source: "read-modify-write of a sector, as EEPROM emulations do",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| pairs(Mistake::InPlace, broken),
    },
];
