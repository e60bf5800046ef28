//! Lower numbers.

use super::cells::{self, Cells, can_become};
use super::entry::Told;
use super::room::Ahead;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{GIVEN_UP, LOG, Place};
use crate::hardened::record::{Kind, LEN, Record, Row, Salt};
use crate::hardened::summary;
use crate::otadata::Entry;

/// The smallest numbers that are in use.
#[derive(Default)]
pub(super) struct Numbers {
    generation: Option<u32>,
    seq: Option<u32>,
    /// There are some that cannot be told.
    unknown: bool,
}

impl Numbers {
    /// Takes the numbers of an entry into account, if they count.
    pub(super) fn count_entry(&mut self, cells: &Cells) {
        let told = Told::of(cells);
        self.unknown |= matches!(told, Told::Unknown(_));
        let Some(entry) = told.bytes().map(Entry::parse) else {
            return;
        };
        let generation = summary::generation(&entry);
        if generation.is_some() || entry.is_valid() {
            self.seq(entry.seq);
        }
        if let Some(generation) = generation {
            self.generation(generation);
        }
    }

    /// Takes the numbers of any other row into account, if they count.
    pub(super) fn count_row(&mut self, place: Place, cells: &Cells, salt: Salt) {
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

    pub(super) const fn generation(&self, generation: u32) -> u32 {
        generation.saturating_sub(self.generations)
    }

    /// 0 stands for none.
    pub(super) const fn seq(&self, seq: u32) -> u32 {
        if seq == 0 {
            0
        } else {
            seq.saturating_sub(self.seqs)
        }
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
