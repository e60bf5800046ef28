//! `brownout inspect`, `brownout conform` and `brownout table`: one look at one thing.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use ota_core::Slot;
use ota_core::chip::{CHIPS, Chip};

use super::Usage;
use super::args::{ConformArgs, InspectArgs, TableArgs};
use super::stderr::errln;
use super::stdout::{self, out, outln};
use crate::conform::{self, ConformOptions};
use crate::input;
use crate::inspect::{self, InspectOptions};
use crate::output::{self, Output};
use crate::partition_csv;

const DIFFERS: u8 = 1;

pub(super) fn inspect(args: &InspectArgs) -> Result<u8, Usage> {
    let slots = match &args.table {
        Some(path) => Some(slots_of(path)?),
        None => args.slots,
    };
    let options = InspectOptions {
        from: args.from,
        table_offset: args.table_offset,
        rollback: args.no_rollback.then_some(false),
        chip: args.chip.as_deref().map(chip).transpose()?,
        chip_revision: args.chip_revision.map(|revision| revision.0),
        efuse_revision: args.efuse_revision.map(|revision| revision.0),
        efuse_version: args.efuse_version,
        secure_boot: args.secure_boot,
        slots,
    };
    let path = &args.file;
    let bytes = input::read(path, "flash", input::limit::DUMP).map_err(Usage::new)?;
    let report = inspect::look(path, &bytes, &options).map_err(Usage::new)?;
    if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(Usage::new)?;
        outln!("{json}")?;
    } else {
        outln!("{report}")?;
    }
    Ok(report.code())
}

/// The number of OTA slots of the table in a file, as the bootloader counts them.
fn slots_of(path: &Path) -> Result<u32, Usage> {
    let options = partition_csv::Options::default();
    let table = input::partition_table(path, &options).map_err(Usage::new)?;
    let count = { table.slots() }.filter(|(slot, _)| matches!(slot, Slot::Ota(_)));
    match u32::try_from(count.count()) {
        Ok(0) | Err(_) => Err(Usage::file(
            path,
            "found no OTA slot in this table, expected at least one",
        )),
        Ok(count) => Ok(count),
    }
}

pub(super) fn chip(name: &str) -> Result<&'static Chip, Usage> {
    Chip::by_name(name).ok_or_else(|| {
        let known: Vec<_> = CHIPS.iter().map(|chip| chip.name).collect();
        Usage::new(format_args!(
            "--chip {name}: found no chip of this name, expected one of {}",
            known.join(", ")
        ))
    })
}

pub(super) fn conform(args: &ConformArgs) -> Result<u8, Usage> {
    let options = ConformOptions {
        vectors: args.vectors.clone(),
        images: args.images.clone(),
        tables: args.tables.clone(),
    };
    let report = conform::run(&options).map_err(Usage::new)?;
    outln!("{report}")?;
    Ok(if report.passed() { 0 } else { DIFFERS })
}

pub(super) fn table(args: &TableArgs) -> Result<u8, Usage> {
    let inputs = [args.input.as_path()];
    let output = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let output = match output {
        Some(path) => Some(Output::prepare(path, &inputs).map_err(Usage::new)?),
        None => {
            output::check_stdout(&inputs).map_err(Usage::new)?;
            None
        }
    };
    let bytes =
        input::read(&args.input, "partition table", input::limit::TABLE).map_err(Usage::new)?;
    let converted = partition_csv::convert(&bytes, &args.options())
        .map_err(|refused| Usage::file(&args.input, refused))?;
    for warning in &converted.warnings {
        errln!(
            "brownout: {}: {warning}",
            crate::inspect::shown::path(&args.input)
        );
    }
    let bytes = match &converted.output {
        partition_csv::Output::Binary(table) => table.as_slice(),
        partition_csv::Output::Csv(text) => text.as_bytes(),
    };
    match (output, &converted.output) {
        (Some(output), _) => output.write(bytes).map_err(Usage::new)?,
        // Exact for a program that reads it; for people, what labels hold must not act on their terminal.
        (None, partition_csv::Output::Csv(text)) if io::stdout().is_terminal() => out!("{text}")?,
        (None, partition_csv::Output::Binary(_)) if io::stdout().is_terminal() => {
            return Err(Usage::file(
                &args.input,
                "becomes a binary table, which is nothing for a terminal; expected an OUTPUT, or a pipe",
            ));
        }
        (None, _) => stdout::write(bytes)?,
    }
    Ok(0)
}
