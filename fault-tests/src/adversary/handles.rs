//! Two updates at a time, and one that is copied where it belongs.

use ota_core::partition::Slot;
use ota_core::update::ImageSize;

use super::application::{Application, Core};
use super::device::Device;
use super::image::IMAGES;
use super::life::Aim;
use super::live::Download;
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
            let around = self.around(ota);
            let begun = ota.begin(&Device::partition(slot), ImageSize::Unknown);
            let name = format!("begin({slot}), of two");
            self.judge_around(&name, &begun, ota, around, |state, around| {
                state.begin(slot, around)
            })?;
            let Ok(handle) = begun else {
                self.not_begun(slot, ota);
                return Ok(());
            };
            // Nothing that is noted of either is counted on.
            self.living.download = Some(Download {
                to: slot,
                image,
                noted: 0,
            });
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
                if ota.flash().done.dead {
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
        for (handle, slot, image, _) in open {
            self.end(handle, slot, image, ota)?;
            if ota.flash().done.dead {
                return Ok(());
            }
            self.living.download = Some(Download {
                to: slot,
                image,
                noted: 0,
            });
        }
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
        let around = self.around(ota);
        ota.flash().may_write(&[staged]);
        let begun = ota.begin(&Device::partition(staged), ImageSize::Unknown);
        let name = format!("begin({staged}), to be copied");
        self.judge_around(&name, &begun, ota, around, |state, around| {
            state.begin(staged, around)
        })?;
        let Ok(handle) = begun else {
            self.not_begun(staged, ota);
            return Ok(());
        };
        self.living.download = Some(Download {
            to: staged,
            image,
            noted: 0,
        });
        let around = self.around(ota);
        let destined = ota.set_final_partition(handle, &Device::partition(target), true);
        let name = format!("set_final_partition({target})");
        self.judge_around(&name, &destined, ota, around, |state, around| {
            state.begin(target, around)
        })?;
        if destined.is_err() || ota.flash().done.dead {
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
