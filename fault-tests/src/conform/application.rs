//! `otadata.jsonl`: what the application makes of two entries.
//!
//! Each call starts from the entries of the vector. The slots are as the calls before left them: an
//! app that is too old for the device is erased by the attempt to switch to it, and a later call
//! finds no descriptor there. All calls are made by the application that runs in `invalidate_inactive.running`.

use embedded_storage::nor_flash::NorFlashErrorKind;
use ota_core::chip::ESP32C3;
use ota_core::image::Target;
use ota_core::otadata::{Entry, NextError, slot_of};
use ota_core::partition::PartitionTable;
use ota_core::update::{AppConfig, Ota, OtaError};
use ota_core::{EspErr, Partition};
use serde_json::json;

use super::device::{self, AllImages, Device, Efuse};
use super::report::Checks;
use super::vector::{Config, InvalidateInactive, MarkValid, OtadataVector, Rc, SetBoot};
use crate::input::Problem;
use crate::memory_flash::MemoryFlash;

type Updater<'d> = Ota<'d, &'d mut MemoryFlash, AllImages, Efuse>;
type Outcome = Result<(), OtaError<NorFlashErrorKind>>;

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method is not general enough over the lifetime of the table"
)]
pub(super) fn check(
    vector: &OtadataVector,
    device: &mut Device,
    checks: &mut Checks<'_>,
) -> Result<(), Problem> {
    let app = Application {
        rollback: vector.cfg != Config::NoRollback,
        anti_rollback: vector.cfg == Config::AntiRollback,
        efuse: vector.efuse_secure_version.unwrap_or(0),
        running: match &vector.invalidate_inactive {
            Some(call) => Some(device.slot(&call.running)?),
            None => None,
        },
    };
    device.restore();
    let (count, boot) = app.call(device, |ota| {
        let boot = ota.boot_partition().ok().flatten();
        (ota.app_partition_count(), boot)
    })?;
    checks.equal("app_slot_count", &vector.app_slot_count, &count);
    let boot = boot.and_then(|row| row.slot()).map(|slot| slot.to_string());
    checks.equal("app_boot_partition", &vector.app_boot_partition, &boot);

    for (slot, (rc, state)) in &vector.get_state {
        let row = device.slot(slot)?;
        let found = app.call(device, |ota| ota.state_partition(&row))?;
        let (found_rc, found_state) = match found {
            Ok(state) => (Rc::OK, Some(state.0)),
            Err(error) => (error.esp_err().into(), None),
        };
        checks.equal_of("get_state.rc", Some(slot), rc, &found_rc);
        checks.equal_of("get_state.state", Some(slot), state, &found_state);
    }
    for (slot, expected) in &vector.set_boot_partition {
        check_set_boot(&app, slot, expected, device, checks)?;
    }
    if let Some(MarkValid { rc, ops, e0, e1 }) = &vector.mark_valid {
        let found = app.call(device, |ota| ota.mark_app_valid_cancel_rollback())?;
        let [found_e0, found_e1] = device.entries();
        checks.equal("mark_valid.rc", rc, &code(&found));
        checks.equal("mark_valid.ops", ops, &device.otadata_ops());
        checks.equal("mark_valid.e0", e0, &found_e0);
        checks.equal("mark_valid.e1", e1, &found_e1);
    }
    if let Some(InvalidateInactive {
        running: _,
        rc,
        ops,
    }) = &vector.invalidate_inactive
    {
        let found = app.call(device, |ota| ota.invalidate_inactive_otadata_slot())?;
        checks.equal("invalidate_inactive.rc", rc, &code(&found));
        checks.equal("invalidate_inactive.ops", ops, &device.otadata_ops());
    }
    Ok(())
}

