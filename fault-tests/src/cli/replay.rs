//! `brownout replay`.

use std::path::{Path, PathBuf};

use sim_flash::Profile;

use super::Usage;
use super::args::ReplayArgs;
use super::stdout::{out, outln};
use crate::case::{CaseFile, CaseId, Expected, Replay, Timeline, replay};
use crate::dump::{Call, DumpSetup};
use crate::explore::Start;
use crate::input;
use crate::ota::{self, Inputs, NoPolicy, Policy, Setup};
use crate::property::Finding;
use crate::subject::Subject;
use crate::sweep::{self, inputs_hash};

const HOLDS: u8 = 0;
const VIOLATED: u8 = 1;
const STALE: u8 = 6;

pub(super) fn run(args: &ReplayArgs) -> Result<u8, Usage> {
    if args.case.starts_with("bo1:") {
        let id: CaseId = args.case.parse().map_err(Usage::new)?;
        return one(&id, args);
    }
    let path = Path::new(&args.case);
    if path.is_dir() {
        return folder(path, args);
    }
    file(path, args, true)
}

/// Prints the timeline of one case.
fn one(id: &CaseId, args: &ReplayArgs) -> Result<u8, Usage> {
    let device = Device::of(id, args, &|why| Usage::new(format_args!("{id}: {why}")))?;
    outln!("{id}")?;
    match device.play(id) {
        Err(stale) => {
            outln!("\nSTALE: {stale}")?;
            Ok(STALE)
        }
        Ok(replay) => {
            let finding = replay.finding();
            out!("\n{}", device.timeline(&replay, finding))?;
            match finding {
                Some(finding) => {
                    outln!("\n{finding}")?;
                    Ok(VIOLATED)
                }
                None => {
                    outln!("\nPASS: no property is violated")?;
                    Ok(HOLDS)
                }
            }
        }
    }
}

/// Replays a case file; it must show what it says.
fn file(path: &Path, args: &ReplayArgs, timeline: bool) -> Result<u8, Usage> {
    let text = input::read_text(path, "case", input::limit::CASE).map_err(Usage::new)?;
    let case = CaseFile::parse(&text).map_err(|error| Usage::file(path, error))?;
    let device = Device::of(&case.id, args, &|why| Usage::file(path, why))?;
    let name = crate::inspect::shown::path(path);
    match device.play(&case.id) {
        Err(stale) => {
            outln!("STALE  {name}: {stale}")?;
            Ok(STALE)
        }
        Ok(replay) => {
            if timeline {
                outln!("{}\n", case.id)?;
                outln!("{}", device.timeline(&replay, case.expected.finding()))?;
            }
            let expected = &case.expected;
            let met = expected.is_met_by(&replay);
            match (expected, met) {
                (Expected::Shown(_), true) => outln!("shown  {name}: {expected}")?,
                (Expected::Holds(_), true) => outln!("held   {name}: {expected}")?,
                (Expected::Shown(_), false) => {
                    let seen = seen(&replay);
                    outln!("GONE   {name}: expected \"{expected}\", found {seen}")?;
                }
                (Expected::Holds(_), false) => {
                    let seen = seen(&replay);
                    outln!("BACK   {name}: expected no violation, found {seen}")?;
                }
            }
            Ok(if met { HOLDS } else { VIOLATED })
        }
    }
}

fn seen(replay: &Replay) -> String {
    replay
        .finding()
        .map_or_else(|| "no violation".into(), Finding::to_string)
}

fn folder(path: &Path, args: &ReplayArgs) -> Result<u8, Usage> {
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
        .map(|path| file(path, args, false))
        .collect::<Result<Vec<_>, _>>()?;
    let shown = codes
        .iter()
        .map(|code| usize::from(*code == HOLDS))
        .sum::<usize>();
    outln!("{shown} of {} cases show what they say", codes.len())?;
    // A case that is gone weighs more than one that is stale.
    let gravest = codes.into_iter().filter(|code| *code != HOLDS).min();
    Ok(gravest.unwrap_or(HOLDS))
}

/// The device that a case is about.
enum Device {
    Scenario(Box<Setup>),
    Dump(Box<DumpSetup>),
}

