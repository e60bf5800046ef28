//! A crash state that is not built until it has to be: a base, plus one torn operation.
//!
//! Nearly every crash state is recognised by the hashes of a few ranges. Those
//! are the base's cached range hashes, corrected for the few granules of the
//! torn operation that lie in the range, so nothing of the flash is copied.

use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Op, State, Tear};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::check::{Answer, Cells, CheckId, Checks};
use super::demand::{Demand, Interest};
use super::ranges::overlap;
use super::record::{Contents, Reading, Records};
use super::recording::blank;
use super::trie::{HashedMap, LeafId};
use super::weak::lean_to_ones;
use crate::chip::{Knowledge, Look, reach, span, widen};

/// Bytes of a record, at most.
const RECORD: usize = 256;

/// A state between two operations, with what was asked of it so far.
pub(crate) struct Base<'s> {
    pub(crate) state: &'s State,
    hashes: Vec<(Range<u32>, u128)>,
    answers: Vec<(CheckId, Answer)>,
    readings: Vec<Option<Reading>>,
    /// Whether any cell is weak, if that was asked.
    weak: Option<bool>,
    /// By record.
    contents: Vec<Asked>,
    /// Demands asked for, with what the next operation does not touch of them summed up.
    parts: HashedMap<(LeafId, u32), Part>,
}

/// What is known of a record.
#[derive(Clone, Default)]
enum Asked {
    /// Nothing: it was not asked for.
    #[default]
    Not,
    /// It has no weak bits.
    Solid,
    /// It has, and what it may be read as.
    Weak(Contents),
}

/// A demand, seen from an operation.
struct Part {
    /// The hash of what the operation does not touch.
    untouched: u128,
    bytes: Vec<Range<u32>>,
    records: Vec<usize>,
    checks: Vec<(u64, CheckId)>,
}

impl<'s> Base<'s> {
    pub(crate) fn new(state: &'s State) -> Self {
        Self {
            state,
            hashes: Vec::new(),
            answers: Vec::new(),
            readings: Vec::new(),
            weak: None,
            contents: Vec::new(),
            parts: HashedMap::default(),
        }
    }

    fn hash(&mut self, range: &Range<u32>) -> u128 {
        if let Some((_, hash)) = self.hashes.iter().find(|(known, _)| known == range) {
            return *hash;
        }
        let hash = self.state.hash_range(range.clone());
        self.hashes.push((range.clone(), hash));
        hash
    }

    fn answer(&mut self, check: CheckId, checks: &Checks) -> Answer {
        if let Some((_, answer)) = self.answers.iter().find(|(known, _)| *known == check) {
            return *answer;
        }
        let answer = checks.answer(check, &mut self.state);
        self.answers.push((check, answer));
        answer
    }

    /// Whether any cell is weak.
    pub(crate) fn is_weak(&mut self) -> bool {
        let state = self.state;
        *self
            .weak
            .get_or_insert_with(|| state.has_weak(0..state.size()))
    }

    fn contents(&mut self, record: usize, records: &Records) -> Option<Contents> {
        if !self.is_weak() {
            return None;
        }
        if self.contents.is_empty() {
            self.contents.resize(records.count(), Asked::Not);
        }
        if let Asked::Not = self.contents[record] {
            self.contents[record] = self.ask(record, records);
        }
        match &self.contents[record] {
            Asked::Weak(contents) => Some(Rc::clone(contents)),
            Asked::Solid | Asked::Not => None,
        }
    }

    fn ask(&self, record: usize, records: &Records) -> Asked {
        let range = records.range(record);
        if !self.state.has_weak(range.clone()) {
            return Asked::Solid;
        }
        let (mut bytes, mut weak) = (vec![0; range.len()], vec![0; range.len()]);
        self.state.read(range.start, &mut bytes);
        self.state.weak(range.start, &mut weak);
        Asked::Weak(records.contents(record, &bytes, &weak))
    }

    fn reading(&mut self, record: usize, records: &Records) -> Reading {
        if let Some(Some(reading)) = self.readings.get(record) {
            return *reading;
        }
        let range = records.range(record);
        let mut bytes = [0; RECORD];
        let bytes = &mut bytes[..range.len().min(RECORD)];
        self.state.read(range.start, bytes);
        let mut reading = if self.is_weak() && self.state.has_weak(range.clone()) {
            let mut weak = [0; RECORD];
            let weak = &mut weak[..bytes.len()];
            self.state.weak(range.start, weak);
            records.weak_reading(record, bytes, weak)
        } else {
            records.reading(record, bytes)
        };
        if self.state.counts() {
            let counts = self.state.hash_counts(range);
            reading.now = reading.now.wrapping_add(counts);
            reading.future = reading.future.wrapping_add(counts);
        }
        self.readings.resize(records.count(), None);
        self.readings[record] = Some(reading);
        reading
    }