fn check_set_boot(
    app: &Application,
    slot: &str,
    expected: &SetBoot,
    device: &mut Device,
    checks: &mut Checks<'_>,
) -> Result<(), Problem> {
    let row = device.slot(slot)?;
    let found = app.call(device, |ota| ota.set_boot_partition_skip_validate(&row))?;
    if is_overflow(expected, &found, &row) && device.otadata_ops().is_empty() {
        checks.deliberate(
            "set_boot_partition",
            slot,
            &json!({"rc": expected.rc, "seq": expected.seq}),
            &json!({"rc": code(&found)}),
            OVERFLOW,
        );
        return Ok(());
    }
    let SetBoot {
        rc,
        sector,
        ops,
        entry,
        seq,
        state,
        crc,
    } = expected;
    let slot = Some(slot);
    checks.equal_of("set_boot_partition.rc", slot, rc, &code(&found));
    let found_ops = device.otadata_ops();
    if let Some(ops) = ops {
        checks.equal_of("set_boot_partition.ops", slot, ops, &found_ops);
    }
    let written = found_ops.last().map(|op| usize::from(op.1 != 0));
    let bytes = written.map(|index| device.entries()[index]);
    let parsed = bytes.map(|bytes| Entry::parse(&bytes.0));
    if sector.is_some() {
        checks.equal_of("set_boot_partition.sector", slot, sector, &written);
    }
    if entry.is_some() {
        checks.equal_of("set_boot_partition.entry", slot, entry, &bytes);
    }
    for (field, expected, found) in [
        ("set_boot_partition.seq", seq, parsed.map(|entry| entry.seq)),
        (
            "set_boot_partition.state",
            state,
            parsed.map(|entry| entry.state.0),
        ),
        ("set_boot_partition.crc", crc, parsed.map(|entry| entry.crc)),
    ] {
        if expected.is_some() {
            checks.equal_of(field, slot, expected, &found);
        }
    }
    Ok(())
}

/// Why an overflow is answered otherwise.
const OVERFLOW: &str = "no sequence number is left that names the slot; the reference writes one that \
     does not select it and reports success, the core reports an error and leaves otadata alone";

/// Whether the reference wrote a sequence number that does not select the slot, and we did not.
fn is_overflow(expected: &SetBoot, found: &Outcome, row: &Partition) -> bool {
    let Err(OtaError::Next(NextError::Exhausted { slots, .. })) = found else {
        return false;
    };
    let wanted = u32::from(row.subtype.0 & 0x0F);
    expected.rc == Rc::OK
        && expected
            .seq
            .is_some_and(|seq| seq == u32::MAX || slot_of(seq, *slots) != Some(wanted))
}

fn code(outcome: &Outcome) -> Rc {
    match outcome {
        Ok(()) => Rc::OK,
        Err(error) => error.esp_err().into(),
    }
}

struct Application {
    rollback: bool,
    anti_rollback: bool,
    efuse: u32,
    /// `None` in vectors without a call that looks at it.
    running: Option<Partition>,
}

impl Application {
    /// Makes one call, on the entries of the vector.
    fn call<T>(
        &self,
        device: &mut Device,
        call: impl FnOnce(&mut Updater<'_>) -> T,
    ) -> Result<T, Problem> {
        device.restore_otadata();
        let flash_size = device.flash_size;
        let (table, flash) = device.parts();
        let table = PartitionTable::for_application(table, true).map_err(device::no_table)?;
        let running = self
            .running
            .or_else(|| table.iter().find(|row| row.slot().is_some()))
            .or_else(|| table.otadata());
        let running = running.ok_or(Problem::Impossible {
            asked: "a table without a partition".into(),
            expected: "one with otadata",
        })?;
        let config = AppConfig {
            rollback: self.rollback,
            anti_rollback: self.anti_rollback,
            ..AppConfig::new(Target::new(&ESP32C3), flash_size)
        };
        let images = AllImages::new(true);
        let mut ota = Ota::new(flash, images, Efuse(self.efuse), table, running, config);
        Ok(call(&mut ota))
    }
}

impl From<EspErr> for Rc {
    fn from(error: EspErr) -> Self {
        Self(error.0.cast_unsigned())
    }
}
