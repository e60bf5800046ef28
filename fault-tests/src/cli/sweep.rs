//! `brownout sweep`.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sim_flash::{Level, Profile};

use super::args::{FirmwareArgs, SweepArgs};
use super::{Output, Usage};
use crate::input;
use crate::ota::{self, Input, InputFlaw, Inputs, SCENARIOS};
use crate::partition_csv;
use crate::sweep::{self, SweepOptions};

pub(super) fn run(args: &SweepArgs) -> Result<u8, Usage> {
    let mut options = SweepOptions {
        level: level(args.level)?,
        cuts: args.cuts,
        budget: args.budget,
        seed: args.seed,
        ..SweepOptions::default()
    };
    if let Some(jobs) = args.jobs {
        options.jobs = usize::from(jobs);
    }
    if !args.scenario.is_empty() {
        options.scenarios = args
            .scenario
            .iter()
            .map(|name| scenario(name))
            .collect::<Result<_, _>>()?;
    }
    options.inputs = inputs(&args.firmware, &options.profile)?;
    let to_stdout = args.json.as_deref() == Some(Path::new("-"));
    let output = args
        .json
        .as_deref()
        .filter(|_| !to_stdout)
        .map(Output::prepare)
        .transpose()?;
    let bars = Bars::new(&options);
    let report = sweep::run(&options, &|name, counts| {
        bars.show(name, counts.crash_states, counts.passes);
    })
    .map_err(|flaw| flawed(&args.firmware, &flaw))?;
    bars.finish();
    if report.scenarios.is_empty() {
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
    if to_stdout {
        print!("{}", report.json());
    } else {
        print!("{report}");
    }
    if let Some(output) = output {
        output.write(report.json().as_bytes())?;
    }
    Ok(report.verdict().exit_code())
}

fn level(level: Level) -> Result<Level, Usage> {
    if level > Level::L2 {
        return Err(Usage::new(format_args!(
            "--level {level}: weak bits are not explored yet, expected L0, L1 or L2"
        )));
    }
    Ok(level)
}

fn scenario(name: &str) -> Result<&'static ota::Scenario, Usage> {
    ota::find(name).ok_or_else(|| {
        let known: Vec<_> = SCENARIOS.iter().map(|s| s.name).collect();
        Usage::new(format_args!(
            "--scenario {name}: found no scenario of this name, expected one of {}",
            known.join(", ")
        ))
    })
}

/// The user's own files, read and checked; `None` if there are none.
pub(super) fn inputs(args: &FirmwareArgs, profile: &Profile) -> Result<Option<Inputs>, Usage> {
    let (Some(running), Some(update)) = (&args.running, &args.update) else {
        return Ok(None);
    };
    let table = match &args.table {
        Some(path) => table(args, path)?,
        None => corpus::table("v02_two_ota")
            .and_then(corpus::Table::binary)
            .unwrap_or_default()
            .to_vec(),
    };
    let image = |path: &Path| input::read(path).map(Arc::from).map_err(Usage::new);
    let inputs = Inputs {
        table,
        table_offset: args.csv.table_offset,
        running: image(running)?,
        update: image(update)?,
    };
    inputs.check(profile).map_err(|flaw| flawed(args, &flaw))?;
    Ok(Some(inputs))
}

fn table(args: &FirmwareArgs, path: &Path) -> Result<Vec<u8>, Usage> {
    let bytes = input::read(path).map_err(Usage::new)?;
    if partition_csv::is_binary(&bytes) {
        return Ok(bytes);
    }
    let converted = partition_csv::convert(&bytes, &args.csv.options())
        .map_err(|refused| Usage::file(path, refused))?;
    for warning in &converted.warnings {
        eprintln!("brownout: {}: {warning}", path.display());
    }
    match converted.output {
        partition_csv::Output::Binary(table) => Ok(table),
        partition_csv::Output::Csv(_) => Ok(bytes),
    }
}

fn flawed(args: &FirmwareArgs, flaw: &InputFlaw) -> Usage {
    let file = match flaw.input {
        Input::Table => &args.table,
        Input::Running => &args.running,
        Input::Update => &args.update,
    };
    match file {
        Some(file) => Usage::file(file, flaw),
        None => Usage::new(format_args!("the bundled partition table: {flaw}")),
    }
}

/// One line for each scenario under way, on a terminal; nothing in a pipe.
struct Bars {
    bars: Vec<(&'static str, ProgressBar)>,
}

impl Bars {
    fn new(options: &SweepOptions) -> Self {
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
            bars: options.scenarios.iter().map(|s| bar(s.name)).collect(),
        }
    }

    fn show(&self, name: &str, crash_states: u64, pass: u64) {
        if let Some((_, bar)) = self.bars.iter().find(|(known, _)| *known == name) {
            bar.set_message(format!("{crash_states} crash states judged (pass {pass})"));
        }
    }

    fn finish(&self) {
        for (_, bar) in &self.bars {
            bar.finish_and_clear();
        }
    }
}
