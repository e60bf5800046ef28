//! The device that a dump is of: its bootloader, and an application that makes one call.

use std::ops::Range;
use std::sync::Arc;

use embedded_storage::nor_flash::ReadNorFlash as _;
use ota_core::boot::{BootConfig, BootError, BootInputs, Decision, FactoryReset, boot};
use ota_core::efuse::NoSecureVersion;
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::otadata::{ENTRY_LEN, Entry};
use ota_core::partition::{Partition, PartitionTable, TABLE_LEN};
use ota_core::update::{ImageSize, Ota, OtaError};
use sim_flash::Tear;

use super::call::Call;
use super::promise::{Twin, World, judge};
use crate::chip::{Accepted, Chip, ChipError};
use crate::explore::Record;
use crate::ota::{Firmware, FlashMap, ImageId, Verifier, app_config, entries_of, name_of, watch};
use crate::property::containment::Conduct;
use crate::property::{no_brick, publish_order, wear};
use crate::subject::{Dead, Journal, Meaning, Place, Rest, Subject};

/// Bytes handed to each `write`, and to the verifier at a time.
const CHUNK: usize = 4096;

/// The device of a dump.
#[derive(Clone, Debug)]
pub struct DumpDevice {
    /// What it does while the power fails.
    pub call: Call,
    /// The partition that runs when an application makes the call.
    pub running: Partition,
    /// The partition that the call is about, if it is about one.
    pub slot: Option<Partition>,
    /// What an update downloads.
    pub update: Arc<[u8]>,
    /// Every image that may come to run: those in the dump, and the update.
    pub images: Vec<Firmware>,
    /// The same, as the verifier can accept them.
    pub accepted: Accepted,
    /// What it learns less of than the bytes: the entries of otadata, the headers of images.
    pub records: Vec<Record>,
    /// Bytes of otadata that are carried: the labels.
    pub labels: Vec<Range<u32>>,
    /// What it does without a cut.
    pub twin: Twin,
    /// The bootloader's configuration.
    pub boot: BootConfig,
    /// Whether the application insists on the table's MD5 row.
    pub md5: bool,
    /// The chip that images must be built for.
    pub target: Target,
    /// The partitions, for naming what lies where.
    pub partitions: Vec<Partition>,
}

type Core<'t, 'b, 'm> = Ota<'t, &'t mut Chip<'m>, Verifier<'b>, NoSecureVersion, 1>;

/// What a boot came to, and the image that it runs if that is known.
pub(super) type Booted = Result<(Decision, Option<ImageId>), BootError<ChipError>>;

