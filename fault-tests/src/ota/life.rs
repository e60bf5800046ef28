//! Points of an ordinary life: what otadata and the slots hold by then.
//!
//! Each is lived, not written down: from a freshly flashed device on, the boot and the calls of its
//! policy run without a cut, so that labels, sequence numbers, states and records are those that a
//! device in the field has.

use ota_core::boot::{BootInputs, boot};
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened as ours;
use ota_core::image::UnsignedVerifier;
use ota_core::otadata::{self, ENTRY_LEN, Entry, OtaState, Pick};
use ota_core::partition::{Partition, PartitionTable, Slot, TABLE_LEN};
use ota_core::update::ImageSize;
use sim_flash::{Profile, State};

use super::application::CHUNK;
use super::core::UpdateCore;
use super::device::{Device, Verifier};
use super::errand::RESUMED_AT;
use crate::chip::{Chip, Knows};
use crate::subject::OperationClock;

/// A point of a device's life.
pub(super) struct Life {
    /// Its name, the first part of a start's name.
    pub(super) name: &'static str,
    /// What the device must have to live it.
    needs: Needs,
    /// How it came there.
    days: &'static [Day],
}

/// What a device must have for a life to make sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Rollback,
    /// Two slots that do not run: three slots, or factory running.
    TwoFreeSlots,
}

/// One thing that happens to the device. Images are numbered by their place among the published.
#[derive(Clone, Copy)]
enum Day {
    /// The first image in an OTA slot: the first boot's, or without such a boot an update.
    Settle,
    /// Power-on; nobody confirms anything.
    Boot,
    /// Power-on; an image on trial confirms itself.
    Run,
    /// Power-on, and an update to this image: downloaded, switched to, not booted yet.
    Update(u8),
    /// Two updates of the same slot in one power-on.
    UpdateTwice(u8, u8),
    /// The same, the second one to the slot after the first one's.
    UpdateTwo(u8, u8),
    /// Power-on, and half a download of the image that is published last.
    HalfDownload,
    /// Power-on, and `mark_app_invalid_rollback`.
    Refuse,
    /// Power-on, and `erase_last_boot_app_partition`.
    EraseLast,
    /// The image that otadata selects loses a bit.
    Damage,
    /// `otatool.py switch_ota_partition` to the slot after the selected one.
    Otatool,
    /// otadata erased from outside: `otatool.py erase_otadata`, or a factory reset.
    EraseOtadata,
    /// This image is flashed over the serial line where `idf.py flash` puts it; otadata stays.
    Reflash(u8),
}

use Day::{
    Boot, Damage, EraseLast, EraseOtadata, HalfDownload, Otatool, Reflash, Refuse, Run, Settle,
    Update, UpdateTwice, UpdateTwo,
};

/// Every life.
pub(super) const LIVES: &[Life] = &[
    life("fresh", Needs::Nothing, &[]),
    life("one-entry", Needs::Nothing, &[Settle]),
    life("two-entries", Needs::Nothing, &[Settle, Update(1), Run]),
    life(
        "second-update",
        Needs::Nothing,
        &[Settle, Update(1), Run, Update(2), Run],
    ),
    life("on-trial", Needs::Rollback, &[Settle, Update(1)]),
    life("unconfirmed", Needs::Rollback, &[Settle, Update(1), Boot]),
    life(
        "after-rollback",
        Needs::Rollback,
        &[Settle, Update(1), Boot, Boot],
    ),
    life(
        "after-first-rollback",
        Needs::Rollback,
        &[Update(1), Boot, Boot],
    ),
    life(
        "after-second-rollback",
        Needs::Rollback,
        &[Settle, Update(1), Boot, Boot, Update(2), Boot, Boot],
    ),
    life(
        "after-mark-invalid",
        Needs::Rollback,
        &[Settle, Update(1), Refuse, Boot],
    ),
    life(
        "after-erase-last",
        Needs::Nothing,
        &[Settle, Update(1), Run, EraseLast],
    ),
    life(
        "updated-twice-unbooted",
        Needs::Nothing,
        &[Settle, UpdateTwice(1, 2)],
    ),
    life(
        "updated-twice",
        Needs::Nothing,
        &[Settle, UpdateTwice(1, 2), Run],
    ),
    life(
        "updated-two-slots-unbooted",
        Needs::TwoFreeSlots,
        &[UpdateTwo(1, 2)],
    ),
    life(
        "updated-two-slots",
        Needs::TwoFreeSlots,
        &[UpdateTwo(1, 2), Boot],
    ),
    life(
        "updated-two-slots-rolled-back",
        Needs::TwoFreeSlots,
        &[UpdateTwo(1, 2), Boot, Boot, Boot],
    ),
    life(
        "after-fallback",
        Needs::Nothing,
        &[Settle, Update(1), Run, Damage, Boot],
    ),
    life(
        "after-fallback-up",
        Needs::Nothing,
        &[Settle, Update(1), Run, Update(2), Run, Damage, Boot],
    ),
    life(
        "fallback-on-trial",
        Needs::Rollback,
        &[Settle, Update(1), Damage, Boot],
    ),
    life(
        "half-download",
        Needs::Nothing,
        &[Settle, Update(1), Run, HalfDownload],
    ),
    life(
        "otatool-switch",
        Needs::Nothing,
        &[Settle, Update(1), Run, Otatool],
    ),
    life(
        "otatool-after-rollback",
        Needs::Rollback,
        &[Settle, Update(1), Boot, Boot, Otatool],
    ),
    life(
        "otadata-erased",
        Needs::Nothing,
        &[Settle, Update(1), Run, EraseOtadata],
    ),
    life(
        "reflashed",
        Needs::Nothing,
        &[Settle, Update(1), Run, Reflash(2)],
    ),
];

