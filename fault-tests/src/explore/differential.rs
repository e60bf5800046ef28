//! The explorer against brute force, on subjects that are drawn.
//!
//! A toy is a tree: it reads records, and what it reads decides which it reads next; a leaf erases, programs, copies,
//! tells the world something, finds fault, or meets a mark. The explorer runs it on its chip; brute force runs it on plain
//! arrays, cuts each operation in each way that is tried, reads weak bits in each way, and keeps every state that there
//! is. Findings, the fewest cuts that each takes, and marks must be the same, and a closure must be one.
//!
//! `BROWNOUT_TOYS=N` draws more of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim_flash::Profile;
use xxhash_rust::xxh3::xxh3_128;

use super::*;
use crate::chip::{Chip, nothing_done};
use crate::property::Property;
use crate::subject::{Dead, Journal, Rest, Subject};

const SECTOR: usize = 4096;
/// Sectors that toys use.
const SECTORS: usize = 3;
/// Where records may lie in a sector: some share a row, one crosses a page.
const PLACES: [u16; 6] = [0, 6, 30, 64, 254, 2048];
/// Crash states that may wait at a time.
const WAITING: usize = 400_000;
/// Bytes of a record.
const LEN: usize = 4;

/// What is learned of a record: blank, refused, or what it is; of those with a number of three bits all.
fn learned(bytes: &[u8]) -> u128 {
    match *bytes {
        [0xFF, 0xFF, 0xFF, 0xFF] => 0,
        [n, m, ..] if n == !m && n < 8 => 2 + u128::from(n),
        _ => 1,
    }
}

/// What a branch goes by: blank, refused, an even number, an odd one.
fn class(bytes: &[u8]) -> usize {
    match learned(bytes) {
        0 => 0,
        1 => 1,
        n if n % 2 == 0 => 2,
        _ => 3,
    }
}

#[derive(Clone, Debug)]
enum Tree {
    Read(u16, Box<[Tree; 4]>),
    Do(Vec<Deed>, Rest),
}

#[derive(Clone, Debug)]
enum Deed {
    Erase(u16),
    Program(u16, Vec<u8>),
    /// Reads there, and programs what was read here.
    Copy(u16, u16),
    World(u8),
    /// Finds fault where the world is at this or above.
    Fault(u8, u8),
    Mark(u8),
}

struct Toy {
    tree: Tree,
    records: Vec<Record>,
}

/// Where a record lies.
fn address(dice: &mut ChaCha8Rng) -> u16 {
    let sector = dice.next_u32() as usize % SECTORS * SECTOR;
    PLACES[dice.next_u32() as usize % PLACES.len()] + u16::try_from(sector).unwrap()
}

impl Toy {
    fn draw(seed: u64, declares: bool) -> Self {
        let dice = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut open: Vec<u16> = Vec::new();
        for sector in 0..SECTORS {
            let sector = u16::try_from(sector * SECTOR).unwrap();
            open.extend(PLACES.map(|place| place + sector));
        }
        // Of a record that it declares it learns no more than that, so it copies none.
        let copies = !declares;
        let tree = Self::tree(dice, &mut open.clone(), 2, copies);
        let record = |at: &u16| {
            let at = u32::from(*at);
            Record::new(at..at + 4, learned)
        };
        let records = open.iter().filter(|_| declares).map(record).collect();
        Self { tree, records }
    }

    fn tree(dice: &mut ChaCha8Rng, open: &mut Vec<u16>, depth: u32, copies: bool) -> Tree {
        if depth == 0 || depth < 2 && dice.next_u32().is_multiple_of(4) {
            return Self::leaf(dice, open, copies);
        }
        // Each place is read once: what is read again may be read otherwise, which is for other tests.
        let at = open.swap_remove(dice.next_u32() as usize % open.len());
        let mut branch = || Self::tree(dice, &mut open.clone(), depth - 1, copies);
        Tree::Read(at, Box::new([branch(), branch(), branch(), branch()]))
    }

