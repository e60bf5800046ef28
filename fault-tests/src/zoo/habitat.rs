//! Where a specimen lives: its chip and its start, and the one place that calls the explorer.

use sim_flash::{Density, Level, Profile, State};

use super::Evidence;
use crate::acknowledged::{Progress, Script, Scripted, Store};
use crate::case::{Timeline, shrink};
use crate::explore::{Exploration, Limits, MEMORY, Path, Start, explore};
use crate::property::Finding;
use crate::subject::{Subject, World};

/// Power-ons of one exploration, at most. No specimen comes near.
const BOOTS: u64 = 400_000;

/// Bytes of a sector.
pub(super) const SECTOR: u32 = 4096;

/// What can be done with a specimen of whatever type.
pub(super) trait Habitat {
    /// Explores it with cuts as bad as `level`, up to `cuts` in a row.
    fn explore(&self, level: Level, cuts: u32) -> Sighting;

    /// The simplest way to `finding`, and its timeline.
    fn shrink(&self, path: &Path, finding: &Finding, level: Level) -> Option<(Path, String)>;
}

/// What an exploration saw.
pub(super) struct Sighting {
    pub(super) crash_states: u64,
    /// Each kind of evidence seen, with the first case of it.
    pub(super) evidence: Vec<(Evidence, Path, Option<Finding>)>,
    /// The budget ran out.
    pub(super) exhausted: bool,
}

impl Sighting {
    fn of(exploration: Exploration) -> Self {
        let mut seen = Self {
            crash_states: exploration.counts.crash_states,
            evidence: Vec::new(),
            exhausted: exploration.exhausted,
        };
        for violation in exploration.violations {
            let evidence = Evidence::Violates(violation.finding.property);
            seen.note(evidence, violation.path, Some(violation.finding));
        }
        if let Some(differs) = exploration.disagreement {
            seen.note(Evidence::DoesNotRepeat, differs.path, None);
        }
        seen
    }

    fn note(&mut self, evidence: Evidence, path: Path, finding: Option<Finding>) {
        if self.evidence.iter().all(|(seen, ..)| *seen != evidence) {
            self.evidence.push((evidence, path, finding));
        }
    }
}

/// A subject on its chip, with where it begins.
struct Home<W: World> {
    subject: Box<dyn Subject<World = W>>,
    profile: Profile,
    start: Start<W>,
    /// Every shape that a cut erase leaves of a row is tried: see [`Limits::every_row`].
    every_row: bool,
}

impl<W: World> Habitat for Home<W> {
    fn explore(&self, level: Level, cuts: u32) -> Sighting {
        let limits = Limits {
            level,
            cuts,
            first: Density::Field,
            later: Density::Coarse,
            every_byte: false,
            risen: true,
            every_row: self.every_row,
            boots: BOOTS,
            deadline: None,
            interrupted: None,
            memory: MEMORY,
            audit_one_in: 100,
            seed: 0,
            spared: None,
            ends_at_first: false,
            unwanted: None,
            departures: u32::MAX,
        };
        let start = std::slice::from_ref(&self.start);
        Sighting::of(explore(
            &*self.subject,
            &self.profile,
            start,
            &limits,
            &|_| {},
        ))
    }

    fn shrink(&self, path: &Path, finding: &Finding, level: Level) -> Option<(Path, String)> {
        let (subject, profile) = (&*self.subject, &self.profile);
        let (path, proof) = shrink(subject, profile, &self.start, path, finding, None, level)?;
        let timeline = Timeline::new(subject, &proof).about(Some(finding));
        Some((path, timeline.to_string()))
    }
}

/// A chip of so many sectors.
pub(super) fn chip(sectors: u32) -> Profile {
    Profile::w25q64jv().with_size(sectors * SECTOR)
}

/// A subject at home.
pub(super) fn home<S: Subject + 'static>(
    subject: S,
    profile: Profile,
    state: State,
    world: S::World,
) -> Box<dyn Habitat> {
    housed(subject, profile, state, world, false)
}

fn housed<S: Subject + 'static>(
    subject: S,
    profile: Profile,
    state: State,
    world: S::World,
    every_row: bool,
) -> Box<dyn Habitat> {
    Box::new(Home {
        subject: Box::new(subject),
        profile,
        start: Start::only(state, world),
        every_row,
    })
}

/// A store at home, with its script.
pub(super) fn scripted<S: Store + 'static>(
    store: S,
    script: Script<S::Operation, S::Value>,
    profile: Profile,
    state: State,
) -> Box<dyn Habitat> {
    let device = Scripted::new(store, script);
    home(device, profile, state, Progress::default())
}

/// The same, where every shape that a cut erase leaves of a row is tried.
pub(super) fn by_rows<S: Store + 'static>(
    store: S,
    script: Script<S::Operation, S::Value>,
    profile: Profile,
    state: State,
) -> Box<dyn Habitat> {
    let device = Scripted::new(store, script);
    housed(device, profile, state, Progress::default(), true)
}
