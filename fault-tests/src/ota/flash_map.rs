//! What lies where on a device's flash, for timelines and for telling windows apart.

use ota_core::flash::{Region, SECTOR};
use ota_core::otadata::Entry;
use ota_core::partition::{Partition, SubType, Type};

use crate::subject::{Meaning, Place};

/// The partitions, and the table that lists them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlashMap<'p> {
    pub(crate) partitions: &'p [Partition],
    /// Flash address of the partition table.
    pub(crate) table_offset: u32,
}

impl FlashMap<'_> {
    /// Flash address of otadata.
    fn otadata(&self) -> Option<u32> {
        let otadata = |p: &&Partition| p.kind == Type::DATA && p.subtype == SubType::OTA;
        self.partitions.iter().find(otadata).map(|p| p.offset)
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
                None => named(p.label.to_string(), "data"),
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
            entry.state.to_string()
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
