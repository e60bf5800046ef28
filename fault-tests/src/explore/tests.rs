//! The explorer against brute force, on a device small enough for both.

use std::collections::{BTreeSet, HashSet, VecDeque};

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Profile;

use super::*;
use crate::chip::{Chip, Knows, nothing_done};
use crate::property::Property;
use crate::subject::{Dead, Journal, Rest, Subject};

/// Counts to `GOAL` in two alternating sectors, and keeps a payload in a third.
///
/// A record is `[n, !n]`. Only when no record is valid does it look at the payload, which an
/// earlier power-on wrote and no power-on in between has read: a prune that
/// forgets what later power-ons read would merge states that differ there.
struct Ledger {
    /// Erases the sector that it then relies on: finds itself without a record.
    in_place: bool,
}

const GOAL: u8 = 3;
const SECTOR: u32 = 4096;
const PAYLOAD: u32 = 2 * SECTOR;

impl Ledger {
    fn record(chip: &mut Chip<'_>, sector: u32) -> Result<Option<u8>, Dead> {
        let mut record = [0; 2];
        chip.read(sector * SECTOR, &mut record).map_err(|_| Dead)?;
        Ok((record[0] == !record[1] && record[0] <= GOAL).then_some(record[0]))
    }
}

impl Subject for Ledger {
    type World = u8;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<Rest, Dead> {
        let (a, b) = (Self::record(chip, 0)?, Self::record(chip, 1)?);
        let n = match a.max(b) {
            Some(n) => n,
            None => {
                let mut payload = [0; 4];
                chip.read(PAYLOAD, &mut payload).map_err(|_| Dead)?;
                if payload != [0xFF; 4] && payload != [1; 4] {
                    journal.violated(
                        Property::Durability,
                        "a whole payload",
                        format!("{payload:x?}"),
                    );
                }
                0
            }
        };
        let promised = *journal.world();
        if n < promised {
            journal.violated(Property::Durability, promised, n);
        }
        if n >= GOAL {
            return Ok(Rest::Idle);
        }
        let next = n + 1;
        let other = if self.in_place {
            0
        } else {
            u32::from(a == Some(n))
        };
        chip.erase(PAYLOAD, PAYLOAD + SECTOR).map_err(|_| Dead)?;
        chip.write(PAYLOAD, &[next; 4]).map_err(|_| Dead)?;
        chip.erase(other * SECTOR, (other + 1) * SECTOR)
            .map_err(|_| Dead)?;
        chip.write(other * SECTOR, &[next, !next])
            .map_err(|_| Dead)?;
        journal.change(|promised| *promised = next);
        Ok(Rest::Reset)
    }
}

/// A ledger that says of its records what it learns of them, and reads them again.
struct Recorded {
    ledger: Ledger,
    records: [Record; 2],
}

impl Recorded {
    fn new(in_place: bool) -> Self {
        let record = |at: u32| Record::new(at..at + 2, Self::learned);
        Self {
            ledger: Ledger { in_place },
            records: [record(0), record(SECTOR)],
        }
    }

    fn learned(bytes: &[u8]) -> u128 {
        let valid = bytes[0] == !bytes[1] && bytes[0] <= GOAL;
        if valid { bytes[0].into() } else { u128::MAX }
    }
}

impl Subject for Recorded {
    type World = u8;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<Rest, Dead> {
        let records =
            |chip: &mut Chip<'_>| Ok([Ledger::record(chip, 0)?, Ledger::record(chip, 1)?]);
        let (first, second) = (records(chip)?, records(chip)?);
        if first != second {
            journal.violated(
                Property::Stability,
                format!("{first:?}"),
                format!("{second:?}"),
            );
        }
        self.ledger.power_on(chip, journal)
    }

    fn records(&self) -> &[Record] {
        &self.records
    }
}

fn profile() -> Profile {
    Profile::w25q64jv().with_size(64 * 1024)
}

