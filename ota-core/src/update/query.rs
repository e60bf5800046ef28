//! Questions about partitions and images.

use embedded_storage::nor_flash::NorFlash;

use super::{Ota, OtaError, storage};
use crate::efuse::SecureVersion;
use crate::image::app_desc::{LEN, OFFSET};
use crate::image::{
    AppDesc, BootloaderDesc, DescError, Header, VerifyImage, bootloader_desc, read_app_desc,
};
use crate::otadata::{self, OtaState, Pick};
use crate::partition::{Label, Partition, Slot, SubType, Type};

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
            Some(partition) if self.verified(&partition)?.is_some() => Ok(Some(partition)),
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

    /// The bootloader descriptor in `partition`, or without one in the bootloader's region, which
    /// ends where the partition table starts (`esp_ota_get_bootloader_description`).
    ///
    /// The type of the partition does not matter, nor need it be in the table.
    ///
    /// # Errors
    ///
    /// In this order: [`Range`](OtaError::Range); [`Flash`](OtaError::Flash);
    /// [`BootloaderDescriptor`](OtaError::BootloaderDescriptor).
    pub fn bootloader_description(
        &mut self,
        partition: Option<&Partition>,
    ) -> Result<BootloaderDesc, OtaError<F::Error>> {
        let partition = partition
            .copied()
            .unwrap_or_else(|| self.bootloader_region());
        let mut record = [0; bootloader_desc::LEN];
        storage::read(
            &mut self.flash,
            &partition,
            bootloader_desc::OFFSET,
            &mut record,
        )?;
        BootloaderDesc::parse(&record).map_err(OtaError::BootloaderDescriptor)
    }

    /// Whether an image with this header and descriptor, of a partition of type `kind`, is for this
    /// device (`esp_ota_check_image_validity`): a look at its first bytes before the download.
    ///
    /// Reads the running image's descriptor, for its SPI flash mode; one that cannot be read says
    /// nothing. Writes nothing.
    ///
    /// # Errors
    ///
    /// In this order: [`WrongChip`](OtaError::WrongChip), [`ChipTooOld`](OtaError::ChipTooOld),
    /// [`ChipTooNew`](OtaError::ChipTooNew) (apps only); [`SpiMode`](OtaError::SpiMode) if both
    /// images name a mode and not the same; [`Flash`](OtaError::Flash).
    pub fn check_image_validity(
        &mut self,
        kind: Type,
        header: &Header,
        desc: Option<&AppDesc>,
    ) -> Result<(), OtaError<F::Error>> {
        let target = &self.config.target;
        if header.chip_id != target.chip.id {
            return Err(OtaError::WrongChip {
                found: header.chip_id,
                expected: target.chip.id,
            });
        }
        let has = target.revision;
        if header.min_revision > has {
            return Err(OtaError::ChipTooOld {
                needs: header.min_revision,
                has,
            });
        }
        let allows = header.max_revision;
        let limited = kind == Type::APP && !target.ignore_max_revision;
        if limited && !matches!(allows, 0 | u16::MAX) && has > allows {
            return Err(OtaError::ChipTooNew { allows, has });
        }
        let Some(found) = desc
            .map(|desc| desc.spi_flash_mode)
            .filter(|&mode| mode != 0)
        else {
            return Ok(());
        };
        let running = self.running;
        let expected = match self.partition_description(&running) {
            Ok(desc) => desc.spi_flash_mode,
            Err(OtaError::Flash(error)) => return Err(OtaError::Flash(error)),
            Err(_) => 0,
        };
        if expected != 0 && found != expected {
            return Err(OtaError::SpiMode { found, expected });
        }
        Ok(())
    }

    /// The bootloader, as if it were a partition.
    fn bootloader_region(&self) -> Partition {
        let offset = self.config.target.chip.bootloader_offset;
        Partition {
            kind: Type::BOOTLOADER,
            subtype: SubType::PRIMARY,
            offset,
            size: self.config.table_offset.saturating_sub(offset),
            label: Label([0; 16]),
            flags: 0,
        }
    }
}
