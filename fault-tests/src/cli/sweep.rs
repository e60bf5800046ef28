//! `brownout sweep`.

use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering;

use sim_flash::{Contract, Level, Profile};

use super::args::{Deny, FirmwareArgs, SweepArgs};
use super::interrupt::{self, INTERRUPTED};
use super::progress::Progress;
use super::stderr::errln;
use super::stdout::{self, out, outln};
use super::{Usage, colour, dump, list, shell};
use crate::input;
use crate::inspect::shown;
use crate::ota::{self, Inputs, ON_DEMAND, Policy, SCENARIOS};
use crate::output::{self, Output};
use crate::sweep::baseline::{Bar, Baseline};
use crate::sweep::{self, Filling, Show, SweepOptions, SweepReport};

pub(super) fn run(args: &SweepArgs) -> Result<u8, Usage> {
    if args.list {
        outln!("{}", list::text())?;
        return Ok(0);
    }
    let mut options = options(args)?;
    let bar = bar(args)?;
    if let Some(path) = &args.firmware.dump.dump {
        return dump::run(path, args, &options, &bar);
    }
    options.inputs = inputs(&args.firmware)?;
    let end = options.inputs.as_ref().map_or(0, |own| own.table.end());
    options.profile = sweep::fitting(args.profile.clone(), end)
        .with_reprogram_heals(options.profile.rules().reprogram_heals);
    check_profile(&options)?;
    check_baseline(&bar, &options)?;
    if args.waver {
        let report = sweep::waver::run(&options);
        out!("{report}")?;
        return Ok(report.exit_code());
    }
    let files = inputs_of(args);
    let json = Json::prepare(args.json.as_deref(), &files)?;
    let keep = Keep::prepare(args.keep.as_deref(), &files)?;
    let units = {
        let progress = Progress::new(options.scenarios.iter().map(|scenario| scenario.name));
        let show = |name, counts: &_| progress.show(name, counts);
        sweep::watch_units(&options, args.shard, &show, &|done| progress.finished(done))
    };
    let lines = args
        .shard
        .map(|shard| sweep::lines(&options, shard, &units));
    let (mine, total) = (units.reports.len(), units.total);
    let report = units.into_report();
    if total == 0 {
        let why: Vec<_> = report
            .skipped
            .iter()
            .map(|s| format!("{}: {}", s.scenario, s.why))
            .collect();
        return Err(Usage::new(format_args!(
            "no scenario can be made of these files ({})",
            why.join("; ")
        )));
    }
    let stdout = json.is_stdout();
    let replay = shell::replay_flags(&args.firmware);
    let about = about(&options);
    let show = Show {
        verbose: args.verbose,
        replay: &replay,
        about: &about,
    };
    json.write(&report.shown(show), &lines.unwrap_or_else(|| report.json()))?;
    if let Some(shard) = args.shard
        && !stdout
    {
        outln!("  shard {shard}: {mine} of {total} units; `brownout merge` has the verdict")?;
    }
    if !stdout {
        more(&report, args.windows, args.coverage)?;
        out!("{}", bar.said(&report))?;
    }
    keep.write(&report)?;
    if interrupted(&options) {
        return Ok(INTERRUPTED);
    }
    // A shard without any unit has nothing to say; merging will tell whether it had to.
    Ok(match mine {
        0 => 0,
        _ => bar.exit_code(&report),
    })
}

