//! Comparisons of states with those that stand for them, made by whichever thread has nothing else to do.
//!
//! To execute a state in every way in which its weak bits may be read takes as long as to judge what follows from it,
//! and nothing waits for it. So comparisons are made by the batch, beside the exploration. What a batch found is taken
//! note of when the next one is handed over, whoever made it: how many threads there are changes no result.

use std::collections::HashSet;
use std::hash::Hash as _;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use sim_flash::{Level, Profile, State};
use xxhash_rust::xxh3::Xxh3;

use super::super::Limits;
use super::super::recording::{Recording, Segments, Unseen};
use super::super::run::{Conditions, power_on};
use super::super::tally::Shown;
use super::super::trie::HashedMap;
use super::pass::Situation;
use crate::chip::{Knowledge, Knows};
use crate::subject::{Subject, World};

/// Comparisons that are made together.
const TOGETHER: usize = 256;

/// States whose weak bits may be read in more ways than this are not compared.
const READINGS: usize = 256;

/// A state that is to do the same as the one that stands for it.
pub(super) struct Comparison<W> {
    pub(super) state: State,
    pub(super) simplest: State,
    /// The one that stands for it, with the world.
    pub(super) situation: Situation,
    pub(super) world: W,
    pub(super) at: Shown,
}

/// The comparisons of one exploration.
pub(super) struct Comparisons<'a, W: World> {
    next: Vec<Comparison<W>>,
    beside: &'a Beside<'a, W>,
    /// Offers the batch that was handed over to a thread that has nothing else to do.
    offer: &'a dyn Fn(),
}

/// What is made beside an exploration.
pub(super) struct Beside<'a, W: World> {
    subject: &'a dyn Subject<World = W>,
    profile: &'a Profile,
    weak: bool,
    /// Held by whoever makes a batch.
    batch: Mutex<Batch<W>>,
}

struct Batch<W> {
    due: Vec<Comparison<W>>,
    found: Found,
    /// What the power-on may do in a state that stands for others.
    outcomes: HashedMap<Situation, Outcomes>,
}

/// Hashes of all that a power-on may do; nothing if weak bits may be read in too many ways.
type Outcomes = Option<Arc<HashSet<u128>>>;

/// What comparisons found.
#[derive(Default)]
pub(super) struct Found {
    /// States that agreed.
    pub(super) agreed: u64,
    /// Power-ons executed.
    pub(super) boots: u64,
    /// The first that did not agree.
    pub(super) differs: Option<Shown>,
}

impl<'a, W: World> Comparisons<'a, W> {
    pub(super) const fn new(beside: &'a Beside<'a, W>, offer: &'a dyn Fn()) -> Self {
        Self {
            next: Vec::new(),
            beside,
            offer,
        }
    }

    /// Adds a comparison. If that makes a batch, tells what the one before found.
    pub(super) fn add(&mut self, comparison: Comparison<W>) -> Option<Found> {
        self.next.push(comparison);
        (self.next.len() >= TOGETHER).then(|| self.hand_over())
    }

    /// Hands over what was added, and tells what the batch before found; called twice, what all did.
    pub(super) fn hand_over(&mut self) -> Found {
        let next = take(&mut self.next);
        let is_any = !next.is_empty();
        let found = self.beside.exchange(next);
        if is_any {
            (self.offer)();
        }
        found
    }
}

impl<'a, W: World> Beside<'a, W> {
    pub(super) fn new(
        subject: &'a dyn Subject<World = W>,
        profile: &'a Profile,
        limits: &Limits,
    ) -> Self {
        Self {
            subject,
            profile,
            weak: limits.level >= Level::L3,
            batch: Mutex::new(Batch {
                due: Vec::new(),
                found: Found::default(),
                outcomes: HashedMap::default(),
            }),
        }
    }

    /// Makes the batch that was handed over, if nobody has.
    pub(super) fn work(&self) {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(&mut batch);
    }

    /// Leaves a batch, for what the one before found: if nobody has made it, it is made here.
    fn exchange(&self, due: Vec<Comparison<W>>) -> Found {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(&mut batch);
        batch.due = due;
        take(&mut batch.found)
    }

    fn make(&self, batch: &mut Batch<W>) {
        let due = take(&mut batch.due);
        if due.is_empty() {
            return;
        }
        // Of its own: nothing that the exploration takes for known.
        let mut known = Knowledge::of(self.subject.records(), self.weak);
        for comparison in due {
            let outcomes = &mut batch.outcomes;
            let found = &mut batch.found;
            if !self.agrees(&comparison, &mut known, outcomes, found) {
                found.differs = Some(comparison.at);
                return;
            }
        }
    }

    /// Whether a state does the same as the one that stands for it, however weak bits are read.
    fn agrees(
        &self,
        comparison: &Comparison<W>,
        known: &mut Knowledge,
        outcomes: &mut HashedMap<Situation, Outcomes>,
        found: &mut Found,
    ) -> bool {
        let Comparison {
            state,
            simplest,
            situation,
            world,
            ..
        } = comparison;
        // It stands for many, and is executed once.
        let other = { outcomes.entry(*situation) }
            .or_insert_with(|| self.outcomes(simplest, world, known, &mut found.boots));
        let Some(other) = other else { return true };
        let Some(one) = self.outcomes(state, world, known, &mut found.boots) else {
            return true;
        };
        found.agreed += 1;
        if self.subject.stands_for_less() {
            one.is_subset(other)
        } else {
            one == *other
        }
    }

