//! `brownout sweep`.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sim_flash::{Contract, Level, Profile};

use super::args::{FirmwareArgs, SweepArgs};
use super::stderr::errln;
use super::stdout::{out, outln};
use super::{Usage, dump};
use crate::explore::Counts;
use crate::input;
use crate::ota::{self, Inputs, ON_DEMAND, Policy, SCENARIOS};
use crate::output::{self, Output};
use crate::partition_csv;
use crate::sweep::{self, Filling, SweepOptions, SweepReport};

pub(super) fn run(args: &SweepArgs) -> Result<u8, Usage> {
    // A dump's device has the policy of ESP-IDF.
    let policy = match &args.firmware.dump.dump {
        Some(_) => Policy::Stock,
        None => args.policy,
    };
    let contract = args.level.unwrap_or_else(|| policy.level().into());
    check(contract)?;
    let mut options = SweepOptions {
        level: contract.level,
        cuts: args.cuts.map(|depth| depth.cuts),
        filling: filling(args)?,
        budget: args.budget,
        memory: args.memory,
        seed: args.seed,
        profile: { args.profile.clone() }.with_reprogram_heals(contract.reprogram_heals),
        audit_one_in: args.audit.one_in,
        first: args.first,
        ..SweepOptions::of(policy)
    };
    if args.risen && !options.risen {
        options.risen = true;
        // With any number of cuts there is no end to what risen bits can make.
        options.cuts = options.cuts.or(Some(1));
    }
    if let Some(jobs) = args.jobs {
        options.jobs = usize::from(jobs);
    }
    if !args.scenario.is_empty() {
        options.scenarios.clear();
        for name in &args.scenario {
            options.scenarios.extend(scenarios(name)?);
        }
    }
    if let Some(path) = &args.firmware.dump.dump {
        return dump::run(path, args, &options);
    }
    if options.policy == Policy::Stock && options.profile.rules().encryption.is_some() {
        return Err(Usage::new(format_args!(
            "--policy stock: on {}, which encrypts what it stores, the hardened policy alone is explored; expected \
             --policy hardened",
            options.profile.name()
        )));
    }
    options.inputs = inputs(&args.firmware, &options.profile)?;
    if args.waver {
        let report = sweep::waver::run(&options);
        out!("{report}")?;
        return Ok(report.exit_code());
    }
    let files = args.firmware.inputs();
    let json = Json::prepare(args.json.as_deref(), &files)?;
    let keep = Keep::prepare(args.keep.as_deref(), &files)?;
    let bars = Bars::new(options.scenarios.iter().map(|scenario| scenario.name));
    let units = sweep::run_units(&options, args.shard, &|name, counts| {
        bars.show(name, counts);
    });
    bars.finish();
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
    json.write(&report, &lines.unwrap_or_else(|| report.json()))?;
    if let Some(shard) = args.shard
        && !stdout
    {
        outln!("  shard {shard}: {mine} of {total} units; `brownout merge` has the verdict")?;
    }
    if !stdout {
        more(&report, args.windows, args.coverage)?;
    }
    keep.write(&report)?;
    // A shard without any unit has nothing to say; merging will tell whether it had to.
    Ok(match mine {
        0 => 0,
        _ => report.verdict().exit_code(),
    })
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
            Self::No => out!("{report}")?,
            Self::Stdout => out!("{json}")?,
            Self::File(output) => {
                output.write(json.as_bytes()).map_err(Usage::new)?;
                out!("{report}")?;
            }
        }
        Ok(())
    }
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
fn filling(args: &SweepArgs) -> Result<Filling, Usage> {
    let filling = args.cuts.map(|depth| depth.filling).unwrap_or_default();
    let name = match filling {
        Filling::Any => return Ok(filling),
        Filling::UntilFull => "until-full",
        Filling::WhileRoom => "while-room",
    };
    if args.policy == Policy::Stock {
        return Err(Usage::new(format_args!(
            "--cuts {name}: the stock policy keeps no log that could be full, expected a number or any",
        )));
    }
    if args.profile.rules().encryption.is_some() {
        return Err(Usage::new(format_args!(
            "--cuts {name}: {} encrypts, and there a full log is left without a trace, expected a number or any",
            args.profile.name()
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
pub(super) fn inputs(args: &FirmwareArgs, profile: &Profile) -> Result<Option<Inputs>, Usage> {
    let (Some(running), Some(update)) = (&args.running, &args.update) else {
        return Ok(None);
    };
    let options = partition_csv::Options {
        flash_size: Some(profile.size()),
        ..args.csv.options()
    };
    let table = match &args.table {
        Some(path) => input::partition_table(path, &options).map_err(Usage::new)?,
        None => Inputs::bundled_table().map_err(Usage::new)?,
    };
    for warning in &table.warnings {
        errln!("brownout: {}: {warning}", table.file.display());
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

/// One line for each scenario under way, on a terminal; nothing in a pipe.
pub(super) struct Bars {
    bars: Vec<(&'static str, ProgressBar)>,
}

impl Bars {
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bars: Vec::new() };
        }
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{spinner} {prefix:<16} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = |name| {
            let bar = all.add(
                ProgressBar::new_spinner()
                    .with_style(style.clone())
                    .with_prefix(name),
            );
            bar.set_message("waiting");
            bar.enable_steady_tick(Duration::from_millis(200));
            (name, bar)
        };
        Self {
            bars: names.into_iter().map(bar).collect(),
        }
    }

    pub(super) fn show(&self, name: &str, counts: &Counts) {
        let Counts {
            crash_states,
            distinct_states,
            waiting,
            violations,
            passes,
            ..
        } = counts;
        let found = match violations {
            0 => String::new(),
            1 => ", 1 violation so far".into(),
            violations => format!(", {violations} violations so far"),
        };
        if let Some((_, bar)) = self.bars.iter().find(|(known, _)| *known == name) {
            bar.set_message(format!(
                "{crash_states} crash states judged{found}; {distinct_states} states explored, {waiting} to go (pass {passes})"
            ));
        }
    }

    pub(super) fn finish(&self) {
        for (_, bar) in &self.bars {
            bar.finish_and_clear();
        }
    }
}
