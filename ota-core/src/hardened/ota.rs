//! The application's side: [`Ota`], with the calls of [`update::Ota`](crate::update::Ota).
//!
//! It wraps the stock updater, built without rollback so that it leaves otadata alone, for everything
//! that is about images and partitions, and does itself what is about what boots. A type of its own
//! and not a parameter of the stock one: the calls have the same names and arguments, so that a product
//! changes its policy with its imports, but what they promise, what they refuse and what a cut leaves
//! differs call by call, and the documentation should not say "it depends".
//!
//! What differs for the caller:
//!
//! - [`begin`](Ota::begin) writes otadata first and erases then, and what runs is never erased,
//!   whatever otadata says.
//! - [`set_boot_partition`](Ota::set_boot_partition) wants the image that [`end`](Ota::end) verified.
//! - [`resume`](Ota::resume) takes an offset that [`progress`](Ota::progress) vouches for, and erases as it goes.
//! - Confirming and refusing are about the *running* slot, not about an entry.
//! - Every call can fail with [`LogExhausted`](OtaError::LogExhausted), see [a full log](super#a-full-log).

mod confirm;
mod download;
mod select;

use embedded_storage::nor_flash::NorFlash;

use super::choice::{Choice, Digest, Image, Status};
use super::commit::Trouble;
use super::layout::Log;
use super::read::{self, Book, Found, LogEnd, Site};
use crate::efuse::SecureVersion;
use crate::image::{AppDesc, BootloaderDesc, Header, VerifyImage};
use crate::partition::{Partition, PartitionTable, Slot, Type};
use crate::update::{self, AppConfig, Handle, OtaError, storage};

/// The over-the-air update of one application, under the hardened policy.
///
/// It owns what it works on (hand in `&mut` to keep it) and room for `HANDLES` updates at a time. It
/// holds nothing that outlives a reset: a new one is as good as the old.
#[derive(Debug)]
pub struct Ota<'t, F, V, S, const HANDLES: usize = 1> {
    inner: update::Ota<'t, F, V, S, HANDLES>,
    log: Log,
    /// New images are on trial.
    monitors: bool,
    anti_rollback: bool,
    attempts: u8,
    /// The download whose progress is noted.
    noting: Option<Noting>,
    /// What was last said of a download that was cut.
    told: Told,
}

/// So many parts of a download are complete, as a row said that was read right. It may read otherwise the
/// next time, but was programmed behind those parts.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// Of the generation whose download it is.
    generation: u32,
    parts: u8,
}

/// A download whose progress is noted.
#[derive(Clone, Copy, Debug)]
struct Noting {
    handle: Handle,
    /// The log next to which it is noted.
    end: LogEnd,
    /// Parts that are complete.
    parts: u8,
}

type Outcome<T, F> = Result<T, OtaError<<F as embedded_storage::nor_flash::ErrorType>::Error>>;

impl<'t, F, V, S, const HANDLES: usize> Ota<'t, F, V, S, HANDLES> {
    /// The most starts of an image on trial: they and its confirmation fit the part of the log that
    /// is not kept back, so that none of them takes an erase.
    pub const MOST_ATTEMPTS: u8 = 8;

    /// An updater for the application that runs from `running`. Touches no flash.
    ///
    /// `table` is what [`PartitionTable::for_application`] made of the table in flash, `log` what the
    /// bootloader uses.
    pub const fn new(
        flash: F,
        verifier: V,
        efuse: S,
        table: PartitionTable<'t>,
        running: Partition,
        config: AppConfig,
        log: Log,
    ) -> Self {
        let plain = AppConfig {
            rollback: false,
            anti_rollback: false,
            ..config
        };
        Self {
            inner: update::Ota::new(flash, verifier, efuse, table, running, plain),
            log,
            monitors: config.rollback || config.anti_rollback,
            anti_rollback: config.anti_rollback,
            attempts: 1,
            noting: None,
            told: Told {
                generation: 0,
                parts: 0,
            },
        }
    }

