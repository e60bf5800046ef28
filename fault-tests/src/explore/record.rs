//! Records: small places of which a subject learns less than the bytes.
//!
//! Two otadata entries with wrong CRCs are the same to a bootloader. To merge states that differ in
//! such entries, two things must be told apart: what a power-on learns of a record now, and what a
//! later one may learn of it after an erase of it was cut, its [future].
//!
//! Of a record with weak bits is learned one of several things, as the adversary likes: see
//! [`Record::readings`]. Its reading is all of them.

mod future;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use sim_flash::{Cells, Cipher, Op, State, Tear};
use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use super::ranges::overlap;
use super::tears::Ladder;
use super::trie::HashedMap;
use super::weak;

/// A small place of which a subject learns less than the bytes.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies. It is read whole or not at all; a read of a part is a read of bytes.
    pub range: Range<u32>,
    /// What the subject learns of these bytes: a number that is the same for two contents only if the
    /// subject treats them alike, up to the bytes it [carries](crate::subject::Subject::carried).
    pub learned: fn(&[u8]) -> u128,
    /// Bytes of it, by their place in it, that `learned` does not look at; may be empty. This is checked
    /// of every content that is met.
    ///
    /// It saves time only: to find out what may be learned later, fewer bytes need be zeroed.
    pub ignored: Range<usize>,
    /// What to try for a record with weak bits: contents that agree with the bits that are solid,
    /// given the bytes with weak bits at 0, and which bits are weak. Best one for each thing that
    /// can be learned; others are left out. `None` tries a few that know nothing of the format.
    pub readings: Option<Readings>,
    /// Whether what is learned, if it is this, tells every byte: then no other content is like it, now or later.
    ///
    /// It saves time only: what may be learned later need not be found out.
    pub tells_all: fn(u128) -> bool,
    /// Whether risen bits make nothing of a content that is refused but one that is refused or blank, as its checksums are
    /// too wide to come right by accident. An entry with a CRC-32 over a part of it is not such a record.
    pub stays_refused: bool,
    /// What the cells hold is encrypted: `learned` is asked about what is read of them.
    through: Option<Through>,
}

/// An encrypting chip, at the place of a record.
#[derive(Clone, Debug)]
struct Through {
    cipher: Arc<Cipher>,
    /// What it makes of zeros there, which tells places and keys apart.
    zeros: u128,
}

/// The first so many blocks programmed and the others not, and the other way round; all of them or none is tried
/// anyway.
fn block_by_block(solid: &[u8], weak: &[u8]) -> Vec<Vec<u8>> {
    let block = Cipher::BLOCK as usize;
    let borders = (block..solid.len()).step_by(block);
    let read = |border: usize, first: bool| {
        let not_done = |at: usize| (at < border) != first;
        let bytes = { solid.iter().zip(weak) }.enumerate();
        bytes
            .map(|(at, (solid, weak))| solid | if not_done(at) { *weak } else { 0 })
            .collect()
    };
    borders
        .flat_map(|border| [read(border, true), read(border, false)])
        .collect()
}

/// Contents that a record with weak bits may be read as: see [`Record::readings`].
pub type Readings = fn(solid: &[u8], weak: &[u8]) -> Vec<Vec<u8>>;

impl Record {
    /// A record of which so much is learned.
    pub const fn new(range: Range<u32>, learned: fn(&[u8]) -> u128) -> Self {
        Self {
            range,
            learned,
            ignored: 0..0,
            readings: None,
            tells_all: |_| false,
            stays_refused: false,
            through: None,
        }
    }

