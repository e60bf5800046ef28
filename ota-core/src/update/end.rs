//! Ending an update: verify what was written, and copy it where it belongs.

use embedded_storage::nor_flash::NorFlash;

use super::handle::{Handle, Open};
use super::{Ota, OtaError, storage, table_check, write};
use crate::efuse::SecureVersion;
use crate::image::{ImageMetadata, VerifyImage};
use crate::partition::{Partition, Type};

/// Bytes copied at a time: a page.
const COPY: u32 = 256;

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Ends an update (`esp_ota_end`): programs the block that waits (flash encryption), verifies
    /// the whole staging partition as an image for the destination, and copies it there if that was
    /// asked for. The handle is closed, whatever comes of it.
    ///
    /// An app or a bootloader is verified by the verifier, a partition table by the bootloader's
    /// rules, data not at all. The number of bytes written is not compared with the image's length,
    /// and otadata is not touched: [`set_boot_partition`](Self::set_boot_partition) switches.
    ///
    /// # A power cut in it
    ///
    /// Without a copy there is nothing to cut but the last block. The copy erases all of the
    /// destination and then fills it in steps of 256 bytes: cut there, **the destination holds
    /// neither the old image nor the new one**. The staging partition still has it.
    ///
    /// # Errors
    ///
    /// In this order: [`NoSuchHandle`](OtaError::NoSuchHandle);
    /// [`NothingWritten`](OtaError::NothingWritten); [`Tail`](OtaError::Tail) or
    /// [`TailRange`](OtaError::TailRange) or [`ReadBack`](OtaError::ReadBack); [`Image`](OtaError::Image), or
    /// [`Range`](OtaError::Range) or [`Table`](OtaError::Table) for a partition table; `Range` or
    /// [`Flash`](OtaError::Flash) of the copy.
    pub fn end(&mut self, handle: Handle) -> Result<(), OtaError<F::Error>> {
        self.finish(handle).map(|_| ())
    }

    /// Ends an update; what it was, and the image if it was an application.
    pub(crate) fn finish(
        &mut self,
        handle: Handle,
    ) -> Result<(Open, Option<ImageMetadata>), OtaError<F::Error>> {
        let mut open = self.handles.take(handle).ok_or(OtaError::NoSuchHandle)?;
        if open.wrote == 0 {
            return Err(OtaError::NothingWritten);
        }
        if open.partial.len > 0 {
            let mut flash = write::Checked::new(&mut self.flash, self.config.read_back);
            write::flush(&mut flash, &mut open).map_err(|error| match error {
                OtaError::Flash(error) => OtaError::Tail(error),
                OtaError::Range(error) => OtaError::TailRange(error),
                other => other,
            })?;
        }
        let image = self.verify_as_target(&open)?;
        if open.copy {
            copy(&mut self.flash, &open.target, &open.staging)?;
        }
        Ok((open, image))
    }

    fn verify_as_target(
        &mut self,
        open: &Open,
    ) -> Result<Option<ImageMetadata>, OtaError<F::Error>> {
        let at = open.staging.region();
        // What is staged in a bootloader partition counts as a bootloader whatever it is for: the
        // reference tells a bootloader by its place, and moves that place to the staging partition.
        let bootloader = Type::BOOTLOADER;
        let as_bootloader = open.target.kind == bootloader || open.staging.kind == bootloader;
        match open.target.kind {
            Type::APP | Type::BOOTLOADER if as_bootloader => self
                .verifier
                .verify_bootloader(&mut self.flash, at)
                .map(|_| None)
                .map_err(OtaError::Image),
            Type::APP => self
                .verifier
                .verify(&mut self.flash, at)
                .map(Some)
                .map_err(OtaError::Image),
            Type::PARTITION_TABLE => {
                table_check::check(&mut self.flash, &open.staging, self.config.flash_size)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// Copies as many bytes as `to` has, after erasing it (`esp_partition_copy`).
fn copy<F: NorFlash>(
    flash: &mut F,
    to: &Partition,
    from: &Partition,
) -> Result<(), OtaError<F::Error>> {
    storage::locate(from, 0, usize::try_from(to.size).unwrap_or(usize::MAX))?;
    storage::erase(flash, to, 0, to.size)?;
    let mut buffer = [0; COPY as usize];
    let mut at = 0;
    // At most `to.size / 256 + 1` rounds: each but the last moves 256 bytes.
    while at < to.size {
        let step = (to.size - at).min(COPY);
        let (chunk, _) = buffer
            .split_at_mut_checked(step as usize)
            .unwrap_or_default();
        storage::read(flash, from, at, chunk)?;
        storage::program(flash, to, at, chunk)?;
        at += step;
    }
    Ok(())
}
