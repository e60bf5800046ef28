//! A log of decisions, each in a group of three rows: a claim, the decision, a seal.
//!
//! The claim marks the group as used, so that no row is ever given two contents. The decision counts; its seal says that
//! it was read back by nobody before it was whole. Mounting looks at the last group that is not blank: if it is not
//! claim, decision and seal, the decision that counts is stated again in a new group, and only then acted upon.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Level, State};

use super::Specimen;
use super::evidence::{P2, P3, P5, P8, P15};
use super::habitat::{Habitat, chip, scripted};
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// Bytes of a row: kind, group, value, CRC-32, number of zeros.
const LEN: usize = 8;
/// Bytes from row to row.
const STEP: u32 = 32;
/// Groups in a log: more than any life here fills.
const GROUPS: u8 = 8;
const CLAIM: u8 = 0x11;
const DECISION: u8 = 0x2D;
const SEAL: u8 = 0x4B;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    StopsAtTorn,
    NoSeal,
    NoClaim,
    SkipGarbage,
    ReadTwice,
}

/// The log, from address 0 on.
#[derive(Clone, Copy)]
pub(super) struct Log {
    mistake: Option<Mistake>,
}

/// What one row reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Blank,
    Garbage,
    Whole(u8),
}

/// What the log says.
#[derive(Clone, Copy, Debug)]
struct Reading {
    value: u8,
    /// The group of the decision that counts.
    group: u8,
    /// The first group behind all that are not blank.
    next: u8,
    /// The last group needs no restatement.
    clean: bool,
}

impl Log {
    /// A log without a mistake.
    pub(super) const fn sound() -> Self {
        Self { mistake: None }
    }

    /// Makes this the decision at the start of a life.
    pub(super) fn load(state: &mut State, value: u8) {
        for (kind, value) in [(CLAIM, 0), (DECISION, value), (SEAL, 0)] {
            state.load(Self::at(kind, 0), &sealed::<LEN>(&[kind, 0, value]));
        }
    }

    fn at(kind: u8, group: u8) -> u32 {
        let row = match kind {
            CLAIM => 0,
            DECISION => 1,
            _ => 2,
        };
        (u32::from(group) * 3 + row) * STEP
    }

    fn write(flash: &mut Chip<'_>, kind: u8, group: u8, value: u8) -> Result<(), ChipError> {
        flash.write(Self::at(kind, group), &sealed::<LEN>(&[kind, group, value]))
    }

