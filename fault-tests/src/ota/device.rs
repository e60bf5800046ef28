//! A device with `ota-core` in its bootloader and in its application.

use std::cell::Cell;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use ota_core::boot::{BootConfig, BootError, BootInputs, Decision, Wipe, boot};
use ota_core::flash::Region;
use ota_core::hardened::{self as ours, Log, Room};
use ota_core::image::{ImageMetadata, Target, UnsignedVerifier, VerifyError, VerifyImage};
use ota_core::otadata::Entry;
use ota_core::partition::{Partition, PartitionTable, Slot, TABLE_LEN};
use ota_core::update::{AppConfig, Ota};
use sim_flash::{Cipher, State, Tear};

use super::application::{Application, CHUNK};
use super::caller::Caller;
use super::efuse::Efuse;
use super::firmware::{Firmware, ImageId};
use super::flash_map::FlashMap;
use super::hardened;
use super::marks;
use super::policy::Policy;
use super::twin::outcome;
use super::watch::watch;
use super::world::{Afresh, World, judge_boot};
use crate::chip::{Accepted, Chip, ChipError, InUnits};
use crate::explore::Record;
use crate::property::containment::Conduct;
use crate::property::{anti_rollback, no_brick, publish_order, recovery};
use crate::subject::{Dead, Journal, Meaning, Place, Rest, Subject};

/// What a freshly updated application finds out about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTest {
    /// It works, and confirms itself.
    Passes,
    /// It hangs before it can tell; the watchdog resets the device.
    Hangs,
}

/// How the update is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writing {
    /// The size is known; its sectors are erased up front.
    KnownSize,
    /// `OTA_SIZE_UNKNOWN`: the whole slot is erased up front.
    UnknownSize,
    /// `OTA_WITH_SEQUENTIAL_WRITES`: each sector is erased as the download reaches it.
    Sequential,
    /// The same, and a download that was cut is resumed where `write` last returned Ok.
    Resumed,
}

/// A bootloader: from the reset to the jump.
pub type Bootloader = for<'m> fn(
    &mut Chip<'m>,
    &mut Verifier<'_>,
    &mut Efuse<'_>,
    &BootConfig,
    &BootInputs,
    &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<ChipError>>;

/// The bootloader of `ota-core`, which is ESP-IDF's.
#[expect(
    clippy::result_large_err,
    reason = "the list of refused slots is the point of the error"
)]
pub fn stock_bootloader(
    chip: &mut Chip<'_>,
    verifier: &mut Verifier<'_>,
    efuse: &mut Efuse<'_>,
    config: &BootConfig,
    inputs: &BootInputs,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<ChipError>> {
    boot(chip, verifier, efuse, config, inputs, table)
}

/// A device that boots, confirms itself and updates itself.
#[derive(Clone, Debug)]
pub struct Device {
    /// What the server has published, oldest first; an application asks for the one after itself.
    pub published: Vec<Firmware>,
    /// What it publishes when all is over: an image that works.
    pub fresh: Firmware,
    /// What a download delivers, by image, where it differs from what was published.
    pub damaged: Option<ImageId>,
    /// The self-test of every application but the first.
    pub self_test: SelfTest,
    /// How updates are written.
    pub writing: Writing,
    /// How it writes otadata.
    pub policy: Policy,
    /// What the room that is left in its log counts for, to whoever explores it.
    pub room: Room,
    /// The bootloader, under the stock policy.
    pub bootloader: Bootloader,
    /// The bootloader's configuration.
    pub boot: BootConfig,
    /// Whether the application insists on the table's MD5 row (`CONFIG_PARTITION_TABLE_MD5`).
    pub md5: bool,
    /// The chip that images must be built for.
    pub target: Target,
    /// The partitions, for naming what lies where.
    pub partitions: Vec<Partition>,
    /// What the verifier can accept: the published images, each once.
    pub accepted: Accepted,
    /// Bytes of otadata that are carried: the labels.
    pub labels: Vec<Range<u32>>,
    /// What it learns less of than the bytes: the entries of otadata, the headers of images.
    pub records: Vec<Record>,
    /// What its flash makes of the bytes that it stores, if that encrypts.
    pub cipher: Option<Arc<Cipher>>,
}

/// Verifies through [`Chip::checked`]: of an image nobody published the digest cannot match.
#[derive(Debug)]
pub struct Verifier<'b> {
    verifier: UnsignedVerifier<'b>,
    published: Option<&'b Accepted>,
}

