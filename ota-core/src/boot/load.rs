//! The second step of a boot: try the chosen slot, then the others.
//!
//! Source: ESP-IDF `bootloader_utility.c` (`bootloader_utility_load_boot_image`,
//! `set_actual_ota_seq`).

use embedded_storage::nor_flash::NorFlash;

use super::rows::Rows;
use super::select::{check_secure_version, is_new_enough, put};
use super::{
    Attempt, BootConfig, BootError, ChangeKind, Decision, Refused, Selection, Start, Tried,
};
use crate::efuse::{self, SecureVersion};
use crate::image::{ImageMetadata, VerifyImage};
use crate::otadata::{Entry, OtaState};
use crate::partition::{Partition, PartitionTable, Slot};

/// Finds the first candidate that verifies, from `selection` on.
///
/// The order is by slot number and not by what otadata says: the chosen slot, those below it down
/// to factory, those above it, and test at last. An image that otadata calls INVALID or ABORTED is
/// tried like any other. A selection of the test image tries that alone.
///
/// otadata is written in one case: it was never used, there is no factory, and an OTA slot comes
/// to run. Then entry 0 is made to name that slot, in state VALID (one erase, one program), and
/// with anti-rollback the image's secure version goes to eFuse. That version, and the one that must not
/// be below the device's, are those of the image that was verified
/// ([`ImageMetadata::secure_version`]): what the descriptor reads as before or after does not count. At most [`Tried::CAPACITY`] images
/// are verified.
///
/// # A power cut in it
///
/// can only hit that first entry; entry 1 is then blank, and the next boot does the same again.
///
/// # Errors
///
/// [`BootError::NothingBootable`] with the whole list. A flash error while an image is read refuses
/// that image; one while the first entry is written is noted in [`Decision::changed`].
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
    selection: &Selection,
) -> Result<Decision, BootError<F::Error>> {
    let rows = Rows(table);
    let mut tried = Tried::NONE;
    for slot in order(selection.start, rows.app_count()) {
        let Some(partition) = rows.candidate(slot) else {
            continue;
        };
        match try_load(flash, verifier, efuse, config, &partition) {
            Err(refused) => tried.push(Attempt { slot, refused }),
            Ok(image) => {
                let mut changed = selection.changed;
                if let (true, Slot::Ota(n), Some(otadata)) =
                    (selection.first_boot, slot, rows.otadata())
                {
                    let entry = Entry::new(u32::from(n) + 1, OtaState::VALID);
                    let kind = ChangeKind::FirstBoot;
                    put(flash, otadata.region(), 0, entry, kind, &mut changed);
                    if let (true, Some(version)) = (config.anti_rollback, image.secure_version) {
                        // The reference does not look at the result.
                        let _ = efuse::update(efuse, version);
                    }
                }
                return Ok(Decision {
                    slot,
                    partition,
                    image,
                    selected: selection.start,
                    reason: selection.reason,
                    tried,
                    entries: selection.entries,
                    changed,
                    wipe: selection.wipe,
                });
            }
        }
    }
    Err(BootError::NothingBootable {
        selection: *selection,
        tried,
    })
}

/// The candidates in order, each once; at most factory, sixteen OTA slots and test.
fn order(start: Start, app_count: u32) -> impl Iterator<Item = Slot> {
    // No partition has a number above 15, whatever a sequence number says.
    let end = app_count.min(16);
    let (below, above) = match start {
        Start::Test => (0..0, 0..0),
        Start::Factory => (0..0, 0..end),
        Start::Ota(index) => {
            let next = index.saturating_add(1).min(16);
            (0..next, next..end)
        }
    };
    let ota = |n: u32| u8::try_from(n).ok().map(Slot::Ota);
    below
        .rev()
        .filter_map(ota)
        .chain((start != Start::Test).then_some(Slot::Factory))
        .chain(above.filter_map(ota))
        .chain([Slot::Test])
}

fn try_load<F: NorFlash, V: VerifyImage<F>, S: SecureVersion>(
    flash: &mut F,
    verifier: &mut V,
    efuse: &mut S,
    config: &BootConfig,
    partition: &Partition,
) -> Result<ImageMetadata, Refused> {
    let at = partition.region();
    if config.anti_rollback {
        // Before anything is verified: it saves the time, as in the reference, and decides nothing else.
        check_secure_version(flash, efuse, at)?;
    }
    let image = verifier.verify(flash, at).map_err(Refused::image)?;
    if config.anti_rollback {
        is_new_enough(efuse, &image)?;
    }
    Ok(image)
}
