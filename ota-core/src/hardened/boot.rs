//! The bootloader: which slot runs after a reset, and why.
//!
//! [`boot`] is the whole of it, in two steps that can be driven alone: [`select_boot_partition`]
//! reads otadata and puts it in order, [`load_boot_image`] verifies, counts and falls back.

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

use super::choice::{Choice, Digest, Image, Status};
use super::commit::Trouble;
use super::decision::{BootError, Chosen, Decision, Order, Reason, Source};
use super::image;
use super::layout::Log;
use super::read::{self, Found, Site};
use crate::boot::rows::Rows;
use crate::boot::{
    Attempt, BootConfig, BootInputs, Refused, Tried, Wipe, is_new_enough, wipe_data,
};
use crate::efuse::{self, SecureVersion};
use crate::image::{ImageMetadata, VerifyImage};
use crate::otadata::MIN_SIZE;
use crate::partition::{Partition, PartitionTable, Slot, TABLE_LEN};

/// Decides what runs: the bootloader from its reset to the jump.
///
/// Like [`boot::boot`](crate::boot::boot), but for otadata. [`BootConfig::rollback`] does not matter:
/// whether an image is on trial, and how often it is started, stands in its record. `table` is room for
/// the partition table; its contents before do not matter.
///
/// # A power cut in it
///
/// leaves what was chosen chosen. A start that was being counted may be counted or not; it has not
/// happened. An image whose trial is over may have been given up or not; it is not started again. A
/// factory reset may have erased any part of the data that it names.
///
/// # Errors
///
/// The device resets and comes back here: see [`BootError`].
#[expect(
    clippy::result_large_err,
    reason = "the list of refused candidates is the point of the error, and there is no heap"
)]
pub fn boot<F: NorFlash, V: VerifyImage<F>, S: SecureVersion>(
    flash: &mut F,
    verifier: &mut V,
    efuse: &mut S,
    config: &BootConfig,
    log: Log,
    inputs: &BootInputs,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<F::Error>> {
    let table = load_table(flash, config, table)?;
    let selection = select_boot_partition(flash, table, config, log, inputs)?;
    load_boot_image(flash, verifier, efuse, table, config, selection)
}

/// Reads the partition table and checks it as the bootloader does. Writes nothing.
#[expect(
    clippy::result_large_err,
    reason = "the error is shared with the steps that have candidates to list"
)]
pub fn load_table<'t, F: NorFlash>(
    flash: &mut F,
    config: &BootConfig,
    table: &'t mut [u8; TABLE_LEN],
) -> Result<PartitionTable<'t>, BootError<F::Error>> {
    flash
        .read(config.table_offset, table)
        .map_err(BootError::Flash)?;
    PartitionTable::for_bootloader(table, config.flash_size).map_err(BootError::Table)
}

/// What otadata says, in order.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    otadata: Option<(Site, Found)>,
    order: Order,
    wipe: Option<Wipe>,
    test: bool,
}

impl Selection {
    /// What is chosen; `None` without otadata.
    #[must_use]
    pub fn chosen(&self) -> Option<Chosen> {
        let (_, found) = self.otadata.as_ref()?;
        let choice = found.choice();
        Some(Chosen {
            slot: choice.current.slot,
            status: choice.status,
            previous: choice.previous.map(|image| image.slot),
            open: choice.open,
            source: match found {
                Found::Book(book) => Source::Record {
                    sector: book.end.sector.index(),
                    generation: book.end.generation,
                },
                Found::Stock(adopted) => Source::Stock(adopted.origin),
            },
        })
    }

    /// Whether otadata could be put in order.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// The slot of the image on trial that is to be started, if it verifies: what
    /// [`load_boot_image`] writes first counts that start.
    #[must_use]
    pub fn counts(&self) -> Option<Slot> {
        let (_, found) = self.otadata.as_ref().filter(|_| !self.test)?;
        self.may_start(found.choice())
            .then_some(found.choice().current.slot)
    }

