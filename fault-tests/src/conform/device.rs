//! The device that an otadata vector describes, and stand-ins for what the vectors do not look at:
//! images that all verify or all do not, and an eFuse.

use std::collections::BTreeMap;

use embedded_storage::nor_flash::ReadNorFlash;
use ota_core::efuse::SecureVersion;
use ota_core::image::{ImageMetadata, Refusal, VerifyError, VerifyImage, app_desc, read_app_desc};
use ota_core::partition::{self, Label, SubType, TABLE_LEN, Type};
use ota_core::{Partition, Region, Slot};

use super::vector::{EntryBytes, OtadataVector, SectorOp};
use crate::input::Problem;
use crate::memory_flash::{MemoryFlash, Operation};

const OTADATA: u32 = 0x9000;
const SECTOR: u32 = 0x1000;
/// Nothing looks into the slots but for their descriptors, and the bootloader does not mind their
/// alignment.
const SLOT_SIZE: u32 = 0x1000;

/// A flash with the vector's table, entries and application descriptors.
pub(super) struct Device {
    flash: MemoryFlash,
    rows: Vec<Partition>,
    pub(super) flash_size: u32,
    start: Vec<u8>,
    table: Box<[u8; TABLE_LEN]>,
}

impl Device {
    pub(super) fn new(vector: &OtadataVector) -> Result<Self, Problem> {
        let mut slots = Vec::new();
        if vector.factory {
            slots.push(Slot::Factory);
        }
        slots.extend(vector.ota_slots.iter().map(|n| Slot::Ota(*n)));
        if vector.test {
            slots.push(Slot::Test);
        }
        if vector.ota_slots.iter().any(|n| *n > 15) || slots.len() > 90 {
            return Err(Problem::Impossible {
                asked: format!("the OTA slots {:?}", vector.ota_slots),
                expected: "numbers from 0 to 15",
            });
        }
        let mut rows = vec![row(
            "otadata",
            Type::DATA,
            SubType::OTA,
            OTADATA,
            2 * SECTOR,
        )];
        let mut offset = OTADATA + 2 * SECTOR;
        for slot in slots {
            let name = slot.to_string();
            rows.push(row(&name, Type::APP, slot.subtype(), offset, SLOT_SIZE));
            offset += SLOT_SIZE;
        }
        let mut table = Box::new([0xFF; TABLE_LEN]);
        // At most 91 rows: they fit.
        let _ = partition::emit_table(rows.iter().copied(), true, &mut table);
        let mut start = vec![0xFF; offset as usize];
        start[partition::DEFAULT_TABLE_OFFSET as usize..][..TABLE_LEN].copy_from_slice(&*table);
        for (index, entry) in (0..).zip([vector.e0, vector.e1]) {
            let at = (OTADATA + index * SECTOR) as usize;
            start[at..at + 32].copy_from_slice(&entry.0);
        }
        put_descriptors(&mut start, &rows, &vector.secure_version)?;
        Ok(Self {
            flash: MemoryFlash::new(start.clone()),
            rows,
            flash_size: offset,
            start,
            table,
        })
    }

    /// The flash as the vector describes it.
    pub(super) fn restore(&mut self) {
        self.flash.restore(&self.start);
    }

    /// Puts the vector's entries back, and nothing else.
    pub(super) fn restore_otadata(&mut self) {
        let mut bytes = self.flash.bytes().to_vec();
        let otadata = OTADATA as usize..(OTADATA + 2 * SECTOR) as usize;
        bytes[otadata.clone()].copy_from_slice(&self.start[otadata]);
        self.flash.restore(&bytes);
    }

    /// The binary table, and the flash.
    pub(super) const fn parts(&mut self) -> (&[u8; TABLE_LEN], &mut MemoryFlash) {
        (&self.table, &mut self.flash)
    }

    /// The partition of a slot, by the slot's name.
    pub(super) fn slot(&self, name: &str) -> Result<Partition, Problem> {
        slot(&self.rows, name)
    }

