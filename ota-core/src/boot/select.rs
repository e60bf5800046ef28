//! The first step of a boot: read otadata, move its states on, choose where to start.
//!
//! Source: ESP-IDF `bootloader_utility.c` (`bootloader_utility_get_selected_boot_partition`).

use embedded_storage::nor_flash::{NorFlash, NorFlashError};

use super::rows::Rows;
use super::{
    BootConfig, BootError, Change, ChangeKind, Changes, Reason, Refused, Selection, Start,
};
use crate::commit;
use crate::efuse::{self, SecureVersion};
use crate::flash::Region;
use crate::image::{DescError, ImageMetadata, read_app_desc};
use crate::otadata::{self, Entry, MIN_SIZE, OtaState, Pick, Rewrite};
use crate::partition::{PartitionTable, Slot};

/// Chooses the slot to try first, and moves the states of otadata on.
///
/// Two reads of 32 bytes; with rollback up to three rewrites of an entry (one erase and one program
/// each): every entry whose state is `PENDING_VERIFY` becomes ABORTED, whatever its CRC and sequence
/// number; then the active entry, if its state is NEW, becomes `PENDING_VERIFY`. With anti-rollback
/// the descriptors of the slots that valid entries name are read, and the secure version of an
/// active entry that is VALID goes to eFuse.
///
/// # Unverified bytes burn fuses
///
/// That last version is read before any image is verified, as in the reference. Whoever can write the
/// flash once needs no signature to raise the minimum for good: an entry with state VALID and 0x120 bytes
/// with a secure version of 16 in its slot, and no image that the device has boots ever after.
/// [`hardened`](crate::hardened) raises the minimum to the version of an image that it has verified, is
/// about to run and knows to be confirmed.
///
/// # A power cut in it
///
/// leaves one entry torn or erased, the other as it was. Cut while an image is made
/// `PENDING_VERIFY`, the next boot as a rule no longer knows of that image and runs what the other
/// entry names. But a torn entry can be valid, as its CRC covers the sequence number alone, and its
/// state is then any: the image may boot without being monitored, or, cut while it is made ABORTED,
/// boot again. In eFuse a cut leaves a version between the old one and the image's.
///
/// # Errors
///
/// Reads that fail end it. Writes that fail do not: see the [module](super).
#[expect(
    clippy::result_large_err,
    reason = "the error is shared with the step that has candidates to list"
)]
pub fn select_boot_partition<F: NorFlash, S: SecureVersion>(
    flash: &mut F,
    efuse: &mut S,
    table: PartitionTable<'_>,
    config: &BootConfig,
) -> Result<Selection, BootError<F::Error>> {
    let rows = Rows(table);
    let mut selection = Selection {
        start: Start::Factory,
        reason: Reason::NoOtadata,
        entries: None,
        first_boot: false,
        changed: Changes::NONE,
        wipe: None,
    };
    let Some(partition) = rows.otadata() else {
        return Ok(selection);
    };
    if partition.size < MIN_SIZE {
        return Err(BootError::OtadataTooSmall {
            size: partition.size,
        });
    }
    let at = partition.region();
    let mut entries = commit::read(flash, at).map_err(BootError::Flash)?;
    selection.entries = Some(entries);

    if config.monitors() {
        for (sector, entry) in entries.iter_mut().enumerate() {
            if entry.state == OtaState::PENDING_VERIFY {
                entry.state = OtaState::ABORTED;
                put(
                    flash,
                    at,
                    sector,
                    *entry,
                    ChangeKind::Aborted,
                    &mut selection.changed,
                );
            }
        }
    }

    let [first, second] = &entries;
    let both_blankish = first.is_blankish() && second.is_blankish();
    let active = if config.anti_rollback {
        if both_blankish {
            selection.reason = Reason::NeverUsed;
            selection.first_boot = true;
            return Ok(selection);
        }
        active_and_new_enough(flash, efuse, rows, &entries)
    } else {
        let no_slots = rows.app_count() == 0;
        if no_slots || (first.is_invalid() && second.is_invalid()) {
            selection.reason = if no_slots {
                Reason::NoOtaSlots
            } else {
                Reason::BothInvalid
            };
            if !rows.has(Slot::Factory) {
                selection.start = Start::Ota(0);
                selection.first_boot = both_blankish;
            }
            return Ok(selection);
        }
        otadata::active(&entries)
    };

    let choice = active.and_then(|sector| {
        let entry = *entries.get(sector)?;
        let slot = otadata::slot_of(entry.seq, rows.app_count())?;
        Some((sector, entry, slot))
    });
    let Some((sector, entry, slot)) = choice else {
        selection.reason = Reason::NoActiveEntry;
        return Ok(selection);
    };
    selection.start = Start::Ota(slot);
    selection.reason = Reason::ActiveEntry {
        entry: sector,
        seq: entry.seq,
        state: entry.state,
    };
    if config.monitors() && entry.state == OtaState::NEW {
        let pending = Entry {
            state: OtaState::PENDING_VERIFY,
            ..entry
        };
        put(
            flash,
            at,
            sector,
            pending,
            ChangeKind::Pending,
            &mut selection.changed,
        );
    }
    if config.anti_rollback && entry.state == OtaState::VALID {
        raise_secure_version(flash, efuse, rows, slot);
    }
    Ok(selection)
}