impl Device {
    /// Builds the device; `refuse` says which case it was for.
    fn of(id: &CaseId, args: &ReplayArgs, refuse: &dyn Fn(String) -> Usage) -> Result<Self, Usage> {
        let profile = sweep::profile(&id.profile).map_err(|error| refuse(error.to_string()))?;
        let profile = profile.with_reprogram_heals(id.contract.reprogram_heals);
        let policy: Policy = id
            .policy
            .parse()
            .map_err(|error: NoPolicy| refuse(error.to_string()))?;
        if let Some(call) = Call::of_scenario(&id.scenario) {
            if policy != Policy::Stock {
                return Err(refuse("a dump is of a device with the stock policy".into()));
            }
            return of_dump(id, call, args, &profile, refuse);
        }
        let inputs = super::sweep::inputs(&args.firmware)?;
        let end = inputs.as_ref().map_or(0, |own| own.table.end());
        let profile = sweep::fitting(Some(profile), end);
        let setup = of_scenario(id, inputs.as_ref(), &profile).map_err(refuse)?;
        let setup = setup
            .under(policy)
            .map_err(|why| refuse(format!("scenario {}: {}", id.scenario, why.0)))?;
        Ok(Self::Scenario(Box::new(setup)))
    }

    /// Replays the case; `Err` says why it is stale.
    fn play(&self, id: &CaseId) -> Result<Replay, String> {
        match self {
            Self::Dump(setup) => play(id, &setup.device, &setup.profile, &setup.start),
            Self::Scenario(setup) => {
                let start = setup.start(&id.start).ok_or_else(|| {
                    let known: Vec<_> = setup.starts.iter().map(|s| s.name.as_str()).collect();
                    let (found, scenario) = (&id.start, &id.scenario);
                    format!(
                        "found the start \"{found}\" of {scenario}, expected one of {}",
                        known.join(", ")
                    )
                })?;
                play(id, &setup.device, &setup.profile, start)
            }
        }
    }

    fn timeline(&self, replay: &Replay, finding: Option<&Finding>) -> String {
        match self {
            Self::Scenario(setup) => Timeline::new(&setup.device, replay)
                .about(finding)
                .to_string(),
            Self::Dump(setup) => Timeline::new(&setup.device, replay)
                .about(finding)
                .to_string(),
        }
    }
}

fn of_dump(
    id: &CaseId,
    call: Call,
    args: &ReplayArgs,
    profile: &Profile,
    refuse: &dyn Fn(String) -> Usage,
) -> Result<Device, Usage> {
    let hash = id.inputs.unwrap_or_default();
    let Some(path) = &args.firmware.dump.dump else {
        let update = if call == Call::Update {
            " and --update"
        } else {
            ""
        };
        return Err(refuse(format!(
            "the case is about a flash dump (hash {hash:08x}); give the same --dump{update}"
        )));
    };
    let slot = Some(id.start.clone()).filter(|slot| !slot.is_empty());
    let setup = super::dump::setup(path, &args.firmware, call, slot, profile)?;
    if setup.hash != hash {
        return Err(refuse(format!(
            "the case is about a dump with hash {hash:08x}, found {:08x} for these files and options",
            setup.hash
        )));
    }
    Ok(Device::Dump(Box::new(setup)))
}

fn of_scenario(id: &CaseId, inputs: Option<&Inputs>, profile: &Profile) -> Result<Setup, String> {
    let scenario = ota::find(&id.scenario).ok_or_else(|| {
        let all = ota::SCENARIOS.iter().chain(ota::ON_DEMAND);
        let known: Vec<_> = all.map(|s| s.name).collect();
        format!(
            "found the scenario \"{}\", expected one of {}",
            id.scenario,
            known.join(", ")
        )
    })?;
    match (id.inputs, inputs) {
        (None, _) => Ok(scenario.bundled(profile)),
        (Some(hash), None) => Err(format!(
            "the case is about a user's own files (hash {hash:08x}); give the same --table, --running and --update"
        )),
        (Some(hash), Some(inputs)) if hash != inputs_hash(inputs) => Err(format!(
            "the case is about files with hash {hash:08x}, found {:08x} for these",
            inputs_hash(inputs)
        )),
        (Some(_), Some(inputs)) => scenario
            .with_inputs(profile, inputs)
            .map_err(|why| format!("scenario {}: {}", scenario.name, why.0)),
    }
}

fn play<S: Subject>(
    id: &CaseId,
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
) -> Result<Replay, String> {
    let replay = replay(subject, profile, start, &id.path, true)
        .map_err(|unreached| unreached.to_string())?;
    if replay.trace != id.trace {
        return Err(format!(
            "the operations up to the last cut hash to {:08x}, expected {:08x}: the code under test does something else now",
            replay.trace, id.trace
        ));
    }
    Ok(replay)
}
