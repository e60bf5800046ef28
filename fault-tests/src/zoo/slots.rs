//! An update into one of two slots, and two entries that say which to boot: the newest whose image verifies.
//!
//! An image has two parts, one in each sector of its slot, so that a download takes several operations.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Level, State};

use super::Specimen;
use super::evidence::{P1, P2, P3, P8, P15};
use super::habitat::{Habitat, SECTOR, chip, home};
use super::seal::{is_sealed, sealed};
use crate::acknowledged::{Progress, Script, Scripted, Store};
use crate::chip::{Chip, ChipError};

/// Bytes of an entry and of a part.
const LEN: usize = 9;
const MAGIC: u8 = 0xE9;
const VALID: u8 = 2;
const ABORTED: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    PublishFirst,
    HeaderOnly,
    ShortErase,
    TargetFromEntry,
    RunningEntryLost,
    KeepsState,
}

struct Slots {
    mistake: Option<Mistake>,
    /// What there is to fall back to is seen, too.
    with_fallback: bool,
}

/// An entry, and the sector it is in.
#[derive(Clone, Copy, Debug)]
struct Entry {
    seq: u8,
    slot: u8,
    state: u8,
    at: u32,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown in findings")]
enum SlotError {
    Chip(ChipError),
    NothingBoots,
    ImageDamaged,
}

impl From<ChipError> for SlotError {
    fn from(error: ChipError) -> Self {
        Self::Chip(error)
    }
}

const fn slot_at(slot: u8) -> u32 {
    (2 + 2 * slot as u32) * SECTOR
}

fn part(image: u8, part: u8) -> [u8; LEN] {
    sealed(&[MAGIC, image, part, 0])
}

fn entry(seq: u8, slot: u8, state: u8) -> [u8; LEN] {
    sealed(&[seq, slot, state, 0])
}

impl Slots {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// The image in a slot; `None` if it does not verify.
    fn image(&self, flash: &mut Chip<'_>, slot: u8) -> Result<Option<u8>, ChipError> {
        let mut parts = [[0; LEN]; 2];
        for (bytes, sector) in parts.iter_mut().zip(0..) {
            flash.read(slot_at(slot) + sector * SECTOR, bytes)?;
        }
        let image = parts[0][1];
        let whole = parts[0] == part(image, 0)
            && (self.is(Mistake::HeaderOnly) || parts[1] == part(image, 1));
        Ok(whole.then_some(image))
    }

    /// What really runs if this slot is started: an image, or 0 for parts that do not belong together.
    fn runs(flash: &mut Chip<'_>, slot: u8) -> Result<u8, ChipError> {
        let judge = Self {
            mistake: None,
            with_fallback: false,
        };
        Ok(judge.image(flash, slot)?.unwrap_or(0))
    }

    /// The entries, newest first.
    fn entries(flash: &mut Chip<'_>) -> Result<Vec<Entry>, ChipError> {
        let mut entries = Vec::new();
        for at in [0, SECTOR] {
            let mut bytes = [0; LEN];
            flash.read(at, &mut bytes)?;
            let [seq, slot @ 0..=1, state, ..] = bytes else {
                continue;
            };
            if is_sealed(&bytes) {
                entries.push(Entry {
                    seq,
                    slot,
                    state,
                    at,
                });
            }
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
        Ok(entries)
    }

    /// The slots that can be booted, the first choice first.
    fn bootable(&self, flash: &mut Chip<'_>) -> Result<Vec<u8>, ChipError> {
        let mut slots = Vec::new();
        for entry in Self::entries(flash)? {
            if entry.state == VALID && self.image(flash, entry.slot)?.is_some() {
                slots.push(entry.slot);
            }
        }
        slots.dedup();
        Ok(slots)
    }

    /// Makes the slot the one to boot.
    fn set_boot(&self, flash: &mut Chip<'_>, running: u8, slot: u8) -> Result<(), ChipError> {
        let entries = Self::entries(flash)?;
        let newest = entries.first();
        let seq = newest.map_or(0, |entry| entry.seq) + 1;
        let keep = match self.mistake {
            Some(Mistake::RunningEntryLost) => newest,
            _ => entries.iter().find(|entry| entry.slot == running),
        };
        let at = keep.map_or(0, |keep| SECTOR - keep.at);
        let old = entries.iter().find(|entry| entry.at == at);
        let state = match old {
            Some(old) if self.is(Mistake::KeepsState) => old.state,
            _ => VALID,
        };
        flash.erase(at, at + SECTOR)?;
        flash.write(at, &entry(seq, slot, state))
    }
}

impl Store for Slots {
    /// The slot that runs.
    type Mounted = u8;
    /// The image that runs, or will run after a reset; with what it can fall back to, if that is looked at.
    type Value = Vec<u8>;
    /// The image to install.
    type Operation = u8;
    type Error = SlotError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<u8, SlotError> {
        let first = self.bootable(flash)?.first().copied();
        first.ok_or(SlotError::NothingBoots)
    }

    fn value(&self, _: &mut u8, flash: &mut Chip<'_>) -> Result<Vec<u8>, SlotError> {
        let seen = if self.with_fallback { 2 } else { 1 };
        let slots = self.bootable(flash)?;
        let images = slots.iter().take(seen).map(|slot| Self::runs(flash, *slot));
        Ok(images.collect::<Result<_, _>>()?)
    }