    /// The same on a chip that encrypts what it stores. Ignored are whole blocks only, as each byte garbles its
    /// block. With weak bits, the blocks up to one read as programmed and the others as not, or the other way
    /// round; all else is noise, of which the few that know nothing of the format are enough.
    ///
    /// # Panics
    ///
    /// If it is not whole blocks of the cipher.
    #[must_use]
    pub fn through(mut self, cipher: &Arc<Cipher>) -> Self {
        let whole = |at: u32| at.is_multiple_of(Cipher::BLOCK);
        assert!(
            whole(self.range.start) && whole(self.range.end),
            "a record at {:#x}..{:#x} is not whole blocks of {}",
            self.range.start,
            self.range.end,
            Cipher::BLOCK
        );
        let mut zeros = [0; Cipher::BLOCK as usize];
        cipher.encrypt(self.range.start, &mut zeros);
        let block = Cipher::BLOCK as usize;
        let (from, to) = (self.ignored.start, self.ignored.end);
        let whole = from.next_multiple_of(block)..to / block * block;
        self.ignored = if whole.is_empty() { 0..0 } else { whole };
        self.readings = Some(block_by_block);
        self.through = Some(Through {
            cipher: Arc::clone(cipher),
            zeros: u128::from_le_bytes(zeros),
        });
        self
    }

    /// What is learned of cells that hold these bytes.
    fn learn(&self, stored: &[u8]) -> u128 {
        let Some(Through { cipher, .. }) = &self.through else {
            return (self.learned)(stored);
        };
        let mut read = stored.to_vec();
        cipher.decrypt(self.range.start, &mut read);
        (self.learned)(&read)
    }

    /// The same, whose bytes in `ignored` tell nothing.
    #[must_use]
    pub const fn ignoring(mut self, ignored: Range<usize>) -> Self {
        self.ignored = ignored;
        self
    }

    /// The same, which with weak bits reads as one of these.
    #[must_use]
    pub const fn with_readings(mut self, readings: Readings) -> Self {
        self.readings = Some(readings);
        self
    }

    /// The same, of which every byte is told if what is learned is such.
    #[must_use]
    pub const fn telling_all(mut self, tells_all: fn(u128) -> bool) -> Self {
        self.tells_all = tells_all;
        self
    }

    /// The same, of which refused contents [stay refused](Self::stays_refused) when bits rise.
    #[must_use]
    pub const fn staying_refused(mut self) -> Self {
        self.stays_refused = true;
        self
    }

    /// Whether the same is learned with other bytes where they are ignored.
    fn ignores(&self, bytes: &[u8], learned: u128) -> bool {
        let mut other = bytes.to_vec();
        let ignored = other.get_mut(self.ignored.clone());
        ignored
            .into_iter()
            .flatten()
            .for_each(|byte| *byte = !*byte);
        self.learn(&other) == learned
    }
}

/// What is learned of a record's content now, and what may be later.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// What is learned, as an edge of the trie.
    pub(crate) now: u128,
    /// A hash of what is and may later be learned.
    pub(crate) future: u128,
}

type FirstAndLast = [Vec<u8>; 2];
/// All of them, one for each thing to be learned.
pub(crate) type Contents = Rc<[Content]>;

/// A content that a record with weak bits may be read as.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// What is learned of it, as an edge of the trie for records with weak bits.
    pub(crate) edge: u128,
}

/// Shapes of a row, a record, that leave something of which the same is learned, now and later.
pub(crate) struct RowClass {
    /// By number, in ascending order.
    pub(crate) shapes: Vec<u32>,
    /// What a hash over all that is of interest has more than where the row holds what the others do.
    pub(crate) change: u128,
}

/// By record, and a hash of its content and of what is done to it.
type ByContent<V> = HashedMap<(usize, u128), Rc<V>>;

type Last = (Vec<u8>, Reading);

/// So many things are remembered at most, of those that can be found out again.
const REMEMBERED: usize = 1 << 18;

/// Notes what was found out. It may be forgotten when there is too much of it.
fn remember<V>(known: &RefCell<HashedMap<(usize, u128), V>>, key: (usize, u128), found: V) {
    let mut known = known.borrow_mut();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, found);
}

