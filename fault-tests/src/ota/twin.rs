//! The fault-free twin: what the device would do from here if the power stayed on.
//!
//! It runs the same boot and the same calls as the device, on a copy of the flash, and leaves the
//! device's own flash as it is. What it reads of the device's flash counts as read by the device:
//! the verdict on a boot depends on it, so states that differ there must not be merged.

use std::ops::Range;
use std::sync::Arc;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ota_core::boot::{BootInputs, Decision, boot};
use ota_core::efuse::NoSecureVersion;
use ota_core::flash::{Region, SECTOR};
use ota_core::hardened as ours;
use ota_core::image::{ImageMetadata, UnsignedVerifier, VerifyError, VerifyImage, header};
use ota_core::otadata::{ENTRY_LEN, Entry, slot_of};
use ota_core::partition::{Partition, PartitionTable, Slot, TABLE_LEN};
use sim_flash::{Profile, State};

use super::course::{Ahead, Course, Outcome, Slots};
use super::device::{Device, Verifier};
use super::errand::{Step, take};
use super::firmware::ImageId;
use super::hardened;
use crate::chip::{Accepted, Chip, ChipError, Knows};
use crate::explore::Ranges;
use crate::property::publish_order::unverified_pointer;
use crate::subject::OperationClock;

/// A copy of a device's flash. What it was asked to change is changed here alone.
pub(super) struct TwinFlash<'t, 'm> {
    chip: &'t mut Chip<'m>,
    state: State,
    /// What was erased here: it no longer depends on the device's flash.
    erased: Ranges,
    changed: Ranges,
    operations: u32,
}

impl<'t, 'm> TwinFlash<'t, 'm> {
    pub(super) fn new(chip: &'t mut Chip<'m>) -> Self {
        let state = chip.state().clone();
        Self {
            chip,
            state,
            erased: Ranges::new(),
            changed: Ranges::new(),
            operations: 0,
        }
    }

    /// Which of the accepted images lies at the start of `region`, every byte of it erased and written here.
    fn wrote(&self, region: &Range<u32>, accepted: &Accepted) -> Option<usize> {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let fits = |bytes: &&Arc<[u8]>| len(bytes) <= region.end - region.start;
        let mut fitting = accepted.contents.iter().filter(fits);
        fitting.position(|bytes| {
            let own = region.start..region.start + len(bytes);
            self.erased.missing_from(own).next().is_none() && self.state.holds(region.start, bytes)
        })
    }
}

impl ErrorType for TwinFlash<'_, '_> {
    type Error = ChipError;
}

impl ReadNorFlash for TwinFlash<'_, '_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if { &self.changed }.intersects(&(offset..offset.saturating_add(len))) {
            self.state.read(offset, bytes);
        } else if self.chip.rehearses() {
            return self.chip.read(offset, bytes);
        } else {
            return self.chip.read_again(offset, bytes);
        }
        for part in self.erased.missing_from(offset..offset.saturating_add(len)) {
            // This copy has only programmed there: so far as it has not, weak bits read as the
            // device reads them.
            let mut read = vec![0; part.len()];
            self.chip.read_again(part.start, &mut read)?;
            let at = (part.start - offset) as usize;
            let bytes = &mut bytes[at..at + part.len()];
            bytes
                .iter_mut()
                .zip(&read)
                .for_each(|(byte, read)| *byte &= read);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.chip.capacity()
    }
}

impl NorFlash for TwinFlash<'_, '_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        self.operations += 1;
        self.state.erase(from, to.saturating_sub(from));
        self.erased.insert(from..to);
        self.changed.insert(from..to);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.operations += 1;
        self.state.program(offset, bytes);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.changed.insert(offset..offset.saturating_add(len));
        Ok(())
    }
}

/// Bytes that an image is verified by: images are mostly recognised.
const BUFFER: usize = 512;

/// Verifies on a twin, as the device does where the twin changed nothing.
struct TwinVerifier<'t> {
    device: &'t Device,
    buffer: [u8; BUFFER],
}

impl VerifyImage<TwinFlash<'_, '_>> for TwinVerifier<'_> {
    fn verify(
        &mut self,
        flash: &mut TwinFlash<'_, '_>,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<ChipError>> {
        let mut verifier = UnsignedVerifier::new(self.device.target, &mut self.buffer[..])
            .expect("it is enough for a verifier");
        let accepted = &self.device.accepted;
        let region = at.offset..at.offset.saturating_add(at.size);
        if !flash.changed.intersects(&region) {
            return Verifier::knowing(verifier, accepted).verify(&mut *flash.chip, at);
        }
        let content = flash.wrote(&region, accepted);
        if content.is_none() {
            return verifier.verify(flash, at);
        }
        if let Some(known) = flash.chip.known_of(&region, content) {
            return known;
        }
        let result = verifier.verify(flash, at);
        flash.chip.know_of(&region, content, &result);
        result
    }
}

/// The fault-free twin of a device.
pub(super) struct Twin<'t, 'm> {
    device: &'t Device,
    flash: TwinFlash<'t, 'm>,
    verifier: TwinVerifier<'t>,
}

impl<'t, 'm> Twin<'t, 'm> {
    pub(super) fn new(device: &'t Device, chip: &'t mut Chip<'m>) -> Self {
        Self {
            device,
            flash: TwinFlash::new(chip),
            verifier: TwinVerifier {
                device,
                buffer: [0; BUFFER],
            },
        }
    }