impl DumpDevice {
    /// The bootloader, from the reset to the jump.
    #[expect(
        clippy::result_large_err,
        reason = "the list of refused slots is the point of the error"
    )]
    pub(super) fn decide(&self, chip: &mut Chip<'_>, inputs: BootInputs) -> Booted {
        let mut buffer = [0; CHUNK];
        let mut verifier = self.verifier(&mut buffer);
        let config = BootConfig {
            factory_reset: inputs.factory_reset_pin.then_some(FactoryReset {
                data_labels: "",
                erase_otadata: true,
            }),
            ..self.boot
        };
        let mut table = [0; TABLE_LEN];
        let efuse = &mut NoSecureVersion;
        let decision = boot(chip, &mut verifier, efuse, &config, &inputs, &mut table)?;
        let at = decision.image.region.offset;
        let held = chip.holds(at, &self.accepted.contents);
        let id = held.and_then(|index| u8::try_from(index).ok());
        Ok((decision, id.map(ImageId)))
    }

    pub(super) fn map(&self) -> FlashMap<'_> {
        FlashMap {
            partitions: &self.partitions,
            table_offset: self.boot.table_offset,
        }
    }

    fn verifier<'b>(&'b self, buffer: &'b mut [u8; CHUNK]) -> Verifier<'b> {
        let verifier = UnsignedVerifier::new(self.target, buffer);
        let verifier = verifier.expect("a sector is room enough for the verifier");
        Verifier::knowing(verifier, &self.accepted)
    }

    /// The name of an image.
    pub fn name(&self, image: ImageId) -> String {
        self.images
            .get(usize::from(image.0))
            .map_or_else(|| "?".into(), |firmware| firmware.name.clone())
    }

    /// `ota_1 runs blink 1.2`: what a boot comes to, for a list of outcomes.
    pub(super) fn outcome(&self, booted: &Booted) -> String {
        match booted {
            Ok((decision, image)) => {
                let image = image.map_or_else(|| "an unknown image".into(), |i| self.name(i));
                format!("{} runs {image}", decision.slot)
            }
            Err(_) => "nothing boots".into(),
        }
    }

    /// What a power-on of the device may do, whose otadata was `entries`.
    fn conduct(&self, entries: Option<[Entry; 2]>, running: Option<Partition>) -> Conduct<'_> {
        Conduct {
            map: self.map(),
            monitors: self.boot.rollback || self.boot.anti_rollback,
            entries,
            wiped: None,
            running,
            by_bootloader: 0,
        }
    }

    /// A boot, judged; its application does nothing.
    fn boots(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
        inputs: BootInputs,
    ) -> Result<Rest, Dead> {
        let before = self.entries(chip);
        let booted = self.decide(chip, inputs);
        if chip.dead() || chip.hangs() {
            return Err(Dead);
        }
        let by_bootloader = u32::try_from(chip.done().count()).unwrap_or(u32::MAX);
        // A factory reset begins in one state only, so the judge may look at it.
        let read = entries_of(booted.as_ref().map(|(decision, _)| decision));
        let entries = if inputs.factory_reset_pin {
            before
        } else {
            read
        };
        let conduct = Conduct {
            by_bootloader,
            ..self.conduct(entries, None)
        };
        watch(journal, chip, &conduct, wear::STOCK);
        journal.sometimes(self.outcome(&booted));
        let found = no_brick::judge(&booted);
        let (decision, image) = match booted {
            Ok(booted) => booted,
            Err(error) => {
                journal.boot(&error);
                journal.found(found);
                return Ok(Rest::Stuck);
            }
        };
        if inputs.factory_reset_pin && decision.wipe == Some(ota_core::boot::Wipe::Done) {
            journal.change(|world| *world = World::Done);
        }
        let runs = image.map_or_else(|| "an unknown image".into(), |image| self.name(image));
        journal.boot(format_args!("{runs} runs: {decision}"));
        let pointer = publish_order::unverified_pointer(&decision);
        let always = |slot| self.twin.unverified.contains(&slot);
        journal.found(publish_order::judge(pointer, always));
        let name = |image| self.name(image);
        judge(journal, &self.twin, name, decision.slot, image);
        Ok(Rest::Idle)
    }

    /// The running application makes the call.
    fn calls(&self, chip: &mut Chip<'_>, journal: &mut Journal<World>) -> Result<Rest, Dead> {
        // The call begins in one state only, so the judge may look at it.
        let conduct = self.conduct(self.entries(chip), Some(self.running));
        let done = self.call(chip, journal)?;
        watch(journal, chip, &conduct, wear::STOCK);
        match done {
            Ok(()) => {
                journal.change(|world| *world = World::Done);
                journal.note("Ok; the device resets");
            }
            Err(error) => journal.note(format_args!("{}: {error}", error.esp_err())),
        }
        Ok(Rest::Reset)
    }

    fn call(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
    ) -> Result<Result<(), OtaError<ChipError>>, Dead> {
        let mut bytes = [0; TABLE_LEN];
        let mut buffer = [0; CHUNK];
        let mut core = self.core(chip, &mut bytes, &mut buffer)?;
        journal.change(|world| *world = World::Untouched);
        let done = match self.call {
            Call::Update => self.update(&mut core, journal),
            Call::Select => self.select(&mut core, journal),
            call => {
                journal.call(call.function(), "");
                journal.change(|world| *world = World::Underway);
                match call {
                    Call::Confirm => core.mark_app_valid_cancel_rollback(),
                    Call::Reject => core.mark_app_invalid_rollback(),
                    _ => core.erase_last_boot_app_partition(),
                }
            }
        };
        if core.flash().dead() || core.flash().hangs() {
            return Err(Dead);
        }
        Ok(done)
    }

    /// otadata as it is, for the judge.
    fn entries(&self, chip: &Chip<'_>) -> Option<[Entry; 2]> {
        let at = [self.map().entry(0)?, self.map().entry(1)?];
        Some(at.map(|at| {
            let mut bytes = [0; ENTRY_LEN];
            chip.state().read(at.start, &mut bytes);
            Entry::parse(&bytes)
        }))
    }

    /// The update core of the running application.
    fn core<'t, 'm>(
        &'t self,
        chip: &'t mut Chip<'m>,
        table: &'t mut [u8; TABLE_LEN],
        buffer: &'t mut [u8; CHUNK],
    ) -> Result<Core<'t, 't, 'm>, Dead> {
        chip.read(self.boot.table_offset, table).map_err(|_| Dead)?;
        let table = PartitionTable::for_application(&*table, self.md5).map_err(|_| Dead)?;
        let config = app_config(&self.boot, self.target);
        let verifier = self.verifier(buffer);
        let efuse = NoSecureVersion;
        let running = self.running;
        Ok(Ota::new(chip, verifier, efuse, table, running, config))
    }

    /// The slot that the running application would update next.
    pub(super) fn next_slot(&self, chip: &mut Chip<'_>) -> Option<Partition> {
        let core = (&mut [0; TABLE_LEN], &mut [0; CHUNK]);
        let core = self.core(chip, core.0, core.1).ok()?;
        core.next_update_partition(None)
    }

    fn update(
        &self,
        core: &mut Core<'_, '_, '_>,
        journal: &mut Journal<World>,
    ) -> Result<(), OtaError<ChipError>> {
        let Some(slot) = self.slot else { return Ok(()) };
        let size = ImageSize::Known(u32::try_from(self.update.len()).unwrap_or(u32::MAX));
        journal.call("begin", name_of(&slot));
        let handle = core.begin(&slot, size)?;
        let bytes = self.update.len();
        let argument = format_args!("{bytes} bytes in chunks of {CHUNK}");
        journal.call("write", argument);
        for chunk in self.update.chunks(CHUNK) {
            core.write(handle, chunk)?;
        }
        journal.call("end", "");
        core.end(handle)?;
        self.select(core, journal)
    }

    fn select(
        &self,
        core: &mut Core<'_, '_, '_>,
        journal: &mut Journal<World>,
    ) -> Result<(), OtaError<ChipError>> {
        let Some(slot) = self.slot else { return Ok(()) };
        journal.call("set_boot_partition", name_of(&slot));
        journal.change(|world| *world = World::Underway);
        core.set_boot_partition(&slot)
    }
}

impl Subject for DumpDevice {
    type World = World;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<World>) -> Result<Rest, Dead> {
        if *journal.world() != World::Begin {
            return self.boots(chip, journal, BootInputs::default());
        }
        if self.call.by_application() {
            return self.calls(chip, journal);
        }
        // A person holds the pin during this reset, and no longer after a cut.
        let factory_reset_pin = self.call == Call::FactoryReset;
        if factory_reset_pin {
            journal.call(self.call.function(), "otadata");
            journal.change(|world| *world = World::Underway);
        }
        let inputs = BootInputs {
            factory_reset_pin,
            ..BootInputs::default()
        };
        self.boots(chip, journal, inputs)
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn carried(&self) -> &[Range<u32>] {
        &self.labels
    }

    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        self.map().solved(addr, data)
    }

    fn place(&self, addr: u32) -> Place {
        self.map().place(addr)
    }

    fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        self.map().meaning(addr, bytes)
    }
}
