//! The calls that an application makes, whichever policy its update core has.

use ota_core::hardened;
use ota_core::image::AppDesc;
use ota_core::otadata::OtaState;
use ota_core::partition::Partition;
use ota_core::update::{Handle, ImageSize, Ota, OtaError};

use super::device::Verifier;
use super::efuse::Efuse;
use crate::chip::{Chip, ChipError, InUnits};

type Outcome<T> = Result<T, OtaError<ChipError>>;

/// An update core on the chip under test.
pub(super) trait UpdateCore<'m> {
    fn chip(&mut self) -> &mut Chip<'m>;
    fn running_partition(&self) -> Partition;
    fn next_update_partition(&self) -> Option<Partition>;
    fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState>;
    fn last_invalid_partition(&mut self) -> Outcome<Option<Partition>>;
    fn partition_description(&mut self, partition: &Partition) -> Outcome<AppDesc>;
    fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle>;
    fn resume(&mut self, partition: &Partition, size: ImageSize, offset: u32) -> Outcome<Handle>;
    /// How much of a download otadata itself says is there; `None` if it says nothing of it.
    fn progress(&mut self, partition: &Partition) -> Outcome<Option<u32>>;
    fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<()>;
    fn end(&mut self, handle: Handle) -> Outcome<()>;
    fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<()>;
    fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<()>;
}

macro_rules! update_core {
    (<$($unit:ident)?> $core:ty, $chip:expr, $resume:expr, $progress:expr) => {
        impl<'m, $(const $unit: usize)?> UpdateCore<'m> for $core {
            fn chip(&mut self) -> &mut Chip<'m> {
                $chip(self)
            }
            fn running_partition(&self) -> Partition {
                self.running_partition()
            }
            fn next_update_partition(&self) -> Option<Partition> {
                self.next_update_partition(None)
            }
            fn state_partition(&mut self, partition: &Partition) -> Outcome<OtaState> {
                self.state_partition(partition)
            }
            fn last_invalid_partition(&mut self) -> Outcome<Option<Partition>> {
                self.last_invalid_partition()
            }
            fn partition_description(&mut self, partition: &Partition) -> Outcome<AppDesc> {
                self.partition_description(partition)
            }
            fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle> {
                self.begin(partition, size)
            }
            fn resume(
                &mut self,
                partition: &Partition,
                size: ImageSize,
                offset: u32,
            ) -> Outcome<Handle> {
                $resume(self, partition, size, offset)
            }
            fn progress(&mut self, partition: &Partition) -> Outcome<Option<u32>> {
                $progress(self, partition)
            }
            fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<()> {
                self.write(handle, data)
            }
            fn end(&mut self, handle: Handle) -> Outcome<()> {
                self.end(handle)
            }
            fn set_boot_partition(&mut self, partition: &Partition) -> Outcome<()> {
                self.set_boot_partition(partition)
            }
            fn mark_app_valid_cancel_rollback(&mut self) -> Outcome<()> {
                self.mark_app_valid_cancel_rollback()
            }
        }
    };
}

update_core!(
    <> Ota<'_, &mut Chip<'m>, Verifier<'_>, Efuse<'_>, 1>,
    Self::flash,
    Ota::resume,
    |_: &mut Self, _| Ok(None)
);
update_core!(
    <W> hardened::Ota<'_, InUnits<'_, 'm, W>, Verifier<'_>, Efuse<'_>, 1>,
    |core| Self::flash(core).chip(),
    // It erases as it goes.
    |core: &mut Self, partition, _, offset| core.resume(partition, offset),
    |core: &mut Self, partition| core.progress(partition).map(Some)
);
