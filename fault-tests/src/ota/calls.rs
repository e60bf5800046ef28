//! Every call of an update core that an [errand](super::errand) makes, whichever policy it has.

use embedded_storage::nor_flash::{ErrorType, NorFlash};
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened;
use ota_core::image::VerifyImage;
use ota_core::otadata::OtaState;
use ota_core::partition::Partition;
use ota_core::update::{Handle, ImageSize, Ota, OtaError};

/// What a call on `C` comes to.
pub(super) type Outcome<T, C> = Result<T, OtaError<<<C as Calls>::Flash as ErrorType>::Error>>;

/// An update core, of either the device or its twin.
pub(super) trait Calls {
    type Flash: NorFlash;

    fn flash(&mut self) -> &mut Self::Flash;
    fn running_partition(&self) -> Partition;
    fn next_update_partition(&self, from: Option<&Partition>) -> Option<Partition>;
    fn boot_partition(&mut self) -> Outcome<Option<Partition>, Self>;
    fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState, Self>;
    fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle, Self>;
    /// Goes on at `offset`, and erases as it goes.
    fn resume(&mut self, partition: &Partition, offset: u32) -> Outcome<Handle, Self>;
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

macro_rules! calls {
    ($core:ty, $resume:expr, $skip_validate:expr) => {
        impl<F: NorFlash, V: VerifyImage<F>> Calls for $core {
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
            fn resume(&mut self, partition: &Partition, offset: u32) -> Outcome<Handle, Self> {
                $resume(self, partition, offset)
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

calls!(
    Ota<'_, F, V, NoSecureVersion, 1>,
    |core: &mut Self, partition, offset| core.resume(partition, ImageSize::Sequential, offset),
    Self::set_boot_partition_skip_validate
);
calls!(
    hardened::Ota<'_, F, V, NoSecureVersion, 1>,
    Self::resume,
    |_: &mut Self, _| Ok(())
);
