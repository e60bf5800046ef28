//! An update that is open, and one that is ready.

use embedded_storage::nor_flash::NorFlash;

use super::Outcome;
use crate::efuse::SecureVersion;
use crate::hardened;
use crate::image::VerifyImage;
use crate::partition::{Partition, Slot};
use crate::update::Handle;

/// An update that is being written.
///
/// Dropped, it stays where it is: what boots is unchanged, and [`Ota::resume`](super::Ota::resume) goes on with it.
#[must_use = "an update that is dropped is not finished"]
#[derive(Debug)]
pub struct Update<'o, 'm, F: NorFlash, V: VerifyImage<F>, S: SecureVersion> {
    calls: &'o mut hardened::Ota<'m, F, V, S>,
    target: Partition,
    handle: Handle,
    written: u32,
}

impl<'o, 'm, F: NorFlash, V: VerifyImage<F>, S: SecureVersion> Update<'o, 'm, F, V, S> {
    pub(super) const fn new(
        calls: &'o mut hardened::Ota<'m, F, V, S>,
        target: Partition,
        handle: Handle,
        written: u32,
    ) -> Self {
        Self {
            calls,
            target,
            handle,
            written,
        }
    }

    /// The slot that is written.
    pub fn slot(&self) -> Option<Slot> {
        self.target.slot()
    }

    /// Bytes of the image that are in the slot, from its first one on.
    pub const fn written(&self) -> u32 {
        self.written
    }

    /// Writes the next bytes of the image, as many as there are.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the bytes written; [`Ota::resume`](super::Ota::resume) goes on behind those that are known to be
    /// there.
    ///
    /// # Errors
    ///
    /// Those of [`write`](hardened::Ota::write): `Magic` if the first bytes are not those of an image, `Range` if it does not
    /// fit the slot.
    pub fn write(&mut self, bytes: &[u8]) -> Outcome<(), F> {
        self.calls.write(self.handle, bytes)?;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.written = self.written.saturating_add(len);
        Ok(())
    }

    /// Verifies the image. Only an image that is ready can be [chosen](Ready::boot_next).
    ///
    /// # A power cut in it
    ///
    /// leaves what boots as it was.
    ///
    /// # Errors
    ///
    /// Those of [`end`](hardened::Ota::end): `Image` if it does not verify, `NothingWritten`. The update is then over.
    pub fn finish(self) -> Outcome<Ready<'o, 'm, F, V, S>, F> {
        self.calls.end(self.handle)?;
        Ok(Ready { update: self })
    }
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion> Drop for Update<'_, '_, F, V, S> {
    fn drop(&mut self) {
        // Nothing is open under the handle any more where it was finished.
        self.calls.abort(self.handle).ok();
    }
}

/// An update whose image verified.
///
/// Dropped, it stays in its slot: [`Ota::boot_next`](super::Ota::boot_next) chooses it later.
#[must_use = "an update that is not chosen does not boot"]
#[derive(Debug)]
pub struct Ready<'o, 'm, F: NorFlash, V: VerifyImage<F>, S: SecureVersion> {
    update: Update<'o, 'm, F, V, S>,
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion> Ready<'_, '_, F, V, S> {
    /// Chooses the image; the caller restarts.
    ///
    /// # A power cut in it
    ///
    /// leaves what was chosen before or the new image; after `Ok`, that.
    ///
    /// # Errors
    ///
    /// Those of [`set_boot_partition`](hardened::Ota::set_boot_partition).
    pub fn boot_next(self) -> Outcome<(), F> {
        let target = self.update.target;
        Ok(self.update.calls.set_boot_partition(&target)?)
    }
}