    fn leaf(dice: &mut ChaCha8Rng, open: &mut Vec<u16>, copies: bool) -> Tree {
        let mut deeds = Vec::new();
        for _ in 0..=dice.next_u32() % 5 {
            let at = address(dice);
            let number = (dice.next_u32() % 8).to_le_bytes()[0];
            let deed = match dice.next_u32() % 14 {
                0..3 => Deed::Erase(at / 4096 * 4096),
                3..6 => Deed::Program(at, vec![number, !number, 0xFF, 0xFF]),
                6 => Deed::Program(at, vec![0xFF, !number]),
                7 if copies => {
                    let from = open.swap_remove(dice.next_u32() as usize % open.len());
                    Deed::Copy(from, at)
                }
                8 | 9 => Deed::World(number % 3),
                10..13 => Deed::Fault(number % 3, number),
                _ => Deed::Mark(number),
            };
            deeds.push(deed);
        }
        let rest = match dice.next_u32() % 8 {
            0 => Rest::Stuck,
            1..5 => Rest::Reset,
            _ => Rest::Idle,
        };
        Tree::Do(deeds, rest)
    }
}

fn fault(world: u8, number: u8) -> (Property, String, String) {
    let property = Property::ALL[usize::from(number) % 3];
    (
        property,
        format!("less than {world}"),
        format!("toy {number}"),
    )
}

impl Subject for Toy {
    type World = u8;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<Rest, Dead> {
        let mut tree = &self.tree;
        loop {
            match tree {
                Tree::Read(at, branches) => {
                    let mut bytes = [0; LEN];
                    chip.read(u32::from(*at), &mut bytes).map_err(|_| Dead)?;
                    tree = &branches[class(&bytes)];
                }
                Tree::Do(deeds, rest) => {
                    for deed in deeds {
                        carry_out(deed, chip, journal)?;
                    }
                    return Ok(*rest);
                }
            }
        }
    }

    fn records(&self) -> &[Record] {
        &self.records
    }
}

fn carry_out(deed: &Deed, chip: &mut Chip<'_>, journal: &mut Journal<u8>) -> Result<(), Dead> {
    match deed {
        Deed::Erase(at) => {
            let at = u32::from(*at);
            chip.erase(at, at + 4096).map_err(|_| Dead)
        }
        Deed::Program(at, data) => chip.write(u32::from(*at), data).map_err(|_| Dead),
        Deed::Copy(from, to) => {
            let mut bytes = [0; LEN];
            chip.read(u32::from(*from), &mut bytes).map_err(|_| Dead)?;
            chip.write(u32::from(*to), &bytes).map_err(|_| Dead)
        }
        Deed::World(world) => {
            journal.change(|now| *now = *world);
            Ok(())
        }
        Deed::Fault(from, number) => {
            if *journal.world() >= *from {
                let (property, allowed, got) = fault(*from, *number);
                journal.violated(property, allowed, got);
            }
            Ok(())
        }
        Deed::Mark(number) => {
            journal.sometimes(format!("mark {number}"));
            Ok(())
        }
    }
}

/// A flash as plain arrays.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Plain {
    bytes: Vec<u8>,
    weak: Vec<u8>,
}

impl Plain {
    fn blank() -> Self {
        Self {
            bytes: vec![0xFF; SECTORS * SECTOR],
            weak: vec![0; SECTORS * SECTOR],
        }
    }

    fn apply(&mut self, op: &Op) {
        let at = op.addr() as usize;
        match op {
            Op::Erase { .. } => {
                self.bytes[at..at + SECTOR].fill(0xFF);
                self.weak[at..at + SECTOR].fill(0);
            }
            Op::Program { data, .. } => {
                for (n, wanted) in data.iter().enumerate() {
                    self.bytes[at + n] &= wanted;
                    self.weak[at + n] &= wanted;
                }
            }
        }
    }

    /// What a cut leaves; a weak bit leans to 1, as nobody can know.
    fn tear(&mut self, op: &Op, tear: Tear) {
        if tear.is_complete() {
            return self.apply(op);
        }
        let span = op.addr() as usize..op.addr() as usize + op.len() as usize;
        let (bytes, weak) = (&mut self.bytes[span.clone()], &mut self.weak[span]);
        tear.torn_cells(op, 0, bytes, weak, true);
        bytes
            .iter_mut()
            .zip(weak)
            .for_each(|(byte, weak)| *byte |= *weak);
    }

    fn key(&self, world: u8) -> u128 {
        xxh3_128(&[&self.bytes[..], &self.weak[..], &[world]].concat())
    }
}

/// One power-on on plain arrays.
#[derive(Clone)]
struct Run {
    flash: Plain,
    world: u8,
    ops: Vec<(Op, u8)>,
    faults: Vec<String>,
    marks: Vec<String>,
    rest: Rest,
}

