//! What a power-on makes of weak bits.
//!
//! The adversary decides read by read. So that few decisions say all that matters, a record is
//! decided as a whole ([`Record::readings`](crate::explore::Record::readings)), and so is an image:
//! it is one of the known contents or none. A record that is read again reads the same, but for
//! [`FLIPS`] times in one power-on; an image reads the same until the power goes.

use std::ops::Range;
use std::sync::Arc;

use embedded_storage::nor_flash::ReadNorFlash;
use sim_flash::State;

use super::rehearsal::Rehearsal;
use super::{Chip, ChipError, Knows, Look, Of};
use crate::explore::{Content, Contents, pieces, readings};

/// How many times in one power-on a weak place reads otherwise than it did before.
pub(crate) const FLIPS: u8 = 1;

/// Of all readings of a place those that it may change to, by number: the first and the last that
/// are not `held`, which are the furthest from each other.
pub(crate) fn otherwise<T>(all: &[T], held: impl Fn(&T) -> bool) -> [Option<usize>; 2] {
    let first = all.iter().position(|reading| !held(reading));
    let last = all.iter().rposition(|reading| !held(reading));
    [first, last.filter(|last| first != Some(*last))]
}

/// A read that met weak bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WeakRead {
    /// Operations done before it.
    pub(crate) at: u32,
    pub(crate) range: Range<u32>,
    /// What was read; nothing if the question was whether an image lies there.
    pub(crate) read: Vec<u8>,
    /// The answer to that question.
    pub(crate) holds: bool,
    pub(crate) taken: u16,
    pub(crate) of: u16,
}

/// Every way to read weak bits in which one of `reads` is another than was taken, those before it are as they were, and
/// those behind it are open. The first `decided` stay.
pub(crate) fn untaken(reads: &[WeakRead], decided: usize) -> impl Iterator<Item = Vec<u16>> {
    { reads.iter().enumerate().skip(decided) }.flat_map(|(number, read)| {
        let before = reads[..number].iter().map(|read| read.taken);
        let others = (0..read.of).filter(|other| *other != read.taken);
        others.map(move |other| before.clone().chain([other]).collect())
    })
}

/// Decisions made, and to make.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// Whether any cell was weak when the power came on; while it is on, none becomes so.
    pub(super) weak: bool,
    /// What to take, read by read; the first reading when it runs out.
    tape: Vec<u16>,
    next: usize,
    flips: u8,
    /// A place was decided, programmed over, and may have been decided again.
    mixed: bool,
    /// What holds now.
    settled: Vec<Settled>,
    /// What was decided first of each place, for [`resolve`].
    first: Vec<Settled>,
    /// The call that is rehearsed, or made as it was rehearsed.
    pub(super) rehearsal: Rehearsal,
}

/// What a place reads as.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    /// These bytes.
    Bytes {
        at: u32,
        bytes: Vec<u8>,
        flips: bool,
    },
    /// Like this content, where it is weak.
    Holds { at: u32, content: Arc<[u8]> },
    /// Unlike this content.
    Differs { at: u32, content: Arc<[u8]> },
}

impl Settled {
    fn span(&self) -> Range<u32> {
        let (at, len) = match self {
            Self::Bytes { at, bytes, .. } => (*at, bytes.len()),
            Self::Holds { at, content } | Self::Differs { at, content } => (*at, content.len()),
        };
        at..at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX))
    }

    /// What it makes of one weak byte at `addr`; `None` if it is not about it.
    fn byte(&self, addr: u32) -> Option<u8> {
        let offset = |at: u32| addr.checked_sub(at).map(|offset| offset as usize);
        match self {
            Self::Bytes { at, bytes, .. } => bytes.get(offset(*at)?).copied(),
            Self::Holds { at, content } => content.get(offset(*at)?).copied(),
            Self::Differs { at, content } => content.get(offset(*at)?).map(|byte| !byte),
        }
    }
}

/// What is known of a place when it is read.
pub(super) struct Before {
    /// What it reads as so far; where nothing was decided, all weak bits are 1.
    pub(super) bytes: Vec<u8>,
    /// Bits that are weak and not decided.
    pub(super) open: Vec<u8>,
    /// Whether it may read otherwise this time.
    pub(super) may_flip: bool,
}

impl Decisions {
    pub(super) fn new(state: &State) -> Self {
        Self {
            weak: state.has_weak(0..state.size()),
            ..Self::default()
        }
    }

    /// Takes readings as on `tape`.
    pub(super) fn follow(&mut self, tape: Vec<u16>) {
        self.tape = tape;
    }

    /// Takes one of `of` readings.
    pub(super) fn take(&mut self, of: usize) -> usize {
        let taken = self.tape.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(taken).min(of.saturating_sub(1))
    }

