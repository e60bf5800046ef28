//! What a power-on did, kept once for all that do the same.
//!
//! Thousands of power-ons recover in a way of their own and then download the same image. So the
//! operations of a power-on are cut into *segments*, each an unbroken stretch of flash, and equal
//! segments are kept once, with what they leave behind: to carry out a download is then to share
//! the sectors that it leaves.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Op, OpKind, State, Tear, Trace, granule_hash};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use super::ranges::{Ranges, overlap};
use super::record::Record;
use super::run::PowerOn;
use super::tears::{TearSet, Tears};
use crate::chip::{span, widen};
use crate::subject::{Dead, Rest, Subject, call_at};

/// A stretch of operations on one unbroken stretch of flash.
pub(super) struct Segment {
    pub(super) ops: Vec<Op>,
    /// The granules that they touch.
    pub(super) touched: Range<u32>,
    /// What they determine: sectors that they erase.
    pub(super) determined: Ranges,
    /// The tears of each operation: for a first cut, and for later ones.
    tears: [OnceCell<TearsOf>; 2],
    /// A flash on which they have been carried out, good for what they determine.
    done: OnceCell<State>,
}

struct TearsOf {
    of: Vec<Rc<TearSet>>,
    /// Crash states of the operations before each, and of all.
    states: Vec<u64>,
}

impl Segment {
    fn new(ops: Vec<Op>, size: u32) -> Self {
        let start = ops.iter().map(Op::addr).min().unwrap_or(0);
        let end = ops.iter().map(|op| span(op).end).max().unwrap_or(0);
        let mut determined = Ranges::new();
        for op in ops.iter().filter(|op| op.kind() == OpKind::Erase) {
            determined.insert(span(op));
        }
        Self {
            ops,
            touched: widen(&(start..end), size),
            determined,
            tears: Default::default(),
            done: OnceCell::new(),
        }
    }

    fn tears_of(&self, tears: &mut Tears<'_>, cuts: u32) -> &TearsOf {
        self.tears[usize::from(cuts > 0)].get_or_init(|| {
            let of: Vec<_> = self.ops.iter().map(|op| tears.of(op, cuts)).collect();
            let mut states = vec![0];
            for set in &of {
                // Besides its tears, each operation can be cut before it begins.
                states.push(states[states.len() - 1] + 1 + set.count());
            }
            TearsOf { of, states }
        })
    }

    pub(super) fn tears(&self, op: usize, tears: &mut Tears<'_>, cuts: u32) -> Rc<TearSet> {
        Rc::clone(&self.tears_of(tears, cuts).of[op])
    }

    /// How many crash states these operations have.
    pub(super) fn states_of(&self, ops: Range<usize>, tears: &mut Tears<'_>, cuts: u32) -> u64 {
        let states = &self.tears_of(tears, cuts).states;
        states[ops.end] - states[ops.start]
    }

    /// Carries out the operations from `op` on; those before have been.
    pub(super) fn carry_out(&self, op: usize, state: &mut State) {
        if self.ops.len() < 8 {
            self.ops[op..].iter().for_each(|op| state.apply(op));
            return;
        }
        let done = self.done.get_or_init(|| {
            let mut done = state.clone();
            // From the start: what was done before leaves no trace where an erase determines.
            self.ops.iter().for_each(|op| done.apply(op));
            done.seal();
            done
        });
        let mut adopted = Ranges::new();
        for range in self.determined.iter() {
            let len = range.end - range.start;
            if state.adopt(done, range.start, len) {
                adopted.insert(range);
            }
        }
        for op in &self.ops[op..] {
            if adopted.missing_from(span(op)).next().is_some() {
                state.apply(op);
            }
        }
    }
}

/// All segments of an exploration.
#[derive(Default)]
pub(super) struct Segments {
    known: HashMap<u128, Rc<Segment>>,
    /// Bytes of them.
    held: u64,
    /// Hashes of what was programmed: each has a list of tears of its own.
    contents: HashSet<u64>,
    /// A buffer.
    bytes: Vec<u8>,
}