    /// Each row is read once, and judged on that copy.
    fn row(flash: &mut Chip<'_>, kind: u8, group: u8) -> Result<Row, ChipError> {
        let mut row = [0; LEN];
        flash.read(Self::at(kind, group), &mut row)?;
        Ok(match row {
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] => Row::Blank,
            [k, g, value, ..] if (k, g) == (kind, group) && is_sealed(&row) => Row::Whole(value),
            _ => Row::Garbage,
        })
    }

    fn read(self, flash: &mut Chip<'_>) -> Result<Reading, ChipError> {
        let mut reading = Reading {
            value: 0,
            group: 0,
            next: 0,
            clean: true,
        };
        for group in 0..GROUPS {
            let mut rows = [Row::Blank; 3];
            for (row, kind) in rows.iter_mut().zip([CLAIM, DECISION, SEAL]) {
                *row = Self::row(flash, kind, group)?;
            }
            let [claim, decision, seal] = rows;
            if rows == [Row::Blank; 3] {
                // A claim that reads blank may be one all the same: the next group is looked at too.
                continue;
            }
            reading.next = group + 1;
            reading.clean = match self.mistake {
                Some(Mistake::NoSeal) => matches!(decision, Row::Whole(_)),
                Some(Mistake::NoClaim) => {
                    matches!((decision, seal), (Row::Whole(_), Row::Whole(_)))
                }
                _ => rows.iter().all(|row| matches!(row, Row::Whole(_))) && claim == Row::Whole(0),
            };
            if let Row::Whole(_) = decision {
                reading.group = group;
            }
            match decision {
                Row::Whole(_) if self.mistake == Some(Mistake::ReadTwice) => {
                    let mut value = [0];
                    flash.read(Self::at(DECISION, group) + 2, &mut value)?;
                    [reading.value] = value;
                }
                Row::Whole(value) => reading.value = value,
                Row::Garbage if self.mistake == Some(Mistake::StopsAtTorn) => {
                    // What comes behind the first damage is not looked at.
                    reading.next = Self::end(flash, group)?;
                    return Ok(reading);
                }
                Row::Blank | Row::Garbage => {}
            }
        }
        Ok(reading)
    }

    /// The decision that counts, and its group.
    pub(super) fn last(self, flash: &mut Chip<'_>) -> Result<(u8, u8), ChipError> {
        let Reading { value, group, .. } = self.read(flash)?;
        Ok((value, group))
    }

    /// The first group that is blank, from this one on.
    fn end(flash: &mut Chip<'_>, from: u8) -> Result<u8, ChipError> {
        for group in from..GROUPS {
            if Self::row(flash, CLAIM, group)? == Row::Blank {
                return Ok(group);
            }
        }
        Ok(GROUPS)
    }

    fn append(self, flash: &mut Chip<'_>, value: u8) -> Result<(), ChipError> {
        let group = self.read(flash)?.next;
        if self.mistake != Some(Mistake::NoClaim) {
            Self::write(flash, CLAIM, group, 0)?;
        }
        Self::write(flash, DECISION, group, value)?;
        if self.mistake != Some(Mistake::NoSeal) {
            Self::write(flash, SEAL, group, 0)?;
        }
        Ok(())
    }
}

impl Store for Log {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        let reading = self.read(flash)?;
        if reading.clean || self.mistake == Some(Mistake::SkipGarbage) {
            return Ok(());
        }
        self.append(flash, reading.value)
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        Ok(self.read(flash)?.value)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        self.append(flash, *value)
    }
}

fn log(mistake: Mistake, broken: bool) -> Box<dyn Habitat> {
    let log = Log {
        mistake: broken.then_some(mistake),
    };
    let profile = chip(2);
    let mut state = profile.erased();
    Log::load(&mut state, 0x0F);
    let script = Script::from(0x0F)
        .then(0x33, 0x33)
        .or_after_a_cut(0xC5, 0xC5);
    scripted(log, script, profile, state)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "stops-at-torn",
        mistake: "Reading ends at the first damaged record, while new ones are appended behind it: acknowledged, and never seen.",
        source: "log scans that take the first bad record for the end",
        caught_by: &[P3, P15],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| log(Mistake::StopsAtTorn, broken),
    },
    Specimen {
        name: "no-seal",
        mistake: "A decision is acted on when it reads valid, without a seal behind it. A torn one may read valid now and invalid later.",
        source: "https://github.com/zephyrproject-rtos/zephyr/issues/103452 (persist again before acting)",
        caught_by: &[P2, P3, P5],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| log(Mistake::NoSeal, broken),
    },
    Specimen {
        name: "no-claim",
        mistake: "The next decision goes to the first row that reads blank. A torn decision may read blank, and then two contents are programmed over each other.",
        source: "JFFS2: a row that was begun is used up, whatever it reads",
        caught_by: &[P2, P3, P5, P8, P15],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| log(Mistake::NoClaim, broken),
    },
    Specimen {
        name: "skip-garbage",
        mistake: "A torn last record is passed over and the one before it acted on, without stating that one again. The torn one may read valid next time.",
        source: "linux-mtd (2011), unstable bits: first reads fine, later unreadable",
        caught_by: &[P2, P3, P5],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| log(Mistake::SkipGarbage, broken),
    },
    Specimen {
        name: "read-twice",
        mistake: "A record is checked on one read, and its value taken from another. Weak bits need not agree with themselves.",
        source: "https://github.com/littlefs-project/littlefs/pull/948 (metastable cells after an interrupted operation)",
        caught_by: &[P2, P3, P5],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| log(Mistake::ReadTwice, broken),
    },
];
