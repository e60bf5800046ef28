//! The trace: every operation of the chip, in order, with device time.

use crate::op::{Op, OpKind};
use crate::tear::Tear;

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Completed and acknowledged.
    Done,
    /// Cut; this is what it left behind.
    Cut(Tear),
}

/// One operation in the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'t> {
    /// Which power-on it belongs to, from 0.
    pub boot: u32,
    /// Its number since that power-on, from 0: what a cut counts.
    pub index: u64,
    /// Program or erase.
    pub kind: OpKind,
    /// First byte.
    pub addr: u32,
    /// Length in bytes.
    pub len: u32,
    /// The bytes to program; empty for an erase.
    pub data: &'t [u8],
    /// Device time at its start, in nanoseconds since the flash was made.
    pub start: u64,
    /// Device time it took, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Row<'_> {
    /// The operation itself.
    pub fn op(&self) -> Op {
        match self.kind {
            OpKind::Program => Op::program(self.addr, self.data),
            OpKind::Read | OpKind::Erase => Op::erase(self.addr, self.len),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) data_at: usize,
    pub(crate) boot: u32,
    pub(crate) addr: u32,
    pub(crate) len: u32,
    pub(crate) kind: OpKind,
    pub(crate) cut: Option<Tear>,
}

/// Operations in the order in which the chip carried them out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trace {
    entries: Vec<Entry>,
    data: Vec<u8>,
}

impl Trace {
    /// How many operations it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The operation at a place in the trace.
    pub fn get(&self, place: usize) -> Option<Row<'_>> {
        self.entries.get(place).map(|entry| self.row(entry))
    }

    /// All operations in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.entries.iter().map(|entry| self.row(entry))
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.data.clear();
    }

    fn row(&self, entry: &Entry) -> Row<'_> {
        let data = match entry.kind {
            OpKind::Program => &self.data[entry.data_at..entry.data_at + entry.len as usize],
            OpKind::Read | OpKind::Erase => &[],
        };
        Row {
            boot: entry.boot,
            index: entry.index,
            kind: entry.kind,
            addr: entry.addr,
            len: entry.len,
            data,
            start: entry.start,
            duration: entry.duration,
            outcome: entry.cut.map_or(Outcome::Done, Outcome::Cut),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, mut entry: Entry, data: &[u8]) {
        entry.data_at = self.data.len();
        self.data.extend_from_slice(data);
        self.entries.push(entry);
    }
}
