//! The application's side.

use embedded_storage::nor_flash::NorFlash;

use super::{Device, Error, Memory, Outcome, Running, Update};
use crate::efuse::{NoSecureVersion, SecureVersion};
use crate::hardened;
use crate::image::{UnsignedVerifier, VerifyImage};
use crate::otadata::OtaState;
use crate::partition::{Partition, PartitionTable, Slot};
use crate::update::{ImageSize, OtaError, partition_at};

/// The over-the-air update of the application that runs.
///
/// It holds nothing that outlives a reset: a new one is as good as the old. The calls of ESP-IDF, by their names there,
/// are those of [`calls`](Self::calls).
#[derive(Debug)]
pub struct Ota<'m, F, V = UnsignedVerifier<'m>, S = NoSecureVersion> {
    calls: hardened::Ota<'m, F, V, S>,
}

impl<'m, F: NorFlash> Ota<'m, F> {
    /// The update of the application that runs from `running`. An image counts if it is whole, whoever made it: whatever
    /// comes over a network wants [`open_with`](Self::open_with) and a verifier of signatures.
    ///
    /// Reads the partition table, writes nothing.
    ///
    /// # Errors
    ///
    /// In this order: [`Flash`](Error::Flash); [`Table`](Error::Table); [`NotInTable`](Error::NotInTable) if the table has
    /// no app partition where the application runs.
    pub fn open(
        mut flash: F,
        device: Device,
        running: impl Into<Running>,
        memory: &'m mut Memory,
    ) -> Outcome<Self, F> {
        let Memory { table, buffer } = memory;
        let (table, running) = located(&mut flash, &device, running.into(), table)?;
        let verifier = UnsignedVerifier::over(device.target, buffer);
        Ok(Self {
            calls: calls(flash, verifier, NoSecureVersion, &device, table, running),
        })
    }
}

impl<'m, F: NorFlash, V: VerifyImage<F>, S: SecureVersion> Ota<'m, F, V, S> {
    /// The same, where an image counts if `verifier` says so, such as a
    /// [`SignedVerifier`](crate::image::signature), and `efuse` has the version of the device. Of `memory`
    /// the verifier's part stays unused.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Ota::open).
    pub fn open_with(
        mut flash: F,
        verifier: V,
        efuse: S,
        device: Device,
        running: impl Into<Running>,
        memory: &'m mut Memory,
    ) -> Outcome<Self, F> {
        let (table, running) = located(&mut flash, &device, running.into(), &mut memory.table)?;
        Ok(Self {
            calls: calls(flash, verifier, efuse, &device, table, running),
        })
    }

