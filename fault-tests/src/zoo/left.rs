//! Stores that believe what a cut erase has left: old bytes beside erased ones, bits that have risen one by one, zeros of
//! the pre-programming, and cells that still read as before.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::{P2, P3, P5};
use super::habitat::{Habitat, SECTOR, by_rows, chip};
use super::register::Register;
use super::rows::Log;
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// The sectors that a pair of records takes turns in.
const PAIR: [u32; 2] = [0, SECTOR];

fn read<const N: usize>(flash: &mut Chip<'_>, at: u32) -> Result<[u8; N], ChipError> {
    let mut bytes = [0; N];
    flash.read(at, &mut bytes)?;
    Ok(bytes)
}

fn erase(flash: &mut Chip<'_>, sector: u32) -> Result<(), ChipError> {
    flash.erase(sector, sector + SECTOR)
}

/// A value with its number, in the sector at `at`.
#[derive(Clone, Copy)]
struct Numbered {
    number: u8,
    value: u8,
    at: u32,
}

/// How a record of a pair says that it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// A label in front of it, which its check does not cover; one that is withdrawn gets another label.
    Label,
    /// A byte in the row before it, programmed to zero last.
    Zero,
    /// A flag behind it, programmed last, where nothing but the flag vouches for the value.
    Flag,
    /// One check over all of it; one that is withdrawn is zeroed.
    Check,
}

/// What is asked of a pair.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Set(u8),
    /// The newest record counts no more, the one before it does.
    Undo,
    /// A record is prepared, and never comes to count.
    Stage(u8),
}

/// Two sectors that take turns; the newest record that counts has the value.
struct Pair(Counts);

impl Pair {
    const LIVE: u8 = 0x2D;
    /// One bit less.
    const WITHDRAWN: u8 = 0x2C;
    /// Neither erased nor zero.
    const COMPLETE: u8 = 0x5A;
    /// Where the record lies in its sector, and what says that it counts: in another row.
    const BODY: u32 = 64;
    const FLAG: u32 = 0;

    fn record(&self, number: u8, value: u8) -> [u8; 8] {
        match self.0 {
            Counts::Check => sealed(&[Self::LIVE, number, value]),
            Counts::Flag => [Self::LIVE, number, value, 0, 0, 0, 0, 0],
            Counts::Label | Counts::Zero => {
                let mut record = [Self::LIVE; 8];
                record[1..].copy_from_slice(&sealed::<7>(&[number, value]));
                record
            }
        }
    }

    /// The byte that is programmed last, if there is one.
    fn flag(&self) -> Option<u8> {
        match self.0 {
            Counts::Zero => Some(0),
            Counts::Flag => Some(Self::COMPLETE),
            Counts::Label | Counts::Check => None,
        }
    }

    fn parse(&self, flash: &mut Chip<'_>, at: u32) -> Result<Option<Numbered>, ChipError> {
        let record = read::<8>(flash, at + Self::BODY)?;
        let [flag] = read(flash, at + Self::FLAG)?;
        let [label, number, value, ..] = record;
        let tail = [1, 2, 3, 4, 5, 6, 7].map(|n: usize| record[n]);
        let counts = label == Self::LIVE
            && self.flag().is_none_or(|complete| flag == complete)
            && match self.0 {
                Counts::Check => is_sealed(&record),
                Counts::Flag => true,
                Counts::Label | Counts::Zero => is_sealed(&tail),
            };
        Ok(counts.then_some(Numbered { number, value, at }))
    }

    fn newest(&self, flash: &mut Chip<'_>) -> Result<Option<Numbered>, ChipError> {
        let mut newest: Option<Numbered> = None;
        for at in PAIR {
            if let Some(found) = self.parse(flash, at)?
                && newest.is_none_or(|newest| newest.number < found.number)
            {
                newest = Some(found);
            }
        }
        Ok(newest)
    }

    fn withdraw(&self, flash: &mut Chip<'_>, at: u32) -> Result<(), ChipError> {
        match self.0 {
            Counts::Check => flash.write(at + Self::BODY, &[0; 8]),
            _ => flash.write(at + Self::BODY, &[Self::WITHDRAWN]),
        }
    }

