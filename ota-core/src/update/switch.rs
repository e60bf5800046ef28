//! Which slot boots next.

use embedded_storage::nor_flash::NorFlash;

use super::{Ota, OtaError, same_place, storage};
use crate::commit;
use crate::efuse::SecureVersion;
use crate::image::{DescError, ImageMetadata, VerifyImage};
use crate::otadata::{self, OtaState};
use crate::partition::{Partition, Slot, SubType, Type};

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Makes `partition` boot next, if its image verifies (`esp_ota_set_boot_partition`).
    ///
    /// The image is verified first, before anything is written, and even of a partition that cannot
    /// boot; then as [`set_boot_partition_skip_validate`](Self::set_boot_partition_skip_validate),
    /// which says what a power cut leaves. With anti-rollback the secure version is that of the image that was
    /// verified.
    ///
    /// # Errors
    ///
    /// [`Image`](OtaError::Image), then those of the other.
    pub fn set_boot_partition(&mut self, partition: &Partition) -> Result<(), OtaError<F::Error>> {
        let image = self
            .verifier
            .verify(&mut self.flash, partition.region())
            .map_err(OtaError::Image)?;
        self.select(partition, Some(&image))
    }

    /// Makes `partition` boot next, whatever it holds
    /// (`esp_ota_set_boot_partition_skip_validate`).
    ///
    /// - Factory: all of otadata is erased, in one range.
    /// - Any other app: otadata is read (two reads of 32 bytes), and one entry rewritten (one erase
    ///   of its sector, one program of 32 bytes) as [`otadata::next`] says. Its state is NEW with
    ///   rollback and UNDEFINED without. Only the low four bits of the subtype count: a test
    ///   partition selects `ota_0`.
    ///
    /// The partition need not be in the table.
    ///
    /// # A power cut in it
    ///
    /// With another slot than the active one, it leaves the entry that is *not* active torn or
    /// erased; the active one stays, so the old slot boots, unless the torn entry happens to be
    /// valid. With the slot that is active already, it hits **the entry that is in use**: torn or
    /// erased, the next boot takes the other entry, or factory, or `ota_0`, unless the torn entry is
    /// valid, in whatever state. With factory, either or both entries are gone or torn, and any slot
    /// that one of them named may boot. An image that is too old may be erased in part.
    ///
    /// # Errors
    ///
    /// In this order: [`NotAnApp`](OtaError::NotAnApp); for factory
    /// [`NoOtadata`](OtaError::NoOtadata); otherwise, with anti-rollback,
    /// [`Range`](OtaError::Range) or [`Descriptor`](OtaError::Descriptor), and
    /// [`SmallSecureVersion`](OtaError::SmallSecureVersion), **after which the partition is
    /// erased**; then `NoOtadata` and [`Next`](OtaError::Next). [`Flash`](OtaError::Flash) wherever
    /// the flash fails.
    pub fn set_boot_partition_skip_validate(
        &mut self,
        partition: &Partition,
    ) -> Result<(), OtaError<F::Error>> {
        self.select(partition, None)
    }

    /// Makes `partition` boot next; `image` is what it holds, if that was verified.
    fn select(
        &mut self,
        partition: &Partition,
        image: Option<&ImageMetadata>,
    ) -> Result<(), OtaError<F::Error>> {
        if partition.kind != Type::APP {
            return Err(OtaError::NotAnApp);
        }
        if partition.subtype == SubType::FACTORY {
            let otadata = self
                .table
                .find(Type::DATA, Some(SubType::OTA))
                .ok_or(OtaError::NoOtadata)?;
            return storage::erase(&mut self.flash, &otadata, 0, otadata.size);
        }
        if self.config.anti_rollback {
            let (image, device) = match image {
                Some(image) => self.secure_versions(image)?,
                None => self.unverified_secure_versions(partition)?,
            };
            if image < device {
                storage::erase(&mut self.flash, partition, 0, partition.size)?;
                return Err(OtaError::SmallSecureVersion { image, device });
            }
        }
        self.rewrite_otadata(partition.subtype)
    }

    /// The partition that otadata selects for the next boot (`esp_ota_get_boot_partition`); `None`
    /// without otadata or without any app.
    ///
    /// What boots can be another: the image is not looked at, and the bootloader counts slots in
    /// its own way. Reads otadata, writes nothing.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn boot_partition(&mut self) -> Result<Option<Partition>, OtaError<F::Error>> {
        let Some((_, entries)) = self.read_otadata()? else {
            return Ok(None);
        };
        let slots = self.app_partition_count();
        let [first, second] = &entries;
        let chosen = if first.is_invalid() && second.is_invalid() {
            None
        } else {
            otadata::active(&entries)
                .and_then(|sector| entries.get(sector))
                .and_then(|entry| otadata::slot_of(entry.seq, slots))
        };
        Ok(match chosen {
            Some(slot) => self.ota_slot(slot),
            None => self.default_boot_partition(),
        })
    }

    /// The OTA partition to update next (`esp_ota_get_next_update_partition`): the one after `from`
    /// in the order of slots, round and round; the first one if `from` is no OTA slot.
    ///
    /// `from` is the running partition unless given. The only OTA slot is its own successor. `None`
    /// without OTA slots, and for a `from` that is not in the table, where the reference asserts.
    /// Touches no flash.
    pub fn next_update_partition(&self, from: Option<&Partition>) -> Option<Partition> {
        let from = match from {
            Some(partition) => self.in_table(partition)?,
            None => self.running,
        };
        let mut slots = (0..16).filter_map(|slot| self.ota_slot(slot));
        let first = slots.next()?;
        if same_place(&first, &from) {
            return Some(slots.next().unwrap_or(first));
        }
        let mut rest = slots.skip_while(|slot| !same_place(slot, &from));
        Some(rest.nth(1).unwrap_or(first))
    }

    /// Without a selection: factory, the lowest OTA slot, test.
    fn default_boot_partition(&self) -> Option<Partition> {
        self.factory()
            .or_else(|| (0..16).find_map(|slot| self.ota_slot(slot)))
            .or_else(|| self.table.find(Type::APP, Some(Slot::Test.subtype())))
    }

    fn rewrite_otadata(&mut self, subtype: SubType) -> Result<(), OtaError<F::Error>> {
        let (partition, entries) = self.read_otadata()?.ok_or(OtaError::NoOtadata)?;
        let state = if self.config.monitors() {
            OtaState::NEW
        } else {
            OtaState::UNDEFINED
        };
        let slot = u32::from(subtype.0 & 0x0F);
        let rewrite = otadata::next(&entries, slot, self.app_partition_count(), state)?;
        self.put(&partition, &rewrite)
    }

    /// Rewrites an entry through the commit policy.
    pub(super) fn put(
        &mut self,
        otadata: &Partition,
        rewrite: &otadata::Rewrite,
    ) -> Result<(), OtaError<F::Error>> {
        storage::writable(otadata)?;
        commit::rewrite(&mut self.flash, otadata.region(), rewrite).map_err(OtaError::Flash)
    }

    /// The secure versions of an image that was verified and of the device.
    pub(crate) fn secure_versions(
        &mut self,
        image: &ImageMetadata,
    ) -> Result<(u32, u32), OtaError<F::Error>> {
        let image = image
            .secure_version
            .ok_or(OtaError::Descriptor(DescError::Missing))?;
        Ok((image, self.device_secure_version()?))
    }

    /// The secure versions of the image in `partition`, which nobody has verified, and of the device.
    fn unverified_secure_versions(
        &mut self,
        partition: &Partition,
    ) -> Result<(u32, u32), OtaError<F::Error>> {
        let desc = self.partition_description(partition)?;
        let device = self.device_secure_version()?;
        Ok((desc.secure_version, device))
    }
}
