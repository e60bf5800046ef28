//! Two updates at a time, and one that is copied where it belongs.

use ota_core::partition::Slot;
use ota_core::update::Handle;

use super::application::{Application, Core, Step, error};
use super::device::{Device, PART};
use super::image::IMAGES;
use super::life::Aim;
use super::live::Download;
use super::model::State;
use super::verdict::{Rule, Violation};

impl Application<'_, '_> {
    /// Opens two updates, writes them by turns, and ends the first one first.
    pub(super) fn two(
        &mut self,
        first: usize,
        second: usize,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let free = (0..self.living.device.slots).map(Slot::Ota);
        let free: Vec<_> = free.filter(|slot| *slot != self.running).collect();
        let [one, other, ..] = free[..] else {
            return Ok(());
        };
        ota.flash().may_write(&[one, other]);
        let mut open = Vec::new();
        for (slot, image) in [(one, first), (other, second)] {
            let Some(handle) = self.begin(slot, image, "of two", ota)? else {
                return Ok(());
            };
            open.push((handle, slot, image, IMAGES[image].bytes.chunks(3000)));
        }
        loop {
            let mut wrote = false;
            for (handle, slot, _, chunks) in &mut open {
                let Some(chunk) = chunks.next() else {
                    continue;
                };
                wrote = true;
                let written = ota.write(*handle, chunk);
                if ota.flash().done.dead || written.is_err() && ota.flash().done.refused {
                    return Ok(());
                }
                if let Err(error) = written {
                    let got = format!("{error:?} of {slot}");
                    return Err(Violation::new(Rule::Answer, "write: Ok", got));
                }
            }
            if !wrote {
                break;
            }
        }
        let chosen = ota.set_boot_partition(&Device::partition(one));
        let chosen = chosen.as_ref().map_err(error);
        if !ota.flash().done.is_over() && chosen != Err("Unfinished") && chosen != Err("TooOld") {
            let got = format!("{chosen:?}");
            let allowed = "set_boot_partition of a slot that is open: Unfinished";
            return Err(Violation::new(Rule::Answer, allowed, got));
        }
        for (handle, slot, image, _) in open {
            self.end(handle, slot, image, ota)?;
            if ota.flash().done.is_over() {
                return Ok(());
            }
            self.living.download = Some(Download::of(slot, image));
        }
        ota.flash().may_write(&[]);
        Ok(())
    }

    /// Opens the next slot, all of it erased.
    fn opened(&mut self, image: usize, what: &str, ota: &mut Core<'_, '_>) -> Step<(Handle, Slot)> {
        let slot = self.aim(Aim::Next, ota);
        ota.flash().may_write(&[slot]);
        let handle = self.begin(slot, image, what, ota)?;
        Ok(handle.map(|handle| (handle, slot)))
    }

    /// Writes half an image, lets otadata change, and writes the rest.
    pub(super) fn interrupted(
        &mut self,
        image: usize,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let Some((handle, slot)) = self.opened(image, "to be interrupted", ota)? else {
            return Ok(());
        };
        let bytes = IMAGES[image].bytes.len();
        let half = bytes / 2 / 16 * 16;
        let Some(handle) = self.write(handle, slot, image, 0, half, ota)? else {
            return Ok(());
        };
        let forgotten = ota.invalidate_inactive_otadata_slot();
        let name = "invalidate_inactive_otadata_slot()";
        self.judge(name, &forgotten, ota, State::forget_previous)?;
        if ota.flash().done.is_over() {
            return Ok(());
        }
        if let Some(handle) = self.write(handle, slot, image, half, bytes, ota)? {
            // The power is there, and it is open.
            let _ = ota.abort(handle);
        }
        ota.flash().may_write(&[]);
        Ok(())
    }

    /// Writes the second part of an image with an offset, and then the same again as if it came next.
    pub(super) fn offsets(&mut self, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        const IMAGE: usize = 5;
        let Some((handle, _)) = self.opened(IMAGE, "out of order", ota)? else {
            return Ok(());
        };
        let part = PART as usize;
        let second = &IMAGES[IMAGE].bytes[part..2 * part];
        let there = ota.write_with_offset(handle, second, PART);
        let next = there.and_then(|()| ota.write(handle, second));
        if !ota.flash().done.is_over()
            && let Err(error) = next
        {
            let got = format!("{error:?}");
            return Err(Violation::new(Rule::Answer, "write_with_offset: Ok", got));
        }
        let _ = ota.abort(handle);
        ota.flash().may_write(&[]);
        Ok(())
    }

    /// Downloads an image into the next slot, to be copied to another one.
    pub(super) fn copy(
        &mut self,
        to: Aim,
        image: usize,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let (staged, target) = (self.aim(Aim::Next, ota), self.aim(to, ota));
        if staged == target || target == Slot::Factory {
            return Ok(());
        }
        ota.flash().may_write(&[staged]);
        let Some(handle) = self.begin(staged, image, "to be copied", ota)? else {
            return Ok(());
        };
        let around = self.around(ota);
        let destined = ota.set_final_partition(handle, &Device::partition(target), true);
        let name = format!("set_final_partition({target})");
        self.judge_around(&name, &destined, ota, around, |state, around| {
            state.begin(target, around)
        })?;
        if destined.is_err() || ota.flash().done.is_over() {
            // It is open still, unless the power is gone.
            let _ = ota.abort(handle);
            ota.flash().may_write(&[]);
            return Ok(());
        }
        let bytes = IMAGES[image].bytes.len();
        if let Some(handle) = self.write(handle, staged, image, 0, bytes, ota)? {
            ota.flash().may_write(&[staged, target]);
            self.end(handle, target, image, ota)?;
        }
        ota.flash().may_write(&[]);
        Ok(())
    }
}
