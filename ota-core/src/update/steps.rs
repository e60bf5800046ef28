//! Opening an update in steps: no call erases more than one block.

use embedded_storage::nor_flash::NorFlash;

use super::handle::{Handle, Steps};
use super::{ImageSize, Ota, OtaError, RangeError, storage};
use crate::efuse::SecureVersion;
use crate::flash::block_at;
use crate::image::VerifyImage;
use crate::partition::Partition;

/// How far the erase of an update that was opened in steps is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum Erasing {
    /// Call again. In bytes from the start of the partition, whole sectors.
    Erased {
        /// Erased so far.
        bytes: u32,
        /// To be erased in all.
        of: u32,
    },
    /// The image can be written.
    Done,
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Opens an update like [`begin`](Self::begin), and erases nothing yet:
    /// [`erase_step`](Self::erase_step) does, call by call, and only then can the image be written.
    ///
    /// # A power cut in it
    ///
    /// changes nothing: nothing is written.
    ///
    /// # Errors
    ///
    /// Those of `begin` before the erase, and [`Range`](OtaError::Range) if the image does not fit;
    /// the update is then not open.
    pub fn begin_in_steps(
        &mut self,
        partition: &Partition,
        size: ImageSize,
    ) -> Result<Handle, OtaError<F::Error>> {
        let partition = self.admit(partition)?;
        let len = size.to_erase(&partition)?.unwrap_or(0);
        if len > partition.size {
            let size = partition.size;
            return Err(RangeError::Length { offset: 0, size }.into());
        }
        let handle = self.open_for(&partition, size)?;
        if let Some(open) = self.handles.get(handle) {
            open.steps = Some(Steps { erased: 0, of: len });
        }
        Ok(handle)
    }

    /// Erases the next part of an update that was opened by
    /// [`begin_in_steps`](Self::begin_in_steps): one block of at most `most` bytes, that is 64 KiB,
    /// 32 KiB, or a sector, whichever is the largest that starts here. So the time of a call is that of
    /// one erase: `most` of 0 for a sector (45 ms on a W25Q64JV, 400 ms at most), 64 KiB for the
    /// fastest way through (150 ms, 2 s at most).
    ///
    /// With rollback, for an app, the call that returns [`Erasing::Done`] erases the inactive entry, as
    /// `begin` does in the end: one sector. When all is done, calls change nothing.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the partition erased; see [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// [`NoSuchHandle`](OtaError::NoSuchHandle); [`Range`](OtaError::Range), [`Flash`](OtaError::Flash)
    /// of the erase, after which the same call may be made again.
    pub fn erase_step(&mut self, handle: Handle, most: u32) -> Result<Erasing, OtaError<F::Error>> {
        let open = self.handles.get(handle).ok_or(OtaError::NoSuchHandle)?;
        let Some(steps) = &mut open.steps else {
            return Ok(Erasing::Done);
        };
        let (Steps { erased, of }, staging) = (*steps, open.staging);
        if erased < of {
            let start = staging.offset.saturating_add(erased);
            let end = staging.offset.saturating_add(of);
            let len = block_at(start, end, most);
            storage::erase(&mut self.flash, &staging, erased, len)?;
            steps.erased = erased.saturating_add(len);
            let bytes = steps.erased;
            return Ok(Erasing::Erased { bytes, of });
        }
        open.steps = None;
        self.erased(&staging);
        Ok(Erasing::Done)
    }
}