/// Few tears, and no bound but the cuts.
pub(super) fn limits(level: Level, cuts: u32) -> Limits {
    Limits {
        spared: None,
        level,
        cuts,
        first: Density::Coarse,
        later: Density::Coarse,
        every_byte: false,
        // With weak bits and two cuts more than brute force can execute.
        risen: level < Level::L3 || cuts < 2,
        every_row: false,
        boots: u64::MAX,
        deadline: None,
        interrupted: None,
        memory: MEMORY,
        audit_one_in: 10,
        seed: 1,
        departures: u32::MAX,
        ends_at_first: false,
        unwanted: None,
    }
}

/// What can be seen of an exploration: the set of things that power-ons do, and of violations.
#[derive(Debug, PartialEq, Eq, Default)]
struct Seen {
    violations: BTreeSet<String>,
}

/// Executes every state, keyed by its full contents, with every reading of weak bits.
fn brute_force(subject: &impl Subject<World = u8>, level: Level, cuts: u32) -> Seen {
    let profile = profile();
    let limits = limits(level, cuts);
    let mut seen = Seen::default();
    let mut visited = HashSet::new();
    let mut work = VecDeque::from([(profile.erased(), 0u8, 0u32)]);
    while let Some((mut state, world, done)) = work.pop_front() {
        weak::lean_to_ones(&mut state, &(0..64 * 1024));
        if !visited.insert((state.hash(), world)) {
            continue;
        }
        for run in all_power_ons(subject, &state, world) {
            seen.violations
                .extend(run.findings.iter().map(ToString::to_string));
            if run.end != Ok(Rest::Stuck) {
                work.push_front((run.state.clone(), run.world, done));
            }
            if done == cuts {
                continue;
            }
            let mut before = state.clone();
            let mut known = super::tears::Tears::new(&limits);
            for (index, row) in run.done().enumerate() {
                let op = &row.op().expect("an operation");
                let nothing = [nothing_done(op)].into_iter();
                for tear in nothing.chain(known.of(op, done).all(1)) {
                    let mut torn = before.clone();
                    torn.tear(op, tear);
                    work.push_back((torn, world_at(&run, index), done + 1));
                }
                before.apply(op);
            }
        }
    }
    seen
}

/// One power-on for each way to read weak bits.
fn all_power_ons(subject: &impl Subject<World = u8>, state: &State, world: u8) -> Vec<PowerOn<u8>> {
    let (mut runs, mut tapes) = (Vec::new(), vec![Vec::new()]);
    while let Some(tape) = tapes.pop() {
        let conditions = Conditions {
            tape: tape.clone(),
            ..Conditions::undisturbed(Knows::Nothing)
        };
        let run = power_on(subject, &profile(), state.clone(), world, conditions);
        let choices = run.looks.iter().filter_map(|look| match look {
            crate::chip::Look::Choice { taken, of, .. } => Some((*taken, *of)),
            _ => None,
        });
        let choices: Vec<_> = choices.collect();
        for at in tape.len()..choices.len() {
            for other in 1..choices[at].1 {
                let taken = choices[..at].iter().map(|(taken, _)| *taken);
                tapes.push(taken.chain([other]).collect());
            }
        }
        runs.push(run);
    }
    runs
}

/// The world as a cut in operation `op` finds it.
fn world_at(run: &PowerOn<u8>, op: usize) -> u8 {
    let changes = run.changes.iter().rev();
    let change = { changes }.find(|(at, _)| *at as usize <= op);
    change.expect("the first change stands at 0").1
}

fn pruned(subject: &impl Subject<World = u8>, level: Level, cuts: u32) -> (Seen, Exploration) {
    let profile = profile();
    let exploration = explore(
        subject,
        &profile,
        &[Start::only(profile.erased(), 0)],
        &limits(level, cuts),
        &|_| {},
    );
    assert!(
        exploration.disagreement.is_none(),
        "{:?}",
        exploration.disagreement
    );
    assert!(!exploration.exhausted);
    let violations = exploration
        .violations
        .iter()
        .map(|v| v.finding.to_string())
        .collect();
    (Seen { violations }, exploration)
}

