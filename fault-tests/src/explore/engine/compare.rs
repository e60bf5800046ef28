//! Comparisons of states with those that stand for them, made by all threads that have nothing else to do.
//!
//! To execute a state in every way in which its weak bits may be read takes as long as to judge what follows from it,
//! and nothing waits for it. So comparisons are made by the batch, beside the exploration. What a batch found is taken
//! note of when the next one is handed over, whoever made it: how many threads there are changes no result.

use std::hash::Hash as _;
use std::mem::take;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sim_flash::{Level, Profile, State};
use xxhash_rust::xxh3::Xxh3;

use super::super::Limits;
use super::super::recording::shape;
use super::super::run::{Conditions, power_on};
use super::super::tally::Shown;
use super::super::trie::HashedMap;
use super::pass::{Situation, hash_of};
use crate::chip::{Knowledge, Knows, untaken};
use crate::subject::{Subject, World};

/// Comparisons that are made together.
const TOGETHER: usize = 256;

/// States whose weak bits may be read in more ways than this are not compared.
const READINGS: u64 = 256;

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
    /// Offers the batch that was handed over to threads that have nothing else to do.
    offer: &'a dyn Fn(),
}

/// What is made beside an exploration.
pub(super) struct Beside<'a, W: World> {
    subject: &'a dyn Subject<World = W>,
    profile: &'a Profile,
    weak: bool,
    /// Read by all who work at it.
    batch: RwLock<Batch<W>>,
}

struct Batch<W> {
    due: Vec<Comparison<W>>,
    /// How many of them somebody has begun.
    begun: AtomicUsize,
    found: Mutex<Found>,
    /// What the power-on may do in a state that stands for others.
    outcomes: Mutex<HashedMap<Situation, Outcomes>>,
}

/// Hashes of all that a power-on may do, in ascending order; nothing if weak bits may be read in too many ways.
type Outcomes = Option<Arc<[u128]>>;

/// What comparisons found.
#[derive(Default)]
pub(super) struct Found {
    /// States that agreed.
    pub(super) agreed: u64,
    /// Power-ons executed.
    pub(super) boots: u64,
    /// The first that did not agree, by its number in the batch.
    differs: Option<(usize, Shown)>,
}

impl Found {
    /// Where the first shows that did not agree.
    pub(super) fn differs(&self) -> Option<Shown> {
        self.differs.map(|(_, at)| at)
    }
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
            batch: RwLock::new(Batch {
                due: Vec::new(),
                begun: AtomicUsize::new(0),
                found: Mutex::default(),
                outcomes: Mutex::default(),
            }),
        }
    }

    /// Works at the batch that was handed over, until nothing of it is left to begin.
    pub(super) fn work(&self) {
        let batch = self.batch.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = None;
        // Ends: each round begins another one.
        loop {
            let number = batch.begun.fetch_add(1, Ordering::Relaxed);
            let Some(comparison) = batch.due.get(number) else {
                return;
            };
            // Of its own: nothing that the exploration takes for known.
            let known =
                known.get_or_insert_with(|| Knowledge::of(self.subject.records(), self.weak));
            self.make(&batch, number, comparison, known);
        }
    }

    /// Leaves a batch, for what the one before found: what nobody has begun of that is made here, and what
    /// others have is waited for.
    fn exchange(&self, due: Vec<Comparison<W>>) -> Found {
        self.work();
        let mut batch = self.batch.write().unwrap_or_else(PoisonError::into_inner);
        batch.due = due;
        batch.begun = AtomicUsize::new(0);
        take(&mut *held(&batch.found))
    }

    /// Looks whether a state does the same as the one that stands for it, however weak bits are read.
    fn make(
        &self,
        batch: &Batch<W>,
        number: usize,
        comparison: &Comparison<W>,
        known: &mut Knowledge,
    ) {
        let Comparison {
            state,
            simplest,
            situation,
            world,
            at,
        } = comparison;
        // It stands for many, and is executed once; or by two threads at a time, and counted once.
        let executed = held(&batch.outcomes).get(situation).cloned();
        let other = executed.unwrap_or_else(|| {
            let (other, boots) = self.outcomes(simplest, world, known);
            let before = held(&batch.outcomes).insert(*situation, other.clone());
            if before.is_none() {
                held(&batch.found).boots += boots;
            }
            other
        });
        let Some(other) = other else { return };
        let (one, boots) = self.outcomes(state, world, known);
        let mut found = held(&batch.found);
        found.boots += boots;
        let Some(one) = one else { return };
        let agrees = if self.subject.stands_for_less() {
            one.iter().all(|does| other.binary_search(does).is_ok())
        } else {
            one == other
        };
        if agrees {
            found.agreed += 1;
        } else if found.differs.is_none_or(|(first, _)| number < first) {
            found.differs = Some((number, *at));
        }
    }

    /// Executes the power-on in a state, however it reads weak bits. How often that was, besides.
    fn outcomes(&self, state: &State, world: &W, known: &mut Knowledge) -> (Outcomes, u64) {
        let mut outcomes = Vec::new();
        let mut tapes = vec![Vec::new()];
        let mut boots = 0;
        // However weak bits are read, most power-ons end in one of a few states.
        let mut ends = HashedMap::default();
        // Ends: each round executes another way to read the weak bits, and those are finitely many.
        while let Some(tape) = tapes.pop() {
            if boots == READINGS {
                return (None, boots);
            }
            boots += 1;
            let decided = tape.len();
            let conditions = Conditions {
                tape,
                ..Conditions::undisturbed(Knows::Results(known))
            };
            let (state, world) = (state.clone(), world.clone());
            let run = power_on(self.subject, self.profile, state, world, conditions);
            tapes.extend(untaken(&run.weak_reads, decided));
            let mut hasher = Xxh3::new();
            shape(&run, |addr| self.subject.interchangeable(addr)).hash(&mut hasher);
            run.findings.hash(&mut hasher);
            let own = hash_of(&run.state);
            let end = *ends.entry(own).or_insert_with(|| {
                let simplest = self.subject.simplest(&run.state);
                simplest.as_ref().map_or(own, hash_of)
            });
            end.hash(&mut hasher);
            outcomes.push(hasher.digest128());
        }
        outcomes.sort_unstable();
        outcomes.dedup();
        (Some(outcomes.into()), boots)
    }
}

/// Nothing panics while it holds one of these.
fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

    use super::super::super::tests::limits;
    use super::super::super::{ANY, Exploration, Start, explore};
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
            audit_one_in: 1000,
            ..limits(Level::L0, ANY)
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
