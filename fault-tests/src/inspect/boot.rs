//! What would boot, on a copy of the dump.

use ota_core::Chip;
use ota_core::boot::{self, BootConfig, BootError, BootInputs, Changes, Tried};
use ota_core::efuse::NoSecureVersion;
use ota_core::image::{StreamVerifier, Target};
use ota_core::partition::TABLE_LEN;
use serde::Serialize;

use super::dump_flash::DumpFlash;
use super::slot::SlotView;

use embedded_storage::nor_flash::ReadNorFlash as _;

/// One boot of the dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootView {
    /// Whether the bootloader monitors the first boot of a new image.
    pub rollback: bool,
    /// The slot that runs; `None` if none does, and the device resets for ever.
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
}

/// A candidate that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The candidate.
    pub slot: String,
    /// Why.
    pub reason: String,
}

pub(super) fn look_at_boot(
    flash: &DumpFlash<'_>,
    table_offset: u32,
    rollback: bool,
    chip: &'static Chip,
    slots: &[SlotView],
) -> BootView {
    let mut flash = flash.clone();
    let config = BootConfig {
        table_offset,
        rollback,
        ..BootConfig::new(u32::try_from(flash.capacity()).unwrap_or(u32::MAX))
    };
    let mut view = BootView {
        rollback,
        boots: None,
        version: None,
        reason: String::new(),
        first: None,
        refused: Vec::new(),
        changes: Vec::new(),
    };
    let mut buffer = [0; 4096];
    let mut verifier = match StreamVerifier::new(Target::new(chip), &mut buffer) {
        Ok(verifier) => verifier,
        Err(error) => {
            view.reason = error.to_string();
            return view;
        }
    };
    match boot::boot(
        &mut flash,
        &mut verifier,
        &mut NoSecureVersion,
        &config,
        &BootInputs::default(),
        &mut [0; TABLE_LEN],
    ) {
        Ok(decision) => {
            let slot = decision.slot.to_string();
            view.version = slots
                .iter()
                .find(|view| view.slot == slot && view.offset == decision.partition.offset)
                .and_then(|view| view.version.clone());
            view.boots = Some(slot);
            view.reason = decision.reason.to_string();
            view.first = Some(decision.selected.to_string());
            view.refused = refused(&decision.tried);
            view.changes = changes(&decision.changed);
        }
        Err(BootError::NothingBootable { selection, tried }) => {
            view.reason = selection.reason.to_string();
            view.first = Some(selection.start.to_string());
            view.refused = refused(&tried);
            view.changes = changes(&selection.changed);
        }
        Err(error) => view.reason = error.to_string(),
    }
    view
}

fn refused(tried: &Tried) -> Vec<Refusal> {
    tried
        .iter()
        .map(|attempt| Refusal {
            slot: attempt.slot.to_string(),
            reason: attempt.refused.to_string(),
        })
        .collect()
}

fn changes(changed: &Changes) -> Vec<String> {
    changed.iter().map(ToString::to_string).collect()
}
