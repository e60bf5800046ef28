//! Shards: a sweep spread over several machines, and put together again.
//!
//! Shard `i/n` takes the units i, i + n, … A shard's file says in its first line what was swept and
//! how, then one unit on a line, then how many there were. Files are put together only if they are
//! all there and all of one sweep; otherwise nothing is concluded.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sim_flash::Contract;
use xxhash_rust::xxh3::xxh3_64;

use super::filling::Filling;
use super::gap::{Difference, Gap};
use super::report::{ScenarioReport, SweepReport};
use super::unit_line::UnitLine;
use super::{Skipped, SweepOptions, Units, inputs_hash};
use crate::input;

/// The version of this command: what another one wrote may mean something else.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which part of a sweep: `1/3` is the first of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number, from 1.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// Whether the unit of this number, from 0, is its.
    pub(super) const fn takes(self, unit: usize) -> bool {
        unit % self.of == self.index - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, of)| {
            let (index, of) = (index.parse().ok()?, of.parse().ok()?);
            (0 < index && index <= of).then_some(Self { index, of })
        });
        parsed.ok_or_else(|| {
            format!("found \"{text}\", expected I/N such as 1/3, with I from 1 to N")
        })
    }
}

/// What is swept, and how: the same for every shard of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    scenarios: Vec<String>,
    inputs: Option<u32>,
    profile: String,
    level: String,
    policy: String,
    cuts: Option<u32>,
    filling: Filling,
    budget: String,
    #[serde(default)]
    memory: u64,
    #[serde(default)]
    risen: bool,
    seed: u64,
    audit_one_in: u32,
    units: usize,
    full: bool,
    skipped: Vec<Skipped>,
}

impl Plan {
    fn new(options: &SweepOptions, units: &Units) -> Self {
        let scenarios = options.scenarios.iter();
        Self {
            scenarios: scenarios.map(|scenario| scenario.name.to_owned()).collect(),
            inputs: options.inputs.as_ref().map(inputs_hash),
            profile: options.profile.name().to_owned(),
            level: Contract::on(options.level, &options.profile).to_string(),
            policy: options.policy.to_string(),
            cuts: options.cuts,
            filling: options.filling,
            budget: format!("{:?}", options.budget),
            memory: options.memory,
            risen: options.risen,
            seed: options.seed,
            audit_one_in: options.audit_one_in,
            units: units.total,
            full: units.full,
            skipped: units.skipped.clone(),
        }
    }

