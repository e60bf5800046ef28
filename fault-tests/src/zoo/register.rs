//! One value in two sectors that take turns: the smallest store that survives a cut, and what is done wrong in it.
//!
//! A record is a sequence number, the value, and checks. A new record goes to the sector that does not hold the newest
//! one, which stays as it is.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Level, State};

use super::Specimen;
use super::evidence::{P2, P3, P15};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::seal::{crc_16, crc_16_from_zero, crc_32, is_sealed, sealed};
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

/// Bytes of a record: sequence number, value, CRC-32, number of zeros.
const LEN: usize = 10;

/// What may be done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    SingleCopy,
    TidyFirst,
    HeaderOnly,
    CrcOverSequence,
    CrcAlone,
    ZerosValid,
    FirstWordBlank,
    AcknowledgedEarly,
}

/// A value with its number: of two, the one with the higher number is newer (modulo 256).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    seq: u8,
    value: u32,
}

impl Record {
    fn newer_than(self, other: Self) -> bool {
        self.seq.wrapping_sub(other.seq).cast_signed() > 0
    }
}

/// Two sectors from `at` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register {
    at: u32,
    mistake: Option<Mistake>,
}

impl Register {
    /// A register without a mistake.
    pub(super) const fn sound(at: u32) -> Self {
        Self { at, mistake: None }
    }

    fn body(record: Record) -> [u8; 5] {
        let [a, b, c, d] = record.value.to_le_bytes();
        [record.seq, a, b, c, d]
    }

    fn emit(self, record: Record) -> [u8; LEN] {
        let body = Self::body(record);
        let short = |crc: u16, rest| {
            let mut bytes = [rest; LEN];
            bytes[..5].copy_from_slice(&body);
            bytes[5..7].copy_from_slice(&crc.to_le_bytes());
            bytes
        };
        match self.mistake {
            Some(Mistake::CrcAlone) => short(crc_16(&body), 0xFF),
            Some(Mistake::ZerosValid) => short(crc_16_from_zero(&body), 0),
            Some(Mistake::CrcOverSequence) => {
                let mut bytes = [0xFF; LEN];
                bytes[..5].copy_from_slice(&body);
                bytes[5..9].copy_from_slice(&crc_32(&body[..1]).to_le_bytes());
                bytes
            }
            _ => sealed(&body),
        }
    }

    fn parse(self, bytes: &[u8; LEN]) -> Option<Record> {
        let [seq, a, b, c, d, ..] = *bytes;
        let record = Record {
            seq,
            value: u32::from_le_bytes([a, b, c, d]),
        };
        let whole = match self.mistake {
            Some(Mistake::HeaderOnly) => seq != 0xFF,
            Some(Mistake::CrcAlone | Mistake::ZerosValid | Mistake::CrcOverSequence) => {
                self.emit(record) == *bytes
            }
            _ => is_sealed(bytes),
        };
        whole.then_some(record)
    }

    /// The newest record, and the sector it is in.
    fn newest(self, flash: &mut Chip<'_>) -> Result<Option<(Record, u32)>, ChipError> {
        let mut newest: Option<(Record, u32)> = None;
        for sector in [self.at, self.at + SECTOR] {
            let mut bytes = [0; LEN];
            flash.read(sector, &mut bytes)?;
            let Some(record) = self.parse(&bytes) else {
                continue;
            };
            if newest.is_none_or(|(other, _)| record.newer_than(other)) {
                newest = Some((record, sector));
            }
        }
        Ok(newest)
    }

    /// The value; 0 if there never was one.
    pub(super) fn get(self, flash: &mut Chip<'_>) -> Result<u32, ChipError> {
        let newest = self.newest(flash)?;
        Ok(newest.map_or(0, |(record, _)| record.value))
    }

    /// Puts another value in its place. A cut leaves the one or the other.
    pub(super) fn put(self, flash: &mut Chip<'_>, value: u32) -> Result<(), ChipError> {
        let newest = self.newest(flash)?;
        let seq = newest.map_or(0, |(record, _)| record.seq.wrapping_add(1));
        let last = newest.map_or(self.at + SECTOR, |(_, sector)| sector);
        let other = self.at + SECTOR - (last - self.at);
        let sector = match self.mistake {
            Some(Mistake::SingleCopy) => last,
            _ => other,
        };
        if self.mistake == Some(Mistake::TidyFirst) {
            flash.erase(last, last + SECTOR)?;
        }
        let mut first = [0; 4];
        if self.mistake == Some(Mistake::FirstWordBlank) {
            flash.read(sector, &mut first)?;
        }
        if first != [0xFF; 4] {
            flash.erase(sector, sector + SECTOR)?;
        }
        flash.write(sector, &self.emit(Record { seq, value }))
    }