/// Whether somebody ended it before its time.
pub(super) fn interrupted(options: &SweepOptions) -> bool {
    let flag = options.interrupted.as_ref();
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// What to sweep, and how far; the profile and the inputs are not final.
fn options(args: &SweepArgs) -> Result<SweepOptions, Usage> {
    let own = args.firmware.running.is_some() || args.firmware.dump.dump.is_some();
    // One's own device has ESP-IDF's algorithm.
    let default = if own {
        Policy::Stock
    } else {
        Policy::default()
    };
    let policy = args.policy.unwrap_or(default);
    let contract = args.level.unwrap_or_else(|| policy.level().into());
    check(contract)?;
    let profile = args.profile.clone().unwrap_or_else(Profile::w25q64jv);
    let mut options = SweepOptions {
        level: contract.level,
        cuts: args.cuts.map(|depth| depth.cuts).or(args.effort.cuts()),
        budget: args.budget.unwrap_or(args.effort.budget()),
        interrupted: Some(interrupt::flag()),
        memory: args.memory,
        seed: args.seed,
        profile: profile.with_reprogram_heals(contract.reprogram_heals),
        audit_one_in: args.audit.one_in,
        first: args.first,
        ..SweepOptions::of(policy)
    };
    options.filling = filling(args, &options)?;
    if args.risen && !options.risen {
        options.risen = true;
        // With any number of cuts there is no end to what risen bits can make.
        options.cuts = options.cuts.or(Some(1));
    }
    if let Some(jobs) = args.jobs {
        options.jobs = usize::from(jobs);
    }
    let asked = args.scenario.iter().map(String::as_str);
    let names: Vec<&str> = if args.scenario.is_empty() {
        args.effort.scenarios().into_iter().collect()
    } else {
        asked.collect()
    };
    if !names.is_empty() {
        options.scenarios.clear();
        for name in names {
            for scenario in scenarios(name)? {
                // What is asked for twice is swept once.
                if !options.scenarios.iter().any(|s| s.name == scenario.name) {
                    options.scenarios.push(scenario);
                }
            }
        }
    }
    Ok(options)
}

/// What makes the sweep fail beyond its verdict.
fn bar(args: &SweepArgs) -> Result<Bar, Usage> {
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose();
    Ok(Bar {
        deny: args.deny.map(|Deny(consequence)| consequence),
        baseline: baseline.map_err(Usage::new)?,
    })
}

/// Refuses a baseline of another sweep.
pub(super) fn check_baseline(bar: &Bar, options: &SweepOptions) -> Result<(), Usage> {
    let Some(baseline) = &bar.baseline else {
        return Ok(());
    };
    let contract = Contract::on(options.level, &options.profile);
    let checked = baseline.check(options.policy, contract, &options.profile);
    checked.map_err(Usage::new)
}

fn check_profile(options: &SweepOptions) -> Result<(), Usage> {
    let encrypts = options.profile.rules().encryption.is_some();
    if options.policy == Policy::Stock && encrypts {
        return Err(Usage::new(format_args!(
            "--policy stock: on {}, which encrypts what it stores, the hardened policy alone is explored; expected \
             --policy hardened",
            options.profile.name()
        )));
    }
    Ok(())
}

/// Every file that is read.
pub(super) fn inputs_of(args: &SweepArgs) -> Vec<&Path> {
    let mut files = args.firmware.inputs();
    files.extend(args.baseline.as_deref());
    files
}

/// What is swept, for a report of one's own files.
fn about(options: &SweepOptions) -> String {
    let Some(own) = &options.inputs else {
        return String::new();
    };
    let image = |image: &input::Firmware| {
        let version = image.version();
        let version = version.map_or_else(String::new, |version| format!(" ({version})"));
        format!("{}{version}", crate::inspect::shown::path(&image.file))
    };
    let slots: Vec<String> = own
        .table
        .slots()
        .map(|(slot, _)| slot.to_string())
        .collect();
    format!(
        "{} is updated to {}, on {}: {}",
        image(&own.running),
        image(&own.update),
        crate::inspect::shown::path(&own.table.file),
        slots.join(", ")
    )
}

/// Where the JSON goes: into a file beside the report for people, or to standard output instead of it.
pub(super) enum Json {
    No,
    Stdout,
    File(Output),
}

impl Json {
    /// Makes sure, before a long run, that it can be written after it.
    pub(super) fn prepare(path: Option<&Path>, inputs: &[&Path]) -> Result<Self, Usage> {
        match path {
            None => Ok(Self::No),
            Some(path) if path == Path::new("-") => {
                output::check_stdout(inputs).map_err(Usage::new)?;
                Ok(Self::Stdout)
            }
            Some(path) => { Output::prepare(path, inputs) }
                .map(Self::File)
                .map_err(Usage::new),
        }
    }

    pub(super) const fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// Prints `report`, and writes `json`.
    pub(super) fn write(self, report: &impl fmt::Display, json: &str) -> Result<(), Usage> {
        match self {
            Self::No => print(report)?,
            Self::Stdout => out!("{json}")?,
            Self::File(output) => {
                output.write(json.as_bytes()).map_err(Usage::new)?;
                print(report)?;
            }
        }
        Ok(())
    }
}

/// Prints a report, on a terminal with its verdicts in colour.
fn print(report: &impl fmt::Display) -> Result<(), Usage> {
    if !colour::wanted() {
        return out!("{report}");
    }
    let text = shown::lines(&report.to_string());
    stdout::write(colour::painted(&text).as_bytes())
}

/// Prints what was asked for beyond the report.
pub(super) fn more(report: &SweepReport, windows: bool, coverage: bool) -> Result<(), Usage> {
    if windows {
        out!("\n{}", report.known_windows_in_full())?;
    }
    if coverage {
        out!("\n{}", report.coverage())?;
    }
    Ok(())
}

/// Where case files go.
pub(super) struct Keep<'a> {
    folder: Option<&'a Path>,
    inputs: &'a [&'a Path],
}