    fn put(&self, flash: &mut Chip<'_>, value: u8, publish: bool) -> Result<(), ChipError> {
        let newest = self.newest(flash)?;
        let number = newest.map_or(1, |newest| newest.number + 1);
        let at = newest.map_or(PAIR[0], |newest| SECTOR - newest.at);
        if self.0 == Counts::Check {
            // What was withdrawn in part must not rise again while it is erased.
            self.withdraw(flash, at)?;
        }
        erase(flash, at)?;
        if self.0 == Counts::Check && !publish {
            return Ok(());
        }
        flash.write(at + Self::BODY, &self.record(number, value))?;
        match self.flag() {
            Some(flag) if publish => flash.write(at + Self::FLAG, &[flag]),
            _ => Ok(()),
        }
    }
}

impl Store for Pair {
    type Mounted = ();
    type Value = u8;
    type Operation = Ask;
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<(), ChipError> {
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        Ok(self.newest(flash)?.map_or(0, |newest| newest.value))
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, ask: &Ask) -> Result<(), ChipError> {
        match *ask {
            Ask::Set(value) => self.put(flash, value, true),
            Ask::Stage(value) => self.put(flash, value, false),
            Ask::Undo => match self.newest(flash)? {
                Some(newest) => self.withdraw(flash, newest.at),
                None => Ok(()),
            },
        }
    }
}

fn pair(mistake: Counts, broken: bool, script: Script<Ask, u8>) -> Box<dyn Habitat> {
    let counts = if broken { mistake } else { Counts::Check };
    let pair = Pair(counts);
    let profile = chip(2);
    let mut state = profile.erased();
    for (at, number, value) in [(0, 1, 0x11), (SECTOR, 2, 0x22)] {
        state.load(at + Pair::BODY, &pair.record(number, value));
        if let Some(flag) = pair.flag() {
            state.load(at + Pair::FLAG, &[flag]);
        }
    }
    by_rows(pair, script, profile, state)
}

/// A checkpoint, and a journal of what was set since, which a new checkpoint makes void.
struct Journaled {
    /// Rows count whatever checkpoint they were written behind.
    any_checkpoint: bool,
}

impl Journaled {
    /// Holds the value, and in the byte above it the number of the checkpoint.
    const CHECKPOINT: Register = Register::sound(0);
    const JOURNAL: u32 = 2 * SECTOR;
    const STEP: u32 = 64;
    const ROWS: u32 = 3;

    fn row(flash: &mut Chip<'_>, index: u32) -> Result<[u8; 7], ChipError> {
        read(flash, Self::JOURNAL + index * Self::STEP)
    }

    /// Number of the checkpoint, its value.
    fn checkpoint(flash: &mut Chip<'_>) -> Result<(u8, u8), ChipError> {
        let [value, number, ..] = Self::CHECKPOINT.get(flash)?.to_le_bytes();
        Ok((number, value))
    }

    /// The value, and the row that comes next.
    fn replay(&self, flash: &mut Chip<'_>) -> Result<(u8, u32), ChipError> {
        let (checkpoint, mut value) = Self::checkpoint(flash)?;
        let mut next = 0;
        for index in 0..Self::ROWS {
            let row = Self::row(flash, index)?;
            if row == [0xFF; 7] {
                continue;
            }
            next = index + 1;
            if is_sealed(&row) && (self.any_checkpoint || row[0] == checkpoint) {
                value = row[1];
            }
        }
        Ok((value, next))
    }
}

impl Store for Journaled {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        if self.any_checkpoint {
            return Ok(());
        }
        let (checkpoint, _) = Self::checkpoint(flash)?;
        for index in 0..Self::ROWS {
            let row = Self::row(flash, index)?;
            if is_sealed(&row) && row[0] != checkpoint {
                return erase(flash, Self::JOURNAL);
            }
        }
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        Ok(self.replay(flash)?.0)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        let (checkpoint, _) = Self::checkpoint(flash)?;
        let (_, next) = self.replay(flash)?;
        if next < Self::ROWS {
            let row = sealed::<7>(&[checkpoint, *value]);
            return flash.write(Self::JOURNAL + next * Self::STEP, &row);
        }
        let new = u32::from_le_bytes([*value, checkpoint + 1, 0, 0]);
        Self::CHECKPOINT.put(flash, new)?;
        erase(flash, Self::JOURNAL)
    }
}

fn journaled(broken: bool) -> Box<dyn Habitat> {
    let store = Journaled {
        any_checkpoint: broken,
    };
    let profile = chip(3);
    let mut state = profile.erased();
    Journaled::CHECKPOINT.load(&mut state, 1, u32::from_le_bytes([0x10, 1, 0, 0]));
    for (index, value) in (0..).zip([0x11, 0x22, 0x33]) {
        let row = sealed::<7>(&[1, value]);
        state.load(Journaled::JOURNAL + index * Journaled::STEP, &row);
    }
    let script = Script::from(0x33).then(0x44, 0x44).then(0x55, 0x55);
    by_rows(store, script, profile, state)
}