    /// Executes the power-on in a state, however it reads weak bits.
    fn outcomes(
        &self,
        state: &State,
        world: &W,
        known: &mut Knowledge,
        boots: &mut u64,
    ) -> Outcomes {
        let mut outcomes = HashSet::new();
        let mut tapes = vec![Vec::new()];
        let mut segments = Segments::default();
        let mut runs = 0;
        // Ends: each round executes another way to read the weak bits, and those are finitely many.
        while let Some(tape) = tapes.pop() {
            runs += 1;
            if runs > READINGS {
                return None;
            }
            *boots += 1;
            let decided = tape.len();
            let conditions = Conditions {
                tape,
                ..Conditions::undisturbed(Knows::Results(known))
            };
            let (state, world) = (state.clone(), world.clone());
            let run = power_on(self.subject, self.profile, state, world, conditions);
            for (number, read) in run.weak_reads.iter().enumerate().skip(decided) {
                let before: Vec<u16> = run.weak_reads[..number].iter().map(|r| r.taken).collect();
                for other in (0..read.of).filter(|other| *other != read.taken) {
                    let mut tape = before.clone();
                    tape.push(other);
                    tapes.push(tape);
                }
            }
            let recording = Recording::of(&run, Unseen::by(self.subject), &mut segments);
            let end = self.subject.simplest(&run.state).unwrap_or(run.state);
            let mut hasher = Xxh3::new();
            let interchangeable = |addr| self.subject.interchangeable(addr);
            recording.shape(interchangeable).hash(&mut hasher);
            run.findings.hash(&mut hasher);
            end.hash_range(0..end.size()).hash(&mut hasher);
            outcomes.insert(hasher.digest128());
        }
        Some(Arc::new(outcomes))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

    use super::super::super::{ANY, Density, Exploration, Start, explore};
    use super::*;
    use crate::chip::Chip;
    use crate::subject::{Dead, Journal, Rest};

    /// Adds one to a number. All even ones are said to be alike, and all odd ones.
    struct Odometer {
        /// From this number on it erases twice.
        wears_from: u16,
    }

    const SECTOR: u32 = 4096;
    const STARTS: u16 = 6000;

    fn number(bytes: [u8; 2]) -> u16 {
        u16::from_le_bytes(bytes)
    }

    impl Subject for Odometer {
        type World = ();

        fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
            let mut bytes = [0; 2];
            chip.read(0, &mut bytes).map_err(|_| Dead)?;
            let erases = 1 + u32::from(number(bytes) >= self.wears_from);
            for _ in 0..erases {
                chip.erase(0, SECTOR).map_err(|_| Dead)?;
            }
            let next = number(bytes).wrapping_add(1).to_le_bytes();
            chip.write(0, &next).map_err(|_| Dead)?;
            Ok(Rest::Reset)
        }

        fn numbered(&self) -> Option<Range<u32>> {
            Some(0..SECTOR)
        }

        fn simplest(&self, state: &State) -> Option<State> {
            let mut bytes = [0; 2];
            state.read(0, &mut bytes);
            let mut simplest = state.clone();
            simplest.put_solid(0, &(number(bytes) % 2).to_le_bytes());
            (number(bytes) > 1).then_some(simplest)
        }
    }

    /// Explores from each of the first numbers, with so many threads.
    fn explored(wears_from: u16, threads: usize) -> Exploration {
        let profile = Profile::w25q64jv().with_size(16 * 1024);
        let start = |n: u16| {
            let mut state = profile.erased();
            state.put_solid(0, &n.to_le_bytes());
            Start::only(state, ())
        };
        let starts: Vec<_> = (0..STARTS).map(start).collect();
        let limits = Limits {
            level: Level::L0,
            cuts: ANY,
            first: Density::Coarse,
            later: Density::Coarse,
            every_byte: false,
            ..Limits::default()
        };
        let odometer = Odometer { wears_from };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads are to be had");
        pool.install(|| explore(&odometer, &profile, &starts, &limits, &|_| {}))
    }

    #[test]
    fn states_that_do_the_same_agree_however_many_threads_compare() {
        let alone = explored(u16::MAX, 1);
        assert!(alone.closure, "{:?}", alone.disagreement);
        assert!(alone.counts.audited > 2 * TOGETHER as u64);
        assert_eq!(format!("{alone:?}"), format!("{:?}", explored(u16::MAX, 4)));
    }

    #[test]
    fn a_state_that_does_otherwise_is_found_and_is_the_same_for_any_number_of_threads() {
        for wears_from in [1000, STARTS - 100] {
            let alone = explored(wears_from, 1);
            let found = alone
                .disagreement
                .as_ref()
                .expect("one that does otherwise");
            let start = u16::try_from(found.start).expect("one of the starts");
            assert!((wears_from..wears_from + 100).contains(&start), "{found:?}");
            assert_eq!(
                format!("{alone:?}"),
                format!("{:?}", explored(wears_from, 4))
            );
        }
    }
}