    /// Whether an image on trial may be started once more.
    fn may_start(&self, choice: &Choice) -> bool {
        match choice.status {
            Status::Trial { started } => {
                started < choice.attempts.max(1) && self.order == Order::Kept
            }
            Status::Confirmed => false,
        }
    }

    /// After this, nothing more is written.
    fn give_up<E: NorFlashError>(&mut self, trouble: &Trouble<E>) {
        self.order = match trouble {
            Trouble::Full => Order::Exhausted,
            Trouble::Flash(error) => Order::Failed(error.kind()),
            Trouble::Next(_) => Order::Failed(NorFlashErrorKind::Other),
        };
    }

    /// Changes what is chosen, if otadata is in order.
    fn choose<F: NorFlash>(&mut self, flash: &mut F, choice: Choice, in_log: bool) {
        let Some((site, found)) = self.otadata.filter(|_| self.order == Order::Kept) else {
            return;
        };
        let mut chosen = found.book(flash, &site);
        if let Ok(book) = &mut chosen {
            let changed = if in_log {
                book.decide(flash, &site, choice)
            } else {
                book.change(flash, &site, choice)
            };
            if let Err(trouble) = changed {
                chosen = Err(trouble);
            }
        }
        match chosen {
            Ok(book) => self.otadata = Some((site, Found::Book(book))),
            Err(trouble) => self.give_up(&trouble),
        }
    }
}

/// Reads otadata and puts it in order; heeds the pins.
///
/// At rest it only reads. After a cut it writes what may not be there at the next reading once more,
/// and finishes a switch that was begun: up to two erases. A factory reset erases the data partitions
/// that it names and, if it is to erase otadata, chooses the factory image: two erases; without a
/// factory partition what is chosen stays. Where that cannot be written, the reset is [`Wipe::Incomplete`].
///
/// # A power cut in it
///
/// leaves what is chosen as it was. Cut in a factory reset, any part of that is done.
///
/// # Errors
///
/// Reads that fail end it. Writes that fail do not: [`Selection::order`] says so.
#[expect(
    clippy::result_large_err,
    reason = "the error is shared with the step that has candidates to list"
)]
pub fn select_boot_partition<F: NorFlash>(
    flash: &mut F,
    table: PartitionTable<'_>,
    config: &BootConfig,
    log: Log,
    inputs: &BootInputs,
) -> Result<Selection, BootError<F::Error>> {
    let rows = Rows(table);
    let mut selection = Selection {
        otadata: None,
        order: Order::Kept,
        wipe: None,
        test: false,
    };
    if let Some(partition) = rows.otadata() {
        if partition.size < MIN_SIZE {
            let size = partition.size;
            return Err(BootError::OtadataTooSmall { size });
        }
        let site = Site::new(&partition, table, log);
        let mut found = read::read(flash, &site).map_err(BootError::Flash)?;
        if let Err(trouble) = found.settle(flash, &site) {
            selection.give_up(&trouble);
        }
        selection.otadata = Some((site, found));
    }
    if inputs.deep_sleep_wake {
        return Ok(selection);
    }
    match &config.factory_reset {
        Some(what) if inputs.factory_reset_pin => {
            let (wipe, otadata) = wipe_data(flash, table, what);
            selection.wipe = Some(wipe);
            if otadata && rows.has(Slot::Factory) && !choose_factory(flash, &mut selection) {
                selection.wipe = Some(Wipe::Incomplete);
            }
        }
        _ if inputs.app_test_pin && config.app_test && !config.anti_rollback => {
            if !rows.has(Slot::Test) {
                return Err(BootError::NoTestPartition);
            }
            selection.test = true;
        }
        _ => {}
    }
    Ok(selection)
}

/// Chooses the factory image, and keeps what was confirmed in case it does not boot. False if that could not be written.
fn choose_factory<F: NorFlash>(flash: &mut F, selection: &mut Selection) -> bool {
    let Some((_, found)) = &selection.otadata else {
        return true;
    };
    let choice = *found.choice();
    if choice.current.slot == Slot::Factory {
        return true;
    }
    selection.choose(flash, choice.for_factory(), false);
    selection.order == Order::Kept
}