    /// What is known of the bytes at `addr`, which the cells hold as `cells`, `weak` of them weak.
    pub(super) fn before(&self, addr: u32, cells: &[u8], weak: &[u8]) -> Before {
        let mut before = Before {
            bytes: { cells.iter().zip(weak) }
                .map(|(cell, weak)| cell | weak)
                .collect(),
            open: weak.to_vec(),
            may_flip: self.flips < FLIPS,
        };
        for (at, (index, weak)) in (addr..).zip(weak.iter().enumerate()) {
            if *weak == 0 {
                continue;
            }
            let mut newest = self.settled.iter().rev();
            if let Some((settled, byte)) = newest.find_map(|s| Some((s, s.byte(at)?))) {
                before.bytes[index] = cells[index] & !weak | byte & weak;
                before.open[index] = 0;
                before.may_flip &= matches!(settled, Settled::Bytes { flips: true, .. });
            }
        }
        before
    }

    /// Whether the place is known to hold, or not to hold, `content`.
    pub(super) fn held(&self, addr: u32, content: &Arc<[u8]>) -> Option<bool> {
        self.settled.iter().find_map(|settled| match settled {
            Settled::Holds { at, content: c } if *at == addr && Arc::ptr_eq(c, content) => {
                Some(true)
            }
            Settled::Differs { at, content: c } if *at == addr && Arc::ptr_eq(c, content) => {
                Some(false)
            }
            _ => None,
        })
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        self.first.push(settled.clone());
        self.settled.push(settled);
    }

    /// The place reads otherwise than before.
    pub(super) fn flip(&mut self, at: u32, bytes: Vec<u8>) {
        self.flips += 1;
        self.rehearsal.flips(self.settled.len());
        self.reads_otherwise(at, bytes);
    }

    /// The place reads otherwise than before, as is decided already.
    fn reads_otherwise(&mut self, at: u32, bytes: Vec<u8>) {
        let flips = true;
        self.settled.push(Settled::Bytes { at, bytes, flips });
    }

    /// It has been rehearsed: what was read otherwise in it reads as before, until that comes.
    pub(super) fn rehearsed(&mut self) {
        for flip in self.rehearsal.end().into_iter().rev() {
            self.settled.remove(flip);
        }
    }

    /// These bytes were erased: none is weak any more.
    pub(super) fn erased(&mut self, range: &Range<u32>) {
        self.forget(range);
    }

    /// These bytes were programmed over: what is still weak may read otherwise.
    pub(super) fn programmed(&mut self, range: &Range<u32>) {
        self.mixed |= self.forget(range);
    }

    fn forget(&mut self, range: &Range<u32>) -> bool {
        let before = self.settled.len();
        let apart = |at: Range<u32>| at.end <= range.start || range.end <= at.start;
        self.settled.retain(|settled| apart(settled.span()));
        self.settled.len() < before
    }

    /// What was decided, if nothing was decided twice.
    pub(super) fn into_first(self) -> Option<Vec<Settled>> {
        (self.flips == 0 && !self.mixed).then_some(self.first)
    }
}

/// Makes the weak bits of `state` solid as they were decided.
pub(crate) fn resolve(state: &mut State, decided: &[Settled]) {
    let order = |settled: &&Settled| match settled {
        Settled::Differs { .. } => 0,
        Settled::Bytes { .. } => 1,
        Settled::Holds { .. } => 2,
    };
    let mut decided: Vec<_> = decided.iter().collect();
    decided.sort_by_key(order);
    let size = state.size();
    let was = state.clone();
    for settled in decided {
        let span = settled.span();
        for part in pieces(&(span.start..span.end.min(size)), PIECE) {
            let at = part.start;
            if !was.has_weak(part.clone()) {
                continue;
            }
            let [mut now, mut cells, mut weak] = [[0; PIECE as usize]; 3];
            let (now, cells) = (&mut now[..part.len()], &mut cells[..part.len()]);
            let weak = &mut weak[..part.len()];
            state.read(at, now);
            was.read(at, cells);
            was.weak(at, weak);
            for (index, addr) in part.enumerate() {
                if weak[index] != 0 {
                    let byte = settled.byte(addr).unwrap_or(0xFF);
                    now[index] = cells[index] & !weak[index] | byte & weak[index];
                }
            }
            // Bytes that nothing was decided of stay weak: none of them is in a part of a record.
            state.put_solid(at, now);
        }
    }
}

const PIECE: u16 = 32;

