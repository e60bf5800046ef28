//! `brownout replay`.

use std::path::{Path, PathBuf};

use sim_flash::Profile;

use super::Usage;
use super::args::ReplayArgs;
use crate::case::{CaseFile, CaseId, Replay, Timeline, replay};
use crate::input;
use crate::ota::{self, Inputs, Setup};
use crate::property::Finding;
use crate::sweep::{self, POLICY, inputs_hash};

const HOLDS: u8 = 0;
const VIOLATED: u8 = 1;
const STALE: u8 = 6;

pub(super) fn run(args: &ReplayArgs) -> Result<u8, Usage> {
    let id: Option<CaseId> = match args.case.strip_prefix("bo1:") {
        Some(_) => Some(args.case.parse().map_err(Usage::new)?),
        None => None,
    };
    // The flash that a table must fit into is the case's; files are about the default chip.
    let profile = id.as_ref().and_then(|id| sweep::profile(&id.profile).ok());
    let inputs = super::sweep::inputs(&args.firmware, &profile.unwrap_or_else(Profile::w25q64jv))?;
    if let Some(id) = &id {
        return one(id, inputs.as_ref());
    }
    let path = Path::new(&args.case);
    if path.is_dir() {
        return folder(path, inputs.as_ref());
    }
    file(path, inputs.as_ref(), true)
}

/// Prints the timeline of one case.
fn one(id: &CaseId, inputs: Option<&Inputs>) -> Result<u8, Usage> {
    let setup = setup(id, inputs).map_err(|why| Usage::new(format_args!("{id}: {why}")))?;
    println!("{id}");
    match play(id, &setup) {
        Err(stale) => {
            println!("\nSTALE: {stale}");
            Ok(STALE)
        }
        Ok(replay) => {
            print!("\n{}", Timeline::new(&setup.device, &replay));
            match replay.findings().next() {
                Some(finding) => {
                    println!("\n{finding}");
                    Ok(VIOLATED)
                }
                None => {
                    println!("\nPASS: no property is violated");
                    Ok(HOLDS)
                }
            }
        }
    }
}

/// Replays a case file; it must show what it says.
fn file(path: &Path, inputs: Option<&Inputs>, timeline: bool) -> Result<u8, Usage> {
    let text = input::read_text(path).map_err(Usage::new)?;
    let case = CaseFile::parse(&text).map_err(|error| Usage::file(path, error))?;
    let setup = setup(&case.id, inputs).map_err(|why| Usage::file(path, why))?;
    let name = path.display();
    match play(&case.id, &setup) {
        Err(stale) => {
            println!("STALE  {name}: {stale}");
            Ok(STALE)
        }
        Ok(replay) => {
            if timeline {
                println!("{}\n", case.id);
                println!("{}", Timeline::new(&setup.device, &replay));
            }
            if replay.shows(&case.finding) {
                println!("shown  {name}: {}", case.finding);
                Ok(HOLDS)
            } else {
                println!(
                    "GONE   {name}: expected \"{}\", found {}",
                    case.finding,
                    seen(&replay)
                );
                Ok(VIOLATED)
            }
        }
    }
}

fn seen(replay: &Replay) -> String {
    replay
        .findings()
        .next()
        .map_or_else(|| "no violation".into(), Finding::to_string)
}

fn folder(path: &Path, inputs: Option<&Inputs>) -> Result<u8, Usage> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| Usage::file(path, format_args!("cannot be read: {error}")))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "case")
        })
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Usage::file(
            path,
            "found no case file in this folder, expected NAME.case",
        ));
    }
    let codes = files
        .iter()
        .map(|path| file(path, inputs, false))
        .collect::<Result<Vec<_>, _>>()?;
    let shown = codes
        .iter()
        .map(|code| usize::from(*code == HOLDS))
        .sum::<usize>();
    println!("{shown} of {} cases show what they say", codes.len());
    // A case that is gone weighs more than one that is stale.
    let gravest = codes.into_iter().filter(|code| *code != HOLDS).min();
    Ok(gravest.unwrap_or(HOLDS))
}

/// The device that the case is about.
fn setup(id: &CaseId, inputs: Option<&Inputs>) -> Result<Setup, String> {
    let scenario = ota::find(&id.scenario).ok_or_else(|| {
        let known: Vec<_> = ota::SCENARIOS.iter().map(|s| s.name).collect();
        format!(
            "found the scenario \"{}\", expected one of {}",
            id.scenario,
            known.join(", ")
        )
    })?;
    let profile = sweep::profile(&id.profile).map_err(|error| error.to_string())?;
    if id.policy != POLICY {
        return Err(format!(
            "found the policy \"{}\", expected {POLICY}",
            id.policy
        ));
    }
    match (id.inputs, inputs) {
        (None, _) => Ok(scenario.bundled(&profile)),
        (Some(hash), None) => Err(format!(
            "the case is about a user's own files (hash {hash:08x}); give the same --table, --running and --update"
        )),
        (Some(hash), Some(inputs)) if hash != inputs_hash(inputs) => Err(format!(
            "the case is about files with hash {hash:08x}, found {:08x} for these",
            inputs_hash(inputs)
        )),
        (Some(_), Some(inputs)) => scenario
            .with_inputs(&profile, inputs)
            .map_err(|why| format!("scenario {}: {}", scenario.name, why.0)),
    }
}

/// Replays the case; `Err` says why it is stale.
fn play(id: &CaseId, setup: &Setup) -> Result<Replay, String> {
    let start = setup.start(&id.start).ok_or_else(|| {
        let known: Vec<_> = setup.starts.iter().map(|s| s.name.as_str()).collect();
        let (found, scenario) = (&id.start, &id.scenario);
        format!(
            "found the start \"{found}\" of {scenario}, expected one of {}",
            known.join(", ")
        )
    })?;
    let replay = replay(&setup.device, &setup.profile, start, &id.cuts, true)
        .map_err(|unreached| unreached.to_string())?;
    if replay.trace != id.trace {
        return Err(format!(
            "the operations up to the last cut hash to {:08x}, expected {:08x}: the code under test does something else now",
            replay.trace, id.trace
        ));
    }
    Ok(replay)
}