#[test]
fn pruning_changes_nothing_that_can_be_seen() {
    for in_place in [false, true] {
        for (level, cuts) in [
            (Level::L0, 3),
            (Level::L1, 2),
            (Level::L2, 2),
            (Level::L3, 2),
            (Level::L4, 1),
        ] {
            let subject = Ledger { in_place };
            let (seen, exploration) = pruned(&subject, level, cuts);
            let expected = brute_force(&subject, level, cuts);
            assert_eq!(seen, expected, "in_place {in_place}, {level}, {cuts} cuts");
            assert!(exploration.counts.audited > 0);
        }
    }
}

/// Power-ons are shared between states with weak records and solid ones; that hides nothing either,
/// also where a record reads otherwise when it is read again.
#[test]
fn sharing_what_is_learned_of_weak_records_changes_nothing_that_can_be_seen() {
    for in_place in [false, true] {
        for (level, cuts) in [
            (Level::L2, 2),
            (Level::L3, 1),
            (Level::L3, 2),
            (Level::L4, 2),
        ] {
            let subject = Recorded::new(in_place);
            let (seen, exploration) = pruned(&subject, level, cuts);
            let expected = brute_force(&subject, level, cuts);
            assert_eq!(seen, expected, "in_place {in_place}, {level}, {cuts} cuts");
            let restless = |violation: &String| violation.starts_with("P5");
            assert_eq!(seen.violations.iter().any(restless), level >= Level::L3);
            assert!(exploration.counts.audited > 0 || cuts < 2);
        }
    }
}

#[test]
fn a_careful_ledger_keeps_its_count_and_a_careless_one_does_not() {
    let promised = |violation: &String| violation.contains("allowed 1, got 0");
    let (careful, _) = pruned(&Ledger { in_place: false }, Level::L2, 2);
    assert!(!careful.violations.iter().any(promised), "{careful:?}");
    let (careless, _) = pruned(&Ledger { in_place: true }, Level::L2, 2);
    assert!(careless.violations.iter().any(promised), "{careless:?}");
}

#[test]
fn the_worklist_runs_dry_when_every_state_is_known() {
    let (_, exploration) = pruned(&Ledger { in_place: false }, Level::L1, u32::MAX);
    assert!(exploration.closure, "{:?}", exploration.counts);
    let (_, shallow) = pruned(&Ledger { in_place: false }, Level::L1, 1);
    assert!(!shallow.closure);
}

#[test]
fn paths_lead_to_their_violations() {
    let subject = Ledger { in_place: true };
    for level in [Level::L2, Level::L3, Level::L4] {
        let (_, exploration) = pruned(&subject, level, 2);
        shown_live(&subject, &exploration);
    }
}

fn shown_live(subject: &Ledger, exploration: &Exploration) {
    assert!(!exploration.violations.is_empty());
    for violation in &exploration.violations {
        let replay = crate::case::replay(
            subject,
            &profile(),
            &Start::only(profile().erased(), 0),
            &violation.path,
            false,
        )
        .expect("the path of a violation can be replayed");
        assert!(replay.shows(&violation.finding), "{violation:?}");
    }
}

#[test]
fn a_budget_that_runs_out_is_said() {
    let profile = profile();
    let limits = Limits {
        boots: 5,
        ..limits(Level::L2, 2)
    };
    let exploration = explore(
        &Ledger { in_place: false },
        &profile,
        &[Start::only(profile.erased(), 0)],
        &limits,
        &|_| {},
    );
    assert!(exploration.exhausted && !exploration.closure);
}

/// Writes its count in place, so that a cut after the last operation leaves just what the next
/// power-on starts from anyway.
struct Steps;

impl Subject for Steps {
    type World = ();

    fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
        let mut count = [0];
        chip.read(0, &mut count).map_err(|_| Dead)?;
        if count[0] == 0xF0 {
            return Ok(Rest::Idle);
        }
        chip.write(0, &[count[0] << 1]).map_err(|_| Dead)?;
        Ok(Rest::Reset)
    }
}

