//! Downloading: begin, resume, write, end.

use embedded_storage::nor_flash::NorFlash;

use super::{How, Noting, Ota, Outcome, Told};
use crate::efuse::SecureVersion;
use crate::flash::SECTOR;
use crate::hardened::choice::{Choice, Digest, Image};

use crate::hardened::layout::PROGRESS_ROWS;
use crate::hardened::read::{Book, Found, Site};
use crate::image::VerifyImage;
use crate::partition::{Partition, Slot, Type};
use crate::update::{Erasing, Handle, ImageSize, OtaError};

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Opens an update of `partition` and makes room for the image (`esp_ota_begin`).
    ///
    /// For an app, otadata is written first: the slot is noted as being written, it is no longer what
    /// to go back to, and both entries for stock code name another slot. One erase, two if the slot
    /// was chosen already and not booted yet (then what runs is chosen again). Only then is the slot
    /// erased, as [`ImageSize`] says.
    ///
    /// # A power cut in it
    ///
    /// leaves what boots as it was; the slot is touched only when nothing names it. If the slot was
    /// chosen already, either that is undone or the slot is whole.
    ///
    /// # Errors
    ///
    /// In this order: [`NotInTable`](OtaError::NotInTable); for an app
    /// [`NotStageable`](OtaError::NotStageable), [`Running`](OtaError::Running),
    /// [`RunningUnconfirmed`](OtaError::RunningUnconfirmed) (also where it has chosen the image before it, or refused
    /// itself, since it was started);
    /// [`AlreadyInProgress`](OtaError::AlreadyInProgress), [`NoFreeHandle`](OtaError::NoFreeHandle);
    /// [`RollbackImpossible`](OtaError::RollbackImpossible) if the test image runs, and no other slot that otadata
    /// knows boots; [`LogExhausted`](OtaError::LogExhausted), [`Next`](OtaError::Next);
    /// then [`Range`](OtaError::Range) or [`Flash`](OtaError::Flash) of the erase, after which the
    /// update stays open as in the reference.
    pub fn begin(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle, F> {
        let partition = self.inner.admit(partition)?;
        let book = self.protect(&partition, 0)?;
        let handle = self.inner.begin(&partition, size)?;
        self.note_from(handle, book.as_ref(), 0);
        Ok(handle)
    }

    /// Opens an update like [`begin`](Self::begin), and erases nothing of the partition yet:
    /// [`erase_step`](Self::erase_step) does, call by call, and only then can the image be written.
    ///
    /// # A power cut in it
    ///
    /// As in `begin`.
    ///
    /// # Errors
    ///
    /// Those of `begin` before the erase, and [`Range`](OtaError::Range) if the image does not fit; the
    /// update is then not open.
    pub fn begin_in_steps(&mut self, partition: &Partition, size: ImageSize) -> Outcome<Handle, F> {
        let partition = self.inner.admit(partition)?;
        let book = self.protect(&partition, 0)?;
        let handle = self.inner.begin_in_steps(&partition, size)?;
        self.note_from(handle, book.as_ref(), 0);
        Ok(handle)
    }

    /// Erases the next part of an update that was opened by
    /// [`begin_in_steps`](Self::begin_in_steps), one sector or block: as
    /// [`update::Ota::erase_step`](crate::update::Ota::erase_step). Otadata is left alone.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the partition erased; nothing names it.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn erase_step(&mut self, handle: Handle, most: u32) -> Outcome<Erasing, F> {
        self.inner.erase_step(handle, most)
    }

    /// How many bytes of an update of `partition` that was cut short are known to be written: what
    /// [`resume`](Self::resume) takes at most. 0 if none are, or it was not this partition.
    ///
    /// A partition counts in 32 parts of whole sectors; a part counts when it is complete, so a cut
    /// costs one part at most. Whether they are of the image that is on offer is not known here:
    /// compare the [descriptor](Self::partition_description).
    ///
    /// Reads otadata, writes nothing.
    ///
    /// # Errors
    ///
    /// [`NoOtadata`](OtaError::NoOtadata), [`Range`](OtaError::Range), [`Flash`](OtaError::Flash).
    pub fn progress(&mut self, partition: &Partition) -> Outcome<u32, F> {
        let (site, found) = self.read()?;
        let parts = self.parts(partition, &site, &found)?;
        Ok(u32::from(parts)
            .saturating_mul(part_of(partition))
            .min(partition.size))
    }

    fn parts(&mut self, partition: &Partition, site: &Site, found: &Found) -> Outcome<u8, F> {
        let Found::Book(book) = found else {
            return Ok(0);
        };
        if book.choice.open.is_none() || book.choice.open != partition.slot() {
            return Ok(0);
        }
        let generation = book.end.generation;
        let told = match self.told {
            told if told.generation == generation => told.parts,
            _ => 0,
        };
        let before = book.choice.base.max(told);
        let noted = { book.end }.noted_progress(&mut self.inner.flash, site, before);
        let parts = noted.map_err(OtaError::Flash)?;
        self.told = Told { generation, parts };
        Ok(parts)
    }

    /// Opens an update that was cut short, to go on at `offset` (`esp_ota_resume`).
    ///
    /// `offset` is what [`progress`](Self::progress) said, or less, in whole parts; what lies behind it
    /// is erased as the writes come to it. One erase of otadata: what was noted behind `offset`
    /// counts no longer.
    ///
    /// # A power cut in it
    ///
    /// leaves what boots as it was, and the progress as it was or at `offset`.
    ///
    /// # Errors
    ///
    /// In this order: [`NotInTable`](OtaError::NotInTable), [`NotStageable`](OtaError::NotStageable),
    /// [`Running`](OtaError::Running), [`ResumeOffset`](OtaError::ResumeOffset),
    /// [`RunningUnconfirmed`](OtaError::RunningUnconfirmed),
    /// [`AlreadyInProgress`](OtaError::AlreadyInProgress), [`NoFreeHandle`](OtaError::NoFreeHandle),
    /// [`LogExhausted`](OtaError::LogExhausted), [`Next`](OtaError::Next),
    /// [`Flash`](OtaError::Flash).
    pub fn resume(&mut self, partition: &Partition, offset: u32) -> Outcome<Handle, F> {
        let partition = self.inner.admit(partition)?;
        let part = part_of(&partition);
        let parts = offset.checked_div(part).unwrap_or(0);
        if offset > self.progress(&partition)? || !offset.is_multiple_of(part) {
            let size = partition.size;
            return Err(OtaError::ResumeOffset { offset, size });
        }
        let parts = u8::try_from(parts).unwrap_or(PROGRESS_ROWS);
        let book = self.protect(&partition, parts)?;
        let handle = self
            .inner
            .resume(&partition, ImageSize::Sequential, offset)?;
        self.note_from(handle, book.as_ref(), parts);
        Ok(handle)
    }

    /// Makes `destination` what the image is for (`esp_ota_set_final_partition`): as
    /// [`update::Ota::set_final_partition`](crate::update::Ota::set_final_partition), but for an app
    /// it is first made sure that nothing names the destination, as [`begin`](Self::begin) does for
    /// the staging partition.
    ///
    /// # Errors
    ///
    /// In this order: [`NotInTable`](OtaError::NotInTable), [`Running`](OtaError::Running),
    /// [`NoSuchHandle`](OtaError::NoSuchHandle), those of `begin` about otadata,
    /// [`AlreadyWritten`](OtaError::AlreadyWritten).
    pub fn set_final_partition(
        &mut self,
        handle: Handle,
        destination: &Partition,
        copy: bool,
    ) -> Outcome<(), F> {
        let row = self
            .inner
            .in_table(destination)
            .ok_or(OtaError::NotInTable)?;
        let app = row.kind == Type::APP;
        if app && self.inner.is_running(&row) {
            return Err(OtaError::Running);
        }
        let staging = self.inner.staging(handle).ok_or(OtaError::NoSuchHandle)?;
        if app && copy && staging != row {
            // First: an update whose destination is named must not come into being.
            self.protect_destination(&row)?;
        }
        self.inner.set_final_partition(handle, destination, copy)
    }

    fn protect_destination(&mut self, row: &Partition) -> Outcome<(), F> {
        match self.settled() {
            Err(OtaError::NoOtadata) => Ok(()),
            settled => {
                let (site, found) = settled?;
                if self.is_unconfirmed(found.choice())? {
                    return Err(OtaError::RunningUnconfirmed);
                }
                self.protect_slot(row, 0, &site, found).map(|_| ())
            }
        }
    }

    /// Forgets an update (`esp_ota_abort`). Nothing is written: the slot stays noted as being written,
    /// and may be [resumed](Self::resume).
    ///
    /// # Errors
    ///
    /// [`NoSuchHandle`](OtaError::NoSuchHandle).
    pub fn abort(&mut self, handle: Handle) -> Outcome<(), F> {
        self.inner.abort(handle)
    }

    /// The handle under which `partition` is being updated, or is the destination of one.
    pub fn open_handle(&self, partition: &Partition) -> Option<Handle> {
        self.inner.open_handle(partition)
    }

    /// Writes the next bytes of the image (`esp_ota_write`): as
    /// [`update::Ota::write`](crate::update::Ota::write). When a part of the slot is complete, that is
    /// noted: one program in otadata for each 32nd of the slot.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the bytes written, inside the staging partition; of what is noted as complete
    /// all of it.
    ///
    /// # Errors
    ///
    /// As there. [`Flash`](OtaError::Flash) may also be of the note: the bytes are then written.
    pub fn write(&mut self, handle: Handle, data: &[u8]) -> Outcome<(), F> {
        self.inner.write(handle, data)?;
        self.note(handle)
    }

    /// Writes bytes of the image at a place of their own (`esp_ota_write_with_offset`): as
    /// [`update::Ota::write_with_offset`](crate::update::Ota::write_with_offset). From then on no
    /// progress is noted.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_with_offset(
        &mut self,
        handle: Handle,
        data: &[u8],
        offset: u32,
    ) -> Outcome<(), F> {
        self.noting = self.noting.filter(|noting| noting.handle != handle);
        self.inner.write_with_offset(handle, data, offset)
    }

    /// Ends an update (`esp_ota_end`): as [`update::Ota::end`](crate::update::Ota::end), and the digest
    /// of an application image is noted, so that it alone can be chosen and booted. Three programs; one erase of otadata
    /// where another download was opened since.
    ///
    /// # A power cut in it
    ///
    /// leaves the digest noted or not. A copy leaves the destination neither old nor new, and nothing
    /// names it.
    ///
    /// # Errors
    ///
    /// As there; then [`LogExhausted`](OtaError::LogExhausted), [`Flash`](OtaError::Flash).
    pub fn end(&mut self, handle: Handle) -> Outcome<(), F> {
        let (open, image) = self.inner.finish(handle)?;
        self.noting = self.noting.filter(|noting| noting.handle != handle);
        let slot = open.target.slot().filter(|slot| *slot != Slot::Test);
        let (Some(image), Some(slot)) = (image, slot) else {
            return Ok(());
        };
        if !open.copy && open.staging != open.target {
            return Ok(());
        }
        let digest = Digest::of(&image.digest);
        let (site, found) = match self.settled() {
            Err(OtaError::NoOtadata) => return Ok(()),
            settled => settled?,
        };
        let mut choice = Choice {
            open: Some(slot),
            staged: digest,
            ..*found.choice()
        };
        let how = if found.choice().open == choice.open {
            How::InLog
        } else {
            // What is noted beside the log is of another download.
            choice.base = 0;
            How::Opening
        };
        self.choose(&site, found, choice, how)?;
        Ok(())
    }

    /// Makes sure that the partition can be opened and that nothing names it, if it is an app.
    fn protect(&mut self, partition: &Partition, base: u8) -> Outcome<Option<Book>, F> {
        if partition.kind != Type::APP {
            self.inner.may_open(partition)?;
            return Ok(None);
        }
        let (site, found) = match self.settled() {
            Err(OtaError::NoOtadata) => {
                self.inner.may_open(partition)?;
                return Ok(None);
            }
            settled => settled?,
        };
        if self.is_unconfirmed(found.choice())? {
            return Err(OtaError::RunningUnconfirmed);
        }
        self.inner.may_open(partition)?;
        self.protect_slot(partition, base, &site, found).map(Some)
    }

    /// Makes sure that nothing names the slot, and notes it as being written from part `base` on.
    fn protect_slot(
        &mut self,
        partition: &Partition,
        base: u8,
        site: &Site,
        found: Found,
    ) -> Outcome<Book, F> {
        let chosen = *found.choice();
        let slot = partition.slot();
        if slot == Some(Slot::Test) {
            // Nothing ever names it: what is open stays so.
            return self.choose(site, found, chosen, How::BySwitch);
        }
        let other = |image: &Image| Some(image.slot) != slot;
        let mut choice = Choice {
            previous: chosen.previous.filter(other),
            open: slot,
            staged: Digest::UNKNOWN,
            base,
            ..chosen
        };
        let stays = match self.running_image(&chosen) {
            None => self.stays(&chosen, slot, site)?,
            running => running.filter(other),
        };
        if !other(&chosen.current) {
            // It was chosen and has not been booted: what runs, or what was confirmed, is chosen again.
            let instead = stays.ok_or(OtaError::RollbackImpossible)?;
            choice = Choice {
                open: slot,
                base,
                ..Choice {
                    bad: chosen.bad,
                    ..Choice::confirmed(instead)
                }
            };
        }
        self.choose(site, found, choice, How::Opening)
    }

    /// What boots when the slot is written, where it is the test image that runs.
    ///
    /// # Errors
    ///
    /// [`RollbackImpossible`](OtaError::RollbackImpossible) if the slot has the only image that boots.
    fn stays(
        &mut self,
        chosen: &Choice,
        slot: Option<Slot>,
        site: &Site,
    ) -> Outcome<Option<Image>, F> {
        let factory = site.factory.then_some(Image::unknown(Slot::Factory));
        let named = [Some(chosen.current), chosen.previous, factory];
        let (mut other, mut lost) = (None, false);
        for image in named.into_iter().flatten() {
            let is_other = Some(image.slot) != slot;
            if is_other && other.is_some() || !self.boots(&image)? {
                continue;
            }
            if is_other {
                other = Some(image);
            } else {
                lost = true;
            }
        }
        if lost && other.is_none() {
            return Err(OtaError::RollbackImpossible);
        }
        Ok(other.or(chosen.previous).or(factory))
    }

    fn note_from(&mut self, handle: Handle, book: Option<&Book>, parts: u8) {
        self.noting = book.map(|book| Noting {
            handle,
            end: book.end,
            parts,
        });
    }

    /// Notes the parts that are complete since the last time.
    fn note(&mut self, handle: Handle) -> Outcome<(), F> {
        let Some(noting) = self.noting.filter(|noting| noting.handle == handle) else {
            return Ok(());
        };
        let (Some(wrote), Some(staging)) = (self.inner.wrote(handle), self.inner.staging(handle))
        else {
            return Ok(());
        };
        let complete = wrote.checked_div(part_of(&staging)).unwrap_or(0);
        let complete = u8::try_from(complete).map_or(PROGRESS_ROWS, |n| n.min(PROGRESS_ROWS));
        if complete <= noting.parts {
            return Ok(());
        }
        self.noting = Some(Noting {
            parts: complete,
            ..noting
        });
        let partition = self.inner.otadata().ok_or(OtaError::NoOtadata)?;
        let site = Site::new(&partition, self.inner.table, self.log);
        noting
            .end
            .note_progress(&mut self.inner.flash, &site, complete.saturating_sub(1))?;
        Ok(())
    }
}

/// Bytes of one part of a slot: a 32nd of it, in whole sectors.
fn part_of(partition: &Partition) -> u32 {
    let part = partition.size.div_ceil(u32::from(PROGRESS_ROWS));
    part.max(1)
        .checked_next_multiple_of(SECTOR)
        .unwrap_or(u32::MAX)
}
