//! What would boot, on a copy of the dump.

use ota_core::boot::{
    Attempt, BootConfig, BootError, Changes, Reason, Tried, load_boot_image, select_boot_partition,
};
use ota_core::efuse::Unary;
use ota_core::flash::Region;
use ota_core::image::{ImageMetadata, Refusal as ImageRefusal, VerifyError, VerifyImage};
use ota_core::{PartitionTable, Slot};
use serde::Serialize;

use embedded_storage::nor_flash::NorFlashErrorKind;

use super::bootloader::{BootloaderState, BootloaderView};
use super::dump_flash::{DumpFlash, Known};
use super::layout::{Absent, FoundTable};
use super::slot::Judged;

/// One boot of the dump.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BootView {
    /// Whether the bootloader monitors the first boot of a new image.
    pub rollback: bool,
    /// The slot that runs; `None` if none does, and the device resets for ever, or if it cannot be told.
    pub boots: Option<String>,
    /// Project and version of the image that runs.
    pub version: Option<String>,
    /// Why the boot starts where it starts, or why it comes to nothing.
    pub reason: String,
    /// The candidate that was to be tried first.
    pub first: Option<String>,
    /// Candidates that were refused on the way.
    pub refused: Vec<Refusal>,
    /// What the boot writes to otadata.
    pub changes: Vec<String>,
    /// Why it cannot be told what boots; `None` if it can.
    pub cannot_tell: Option<String>,
    /// Why nothing boots before a table is looked at; the rest says what would boot otherwise.
    pub no_bootloader: Option<String>,
    /// What is taken for granted, as the file does not hold it.
    pub provided: Vec<String>,
    /// Whether otadata could be followed, or is blank; not so if it is damaged and every slot is tried.
    pub runs_by_choice: bool,
}

/// A candidate that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The candidate.
    pub slot: String,
    /// Why.
    pub reason: String,
}

/// What a boot is judged by.
pub(super) struct Device<'a> {
    pub(super) known: Known<'a>,
    pub(super) bootloader: &'a BootloaderView,
    pub(super) table: &'a FoundTable,
    pub(super) slots: &'a [Judged],
    /// The chip, if only an image says which it is.
    pub(super) guessed_chip: Option<&'static str>,
    /// The secure version in eFuse, on a device with anti-rollback.
    pub(super) efuse_version: Option<u32>,
    pub(super) secure_boot: bool,
}

