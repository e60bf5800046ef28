//! The calls that an application makes, whichever policy its update core has.

use embedded_storage::nor_flash::{ErrorType, NorFlash};
use ota_core::efuse::{NoSecureVersion, SecureVersion};
use ota_core::hardened;
use ota_core::image::{AppDesc, VerifyImage};
use ota_core::otadata::OtaState;
use ota_core::partition::{Partition, PartitionTable};
use ota_core::update::{Handle, ImageSize, Ota, OtaError};

use super::device::Device;
use crate::chip::{Chip, ChipError, InUnits};

/// What a call on `C` comes to.
pub(super) type Outcome<T, C> = Result<T, OtaError<<<C as UpdateCore>::Flash as ErrorType>::Error>>;

/// An update core, of either the device or its twin.
pub(super) trait UpdateCore {
    type Flash: NorFlash;

    fn flash(&mut self) -> &mut Self::Flash;
    fn running_partition(&self) -> Partition;
    fn next_update_partition(&self, from: Option<&Partition>) -> Option<Partition>;
    fn boot_partition(&mut self) -> Outcome<Option<Partition>, Self>;
    fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState, Self>;
    fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle, Self>;
    fn last_invalid_partition(&mut self) -> Outcome<Option<Partition>, Self>;
    fn partition_description(&mut self, partition: &Partition) -> Outcome<AppDesc, Self>;
    fn resume(
        &mut self,
        partition: &Partition,
        size: ImageSize,
        offset: u32,
    ) -> Outcome<Handle, Self>;
    /// How much of a download otadata itself says is there; `None` if it says nothing of it.
    fn progress(&mut self, partition: &Partition) -> Outcome<Option<u32>, Self>;
    fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<(), Self>;
    fn write_with_offset(&mut self, handle: Handle, data: &[u8], at: u32) -> Outcome<(), Self>;
    fn end(&mut self, handle: Handle) -> Outcome<(), Self>;
    fn abort(&mut self, handle: Handle) -> Outcome<(), Self>;
    fn set_final_partition(
        &mut self,
        handle: Handle,
        destination: &Partition,
        copy: bool,
    ) -> Outcome<(), Self>;
    fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<(), Self>;
    /// Nothing under the hardened policy, which has no such call.
    fn skip_validate(&mut self, partition: &Partition) -> Outcome<(), Self>;
    fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<(), Self>;
    fn mark_app_invalid_rollback(&mut self) -> Outcome<(), Self>;
    fn erase_last_boot_app_partition(&mut self) -> Outcome<(), Self>;
    fn invalidate_inactive_otadata_slot(&mut self) -> Outcome<(), Self>;
}

macro_rules! update_core {
    ($core:ty, $resume:expr, $progress:expr, $skip_validate:expr) => {
        impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion> UpdateCore for $core {
            type Flash = F;

            fn flash(&mut self) -> &mut F {
                self.flash()
            }
            fn running_partition(&self) -> Partition {
                self.running_partition()
            }
            fn next_update_partition(&self, from: Option<&Partition>) -> Option<Partition> {
                self.next_update_partition(from)
            }
            fn boot_partition(&mut self) -> Outcome<Option<Partition>, Self> {
                self.boot_partition()
            }
            fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState, Self> {
                self.state_partition(partition)
            }
            fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle, Self> {
                self.begin(partition, size)
            }
            fn last_invalid_partition(&mut self) -> Outcome<Option<Partition>, Self> {
                self.last_invalid_partition()
            }
            fn partition_description(&mut self, partition: &Partition) -> Outcome<AppDesc, Self> {
                self.partition_description(partition)
            }
            fn resume(
                &mut self,
                partition: &Partition,
                size: ImageSize,
                offset: u32,
            ) -> Outcome<Handle, Self> {
                $resume(self, partition, size, offset)
            }
            fn progress(&mut self, partition: &Partition) -> Outcome<Option<u32>, Self> {
                $progress(self, partition)
            }
            fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<(), Self> {
                self.write(handle, data)
            }
            fn write_with_offset(
                &mut self,
                handle: Handle,
                data: &[u8],
                at: u32,
            ) -> Outcome<(), Self> {
                self.write_with_offset(handle, data, at)
            }
            fn end(&mut self, handle: Handle) -> Outcome<(), Self> {
                self.end(handle)
            }
            fn abort(&mut self, handle: Handle) -> Outcome<(), Self> {
                self.abort(handle)
            }
            fn set_final_partition(
                &mut self,
                handle: Handle,
                destination: &Partition,
                copy: bool,
            ) -> Outcome<(), Self> {
                self.set_final_partition(handle, destination, copy)
            }
            fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<(), Self> {
                self.set_boot_partition(partition)
            }
            fn skip_validate(&mut self, partition: &Partition) -> Outcome<(), Self> {
                $skip_validate(self, partition)
            }
            fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<(), Self> {
                self.mark_app_valid_cancel_rollback()
            }
            fn mark_app_invalid_rollback(&mut self) -> Outcome<(), Self> {
                self.mark_app_invalid_rollback()
            }
            fn erase_last_boot_app_partition(&mut self) -> Outcome<(), Self> {
                self.erase_last_boot_app_partition()
            }
            fn invalidate_inactive_otadata_slot(&mut self) -> Outcome<(), Self> {
                self.invalidate_inactive_otadata_slot()
            }
        }
    };
}

update_core!(
    Ota<'_, F, V, S, 1>,
    Self::resume,
    |_: &mut Self, _| Ok(None),
    Self::set_boot_partition_skip_validate
);
update_core!(
    hardened::Ota<'_, F, V, S, 1>,
    // It erases as it goes.
    |core: &mut Self, partition, _, offset| core.resume(partition, offset),
    |core: &mut Self, partition| core.progress(partition).map(Some),
    |_: &mut Self, _| Ok(())
);

/// A flash that is the chip under test.
pub(super) trait OnChip<'m>: NorFlash + ErrorType<Error = ChipError> {
    fn chip(&mut self) -> &mut Chip<'m>;
}

impl<'m> OnChip<'m> for &mut Chip<'m> {
    fn chip(&mut self) -> &mut Chip<'m> {
        self
    }
}

impl<'m, const W: usize> OnChip<'m> for InUnits<'_, 'm, W> {
    fn chip(&mut self) -> &mut Chip<'m> {
        self.chip()
    }
}

impl Device {
    /// What the application in `running` does with the update core of the device's policy.
    pub(super) fn with_core<F: NorFlash, V: VerifyImage<F>, T>(
        &self,
        flash: F,
        verifier: V,
        table: PartitionTable<'_>,
        running: Partition,
        does: impl FnOnce(&mut dyn UpdateCore<Flash = F>) -> T,
    ) -> T {
        let efuse = NoSecureVersion;
        match self.policy.in_application() {
            None => does(&mut self.core(flash, verifier, efuse, table, running)),
            Some(log) => does(&mut self.hardened_core(flash, verifier, efuse, table, running, log)),
        }
    }
}