    /// The same, but a new image is started up to `attempts` times (1 to
    /// [`MOST_ATTEMPTS`](Self::MOST_ATTEMPTS)) before it counts as bad. Stock: once.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u8) -> Self {
        self.attempts = match attempts {
            0 => 1,
            1..=Self::MOST_ATTEMPTS => attempts,
            _ => Self::MOST_ATTEMPTS,
        };
        self
    }

    /// Gives back the flash, the verifier and the eFuse. Open handles are forgotten.
    pub fn into_parts(self) -> (F, V, S) {
        self.inner.into_parts()
    }

    /// The flash.
    pub const fn flash(&mut self) -> &mut F {
        self.inner.flash()
    }

    /// The partition that the application runs from.
    pub const fn running_partition(&self) -> Partition {
        self.inner.running_partition()
    }

    /// The partition of a slot, if the table has it.
    pub fn slot(&self, slot: Slot) -> Option<Partition> {
        self.inner.table.slot(slot)
    }

    /// Number of OTA slots: `ota_0`, `ota_1`, … up to the first that is missing.
    pub fn app_partition_count(&self) -> u32 {
        self.inner.app_partition_count()
    }

    /// The slot that runs, if it is one that can be chosen.
    fn running_slot(&self) -> Option<Slot> {
        let slot = self.inner.running.slot();
        slot.filter(|slot| *slot != Slot::Test)
    }

    /// What runs, with its digest if that is known.
    fn running_image(&self, choice: &Choice) -> Option<Image> {
        let slot = self.running_slot()?;
        let mut known = [Some(choice.current), choice.previous]
            .into_iter()
            .flatten();
        Some(
            known
                .find(|image| image.slot == slot)
                .unwrap_or(Image::unknown(slot)),
        )
    }

    /// Whether the running image is on trial, and chosen still.
    fn is_on_trial(&self, choice: &Choice) -> bool {
        choice.status != Status::Confirmed && self.running_slot() == Some(choice.current.slot)
    }
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// The OTA partition to update next: as
    /// [`update::Ota::next_update_partition`](crate::update::Ota::next_update_partition).
    pub fn next_update_partition(&self, from: Option<&Partition>) -> Option<Partition> {
        self.inner.next_update_partition(from)
    }

    /// The application descriptor in `partition`: as
    /// [`update::Ota::partition_description`](crate::update::Ota::partition_description).
    pub fn partition_description(&mut self, partition: &Partition) -> Outcome<AppDesc, F> {
        self.inner.partition_description(partition)
    }

    /// The bootloader descriptor: as
    /// [`update::Ota::bootloader_description`](crate::update::Ota::bootloader_description).
    pub fn bootloader_description(
        &mut self,
        partition: Option<&Partition>,
    ) -> Outcome<BootloaderDesc, F> {
        self.inner.bootloader_description(partition)
    }

    /// Whether an image with this header and descriptor is for this device: as
    /// [`update::Ota::check_image_validity`](crate::update::Ota::check_image_validity).
    pub fn check_image_validity(
        &mut self,
        kind: Type,
        header: &Header,
        desc: Option<&AppDesc>,
    ) -> Outcome<(), F> {
        self.inner.check_image_validity(kind, header, desc)
    }

    /// Whether the bootloader may be a stock one: the running image is on trial, and nobody counted its
    /// start. Such a bootloader never ends the trial; the application can, by
    /// [`mark_app_invalid_rollback`](Self::mark_app_invalid_rollback).
    ///
    /// Reads otadata, writes nothing.
    ///
    /// # Errors
    ///
    /// [`NoOtadata`](OtaError::NoOtadata), [`Flash`](OtaError::Flash).
    pub fn foreign_bootloader(&mut self) -> Outcome<bool, F> {
        let (_, found) = self.read()?;
        let choice = found.choice();
        let uncounted = choice.status == Status::Trial { started: 0 };
        Ok(uncounted && self.running_slot() == Some(choice.current.slot))
    }

    /// Whether the running image is not confirmed: it is on trial, or it was when something else was chosen, or it has
    /// refused itself.
    ///
    /// Otadata forgets an image that is gone back from. But what runs then is neither chosen nor what was before
    /// that, although what is chosen, and confirmed, would have booted.
    fn is_unconfirmed(&mut self, choice: &Choice) -> Outcome<bool, F> {
        let Some(running) = self.running_slot() else {
            return Ok(false);
        };
        if choice.current.slot == running {
            return Ok(choice.status != Status::Confirmed);
        }
        let is_before = choice.previous.is_some_and(|image| image.slot == running);
        if is_before || choice.status != Status::Confirmed {
            return Ok(false);
        }
        self.boots(&choice.current)
    }

    /// Whether the image is there, and one that a bootloader would boot.
    fn boots(&mut self, image: &Image) -> Outcome<bool, F> {
        let Some(partition) = self.inner.table.slot(image.slot) else {
            return Ok(false);
        };
        let found = self.inner.verified(&partition)?;
        let Some(found) = found.filter(|found| image.digest.admits(Digest::of(&found.digest)))
        else {
            return Ok(false);
        };
        if !self.anti_rollback {
            return Ok(true);
        }
        // No version in the image, or none to be had from the device.
        let versions = self.inner.secure_versions(&found);
        Ok(versions.is_ok_and(|(image, device)| image >= device))
    }

    /// Reads otadata, writes nothing.
    fn read(&mut self) -> Outcome<(Site, Found), F> {
        let partition = self.inner.otadata().ok_or(OtaError::NoOtadata)?;
        storage::writable(&partition)?;
        let site = Site::new(&partition, self.inner.table, self.log);
        let found = read::read(&mut self.inner.flash, &site).map_err(OtaError::Flash)?;
        Ok((site, found))
    }

    /// Reads otadata and puts it in order; entries of stock code stay.
    fn settled(&mut self) -> Outcome<(Site, Found), F> {
        let (site, mut found) = self.read()?;
        found.settle(&mut self.inner.flash, &site)?;
        Ok((site, found))
    }

    /// Writes another choice: in the log, or in the other sector if what boots changes.
    fn choose(&mut self, site: &Site, found: Found, choice: Choice, how: How) -> Outcome<Book, F> {
        let flash = &mut self.inner.flash;
        let mut book = found.book(flash, site)?;
        let open = book.choice.open;
        match how {
            How::InLog => book.decide(flash, site, choice)?,
            How::BySwitch => book.change(flash, site, choice)?,
            How::Opening => book.open(flash, site, choice)?,
        }
        // Progress is noted next to the log of the last generation, if the download is the one that was open.
        let stays_open = how != How::Opening && book.choice.open == open;
        self.noting = self.noting.filter(|_| stays_open);
        if let Some(noting) = &mut self.noting {
            noting.end = book.end;
        }
        Ok(book)
    }
}

/// How a choice is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    InLog,
    BySwitch,
    /// By a switch that opens a download.
    Opening,
}

impl<E> From<Trouble<E>> for OtaError<E> {
    fn from(trouble: Trouble<E>) -> Self {
        match trouble {
            Trouble::Flash(error) => Self::Flash(error),
            Trouble::Full => Self::LogExhausted,
            Trouble::Next(error) => Self::Next(error),
        }
    }
}
