//! The trace: what the chip did, in order, with device time.

mod event;
mod file;
mod replay;

use std::fmt;
use std::sync::Arc;

pub use self::event::Event;
pub use self::file::ParseTraceError;
pub use self::replay::ReplayError;

use crate::hash::granule_hash;
use crate::op::{Op, OpKind};
use crate::state::{LEAF, LEAF_LEN, PAGE, SharedLeaf};
use crate::tear::Tear;

/// How much a flash records in its trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Recording {
    /// Nothing.
    Off,
    /// Programs with their data, and erases.
    #[default]
    Ops,
    /// Reads as well, without their data.
    All,
}

impl From<bool> for Recording {
    /// Operations, or nothing.
    fn from(on: bool) -> Self {
        if on { Recording::Ops } else { Recording::Off }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Completed and acknowledged.
    Done,
    /// Cut; this is what it left behind.
    Cut(Tear),
    /// The chip reported failure; this is what it left behind.
    Failed(Tear),
    /// A read failed.
    ReadFailed,
    /// Acknowledged, but this is what it left behind.
    Silent(Tear),
    /// The chip was busy and did not hear it; acknowledged.
    Ignored,
    /// Suspended; meanwhile the cells are so.
    Suspended(Tear),
    /// One step of an erase, not the last; until the next the cells are so.
    Step(Tear),
    /// The processor was reset meanwhile; the chip completed it alone.
    Reset,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => f.write_str("done"),
            Outcome::Cut(tear) => write!(f, "cut:{tear}"),
            Outcome::Failed(tear) => write!(f, "failed:{tear}"),
            Outcome::ReadFailed => f.write_str("failed"),
            Outcome::Silent(tear) => write!(f, "silent:{tear}"),
            Outcome::Ignored => f.write_str("ignored"),
            Outcome::Suspended(tear) => write!(f, "suspended:{tear}"),
            Outcome::Step(tear) => write!(f, "step:{tear}"),
            Outcome::Reset => f.write_str("reset"),
        }
    }
}

/// One operation in the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'t> {
    /// Which power-on it belongs to, from 0.
    pub boot: u32,
    /// Its number since that power-on, from 0: what a cut counts. Reads are counted by themselves.
    pub index: u32,
    /// Read, program or erase.
    pub kind: OpKind,
    /// First byte.
    pub addr: u32,
    /// Length in bytes.
    pub len: u32,
    /// The bytes to program; empty for a read or an erase.
    pub data: &'t [u8],
    /// Device time at its start, in nanoseconds since the flash was made.
    pub start: u64,
    /// Device time it took, in nanoseconds; until the cut, if it was cut.
    pub duration: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Row<'_> {
    /// The operation itself; none for a read.
    pub fn op(&self) -> Option<Op> {
        match self.kind {
            OpKind::Program => Some(Op::program(self.addr, self.data)),
            OpKind::Erase => Some(Op::erase(self.addr, self.len)),
            OpKind::Read => None,
        }
    }
}

/// A row as it is kept: small, because there is one per operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) index: u32,
    pub(crate) boot: u32,
    pub(crate) addr: u32,
    pub(crate) len: u32,
    pub(crate) kind: OpKind,
}

/// What the chip did, in order.
#[derive(Clone, Default)]
pub struct Trace {
    entries: Vec<Entry>,
    /// The bytes of programs, one after the other.
    data: Vec<u8>,
    /// Sectors whose pages were programmed one after the other, from [stencils](crate::Stencils).
    shared: Vec<SharedLeaf>,
    /// Where the bytes of each entry start: in `data`, or, with [`SHARED`], in `shared`.
    starts: Vec<usize>,
    /// Outcomes other than `Done`, with the place of their entry, in order.
    outcomes: Vec<(usize, Outcome)>,
    events: Vec<Event>,
}

/// Marks a start in what is shared.
const SHARED: usize = 1 << (usize::BITS - 1);

impl PartialEq for Trace {
    /// By what happened, wherever the bytes are kept.
    fn eq(&self, other: &Self) -> bool {
        self.events == other.events && self.iter().eq(other.iter())
    }
}

