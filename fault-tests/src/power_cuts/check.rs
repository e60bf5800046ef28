//! A test as it is made: kept cases first, then stage by stage, until something is found.

use std::fmt::Debug;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use sim_flash::{Contract, Geometry, Level, Profile};

use super::checked::Checked;
use super::course::{Ready, Way, Workshop};
use super::device::{Device, LONGEST, Progress};
use super::drawn::{self, Draw, DrawnBy};
use super::effort::{Budget, Effort, Stage, stages};
use super::kept::{self, Archive};
use super::label;
use super::plan::{Keep, Test};
use super::story::{Facts, Found, Kept, Story, Tried, severity};
use crate::case::{CaseFile, CaseId, Expected, Shrinker};
use crate::explore::{Counts, Exploration, Path, Start, explore};
use crate::property::Finding;

/// The variable that asks for one case.
pub(super) const REPLAY: &str = "BROWNOUT_REPLAY";

/// Held by the tests whose code has statics: those are one for all threads.
static ALONE: Mutex<()> = Mutex::new(());

impl<G, M, O, V> Test<G, M, O, V>
where
    G: Geometry,
    O: Clone + Debug + Send + Sync,
    V: Clone + PartialEq + Debug + Send + Sync,
{
    /// Makes the test: cuts the power everywhere, and judges what is there afterwards.
    ///
    /// # Panics
    ///
    /// With a [`Story`], if something is lost. Also if the time or the boots that it may take run out before cuts of the
    /// mildest level were all tried; where they run out later it says so, and nothing was found so far.
    #[track_caller]
    pub fn check(self) -> Checked {
        match self.verdict() {
            Ok(checked) => {
                println!("{checked}");
                let begun = checked
                    .tried
                    .first()
                    .is_none_or(|first| first.stopped.is_none());
                assert!(begun, "{checked}");
                checked
            }
            Err(story) => {
                // A panic that says so itself, without a backtrace of this library.
                eprintln!("{story}");
                std::panic::resume_unwind(Box::new(story.to_string()))
            }
        }
    }

    /// The same without a panic.
    ///
    /// # Errors
    ///
    /// If something is lost.
    ///
    /// # Panics
    ///
    /// If the test makes no sense: without an operation, with more than 64, with a case file that cannot be read.
    #[track_caller]
    pub fn verdict(self) -> Result<Checked, Box<Story>> {
        let caller = Location::caller();
        let name = self.name.clone().unwrap_or_else(|| {
            let thread = std::thread::current();
            let named = thread.name().filter(|name| *name != "main");
            named.map_or_else(|| stem(caller), ToOwned::to_owned)
        });
        assert!(
            self.all_up_to.is_some() || self.operations.len() <= LONGEST,
            "{name}: found {} operations, expected at most {LONGEST}",
            self.operations.len()
        );
        assert!(
            self.draw.is_some() || !self.operations.is_empty(),
            "{name}: found no operation, expected some: nothing would be cut"
        );
        let folder = match &self.keep {
            Keep::InPackage => Some(kept::in_package()),
            Keep::In(folder) => Some(folder.clone()),
            Keep::Nowhere => None,
        };
        let archive = folder.map(|folder| Archive::of(&folder, &name, caller.file()));
        let alone = self
            .alone
            .then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
        let place = format!("{}:{}", caller.file(), caller.line());
        let bench = Bench::new(&self, name, place, archive.as_ref());
        let one = || rayon::ThreadPoolBuilder::new().num_threads(1).build().ok();
        let verdict = match self.alone.then(one).flatten() {
            Some(pool) => pool.install(|| bench.verdict()),
            None => bench.verdict(),
        };
        drop(alone);
        verdict
    }
}

/// The name of the file and the line, where a test has no name.
fn stem(caller: &Location<'_>) -> String {
    let stem = std::path::Path::new(caller.file()).file_stem();
    let stem = stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    format!("{stem}-{}", caller.line())
}

/// How a finding is told.
#[derive(Clone, Copy)]
struct Telling<'d> {
    by: Option<&'d DrawnBy>,
    tells: bool,
}

impl Telling<'_> {
    /// The name of a start, and of what was drawn.
    fn name(self, start: &str) -> String {
        self.by
            .map_or_else(|| start.to_owned(), |by| format!("{start}_{by}"))
    }
}