/// The state after an operation is met behind a cut ("done, but never told") before it is met
/// without one. Taking the first for visited hid the whole life after the first power-on.
#[test]
fn a_state_met_behind_a_cut_first_is_still_explored_without_it() {
    let profile = profile();
    let exploration = explore(
        &Steps,
        &profile,
        &[Start::only(profile.erased(), ())],
        &limits(Level::L0, 1),
        &|_| {},
    );
    assert_eq!(exploration.counts.operations, 4, "FE, FC, F8, F0");
}

/// Keeps a number in four equal bytes, and no other number than one is ever written.
struct Echo {
    solves: bool,
}

impl Echo {
    const NUMBER: u8 = 0x01;
    /// What a torn program leaves that takes bits of all four bytes.
    const FORGED: u8 = 0x6B;
}

impl Subject for Echo {
    type World = bool;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<bool>) -> Result<Rest, Dead> {
        let mut record = [0; 4];
        chip.read(0, &mut record).map_err(|_| Dead)?;
        if record == [Self::NUMBER; 4] {
            return Ok(Rest::Idle);
        }
        let echoed = record == [record[0]; 4] && !matches!(record[0], 0 | 0xFF);
        if echoed {
            journal.violated(Property::AtomicSwitch, Self::NUMBER, record[0]);
        }
        chip.erase(0, SECTOR).map_err(|_| Dead)?;
        chip.write(0, &[Self::NUMBER; 4]).map_err(|_| Dead)?;
        Ok(Rest::Idle)
    }

    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        let forged = crate::solve::tear_of(0, data, &[0xFF; 4], &[Self::FORGED; 4]);
        let here = self.solves && addr == 0;
        forged.filter(|_| here).into_iter().collect()
    }
}

fn echo(solves: bool, level: Level) -> Exploration {
    let start = [Start::only(profile().erased(), false)];
    let limits = limits(level, ANY);
    explore(&Echo { solves }, &profile(), &start, &limits, &|_| {})
}

#[test]
fn a_tear_that_was_solved_for_is_tried_where_drawn_bits_miss_it() {
    let drawn = echo(false, Level::L2);
    assert!(drawn.violations.is_empty(), "{:?}", drawn.violations);
    assert_eq!(drawn.counts.uncut, 0);
    let solved = echo(true, Level::L2);
    let cuts: Vec<_> = solved
        .violations
        .iter()
        .map(|v| v.path.cuts.len())
        .collect();
    assert!(!cuts.is_empty() && cuts.iter().all(|cuts| *cuts == 1));
    assert!(echo(true, Level::L1).violations.is_empty());
}

#[test]
fn what_follows_a_solved_tear_is_judged_and_counted_but_not_cut_again() {
    let (drawn, solved) = (echo(false, Level::L2), echo(true, Level::L2));
    assert!(drawn.closure && solved.closure);
    assert_eq!(solved.counts.uncut, 1);
    assert_eq!(solved.counts.distinct_states, drawn.counts.distinct_states);
}

/// Marks that it was started, and finds fault with the mark at its next start.
struct Fussy;

impl Subject for Fussy {
    type World = ();

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<()>) -> Result<Rest, Dead> {
        let mut mark = [0];
        chip.read(0, &mut mark).map_err(|_| Dead)?;
        if mark != [0xFF] {
            journal.violated(Property::NoBrick, "a new device", "one that was started");
            return Ok(Rest::Idle);
        }
        chip.write(0, &[0]).map_err(|_| Dead)?;
        Ok(Rest::Reset)
    }
}

/// The state is met behind the cut first: the program is cut before it is over.
#[test]
fn a_violation_that_needs_no_cut_is_listed_first_and_without_one() {
    for cuts in [1, ANY] {
        let start = [Start::only(profile().erased(), ())];
        let explored = explore(
            &Fussy,
            &profile(),
            &start,
            &limits(Level::L0, cuts),
            &|_| {},
        );
        let paths = explored.violations.iter().map(|v| v.path.cuts.len());
        let paths: Vec<_> = paths.collect();
        assert_eq!(paths.first(), Some(&0), "{cuts} cuts: {paths:?}");
        assert!(paths.is_sorted(), "fewest cuts first: {paths:?}");
    }
}