/// Verifies what is chosen and says that it runs; otherwise something else that does.
///
/// An image on trial is verified, then its start is counted (three programs), then it runs. When no
/// start is left, or it does not verify, the confirmed image before it is verified, chosen (one erase)
/// and runs. Without a trial nothing is written. An image counts only if its digest is the one that
/// was chosen, where that is known.
///
/// If neither boots, these are tried, and otadata stays: factory, the OTA slots, test, except for a
/// slot that is being written and for images that were found bad; and at last those, and whatever
/// verifies but is not what was chosen. At most [`Tried::CAPACITY`] images are verified, and those
/// that verified but were passed over once more.
///
/// # A power cut in it
///
/// See [`boot`].
///
/// # Errors
///
/// [`BootError::NothingBootable`] with the whole list. A flash error while an image is read refuses
/// that image.
#[expect(
    clippy::result_large_err,
    reason = "the list of refused candidates is the point of the error, and there is no heap"
)]
pub fn load_boot_image<F: NorFlash, V: VerifyImage<F>, S: SecureVersion>(
    flash: &mut F,
    verifier: &mut V,
    efuse: &mut S,
    table: PartitionTable<'_>,
    config: &BootConfig,
    selection: Selection,
) -> Result<Decision, BootError<F::Error>> {
    let chosen = selection.chosen();
    let mut loader = Loader {
        flash,
        verifier,
        efuse,
        rows: Rows(table),
        config,
        selection,
        tried: Tried::NONE,
    };
    match loader.load() {
        Some((slot, partition, image, reason)) => Ok(Decision {
            slot,
            partition,
            image,
            reason,
            chosen,
            tried: loader.tried,
            order: loader.selection.order,
            wipe: loader.selection.wipe,
        }),
        None => Err(BootError::NothingBootable {
            chosen,
            tried: loader.tried,
        }),
    }
}

type Loaded = (Slot, Partition, ImageMetadata, Reason);