/// A test under way.
pub(super) struct Bench<'t, G, M, O, V> {
    pub(super) test: &'t Test<G, M, O, V>,
    pub(super) name: String,
    /// File and line.
    place: String,
    archive: Option<&'t Archive>,
    pub(super) profile: Profile,
    budget: Budget,
}

impl<'t, G, M, O, V> Bench<'t, G, M, O, V>
where
    G: Geometry,
    O: Clone + Debug + Send + Sync,
    V: Clone + PartialEq + Debug + Send + Sync,
{
    fn new(
        test: &'t Test<G, M, O, V>,
        name: String,
        place: String,
        archive: Option<&'t Archive>,
    ) -> Self {
        let effort = Effort::asked_for();
        Self {
            test,
            name,
            place,
            archive,
            profile: test.profile.clone().untyped(),
            budget: Budget::new(effort, test.boots, test.seconds, test.memory),
        }
    }

    pub(super) fn workshop<'b>(&'b self, operations: &'b [O]) -> Workshop<'b, G, M, O, V> {
        Workshop {
            profile: &self.profile,
            operations,
            first: &self.test.first,
            kinds: &self.test.starts,
            code: &self.test.code,
        }
    }

    fn verdict(&self) -> Result<Checked, Box<Story>> {
        if let Ok(asked) = std::env::var(REPLAY) {
            return self.tell(&asked);
        }
        let mut remarks = Vec::new();
        if let Some(archive) = self.archive {
            let kept = archive.cases().unwrap_or_else(|error| panic!("{error}"));
            for case in kept {
                self.replay_kept(&case, archive, &mut remarks)?;
            }
        }
        match &self.test.draw {
            None => self.explore(&self.test.operations, None, true, remarks),
            Some(draw) => self.explore_drawn(&**draw, remarks),
        }
    }

    /// Explores one drawn sequence after the other, and makes simpler what fails.
    fn explore_drawn(
        &self,
        draw: &dyn Draw<O>,
        remarks: Vec<String>,
    ) -> Result<Checked, Box<Story>> {
        let draws = self.test.draws.unwrap_or(self.budget.effort.draws());
        let mut all = Checked {
            name: self.name.clone(),
            tried: Vec::new(),
            left: Vec::new(),
            remarks,
        };
        for number in 0..draws {
            if Instant::now() >= self.budget.deadline {
                let more = draws - number;
                all.remarks
                    .push(format!("not drawn: {more} more sequences"));
                all.left
                    .extend(stages(self.budget.effort, self.test.level, self.test.cuts));
                break;
            }
            let operations = self.drawn(draw, &DrawnBy::number(number));
            let property = match self.explore(&operations, None, false, Vec::new()) {
                Ok(checked) => {
                    all.add(checked);
                    continue;
                }
                Err(story) => story.property(),
            };
            let simplest = drawn::simplest(draw, number, |operations| {
                let explored = !operations.is_empty() && operations.len() <= LONGEST;
                explored && { self.explore(operations, None, false, Vec::new()) }
                    .is_err_and(|story| story.property() == property)
            });
            let operations = self.drawn(draw, &simplest);
            let text = label::clipped(&operations);
            let remarks = vec![format!("drawn, and made as simple as it shows: {text}")];
            self.explore(&operations, Some(&simplest), true, remarks)?;
        }
        Ok(all)
    }

    pub(super) fn drawn(&self, draw: &dyn Draw<O>, by: &DrawnBy) -> Vec<O> {
        let drawn = by.drawn(draw).map(|drawn| drawn.current());
        let drawn =
            drawn.unwrap_or_else(|why| panic!("{}: nothing can be drawn: {why}", self.name));
        assert!(
            drawn.len() <= LONGEST,
            "{}: drew {} operations, expected at most {LONGEST}",
            self.name,
            drawn.len()
        );
        drawn
    }

    pub(super) fn facts<'f>(
        &self,
        id: &'f CaseId,
        finding: &'f Finding,
        kept: Kept,
        short: bool,
    ) -> Facts<'f> {
        Facts {
            name: self.name.clone(),
            place: self.place.clone(),
            id,
            finding,
            kept,
            short,
            causes: Vec::new(),
            disagreement: None,
        }
    }

    /// The ways that are tried.
    fn ways(&self, ready: &[Ready<V>]) -> Vec<Way> {
        let starts = 0..ready.len();
        let Some(length) = self.test.all_up_to else {
            let usual = |ready| Way {
                ready,
                sequence: None,
            };
            return starts.map(usual).collect();
        };
        let count = self.test.operations.len();
        let length = length.clamp(1, LONGEST);
        let exponent = u32::try_from(length).unwrap_or(u32::MAX);
        let sequences = count.checked_pow(exponent).unwrap_or(usize::MAX);
        let all = sequences.saturating_mul(ready.len().max(1));
        assert!(
            all <= MOST,
            "{}: found {all} sequences of {length} out of {count} operations with their starts, expected at most {MOST}",
            self.name
        );
        let sequence = |mut number: usize| {
            let digit = |_| {
                let digit = number % count;
                number /= count;
                digit
            };
            (0..length).map(digit).collect()
        };
        // A shorter one is the beginning of a longer one.
        let ways = starts.flat_map(|ready| {
            (0..sequences).map(move |number| Way {
                ready,
                sequence: Some(sequence(number)),
            })
        });
        ways.collect()
    }

    /// Explores these operations stage by stage; `by`: how they were drawn. `tells`: whether what is found is to be told,
    /// and not only that there is something.
    fn explore(
        &self,
        operations: &[O],
        by: Option<&DrawnBy>,
        tells: bool,
        mut remarks: Vec<String>,
    ) -> Result<Checked, Box<Story>> {
        let workshop = &self.workshop(operations);
        let ready = &workshop.ready(&mut remarks);
        let ways = self.ways(ready);
        let (device, starts) = workshop.device(ready, &ways);
        let telling = Telling { by, tells };
        let mut left = stages(self.budget.effort, self.test.level, self.test.cuts);
        left.reverse();
        let mut tried: Vec<Tried> = Vec::new();
        while let Some(stage) = left.pop() {
            if Instant::now() >= self.budget.deadline {
                left.push(stage);
                break;
            }
            let (exploration, seconds) = self.explored(&device, &starts, stage);
            tried.push(Tried::new(stage, &exploration, seconds));
            if let Some(story) = self.story(workshop, ready, &ways, stage, &exploration, telling) {
                left.reverse();
                return Err(Box::new(story.with(&tried, &left, remarks)));
            }
        }
        left.reverse();
        Ok(Checked {
            name: self.name.clone(),
            tried,
            left,
            remarks,
        })
    }

    fn explored(
        &self,
        device: &Device<G, M, O, V>,
        starts: &[Start<Progress>],
        stage: Stage,
    ) -> (Exploration, f64) {
        let begun = Instant::now();
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        let progress = |counts: &Counts| {
            bar.set_message(format!(
                "{}: {stage}: {} crash states, {} boots",
                self.name, counts.crash_states, counts.boots
            ));
            bar.tick();
        };
        let limits = self.budget.limits(stage);
        let exploration = explore(device, &self.profile, starts, &limits, &progress);
        bar.finish_and_clear();
        (exploration, begun.elapsed().as_secs_f64())
    }

    /// What there is to tell of an exploration that found something.
    fn story(
        &self,
        workshop: &Workshop<'_, G, M, O, V>,
        ready: &[Ready<V>],
        ways: &[Way],
        stage: Stage,
        exploration: &Exploration,
        telling: Telling<'_>,
    ) -> Option<Story> {
        let tolerated = |finding: &Finding| self.test.tolerated.contains(&finding.property);
        let found: Vec<Found<'_>> = { exploration.violations.iter() }
            .filter(|violation| !tolerated(&violation.finding))
            .map(Found::new)
            .collect();
        let worst = { found.iter() }.min_by_key(|found| {
            let violation = found.violation;
            let cuts = violation.path.cuts.len();
            (severity(violation.finding.property), cuts, violation.start)
        });
        let Some(worst) = worst else {
            return { exploration.disagreement.as_ref() }.map(|disagreement| {
                let start = &ways[disagreement.start];
                let id = self.id(
                    &telling.name(&Self::start_name(workshop, ready, start)),
                    stage,
                    &disagreement.path,
                    0,
                );
                let finding = Finding::new(
                    crate::property::Property::Totality,
                    "the same operations, whenever a power-on reads the same",
                    format!("others: {}", disagreement.what),
                );
                let mut facts = self.facts(&id, &finding, Kept::Nowhere, true);
                facts.disagreement = Some(disagreement.what);
                Story::without_timeline(&facts)
            });
        };
        let violation = worst.violation;
        if !telling.tells {
            let start = Self::start_name(workshop, ready, &ways[violation.start]);
            let id = self.id(&start, stage, &violation.path, 0);
            let facts = self.facts(&id, &violation.finding, Kept::Nowhere, true);
            return Some(Story::without_timeline(&facts));
        }
        let mut way = ways[violation.start].clone();
        let mut path = violation.path.clone();
        let mut finding = violation.finding.clone();
        self.drop_operations(workshop, ready, stage, &mut way, &mut path, &mut finding);
        let (device, starts) = workshop.device(ready, std::slice::from_ref(&way));
        let start = starts.first()?;
        let shrinker = Shrinker::new(&device, &self.profile, stage.level);
        let (path, replay) = match shrinker.shrink(start, &path, &finding, None) {
            Some(shrunk) => shrunk,
            None => {
                let path = shrinker
                    .with_other_readings(start, &path, &finding)
                    .unwrap_or(path);
                let replay = shrinker.replay(start, &path)?;
                (path, replay)
            }
        };
        let id = self.id(&telling.name(&start.name), stage, &path, replay.trace);
        let finding = { replay.findings().find(|shown| shown.says(&finding)) }
            .cloned()
            .unwrap_or(finding);
        let kept = self.keep(&id, &finding);
        let mut facts = self.facts(&id, &finding, kept, true);
        facts.causes = super::story::causes(&found);
        Some(Story::of(&replay, &facts))
    }

    fn start_name(workshop: &Workshop<'_, G, M, O, V>, ready: &[Ready<V>], way: &Way) -> String {
        let (_, starts) = workshop.device(ready, std::slice::from_ref(way));
        starts
            .first()
            .map_or_else(String::new, |start| start.name.clone())
    }

    /// Leaves operations out, as long as what is left shows the same property violated.
    fn drop_operations(
        &self,
        workshop: &Workshop<'_, G, M, O, V>,
        ready: &[Ready<V>],
        stage: Stage,
        way: &mut Way,
        path: &mut Path,
        finding: &mut Finding,
    ) {
        let begun = Instant::now();
        let mut index = 0;
        // Ends: each round drops an operation or moves on.
        loop {
            let mut numbers = workshop.numbers(ready, way);
            if index >= numbers.len() || numbers.len() < 2 || begun.elapsed().as_secs() >= 1 {
                return;
            }
            numbers.remove(index);
            let fewer = Way {
                sequence: Some(numbers),
                ..way.clone()
            };
            let (device, starts) = workshop.device(ready, std::slice::from_ref(&fewer));
            let (exploration, _) = self.explored(&device, &starts, stage);
            let mut violations = exploration.violations.iter();
            let same = violations.find(|v| v.finding.property == finding.property);
            match same {
                Some(same) => {
                    *way = fewer;
                    (*path, *finding) = (same.path.clone(), same.finding.clone());
                }
                None => index += 1,
            }
        }
    }

    fn id(&self, start: &str, stage: Stage, path: &Path, trace: u32) -> CaseId {
        CaseId {
            scenario: self.name.clone(),
            start: start.to_owned(),
            inputs: None,
            profile: self.profile.name().to_owned(),
            contract: Contract::on(stage.level, &self.profile),
            policy: "code".to_owned(),
            path: path.clone(),
            trace,
        }
    }

    fn keep(&self, id: &CaseId, finding: &Finding) -> Kept {
        let Some(archive) = self.archive else {
            return Kept::Nowhere;
        };
        let case = CaseFile {
            id: id.clone(),
            expected: Expected::Shown(finding.clone()),
            comment: String::new(),
        };
        match archive.keep(&case) {
            Ok(()) => Kept::Now(archive.shown()),
            Err(why) => Kept::Not(format!("{}: {why}", archive.shown())),
        }
    }
}

/// Ways that one exploration begins with, at most.
const MOST: usize = 10_000;

/// The level of a stage as a person says it.
pub(super) fn level_words(level: Level) -> &'static str {
    match level {
        Level::L0 => "operations happen whole or not at all",
        Level::L1 => "operations stop after some byte",
        Level::L2 => "any bits of the torn operation are done",
        Level::L3 => "bits are left weak, too",
        Level::L4 => "the rest of the sector suffers, too",
        Level::L5 => "anything",
    }
}