impl<'b> Verifier<'b> {
    /// A verifier that reads through `verifier`, and remembers what it said of the same bytes.
    pub const fn new(verifier: UnsignedVerifier<'b>) -> Self {
        Self {
            verifier,
            published: None,
        }
    }

    /// Besides, it knows all images that can verify.
    pub const fn knowing(verifier: UnsignedVerifier<'b>, published: &'b Accepted) -> Self {
        Self {
            verifier,
            published: Some(published),
        }
    }
}

type Verified = Result<ImageMetadata, VerifyError<ChipError>>;

impl<'m> VerifyImage<Chip<'m>> for Verifier<'_> {
    fn verify(&mut self, chip: &mut Chip<'m>, at: Region) -> Verified {
        let end = at.offset.saturating_add(at.size);
        match self.published {
            Some(published) => chip.checked(at.offset..end, published, |chip| {
                self.verifier.verify(chip, at)
            }),
            None => chip.memoised(at.offset..end, |chip| self.verifier.verify(chip, at)),
        }
    }
}

/// The application's view of the flash goes through a borrow of the same chip.
#[allow(clippy::mut_mut)] // the trait adds one, the application's borrow is the other
impl<'m> VerifyImage<&mut Chip<'m>> for Verifier<'_> {
    fn verify(&mut self, chip: &mut &mut Chip<'m>, at: Region) -> Verified {
        <Self as VerifyImage<Chip<'m>>>::verify(self, chip, at)
    }
}

/// And so does one that goes by the size of its programs.
impl<'m, const W: usize> VerifyImage<InUnits<'_, 'm, W>> for Verifier<'_> {
    fn verify(&mut self, flash: &mut InUnits<'_, 'm, W>, at: Region) -> Verified {
        <Self as VerifyImage<Chip<'m>>>::verify(self, flash.chip(), at)
    }
}

