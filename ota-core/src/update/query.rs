//! Questions about partitions and images.

use embedded_storage::nor_flash::NorFlash;

use super::{Ota, OtaError, storage};
use crate::efuse::SecureVersion;
use crate::image::app_desc::{LEN, OFFSET};
use crate::image::{AppDesc, DescError, VerifyImage, read_app_desc};
use crate::otadata::{self, OtaState, Pick};
use crate::partition::{Partition, Slot, Type};

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// The state of the image in `partition` (`esp_ota_get_state_partition`).
    ///
    /// Both entries are asked in turn, and the first with a matching CRC that names the slot
    /// answers, even if the other one is newer. Reads otadata, writes nothing.
    ///
    /// # Errors
    ///
    /// In this order: [`NoState`](OtaError::NoState) for what is no OTA slot;
    /// [`NoOtadata`](OtaError::NoOtadata); [`StateUnknown`](OtaError::StateUnknown).
    /// [`Flash`](OtaError::Flash).
    pub fn state_partition(
        &mut self,
        partition: &Partition,
    ) -> Result<OtaState, OtaError<F::Error>> {
        let Some(Slot::Ota(wanted)) = partition.slot() else {
            return Err(OtaError::NoState);
        };
        let (_, entries) = self.read_otadata()?.ok_or(OtaError::NoOtadata)?;
        let slots = self.app_partition_count();
        entries
            .iter()
            .find(|entry| {
                otadata::slot_of(entry.seq, slots) == Some(u32::from(wanted)) && entry.crc_matches()
            })
            .map(|entry| entry.state)
            .ok_or(OtaError::StateUnknown)
    }

    /// The partition of the image that was refused last (`esp_ota_get_last_invalid_partition`):
    /// INVALID or ABORTED, and still whole.
    ///
    /// Of two such entries it is the one with the *smaller* sequence number. Reads otadata and the
    /// image, writes nothing.
    ///
    /// # Errors
    ///
    /// [`Flash`](OtaError::Flash).
    pub fn last_invalid_partition(&mut self) -> Result<Option<Partition>, OtaError<F::Error>> {
        let Some((_, entries)) = self.read_otadata()? else {
            return Ok(None);
        };
        let refused = entries.map(|entry| !entry.is_blankish() && entry.state.is_refused());
        let slots = self.app_partition_count();
        let partition = otadata::select(&entries, refused, Pick::Oldest)
            .and_then(|sector| entries.get(sector))
            .and_then(|entry| otadata::slot_of(entry.seq, slots))
            .and_then(|slot| self.ota_slot(slot));
        match partition {
            Some(partition) if self.verifies(&partition)? => Ok(Some(partition)),
            _ => Ok(None),
        }
    }

    /// The application descriptor in `partition` (`esp_ota_get_partition_description`). The image
    /// is not verified, nor need the partition be in the table.
    ///
    /// # Errors
    ///
    /// In this order: [`NoDescriptorKind`](OtaError::NoDescriptorKind) for what is no app;
    /// [`Range`](OtaError::Range); [`Flash`](OtaError::Flash); [`Descriptor`](OtaError::Descriptor).
    pub fn partition_description(
        &mut self,
        partition: &Partition,
    ) -> Result<AppDesc, OtaError<F::Error>> {
        if partition.kind != Type::APP {
            return Err(OtaError::NoDescriptorKind);
        }
        storage::locate(partition, OFFSET, LEN)?;
        read_app_desc(&mut self.flash, partition.region()).map_err(|error| match error {
            DescError::Flash(error) => OtaError::Flash(error),
            other => OtaError::Descriptor(other),
        })
    }
}
