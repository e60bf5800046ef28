//! What a disagreement hides: an exploration that contradicted itself is made again without what stands for other
//! things.
//!
//! A pruned state that behaves otherwise than predicted ends an exploration: nothing that is judged from then on could be
//! believed. But most disagreements come of something that the subject says of itself and that is not so, and behind it
//! there may be a violation. So the same starts are explored again, and less is believed: first nothing that the subject
//! says (records, carried bytes, simplest states), and then nothing that the explorer concludes for many tears at a time
//! either (families, rungs of a ladder, tears that leave the same), and no content is recognised. What is found then is
//! reported with the disagreement, as the violation that it is.

use sim_flash::{Profile, Tear};

use super::engine::explore_once;
use super::{Counts, Exploration, Limits, Record, Start};
use crate::chip::Chip;
use crate::subject::{Dead, Journal, Meaning, Place, Rest, Subject, World};

/// Power-ons that each retry executes, at most: what a disagreement hides is mostly near it.
const POWER_ONS: u64 = 50_000;

/// What an exploration believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Believes {
    /// What the subject says of itself, and what follows for many tears at a time.
    All,
    /// Only what power-ons read.
    Reads,
    /// The same, and each tear is judged by itself, as far as there is time for it.
    Singles,
}

/// Crash states that are judged one by one, at most, where nothing is believed.
pub(super) const SINGLES: u64 = 2_000_000;

/// Explores every crash state of `subject` that follows from any of `starts`.
///
/// If it contradicts itself, what a second look finds is among the violations.
///
/// The explorer is compiled once for each kind of world, not for each subject.
pub fn explore<W: World>(
    subject: &dyn Subject<World = W>,
    profile: &Profile,
    starts: &[Start<W>],
    limits: &Limits,
    progress: &dyn Fn(&Counts),
) -> Exploration {
    let mut first = explore_once(subject, profile, starts, limits, Believes::All, progress);
    if first.disagreement.is_none() {
        return first;
    }
    let plain = Plain(subject);
    for believes in [Believes::Reads, Believes::Singles] {
        let limits = Limits {
            boots: { limits.boots }
                .saturating_sub(first.counts.boots)
                .min(POWER_ONS),
            // There is nothing to audit: what is judged is what was read.
            audit_one_in: 0,
            ..limits.clone()
        };
        let again = explore_once(&plain, profile, starts, &limits, believes, &|_| {});
        first.counts.boots += again.counts.boots;
        first.memory = first.memory.max(again.memory);
        let found = !again.violations.is_empty();
        first.violations.extend(again.violations);
        if found {
            break;
        }
    }
    first.violations.sort_by_key(|v| v.path.cuts.len());
    first
}

/// A subject that says nothing of itself but how a record with weak bits may be read.
struct Plain<'s, W>(&'s dyn Subject<World = W>);

