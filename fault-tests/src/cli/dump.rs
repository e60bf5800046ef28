//! `brownout sweep --dump`, and replaying its cases.

use std::path::Path;

use sim_flash::Profile;

use super::args::{FirmwareArgs, SweepArgs};
use super::interrupt::INTERRUPTED;
use super::progress::Progress;
use super::stdout::out;
use super::sweep::{Json, Keep, check_baseline, inputs_of, interrupted, more};
use super::{Usage, inspect, shell};
use crate::dump::{self, Call, DumpOptions, DumpSetup};
use crate::input;
use crate::sweep::baseline::Bar;
use crate::sweep::{Show, SweepOptions};

/// Sweeps the dump in the file `path`.
pub(super) fn run(
    path: &Path,
    args: &SweepArgs,
    options: &SweepOptions,
    bar: &Bar,
) -> Result<u8, Usage> {
    let call = args.call.unwrap_or(Call::Boot);
    if args.slot.is_some() && call != Call::Select {
        return Err(Usage::new(format_args!(
            "--slot: expected --do select, found --do {call}"
        )));
    }
    if args.firmware.update.is_some() && call != Call::Update {
        return Err(Usage::new(format_args!(
            "--update: expected --do update, found --do {call}"
        )));
    }
    let slot = args.slot.clone();
    let inputs = inputs_of(args);
    let json = Json::prepare(args.json.as_deref(), &inputs)?;
    let keep = Keep::prepare(args.keep.as_deref(), &inputs)?;
    check_baseline(bar, options)?;
    let setup = setup(path, &args.firmware, call, slot, &options.profile)?;
    let report = {
        let progress = Progress::new([call.scenario()]);
        dump::sweep(path, &setup, options, &|counts| {
            progress.show(call.scenario(), counts);
        })
    };
    let stdout = json.is_stdout();
    let replay = shell::replay_flags(&args.firmware);
    let show = Show {
        verbose: args.verbose,
        replay: &replay,
        about: "",
    };
    json.write(&report.shown(show), &report.json())?;
    if !stdout {
        more(&report.sweep, args.windows, args.coverage)?;
        out!("{}", bar.said(&report.sweep))?;
    }
    keep.write(&report.sweep)?;
    if interrupted(options) {
        return Ok(INTERRUPTED);
    }
    Ok(bar.exit_code(&report.sweep))
}

/// Reads the dump in the file `path`.
pub(super) fn setup(
    path: &Path,
    args: &FirmwareArgs,
    call: Call,
    slot: Option<String>,
    profile: &Profile,
) -> Result<DumpSetup, Usage> {
    let chip = args.dump.chip.as_deref().map(inspect::chip).transpose()?;
    let update = args.update.as_deref().map(input::firmware).transpose();
    let options = DumpOptions {
        call,
        slot,
        update: update.map_err(Usage::new)?,
        table_offset: args.csv.table_offset,
        chip,
        flash_size: args.dump.flash_size.map(|mib| mib << 20),
        rollback: !args.dump.no_rollback,
        profile: profile.clone(),
    };
    DumpSetup::read(path, &options).map_err(Usage::new)
}
