//! Which slot boots next.

use embedded_storage::nor_flash::NorFlash;

use super::{How, Ota, Outcome};
use crate::efuse::SecureVersion;
use crate::hardened::choice::{Choice, Digest, Image, Status};
use crate::hardened::image;
use crate::image::VerifyImage;
use crate::otadata::OtaState;
use crate::partition::{Partition, Slot};
use crate::update::{Inactive, OtaError, storage};

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Makes `partition` boot next, if its image verifies (`esp_ota_set_boot_partition`).
    ///
    /// The image is verified, whatever the partition; then what is chosen changes: one erase, two if
    /// it is the factory image. The new image is on trial, with rollback; what runs is what to go back
    /// to. Not on trial are the factory image, what runs already, and what an image on trial goes back to. What was
    /// confirmed once, and is chosen anew by an image that is confirmed as well, is. What is chosen already stays as it
    /// is: nothing is written.
    ///
    /// # A power cut in it
    ///
    /// leaves what was chosen before or the new choice; after `Ok`, the new one.
    ///
    /// # Errors
    ///
    /// In this order: [`Image`](OtaError::Image); [`NotAnApp`](OtaError::NotAnApp), also for a test
    /// partition, which its pin alone can choose; [`NotInTable`](OtaError::NotInTable); with
    /// anti-rollback [`Descriptor`](OtaError::Descriptor), [`TooOld`](OtaError::TooOld); [`NoOtadata`](OtaError::NoOtadata);
    /// [`LogExhausted`](OtaError::LogExhausted); [`Unfinished`](OtaError::Unfinished) if the slot is
    /// being written and no `end` verified it, or is open in an update, [`OtherImage`](OtaError::OtherImage) if it holds
    /// something else since; [`RunningUnconfirmed`](OtaError::RunningUnconfirmed) if what runs is on
    /// trial, unless this goes back, or was when it went back, or has refused itself; [`Next`](OtaError::Next). [`Flash`](OtaError::Flash) wherever
    /// the flash fails.
    pub fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<(), F> {
        let inner = &mut self.inner;
        let (verified, digest) = image::verify(&mut inner.flash, &mut inner.verifier, partition)
            .map_err(OtaError::Image)?;
        let slot = partition
            .slot()
            .filter(|slot| *slot != Slot::Test)
            .ok_or(OtaError::NotAnApp)?;
        self.inner.in_table(partition).ok_or(OtaError::NotInTable)?;
        if self.anti_rollback {
            let (image, device) = self.inner.secure_versions(&verified)?;
            if image < device {
                return Err(OtaError::TooOld { image, device });
            }
        }
        let (site, found) = self.settled()?;
        let chosen = *found.choice();
        if self.inner.open_handle(partition).is_some() {
            return Err(OtaError::Unfinished);
        }
        if chosen.open == Some(slot) {
            if chosen.staged == Digest::UNKNOWN {
                return Err(OtaError::Unfinished);
            }
            if chosen.staged != digest {
                return Err(OtaError::OtherImage);
            }
        }
        if chosen.current.slot == slot && chosen.current.digest.admits(digest) {
            return Ok(());
        }
        let choice = self.switched(&chosen, Image { slot, digest })?;
        self.choose(&site, found, choice, How::BySwitch)?;
        Ok(())
    }

    /// What is chosen after a switch to `image`.
    fn switched(&mut self, chosen: &Choice, image: Image) -> Outcome<Choice, F> {
        let closed = chosen.closed();
        let back = chosen.previous.is_some_and(|prev| prev.slot == image.slot);
        if self.is_unconfirmed(chosen)? {
            if !back {
                return Err(OtaError::RunningUnconfirmed);
            }
            return Ok(Choice {
                bad: chosen.bad,
                ..Choice::confirmed(image)
            });
        }
        let running = self.running_image(chosen);
        let other = |known: &Image| known.slot != image.slot;
        let on_trial = self.monitors
            && image.slot != Slot::Factory
            && running.is_none_or(|running| other(&running));
        Ok(Choice {
            current: image,
            previous: running.filter(other).or(closed.previous.filter(other)),
            status: if on_trial {
                Status::Trial { started: 0 }
            } else {
                Status::Confirmed
            },
            attempts: self.attempts,
            ..closed
        })
    }

    /// The partition that boots next; `None` if the table does not have it, or has no otadata.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn boot_partition(&mut self) -> Outcome<Option<Partition>, F> {
        let (_, found) = match self.read() {
            Err(OtaError::NoOtadata) => return Ok(None),
            read => read?,
        };
        Ok(self.inner.table.slot(found.choice().current.slot))
    }

    /// The state of the image in `partition` (`esp_ota_get_state_partition`): of what is chosen NEW,
    /// `PENDING_VERIFY` or VALID; VALID of what to go back to.
    ///
    /// Reads otadata, writes nothing.
    ///
    /// # Errors
    ///
    /// In this order: [`NoState`](OtaError::NoState) for what is no OTA slot;
    /// [`NoOtadata`](OtaError::NoOtadata); [`StateUnknown`](OtaError::StateUnknown).
    /// [`Flash`](OtaError::Flash).
    pub fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState, F> {
        let Some(slot @ Slot::Ota(_)) = partition.slot() else {
            return Err(OtaError::NoState);
        };
        let (_, found) = self.read()?;
        let choice = found.choice();
        if choice.current.slot == slot {
            return Ok(match choice.status {
                Status::Confirmed => OtaState::VALID,
                Status::Trial { started: 0 } => OtaState::NEW,
                Status::Trial { .. } => OtaState::PENDING_VERIFY,
            });
        }
        match choice.previous {
            Some(previous) if previous.slot == slot => Ok(OtaState::VALID),
            _ => Err(OtaError::StateUnknown),
        }
    }

    /// The partition of the image that was found bad last (`esp_ota_get_last_invalid_partition`), if
    /// it is still there and whole; the last two are remembered, by their digest.
    ///
    /// Reads otadata and images, writes nothing.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn last_invalid_partition(&mut self) -> Outcome<Option<Partition>, F> {
        let choice = match self.read() {
            Err(OtaError::NoOtadata) => return Ok(None),
            read => *read?.1.choice(),
        };
        for bad in choice.bad.into_iter().flatten() {
            for slot in (0..16).map(Slot::Ota) {
                let Some(partition) = self.inner.table.slot(slot) else {
                    continue;
                };
                let found = self.inner.verified(&partition)?;
                if found.is_some_and(|image| Digest::of(&image.digest).bad() == Some(bad)) {
                    return Ok(Some(partition));
                }
            }
        }
        Ok(None)
    }

    /// Erases the image to go back to (`esp_ota_erase_last_boot_app_partition`), after nothing names it
    /// any more. One erase of otadata.
    ///
    /// # A power cut in it
    ///
    /// leaves the image named and whole, or not named.
    ///
    /// # Errors
    ///
    /// [`Inactive`](OtaError::Inactive) if there is none, or it is the factory image, which no entry names and no update
    /// brings back, or it runs;
    /// [`RunningUnconfirmed`](OtaError::RunningUnconfirmed) if what runs is on trial: it would have
    /// nothing to go back to; [`LogExhausted`](OtaError::LogExhausted), [`Next`](OtaError::Next),
    /// [`Range`](OtaError::Range), [`Flash`](OtaError::Flash).
    pub fn erase_last_boot_app_partition(&mut self) -> Outcome<(), F> {
        let image = self.forget_previous()?;
        storage::erase(&mut self.inner.flash, &image, 0, image.size)
    }

    /// Forgets the image to go back to (`esp_ota_invalidate_inactive_ota_data_slot`): one erase of
    /// otadata. The image stays.
    ///
    /// # A power cut in it
    ///
    /// leaves it known or forgotten.
    ///
    /// # Errors
    ///
    /// As [`erase_last_boot_app_partition`](Self::erase_last_boot_app_partition).
    pub fn invalidate_inactive_otadata_slot(&mut self) -> Outcome<(), F> {
        self.forget_previous().map(|_| ())
    }

    /// Forgets the image to go back to, and says where it is.
    fn forget_previous(&mut self) -> Outcome<Partition, F> {
        let refuse = |why| Err(OtaError::Inactive(why));
        let (site, found) = match self.settled() {
            Err(OtaError::NoOtadata) => return refuse(Inactive::NoOtadata),
            settled => settled?,
        };
        let choice = *found.choice();
        let Some(previous) = choice.previous else {
            return refuse(Inactive::Blank);
        };
        if Some(previous.slot) == self.running_slot() {
            return refuse(Inactive::Running);
        }
        if previous.slot == Slot::Factory {
            return refuse(Inactive::Blank);
        }
        if choice.status != Status::Confirmed {
            return Err(OtaError::RunningUnconfirmed);
        }
        let Some(partition) = self.inner.table.slot(previous.slot) else {
            return refuse(Inactive::NoSuchSlot);
        };
        let choice = Choice {
            previous: None,
            ..choice
        };
        self.choose(&site, found, choice, How::BySwitch)?;
        Ok(partition)
    }
}
