//! An update that asks the wrong one which slot is free: otadata, and not where it runs from.

use embedded_storage::nor_flash::NorFlash;
use ota_core::boot::BootInputs;
use ota_core::efuse::NoSecureVersion;
use ota_core::image::UnsignedVerifier;
use ota_core::partition::{Partition, PartitionTable, TABLE_LEN};
use sim_flash::{Level, Profile};

use super::Specimen;
use super::evidence::P11;
use super::habitat::{Habitat, SECTOR, home};
use crate::chip::Chip;
use crate::ota::{self, Device, Efuse, Verifier, entries_of, stock_bootloader, watch};
use crate::property::containment::Conduct;
use crate::property::{no_brick, wear};
use crate::subject::{Dead, Journal, Place, Rest, Subject};

/// A device that updates itself once, with a download of its own making.
struct Updater {
    device: Device,
    /// The slot to write is the one after the one that otadata selects.
    from_otadata: bool,
}

impl Updater {
    fn conduct(&self) -> Conduct<'_> {
        Conduct {
            map: self.device.map(),
            monitors: false,
            entries: None,
            wiped: None,
            running: None,
            by_bootloader: 0,
        }
    }

    /// Downloads and switches; `None` on a flash that fails, or whose image is refused.
    fn update(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<bool>,
        table: &[u8; TABLE_LEN],
        running: Partition,
    ) -> Option<()> {
        let table = PartitionTable::for_application(table, self.device.md5).ok()?;
        let mut buffer = [0; SECTOR as usize];
        let verifier = UnsignedVerifier::new(self.device.target, &mut buffer).ok()?;
        let verifier = Verifier::knowing(verifier, &self.device.accepted);
        let efuse = NoSecureVersion;
        let mut core = self.device.core(chip, verifier, efuse, table, running);
        let from = if self.from_otadata {
            core.boot_partition().ok()?
        } else {
            Some(running)
        };
        let slot = core.next_update_partition(from.as_ref())?;
        let image = &*self.device.update().bytes;
        journal.call("download", slot.label);
        let end = slot.offset + u32::try_from(image.len()).ok()?;
        let end = end.next_multiple_of(SECTOR);
        core.flash().erase(slot.offset, end).ok()?;
        core.flash().write(slot.offset, image).ok()?;
        journal.call("set_boot_partition", slot.label);
        core.set_boot_partition(&slot).ok()
    }
}

impl Subject for Updater {
    /// Whether the update is done.
    type World = bool;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<bool>) -> Result<Rest, Dead> {
        let (mut table, mut buffer) = ([0; TABLE_LEN], [0; SECTOR as usize]);
        let verifier = UnsignedVerifier::new(self.device.target, &mut buffer).map_err(|_| Dead)?;
        let mut verifier = Verifier::knowing(verifier, &self.device.accepted);
        let fuses = std::cell::Cell::new(0);
        let (efuse, config) = (
            &mut Efuse::new(&fuses, self.device.target.chip),
            &self.device.boot,
        );
        let inputs = BootInputs::default();
        let booted = stock_bootloader(chip, &mut verifier, efuse, config, &inputs, &mut table);
        if chip.dead() {
            return Err(Dead);
        }
        let mut conduct = self.conduct();
        conduct.entries = entries_of(booted.as_ref());
        conduct.by_bootloader = u32::try_from(chip.done().count()).unwrap_or(u32::MAX);
        journal.found(no_brick::judge(&booted));
        let Ok(decision) = booted else {
            return Ok(Rest::Stuck);
        };
        journal.boot(decision);
        conduct.running = Some(decision.partition);
        let done = *journal.world();
        let updated = if done {
            None
        } else {
            self.update(chip, journal, &table, decision.partition)
        };
        if chip.dead() || chip.hangs() {
            return Err(Dead);
        }
        watch(journal, chip, &conduct, wear::STOCK);
        journal.change(|done| *done |= updated.is_some());
        Ok(Rest::Idle)
    }

    fn place(&self, addr: u32) -> Place {
        self.device.place(addr)
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "writes-where-it-runs",
    mistake: "The slot to write is the one after the one that otadata selects. After a fallback that is the running one, and the download erases the code that downloads.",
    source: "https://github.com/esp-rs/esp-hal/issues/3918",
    caught_by: &[P11],
    level: Level::L0,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = Profile::w25q64jv();
        let scenario = ota::find("calls-2-plain").unwrap_or(&ota::SCENARIOS[0]);
        let setup = scenario.bundled(&profile);
        let fallen_back = setup.start("after-fallback-boot");
        let state = fallen_back.map_or_else(|| profile.erased(), |start| start.state.clone());
        let updater = Updater {
            device: setup.device,
            from_otadata: broken,
        };
        home(updater, profile, state, false)
    },
}];