struct Loader<'l, 't, F, V, S> {
    flash: &'l mut F,
    verifier: &'l mut V,
    efuse: &'l mut S,
    rows: Rows<'t>,
    config: &'l BootConfig,
    selection: Selection,
    tried: Tried,
}

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion> Loader<'_, '_, F, V, S> {
    fn load(&mut self) -> Option<Loaded> {
        if self.selection.test {
            let test = Image::unknown(Slot::Test);
            return self.candidate(test, Reason::TestPin);
        }
        let Some((_, found)) = self.selection.otadata else {
            return self.search(None, Reason::NoOtadata);
        };
        let choice = *found.choice();
        let loaded = match choice.status {
            Status::Confirmed => self.confirmed(&choice),
            Status::Trial { started } => self.on_trial(&choice, started),
        };
        loaded.or_else(|| self.search(Some(&choice), Reason::Fallback))
    }

    /// What is chosen and confirmed, or what was before it.
    fn confirmed(&mut self, choice: &Choice) -> Option<Loaded> {
        if let Some(loaded) = self.candidate(choice.current, Reason::Confirmed) {
            if self.config.anti_rollback
                && let (_, _, image, _) = &loaded
                && let Some(version) = image.secure_version
            {
                // It has proven itself and boots, so raising strands nobody. If it cannot be done,
                // the next boot tries again.
                let _ = efuse::update(self.efuse, version);
            }
            return Some(loaded);
        }
        self.candidate(choice.previous?, Reason::Fallback)
    }

    /// What is on trial, if one more start can be counted; otherwise what was confirmed before.
    fn on_trial(&mut self, choice: &Choice, started: u8) -> Option<Loaded> {
        let slot = choice.current.slot;
        let attempts = choice.attempts.max(1);
        let over = started >= attempts;
        if over {
            self.refuse(slot, Refused::TrialOver);
        } else if self.selection.may_start(choice) {
            let start = started.saturating_add(1);
            let reason = Reason::Trial { start, attempts };
            if let Some(loaded) = self.candidate(choice.current, reason) {
                let counted = Choice {
                    status: Status::Trial { started: start },
                    ..*choice
                };
                self.selection.choose(self.flash, counted, true);
                if self.selection.order == Order::Kept {
                    return Some(loaded);
                }
                self.refuse(slot, Refused::NotCounted);
            }
        } else {
            self.refuse(slot, Refused::NotCounted);
        }
        let previous = choice.previous?;
        // What cannot be written is not given up either: it waits for otadata to be in order.
        let reason = if over || self.selection.order == Order::Kept {
            Reason::RolledBack { from: slot }
        } else {
            Reason::Postponed { trial: slot }
        };
        let loaded = self.candidate(previous, reason)?;
        self.selection
            .choose(self.flash, choice.rolled_back(previous), false);
        Some(loaded)
    }

    /// The first of all that are left; then the first of those that were passed over although they
    /// verify.
    fn search(&mut self, choice: Option<&Choice>, reason: Reason) -> Option<Loaded> {
        let open = choice.and_then(|choice| choice.open);
        let all = [Slot::Factory].into_iter();
        for slot in all.chain((0..16).map(Slot::Ota)).chain([Slot::Test]) {
            if self.tried.iter().any(|attempt| attempt.slot == slot) {
                continue;
            }
            if Some(slot) == open {
                self.refuse(slot, Refused::Unfinished);
                continue;
            }
            if let Some(loaded) = self.not_bad(slot, reason) {
                return Some(loaded);
            }
        }
        // By number: a copy of the list would be large, and `verify` adds nothing to it.
        for number in 0..Tried::CAPACITY {
            let Attempt { slot, refused } = *self.tried.iter().nth(number)?;
            if refused.verifies()
                && let Some(partition) = self.rows.candidate(slot)
                && let Ok((image, _)) = self.verify(&partition)
            {
                return Some((slot, partition, image, reason));
            }
        }
        None
    }

    /// The image, if it is there and is the one.
    fn candidate(&mut self, wanted: Image, reason: Reason) -> Option<Loaded> {
        let partition = self.rows.candidate(wanted.slot)?;
        let refused = match self.verify(&partition) {
            Err(refused) => refused,
            Ok((_, found)) if !wanted.digest.admits(found) => Refused::OtherImage,
            Ok((image, _)) => return Some((wanted.slot, partition, image, reason)),
        };
        self.refuse(wanted.slot, refused);
        None
    }

    /// Whatever image is in a slot that nobody chose, unless it was found bad. One that is chosen, or was confirmed, may
    /// have been found bad elsewhere: who chose it means it.
    fn not_bad(&mut self, slot: Slot, reason: Reason) -> Option<Loaded> {
        let partition = self.rows.candidate(slot)?;
        let refused = match self.verify(&partition) {
            Err(refused) => refused,
            Ok((_, found)) if self.is_bad(found) => Refused::Bad,
            Ok((image, _)) => return Some((slot, partition, image, reason)),
        };
        self.refuse(slot, refused);
        None
    }

    fn is_bad(&self, digest: Digest) -> bool {
        let found = self.selection.otadata.as_ref();
        found.is_some_and(|(_, found)| found.choice().is_bad(digest))
    }

    fn verify(&mut self, partition: &Partition) -> Result<(ImageMetadata, Digest), Refused> {
        let verified = image::verify(self.flash, self.verifier, partition);
        let (image, digest) = verified.map_err(Refused::image)?;
        if self.config.anti_rollback {
            is_new_enough(self.efuse, &image)?;
        }
        Ok((image, digest))
    }

    fn refuse(&mut self, slot: Slot, refused: Refused) {
        self.tried.push(Attempt { slot, refused });
    }
}