impl Device<'_> {
    pub(super) fn boot(&self, rollback: bool) -> BootView {
        let mut view = BootView {
            rollback,
            ..BootView::default()
        };
        self.bootloader(&mut view);
        if view.cannot_tell.is_some() {
            return view;
        }
        match (&self.table.bytes, self.table.view.found) {
            (Some(bytes), _) => {
                match PartitionTable::for_bootloader(&**bytes, self.table.flash_size) {
                    Ok(table) => self.boot_with(table, &mut view),
                    Err(_) if !self.table.whole => {
                        view.cannot_tell = Some("the file ends in the partition table".into());
                    }
                    Err(error) => {
                        view.reason =
                            format!("the bootloader refuses the partition table: {error}");
                    }
                }
            }
            (None, Some(absent @ (Absent::Outside | Absent::Encrypted))) => {
                let offset = self.table.view.offset;
                view.cannot_tell = Some(format!("the partition table, {offset:#x}: {absent}"));
            }
            (None, found) => {
                let offset = self.table.view.offset;
                let found = found.map_or_else(String::new, |found| format!(", {found}"));
                view.reason = format!("there is no partition table at {offset:#x}{found}");
            }
        }
        view
    }

    /// What comes of the bootloader.
    fn bootloader(&self, view: &mut BootView) {
        let BootloaderView { offset, state, .. } = self.bootloader;
        let at = offset.map_or_else(String::new, |at| format!(" at {at:#x}"));
        match state {
            BootloaderState::Verifies(_) => {}
            BootloaderState::Damaged(reason) => {
                view.no_bootloader = Some(format!("the bootloader{at} does not verify: {reason}"));
            }
            BootloaderState::CutOff => {
                let rest = "the rest of the bootloader, which is not in the file, is whole";
                view.provided.push(rest.into());
            }
            BootloaderState::UnknownChip(id) => {
                view.cannot_tell = Some(format!("the chip with id {id} is not known here"));
            }
            BootloaderState::Absent(Absent::Outside) => {
                let what = "the bootloader, which is not in the file, is whole";
                view.provided.push(what.into());
            }
            BootloaderState::Absent(Absent::Encrypted) => {
                view.cannot_tell = Some(format!("the bootloader{at} looks encrypted"));
            }
            BootloaderState::Absent(absent) => {
                view.no_bootloader = Some(format!("there is no bootloader{at}, {absent}"));
            }
            BootloaderState::Elsewhere { at: lies, here } => {
                view.no_bootloader = Some(format!(
                    "there is no bootloader{at}, where the chip looks for it, {here}; it lies at {lies:#x}"
                ));
            }
        }
    }

    fn boot_with(&self, table: PartitionTable<'_>, view: &mut BootView) {
        let config = BootConfig {
            table_offset: self.table.view.offset,
            rollback: view.rollback,
            anti_rollback: self.efuse_version.is_some(),
            ..BootConfig::new(self.table.flash_size)
        };
        let burnt = self.efuse_version.unwrap_or(0).min(32);
        let bits = u32::try_from((1_u64 << burnt) - 1).unwrap_or(u32::MAX);
        let mut efuse = Unary::new(bits, 32);
        let mut flash = DumpFlash::new(self.known, self.table.flash_size);
        let selection = select_boot_partition(&mut flash, &mut efuse, table, &config);
        if let Some(at) = flash.take_unknown() {
            let what = match table.otadata() {
                Some(row) if row.region().end() > u64::from(at) && row.offset <= at => "otadata",
                _ => "a descriptor that anti-rollback looks at",
            };
            view.cannot_tell = Some(format!("{what} at {at:#x} is outside the file"));
            return;
        }
        let selection = match selection {
            Ok(selection) => selection,
            Err(error) => {
                view.reason = plain(&error.to_string());
                return;
            }
        };
        if let Some(otadata) = table.otadata()
            && Absent::at(self.known, otadata.offset) == Absent::Encrypted
        {
            view.cannot_tell = Some(format!("otadata at {:#x} looks encrypted", otadata.offset));
            return;
        }
        let mut judge = Judge(self.slots);
        let loaded = load_boot_image(
            &mut flash, &mut judge, &mut efuse, table, &config, &selection,
        );
        view.reason = selection.reason.to_string();
        view.runs_by_choice = selection.reason != Reason::NoActiveEntry;
        view.first = Some(selection.start.to_string());
        let tried = match &loaded {
            Ok(decision) => decision.tried,
            Err(BootError::NothingBootable { tried, .. }) => *tried,
            Err(_) => return,
        };
        view.refused = self.refused(&tried);
        // Whoever is refused as nobody can know what it is may as well boot.
        let open = tried.iter().find_map(|attempt| {
            let slot = self.slot(attempt.slot)?;
            let why = slot.view.cannot_tell.as_ref()?;
            Some(format!("{} comes first, and {why}", attempt.slot))
        });
        if let Some(open) = open {
            view.cannot_tell = Some(open);
            view.refused.clear();
            return;
        }
        view.changes = changes(&selection.changed);
        if let Ok(decision) = loaded {
            view.changes = changes(&decision.changed);
            view.boots = Some(decision.slot.to_string());
            if let Some(slot) = self.slot(decision.slot) {
                view.version.clone_from(&slot.view.version);
                self.provide(slot, view);
            }
        }
    }

    /// What the image that boots takes for granted.
    fn provide(&self, slot: &Judged, view: &mut BootView) {
        let Ok(image) = &slot.view.image else { return };
        if let Some(chip) = self.guessed_chip {
            let what = format!("the chip is an {chip}, as the image says (--chip)");
            view.provided.push(what);
        }
        for needs in &image.needs {
            view.provided.push(format!("it is on {needs}"));
        }
        if self.secure_boot {
            view.provided
                .push("its signature is by a key that the chip trusts".into());
        }
    }

    /// The row that the bootloader takes for a slot.
    fn slot(&self, slot: Slot) -> Option<&Judged> {
        let named = |judged: &&Judged| judged.partition.slot() == Some(slot);
        self.slots.iter().rfind(named)
    }

    fn refused(&self, tried: &Tried) -> Vec<Refusal> {
        let refusal = |attempt: &Attempt| {
            let judged = { self.slot(attempt.slot) }.filter(|_| attempt.refused.was_loaded());
            let reason = judged.and_then(|judged| judged.view.image.as_ref().err().cloned());
            Refusal {
                slot: attempt.slot.to_string(),
                reason: reason.unwrap_or_else(|| attempt.refused.to_string()),
            }
        };
        tried.iter().map(refusal).collect()
    }
}

/// A verifier that has judged already.
struct Judge<'a>(&'a [Judged]);

impl VerifyImage<DumpFlash<'_>> for Judge<'_> {
    fn verify(
        &mut self,
        _: &mut DumpFlash<'_>,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<NorFlashErrorKind>> {
        let judged = self.0.iter().find(|judged| judged.partition.region() == at);
        judged.and_then(|judged| judged.image).ok_or(VerifyError {
            at: at.offset,
            // The slot's own reason is shown in its place.
            refusal: ImageRefusal::Flash(NorFlashErrorKind::Other),
        })
    }
}

/// Without what every reason of the core begins with.
fn plain(error: &str) -> String {
    error
        .strip_prefix("nothing boots: ")
        .unwrap_or(error)
        .into()
}

fn changes(changed: &Changes) -> Vec<String> {
    changed.iter().map(ToString::to_string).collect()
}

impl BootView {
    /// Whether what was to be tried first runs: 0 it does, 1 it does not, 6 it cannot be told.
    pub(super) fn code(&self) -> u8 {
        // A default that the table does not have is passed over without a word.
        let is_first = |boots| match self.first.as_deref() {
            Some("factory") => true,
            first => first == Some(boots),
        };
        match (&self.cannot_tell, &self.no_bootloader, &self.boots) {
            (Some(_), None, _) => 6,
            (None, None, Some(boots))
                if self.runs_by_choice && self.refused.is_empty() && is_first(boots) =>
            {
                0
            }
            _ => 1,
        }
    }
}