impl Eq for Trace {}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("rows", &self.entries.len())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Trace {
    /// How many rows it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The row at a place in the trace.
    pub fn get(&self, place: usize) -> Option<Row<'_>> {
        self.entries.get(place).map(|entry| self.row(place, entry))
    }

    /// All rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.entries
            .iter()
            .enumerate()
            .map(|(place, entry)| self.row(place, entry))
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.data.clear();
        self.shared.clear();
        self.starts.clear();
        self.outcomes.clear();
        self.events.clear();
    }

    /// A hash of everything in it. The same script with the same seeds gives the same hash on every machine.
    pub fn hash(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(self.to_string().as_bytes())
    }

    fn row(&self, place: usize, entry: &Entry) -> Row<'_> {
        let outcome = match self
            .outcomes
            .binary_search_by_key(&place, |(place, _)| *place)
        {
            Ok(found) => self.outcomes[found].1,
            Err(_) => Outcome::Done,
        };
        Row {
            boot: entry.boot,
            index: entry.index,
            kind: entry.kind,
            addr: entry.addr,
            len: entry.len,
            data: self.bytes(place, entry),
            start: entry.start,
            duration: entry.duration,
            outcome,
        }
    }

    /// What an entry programs.
    #[inline]
    fn bytes(&self, place: usize, entry: &Entry) -> &[u8] {
        if entry.kind != OpKind::Program {
            return &[];
        }
        let (start, len) = (self.starts[place], entry.len as usize);
        if start & SHARED == 0 {
            return &self.data[start..start + len];
        }
        let start = start & !SHARED;
        &self.shared[start / LEAF].bytes()[start % LEAF..start % LEAF + len]
    }

    /// The [hash](crate::granule_hash) of what the operation at `place` programs, as though it were the only one on the
    /// flash; 0 if it programs nothing. Of what was shared with [stencils](crate::Stencils) it is known.
    ///
    /// # Panics
    ///
    /// If the trace has no row there.
    pub fn data_hash(&self, place: usize) -> u128 {
        let entry = &self.entries[place];
        let start = self.starts[place];
        if start & SHARED != 0 && entry.len as usize == PAGE {
            let start = start & !SHARED;
            let addr = entry.addr / LEAF_LEN * LEAF_LEN;
            return self.shared[start / LEAF].hash_part(addr, start % LEAF, start % LEAF + PAGE);
        }
        granule_hash(entry.addr, self.bytes(place, entry))
    }

    /// Whether the rows from `place` on program 4 KiB, a multiple of 4 KiB from address 0, page by page and to the end:
    /// then how many they are, and the [hash](crate::granule_hash) of what they program.
    pub fn sector(&self, place: usize) -> Option<(usize, u128)> {
        let first = self.entries.get(place)?;
        let start = self.starts[place];
        if start & SHARED != 0 && start.is_multiple_of(LEAF) {
            let leaf = &self.shared[(start & !SHARED) / LEAF];
            return Some((LEAF / first.len as usize, leaf.hash(first.addr)));
        }
        if first.kind != OpKind::Program || !first.addr.is_multiple_of(LEAF_LEN) {
            return None;
        }
        let end = first.addr.checked_add(LEAF_LEN)?;
        let (mut at, mut hash) = (first.addr, 0u128);
        for (row, count) in (place..self.entries.len()).zip(1..) {
            let entry = &self.entries[row];
            if entry.kind != OpKind::Program || (entry.addr, entry.len) != (at, first.len) {
                return None;
            }
            hash = hash.wrapping_add(self.data_hash(row));
            at = at.checked_add(entry.len)?;
            if at == end {
                return Some((count, hash));
            }
        }
        None
    }

    /// The pages of `leaf`, of which `first` is the first.
    pub(crate) fn push_pages(&mut self, first: Entry, pages: u32, leaf: &SharedLeaf) {
        // A download is long.
        const AHEAD: usize = 1024;
        if self.entries.len() + pages as usize > self.entries.capacity() {
            let ahead = self.entries.len().max(AHEAD);
            self.entries.reserve(ahead);
            self.starts.reserve(ahead);
        }
        let start = (self.shared.len() * LEAF) | SHARED;
        self.shared.push(Arc::clone(leaf));
        self.starts
            .extend((0..pages).map(|page| start + (page * first.len) as usize));
        self.entries.extend((0..pages).map(|page| Entry {
            start: first.start + u64::from(page) * first.duration,
            index: first.index.wrapping_add(page),
            addr: first.addr + page * first.len,
            ..first
        }));
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry, data: &[u8]) {
        self.starts.push(self.data.len());
        self.data.extend_from_slice(data);
        self.entries.push(entry);
    }

    pub(crate) fn push_with(&mut self, entry: Entry, data: &[u8], outcome: Outcome) {
        if outcome != Outcome::Done {
            self.outcomes.push((self.entries.len(), outcome));
        }
        self.push(entry, data);
    }
}
