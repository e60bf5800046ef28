//! Confirming the running image, and refusing it.

use embedded_storage::nor_flash::NorFlash;

use super::{How, Ota, Outcome};
use crate::efuse::SecureVersion;
use crate::hardened::choice::{Choice, Image, Status};
use crate::image::VerifyImage;
use crate::update::OtaError;

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Confirms the running image (`esp_ota_mark_app_valid_cancel_rollback`).
    ///
    /// Three programs and no erase, if it is on trial (one erase if the log is that far used); nothing
    /// otherwise: where something else is chosen by now, that stays. With anti-rollback it is then verified, and its
    /// secure version goes to eFuse.
    ///
    /// # A power cut in it
    ///
    /// leaves the image confirmed or on trial; after `Ok`, confirmed. Cut behind that, the secure
    /// version is raised by the bootloader instead.
    ///
    /// # Errors
    ///
    /// In this order: [`NoOtadata`](OtaError::NoOtadata), [`LogExhausted`](OtaError::LogExhausted),
    /// [`Flash`](OtaError::Flash); with anti-rollback, and the image confirmed,
    /// [`Image`](OtaError::Image), [`Descriptor`](OtaError::Descriptor) or
    /// [`SecureVersion`](OtaError::SecureVersion).
    pub fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<(), F> {
        let (site, found) = self.settled()?;
        let choice = *found.choice();
        if !self.is_on_trial(&choice) {
            return Ok(());
        }
        let choice = Choice {
            status: Status::Confirmed,
            ..choice
        };
        self.choose(&site, found, choice, How::InLog)?;
        if self.anti_rollback {
            self.inner.raise_secure_version()?;
        }
        Ok(())
    }

    /// Refuses the running image (`esp_ota_mark_app_invalid_rollback`); the caller then restarts.
    ///
    /// What was confirmed before it is chosen, and the image is remembered as bad: one erase.
    ///
    /// # A power cut in it
    ///
    /// leaves the running image chosen, as it was, or the one before it; after `Ok`, that.
    ///
    /// # Errors
    ///
    /// In this order: [`NoOtadata`](OtaError::NoOtadata), [`LogExhausted`](OtaError::LogExhausted),
    /// [`RollbackImpossible`](OtaError::RollbackImpossible) if what runs is not what is chosen, or
    /// there is no image before it that verifies and is the one that was confirmed;
    /// [`Next`](OtaError::Next), [`Flash`](OtaError::Flash).
    pub fn mark_app_invalid_rollback(&mut self) -> Outcome<(), F> {
        let (site, found) = self.settled()?;
        let choice = *found.choice();
        let back = self.rollback_target(&choice)?;
        let back = back.ok_or(OtaError::RollbackImpossible)?;
        let choice = choice.rolled_back(back).closed();
        self.choose(&site, found, choice, How::BySwitch)?;
        Ok(())
    }

    /// Whether there is an image to go back to (`esp_ota_check_rollback_is_possible`). Reads, and
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn check_rollback_is_possible(&mut self) -> Outcome<bool, F> {
        let choice = match self.read() {
            Err(OtaError::NoOtadata) => return Ok(false),
            read => *read?.1.choice(),
        };
        Ok(self.rollback_target(&choice)?.is_some())
    }

    /// The image before the running one, if it is still there.
    fn rollback_target(&mut self, choice: &Choice) -> Outcome<Option<Image>, F> {
        if self.running_slot() != Some(choice.current.slot) {
            return Ok(None);
        }
        let Some(previous) = choice.previous else {
            return Ok(None);
        };
        Ok(self.boots(&previous)?.then_some(previous))
    }
}
