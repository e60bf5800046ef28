//! Lower numbers.

use super::cells::{self, Cells, NUMBER, can_become};
use super::room::Ahead;
use crate::hardened::choice::Birth;
use crate::hardened::layout::{GIVEN_UP, LOG, Place, SUMMARY};
use crate::hardened::record::{self, Kind, LEN, Record, Row, Salt};
use crate::hardened::summary::{self, HALF};
use crate::otadata::{Entry, OtaState, crc};
use crate::wire;

/// The smallest numbers that are in use.
#[derive(Default)]
pub(super) struct Numbers {
    generation: Option<u32>,
    seq: Option<u32>,
    /// There are some that cannot be told.
    unknown: bool,
}

impl Numbers {
    /// Takes the numbers of a row into account, if they count.
    pub(super) fn count(&mut self, place: Place, cells: &Cells, salt: Salt) {
        let written = cells.written();
        if place.row == SUMMARY {
            if *cells == cells.over() || cells.may_be_number_0() || is_lost(cells) {
                // However its weak bits are read, it selects nothing: it has no number.
                return;
            }
            let entry = Entry::parse(&written);
            self.unknown |= !cells.is_sure()
                && !is_half_weak(cells, &entry)
                && !is_begun_weakly(cells)
                && !is_nobodys_weakly(cells, &entry);
            let generation = summary::generation(&entry);
            if generation.is_some() || entry.is_valid() {
                self.seq(entry.seq);
            }
            if let Some(generation) = generation {
                self.generation(generation);
            }
            return;
        }
        self.unknown |= cells.is_odd(place, salt);
        // Which of its bits are those of a record depends on the numbers in that.
        self.unknown |= cells.is_spoilt(place, salt) && !cells.is_all_weak();
        if let Row::Valid(record) = Row::parse(&cells.meant(place, salt), place, salt) {
            self.generation(record.generation);
            if record.kind == Kind::Birth {
                self.seq(Birth::seq_of(&record.payload));
            }
        }
    }

    fn generation(&mut self, generation: u32) {
        let low = self.generation.get_or_insert(generation);
        *low = generation.min(*low);
    }

    fn seq(&mut self, seq: u32) {
        if seq != 0 {
            let low = self.seq.get_or_insert(seq);
            *low = seq.min(*low);
        }
    }

    /// Whether there are some that cannot be told.
    pub(super) const fn are_unknown(&self) -> bool {
        self.unknown
    }

    /// By how much all numbers may be lowered.
    pub(super) fn shift(&self, slots: u32) -> Shift {
        if self.unknown {
            return Shift::default();
        }
        // The first `slots` numbers are left out: below them there is no number for every slot.
        let rounds = self.seq.and_then(|seq| seq.checked_div(slots));
        Shift {
            generations: self.generation.map_or(0, |low| low.saturating_sub(1)),
            seqs: rounds.map_or(0, |rounds| rounds.saturating_sub(1).saturating_mul(slots)),
            ..Shift::default()
        }
    }
}

/// Whether of an entry that was to be written whole some of the second half is weak, and nothing else.
fn is_half_weak(cells: &Cells, written: &Entry) -> bool {
    let first = wire::bytes::<0, HALF, LEN>(&cells.weak);
    first == [0; HALF] && summary::is_ours(written) && written.crc_matches()
}

/// Whether it is the first half of an entry of ours, some of which is weak, and nothing else.
fn is_begun_weakly(cells: &Cells) -> bool {
    let second = wire::bytes::<HALF, { LEN - HALF }, LEN>(&cells.weak);
    let written = cells.written();
    !cells.is_sure()
        && second == [0; LEN - HALF]
        && written.ends_with(&[0xFF; LEN - HALF])
        && summary::generation(&Entry::parse(&written)).is_some()
}

/// The second half of an entry.
type Second = [u8; LEN - HALF];

/// Whether it is an entry the first half of which was cut, and the second half of which was spoilt then: it selects
/// nothing, however it is read, and cannot be completed.
fn is_lost(cells: &Cells) -> bool {
    let second: Second = wire::bytes::<HALF, { LEN - HALF }, LEN>(&cells.bits);
    let weak: Second = wire::bytes::<HALF, { LEN - HALF }, LEN>(&cells.weak);
    let written = Entry::parse(&cells.written());
    let can_be_completed = || {
        let wanted = summary::generation(&written)
            .map(|generation| summary::halves(&summary::entry(written.seq, generation)).1);
        wanted.is_some_and(|wanted| can_become(&second, &wanted))
    };
    let selects = || {
        let mut readings = cells.readings();
        readings.any(|bytes| Entry::parse(&bytes).is_valid())
    };
    !cells.is_sure() && weak == [0; LEN - HALF] && !can_be_completed() && !selects()
}