impl Subject for Device {
    type World = World;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<World>) -> Result<Rest, Dead> {
        if let Some(log) = self.policy.in_bootloader() {
            return match chip.program_unit() {
                1 => hardened::power_on::<1>(self, log, chip, journal),
                2..=4 => hardened::power_on::<4>(self, log, chip, journal),
                5..=8 => hardened::power_on::<8>(self, log, chip, journal),
                9..=16 => hardened::power_on::<16>(self, log, chip, journal),
                _ => hardened::power_on::<32>(self, log, chip, journal),
            };
        }
        let mut table = [0; TABLE_LEN];
        let mut buffer = [0; CHUNK];
        let Ok(verifier) = UnsignedVerifier::new(self.target, &mut buffer) else {
            return Ok(Rest::Stuck);
        };
        let mut verifier = Verifier::knowing(verifier, &self.accepted);
        let inputs = pins(journal);
        let found = *journal.world();
        let minimum = Cell::new(found.minimum());
        let mut efuse = Efuse::new(&minimum, self.target.chip);
        let (bootloader, config) = (self.bootloader, &self.boot);
        let booted = bootloader(chip, &mut verifier, &mut efuse, config, &inputs, &mut table);
        if chip.dead() {
            return Err(Dead);
        }
        journal.found(anti_rollback::judge_minimum(found.minimum(), minimum.get()));
        journal.change(|world| world.burn(minimum.get()));
        let (before, after) = (found.promises(), journal.world().promises());
        journal.found(recovery::judge(&before, &after));
        let bricked = no_brick::judge(&booted);
        // An application of the hardened policy has no entry that decides alone.
        let entries = entries_of(booted.as_ref()).filter(|_| self.policy == Policy::Stock);
        let mut conduct = self.conduct(chip, entries, inputs);
        let decision = match &booted {
            Ok(decision) => decision,
            Err(error) => {
                journal.boot(error);
                if let BootError::NothingBootable { tried, .. } = error {
                    journal.found(anti_rollback::judge_nothing(tried));
                }
                journal.found(bricked);
                watch(journal, chip, &conduct, self.policy.wear());
                return Ok(Rest::Stuck);
            }
        };
        conduct.running = Some(decision.partition);
        if decision.wipe == Some(Wipe::Done) {
            journal.change(World::is_reset);
        }
        let rest = self.run(chip, journal, verifier, &minimum, &table, decision)?;
        watch(journal, chip, &conduct, self.policy.wear());
        Ok(rest)
    }

    fn asked(&self, world: &World) -> Option<World> {
        Some(World::Afresh {
            stage: Afresh::Offered,
            minimum: world.minimum(),
        })
    }

    fn satisfied(&self, world: &World) -> Result<(), String> {
        let World::Afresh { stage, .. } = world else {
            return Ok(());
        };
        match stage {
            Afresh::Done => Ok(()),
            Afresh::Switched(slot) => Err(format!(
                "it was written to {slot} and switched to, and does not run from there"
            )),
            Afresh::Offered => Err("it was not written, or not switched to".into()),
        }
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn carried(&self) -> &[Range<u32>] {
        &self.labels
    }

    fn simplest(&self, state: &State) -> Option<State> {
        hardened::simplest(self, self.simplified()?, state)
    }

    fn stands_for_less(&self) -> bool {
        self.room == Room::Ample
    }

    fn interchangeable(&self, addr: u32) -> u32 {
        match (self.room, self.otadata()) {
            (Room::Ample, Some(otadata)) => hardened::interchangeable(otadata, addr),
            _ => addr,
        }
    }

    fn plainer(&self, state: &State) -> Option<State> {
        hardened::plainer(self, self.simplified()?, state)
    }

    fn numbered(&self) -> Option<Range<u32>> {
        self.simplified()?;
        let at = self.otadata()?;
        Some(at..at + ota_core::otadata::MIN_SIZE)
    }

    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        if self.cipher.is_some() {
            // A torn row is noise: none has a right checksum that one could solve for.
            return Vec::new();
        }
        self.map().solved(addr, data)
    }

    fn solved_erase(&self, erased: &Range<u32>, before: &State) -> Vec<Tear> {
        hardened::solved_erase(self, erased, before)
    }

    fn place(&self, addr: u32) -> Place {
        self.map().place(addr)
    }

    fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        let Some(cipher) = &self.cipher else {
            return self.map().meaning(addr, bytes);
        };
        let mut plain = bytes.to_vec();
        cipher.decrypt(addr, &mut plain);
        let blank = bytes.iter().all(|byte| *byte == 0xFF);
        self.map().meaning(addr, if blank { bytes } else { &plain })
    }
}

/// The pins at this power-on.
pub(super) fn pins(journal: &mut Journal<World>) -> BootInputs {
    let mut factory_reset_pin = false;
    journal.change(|world| factory_reset_pin = world.begins_reset());
    if factory_reset_pin {
        journal.call("factory_reset", "");
    }
    BootInputs {
        factory_reset_pin,
        ..BootInputs::default()
    }
}

/// otadata as a bootloader read it.
pub(crate) fn entries_of<E>(booted: Result<&Decision, &BootError<E>>) -> Option<[Entry; 2]> {
    match booted {
        Ok(decision) => decision.entries,
        Err(BootError::NothingBootable { selection, .. }) => selection.entries,
        Err(_) => None,
    }
}