    /// Makes this the value at the start of a life, and `before` the one before it.
    pub(super) fn load(self, state: &mut State, before: u32, value: u32) {
        let record = |seq, value| self.emit(Record { seq, value });
        let first = match self.mistake {
            // A device that has seen a lot: its next number but one is 0.
            Some(Mistake::ZerosValid) => 254,
            _ => FIRST,
        };
        state.load(self.at, &record(first - 1, before));
        state.load(self.at + SECTOR, &record(first, value));
    }
}

/// The sequence number at the start.
const FIRST: u8 = 10;

impl Store for Register {
    /// What was acknowledged and is not written yet.
    type Mounted = Option<u32>;
    type Value = u32;
    type Operation = u32;
    type Error = ChipError;

    fn mount(&self, _: &mut Chip<'_>) -> Result<Option<u32>, ChipError> {
        Ok(None)
    }

    fn value(&self, unwritten: &mut Option<u32>, flash: &mut Chip<'_>) -> Result<u32, ChipError> {
        match unwritten {
            Some(value) => Ok(*value),
            None => self.get(flash),
        }
    }

    fn apply(
        &self,
        unwritten: &mut Option<u32>,
        flash: &mut Chip<'_>,
        value: &u32,
    ) -> Result<(), ChipError> {
        if self.mistake != Some(Mistake::AcknowledgedEarly) {
            return self.put(flash, *value);
        }
        match unwritten.replace(*value) {
            Some(last) => self.put(flash, last),
            None => Ok(()),
        }
    }
}

/// A value whose record, cut before the last byte of the value, has a right CRC-16 all the same.
///
/// There is one in every 65,536; an adversary need not look longer than this.
fn unlucky() -> u32 {
    let torn = |value: &u32| {
        let [a, b, c, _] = value.to_le_bytes();
        c != 0xFF && crc_16(&[FIRST + 1, a, b, c, 0xFF]) == 0xFFFF
    };
    (0..1 << 24).find(torn).unwrap_or_default()
}

fn register(mistake: Mistake, broken: bool) -> Box<dyn Habitat> {
    let register = Register {
        at: 0,
        mistake: broken.then_some(mistake),
    };
    let profile = chip(2);
    let mut state = profile.erased();
    register.load(&mut state, 5, 7);
    let first = unlucky();
    let script = Script::from(7)
        .then(first, first)
        .or_after_a_cut(0x0102_0304, 0x0102_0304)
        .then(0x55AA_33CC, 0x55AA_33CC)
        .then(9, 9);
    scripted(register, script, profile, state)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "single-copy",
        mistake: "The only record is erased and written again in its place. Between the two there is none.",
        source: "https://github.com/espressif/esp-idf/issues/14808 (one copy of otadata is left while it is rewritten)",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| register(Mistake::SingleCopy, broken),
    },
    Specimen {
        name: "tidy-first",
        mistake: "The old record is erased before the new one is written: two sectors, but never two records when they are needed.",
        source: "UBIFS, JFFS2, littlefs: write the new, then remove the old",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| register(Mistake::TidyFirst, broken),
    },
    Specimen {
        name: "acknowledged-early",
        mistake: "Ok is returned when the value is in RAM; it is written with the next one.",
        source: "ALICE (OSDI 2014): what applications take for persistent",
        caught_by: &[P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| register(Mistake::AcknowledgedEarly, broken),
    },
    Specimen {
        name: "header-only",
        mistake: "A record counts when its header is there. The header is programmed first, and a cut program stops behind it.",
        source: "https://github.com/mcu-tools/mcuboot/issues/2108 (operations are not atomic)",
        caught_by: &[P2],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| register(Mistake::HeaderOnly, broken),
    },
    Specimen {
        name: "crc-alone",
        mistake: "A 16-bit CRC and nothing else tells a whole record from a torn one. A CRC is linear: for some values a torn record has the right one.",
        source: "Berger, A note on error detection codes for asymmetric channels (1961): what a CRC does not do",
        caught_by: &[P2],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| register(Mistake::CrcAlone, broken),
    },
    Specimen {
        name: "zeros-are-valid",
        mistake: "The CRC begins with 0, so that zeros have a right one: an erase cut after zeroing leaves a valid record, and here a newer one.",
        source: "Infineon KBA223960: cells are programmed to 0 before they are erased",
        caught_by: &[P2, P3],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| register(Mistake::ZerosValid, broken),
    },
    Specimen {
        name: "crc-over-half",
        mistake: "The CRC covers the sequence number and not the value behind it.",
        source: "ESP-IDF, esp_ota_select_entry_t: the CRC covers ota_seq alone, not ota_state",
        caught_by: &[P2],
        level: Level::L2,
        twin: Level::L2,
        build: |broken| register(Mistake::CrcOverSequence, broken),
    },
    Specimen {
        name: "first-word-blank",
        mistake: "A sector whose first word reads erased is not erased again. A program cut by rows has left the end of a record there.",
        source: "linux-mtd (2009): programs cut within the write buffer, rows of 8 bytes in any order",
        caught_by: &[P15],
        level: Level::L1,
        twin: Level::L2,
        build: |broken| register(Mistake::FirstWordBlank, broken),
    },
];