/// Each way in which a power-on may go, by what weak bits read as.
fn runs(toy: &Toy, flash: &Plain, world: u8) -> Vec<Run> {
    let run = Run {
        flash: flash.clone(),
        world,
        ops: Vec::new(),
        faults: Vec::new(),
        marks: Vec::new(),
        rest: Rest::Idle,
    };
    let mut done = Vec::new();
    let mut open = vec![(run, &toy.tree, 0)];
    while let Some((run, tree, next)) = open.pop() {
        match tree {
            Tree::Read(at, branches) => {
                for bytes in read(&run.flash, *at) {
                    open.push((run.clone(), &branches[class(&bytes)], 0));
                }
            }
            Tree::Do(deeds, rest) => match deeds.get(next) {
                None => done.push(Run { rest: *rest, ..run }),
                Some(deed) => {
                    let after = carried_out(run, deed);
                    open.extend(after.into_iter().map(|run| (run, tree, next + 1)));
                }
            },
        }
    }
    done
}

fn read(flash: &Plain, at: u16) -> Vec<Vec<u8>> {
    let span = usize::from(at)..usize::from(at) + LEN;
    let (bytes, weak) = (&flash.bytes[span.clone()], &flash.weak[span]);
    if weak == [0; LEN] {
        return vec![bytes.to_vec()];
    }
    weak::readings(bytes, weak)
}

fn carried_out(mut run: Run, deed: &Deed) -> Vec<Run> {
    let operate = |mut run: Run, op: Op| {
        run.flash.apply(&op);
        run.ops.push((op, run.world));
        run
    };
    match deed {
        Deed::Erase(at) => vec![operate(run, Op::erase(u32::from(*at), 4096))],
        Deed::Program(at, data) => pages(*at, data).fold(vec![run], |runs, op| {
            runs.into_iter()
                .map(|run| operate(run, op.clone()))
                .collect()
        }),
        Deed::Copy(from, to) => {
            let ways = read(&run.flash, *from).into_iter();
            let copy = |bytes: Vec<u8>| pages(*to, &bytes).fold(run.clone(), operate);
            ways.map(copy).collect()
        }
        Deed::World(world) => {
            run.world = *world;
            vec![run]
        }
        Deed::Fault(from, number) => {
            if run.world >= *from {
                let (property, allowed, got) = fault(*from, *number);
                run.faults
                    .push(Finding::new(property, allowed, got).to_string());
            }
            vec![run]
        }
        Deed::Mark(number) => {
            run.marks.push(format!("mark {number}"));
            vec![run]
        }
    }
}

/// A chip programs a page at a time.
fn pages(at: u16, data: &[u8]) -> impl Iterator<Item = Op> + use<> {
    let (at, first) = (u32::from(at), 256 - usize::from(at) % 256);
    let (first, rest) = data.split_at(first.min(data.len()));
    let next = at + u32::try_from(first.len()).unwrap();
    let ops = [(at, first), (next, rest)].map(|(at, data)| (at, data.to_vec()));
    let ops = ops.into_iter().filter(|(_, data)| !data.is_empty());
    ops.map(|(at, data)| Op::program(at, &data))
}

/// What is seen: each finding with the fewest cuts that it takes, and marks.
#[derive(Debug, PartialEq, Eq, Default)]
struct Seen {
    findings: BTreeMap<String, u32>,
    marks: BTreeSet<String>,
}

/// A state that is still to be looked at: what a tear is to make of a flash, the world in it, and the cuts so far.
type Waiting = (Rc<Plain>, Option<(Rc<Op>, Tear)>, u8, u32);

/// Every state within so many cuts; `None` if there are too many.
fn brute_force(toy: &Toy, limits: &Limits, most: usize) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut visited: HashMap<u128, u32> = HashMap::new();
    // By cuts so far, so that each state is met with the fewest first.
    let start = (Rc::new(Plain::blank()), None, 0u8, 0u32);
    let mut work: VecDeque<Waiting> = VecDeque::from([start]);
    while let Some((flash, torn, world, cuts)) = work.pop_front() {
        let mut flash = flash;
        if let Some((op, tear)) = torn {
            Rc::make_mut(&mut flash).tear(&op, tear);
        }
        let fewest = visited.entry(flash.key(world)).or_insert(u32::MAX);
        if *fewest <= cuts {
            continue;
        }
        *fewest = cuts;
        if visited.len() > most || work.len() > WAITING {
            return None;
        }
        for run in runs(toy, &flash, world) {
            for fault in &run.faults {
                let known = seen.findings.entry(fault.clone()).or_insert(cuts);
                *known = cuts.min(*known);
            }
            seen.marks.extend(run.marks.iter().cloned());
            if cuts < limits.cuts {
                let mut tears = tears::Tears::new(limits);
                let mut before = Rc::clone(&flash);
                for (op, world) in run.ops {
                    let op = Rc::new(op);
                    let nothing = [nothing_done(&op)].into_iter();
                    for tear in nothing.chain(tears.of(&op, cuts).all(1)) {
                        let torn = Some((Rc::clone(&op), tear));
                        work.push_back((Rc::clone(&before), torn, world, cuts + 1));
                    }
                    Rc::make_mut(&mut before).apply(&op);
                }
            }
            if run.rest != Rest::Stuck {
                work.push_front((Rc::new(run.flash), None, run.world, cuts));
            }
        }
    }
    Some(seen)
}

