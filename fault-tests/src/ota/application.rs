//! What the application does from its first instruction on: confirm itself, then update itself.

use std::cell::Cell;
use std::sync::Arc;

use ota_core::flash::SECTOR;
use ota_core::otadata::OtaState;
use ota_core::partition::{Partition, Slot};
use ota_core::update::{ImageSize, OtaError};

use super::core::{OnChip, UpdateCore};
use super::device::{Device, SelfTest, Writing};
use super::firmware::ImageId;
use super::marks;
use super::policy::Policy;
use super::world::{Afresh, Promise, World, Written};
use crate::chip::ChipError;
use crate::property::{anti_rollback, resumption};
use crate::subject::{Dead, Journal, Rest};

/// Bytes handed to each `write`: one sector, as a download buffer often is.
pub(super) const CHUNK: usize = SECTOR as usize;

/// Parts of a slot of which otadata says whether they are complete.
const PARTS: u32 = 32;

/// Where the ELF's SHA-256 stands in an image: application descriptor at 32, digest at 144 of it.
const ELF_SHA256: std::ops::Range<usize> = 0xB0..0xD0;

/// A running application.
pub(super) struct Application<'a, C> {
    pub(super) device: &'a Device,
    pub(super) ota: C,
    /// The fuses, in which confirming may burn.
    pub(super) minimum: &'a Cell<u32>,
    pub(super) journal: &'a mut Journal<World>,
    /// The image that runs.
    pub(super) me: ImageId,
}

