//! Opening an update, and giving one up.

use embedded_storage::nor_flash::NorFlash;

use super::handle::{Ahead, Handle, Open};
use super::{Ota, OtaError, RangeError, is_ota, storage};
use crate::efuse::SecureVersion;
use crate::flash::SECTOR;
use crate::image::VerifyImage;
use crate::otadata::OtaState;
use crate::partition::{Partition, Type};

/// How much of the partition is erased when an update begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ImageSize {
    /// Room for an image of so many bytes, in whole sectors. 0 means all of the partition, and the
    /// two highest numbers mean what C uses them for: [`Unknown`](Self::Unknown) (`0xFFFF_FFFF`)
    /// and [`Sequential`](Self::Sequential) (`0xFFFF_FFFE`).
    Known(u32),
    /// All of the partition (`OTA_SIZE_UNKNOWN`).
    Unknown,
    /// Nothing yet: each sector just before the first write to it (`OTA_WITH_SEQUENTIAL_WRITES`).
    Sequential,
    /// Nothing yet: each 64 KiB block of the flash just before the first write to it, as far as it
    /// lies in the partition. Not in ESP-IDF. A block takes the flash a fifth of its sectors' time,
    /// and no call takes longer than one block and the bytes; up to 60 KiB behind the image are
    /// erased with it.
    ByBlock,
}

impl ImageSize {
    /// Bytes to erase now; `None` if that is left to the writes.
    pub(super) fn to_erase(self, partition: &Partition) -> Result<Option<u32>, RangeError> {
        match self {
            Self::Sequential | Self::ByBlock | Self::Known(0xFFFF_FFFE) => Ok(None),
            Self::Unknown | Self::Known(0 | 0xFFFF_FFFF) => Ok(Some(partition.size)),
            // The reference's rounding wraps to 0 just below 4 GiB and erases nothing.
            Self::Known(size) => {
                size.checked_next_multiple_of(SECTOR)
                    .map(Some)
                    .ok_or(RangeError::Length {
                        offset: 0,
                        size: partition.size,
                    })
            }
        }
    }

    /// What is left to the writes of an update that goes on at `offset`.
    const fn ahead(self, offset: u32) -> Ahead {
        match self {
            Self::Sequential | Self::Known(0xFFFF_FFFE) => Ahead::Sectors,
            Self::ByBlock => Ahead::Blocks { from: offset },
            Self::Known(_) | Self::Unknown => Ahead::Nothing,
        }
    }
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Opens an update of `partition` and makes room for the image (`esp_ota_begin`).
    ///
    /// Reads otadata (with rollback), then erases in one range, then (with rollback, for an app)
    /// erases the otadata entry that is not active, if it names another slot than the running one:
    /// see [`invalidate_inactive_otadata_slot`](Self::invalidate_inactive_otadata_slot). Whatever
    /// comes of that last step is ignored, a flash error too, as in the reference.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the partition erased; a selectable otadata entry may still name it. Cut in
    /// the last step, the entry that is not active is as it was, or erased, or anything between.
    /// The running image and the active entry stay.
    ///
    /// # Errors
    ///
    /// In this order: [`NotInTable`](OtaError::NotInTable); for an app
    /// [`NotStageable`](OtaError::NotStageable), [`Running`](OtaError::Running),
    /// [`RunningUnconfirmed`](OtaError::RunningUnconfirmed) (with rollback);
    /// [`AlreadyInProgress`](OtaError::AlreadyInProgress), [`NoFreeHandle`](OtaError::NoFreeHandle);
    /// then [`Range`](OtaError::Range) or [`Flash`](OtaError::Flash) of the erase. **After an error
    /// of the erase the update stays open**, as in the reference: [`open_handle`](Self::open_handle)
    /// names it, and until it is aborted every other update of the partition is refused.
    pub fn begin(
        &mut self,
        partition: &Partition,
        size: ImageSize,
    ) -> Result<Handle, OtaError<F::Error>> {
        let handle = self.open_for(partition, size)?;
        let staging = self.staging(handle).ok_or(OtaError::NotInTable)?;
        if let Some(len) = size.to_erase(&staging)? {
            storage::erase(&mut self.flash, &staging, 0, len)?;
        }
        self.erased(&staging);
        Ok(handle)
    }

    /// The checks of [`begin`](Self::begin), and a handle.
    pub(super) fn open_for(
        &mut self,
        partition: &Partition,
        size: ImageSize,
    ) -> Result<Handle, OtaError<F::Error>> {
        let partition = self.admit(partition)?;
        if partition.kind == Type::APP {
            self.refuse_unconfirmed()?;
        }
        let open = self.open(partition)?;
        open.ahead = size.ahead(0);
        Ok(open.handle)
    }

    /// What follows the erase of a slot: with rollback, for an app, the inactive entry goes.
    pub(super) fn erased(&mut self, partition: &Partition) {
        if self.config.monitors() && is_ota(partition) {
            // The reference does not look at the result.
            let _ = self.invalidate_inactive_otadata_slot();
        }
    }