/// A permission that is taken back by erasing it.
struct Permission {
    log: Log,
    /// What reads as a permission is one; otherwise the log says whether there is one.
    goes_by_it: bool,
}

impl Permission {
    const AT: u32 = SECTOR;
    const GIVEN: u8 = 0x0F;
    const TAKEN: u8 = 0x33;

    fn record() -> [u8; 8] {
        sealed(&[0x50, 0x51, 0x52])
    }
}

impl Store for Permission {
    type Mounted = ();
    type Value = u8;
    type Operation = u8;
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        if self.goes_by_it {
            return Ok(());
        }
        self.log.mount(flash)?;
        if self.log.last(flash)?.0 == Self::TAKEN && read::<8>(flash, Self::AT)? != [0xFF; 8] {
            erase(flash, Self::AT)?;
        }
        Ok(())
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u8, ChipError> {
        if !self.goes_by_it {
            return Ok(self.log.last(flash)?.0);
        }
        let there = read(flash, Self::AT)? == Self::record();
        Ok(if there { Self::GIVEN } else { Self::TAKEN })
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, value: &u8) -> Result<(), ChipError> {
        if !self.goes_by_it {
            self.log.apply(&mut (), flash, value)?;
        }
        erase(flash, Self::AT)
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "withdrawn-rises",
        mistake: "A record is withdrawn by another label, which its checksum does not cover. While its sector is erased the label may rise to the old one, and the record counts again.",
        source: "marks that say obsolete by cleared bits, as in JFFS2; here the device that booted what nobody had confirmed",
        caught_by: &[P2, P3],
        level: Level::L2,
        twin: Level::L2,
        build: |broken| {
            let script = Script::from(0x22)
                .then(Ask::Undo, 0x11)
                .then(Ask::Set(0x43), 0x43);
            pair(Counts::Label, broken, script)
        },
    },
    Specimen {
        name: "zero-commits",
        mistake: "A record counts once a byte before it is zero. An erase begins by programming zeros: cut there, a record that was only prepared counts.",
        source: "Infineon KBA223960: an erase programs all bits to 0 first; UBI on Spansion S29GL512N (linux-mtd)",
        caught_by: &[P2, P3],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| {
            let script = Script::from(0x22)
                .then(Ask::Stage(0x99), 0x22)
                .then(Ask::Set(0x43), 0x43);
            pair(Counts::Zero, broken, script)
        },
    },
    Specimen {
        name: "flag-outlives",
        mistake: "A flag that is programmed last says that a record is complete, and nothing checks the value: no torn program is believed. A torn erase is, as the flag is still there while bits of the value rise.",
        source: "Infineon KBA218817: what a cut erase leaves may look like a correct image of the intended data",
        caught_by: &[P2, P3],
        level: Level::L2,
        twin: Level::L2,
        build: |broken| {
            let script = Script::from(0x22).then(Ask::Set(0x43), 0x43);
            pair(Counts::Flag, broken, script)
        },
    },
    Specimen {
        name: "journal-left",
        mistake: "A new checkpoint makes the journal void, which is erased then. Its rows do not say which checkpoint they are for: a cut erase that leaves an old one has it replayed.",
        source: "ALICE (OSDI 2014): log entries of an earlier transaction replayed; epochs in journals since",
        caught_by: &[P2, P3],
        level: Level::L1,
        twin: Level::L2,
        build: journaled,
    },
    Specimen {
        name: "still-reads",
        mistake: "A permission is taken back by erasing it, and acted on for as long as it reads. What a cut erase left may read as before, and be gone at the next power-on.",
        source: "littlefs #948 and linux-mtd 2001-06: cells of an interrupted erase read one way, then another",
        caught_by: &[P5],
        level: Level::L3,
        twin: Level::L3,
        build: |broken| {
            let profile = chip(2);
            let mut state = profile.erased();
            Log::load(&mut state, Permission::GIVEN);
            state.load(Permission::AT, &Permission::record());
            let store = Permission {
                log: Log::sound(),
                goes_by_it: broken,
            };
            let script = Script::from(Permission::GIVEN).then(Permission::TAKEN, Permission::TAKEN);
            by_rows(store, script, profile, state)
        },
    },
];
