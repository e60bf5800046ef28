//! What lies where on a device's flash, for timelines and for telling windows apart.

use std::ops::Range;

use ota_core::flash::{Region, SECTOR};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{Partition, Slot, SubType, Type};
use sim_flash::{BitMask, Bits, MetadataRow, Risen, State, Tear};

use super::{image_header, torn_entry, weak_entry};
use crate::explore::Record;
use crate::subject::{Meaning, Place};

/// Where the label stands in an otadata entry.
const LABEL: Range<u32> = 4..24;

/// Bytes of an entry.
const ENTRY: u32 = 32;
const _: () = assert!(ota_core::otadata::ENTRY_LEN == ENTRY as usize);

/// The kind of an entry whose state is none of those with a name.
const UNKNOWN: &str = "state unknown";

/// The partitions, and the table that lists them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlashMap<'p> {
    pub(crate) partitions: &'p [Partition],
    /// Flash address of the partition table.
    pub(crate) table_offset: u32,
}

impl FlashMap<'_> {
    /// Flash address of otadata.
    pub(crate) fn otadata(&self) -> Option<u32> {
        let otadata = |p: &&Partition| p.kind == Type::DATA && p.subtype == SubType::OTA;
        self.partitions.iter().find(otadata).map(|p| p.offset)
    }

    /// The entry of otadata with this index: 0 or 1.
    pub(crate) fn entry(&self, index: usize) -> Option<Range<u32>> {
        let sector = u32::try_from(index).ok()?.checked_mul(SECTOR)?;
        let at = self.otadata()?.checked_add(sector)?;
        Some(at..at + 32)
    }

    /// The kind of an entry as ESP-IDF's code tells it: a state that has no meaning is as good as none.
    pub(crate) fn entry_kind(&self, entry: &Entry) -> String {
        let at = self.otadata().unwrap_or_default();
        match self.meaning(at, &entry.emit()) {
            Some(meaning) if meaning.kind == UNKNOWN => OtaState::UNDEFINED.to_string(),
            Some(meaning) => meaning.kind,
            None => String::new(),
        }
    }

    /// The entries of otadata, of each of which so much is `learned`, and the headers of the slots.
    pub(crate) fn records(&self, learned: fn(&[u8]) -> u128) -> Vec<Record> {
        let readings = match self.ota_slots() {
            ..=2 => weak_entry::readings::<2>,
            3 => weak_entry::readings::<3>,
            // Of more slots all are tried that a table can have.
            _ => weak_entry::readings::<16>,
        };
        let entry = |entry: u32| {
            Record::new(entry..entry + 32, learned)
                .ignoring(LABEL.start as usize..LABEL.end as usize)
                .with_readings(readings)
        };
        let otadata = self.otadata().into_iter();
        let entries = otadata.flat_map(|at| [at, at + SECTOR]).map(entry);
        let slots = self.partitions.iter().filter(|p| p.slot().is_some());
        entries
            .chain(slots.flat_map(|slot| {
                let record = [image_header::record, image_header::descriptor];
                record.map(|record| record(slot.offset))
            }))
            .collect()
    }

    /// The labels of these entries, which are carried.
    pub(crate) fn labels(&self) -> Vec<Range<u32>> {
        let otadata = self.otadata().into_iter();
        let label = |entry: u32| entry + LABEL.start..entry + LABEL.end;
        otadata
            .flat_map(|at| [at, at + SECTOR])
            .map(label)
            .collect()
    }

    /// Number of OTA slots.
    pub(crate) fn ota_slots(&self) -> u32 {
        let has = |slot| self.partitions.iter().any(|p| p.slot() == Some(slot));
        let slots = (0..16).take_while(|n| has(Slot::Ota(*n)));
        u32::try_from(slots.count()).unwrap_or(0)
    }

    /// Tears of a program of an entry that leave another valid one.
    pub(crate) fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        match self.otadata() {
            Some(at) if addr == at || addr == at + SECTOR => {
                torn_entry::tears(data, self.ota_slots())
            }
            _ => Vec::new(),
        }
    }

    /// Tears of an erase that leave another valid entry of the one that was there: with everything else erased, or as it
    /// was.
    pub(crate) fn solved_erase(&self, erased: &Range<u32>, before: &State) -> Vec<Tear> {
        let Some(otadata) = self.otadata() else {
            return Vec::new();
        };
        let mut tears = Vec::new();
        let inside = |at: &u32| erased.start <= *at && at.saturating_add(ENTRY) <= erased.end;
        for at in [otadata, otadata + SECTOR].into_iter().filter(inside) {
            let mut old = [0; ENTRY as usize];
            before.read(at, &mut old);
            if old == [0xFF; ENTRY as usize] || before.has_weak(at..at + ENTRY) {
                continue;
            }
            let row = (at - erased.start) / ENTRY;
            // A program of the entry leaves the same of erased cells as risen bits leave of the entry.
            for tear in torn_entry::tears(&old, self.ota_slots()) {
                let Tear::P3(Bits::Mask(done)) = tear else {
                    continue;
                };
                let mut risen = [0; ENTRY as usize];
                for (byte, risen) in risen.iter_mut().enumerate() {
                    *risen = !old[byte] & !done.byte(byte);
                }
                let risen = Bits::Mask(BitMask::new(risen));
                tears.push(Tear::E9(Risen::Within(MetadataRow(row), risen)));
                if row == 0 {
                    tears.push(Tear::E9(Risen::Bits(risen)));
                }
            }
        }
        tears
    }

    pub(crate) fn place(&self, addr: u32) -> Place {
        let named = |name: String, kind| Place { name, kind };
        let inside = |p: &&Partition| p.region().contains(addr, 1);
        match self.partitions.iter().find(inside) {
            Some(p) if Some(p.offset) == self.otadata() => named(
                format!("otadata[{}]", (addr - p.offset) / SECTOR),
                "otadata",
            ),
            Some(p) => match p.slot() {
                Some(slot) => named(slot.to_string(), "slot"),
                None => named(crate::inspect::shown::label(&p.label), "data"),
            },
            None if Region::new(self.table_offset, SECTOR).contains(addr, 1) => {
                named("partition table".into(), "table")
            }
            None => named("outside all partitions".into(), "outside"),
        }
    }

    pub(crate) fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        let otadata = self.otadata()?;
        let bytes: &[u8; 32] = bytes.first_chunk()?;
        let entry = Entry::parse(bytes);
        let kind = if entry.seq == u32::MAX {
            "erased".into()
        } else if entry.crc_matches() {
            let named = entry.state.0 <= OtaState::ABORTED.0 || entry.state == OtaState::UNDEFINED;
            if named {
                entry.state.to_string()
            } else {
                UNKNOWN.into()
            }
        } else {
            "damaged".into()
        };
        let here = addr == otadata || addr == otadata + SECTOR;
        here.then(|| Meaning {
            text: entry.to_string(),
            kind,
        })
    }
}
