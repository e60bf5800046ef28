//! `table.jsonl`: the bootloader's check of a partition table.

use ota_core::partition::TABLE_LEN;
use ota_core::{EspErr, PartitionTable};

use super::report::FileReport;
use super::vector::TableVector;
use super::{Bases, each, patched};
use crate::input::InputError;

pub(super) fn check(text: &str, bases: &Bases, report: &mut FileReport) -> Result<(), InputError> {
    let file = report.file.clone();
    each(&file, text, |line, vector: TableVector| {
        let TableVector {
            id,
            base,
            patch,
            flash_size,
            rc,
            count,
            _note,
        } = vector;
        let mut bytes = patched(bases.find(&base)?, &patch)?;
        if bytes.len() < TABLE_LEN {
            // The reference reads so much flash, and what no table was written to is erased.
            bytes.resize(TABLE_LEN, 0xFF);
        }
        let (found_rc, found_count) = match PartitionTable::for_bootloader(&bytes, flash_size) {
            Ok(table) => (EspErr::OK, Some(table.len())),
            Err(error) => (error.esp_err(), None),
        };
        let mut checks = report.vector(line, id);
        checks.equal("rc", rc.as_str(), found_rc.name().unwrap_or("unnamed"));
        checks.equal("count", &count, &found_count);
        Ok(())
    })
}