/// Whether the label of an entry tells that it is nobody's: where the second half was spoilt, what was ours is not.
fn is_nobodys(entry: &Entry) -> bool {
    !entry.label.ends_with(&[0xFF; LABEL - LABEL_IN_USE])
}

/// Whether of such an entry the CRC is weak, and nothing else.
fn is_nobodys_weakly(cells: &Cells, written: &Entry) -> bool {
    let all_but_crc = wire::bytes::<0, { LEN - NUMBER }, LEN>(&cells.weak);
    all_but_crc == [0; LEN - NUMBER] && is_nobodys(written) && written.crc_matches()
}

/// Bytes of a label, and how many of them tell something in one of ours.
const LABEL: usize = 20;
const LABEL_IN_USE: usize = 12;

/// A label that is nobody's.
const NOBODYS: [u8; LABEL] = {
    let mut label = [0xFF; LABEL];
    label[LABEL_IN_USE] = 0;
    label
};

/// What is subtracted.
#[derive(Default)]
pub(super) struct Shift {
    generations: u32,
    seqs: u32,
    /// The group in which a hand-over began that may be the first as well: the next one begins later.
    child: Option<u8>,
    /// Where rows go.
    ahead: Ahead,
}

impl Shift {
    /// The same, and the hand-over under way began in the first group.
    pub(super) fn handing_over(self, child: Option<u8>) -> Self {
        Self { child, ..self }
    }

    /// The same, and the rows of logs move.
    pub(super) fn moving(self, ahead: Ahead) -> Self {
        Self { ahead, ..self }
    }

    const fn generation(&self, generation: u32) -> u32 {
        generation.saturating_sub(self.generations)
    }

    /// 0 stands for none.
    const fn seq(&self, seq: u32) -> u32 {
        if seq == 0 {
            0
        } else {
            seq.saturating_sub(self.seqs)
        }
    }

    /// An entry with lower numbers, beside this birth.
    pub(super) fn entry(&self, cells: &Cells, birth: Option<Birth>) -> Cells {
        if cells.may_be_number_0() {
            return Cells::MAYBE_NUMBER_0;
        }
        let written = cells.written();
        let lower = self.lower_entry(&written, birth);
        if is_lost(cells) || cells.is_sure() && lower.is_none() {
            return match birth {
                None => cells.over(),
                Some(_) if cells.is_blank() => *cells,
                Some(_) => Cells::REFUSED,
            };
        }
        match lower {
            Some(new) if cells.is_sure() => Cells::sure(new),
            Some(new) if is_nobodys_weakly(cells, &Entry::parse(&written)) => {
                weak_from::<{ LEN - NUMBER }>(&new)
            }
            Some(new) if is_half_weak(cells, &Entry::parse(&written)) => weak_from::<HALF>(&new),
            Some(new) if is_begun_weakly(cells) => Cells::torn(&new, cells.reads_blank()),
            _ => *cells,
        }
    }

    /// `None` if nothing of the entry counts.
    fn lower_entry(&self, bytes: &[u8; LEN], birth: Option<Birth>) -> Option<[u8; LEN]> {
        let old = Entry::parse(bytes);
        let own = summary::generation(&old).map(|generation| (generation, old.seq));
        if old.is_valid() && old.seq == 0 {
            // Nobody wrote it, so of its other fields nothing comes.
            return Some(Entry::new(0, OtaState::UNDEFINED).emit());
        }
        if own.is_none() && old.is_valid() {
            let seq = self.seq(old.seq);
            let crc = crc(seq);
            let label = if is_nobodys(&old) { NOBODYS } else { old.label };
            let state = { old.state.name() }.map_or(OtaState::UNDEFINED, |_| old.state);
            return Some(
                Entry {
                    seq,
                    label,
                    state,
                    crc,
                }
                .emit(),
            );
        }
        if record::is_blank(bytes) {
            return None;
        }
        let (generation, seq) = own.or(birth.map(|birth| (birth.generation, birth.seq)))?;
        let mut entry = summary::entry(self.seq(seq), self.generation(generation));
        let whole = own.is_some() && old.crc_matches();
        if whole {
            // Stock code may have changed it.
            entry.state = old.state;
        }
        let (mut first, mut second) = summary::halves(&entry);
        if own.is_none() {
            first = wire::bytes::<0, HALF, LEN>(&cells::ONE_BIT);
        }
        if !whole {
            let (_, wanted) = summary::halves(&summary::entry(seq, generation));
            let there = wire::bytes::<HALF, { LEN - HALF }, LEN>(bytes);
            if !can_become(&there, &wanted) {
                // It cannot be completed: there are 0 bits that are to be 1.
                return None;
            }
            // Of what is begun no more is looked at than of what is not, and less can come of it.
            second = [0xFF; LEN - HALF];
        }
        let mut new = [0xFF; LEN];
        wire::put::<0, HALF, LEN>(&mut new, first);
        wire::put::<HALF, { LEN - HALF }, LEN>(&mut new, second);
        Some(new)
    }