/// What one power-on did.
pub(super) struct Recording<W> {
    pub(super) segments: Vec<Rc<Segment>>,
    /// Operations in all.
    pub(super) ops: usize,
    pub(super) end: Result<Rest, Dead>,
    /// The world from operation `.0` on, in ascending order; the first is at 0.
    pub(super) changes: Vec<(u32, W)>,
    pub(super) calls: Vec<(u32, &'static str)>,
    /// A hash of all that it did: two power-ons of one behaviour agree on it.
    pub(super) signature: u128,
}

/// Bytes of the tears of a program that is cut for the first time, and for another one.
const TEARS: u64 = 400 * size_of::<Tear>() as u64;

impl Segments {
    /// Bytes of all of them, with what they leave behind and the tears of their operations.
    pub(super) fn held(&self) -> u64 {
        (self.known.capacity() * size_of::<(u128, Rc<Segment>)>()) as u64 + self.held
    }
}

impl Segment {
    /// Bytes of it, and of a flash on which it was carried out.
    fn held(&self) -> u64 {
        let data: usize = self.ops.iter().map(|op| op.data().len() + 16).sum();
        let ops = self.ops.capacity() * size_of::<Op>() + data;
        // Two lists of tears, which are kept once for each content of a page.
        let tears = self.ops.len() * 2 * (size_of::<Rc<TearSet>>() + size_of::<u64>());
        let done = if self.ops.len() < 8 {
            0
        } else {
            self.touched.len()
        };
        (size_of::<Self>() + ops + tears + done) as u64
    }
}

impl<W: Hash> Recording<W> {
    /// The recording of `run`, of whose data `unseen` tells what does not count.
    pub(super) fn of(run: &PowerOn<W>, unseen: Unseen<'_>, segments: &mut Segments) -> Self
    where
        W: Clone,
    {
        let size = run.state.size();
        let trace = run.trace();
        let mut kept = Vec::new();
        let mut bytes = std::mem::take(&mut segments.bytes);
        let Segments {
            known,
            held,
            contents,
            ..
        } = segments;
        let signature = sign(run, unseen, &mut bytes, |stretch, hash| {
            let segment = known.entry(hash).or_insert_with(|| {
                let ops = stretch.filter_map(|op| trace.get(op)?.op()).collect();
                let segment = Segment::new(ops, size);
                let new = |op: &&Op| contents.insert(xxh3_64(op.data()));
                let new = segment.ops.iter().filter(new).count();
                *held += segment.held() + new as u64 * TEARS;
                Rc::new(segment)
            });
            kept.push(Rc::clone(segment));
        });
        segments.bytes = bytes;
        Self {
            segments: kept,
            ops: run.done().len(),
            end: run.end,
            changes: run.changes.clone(),
            calls: run.calls.clone(),
            signature,
        }
    }

    /// The world as a cut in operation `op` finds it.
    pub(super) fn world_at(&self, op: usize) -> &W {
        let after = self.changes.partition_point(|(at, _)| *at as usize <= op);
        // The first change stands at operation 0.
        &self.changes[after - 1].1
    }

    /// The world in the end.
    pub(super) fn world(&self) -> &W {
        &self.changes[self.changes.len() - 1].1
    }

    /// Whether the world changed between operation `op - 1` and `op`.
    pub(super) fn world_changed_before(&self, op: usize) -> bool {
        op > 0 && self.changes.iter().any(|(at, _)| *at as usize == op)
    }

    /// The call under way in operation `op`; none in the bootloader.
    pub(super) fn call_at(&self, op: usize) -> Option<&'static str> {
        call_at(&self.calls, u32::try_from(op).unwrap_or(u32::MAX))
    }
}

/// What of the data of operations nobody will see.
#[derive(Clone, Copy)]
pub(super) struct Unseen<'s> {
    /// Bytes that are carried only.
    pub(super) carried: &'s [Range<u32>],
    /// Records: of one that is written whole and to erased cells, what may be learned counts.
    pub(super) records: &'s [Record],
}

impl<'s> Unseen<'s> {
    pub(super) fn by(subject: &'s (impl Subject + ?Sized)) -> Self {
        Self {
            carried: subject.carried(),
            records: subject.records(),
        }
    }

    /// All is seen.
    pub(super) const fn nothing() -> Self {
        Self {
            carried: &[],
            records: &[],
        }
    }

    /// Whether an operation there may have data of which not all is seen.
    fn is_in(self, range: &Range<u32>) -> bool {
        self.carries(range) || self.records.iter().any(|record| record.range == *range)
    }

    fn carries(self, range: &Range<u32>) -> bool {
        self.carried.iter().any(|carried| overlap(carried, range))
    }