impl<'a> Keep<'a> {
    /// Makes sure, before a long run, that files can be written there after it.
    pub(super) fn prepare(folder: Option<&'a Path>, inputs: &'a [&'a Path]) -> Result<Self, Usage> {
        if let Some(folder) = folder {
            output::check_folder(folder).map_err(Usage::new)?;
        }
        Ok(Self { folder, inputs })
    }

    /// Writes one case file for each window; none, if one of them cannot be written.
    pub(super) fn write(&self, report: &SweepReport) -> Result<(), Usage> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        let windows = { report.scenarios.iter() }.flat_map(|scenario| &scenario.windows);
        let files: Vec<_> = windows
            .map(|window| {
                let (name, case) = window.case_file();
                let path = folder.join(name).with_extension("case");
                Ok((Output::prepare(&path, self.inputs)?, case.to_string()))
            })
            .collect::<Result<_, output::OutputError>>()
            .map_err(Usage::new)?;
        for (file, case) in files {
            file.write(case.as_bytes()).map_err(Usage::new)?;
        }
        Ok(())
    }
}

/// How far cuts may fill a log.
fn filling(args: &SweepArgs, options: &SweepOptions) -> Result<Filling, Usage> {
    let filling = args.cuts.map(|depth| depth.filling).unwrap_or_default();
    let name = match filling {
        Filling::Any => return Ok(filling),
        Filling::UntilFull => "until-full",
        Filling::WhileRoom => "while-room",
    };
    if options.policy == Policy::Stock {
        return Err(Usage::new(format_args!(
            "--cuts {name}: the stock policy keeps no log that could be full, expected a number or any",
        )));
    }
    if options.profile.rules().encryption.is_some() {
        return Err(Usage::new(format_args!(
            "--cuts {name}: {} encrypts, and there a full log is left without a trace, expected a number or any",
            options.profile.name()
        )));
    }
    Ok(filling)
}

fn check(contract: Contract) -> Result<(), Usage> {
    const EXPECTED: &str = "expected L0, L1, L2, L3, L3-noheal or L4";
    if contract.level > Level::L4 {
        return Err(Usage::new(format_args!(
            "--level {contract}: the loss of a sector and brown-outs are not explored yet, {EXPECTED}"
        )));
    }
    if contract.level < Level::L3 && !contract.reprogram_heals {
        return Err(Usage::new(format_args!(
            "--level {contract}: below L3 no cut leaves weak bits that could heal, {EXPECTED}"
        )));
    }
    Ok(())
}

fn scenarios(name: &str) -> Result<Vec<&'static ota::Scenario>, Usage> {
    let found = ota::find_all(name);
    if !found.is_empty() {
        return Ok(found);
    }
    let all = SCENARIOS.iter().chain(ON_DEMAND);
    let known: Vec<_> = all.map(|s| s.name).collect();
    Err(Usage::new(format_args!(
        "--scenario {name}: found no scenario of this name, expected updates, calls or one of {}",
        known.join(", ")
    )))
}

/// The user's own files, read and checked; `None` if there are none.
pub(super) fn inputs(args: &FirmwareArgs) -> Result<Option<Inputs>, Usage> {
    let (Some(running), Some(update)) = (&args.running, &args.update) else {
        return Ok(None);
    };
    // The chip follows from the table, so no size of one limits it.
    let options = args.csv.options();
    let table = match &args.table {
        Some(path) => input::partition_table(path, &options).map_err(Usage::new)?,
        None => Inputs::bundled_table().map_err(Usage::new)?,
    };
    for warning in &table.warnings {
        errln!(
            "brownout: {}: {warning}",
            crate::inspect::shown::path(&table.file)
        );
    }
    let inputs = Inputs {
        table,
        table_offset: args.csv.table_offset,
        running: input::firmware(running).map_err(Usage::new)?,
        update: input::firmware(update).map_err(Usage::new)?,
    };
    inputs.check().map_err(Usage::new)?;
    Ok(Some(inputs))
}