    /// A hash of all of it.
    fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:016x}", xxh3_64(text.as_bytes()))
    }

    /// The first thing in which it differs from `expected`.
    fn difference(&self, expected: &Self) -> Option<Difference> {
        let object = |plan: &Self| match serde_json::to_value(plan) {
            Ok(Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        };
        let (found, expected) = (object(self), object(expected));
        found.iter().find_map(|(key, found)| {
            let expected = expected.get(key)?;
            (found != expected).then(|| Difference {
                key: key.clone(),
                found: found.to_string(),
                expected: expected.to_string(),
            })
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// The version of the command that swept.
    version: String,
    shard: Shard,
    /// A hash of the plan.
    options: String,
    plan: Plan,
}

impl Header {
    /// The first thing, but the number of the shard, in which it differs from `expected`.
    fn difference(&self, expected: &Self) -> Option<Difference> {
        let (found, wanted) = (self.shard.of, expected.shard.of);
        let number = || Difference {
            key: "number of shards".into(),
            found: found.to_string(),
            expected: wanted.to_string(),
        };
        let plan = self.plan.difference(&expected.plan);
        plan.or_else(|| (found != wanted).then(number))
    }
}

#[derive(Serialize, Deserialize)]
struct End {
    /// Units in the file.
    end: usize,
}

/// What a shard writes, one JSON object on a line.
pub fn lines(options: &SweepOptions, shard: Shard, units: &Units) -> String {
    let plan = Plan::new(options, units);
    let header = Header {
        version: VERSION.to_owned(),
        shard,
        options: plan.hash(),
        plan,
    };
    let mut lines = vec![serde_json::to_string(&header)];
    let reports = units.reports.iter();
    lines
        .extend(reports.map(|(unit, report)| serde_json::to_string(&UnitLine::new(*unit, report))));
    let end = units.reports.len();
    lines.push(serde_json::to_string(&End { end }));
    let lines: Vec<_> = lines.into_iter().map(Result::unwrap_or_default).collect();
    lines.join("\n") + "\n"
}

struct File {
    path: PathBuf,
    header: Header,
    units: Vec<(usize, ScenarioReport)>,
}

/// Puts the files of all shards of a sweep together: the report of the sweep as a whole.
///
/// # Errors
/// Every reason why nothing may be concluded from these files.
pub fn merge(paths: &[PathBuf]) -> Result<SweepReport, Vec<Gap>> {
    let mut gaps = Vec::new();
    let mut files: Vec<File> = Vec::new();
    for path in paths {
        match read(path) {
            Ok(file) => match file_gap(&file, &files) {
                Some(gap) => gaps.push(gap),
                None => files.push(file),
            },
            Err(gap) => gaps.push(gap),
        }
    }
    if let Some(first) = files.first() {
        let of = first.header.shard.of;
        let shards = (1..=of).map(|index| Shard { index, of });
        let there = |shard: &Shard| files.iter().any(|file| file.header.shard == *shard);
        gaps.extend(shards.filter(|shard| !there(shard)).map(Gap::Missing));
    }
    let plan = match files.first() {
        Some(file) if gaps.is_empty() => file.header.plan.clone(),
        _ => return Err(gaps),
    };
    let units = Units {
        reports: files.into_iter().flat_map(|file| file.units).collect(),
        total: plan.units,
        full: plan.full,
        skipped: plan.skipped,
    };
    Ok(units.into_report())
}

/// What keeps a file from being put together with those before it.
fn file_gap(file: &File, before: &[File]) -> Option<Gap> {
    let Header { shard, plan, .. } = &file.header;
    let shard = *shard;
    let path = file.path.clone();
    if let Some(first) = before.first()
        && let Some(difference) = file.header.difference(&first.header)
    {
        return Some(Gap::OtherSweep {
            file: path,
            shard,
            difference: Box::new(difference),
            like: first.path.clone(),
        });
    }
    if let Some(twin) = before.iter().find(|known| known.header.shard == shard) {
        return Some(Gap::Duplicate {
            file: path,
            shard,
            first: twin.path.clone(),
        });
    }
    let found: Vec<_> = file.units.iter().map(|(unit, _)| *unit).collect();
    let expected: Vec<_> = (0..plan.units).filter(|unit| shard.takes(*unit)).collect();
    (found != expected).then_some(Gap::OtherUnits {
        file: path,
        shard,
        found,
        expected,
    })
}

fn read(path: &Path) -> Result<File, Gap> {
    let text = input::read_text(path, "shard", input::limit::LINES)?;
    let not_a_shard = |line: usize, why: String| Gap::NotAShard {
        file: path.to_owned(),
        line,
        why,
    };
    let mut lines = text.lines().zip(1..);
    let header: Header = match lines.next() {
        Some((line, number)) => {
            serde_json::from_str(line).map_err(|error| not_a_shard(number, error.to_string()))?
        }
        None => return Err(not_a_shard(1, "found an empty file".into())),
    };
    if header.version != VERSION {
        return Err(Gap::OtherVersion {
            file: path.to_owned(),
            found: header.version,
            expected: VERSION,
        });
    }
    let shard = header.shard;
    if shard.index == 0 || shard.index > shard.of || header.options != header.plan.hash() {
        return Err(not_a_shard(
            1,
            "the options do not have the hash given".into(),
        ));
    }
    let mut units = Vec::new();
    for (line, number) in lines {
        if let Ok(End { end }) = serde_json::from_str(line)
            && end == units.len()
        {
            let path = path.to_owned();
            return Ok(File {
                path,
                header,
                units,
            });
        }
        // A line that ends in the middle is where the file was cut off.
        let Ok(unit) = serde_json::from_str::<UnitLine>(line) else {
            break;
        };
        units.push(unit.read().map_err(|why| not_a_shard(number, why))?);
    }
    Err(Gap::Truncated {
        file: path.to_owned(),
        shard,
        found: units.len(),
    })
}