impl Device {
    /// From the bootloader's jump on.
    fn run(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
        verifier: Verifier<'_>,
        minimum: &Cell<u32>,
        table: &[u8; TABLE_LEN],
        decision: &Decision,
    ) -> Result<Rest, Dead> {
        let image = self.jump(chip, journal, decision.image.region, decision)?;
        if let World::Calls(plan) = *journal.world() {
            let mut caller = Caller {
                device: self,
                journal,
                running: decision.partition,
                table,
            };
            return caller.run(chip, verifier, plan, outcome(decision, image));
        }
        // When all is over, how the new update ends is all that is judged.
        if !matches!(journal.world(), World::Afresh { .. }) {
            self.judge(journal, decision, image);
        }
        let started = Started {
            verifier,
            minimum,
            table,
            running: decision.partition,
            image,
        };
        self.application::<1>(chip, journal, started)
    }

    /// Where an operation of this power-on may be; so far the bootloader has made some, and read `entries`.
    pub(super) fn conduct(
        &self,
        chip: &Chip<'_>,
        entries: Option<[Entry; 2]>,
        inputs: BootInputs,
    ) -> Conduct<'_> {
        let resets = inputs.factory_reset_pin;
        let wiped = self.boot.factory_reset.filter(|_| resets);
        Conduct {
            map: self.map(),
            monitors: self.boot.rollback || self.boot.anti_rollback,
            // That no entry is obeyed is what a factory reset is for.
            entries: entries.filter(|_| !resets),
            wiped: wiped.map(|reset| reset.data_labels),
            running: None,
            by_bootloader: u32::try_from(chip.done().count()).unwrap_or(u32::MAX),
        }
    }

    /// Says what a bootloader has decided, and which image it jumps to, if that is one that was published.
    pub(super) fn jump(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
        to: Region,
        decision: &impl Display,
    ) -> Result<Option<ImageId>, Dead> {
        let held = chip.holds(to.offset, &self.accepted.contents);
        let image = held.and_then(|index| u8::try_from(index).ok()).map(ImageId);
        if chip.dead() {
            return Err(Dead);
        }
        let runs = image.map_or_else(|| "unpublished content".into(), |image| self.name(image));
        journal.boot(format_args!("{runs} runs: {decision}"));
        Ok(image)
    }

    /// From the application's first instruction on, on a chip that programs `W` bytes at least.
    pub(super) fn application<const W: usize>(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
        started: Started<'_, '_>,
    ) -> Result<Rest, Dead> {
        let Started {
            verifier,
            minimum,
            table,
            running,
            image,
        } = started;
        let Some(me) = image else {
            return Ok(Rest::Stuck);
        };
        let Ok(table) = PartitionTable::for_application(table, self.md5) else {
            journal.note("the application finds no partition table");
            return Ok(Rest::Idle);
        };
        let efuse = Efuse::new(minimum, self.target.chip);
        let Some(log) = self.policy.in_application() else {
            return Application {
                device: self,
                ota: self.core(chip, verifier, efuse, table, running),
                minimum,
                journal,
                me,
            }
            .run();
        };
        let flash = InUnits::<W>::new(chip);
        Application {
            device: self,
            ota: self.hardened_core(flash, verifier, efuse, table, running, log),
            minimum,
            journal,
            me,
        }
        .run()
    }
}

/// What a bootloader has started.
pub(super) struct Started<'s, 'b> {
    pub(super) verifier: Verifier<'b>,
    pub(super) minimum: &'s Cell<u32>,
    pub(super) table: &'s [u8; TABLE_LEN],
    pub(super) running: Partition,
    /// The image that runs there, if it is one that was published.
    pub(super) image: Option<ImageId>,
}

/// The application's configuration that goes with the bootloader's.
pub(crate) const fn app_config(boot: &BootConfig, target: Target) -> AppConfig {
    AppConfig {
        rollback: boot.rollback,
        anti_rollback: boot.anti_rollback,
        table_offset: boot.table_offset,
        ..AppConfig::new(target, boot.flash_size)
    }
}