const fn life(name: &'static str, needs: Needs, days: &'static [Day]) -> Life {
    Life { name, needs, days }
}

impl Life {
    /// Whether something else than the device has selected a slot.
    pub(super) fn is_foreign(&self) -> bool {
        self.days.iter().any(|day| matches!(day, Otatool))
    }

    /// The flash after this life, and the slot that was damaged in it; `None` if `device` cannot
    /// live it.
    pub(super) fn live(
        &self,
        device: &Device,
        profile: &Profile,
        fresh: &State,
    ) -> Option<(State, Option<Slot>)> {
        let factory = device.slot(Slot::Factory).is_some();
        let possible = match self.needs {
            Needs::Nothing => true,
            Needs::Rollback => device.boot.rollback,
            Needs::TwoFreeSlots => factory || device.slot(Slot::Ota(2)).is_some(),
        };
        let mut living = Living {
            device,
            profile,
            state: fresh.clone(),
            damaged: None,
        };
        possible.then(|| {
            self.days.iter().for_each(|day| living.live(*day));
            (living.state, living.damaged)
        })
    }
}

/// A device that lives without cuts.
struct Living<'d> {
    device: &'d Device,
    profile: &'d Profile,
    state: State,
    damaged: Option<Slot>,
}

impl Living<'_> {
    fn live(&mut self, day: Day) {
        match day {
            Settle if self.device.slot(Slot::Factory).is_some() => {
                self.live(Update(3));
                self.live(Run);
            }
            Settle | Boot => self.power_on(|_| {}),
            Run => self.power_on(|ota| {
                let running = ota.running_partition();
                if ota.state_partition(&running) == Ok(OtaState::PENDING_VERIFY) {
                    let _ = ota.mark_app_valid_cancel_rollback();
                }
            }),
            Update(image) => self.updates(&[(image, false)]),
            UpdateTwice(first, second) => self.updates(&[(first, false), (second, false)]),
            UpdateTwo(first, second) => self.updates(&[(first, false), (second, true)]),
            HalfDownload => {
                let image = std::sync::Arc::clone(&self.device.update().bytes);
                self.power_on(|ota| {
                    let Some(next) = ota.next_update_partition(None) else {
                        return;
                    };
                    let size = u32::try_from(image.len()).unwrap_or(u32::MAX);
                    if let Ok(handle) = ota.begin(&next, ImageSize::Known(size)) {
                        let _ = ota.write(handle, &image[..RESUMED_AT.min(image.len())]);
                    }
                });
            }
            Refuse => self.power_on(|ota| {
                let _ = ota.mark_app_invalid_rollback();
            }),
            EraseLast => self.power_on(|ota| {
                let _ = ota.erase_last_boot_app_partition();
            }),
            Damage => self.damage(),
            Otatool => self.otatool(),
            EraseOtadata => {
                if let Some(at) = self.device.otadata() {
                    self.state.erase(at, 8192);
                }
            }
            Reflash(image) => {
                let home = [Slot::Factory, Slot::Ota(0)];
                let home = home.into_iter().find_map(|slot| self.device.slot(slot));
                if let Some(home) = home {
                    let bytes = &self.device.published[usize::from(image)].bytes;
                    self.state.erase(home.offset, home.size);
                    self.state.load(home.offset, bytes);
                }
            }
        }
    }

    /// Boots, and lets the application do `app`.
    fn power_on(
        &mut self,
        app: impl for<'c, 'm> FnOnce(&mut dyn UpdateCore<Flash = &'c mut Chip<'m>>),
    ) {
        let clock = OperationClock::default();
        let mut chip = Chip::new(self.profile, self.state.clone(), clock, Knows::Nothing);
        let (mut table, mut buffer) = ([0; TABLE_LEN], [0; CHUNK]);
        let Ok(verifier) = UnsignedVerifier::new(self.device.target, &mut buffer) else {
            return;
        };
        let mut verifier = Verifier::new(verifier);
        let (device, efuse) = (self.device, &mut NoSecureVersion);
        let (config, inputs) = (&device.boot, BootInputs::default());
        let running = match device.policy.in_bootloader() {
            None => boot(&mut chip, &mut verifier, efuse, config, &inputs, &mut table)
                .map(|decision| decision.partition)
                .ok(),
            Some(log) => {
                let (chip, table) = (&mut chip, &mut table);
                ours::boot(chip, &mut verifier, efuse, config, log, &inputs, table)
                    .map(|decision| decision.partition)
                    .ok()
            }
        };
        let parsed = PartitionTable::for_application(&table, device.md5);
        if let (Some(running), Ok(table)) = (running, parsed) {
            device.with_core(&mut chip, verifier, table, running, app);
        }
        self.state = chip.into_parts().state;
    }

    /// Updates in one power-on, each to the slot after the running one, or after that of the last.
    fn updates(&mut self, updates: &[(u8, bool)]) {
        let device = self.device;
        self.power_on(|ota| {
            let mut last: Option<Partition> = None;
            for (image, onward) in updates {
                let from = last.filter(|_| *onward);
                let Some(next) = ota.next_update_partition(from.as_ref()) else {
                    return;
                };
                let bytes = &device.published[usize::from(*image)].bytes;
                let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let Ok(handle) = ota.begin(&next, ImageSize::Known(size)) else {
                    return;
                };
                let _ = ota.write(handle, bytes);
                let _ = ota.end(handle);
                let _ = ota.set_boot_partition(&next);
                last = Some(next);
            }
        });
    }

    fn entries(&self) -> [Entry; 2] {
        let otadata = self.device.otadata().unwrap_or_default();
        [0, 4096].map(|sector| {
            let mut bytes = [0; ENTRY_LEN];
            self.state.read(otadata + sector, &mut bytes);
            Entry::parse(&bytes)
        })
    }

    /// One bit of the image that the active entry names goes from 1 to 0.
    fn damage(&mut self) {
        let entries = self.entries();
        let Some(active) = otadata::active(&entries) else {
            return;
        };
        let slot = otadata::slot_of(entries[active].seq, self.device.ota_slots());
        let slot = slot.and_then(|slot| u8::try_from(slot).ok());
        if let Some(partition) = slot.and_then(|slot| self.device.slot(Slot::Ota(slot))) {
            self.state.program(partition.offset + 200, &[0]);
            self.damaged = partition.slot();
        }
    }

    /// Rewrites otadata as `otatool.py` does: the entry that is not newer gets the next sequence number and
    /// keeps its state; states count for nothing.
    fn otatool(&mut self) {
        let Some(at) = self.device.otadata() else {
            return;
        };
        let mut entries = self.entries();
        let good = entries.map(|entry| !entry.is_blankish());
        let Some(newer) = otadata::select(&entries, good, Pick::Newest) else {
            return;
        };
        let (from, other) = (entries[newer].seq, 1 - newer);
        entries[other] = Entry {
            label: entries[other].label,
            ..Entry::new(from + 1, entries[other].state)
        };
        self.state.erase(at, 8192);
        for (sector, entry) in (0..).step_by(4096).zip(entries) {
            if !entry.is_blankish() {
                self.state.load(at + sector, &entry.emit());
            }
        }
    }
}