    /// The two entries as they are now.
    pub(super) fn entries(&self) -> [EntryBytes; 2] {
        [0, SECTOR].map(|sector| {
            let mut entry = [0; 32];
            let at = (OTADATA + sector) as usize;
            entry.copy_from_slice(&self.flash.bytes()[at..at + 32]);
            EntryBytes(entry)
        })
    }

    /// What was done to otadata since the flash was restored. An operation that the reference never
    /// does has words of its own, so that it compares as different.
    pub(super) fn otadata_ops(&self) -> Vec<SectorOp> {
        let sector = |address: u32| (address - OTADATA) / SECTOR;
        let otadata = OTADATA..OTADATA + 2 * SECTOR;
        let mut ops = Vec::new();
        for operation in self.flash.operations() {
            match *operation {
                Operation::Erase { from, to } => {
                    for at in (from..to).step_by(SECTOR as usize) {
                        if otadata.contains(&at) {
                            ops.push(SectorOp("erase".into(), sector(at)));
                        }
                    }
                }
                Operation::Program { address, length } if otadata.contains(&address) => {
                    let inside = address % SECTOR;
                    let what = if inside == 0 && length == 32 {
                        "write".into()
                    } else {
                        format!("write of {length} bytes at {inside}")
                    };
                    ops.push(SectorOp(what, sector(address)));
                }
                Operation::Program { .. } => {}
            }
        }
        ops
    }
}

pub(super) fn no_table(error: partition::TableError) -> Problem {
    Problem::Impossible {
        asked: format!("slots of which no table can be made ({error})"),
        expected: "a table that is accepted",
    }
}

fn slot(rows: &[Partition], name: &str) -> Result<Partition, Problem> {
    rows.iter()
        .find(|row| row.slot().is_some_and(|slot| slot.to_string() == name))
        .copied()
        .ok_or_else(|| Problem::Impossible {
            asked: format!("a slot {name:?}"),
            expected: "a slot of the vector's own table",
        })
}

fn row(name: &str, kind: Type, subtype: SubType, offset: u32, size: u32) -> Partition {
    Partition {
        kind,
        subtype,
        offset,
        size,
        label: Label::truncated(name),
        flags: 0,
    }
}

/// The part of an application descriptor that anti-rollback reads.
fn put_descriptors(
    flash: &mut [u8],
    rows: &[Partition],
    versions: &BTreeMap<String, Option<u32>>,
) -> Result<(), Problem> {
    for (name, version) in versions {
        let row = slot(rows, name)?;
        let Some(version) = version else { continue };
        let at = (row.offset + app_desc::OFFSET) as usize;
        flash[at..at + 4].copy_from_slice(&app_desc::MAGIC.to_le_bytes());
        flash[at + 4..at + 8].copy_from_slice(&version.to_le_bytes());
    }
    Ok(())
}

/// Answers for all images alike, and remembers which were asked about.
pub(super) struct AllImages {
    pub(super) good: bool,
    pub(super) asked: Vec<Region>,
}

impl AllImages {
    pub(super) const fn new(good: bool) -> Self {
        Self {
            good,
            asked: Vec::new(),
        }
    }
}

impl<F: ReadNorFlash> VerifyImage<F> for AllImages {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        self.asked.push(at);
        if self.good {
            Ok(ImageMetadata {
                region: at,
                image_len: at.size,
                segments: 1,
                digest: [0; 32],
                hashed: false,
                secure_version: read_app_desc(flash, at)
                    .ok()
                    .map(|desc| desc.secure_version),
            })
        } else {
            Err(VerifyError {
                at: at.offset,
                refusal: Refusal::Magic { found: 0xFF },
            })
        }
    }
}

/// The secure version of the device.
pub(super) struct Efuse(pub(super) u32);

impl SecureVersion for Efuse {
    type Error = std::convert::Infallible;

    fn read(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0)
    }

    fn burn(&mut self, version: u32) -> Result<(), Self::Error> {
        self.0 = version;
        Ok(())
    }
}