/// Writes an entry; the reference only logs what goes wrong here.
pub(super) fn put<F: NorFlash>(
    flash: &mut F,
    otadata: Region,
    sector: usize,
    entry: Entry,
    kind: ChangeKind,
    changed: &mut Changes,
) {
    let outcome = commit::rewrite(flash, otadata, &Rewrite { sector, entry });
    changed.push(Change {
        sector,
        kind,
        outcome: outcome.map_err(|e| e.kind()),
    });
}

/// The active entry among those whose slot's image is new enough.
///
/// (Without OTA slots, or with more rows than slots, the reference divides by zero and reads past
/// its array here; such an entry is not eligible.)
fn active_and_new_enough<F: NorFlash, S: SecureVersion>(
    flash: &mut F,
    efuse: &mut S,
    rows: Rows<'_>,
    entries: &[Entry; 2],
) -> Option<usize> {
    let eligible = entries.map(|entry| {
        entry.is_valid()
            && otadata::slot_of(entry.seq, rows.app_count())
                .and_then(|slot| rows.ota(slot))
                .is_some_and(|row| check_secure_version(flash, efuse, row.region()).is_ok())
    });
    otadata::select(entries, eligible, Pick::Newest)
}

/// Whether an image that was verified is new enough for this device.
pub(crate) fn is_new_enough<S: SecureVersion>(
    efuse: &mut S,
    image: &ImageMetadata,
) -> Result<(), Refused> {
    let image = image
        .secure_version
        .ok_or(Refused::NoDescriptor(DescError::Missing))?;
    let device = efuse.read().map_err(|_| Refused::DeviceVersionUnknown)?;
    if image < device {
        return Err(Refused::SecureVersion { image, device });
    }
    Ok(())
}

/// Whether the image at `at` seems new enough for this device, by a descriptor that nobody has verified.
pub(super) fn check_secure_version<F: NorFlash, S: SecureVersion>(
    flash: &mut F,
    efuse: &mut S,
    at: Region,
) -> Result<(), Refused> {
    let image = read_app_desc(flash, at)
        .map_err(Refused::descriptor)?
        .secure_version;
    let device = efuse.read().map_err(|_| Refused::DeviceVersionUnknown)?;
    if image < device {
        return Err(Refused::SecureVersion { image, device });
    }
    Ok(())
}

/// Raises the device's secure version to what the descriptor in `slot` says, verified by nobody, if it can
/// be done: as the reference does, see [`select_boot_partition`].
fn raise_secure_version<F: NorFlash, S: SecureVersion>(
    flash: &mut F,
    efuse: &mut S,
    rows: Rows<'_>,
    slot: u32,
) {
    let Some(row) = rows.ota(slot) else { return };
    if let Ok(desc) = read_app_desc(flash, row.region()) {
        // The reference does not look at the result.
        let _ = efuse::update(efuse, desc.secure_version);
    }
}