    /// Another row with lower numbers. `before` is what the row before it is or was to become, and what
    /// that is now.
    pub(super) fn row(
        &self,
        cells: &Cells,
        place: Place,
        salt: Salt,
        before: &([u8; LEN], [u8; LEN]),
        opened: bool,
        wanted: Option<[u8; LEN]>,
    ) -> Cells {
        let lower = self
            .lower_record(&cells.meant(place, salt), place, salt, before, opened)
            // Whether anything is to be seen there is all that is looked at.
            .filter(|_| place.row != GIVEN_UP);
        // What can be completed is completed; where it is 1 then, weak bits stay weak.
        let completed = wanted
            .filter(|wanted| !cells.reads_blank() && can_become(&cells.bits, wanted))
            .and_then(|wanted| {
                let fades = cells.weak.iter().zip(wanted).any(|(w, one)| w & one != 0);
                let new = self.lower_record(&wanted, place, salt, before, opened)?;
                let weak = if fades {
                    Cells::fading(&new).weak
                } else {
                    [0; LEN]
                };
                Some(Cells::new(begun(&new), weak))
            });
        if cells.is_sure() {
            let lower = lower.map(Cells::sure);
            return lower
                .or(completed)
                .unwrap_or_else(|| or_refused(cells, None));
        }
        match lower {
            _ if cells.is_odd(place, salt) => *cells,
            Some(new) if cells.written() != cells.meant(place, salt) => Cells::fading(&new),
            Some(new) => Cells::torn(&new, cells.reads_blank()),
            None if cells.is_spoilt(place, salt) => *cells,
            None if cells.reads_blank() => Cells::torn(&cells::ONE_BIT, true),
            None => completed.unwrap_or(Cells::REFUSED),
        }
    }

    /// `None` if it is no record.
    fn lower_record(
        &self,
        bytes: &[u8; LEN],
        place: Place,
        salt: Salt,
        before: &([u8; LEN], [u8; LEN]),
        opened: bool,
    ) -> Option<[u8; LEN]> {
        let Row::Valid(record) = Row::parse(bytes, place, salt) else {
            return None;
        };
        // What begins a generation names the hand-over to it, which is over when it has a claim.
        let begins = place.row < LOG;
        let child = match self.child {
            _ if begins && opened => 0,
            Some(child) if record.child == child => 1,
            _ => {
                let parent = record.parent(place.sector);
                record.child.saturating_sub(self.ahead.by(parent))
            }
        };
        let to = self.ahead.to(place);
        let mut new = Record {
            number: record.number.saturating_sub(self.ahead.by_row(place)),
            generation: self.generation(record.generation),
            child,
            ..record
        };
        if record.kind == Kind::Birth {
            let seq = self.seq(Birth::seq_of(&record.payload));
            Birth::put_seq(&mut new.payload, seq);
        }
        new.reseal(before);
        Some(new.emit(to, salt))
    }
}

/// An entry of which nothing may be read from byte `AT` on, or some, or all.
fn weak_from<const AT: usize>(entry: &[u8; LEN]) -> Cells {
    let mut weak = entry.map(|byte| !byte);
    wire::put::<0, AT, LEN>(&mut weak, [0; AT]);
    Cells::new(*entry, weak)
}

/// The row when all that is programmed of it is one bit.
fn begun(row: &[u8; LEN]) -> [u8; LEN] {
    let mut begun = [0xFF; LEN];
    let mut bytes = begun.iter_mut().zip(row);
    if let Some((byte, row)) = bytes.find(|(_, row)| **row != 0xFF) {
        // The lowest bit that is 0.
        *byte = !(!row & row.wrapping_add(1));
    }
    begun
}

/// The new row, if there is one. Otherwise a row that is not blank is refused, whatever it holds.
fn or_refused(cells: &Cells, new: Option<[u8; LEN]>) -> Cells {
    match new {
        Some(new) => Cells::sure(new),
        None if cells.reads_blank() => *cells,
        None => Cells::REFUSED,
    }
}

impl Record {
    /// If it seals what the row before was, it seals what that is now.
    fn reseal(&mut self, (old, new): &([u8; LEN], [u8; LEN])) {
        if self.seals(old) {
            self.put_sealed(new);
        }
    }
}