    /// What the coming boots of a device with this flash decide.
    pub(super) fn on(device: &Device, profile: &Profile, state: &State) -> Ahead {
        let clock = OperationClock::default();
        let mut chip = Chip::new(profile, state.clone(), clock, Knows::Nothing);
        Twin::new(device, &mut chip).course()
    }

    /// What matters of a device's flash to its algorithm: otadata, by hash, and which slots verify.
    pub(super) fn whole(device: &Device, profile: &Profile, state: &State) -> (u128, Vec<Slot>) {
        let clock = OperationClock::default();
        let mut chip = Chip::new(profile, state.clone(), clock, Knows::Nothing);
        let Twin {
            mut flash,
            mut verifier,
            ..
        } = Twin::new(device, &mut chip);
        let slots = device.partitions.iter().filter_map(|partition| {
            verifier.verify(&mut flash, partition.region()).ok()?;
            partition.slot()
        });
        let slots = slots.collect();
        let otadata = device.otadata().unwrap_or_default();
        (state.hash_range(otadata..otadata + 0x2000), slots)
    }

    /// Takes a step of an errand, as the application in `running` is about to.
    pub(super) fn rehearse(
        mut self,
        step: Step,
        table: PartitionTable<'_>,
        running: Partition,
    ) -> Self {
        let (device, flash, verifier) = (self.device, &mut self.flash, &mut self.verifier);
        flash.chip.rehearse();
        // An error is an outcome like any other: the coming boots tell.
        let _ = device.with_core(&mut *flash, verifier, table, running, |ota| {
            take(step, device, ota, &mut |_, _| {})
        });
        flash.chip.rehearsed();
        self
    }

    /// What the coming boots decide, and what otadata names in vain before them.
    pub(super) fn course(mut self) -> Ahead {
        let vain = self.vain();
        let mut course = [None; Course::BOOTS];
        for boot in 0..Course::BOOTS {
            let before = self.flash.operations;
            course[boot] = self.boot();
            if self.flash.operations == before {
                let resting = course[boot];
                course[boot..].fill(resting);
                break;
            }
        }
        let course = Course(course);
        Ahead { course, vain }
    }

    /// The slots that an entry may select although no image begins there.
    ///
    /// Under the hardened policy entries select nothing. More is not looked at: to verify the image that no boot
    /// would run makes every byte of a download matter.
    fn vain(&mut self) -> Slots {
        let slots = self.device.ota_slots();
        let by_entries = self.device.policy.in_bootloader().is_none();
        let Some(otadata) = self.device.otadata().filter(|_| by_entries) else {
            return Slots::default();
        };
        let mut vain = Slots::default();
        for at in [otadata, otadata + SECTOR] {
            let mut entry = [0; ENTRY_LEN];
            let _ = self.flash.read(at, &mut entry);
            let entry = Entry::parse(&entry);
            let slot = slot_of(entry.seq, slots).filter(|_| entry.is_valid());
            let slot = slot.and_then(|slot| Some(Slot::Ota(u8::try_from(slot).ok()?)));
            let Some(partition) = slot.and_then(|slot| self.device.slot(slot)) else {
                continue;
            };
            let mut start = [0; State::GRANULE as usize];
            let _ = self.flash.read(partition.offset, &mut start);
            if start[0] != header::MAGIC {
                vain = vain.with(slot);
            }
        }
        vain
    }

    /// Which of the published images lies in a slot.
    fn image_in(&mut self, slot: Region) -> Option<ImageId> {
        let contents = &self.device.accepted.contents;
        let touched = slot.offset..slot.offset.saturating_add(slot.size);
        let held = if self.flash.changed.intersects(&touched) {
            let mut holds = |bytes: &[u8]| {
                let mut found = vec![0; bytes.len()];
                self.flash.read(slot.offset, &mut found).is_ok() && found == bytes
            };
            contents.iter().position(|bytes| holds(bytes))
        } else {
            self.flash.chip.holds(slot.offset, contents)
        };
        held.and_then(|index| u8::try_from(index).ok()).map(ImageId)
    }

    fn boot(&mut self) -> Option<Outcome> {
        let (flash, verifier) = (&mut self.flash, &mut self.verifier);
        let (efuse, config) = (&mut NoSecureVersion, &self.device.boot);
        let (inputs, table) = (BootInputs::default(), &mut [0; TABLE_LEN]);
        if let Some(log) = self.device.policy.in_bootloader() {
            let booted = ours::boot(flash, verifier, efuse, config, log, &inputs, table);
            let decision = booted.ok()?;
            let image = self.image_in(decision.image.region);
            return Some(hardened::outcome(&decision, image));
        }
        let decision = boot(flash, verifier, efuse, config, &inputs, table).ok()?;
        let image = self.image_in(decision.image.region);
        Some(outcome(&decision, image))
    }
}

/// What a boot decided, for the judge.
pub(super) fn outcome(decision: &Decision, image: Option<ImageId>) -> Outcome {
    Outcome {
        slot: decision.slot,
        image,
        astray: unverified_pointer(decision),
    }
}

/// `&mut` to either is as good: the core takes what it works on by value.
#[allow(clippy::mut_mut)] // the trait adds one, the core's borrow is the other
impl<'f, 't, 'm> VerifyImage<&'f mut TwinFlash<'t, 'm>> for &mut TwinVerifier<'_> {
    fn verify(
        &mut self,
        flash: &mut &'f mut TwinFlash<'t, 'm>,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<ChipError>> {
        <TwinVerifier<'_> as VerifyImage<TwinFlash<'t, 'm>>>::verify(self, flash, at)
    }
}