impl Device {
    pub(crate) fn map(&self) -> FlashMap<'_> {
        FlashMap {
            partitions: &self.partitions,
            table_offset: self.boot.table_offset,
        }
    }

    /// The log of a device whose otadata is explored by the simplest that behaves alike: of the hardened policy.
    ///
    /// Through encryption, leaving out rows that are over halves the states, and costs the time that it saves: to
    /// compare a state with the one that stands for it takes longer than to run it.
    fn simplified(&self) -> Option<Log> {
        match self.policy {
            Policy::Hardened(log) if self.cipher.is_none() => Some(log),
            _ => None,
        }
    }

    /// Flash address of otadata.
    pub(super) fn otadata(&self) -> Option<u32> {
        self.map().otadata()
    }

    /// The name of a published image.
    pub fn name(&self, image: ImageId) -> String {
        self.firmware(image).name.clone()
    }

    fn firmware(&self, image: ImageId) -> &Firmware {
        let published = self.published.get(usize::from(image.0));
        published.unwrap_or(&self.fresh)
    }

    /// Names the image that is published when all is over.
    pub(super) fn fresh_id(&self) -> ImageId {
        let mut published = (0..).zip(&self.published);
        let same = published.find(|(_, image)| Arc::ptr_eq(&image.bytes, &self.fresh.bytes));
        let behind = u8::try_from(self.published.len()).unwrap_or(u8::MAX);
        ImageId(same.map_or(behind, |(id, _)| id))
    }

    fn judge(&self, journal: &mut Journal<World>, decision: &Decision, image: Option<ImageId>) {
        let pointer = publish_order::unverified_pointer(decision);
        journal.found(publish_order::judge(pointer, |_| false));
        marks::of_boot(journal, decision);
        self.judge_version(journal, decision.slot, image);
        judge_boot(journal, |image| self.name(image), decision.slot, image);
    }

    /// Judges the version of the image that runs from `slot` by the fuses.
    pub(super) fn judge_version(
        &self,
        journal: &mut Journal<World>,
        slot: Slot,
        image: Option<ImageId>,
    ) {
        let Some(firmware) = image.and_then(|i| self.published.get(usize::from(i.0))) else {
            return;
        };
        let (version, minimum) = (firmware.secure_version(), journal.world().minimum());
        let got = format!("{slot} with version {version}");
        let rolled_back = anti_rollback::judge(version, minimum, &got);
        journal.found(rolled_back.filter(|_| self.boot.anti_rollback));
    }

    /// The update core of the application in `running`.
    pub(crate) fn core<'t, F, V, S>(
        &self,
        flash: F,
        verifier: V,
        efuse: S,
        table: PartitionTable<'t>,
        running: Partition,
    ) -> Ota<'t, F, V, S, 1> {
        let config = app_config(&self.boot, self.target);
        Ota::new(flash, verifier, efuse, table, running, config)
    }

    /// The same of the hardened policy.
    pub(super) fn hardened_core<'t, F, V, S>(
        &self,
        flash: F,
        verifier: V,
        efuse: S,
        table: PartitionTable<'t>,
        running: Partition,
        log: Log,
    ) -> ours::Ota<'t, F, V, S, 1> {
        let config = AppConfig {
            flash_encryption: self.cipher.is_some(),
            ..app_config(&self.boot, self.target)
        };
        let log = self.on_flash(log);
        ours::Ota::new(flash, verifier, efuse, table, running, config, log)
    }

    /// The log as the device's flash stores it.
    pub(super) fn on_flash(&self, log: Log) -> Log {
        if self.cipher.is_some() {
            log.encrypted()
        } else {
            log
        }
    }

    /// The partition of `slot`.
    pub(super) fn slot(&self, slot: Slot) -> Option<Partition> {
        let mut partitions = self.partitions.iter();
        partitions.find(|p| p.slot() == Some(slot)).copied()
    }

    /// Number of OTA slots.
    pub(super) fn ota_slots(&self) -> u32 {
        self.map().ota_slots()
    }

    /// The image that is published last: what an application that makes calls downloads.
    pub(crate) fn update(&self) -> &Firmware {
        &self.published[self.published.len() - 1]
    }

    /// What a download of `image` delivers.
    pub(super) fn delivered(&self, image: ImageId) -> Arc<[u8]> {
        let firmware = self.firmware(image);
        if self.damaged == Some(image) {
            firmware.damaged()
        } else {
            Arc::clone(&firmware.bytes)
        }
    }
}
