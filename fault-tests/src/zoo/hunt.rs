//! The hunt: each specimen at each level, with ever more cuts, until it is caught; and its twin, which must not be.

use rayon::prelude::*;
use sim_flash::Level;

use super::habitat::{Habitat, Sighting};
use super::report::ZooReport;
use super::{Evidence, GATE, Specimen};
use crate::explore::Path;
use crate::property::Finding;

/// Cuts in a row, at most.
const CUTS: u32 = 2;

/// The same for a twin where bits are weak: what several cuts leave weak together has no end.
const WEAK_CUTS: u32 = 1;

/// A specimen caught.
#[derive(Clone, Debug)]
pub struct Catch {
    /// What gave it away.
    pub evidence: Evidence,
    /// The violation, if it is one.
    pub finding: Option<Finding>,
    /// Crash states in the exploration that caught it.
    pub crash_states: u64,
    /// The shrunk way there.
    pub path: Path,
    /// What happens with them, told to a person.
    pub timeline: String,
}

/// What became of one specimen.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The specimen.
    pub specimen: &'static Specimen,
    /// How it was caught at each level, from L0 on; `None` if it was not.
    pub levels: Vec<(Level, Option<Catch>)>,
    /// What is wrong with the twin, or with its exploration.
    pub twin: Option<String>,
}

impl Outcome {
    /// The catch at the lowest level that shows the mistake.
    pub fn caught(&self) -> Option<(Level, &Catch)> {
        let caught = |(level, catch): &'_ (Level, Option<Catch>)| Some((*level, catch.is_some()));
        let (level, _) = self
            .levels
            .iter()
            .filter_map(caught)
            .find(|(_, caught)| *caught)?;
        Some((level, self.at(level)?))
    }

    /// The catch at this level.
    pub fn at(&self, level: Level) -> Option<&Catch> {
        let (_, catch) = self.levels.iter().find(|(at, _)| *at == level)?;
        catch.as_ref()
    }

    /// Whether it cannot be expected to be caught yet.
    pub fn waits(&self) -> bool {
        self.specimen.level > GATE
    }
}

/// Hunts each of `specimens`, side by side on the threads there are. The report does not depend on them.
pub fn hunt(specimens: &[&'static Specimen]) -> ZooReport {
    ZooReport {
        outcomes: specimens.par_iter().map(|s| hunt_one(s)).collect(),
    }
}

fn hunt_one(specimen: &'static Specimen) -> Outcome {
    let levels = Level::ALL.into_iter().filter(|level| *level <= GATE);
    Outcome {
        specimen,
        levels: levels
            .map(|level| (level, at_level(specimen, level)))
            .collect(),
        twin: twin(specimen),
    }
}

/// Explores with no cut, one cut, and so on, until the specimen is caught.
fn at_level(specimen: &Specimen, level: Level) -> Option<Catch> {
    (0..=CUTS).find_map(|cuts| {
        let broken = (specimen.build)(true);
        let sighting = broken.explore(level, cuts);
        caught(specimen, &*broken, &sighting, level)
    })
}

fn caught(
    specimen: &Specimen,
    habitat: &dyn Habitat,
    sighting: &Sighting,
    level: Level,
) -> Option<Catch> {
    let counts = |seen: &&(Evidence, Path, Option<Finding>)| specimen.caught_by.contains(&seen.0);
    let (evidence, path, finding) = sighting.evidence.iter().find(counts)?;
    let shrunk = finding
        .as_ref()
        .and_then(|finding| habitat.shrink(path, finding, level));
    let (path, timeline) = shrunk.unwrap_or_else(|| (path.clone(), String::new()));
    Some(Catch {
        evidence: *evidence,
        finding: finding.clone(),
        crash_states: sighting.crash_states,
        path,
        timeline,
    })
}

/// What is wrong with the twin at the highest level at which it should be faultless; milder levels are part of that.
fn twin(specimen: &Specimen) -> Option<String> {
    let level = specimen.twin.min(GATE);
    let cuts = if level < Level::L3 { CUTS } else { WEAK_CUTS };
    let sighting = (specimen.build)(false).explore(level, cuts);
    match sighting.evidence.first() {
        Some((evidence, path, finding)) => {
            let finding = finding
                .as_ref()
                .map_or_else(|| evidence.to_string(), ToString::to_string);
            Some(format!("at {level}, {}: {finding}", short(path)))
        }
        None if sighting.exhausted => Some(format!("at {level}: the budget ran out")),
        None => None,
    }
}

/// `o1.E7/b1.o0.P1.n3`, or `no cut`.
pub(super) fn short(path: &Path) -> String {
    match path.to_string().strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => "no cut".into(),
    }
}
