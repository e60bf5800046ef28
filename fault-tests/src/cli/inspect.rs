//! `brownout inspect`, `brownout conform` and `brownout table`: one look at one thing.

use std::path::Path;

use ota_core::chip::{CHIPS, Chip};

use super::Usage;
use super::args::{ConformArgs, InspectArgs, TableArgs};
use super::stderr::errln;
use super::stdout::{self, outln};
use crate::conform::{self, ConformOptions};
use crate::input;
use crate::inspect::{self, InspectOptions};
use crate::output::{self, Output};
use crate::partition_csv;

const DIFFERS: u8 = 1;

pub(super) fn inspect(args: &InspectArgs) -> Result<u8, Usage> {
    let options = InspectOptions {
        table_offset: args.table_offset,
        rollback: args.no_rollback.then_some(false),
        chip: args.chip.as_deref().map(chip).transpose()?,
    };
    let inspection = inspect::file(&args.dump, &options).map_err(Usage::new)?;
    if args.json {
        let json = serde_json::to_string_pretty(&inspection).map_err(Usage::new)?;
        outln!("{json}")?;
    } else {
        outln!("{inspection}")?;
    }
    Ok(0)
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
    let bytes = input::read(&args.input).map_err(Usage::new)?;
    let converted = partition_csv::convert(&bytes, &args.options())
        .map_err(|refused| Usage::file(&args.input, refused))?;
    for warning in &converted.warnings {
        errln!("brownout: {}: {warning}", args.input.display());
    }
    let text = match &converted.output {
        partition_csv::Output::Binary(table) => table.as_slice(),
        partition_csv::Output::Csv(text) => text.as_bytes(),
    };
    match output {
        Some(output) => output.write(text).map_err(Usage::new)?,
        None => stdout::write(text)?,
    }
    Ok(0)
}
