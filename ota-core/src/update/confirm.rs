//! Confirming the running image, refusing it, and clearing what it replaced.

use embedded_storage::nor_flash::NorFlash;

use super::{Inactive, Ota, OtaError, storage};
use crate::commit;
use crate::efuse::{self, SecureVersion, SecureVersionError};
use crate::image::{DescError, VerifyImage};
use crate::otadata::{self, Entry, OtaState, Rewrite};
use crate::partition::Partition;

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Confirms the image that the active entry names
    /// (`esp_ota_mark_app_valid_cancel_rollback`).
    ///
    /// Its state becomes VALID in place: one erase, one program; nothing at all if it is VALID
    /// already. With anti-rollback the *running* image is then verified, and its secure version goes to eFuse.
    /// Works without rollback too. That the active entry names the running slot is not checked.
    ///
    /// # A power cut in it
    ///
    /// leaves **the active entry** torn or erased: the next boot takes the other entry, or factory,
    /// or `ota_0`, unless the torn entry is valid, in whatever state. Cut after it, the secure version
    /// is raised by the bootloader instead.
    ///
    /// # Errors
    ///
    /// In this order: [`NoOtadata`](OtaError::NoOtadata);
    /// [`NoActiveEntry`](OtaError::NoActiveEntry); [`Range`](OtaError::Range) or
    /// [`Flash`](OtaError::Flash) of the rewrite; with anti-rollback, and the image confirmed,
    /// [`Image`](OtaError::Image), [`Descriptor`](OtaError::Descriptor) or
    /// [`SecureVersion`](OtaError::SecureVersion).
    pub fn mark_app_valid_cancel_rollback(&mut self) -> Result<(), OtaError<F::Error>> {
        let active = self.active()?;
        if active.entry.state == OtaState::VALID {
            return Ok(());
        }
        self.put_state(&active, OtaState::VALID)?;
        if self.config.anti_rollback {
            self.raise_secure_version()?;
        }
        Ok(())
    }

    /// Raises the device's secure version to that of the running image. What is burnt stays, and keeps every
    /// older image out: so that image is verified, and it is the version in those bytes.
    pub(crate) fn raise_secure_version(&mut self) -> Result<(), OtaError<F::Error>> {
        let image = self
            .verifier
            .verify(&mut self.flash, self.running.region())
            .map_err(OtaError::Image)?;
        let version = image
            .secure_version
            .ok_or(OtaError::Descriptor(DescError::Missing))?;
        efuse::update(&mut self.efuse, version).map_err(OtaError::SecureVersion)
    }

    /// Refuses the image that the active entry names (`esp_ota_mark_app_invalid_rollback`); the
    /// caller then restarts (`esp_ota_mark_app_invalid_rollback_and_reboot` does both).
    ///
    /// Its state becomes INVALID in place: one erase, one program, after
    /// [`check_rollback_is_possible`](Self::check_rollback_is_possible).
    ///
    /// # A power cut in it
    ///
    /// leaves the active entry torn or erased: the next boot goes back all the same, unless the
    /// torn entry is valid in another state.
    ///
    /// # Errors
    ///
    /// In this order: [`NoOtadata`](OtaError::NoOtadata);
    /// [`NoActiveEntry`](OtaError::NoActiveEntry);
    /// [`RollbackImpossible`](OtaError::RollbackImpossible); [`Range`](OtaError::Range) or
    /// [`Flash`](OtaError::Flash).
    pub fn mark_app_invalid_rollback(&mut self) -> Result<(), OtaError<F::Error>> {
        let active = self.active()?;
        if !self.check_rollback_is_possible()? {
            return Err(OtaError::RollbackImpossible);
        }
        self.put_state(&active, OtaState::INVALID)
    }

    /// Whether there is an image to go back to (`esp_ota_check_rollback_is_possible`): the one that
    /// the other entry names, if that entry is valid; otherwise factory, unless anti-rollback.
    ///
    /// If the other entry is valid and its image is not, factory is not considered. Reads, and
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn check_rollback_is_possible(&mut self) -> Result<bool, OtaError<F::Error>> {
        let slots = self.app_partition_count();
        let Some((_, entries)) = self.read_otadata()? else {
            return Ok(false);
        };
        let Some((_, other)) = split(&entries) else {
            return Ok(false);
        };
        if slots == 0 {
            return Ok(false);
        }
        if !other.entry.is_valid() {
            return match self.factory() {
                Some(factory) if !self.config.anti_rollback => {
                    Ok(self.verified(&factory)?.is_some())
                }
                _ => Ok(false),
            };
        }
        let slot = otadata::slot_of(other.entry.seq, slots);
        let Some(partition) = slot.and_then(|slot| self.ota_slot(slot)) else {
            return Ok(false);
        };
        let Some(image) = self.verified(&partition)? else {
            return Ok(false);
        };
        if !self.config.anti_rollback {
            return Ok(true);
        }
        // No version in the image, or none to be had from the device.
        let versions = self.secure_versions(&image);
        Ok(versions.is_ok_and(|(image, device)| image >= device))
    }

    /// Erases the image that the inactive entry names, then that entry
    /// (`esp_ota_erase_last_boot_app_partition`).
    ///
    /// # A power cut in it
    ///
    /// leaves any part of that image erased while the entry still names it, or the entry torn or
    /// erased. The active entry and the running image stay.
    ///
    /// # Errors
    ///
    /// [`Inactive`](OtaError::Inactive) if there is no such entry or it names the running slot;
    /// [`Range`](OtaError::Range), [`Flash`](OtaError::Flash).
    pub fn erase_last_boot_app_partition(&mut self) -> Result<(), OtaError<F::Error>> {
        let inactive = self.inactive()?;
        let image = inactive.image;
        storage::erase(&mut self.flash, &image, 0, image.size)?;
        self.erase_entry(&inactive)
    }

    /// Erases the inactive entry, if it names another slot than the running one
    /// (`esp_ota_invalidate_inactive_ota_data_slot`). Its state does not matter, only its CRC.
    ///
    /// After it otadata is a single copy.
    ///
    /// # A power cut in it
    ///
    /// leaves the entry as it was, erased, or anything between.
    ///
    /// # Errors
    ///
    /// As [`erase_last_boot_app_partition`](Self::erase_last_boot_app_partition).
    pub fn invalidate_inactive_otadata_slot(&mut self) -> Result<(), OtaError<F::Error>> {
        let inactive = self.inactive()?;
        self.erase_entry(&inactive)
    }

    /// The active entry, of a device that has OTA slots.
    fn active(&mut self) -> Result<Active, OtaError<F::Error>> {
        let (otadata, entries) = self.read_otadata()?.ok_or(OtaError::NoOtadata)?;
        let slots = self.app_partition_count();
        let (active, _) = split(&entries)
            .filter(|_| slots != 0)
            .ok_or(OtaError::NoActiveEntry)?;
        Ok(Active {
            otadata,
            sector: active.sector,
            entry: active.entry,
        })
    }

    fn put_state(&mut self, active: &Active, state: OtaState) -> Result<(), OtaError<F::Error>> {
        let entry = Entry {
            state,
            ..active.entry
        };
        let rewrite = Rewrite {
            sector: active.sector,
            entry,
        };
        self.put(&active.otadata, &rewrite)
    }

    /// The inactive entry and what it names, if both may go.
    fn inactive(&mut self) -> Result<InactiveEntry, OtaError<F::Error>> {
        let refuse = |why| Err(OtaError::Inactive(why));
        let Some((otadata, entries)) = self.read_otadata()? else {
            return refuse(Inactive::NoOtadata);
        };
        let slots = self.app_partition_count();
        let Some((_, other)) = split(&entries).filter(|_| slots != 0) else {
            return refuse(Inactive::NoActiveEntry);
        };
        if other.entry.is_blankish() {
            return refuse(Inactive::Blank);
        }
        let slot = otadata::slot_of(other.entry.seq, slots);
        let Some(image) = slot.and_then(|slot| self.ota_slot(slot)) else {
            return refuse(Inactive::NoSuchSlot);
        };
        if self.is_running(&image) {
            return refuse(Inactive::Running);
        }
        Ok(InactiveEntry {
            otadata,
            sector: other.sector,
            image,
        })
    }

    fn erase_entry(&mut self, inactive: &InactiveEntry) -> Result<(), OtaError<F::Error>> {
        storage::writable(&inactive.otadata)?;
        let at = inactive.otadata.region();
        commit::erase(&mut self.flash, at, inactive.sector).map_err(OtaError::Flash)
    }

    pub(super) fn device_secure_version(&mut self) -> Result<u32, OtaError<F::Error>> {
        self.efuse
            .read()
            .map_err(|_| OtaError::SecureVersion(SecureVersionError::Device))
    }
}

/// An entry and its index.
struct Indexed {
    sector: usize,
    entry: Entry,
}

/// The active entry and the other one; `None` if none is active.
fn split(entries: &[Entry; 2]) -> Option<(Indexed, Indexed)> {
    let [first, second] = *entries;
    let first = Indexed {
        sector: 0,
        entry: first,
    };
    let second = Indexed {
        sector: 1,
        entry: second,
    };
    match otadata::active(entries)? {
        0 => Some((first, second)),
        _ => Some((second, first)),
    }
}

/// The active entry and where it is.
struct Active {
    otadata: Partition,
    sector: usize,
    entry: Entry,
}

/// The inactive entry, where it is, and the partition it names.
struct InactiveEntry {
    otadata: Partition,
    sector: usize,
    image: Partition,
}