    /// The demand of a leaf as an operation that touches `touched` sees it.
    fn part(&mut self, demand: &Demand, touched: &Range<u32>, known: &Knowledge) -> Part {
        let mut part = Part {
            untouched: 0,
            bytes: Vec::new(),
            records: Vec::new(),
            checks: Vec::new(),
        };
        let mut sum = 0u128;
        for range in demand.bytes.iter() {
            if overlap(&range, touched) {
                part.bytes.push(range);
            } else {
                sum = sum.wrapping_add(self.hash(&range));
            }
        }
        for &record in &demand.records {
            if overlap(&known.records.range(record), touched) {
                part.records.push(record);
            } else {
                sum = sum.wrapping_add(self.reading(record, &known.records).future);
            }
        }
        for (index, &check) in (0..).zip(&demand.checks) {
            if known.checks.looks_at(check, touched) {
                part.checks.push((index, check));
            } else {
                sum = sum.wrapping_add(answered(index, self.answer(check, &known.checks)));
            }
        }
        part.untouched = sum;
        part
    }
}

/// What an answer adds to a hash.
fn answered(index: u64, answer: Answer) -> u128 {
    match answer {
        Answer::No => 0,
        Answer::Maybe => xxh3_128_with_seed(b"maybe", index),
        Answer::Yes => xxh3_128_with_seed(b"yes", index),
    }
}

/// A base, or a base with its next operation torn.
pub(crate) struct View<'v, 's> {
    base: &'v mut Base<'s>,
    torn: Option<(&'v Op, Tear)>,
    /// The granules of the torn operation.
    touched: Range<u32>,
    scratch: &'v mut Scratch,
}

/// Buffers that views of one exploration share, and what does not change in it.
#[derive(Default)]
pub(crate) struct Scratch {
    old: Vec<u8>,
    new: Vec<u8>,
    /// Corrections for the parts of the torn operation asked for so far.
    changes: Vec<(Range<u32>, u128)>,
    answers: Vec<(CheckId, Answer)>,
    readings: Vec<(usize, Reading)>,
    /// Bytes that do not count: see [`Subject::carried`](crate::subject::Subject::carried).
    pub(crate) carried: Vec<Range<u32>>,
}

impl<'v, 's> View<'v, 's> {
    pub(crate) fn new(
        base: &'v mut Base<'s>,
        torn: Option<(&'v Op, Tear)>,
        scratch: &'v mut Scratch,
    ) -> Self {
        let size = base.state.size();
        let touched = torn.map_or(0..0, |(op, _)| widen(&span(op), size));
        scratch.changes.clear();
        scratch.answers.clear();
        scratch.readings.clear();
        Self {
            base,
            torn,
            touched,
            scratch,
        }
    }

    /// What a look at the state finds.
    pub(crate) fn found(&mut self, look: &Look, known: &Knowledge) -> u128 {
        let checks = &known.checks;
        match look {
            Look::Bytes(range) => self.hash(range),
            Look::Record(record) | Look::Again(record) => self.reading(*record, &known.records).now,
            Look::Checks(asked) => asked.iter().fold(1, |answers: u128, check| {
                answers << 2 | self.answer(*check, checks) as u128
            }),
            // Not found in the state: the adversary decides.
            Look::Choice { .. } => 0,
        }
    }

    /// Whether any cell is weak.
    pub(crate) fn is_weak(&mut self) -> bool {
        self.base.is_weak()
    }

    /// What a record with weak bits may be read as; `None` if it has none.
    ///
    /// Where it touches cells that are or become weak, a torn operation is carried out; so they are
    /// the base's.
    pub(crate) fn contents(&mut self, record: usize, records: &Records) -> Option<Contents> {
        self.base.contents(record, records)
    }

    /// The answer to a check.
    pub(crate) fn answer(&mut self, check: CheckId, checks: &Checks) -> Answer {
        if self.torn.is_none() || !checks.looks_at(check, &self.touched) {
            return self.base.answer(check, checks);
        }
        let known = self.scratch.answers.iter();
        if let Some((_, answer)) = { known }.find(|(known, _)| *known == check) {
            return *answer;
        }
        let answer = checks.answer(check, self);
        self.scratch.answers.push((check, answer));
        answer
    }

    /// What a record says.
    fn reading(&mut self, record: usize, records: &Records) -> Reading {
        let range = records.range(record);
        let apart = range.end <= self.touched.start || self.touched.end <= range.start;
        if self.torn.is_none() || apart {
            return self.base.reading(record, records);
        }
        let torn = self.scratch.readings.iter();
        if let Some((_, reading)) = { torn }.find(|(known, _)| *known == record) {
            return *reading;
        }
        let mut bytes = [0; RECORD];
        let bytes = &mut bytes[..range.len().min(RECORD)];
        self.read(range.start, bytes);
        let reading = records.reading(record, bytes);
        self.scratch.readings.push((record, reading));
        reading
    }

    /// One hash over everything of interest that the torn operation touches.
    pub(crate) fn hash_of(&mut self, interest: &Interest, records: &Records) -> u128 {
        let mut sum = 0u128;
        for range in &interest.bytes {
            sum = sum.wrapping_add(State::granule_hash(range.start, self.torn_bytes(range)));
        }
        for &record in &interest.records {
            let Reading { now, future } = self.reading(record, records);
            sum = sum.wrapping_add(now ^ future.rotate_left(64));
        }
        sum
    }

    /// One hash over everything that `leaf` demands.
    pub(crate) fn hash_all(&mut self, leaf: LeafId, demand: &Demand, known: &Knowledge) -> u128 {
        let touched = self.touched.clone();
        if self.torn.is_none() {
            return self.base.part(demand, &touched, known).untouched;
        }
        let key = (leaf, demand.version);
        let part = match self.base.parts.remove(&key) {
            Some(part) => part,
            None => self.base.part(demand, &touched, known),
        };
        let mut sum = part.untouched;
        for range in &part.bytes {
            sum = sum.wrapping_add(self.hash(range));
        }
        for &record in &part.records {
            sum = sum.wrapping_add(self.reading(record, &known.records).future);
        }
        for &(index, check) in &part.checks {
            sum = sum.wrapping_add(answered(index, self.answer(check, &known.checks)));
        }
        self.base.parts.insert(key, part);
        sum
    }

    /// The state itself.
    pub(crate) fn state(&self) -> State {
        crash_state(self.base.state, self.torn, &self.scratch.carried)
    }

    /// What the torn operation leaves in `part` of what it touches.
    fn torn_bytes(&mut self, part: &Range<u32>) -> &[u8] {
        let scratch = &mut *self.scratch;
        scratch.old.resize(part.len(), 0);
        self.base.state.read(part.start, &mut scratch.old);
        scratch.new.clear();
        scratch.new.extend_from_slice(&scratch.old);
        if let Some((op, tear)) = self.torn {
            let own = span(op);
            let hit = own.start.max(part.start)..own.end.min(part.end);
            if hit.start < hit.end {
                let inside = (hit.start - part.start) as usize..(hit.end - part.start) as usize;
                let (old, new) = (
                    &scratch.old[inside.clone()],
                    &mut scratch.new[inside.clone()],
                );
                tear.torn(op, hit.start - own.start, old, new);
            }
            blank(part.start, &mut scratch.new, &scratch.carried);
        }
        &scratch.new
    }
}

impl Cells for View<'_, '_> {
    fn hash(&mut self, range: &Range<u32>) -> u128 {
        let whole = self.base.hash(range);
        if self.torn.is_none() {
            return whole;
        }
        let part = self.touched.start.max(range.start)..self.touched.end.min(range.end);
        if part.is_empty() {
            return whole;
        }
        let known = self.scratch.changes.iter();
        if let Some((_, change)) = { known }.find(|(known, _)| *known == part) {
            return whole.wrapping_add(*change);
        }
        let before = self.base.hash(&part);
        let after = State::granule_hash(part.start, self.torn_bytes(&part));
        let change = after.wrapping_sub(before);
        self.scratch.changes.push((part, change));
        whole.wrapping_add(change)
    }