impl<'m, C: UpdateCore<Flash: OnChip<'m>>> Application<'_, C> {
    pub(super) fn run(&mut self) -> Result<Rest, Dead> {
        if self.unconfirmed()? {
            if self.hangs() {
                self.journal
                    .note("the new image hangs; the watchdog resets the device");
                if self.device.policy == Policy::StockApplication {
                    // The one before it will not be told, so it is for the server to withdraw the image.
                    self.give_up(self.me);
                }
                return Ok(Rest::Reset);
            }
            self.confirm()?;
        }
        if let World::Afresh { stage, .. } = *self.journal.world() {
            return self.afresh(stage);
        }
        let next = ImageId(self.me.0 + 1);
        if usize::from(next.0) >= self.device.published.len() {
            return Ok(Rest::Idle);
        }
        if self.journal.world().has_given_up(next) {
            return Ok(Rest::Idle);
        }
        if self.device.self_test == SelfTest::Hangs && self.failed_before(next)? {
            let name = self.device.name(next);
            self.journal
                .note(format_args!("{name} failed here before; not tried again"));
            return Ok(Rest::Idle);
        }
        self.update(next)
    }

    /// Takes the image that is offered to a device at rest.
    fn afresh(&mut self, stage: Afresh) -> Result<Rest, Dead> {
        let fresh = self.device.fresh_id();
        match stage {
            Afresh::Offered => return self.update(fresh),
            Afresh::Switched(slot) => {
                let here = self.ota.running_partition().slot() == Some(slot);
                if here && self.me == fresh {
                    self.journal.change(World::is_done);
                }
            }
            Afresh::Done => {}
        }
        Ok(Rest::Idle)
    }

    /// Whether the running image fails its self-test: every one but the first, and but the one that is
    /// offered when all is over.
    fn hangs(&self) -> bool {
        let spared = [ImageId(0), self.device.fresh_id()];
        self.device.self_test == SelfTest::Hangs && !spared.contains(&self.me)
    }

    /// Whether the running image is on trial.
    fn unconfirmed(&mut self) -> Result<bool, Dead> {
        let running = self.ota.running_partition();
        if !matches!(running.slot(), Some(Slot::Ota(_))) {
            return Ok(false); // only OTA slots have a state
        }
        let state = self.ota.state_partition(&running);
        let Some(state) = self.settle(state)? else {
            return Ok(false);
        };
        Ok(match self.device.policy {
            Policy::Stock | Policy::Hardened(_) => state == OtaState::PENDING_VERIFY,
            // Nobody counted the start.
            Policy::StockBootloader => matches!(state, OtaState::NEW | OtaState::PENDING_VERIFY),
            // The trial is noted where this application does not look: so it always confirms itself.
            Policy::StockApplication => state != OtaState::VALID,
        })
    }

    fn confirm(&mut self) -> Result<(), Dead> {
        self.journal.call("mark_app_valid_cancel_rollback", "");
        let confirmed = self.ota.mark_app_valid_cancel_rollback();
        let confirmed = self.settle(confirmed)?;
        let (before, after) = (self.journal.world().minimum(), self.minimum.get());
        self.journal
            .found(anti_rollback::judge_minimum(before, after));
        self.journal.change(|world| world.burn(after));
        if confirmed.is_some() {
            let me = self.me;
            self.journal.change(|world| world.confirm(me));
            self.journal.sometimes(marks::CONFIRMED);
            self.journal
                .note(format_args!("Ok: {} is confirmed", self.device.name(me)));
        }
        Ok(())
    }

    /// Whether the last image that was rolled back is the one on offer, as ESP-IDF's examples check.
    fn failed_before(&mut self, next: ImageId) -> Result<bool, Dead> {
        let failed = self.ota.last_invalid_partition();
        let Some(Some(failed)) = self.settle(failed)? else {
            return Ok(false);
        };
        let desc = self.ota.partition_description(&failed);
        let Some(desc) = self.settle(desc)? else {
            return Ok(false);
        };
        let offered = self.device.published[usize::from(next.0)]
            .bytes
            .get(ELF_SHA256);
        Ok(offered == Some(&desc.app_elf_sha256[..]))
    }

    /// Downloads `next` into the next slot and switches to it.
    fn update(&mut self, next: ImageId) -> Result<Rest, Dead> {
        let Some(slot) = self.ota.next_update_partition(None) else {
            self.journal.note("there is no slot to update");
            return Ok(Rest::Idle);
        };
        if self.download(&slot, next)?.is_none() {
            return Ok(Rest::Idle);
        }
        let from = self.me;
        self.journal.call("set_boot_partition", name_of(&slot));
        self.journal
            .change(|world| world.promise(Promise::Switching { from, to: next }));
        let switched = self.ota.set_boot_partition(&slot);
        if self.settle(switched)?.is_none() {
            self.give_up(next);
            return Ok(Rest::Idle);
        }
        let rollback = self.device.boot.rollback;
        let switched = slot.slot();
        self.journal.change(|world| match (world, switched) {
            (World::Afresh { stage, .. }, Some(slot)) => *stage = Afresh::Switched(slot),
            (world, _) if rollback => world.promise(Promise::Activated { from, to: next }),
            (world, _) => world.confirm(next),
        });
        let name = self.device.name(next);
        self.journal.note(format_args!(
            "Ok: {name} is to be started; the device resets"
        ));
        Ok(Rest::Reset)
    }

    /// Writes what the server delivers as `next` into `slot`; `None` if it is refused.
    fn download(&mut self, slot: &Partition, next: ImageId) -> Result<Option<()>, Dead> {
        let delivered = self.device.delivered(next);
        let delivered = in_rows(delivered, self.ota.flash().chip().program_unit());
        let size = match self.device.writing {
            Writing::KnownSize => {
                ImageSize::Known(u32::try_from(delivered.len()).unwrap_or(u32::MAX))
            }
            Writing::UnknownSize => ImageSize::Unknown,
            Writing::Sequential | Writing::Resumed => ImageSize::Sequential,
        };
        let from = self.resumed_at(slot, next)?;
        let handle = match from {
            0 => {
                self.journal.call("begin", name_of(slot));
                self.ota.begin(slot, size)
            }
            from => {
                let at = format_args!("{} at {from}", name_of(slot));
                self.journal.call("resume", at);
                self.ota.resume(slot, size, from)
            }
        };
        let handle = self.settle(handle)?;
        if from > 0 {
            let refused = resumption::judge_offset(from, handle.is_some());
            self.journal.found(refused);
            self.journal.sometimes(marks::RESUMED);
        }
        let Some(handle) = handle else {
            return Ok(None);
        };
        let delivered = delivered.get(from as usize..).unwrap_or_default();
        let bytes = delivered.len();
        self.journal
            .call("write", format_args!("{bytes} bytes in chunks of {CHUNK}"));
        let mut written = from;
        for chunk in delivered.chunks(CHUNK) {
            let wrote = self.ota.write(handle, chunk);
            if self.settle(wrote)?.is_none() {
                return Ok(None);
            }
            // Only whole sectors can be resumed behind.
            if chunk.len() == CHUNK {
                written = written.saturating_add(SECTOR);
                self.wrote(slot, next, Some(written));
            }
        }
        self.journal.call("end", "");
        let ended = self.ota.end(handle);
        let ended = self.settle(ended)?;
        self.wrote(slot, next, None);
        if from > 0 && self.device.damaged != Some(next) {
            let exact = self.holds(slot, next)?;
            let found = resumption::judge_end(ended.is_some(), exact);
            self.journal.found(found);
        }
        if ended.is_none() {
            self.journal.sometimes(marks::REFUSED);
            self.give_up(next);
        }
        Ok(ended)
    }

    /// Asks no more for an image that was refused. Stock code asks at each power-on and comes back to the
    /// same flash; where each time is another generation, that would never be at rest.
    fn give_up(&mut self, image: ImageId) {
        if self.device.policy != Policy::Stock {
            self.journal.change(|world| world.give_up(image));
        }
    }

    /// Where the download of `next` into `slot` goes on: 0 if there is nothing to resume.
    ///
    /// That is as it was noted outside the flash; or what otadata says, if the image that was begun there
    /// is the one on offer.
    fn resumed_at(&mut self, slot: &Partition, next: ImageId) -> Result<u32, Dead> {
        if self.device.writing != Writing::Resumed {
            return Ok(0);
        }
        let noted = match self.journal.world().written() {
            Some(written) if written.image == next && Some(written.slot) == slot.slot() => {
                written.bytes
            }
            _ => 0,
        };
        let progress = self.ota.progress(slot);
        let Some(Some(progress)) = self.settle(progress)? else {
            return Ok(noted);
        };
        let found = resumption::judge_progress(progress, noted, slot.size.div_ceil(PARTS));
        self.journal.found(found);
        if progress == 0 || !self.is_image_in(slot, next)? {
            return Ok(0);
        }
        Ok(progress)
    }

    /// Whether what lies in `slot` begins like `image`, as its descriptor says.
    fn is_image_in(&mut self, slot: &Partition, image: ImageId) -> Result<bool, Dead> {
        let desc = self.ota.partition_description(slot);
        let Some(desc) = self.settle(desc)? else {
            return Ok(false);
        };
        let offered = self.device.delivered(image);
        Ok(offered.get(ELF_SHA256) == Some(&desc.app_elf_sha256[..]))
    }

    /// Notes outside the flash how much of a download is written, if this application resumes.
    fn wrote(&mut self, slot: &Partition, image: ImageId, bytes: Option<u32>) {
        if self.device.writing != Writing::Resumed {
            return;
        }
        let written = slot.slot().zip(bytes);
        let written = written.map(|(slot, bytes)| Written { image, slot, bytes });
        self.journal.change(|world| world.write(written));
    }

    /// Whether the slot holds this image, whole.
    fn holds(&mut self, slot: &Partition, image: ImageId) -> Result<bool, Dead> {
        let chip = self.ota.flash().chip();
        let held = chip.holds(slot.offset, &self.device.accepted.contents);
        if chip.dead() || chip.hangs() {
            return Err(Dead);
        }
        Ok(held == Some(usize::from(image.0)))
    }

    /// The result, or `None` after a noted error that the application survives, or death.
    fn settle<T>(&mut self, result: Result<T, OtaError<ChipError>>) -> Result<Option<T>, Dead> {
        let chip = self.ota.flash().chip();
        if chip.dead() || chip.hangs() {
            return Err(Dead);
        }
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.journal
                    .note(format_args!("{}: {error}", error.esp_err()));
                Ok(None)
            }
        }
    }
}

/// The image, filled up to whole rows if it is written to flash that takes nothing less, and completes no more
/// than a block of 16 bytes.
fn in_rows(image: Arc<[u8]>, row: u32) -> Arc<[u8]> {
    let filled = image.len().next_multiple_of(row as usize);
    if row <= 16 || filled == image.len() {
        return image;
    }
    let mut rows = image.to_vec();
    rows.resize(filled, 0xFF);
    rows.into()
}

/// `ota_1`, or the label of a partition that is no slot.
pub(crate) fn name_of(partition: &Partition) -> String {
    partition.slot().map_or_else(
        || crate::inspect::shown::label(&partition.label),
        |slot| slot.to_string(),
    )
}