fn explored(toy: &Toy, limits: &Limits) -> (Seen, Exploration) {
    let profile = Profile::w25q64jv().with_size(u32::try_from((SECTORS + 1) * SECTOR).unwrap());
    let start = [Start::only(profile.erased(), 0)];
    let exploration = explore(toy, &profile, &start, limits, &|_| {});
    let mut seen = Seen::default();
    for violation in &exploration.violations {
        // That a device writes at each boot, or never rests, is found by the explorer itself.
        if !violation.finding.got.starts_with("toy ") {
            continue;
        }
        let cuts = u32::try_from(violation.path.cuts.len()).unwrap();
        let known = { &mut seen.findings }.entry(violation.finding.to_string());
        let known = known.or_insert(cuts);
        *known = cuts.min(*known);
    }
    let marks = exploration.reached.iter();
    seen.marks = marks.map(|reached| reached.mark.to_string()).collect();
    (seen, exploration)
}

fn limits(level: Level, cuts: u32, every_row: bool) -> Limits {
    Limits {
        level,
        cuts,
        first: Density::Coarse,
        later: Density::Coarse,
        every_byte: false,
        risen: cuts == 1,
        every_row,
        audit_one_in: 10,
        ..Limits::default()
    }
}

/// Draws toys and holds the explorer against brute force; how many were, and how many findings there were.
fn compare(level: Level, cuts: u32, every_row: bool, toys: std::ops::Range<u64>) -> (u64, usize) {
    let limits = limits(level, cuts, every_row);
    let (mut compared, mut findings) = (0, 0);
    for seed in toys {
        // With weak bits a declared record is read in fewer ways: for that there are other tests.
        let declares = level < Level::L3 && seed % 2 == 0;
        let toy = Toy::draw(seed, declares);
        let Some(brute) = brute_force(&toy, &limits, 20_000) else {
            continue;
        };
        let (seen, exploration) = explored(&toy, &limits);
        let context = || format!("toy {seed} at {level}, {cuts} cuts: {:?}", toy.tree);
        let disagreement = exploration.disagreement.as_ref().map(|it| it.what);
        assert_eq!(disagreement, None, "{}", context());
        assert_eq!(seen, brute, "{}", context());
        if exploration.closure && cuts != ANY {
            let deeper = Limits {
                cuts: cuts + 1,
                ..limits.clone()
            };
            if let Some(deeper) = brute_force(&toy, &deeper, 20_000) {
                assert_eq!(seen.marks, deeper.marks, "closure, {}", context());
                assert_eq!(seen.findings, deeper.findings, "closure, {}", context());
            }
        }
        compared += 1;
        findings += seen.findings.len();
    }
    (compared, findings)
}

/// More of them when asked for.
fn toys(few: u64) -> u64 {
    let all: Option<u64> = std::env::var("BROWNOUT_TOYS")
        .ok()
        .and_then(|n| n.parse().ok());
    all.map_or(few, |all| all * few / 300)
}

#[test]
fn drawn_subjects_are_explored_as_brute_force_does() {
    let mut compared = 0;
    for (level, cuts, few) in [
        (Level::L0, ANY, 100),
        (Level::L1, 2, 60),
        (Level::L2, 1, 60),
        (Level::L3, 1, 50),
        (Level::L2, 2, 20),
        (Level::L3, 2, 10),
    ] {
        let (held, findings) = compare(level, cuts, false, 0..toys(few));
        // A toy that finds nothing tells little.
        assert!(findings as u64 > held / 4, "{level}: {findings} in {held}");
        compared += held;
    }
    assert!(compared >= toys(250), "{compared} were small enough");
}

#[test]
fn drawn_subjects_are_explored_as_brute_force_does_in_every_shape_of_every_row() {
    for level in [Level::L1, Level::L2] {
        let (compared, _) = compare(level, 1, true, 0..toys(4));
        assert!(compared > 0);
    }
}