    /// Opens an update that was cut short, to go on at `offset` (`esp_ota_resume`).
    ///
    /// Erases nothing, checks nothing that was written, and leaves otadata alone. `erase` matters
    /// only in that [`ImageSize::Sequential`] and [`ImageSize::ByBlock`] erase as the writes come to
    /// what is not erased, from the first sector that starts at `offset` or behind it, and then
    /// `offset` should be the start of a sector: in a sector that holds more than the bytes before
    /// `offset`, the next writes only clear bits of what is there, which shows only at the
    /// [`end`](Self::end). Keeping `offset` across a reset is the caller's affair.
    ///
    /// # Errors
    ///
    /// In this order: [`ResumeOffset`](OtaError::ResumeOffset), [`NotInTable`](OtaError::NotInTable),
    /// [`NotStageable`](OtaError::NotStageable) (an app that is no OTA slot),
    /// [`Running`](OtaError::Running), [`RunningUnconfirmed`](OtaError::RunningUnconfirmed) (with
    /// rollback), [`AlreadyInProgress`](OtaError::AlreadyInProgress),
    /// [`NoFreeHandle`](OtaError::NoFreeHandle). Nothing is written, so a power cut changes nothing.
    pub fn resume(
        &mut self,
        partition: &Partition,
        erase: ImageSize,
        offset: u32,
    ) -> Result<Handle, OtaError<F::Error>> {
        if offset > partition.size {
            return Err(OtaError::ResumeOffset {
                offset,
                size: partition.size,
            });
        }
        let partition = self.in_table(partition).ok_or(OtaError::NotInTable)?;
        if partition.kind == Type::APP && !is_ota(&partition) {
            return Err(OtaError::NotStageable);
        }
        if self.is_running(&partition) {
            return Err(OtaError::Running);
        }
        self.refuse_unconfirmed()?;
        let open = self.open(partition)?;
        open.ahead = erase.ahead(offset);
        open.resumed = true;
        open.wrote = offset;
        Ok(open.handle)
    }

    /// The handle under which `partition` is being updated, or is the destination of one.
    ///
    /// As at [`begin`](Self::begin), an empty label stands for any.
    pub fn open_handle(&self, partition: &Partition) -> Option<Handle> {
        let partition = self.in_table(partition)?;
        self.handles
            .iter()
            .find(|open| open.staging == partition || open.target == partition)
            .map(|open| open.handle)
    }

    /// Makes `destination` what the image is for (`esp_ota_set_final_partition`): the image is
    /// verified as one for that partition, and at the [`end`](Self::end), if `copy`, copied there.
    ///
    /// The destination can be what [`begin`](Self::begin) refuses: factory, test, a bootloader, the
    /// running partition. Setting it to the staging partition changes nothing, `copy` included.
    /// Touches no flash.
    ///
    /// # Errors
    ///
    /// In this order: [`NoSuchHandle`](OtaError::NoSuchHandle),
    /// [`AlreadyWritten`](OtaError::AlreadyWritten) (unless resumed),
    /// [`NotInTable`](OtaError::NotInTable).
    pub fn set_final_partition(
        &mut self,
        handle: Handle,
        destination: &Partition,
        copy: bool,
    ) -> Result<(), OtaError<F::Error>> {
        let row = self.in_table(destination);
        let open = self.handles.get(handle).ok_or(OtaError::NoSuchHandle)?;
        if !open.resumed && open.wrote != 0 {
            return Err(OtaError::AlreadyWritten { wrote: open.wrote });
        }
        let row = row.ok_or(OtaError::NotInTable)?;
        if row != open.staging {
            open.target = row;
            open.copy = copy;
        }
        Ok(())
    }

    /// Forgets an update (`esp_ota_abort`). The flash stays as it is, so a power cut changes nothing:
    /// what was erased or written before it stays erased or written.
    ///
    /// # Errors
    ///
    /// [`NoSuchHandle`](OtaError::NoSuchHandle).
    pub fn abort(&mut self, handle: Handle) -> Result<(), OtaError<F::Error>> {
        self.handles
            .take(handle)
            .map(|_| ())
            .ok_or(OtaError::NoSuchHandle)
    }

    /// With rollback, an image that is not confirmed may not replace the one it would go back to.
    fn refuse_unconfirmed(&mut self) -> Result<(), OtaError<F::Error>> {
        if !self.config.monitors() {
            return Ok(());
        }
        let running = self.running;
        match self.state_partition(&running) {
            Ok(OtaState::PENDING_VERIFY) => Err(OtaError::RunningUnconfirmed),
            Err(OtaError::Flash(error)) => Err(OtaError::Flash(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn open(&mut self, partition: Partition) -> Result<&mut Open, OtaError<F::Error>> {
        self.may_open(&partition)?;
        self.handles.open(partition).ok_or(OtaError::NoFreeHandle)
    }

    /// The row of the table, if an image may be staged there as far as the table tells.
    pub(crate) fn admit(&self, partition: &Partition) -> Result<Partition, OtaError<F::Error>> {
        let partition = self.in_table(partition).ok_or(OtaError::NotInTable)?;
        if partition.kind == Type::APP {
            if !is_ota(&partition) {
                return Err(OtaError::NotStageable);
            }
            if self.is_running(&partition) {
                return Err(OtaError::Running);
            }
        }
        Ok(partition)
    }

    /// Whether there is room to open an update, and the partition is not open in another one.
    pub(crate) fn may_open(&self, partition: &Partition) -> Result<(), OtaError<F::Error>> {
        if self.open_handle(partition).is_some() {
            return Err(OtaError::AlreadyInProgress);
        }
        if self.handles.is_full() {
            return Err(OtaError::NoFreeHandle);
        }
        Ok(())
    }
}