impl Chip<'_> {
    /// A read by a judge: weak bits read as they did before.
    pub(crate) fn read_again(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        let flips = std::mem::replace(&mut self.flips, false);
        let read = self.read(offset, bytes);
        self.flips = flips;
        read
    }

    pub(super) fn meets_weak(&self, range: &Range<u32>) -> bool {
        self.decisions.weak && !self.dead() && self.flash.state().has_weak(range.clone())
    }

    /// Lets the adversary decide what weak bits in `range` read as; `bytes` holds the cells.
    pub(super) fn decide(&mut self, range: &Range<u32>, bytes: &mut [u8], of: Of) {
        let mut weak = vec![0; bytes.len()];
        self.flash.state().weak(range.start, &mut weak);
        let before = self.decisions.before(range.start, bytes, &weak);
        if self.silent {
            return bytes.copy_from_slice(&before.bytes);
        }
        // A judge's reads are no part of the call.
        let played = self.flips.then(|| self.decisions.rehearsal.next(range));
        if let Some(read) = played.flatten() {
            bytes.copy_from_slice(&read);
            if read != before.bytes {
                self.decisions.reads_otherwise(range.start, read);
            }
            return;
        }
        let first = before.open.iter().any(|open| *open != 0);
        let flips = match of {
            Of::Record { flips, .. } => flips,
            // A record reads otherwise as a whole.
            Of::Bytes { flips } => flips && !self.meets_record(range),
        };
        let (read, taken, count) = if first {
            let all = self.readings(range, &before.bytes, &before.open);
            let taken = self.take(all.len());
            (all[taken].bytes.clone(), taken, all.len())
        } else if before.may_flip && flips && self.flips() {
            let all = self.readings(range, &before.bytes, &weak);
            let others = otherwise(&all, |other| other.bytes == before.bytes);
            let others: Vec<usize> = others.into_iter().flatten().collect();
            let count = 1 + others.len();
            match self.take(count) {
                0 => (before.bytes, 0, count),
                taken => (all[others[taken - 1]].bytes.clone(), taken, count),
            }
        } else {
            (before.bytes, 0, 1)
        };
        bytes.copy_from_slice(&read);
        match of {
            Of::Record { look, .. } => self.note_learned(look, range, &read),
            Of::Bytes { .. } => self.note_choice(taken, count, !first),
        }
        self.note_weak_read(range, &read, true, taken, count);
        if self.flips {
            self.decisions.rehearsal.read(range, &read);
        }
        let at = range.start;
        if first {
            let bytes = read;
            self.decisions.settle(Settled::Bytes { at, bytes, flips });
        } else if taken > 0 {
            self.decisions.flip(at, read);
        }
    }

    /// Notes what was learned of a record with weak bits.
    fn note_learned(&mut self, look: Option<usize>, range: &Range<u32>, read: &[u8]) {
        if let (Some(look), Knows::Contents(known)) = (look, &self.knows)
            && let Some(record) = known.records.find(range)
        {
            let learned = known.records.learned_weakly(record, read);
            self.learned.push((look, learned));
        }
    }

    /// Whether a part of a record lies in `range`.
    fn meets_record(&self, range: &Range<u32>) -> bool {
        match &self.knows {
            Knows::Contents(known) | Knows::Results(known) => {
                known.records.find(range).is_none() && known.records.meets(range)
            }
            Knows::Nothing => false,
        }
    }

    /// What a place may be read as whose `open` bits are undecided; at least one.
    fn readings(&self, range: &Range<u32>, bytes: &[u8], open: &[u8]) -> Contents {
        let records = match &self.knows {
            Knows::Contents(known) | Knows::Results(known) => Some(&known.records),
            Knows::Nothing => None,
        };
        if let Some((records, record)) = records.and_then(|r| Some((r, r.find(range)?))) {
            return records.contents(record, bytes, open);
        }
        let solid: Vec<u8> = bytes.iter().zip(open).map(|(b, open)| b & !open).collect();
        let readings = readings(&solid, open).into_iter();
        // Bytes are no record: nothing else is learned of them.
        readings.map(|bytes| Content { bytes, edge: 0 }).collect()
    }

    /// Lets the adversary decide whether a place with weak bits holds `content`.
    pub(super) fn decide_held(&mut self, at: u32, content: &Arc<[u8]>) -> bool {
        if let Some(held) = self.decisions.held(at, content) {
            return held;
        }
        let taken = self.take(2);
        self.note_choice(taken, 2, false);
        let (holds, content) = (taken == 0, Arc::clone(content));
        let settled = if holds {
            Settled::Holds { at, content }
        } else {
            Settled::Differs { at, content }
        };
        self.note_weak_read(&settled.span(), &[], holds, taken, 2);
        self.decisions.settle(settled);
        holds
    }

    fn take(&mut self, of: usize) -> usize {
        if of < 2 { 0 } else { self.decisions.take(of) }
    }

    fn note_choice(&mut self, taken: usize, of: usize, again: bool) {
        if of > 1 {
            self.looks.push(Look::Choice {
                taken: number(taken),
                of: number(of),
                again,
            });
        }
    }

    fn note_weak_read(
        &mut self,
        range: &Range<u32>,
        read: &[u8],
        holds: bool,
        taken: usize,
        of: usize,
    ) {
        if of < 2 {
            return;
        }
        self.met.push(WeakRead {
            at: self.clock.now(),
            range: range.clone(),
            read: read.to_vec(),
            holds,
            taken: number(taken),
            of: number(of),
        });
    }
}

/// There are far fewer readings than 2^16.
fn number(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