    fn read(&mut self, addr: u32, out: &mut [u8]) {
        // Only a few bytes are ever read so.
        let end = addr.saturating_add(u32::try_from(out.len()).unwrap_or(u32::MAX));
        let touched = self.touched.start < end && addr < self.touched.end;
        if self.torn.is_none() || !touched {
            return self.base.state.read(addr, out);
        }
        out.copy_from_slice(self.torn_bytes(&(addr..end)));
    }

    // Where it touches cells that are or become weak, a torn operation is carried out: see `derived`.

    fn counts(&self) -> bool {
        self.base.state.counts()
    }

    fn has_weak(&mut self, range: &Range<u32>) -> bool {
        self.base.state.has_weak(range.clone())
    }

    fn weak(&mut self, addr: u32, out: &mut [u8]) {
        self.base.state.weak(addr, out);
    }
}

impl Scratch {
    pub(crate) fn new(carried: &[Range<u32>]) -> Self {
        Self {
            carried: carried.to_vec(),
            ..Self::default()
        }
    }
}

/// What a cut leaves of `base` in whose next operation it falls, carried bytes forgotten.
pub(super) fn crash_state(
    base: &State,
    torn: Option<(&Op, Tear)>,
    carried: &[Range<u32>],
) -> State {
    let mut state = base.clone();
    if let Some((op, tear)) = torn {
        state.tear(op, tear);
        if !tear.is_stable() {
            lean_to_ones(&mut state, &reach(op, tear, base));
        }
        let at = widen(&reach(op, tear, base), state.size());
        forget_carried(&mut state, &at, carried);
    }
    state
}

/// Makes the carried bytes among those in `within` erased: they do not count.
pub(crate) fn forget_carried(state: &mut State, within: &Range<u32>, carried: &[Range<u32>]) {
    for range in carried {
        let part = range.start.max(within.start)..range.end.min(within.end);
        if !part.is_empty() {
            let mut bytes = vec![0; part.len()];
            state.read(part.start, &mut bytes);
            if bytes.iter().any(|byte| *byte != 0xFF) || state.has_weak(part.clone()) {
                bytes.fill(0xFF);
                state.put_solid(part.start, &bytes);
            }
        }
    }
}
