//! `otadata.jsonl`: the predicates over two entries, and what the bootloader makes of them. What the
//! application makes of them is next door.

use ota_core::PartitionTable;
use ota_core::boot::{BootConfig, load_boot_image, select_boot_partition};
use ota_core::otadata::{self, Entry};

use super::application;
use super::device::{self, AllImages, Device, Efuse};
use super::each;
use super::report::{Checks, FileReport};
use super::vector::{Boot, Config, OtadataVector};
use crate::input::{InputError, Problem};

pub(super) fn check(text: &str, report: &mut FileReport) -> Result<(), InputError> {
    let file = report.file.clone();
    each(&file, text, |line, vector: OtadataVector| {
        let mut device = Device::new(&vector)?;
        let mut checks = report.vector(line, vector.id);
        check_vector(&vector, &mut device, &mut checks)
    })
}

fn check_vector(
    vector: &OtadataVector,
    device: &mut Device,
    checks: &mut Checks<'_>,
) -> Result<(), Problem> {
    let OtadataVector {
        // These describe the device.
        id: _,
        cfg,
        ota_slots: _,
        factory: _,
        test: _,
        e0,
        e1,
        secure_version: _,
        efuse_secure_version,
        // These are answers,
        valid,
        invalid,
        active,
        boot_all_good,
        boot_all_bad,
        // and these are the application's.
        app_slot_count: _,
        app_boot_partition: _,
        get_state: _,
        set_boot_partition: _,
        mark_valid: _,
        invalidate_inactive: _,
    } = vector;
    let entries = [Entry::parse(&e0.0), Entry::parse(&e1.0)];
    checks.equal("valid", valid, &entries.map(|entry| entry.is_valid()));
    checks.equal("invalid", invalid, &entries.map(|entry| entry.is_invalid()));
    let found = otadata::active(&entries).map_or(-1, |index| i32::from(index != 0));
    checks.equal("active", active, &found);

    let anti_rollback = *cfg == Config::AntiRollback;
    let config = BootConfig {
        rollback: *cfg != Config::NoRollback,
        anti_rollback,
        ..BootConfig::new(device.flash_size)
    };
    let efuse = efuse_secure_version.unwrap_or(0);
    check_boot(boot_all_good, &GOOD, device, &config, efuse, checks)?;
    check_boot(boot_all_bad, &BAD, device, &config, efuse, checks)?;
    application::check(vector, device, checks)
}

/// The names of the fields of a boot; which images verify.
struct BootFields {
    good: bool,
    rc: &'static str,
    boot_index: &'static str,
    booted: &'static str,
    tried: &'static str,
    otadata_ops: &'static str,
    e0: &'static str,
    e1: &'static str,
    efuse_after: &'static str,
}

macro_rules! boot_fields {
    ($name:literal, $good:literal) => {
        BootFields {
            good: $good,
            rc: concat!($name, ".rc"),
            boot_index: concat!($name, ".boot_index"),
            booted: concat!($name, ".booted"),
            tried: concat!($name, ".tried"),
            otadata_ops: concat!($name, ".otadata_ops"),
            e0: concat!($name, ".e0"),
            e1: concat!($name, ".e1"),
            efuse_after: concat!($name, ".efuse_after"),
        }
    };
}

const GOOD: BootFields = boot_fields!("boot_all_good", true);
const BAD: BootFields = boot_fields!("boot_all_bad", false);

fn check_boot(
    expected: &Boot,
    fields: &BootFields,
    device: &mut Device,
    config: &BootConfig,
    efuse: u32,
    checks: &mut Checks<'_>,
) -> Result<(), Problem> {
    let Boot {
        rc,
        start,
        booted,
        tried,
        otadata_ops,
        e0,
        e1,
        efuse_after,
    } = expected;
    device.restore();
    let flash_size = device.flash_size;
    let (table, flash) = device.parts();
    let table = PartitionTable::for_bootloader(table, flash_size).map_err(device::no_table)?;
    let mut efuse = Efuse(efuse);
    let mut images = AllImages::new(fields.good);
    let selection = select_boot_partition(flash, &mut efuse, table, config);
    let found_index = selection
        .as_ref()
        // The reference's number for "nothing to boot".
        .map_or(-99, |selection| selection.start.index());
    let found_booted = match &selection {
        Ok(selection) => load_boot_image(flash, &mut images, &mut efuse, table, config, selection)
            .ok()
            .map(|decision| decision.slot.to_string()),
        Err(_) => None,
    };
    let found_tried: Vec<String> = images
        .asked
        .iter()
        .filter_map(|at| table.iter().find(|row| row.region() == *at)?.slot())
        .map(|slot| slot.to_string())
        .collect();
    let [found_e0, found_e1] = device.entries();

    let found_rc = if found_booted.is_some() {
        "booted"
    } else {
        "reset"
    };
    checks.equal(fields.rc, rc.as_str(), found_rc);
    checks.equal(fields.boot_index, &i64::from(*start), &found_index);
    if fields.good || booted.is_some() {
        checks.equal(fields.booted, booted, &found_booted);
    }
    if let Some(tried) = tried {
        checks.equal(fields.tried, tried, &found_tried);
    }
    checks.equal(fields.otadata_ops, otadata_ops, &device.otadata_ops());
    checks.equal(fields.e0, e0, &found_e0);
    checks.equal(fields.e1, e1, &found_e1);
    if let Some(efuse_after) = efuse_after {
        checks.equal(fields.efuse_after, efuse_after, &efuse.0);
    }
    Ok(())
}