    fn apply(&self, running: &mut u8, flash: &mut Chip<'_>, image: &u8) -> Result<(), SlotError> {
        let from = match self.mistake {
            Some(Mistake::TargetFromEntry) => {
                Self::entries(flash)?.first().map_or(0, |entry| entry.slot)
            }
            _ => *running,
        };
        let target = 1 - from;
        if self.is(Mistake::PublishFirst) {
            self.set_boot(flash, *running, target)?;
        }
        let at = slot_at(target);
        // An image is a sector and a half.
        let erased = if self.is(Mistake::ShortErase) { 1 } else { 2 };
        flash.erase(at, at + erased * SECTOR)?;
        flash.write(at, &part(*image, 0))?;
        flash.write(at + SECTOR, &part(*image, 1))?;
        if self.image(flash, target)? != Some(*image) {
            return Err(SlotError::ImageDamaged);
        }
        if self.is(Mistake::PublishFirst) {
            return Ok(());
        }
        Ok(self.set_boot(flash, *running, target)?)
    }

    fn place(&self, addr: u32) -> String {
        match addr / SECTOR {
            n @ 0..=1 => format!("entry[{n}]"),
            n => format!("slot {}, part {}", n / 2 - 1, n % 2),
        }
    }
}

/// Where a device begins.
#[derive(Clone, Copy)]
enum Begin {
    /// It runs slot 0, and slot 1 is blank.
    New,
    /// It runs slot 0, and slot 1 holds the image before.
    Updated,
    /// Its last update was aborted: slot 1 holds it, and its entry says so.
    Aborted,
    /// Its newest entry names slot 1, whose image is damaged: it runs slot 0.
    FallenBack,
}

fn load(state: &mut State, slot: u8, image: u8) {
    state.load(slot_at(slot), &part(image, 0));
    state.load(slot_at(slot) + SECTOR, &part(image, 1));
}

fn slots(mistake: Mistake, begin: Begin, broken: bool) -> Box<dyn Habitat> {
    let with_fallback = mistake == Mistake::RunningEntryLost;
    let slots = Slots {
        mistake: broken.then_some(mistake),
        with_fallback,
    };
    let profile = chip(6);
    let mut state = profile.erased();
    load(&mut state, 0, 1);
    state.load(0, &entry(7, 0, VALID));
    match begin {
        Begin::New => {}
        Begin::Updated => {
            load(&mut state, 1, 9);
            state.load(SECTOR, &entry(6, 1, VALID));
        }
        Begin::Aborted => {
            load(&mut state, 1, 9);
            state.load(SECTOR, &entry(8, 1, ABORTED));
        }
        Begin::FallenBack => state.load(SECTOR, &entry(8, 1, VALID)),
    }
    let script = if with_fallback {
        Script::from(vec![1]).then(2, vec![2, 1])
    } else {
        let script = Script::from(vec![1]).then(2, vec![2]);
        script.or_after_a_cut(3, vec![3]).then(4, vec![4])
    };
    let device = Scripted::new(slots, script).resetting();
    home(device, profile, state, Progress::default())
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "publish-first",
        mistake: "The slot is made the one to boot before the image is in it. Cut in between, what lay there before is booted.",
        source: "SUIT architecture (RFC 9019); RAUC: write, verify, then mark",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::PublishFirst, Begin::Updated, broken),
    },
    Specimen {
        name: "image-header-only",
        mistake: "An image counts when its header is there, and an entry of before still names the slot under write.",
        source: "https://github.com/espressif/esp-idf/issues/14808 (valid entry on an incomplete image)",
        caught_by: &[P2, P3],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::HeaderOnly, Begin::FallenBack, broken),
    },
    Specimen {
        name: "short-erase",
        mistake: "The image's size is rounded down to whole sectors for the erase. The last one is blank the first time; a later image meets the remains of an earlier one.",
        source: "https://github.com/wolfSSL/wolfBoot/pull/341 and neighbours (the erase of the final sector)",
        caught_by: &[P8],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::ShortErase, Begin::New, broken),
    },
    Specimen {
        name: "target-from-entry",
        mistake: "The slot to write is the one that the newest entry does not name, not the one that does not run. After a fallback that is the running one.",
        source: "https://github.com/esp-rs/esp-hal/issues/3918",
        caught_by: &[P1, P2],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::TargetFromEntry, Begin::FallenBack, broken),
    },
    Specimen {
        name: "running-entry-lost",
        mistake: "The new entry replaces the one that is not the newest. After a fallback that is the entry of the running slot, and there is nothing to fall back to.",
        source: "https://github.com/ruuvi/ruuvi.gateway_esp.c/issues/1280",
        caught_by: &[P2, P3, P15],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::RunningEntryLost, Begin::FallenBack, broken),
    },
    Specimen {
        name: "keeps-aborted",
        mistake: "Switching writes a new sequence number and keeps the state that was there. After an aborted update the new entry is aborted, too.",
        source: "ESP-IDF, otatool.py switch_ota_partition",
        caught_by: &[P3, P15],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| slots(Mistake::KeepsState, Begin::Aborted, broken),
    },
];