    /// A hash of what is seen of `data`, written to `range`.
    fn hash(self, range: &Range<u32>, data: &[u8], erased: bool) -> u128 {
        let written = self.records.iter().find(|record| record.range == *range);
        if let Some(record) = written.filter(|_| erased) {
            return record.written_future_of(data);
        }
        let mut data = data.to_vec();
        blank(range.start, &mut data, self.carried);
        granule_hash(range.start, &data)
    }
}

/// The [signature](Recording::signature) of what `run` did; `each` is shown the operations of each segment,
/// and their hash.
pub(super) fn sign<W: Hash>(
    run: &PowerOn<W>,
    unseen: Unseen<'_>,
    bytes: &mut Vec<u8>,
    mut each: impl FnMut(Range<usize>, u128),
) -> u128 {
    let ops = run.done().len();
    let mut hasher = Xxh3::new();
    let mut from = 0;
    // Ends: each round takes at least one operation.
    while from < ops {
        let change = { run.changes.iter() }
            .map(|(at, _)| *at as usize)
            .find(|at| *at > from);
        let longest = from..change.unwrap_or(ops).min(ops);
        let (count, hash) = stretch(run.trace(), longest, unseen, bytes);
        hasher.update(&hash.to_le_bytes());
        each(from..from + count, hash);
        from += count;
    }
    run.end.map_or(u8::MAX, |rest| rest as u8).hash(&mut hasher);
    run.changes.hash(&mut hasher);
    run.findings.hash(&mut hasher);
    hasher.digest128()
}

/// A hash of what `run` did, but for the bytes that it programmed, and for where, if that is interchangeable.
pub(super) fn shape<W: Hash>(run: &PowerOn<W>, interchangeable: impl Fn(u32) -> u32) -> u128 {
    let mut hasher = Xxh3::new();
    for row in run.done() {
        (row.kind as u8, interchangeable(row.addr), row.len).hash(&mut hasher);
    }
    run.end.map_or(u8::MAX, |rest| rest as u8).hash(&mut hasher);
    run.changes.hash(&mut hasher);
    hasher.digest128()
}

fn index(operations: usize) -> u32 {
    u32::try_from(operations).expect("a sector has few pages")
}

/// How many of these operations are one segment, an unbroken stretch of flash, and its hash; what is
/// `unseen` does not count.
fn stretch(
    trace: &Trace,
    ops: Range<usize>,
    unseen: Unseen<'_>,
    bytes: &mut Vec<u8>,
) -> (usize, u128) {
    bytes.clear();
    let (mut low, mut high) = (u32::MAX, 0);
    let mut count = 0;
    let mut erased = Ranges::new();
    // Ends: each round takes at least one operation.
    while let Some(row) = trace.get(ops.start + count).filter(|_| count < ops.len()) {
        let op = ops.start + count;
        let sector = trace.sector(op).filter(|(pages, _)| {
            let end = row.addr.saturating_add(row.len * index(*pages));
            count + pages <= ops.len() && !unseen.carries(&(row.addr..end))
        });
        let (operations, data) = sector.unwrap_or_else(|| (1, trace.data_hash(op)));
        let (start, end) = (row.addr, row.addr + row.len * index(operations));
        if count > 0 && (start > high || end < low) {
            break;
        }
        (low, high) = (low.min(start), high.max(end));
        count += operations;
        bytes.extend_from_slice(&index(operations).to_le_bytes());
        bytes.extend_from_slice(&row.addr.to_le_bytes());
        bytes.extend_from_slice(&row.len.to_le_bytes());
        bytes.push(u8::from(row.kind == OpKind::Erase));
        let own = start..end;
        let data = if row.kind == OpKind::Erase {
            erased.insert(own);
            data
        } else if row.data.is_empty() || !unseen.is_in(&own) {
            data
        } else {
            let erased = erased.missing_from(own.clone()).next().is_none();
            unseen.hash(&own, row.data, erased)
        };
        bytes.extend_from_slice(&data.to_le_bytes());
    }
    (count, xxh3_128(bytes))
}

/// Sets the bytes of `data`, which lie at `addr`, to 0xFF where they are carried only.
pub(super) fn blank(addr: u32, data: &mut [u8], carried: &[Range<u32>]) {
    for range in carried {
        let start = range.start.saturating_sub(addr) as usize;
        let end = range.end.saturating_sub(addr) as usize;
        let (start, end) = (start.min(data.len()), end.min(data.len()));
        data[start..end].fill(0xFF);
    }
}
