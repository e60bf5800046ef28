//! Lives of a device under the hardened policy, on a RAM flash, with and without cuts.
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method alone is for one lifetime only"
)]
#![expect(
    clippy::result_large_err,
    reason = "the list of refused candidates is the point of the error"
)]
extern crate std;

mod anti_rollback;
mod chips;
mod cuts;
mod download;
mod encrypted;
mod full_log;
mod life;
mod limits;
mod mixed;
mod search;
mod simplest;
mod told;
mod unconfirmed;
mod words;

use embedded_storage::nor_flash::{NorFlashErrorKind, ReadNorFlash};
use std::vec::Vec;

use super::*;
use crate::boot::{BootConfig, BootInputs, FactoryReset};
use crate::chip;
use crate::efuse::{NoSecureVersion, Unary};
use crate::image::{ImageMetadata, Refusal, Target, VerifyError, VerifyImage, app_desc};
use crate::otadata::{Entry, OtaState};
use crate::partition::{Partition, PartitionTable, Slot, TABLE_LEN};
use crate::ram::{OTADATA, Op, Ram, SIZE, SLOT_SIZE, Torn, place};
use crate::update::{AppConfig, ImageSize, OtaError};
use crate::{EspErr, Region};

const FACTORY: Slot = Slot::Factory;
const A: Slot = Slot::Ota(0);
const B: Slot = Slot::Ota(1);
const C: Slot = Slot::Ota(2);

/// An image is two bytes, E9 and its number, and a descriptor; the number is its SHA-256.
#[derive(Clone, Copy)]
struct Numbered;

impl<F: ReadNorFlash> VerifyImage<F> for Numbered {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> core::result::Result<ImageMetadata, VerifyError<F::Error>> {
        let refuse = |refusal| VerifyError {
            at: at.offset,
            refusal,
        };
        let mut start = [0; 40];
        flash
            .read(at.offset, &mut start)
            .map_err(|e| refuse(Refusal::Flash(e)))?;
        let word = |from: usize| start[from..].first_chunk().copied().map(u32::from_le_bytes);
        match start {
            [0xE9, number, _, 0x77, ..] => Ok(ImageMetadata {
                region: at,
                image_len: 4,
                segments: 0,
                digest: [number; 32],
                hashed: true,
                secure_version: word(32).filter(|w| *w == app_desc::MAGIC).and(word(36)),
            }),
            [found, ..] => Err(refuse(Refusal::Magic { found })),
        }
    }
}

/// The bytes of an image: as many sectors as its number, and a bit.
fn image(number: u8) -> Vec<u8> {
    let mut bytes = std::vec![number; 4096 + 300];
    bytes[..4].copy_from_slice(&[0xE9, number, 0, 0x77]);
    bytes
}

fn is_otadata(at: u32) -> bool {
    (OTADATA..OTADATA + 0x2000).contains(&at)
}

/// Whether progress of a download is noted there: behind the log of its sector, from row 95 on.
fn is_note(at: u32) -> bool {
    is_otadata(at) && at % 0x1000 >= 32 * 95
}

type Result<T> = core::result::Result<T, OtaError<NorFlashErrorKind>>;
type App<'a> = super::Ota<'a, &'a mut Ram, Numbered, Unary, 2>;

/// A device: its flash, and what was built in.
#[derive(Clone)]
struct Device {
    ram: Ram,
    slots: Vec<Slot>,
    log: Log,
    /// What the room in that counts for, where its otadata is stood for.
    room: Room,
    attempts: u8,
    config: BootConfig,
    inputs: BootInputs,
}

impl Device {
    /// Freshly flashed: image 1 in the first of its slots, noise in the others.
    fn new(slots: &[Slot]) -> Self {
        let mut ram = Ram::with_slots(slots);
        for slot in slots {
            ram.put(place(slots, *slot).offset, &[0x5A; 100]);
        }
        ram.put(place(slots, slots[0]).offset, &image(1));
        // As much flash as there are partitions: it is copied often.
        let end = slots
            .iter()
            .map(|slot| place(slots, *slot).offset + SLOT_SIZE);
        ram.bytes.truncate(end.max().unwrap() as usize);
        Self {
            ram,
            slots: slots.to_vec(),
            log: Log::DEFAULT,
            room: Room::Counted,
            attempts: 1,
            config: BootConfig {
                factory_reset: Some(FactoryReset {
                    data_labels: "nvs",
                    erase_otadata: true,
                }),
                ..BootConfig::new(SIZE)
            },
            inputs: BootInputs::default(),
        }
    }

    fn partition(&self, slot: Slot) -> Partition {
        place(&self.slots, slot)
    }

    /// A reset; `Err` if nothing boots, or the power went.
    fn boot(&mut self) -> core::result::Result<Decision, BootError<NorFlashErrorKind>> {
        boot(
            &mut self.ram,
            &mut Numbered,
            &mut NoSecureVersion,
            &self.config,
            self.log,
            &self.inputs,
            &mut [0; TABLE_LEN],
        )
    }