impl<W: World> Subject for Plain<'_, W> {
    type World = W;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<W>) -> Result<Rest, Dead> {
        self.0.power_on(chip, journal)
    }

    fn place(&self, addr: u32) -> Place {
        self.0.place(addr)
    }

    fn records(&self) -> &[Record] {
        self.0.records()
    }

    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        self.0.solved(addr, data)
    }

    fn asked(&self, world: &W) -> Option<W> {
        self.0.asked(world)
    }

    fn satisfied(&self, world: &W) -> Result<(), String> {
        self.0.satisfied(world)
    }

    fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        self.0.meaning(addr, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
    use sim_flash::{Level, State};

    use super::super::tests::limits;
    use super::*;
    use crate::case::replay;
    use crate::property::Property;

    const SECTOR: u32 = 4096;
    const WHOLE: u8 = 0x3C;

    /// Writes a record and cannot stand one whose first bit alone was not programmed.
    struct Forgetful {
        records: Vec<Record>,
        /// Says of numbers that all odd ones are alike.
        numbered: bool,
    }

    impl Subject for Forgetful {
        type World = ();

        fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<()>) -> Result<Rest, Dead> {
            let mut record = [0];
            chip.read(0, &mut record).map_err(|_| Dead)?;
            if record == [WHOLE] {
                return Ok(Rest::Idle);
            }
            if record == [WHOLE | 1] {
                journal.violated(Property::NoBrick, "a record", "half of one");
                return Ok(Rest::Stuck);
            }
            chip.erase(0, SECTOR).map_err(|_| Dead)?;
            chip.write(0, &[WHOLE]).map_err(|_| Dead)?;
            Ok(Rest::Reset)
        }

        fn records(&self) -> &[Record] {
            &self.records
        }

        fn numbered(&self) -> Option<Range<u32>> {
            self.numbered.then_some(0..SECTOR)
        }

        fn simplest(&self, state: &State) -> Option<State> {
            let mut record = [0];
            state.read(0, &mut record);
            let mut simplest = state.clone();
            simplest.put_solid(0, &[WHOLE]);
            (record == [WHOLE | 1]).then_some(simplest)
        }
    }

    /// It learns of all bits but one.
    fn learned(bytes: &[u8]) -> u128 {
        (bytes[0] & !1).into()
    }

    fn hides(subject: &Forgetful) {
        let profile = Profile::w25q64jv().with_size(16 * 1024);
        let start = Start::only(profile.erased(), ());
        let limits = Limits {
            audit_one_in: 1,
            ..limits(Level::L2, 1)
        };
        let starts = std::slice::from_ref(&start);
        let once = explore_once(subject, &profile, starts, &limits, Believes::All, &|_| {});
        assert!(once.disagreement.is_some(), "what it says is not so");
        assert!(once.violations.is_empty(), "hidden: {:?}", once.violations);
        let explored = explore(subject, &profile, starts, &limits, &|_| {});
        assert!(explored.disagreement.is_some() && explored.exhausted);
        let [violation, ..] = &*explored.violations else {
            panic!("nothing was found");
        };
        assert_eq!(violation.finding.got, "half of one");
        let replayed = replay(subject, &profile, &start, &violation.path, false);
        assert!(replayed.expect("the cut is made").shows(&violation.finding));
    }

    #[test]
    fn what_a_record_that_tells_too_little_hides_is_found_and_replays() {
        hides(&Forgetful {
            records: vec![Record::new(0..1, learned)],
            numbered: false,
        });
    }

    #[test]
    fn what_a_state_that_stands_for_too_much_hides_is_found_and_replays() {
        hides(&Forgetful {
            records: Vec::new(),
            numbered: true,
        });
    }

    /// Judged one by one, they are the same.
    #[test]
    fn believing_nothing_finds_what_believing_all_does() {
        let profile = Profile::w25q64jv().with_size(16 * 1024);
        let honest = Forgetful {
            records: Vec::new(),
            numbered: false,
        };
        let starts = [Start::only(profile.erased(), ())];
        let [all, reads, singles] =
            [Believes::All, Believes::Reads, Believes::Singles].map(|believes| {
                // Most cuts at a byte of an erase are judged as a family.
                let limits = Limits {
                    every_byte: true,
                    ..limits(Level::L2, 1)
                };
                let explored = explore_once(&honest, &profile, &starts, &limits, believes, &|_| {});
                assert_eq!(explored.disagreement.as_ref().map(|it| it.what), None);
                let shown =
                    |v: &super::super::Violation| (v.finding.got.clone(), v.path.to_string());
                let found: Vec<_> = explored.violations.iter().map(shown).collect();
                assert!(!found.is_empty(), "{believes:?}");
                (
                    found,
                    explored.counts.crash_states,
                    explored.counts.by_family,
                )
            });
        assert_eq!((&all.0, all.1), (&reads.0, reads.1));
        assert_eq!((&all.0, all.1), (&singles.0, singles.1));
        assert!(all.2 > singles.2, "families: {} and {}", all.2, singles.2);
    }
}