/// The records of a subject, with what is known of contents that were met.
#[derive(Default)]
pub(crate) struct Records {
    all: Vec<Record>,
    /// By record, and hash of its content.
    readings: RefCell<HashedMap<(usize, u128), Reading>>,
    /// By record, and hash of its solid and its weak bits: one content for each thing to be learned.
    weak: RefCell<HashedMap<(usize, u128), Contents>>,
    /// By the same: a hash of all that is to be learned, which is less to keep than the contents.
    learned: RefCell<HashedMap<(usize, u128), u128>>,
    /// By record: the bytes read last, and what they say.
    last: RefCell<Vec<Option<Last>>>,
    /// By record, content, operation and ladder: the rungs at which what it says changes, in ascending order.
    changes: RefCell<ByContent<[u32]>>,
    /// By record, content, operation and ground.
    rows: RefCell<ByContent<[RowClass]>>,
    /// By record and what is learned of it: the contents met first and last of which it is.
    alike: RefCell<HashMap<(usize, u128), FirstAndLast>>,
}

impl Records {
    pub(crate) fn new(records: &[Record]) -> Self {
        Self {
            all: records.to_vec(),
            last: RefCell::new(vec![None; records.len()]),
            ..Self::default()
        }
    }

    pub(crate) fn range(&self, record: usize) -> Range<u32> {
        self.all[record].range.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The record that is just this range.
    pub(crate) fn find(&self, range: &Range<u32>) -> Option<usize> {
        self.all.iter().position(|r| r.range == *range)
    }

    /// Whether any record lies in part in this range.
    pub(crate) fn meets(&self, range: &Range<u32>) -> bool {
        self.all.iter().any(|r| overlap(&r.range, range))
    }

    /// What is learned of these bytes of a record with weak bits, as an edge of the trie.
    pub(crate) fn learned_weakly(&self, record: usize, bytes: &[u8]) -> u128 {
        weak_edge(self.all[record].learn(bytes))
    }

    /// What these bytes of a record say.
    pub(crate) fn reading(&self, record: usize, bytes: &[u8]) -> Reading {
        let mut last = self.last.borrow_mut();
        match &mut last[record] {
            // Most tears of an operation leave a record as the one before did.
            Some((same, reading)) if same == bytes => *reading,
            Some((other, reading)) => {
                other.clear();
                other.extend_from_slice(bytes);
                *reading = self.read(record, bytes);
                *reading
            }
            none => none.insert((bytes.to_vec(), self.read(record, bytes))).1,
        }
    }

    fn read(&self, record: usize, bytes: &[u8]) -> Reading {
        let Record { ignored, .. } = &self.all[record];
        let (before, rest) = bytes.split_at(ignored.start);
        let key = if ignored.is_empty() {
            xxh3_128(bytes)
        } else {
            xxh3_128(before).wrapping_add(xxh3_128_with_seed(&rest[ignored.len()..], 1))
        };
        let key = (record, key);
        if let Some(known) = self.readings.borrow().get(&key) {
            return *known;
        }
        let now = self.all[record].learn(bytes);
        assert!(
            self.all[record].ignores(bytes, now),
            "what is learned of a record depends on bytes that it is said to ignore"
        );
        // Keyed by the record: equal futures of two records are two things.
        let mut future = Xxh3::new();
        future.update(&record.to_le_bytes());
        future.update(&self.all[record].future_of(bytes).to_le_bytes());
        let reading = Reading {
            now: edge(now),
            future: future.digest128(),
        };
        remember(&self.readings, key, reading);
        let mut alike = self.alike.borrow_mut();
        alike
            .entry((record, now))
            .and_modify(|[_, last]| *last = bytes.to_vec())
            .or_insert_with(|| [bytes.to_vec(), bytes.to_vec()]);
        reading
    }

    /// The first rung above `rung` at which a ladder of `op` changes what a record says; `before` is the state without it.
    ///
    /// Where it has weak bits that is the first one that touches it.
    pub(super) fn next_change(
        &self,
        record: usize,
        before: &State,
        op: &Op,
        ladder: Ladder,
        rung: u32,
    ) -> Option<u32> {
        let range = self.range(record);
        let own = op.addr()..op.addr().saturating_add(op.len());
        // Rung n changes byte n - 1 from the end where the ladder begins.
        let rungs = if ladder.ascends() {
            let from = range.start.max(own.start) - own.start;
            from + 1..range.end.min(own.end).saturating_sub(own.start) + 1
        } else {
            let from = own.end - range.end.min(own.end);
            from + 1..own.end.saturating_sub(range.start.max(own.start)) + 1
        };
        let rungs = rungs.start..rungs.end.min(ladder.len);
        let next = rungs.start.max(rung + 1);
        if next >= rungs.end {
            return None;
        }
        if before.has_weak(range.clone()) || before.counts() {
            return Some(next);
        }
        let mut bytes = vec![0; range.len()];
        before.read(range.start, &mut bytes);
        let part = range.start.max(own.start)..range.end.min(own.end);
        let mut hasher = Xxh3::new();
        hasher.update(&bytes);
        hasher.update(&[ladder.kind as u8]);
        for word in [own.start, own.end] {
            hasher.update(&word.to_le_bytes());
        }
        if let Op::Program { data, .. } = op {
            hasher
                .update(&data[(part.start - own.start) as usize..(part.end - own.start) as usize]);
        }
        let key = (record, hasher.digest128());
        let known = self.changes.borrow().get(&key).cloned();
        let changes = known.unwrap_or_else(|| {
            let inside = (part.start - range.start) as usize..(part.end - range.start) as usize;
            let mut torn = bytes.clone();
            let mut last = self.says(record, &bytes);
            let mut changes = Vec::new();
            for rung in rungs {
                let (old, new) = (&bytes[inside.clone()], &mut torn[inside.clone()]);
                { ladder.tear(rung) }.torn(op, part.start - own.start, old, new);
                let says = self.says(record, &torn);
                if says != last {
                    changes.push(rung);
                }
                last = says;
            }
            let changes: Rc<[u32]> = changes.into();
            remember(&self.changes, key, Rc::clone(&changes));
            changes
        });
        let at = changes.partition_point(|change| *change <= rung);
        changes.get(at).copied()
    }

    /// What these bytes of a record say, now and later, as it is added to hashes over all that is of interest.
    fn says(&self, record: usize, bytes: &[u8]) -> u128 {
        let Reading { now, future } = self.reading(record, bytes);
        now ^ future.rotate_left(64)
    }

    /// Shapes that an erase leaves of a row, which is a record and has no weak bits, by what that says then. All other rows
    /// hold what `ground` says.
    pub(crate) fn row_classes(
        &self,
        record: usize,
        before: &State,
        op: &Op,
        (ground, cells): (usize, Cells),
        shapes: Range<u32>,
        tear: impl Fn(u32) -> Option<Tear>,
    ) -> Rc<[RowClass]> {
        let range = self.range(record);
        let mut old = vec![0; range.len()];
        before.read(range.start, &mut old);
        let mut hasher = Xxh3::new();
        hasher.update(&old);
        for word in [op.addr(), op.len(), shapes.start, shapes.end] {
            hasher.update(&word.to_le_bytes());
        }
        let key = (record * 3 + ground, hasher.digest128());
        if let Some(known) = self.rows.borrow().get(&key) {
            return Rc::clone(known);
        }
        let is = match cells {
            Cells::Old => old.clone(),
            Cells::Zero => vec![0; old.len()],
            Cells::Risen => vec![0xFF; old.len()],
        };
        let ground = self.says(record, &is);
        let mut classes: Vec<RowClass> = Vec::new();
        let mut torn = old.clone();
        for shape in shapes {
            let Some(tear) = tear(shape) else {
                continue;
            };
            tear.torn(op, range.start - op.addr(), &old, &mut torn);
            let change = self.says(record, &torn).wrapping_sub(ground);
            match classes.iter_mut().find(|class| class.change == change) {
                Some(class) => class.shapes.push(shape),
                None => classes.push(RowClass {
                    shapes: vec![shape],
                    change,
                }),
            }
        }
        let classes: Rc<[RowClass]> = classes.into();
        remember(&self.rows, key, Rc::clone(&classes));
        classes
    }

    /// What a record says some of whose bits are `weak`: all that it may be read as.
    pub(crate) fn weak_reading(&self, record: usize, bytes: &[u8], weak: &[u8]) -> Reading {
        let key = (record, weak::hash(bytes, weak));
        if let Some(known) = self.readings.borrow().get(&key) {
            return *known;
        }
        let learned = |bytes: &[u8], weak: &[u8]| self.all_learned(record, bytes, weak);
        // Weak bits lean to 1 here, so that a byte is 0 only if it is solid, or was zeroed.
        let ones: Vec<u8> = bytes.iter().zip(weak).map(|(b, w)| b | w).collect();
        let ignored = &self.all[record].ignored;
        let reading = Reading {
            now: learned(&ones, weak),
            future: future::of_readings(record, ignored, &ones, weak, learned),
        };
        remember(&self.readings, key, reading);
        reading
    }

    /// A hash of all that a record with weak bits may be read as.
    fn all_learned(&self, record: usize, bytes: &[u8], weak: &[u8]) -> u128 {
        let key = (record, weak::hash(bytes, weak));
        if let Some(known) = self.learned.borrow().get(&key) {
            return *known;
        }
        let mut hasher = Xxh3::new();
        for content in self.find_contents(record, bytes, weak) {
            hasher.update(&content.edge.to_le_bytes());
        }
        let learned = hasher.digest128();
        remember(&self.learned, key, learned);
        learned
    }

    /// The contents that a record with weak bits may be read as, one for each thing to be learned.
    pub(crate) fn contents(&self, record: usize, bytes: &[u8], weak: &[u8]) -> Contents {
        let key = (record, weak::hash(bytes, weak));
        if let Some(known) = self.weak.borrow().get(&key) {
            return Rc::clone(known);
        }
        let contents: Contents = self.find_contents(record, bytes, weak).into();
        remember(&self.weak, key, Rc::clone(&contents));
        contents
    }

    fn find_contents(&self, record: usize, bytes: &[u8], weak: &[u8]) -> Vec<Content> {
        let Record { readings, .. } = self.all[record];
        let solid: Vec<u8> = bytes.iter().zip(weak).map(|(b, w)| b & !w).collect();
        let mut contents = readings.map_or_else(Vec::new, |readings| readings(&solid, weak));
        contents.extend(weak::readings(&solid, weak));
        contents.retain(|content| {
            content.len() == solid.len() && { content.iter().zip(weak).zip(&solid) }
                .all(|((c, w), s)| c & !w == *s)
        });
        let mut known: Vec<Content> = Vec::new();
        for bytes in contents {
            let edge = weak_edge(self.all[record].learn(&bytes));
            if known.iter().all(|content| content.edge != edge) {
                known.push(Content { bytes, edge });
            }
        }
        known
    }

    /// Another content, met before, of which the same is learned.
    pub(crate) fn other(&self, record: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        let learned = self.all[record].learn(bytes);
        let alike = self.alike.borrow();
        let known = alike.get(&(record, learned))?;
        known.iter().find(|other| *other != bytes).cloned()
    }
}

/// What is learned, as an edge of the trie.
fn edge(learned: u128) -> u128 {
    xxh3_128(&learned.to_le_bytes())
}

/// What is learned of a record that may read otherwise the next time, as an edge of the trie.
///
/// A seed would not keep it apart from the other edges: in XXH3 a short input with another seed can be
/// just another input.
fn weak_edge(learned: u128) -> u128 {
    !edge(learned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Valid if the second byte complements the first.
    fn pair(bytes: &[u8]) -> u128 {
        if bytes[0] == !bytes[1] {
            u128::from(bytes[0])
        } else {
            1 << 64
        }
    }

    #[test]
    fn a_future_tells_apart_what_a_cut_erase_may_bring_to_light() {
        let record = Record::new(0..2, pair);
        let records = Records::new(&[record]);
        // Both are invalid now. With its first byte zeroed, the first becomes valid, the others do not.
        let becomes = records.reading(0, &[0x12, 0xFF]).future;
        let stays = records.reading(0, &[0x12, 0x34]).future;
        assert_ne!(becomes, stays);
        assert_eq!(stays, records.reading(0, &[0x56, 0x34]).future);
        assert_eq!(stays, records.reading(0, &[0x12, 0x35]).future);
        assert_eq!(records.other(0, &[0x12, 0x34]), Some(vec![0x12, 0xFF]));
    }
}