    /// What a stock bootloader boots.
    fn stock(&self) -> Option<Slot> {
        let mut ram = self.ram.power_on();
        let config = BootConfig {
            rollback: true,
            ..BootConfig::new(SIZE)
        };
        let decision = crate::boot::boot(
            &mut ram,
            &mut Numbered,
            &mut NoSecureVersion,
            &config,
            &BootInputs::default(),
            &mut [0; TABLE_LEN],
        );
        decision.ok().map(|decision| decision.slot)
    }

    /// What is built into its application.
    fn app_config() -> AppConfig {
        AppConfig {
            rollback: true,
            ..AppConfig::new(Target::new(&chip::ESP32C3), SIZE)
        }
    }

    /// The application in `running` makes calls.
    fn app<T>(
        &mut self,
        running: Slot,
        calls: impl FnOnce(&mut App<'_>) -> Result<T>,
    ) -> Result<T> {
        let efuse = Unary::with_version(0, 16);
        self.app_with(running, Self::app_config(), efuse, calls)
    }

    /// The same, with this built in and burnt.
    fn app_with<T>(
        &mut self,
        running: Slot,
        config: AppConfig,
        efuse: Unary,
        calls: impl FnOnce(&mut App<'_>) -> Result<T>,
    ) -> Result<T> {
        let bytes = self.ram.table();
        let table = PartitionTable::for_application(&bytes, true).unwrap();
        let running = place(&self.slots, running);
        let ota = Ota::new(
            &mut self.ram,
            Numbered,
            efuse,
            table,
            running,
            config,
            self.log,
        );
        calls(&mut ota.with_attempts(self.attempts))
    }

    /// Begins to write `to`, and leaves the slot as it is.
    fn begin(&mut self, running: Slot, to: Slot) -> Result<()> {
        let to = self.partition(to);
        self.app(running, |ota| {
            ota.begin(&to, ImageSize::Sequential).map(|_| ())
        })
    }

    /// Downloads image `number` from `running` into `to`.
    fn download(&mut self, running: Slot, to: Slot, number: u8) -> Result<()> {
        let to = self.partition(to);
        self.app(running, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            for chunk in image(number).chunks(512) {
                ota.write(handle, chunk)?;
            }
            ota.end(handle)
        })
    }

    fn set_boot(&mut self, running: Slot, to: Slot) -> Result<()> {
        let to = self.partition(to);
        self.app(running, |ota| ota.set_boot_partition(&to))
    }

    fn confirm(&mut self, running: Slot) -> Result<()> {
        self.app(running, |ota| ota.mark_app_valid_cancel_rollback())
    }

    /// A device that comes from the stock policy: its first entry has this number.
    fn of_stock(seq: u32) -> Self {
        let mut device = Self::new(&[A, B]);
        let entry = Entry::new(seq, OtaState::VALID).emit();
        device.ram.put(OTADATA, &entry);
        device
    }

    /// Switched on again after a cut in [`begin`](Self::begin), behind so many operations.
    fn cut_in_begin(&self, running: Slot, to: Slot, operations: usize) -> Self {
        let mut device = self.power_on();
        device.ram.power = operations;
        device.begin(running, to).unwrap_err();
        device.power_on()
    }

    /// A whole update, confirmed.
    fn update(&mut self, running: Slot, to: Slot, number: u8) {
        self.download(running, to, number).unwrap();
        self.set_boot(running, to).unwrap();
        assert_eq!(self.boot().unwrap().slot, to);
        self.confirm(to).unwrap();
    }

    /// Switched on again it boots this slot, and has nothing to put in order.
    fn rests_with(&self, slot: Slot) {
        let mut again = self.power_on();
        assert_eq!(again.boot().unwrap().slot, slot);
        assert_eq!(again.cost(), otadata(0, 0));
    }

    /// An update that never confirms itself, and is rolled back: it is found bad.
    fn bad_update(&mut self, running: Slot, to: Slot, number: u8) {
        self.download(running, to, number).unwrap();
        self.set_boot(running, to).unwrap();
        for slot in [to, running] {
            assert_eq!(self.boot().unwrap().slot, slot);
        }
    }

    /// What the next boot runs, with its image and whether that is one more start of a trial; the
    /// device stays as it is.
    fn ahead(&self) -> Option<(Slot, [u8; 32])> {
        let mut device = self.power_on();
        let decision = device.boot().ok()?;
        Some((decision.slot, decision.image.digest))
    }

    fn power_on(&self) -> Self {
        Self {
            ram: self.ram.power_on(),
            ..self.clone()
        }
    }

    /// Erases and programs of otadata since last asked, and all others.
    fn cost(&mut self) -> Cost {
        let mut cost = Cost::default();
        for op in self.ram.ops.drain(..) {
            let (at, erase) = match op {
                Op::Erase { from, .. } => (from, true),
                Op::Program { at, .. } => (at, false),
            };
            match (is_otadata(at), erase) {
                (true, true) => cost.erases += 1,
                (true, false) => cost.programs += 1,
                (false, _) => cost.others += 1,
            }
        }
        cost
    }
}

/// Operations.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Cost {
    /// Erases of a sector of otadata.
    erases: u32,
    /// Programs in otadata.
    programs: u32,
    /// Elsewhere.
    others: u32,
}

fn otadata(erases: u32, programs: u32) -> Cost {
    Cost {
        erases,
        programs,
        others: 0,
    }
}