    /// The calls by their names in ESP-IDF, and those that this short way leaves out.
    pub const fn calls(&mut self) -> &mut hardened::Ota<'m, F, V, S> {
        &mut self.calls
    }

    /// Gives back the flash.
    pub fn into_flash(self) -> F {
        self.calls.into_parts().0
    }

    /// The partition that the application runs from.
    pub const fn running(&self) -> Partition {
        self.calls.running_partition()
    }

    /// The slot that boots next; `None` if the table does not have it, or has no otadata.
    ///
    /// # Errors
    ///
    /// [`Flash`](Error::Flash).
    pub fn boots_next(&mut self) -> Outcome<Option<Slot>, F> {
        let partition = self.calls.boot_partition()?;
        Ok(partition.and_then(|partition| partition.slot()))
    }

    /// Whether what runs is on trial: it has to [`confirm`](Self::confirm) or to [`reject`](Self::reject) itself.
    ///
    /// # Errors
    ///
    /// [`Flash`](Error::Flash).
    pub fn is_on_trial(&mut self) -> Outcome<bool, F> {
        let running = self.running();
        match self.calls.state_partition(&running) {
            Ok(state) => Ok([OtaState::NEW, OtaState::PENDING_VERIFY].contains(&state)),
            Err(OtaError::NoState | OtaError::NoOtadata | OtaError::StateUnknown) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Confirms what runs: it stays chosen. Nothing is written if it is not on trial.
    ///
    /// # A power cut in it
    ///
    /// leaves the image confirmed or on trial; after `Ok`, confirmed.
    ///
    /// # Errors
    ///
    /// Those of [`mark_app_valid_cancel_rollback`](hardened::Ota::mark_app_valid_cancel_rollback).
    pub fn confirm(&mut self) -> Outcome<(), F> {
        Ok(self.calls.mark_app_valid_cancel_rollback()?)
    }

    /// Rejects what runs: the image before it is chosen, and the caller restarts.
    ///
    /// # A power cut in it
    ///
    /// leaves the running image chosen, as it was, or the one before it; after `Ok`, that.
    ///
    /// # Errors
    ///
    /// Those of [`mark_app_invalid_rollback`](hardened::Ota::mark_app_invalid_rollback): `RollbackImpossible` if there is no
    /// image to go back to.
    pub fn reject(&mut self) -> Outcome<(), F> {
        Ok(self.calls.mark_app_invalid_rollback()?)
    }

    /// Chooses a slot, if its image verifies: that of an update which was finished before a reset, or the factory image.
    ///
    /// # A power cut in it
    ///
    /// leaves what was chosen before or the new choice; after `Ok`, the new one.
    ///
    /// # Errors
    ///
    /// Those of [`set_boot_partition`](hardened::Ota::set_boot_partition).
    pub fn boot_next(&mut self, slot: Slot) -> Outcome<(), F> {
        let partition = self.calls.slot(slot);
        let partition = partition.ok_or(Error::NotInTable(Running::Slot(slot)))?;
        Ok(self.calls.set_boot_partition(&partition)?)
    }

    /// Begins an update in the slot that comes after the running one, and erases as much of it as `size` says.
    ///
    /// # A power cut in it
    ///
    /// leaves what boots as it was; the slot is touched only when nothing names it.
    ///
    /// # Errors
    ///
    /// [`NoOtherSlot`](Error::NoOtherSlot), then those of [`begin`](hardened::Ota::begin): `RunningUnconfirmed` if what runs
    /// is on trial.
    pub fn begin(&mut self, size: ImageSize) -> Outcome<Update<'_, 'm, F, V, S>, F> {
        let target = self.target()?;
        let handle = self.calls.begin(&target, size)?;
        Ok(Update::new(&mut self.calls, target, handle, 0))
    }

    /// Goes on with an update that a reset has cut short: the next byte to write is number
    /// [`written`](Update::written) of the image. That is 0 where there is nothing to go on with. Whether the bytes
    /// before it are of the image that is on offer is for the caller to know; if they are not, [`begin`](Self::begin).
    ///
    /// The slot is erased as the writes come to it.
    ///
    /// # A power cut in it
    ///
    /// leaves what boots as it was, and the progress as it was.
    ///
    /// # Errors
    ///
    /// [`NoOtherSlot`](Error::NoOtherSlot), then those of [`resume`](hardened::Ota::resume).
    pub fn resume(&mut self) -> Outcome<Update<'_, 'm, F, V, S>, F> {
        let target = self.target()?;
        let written = self.calls.progress(&target)?;
        let handle = self.calls.resume(&target, written)?;
        Ok(Update::new(&mut self.calls, target, handle, written))
    }

    /// The slot that takes the next update.
    fn target(&self) -> Outcome<Partition, F> {
        let running = self.running();
        let next = self.calls.next_update_partition(None);
        next.filter(|target| target.region() != running.region())
            .ok_or(Error::NoOtherSlot)
    }
}

/// The table, and the partition that runs.
fn located<'m, F: NorFlash>(
    flash: &mut F,
    device: &Device,
    running: Running,
    memory: &'m mut [u8],
) -> Outcome<(PartitionTable<'m>, Partition), F> {
    flash
        .read(device.table_offset, memory)
        .map_err(Error::Flash)?;
    let table = PartitionTable::for_application(memory, true)?;
    let found = match running {
        Running::Slot(slot) => table.slot(slot),
        Running::At(address) => partition_at(table, address),
    };
    Ok((table, found.ok_or(Error::NotInTable(running))?))
}

fn calls<'m, F, V, S>(
    flash: F,
    verifier: V,
    efuse: S,
    device: &Device,
    table: PartitionTable<'m>,
    running: Partition,
) -> hardened::Ota<'m, F, V, S> {
    let config = device.app_config();
    hardened::Ota::new(flash, verifier, efuse, table, running, config, device.log)
        .with_attempts(device.attempts)
}
