//! The room in a log.
//!
//! A log is written from its first group on, so a device whose power fails again and again uses it up. But what it
//! does depends on how much is used for two reasons alone: of the groups that are kept back none holds an ordinary
//! decision, and in a full log there is no group for anything. So of a log that is among those that are kept back
//! all that may still be read can stand further ahead, where only groups were that say nothing any more; as long as
//! it is not full, and will not be before the power is off. Whoever reads a log from its end reads there what it
//! read before, and what it looked at before. And nobody goes on to what was decided before a hand-over, as who leaves
//! a full log does.
//!
//! And where a claim was cut, and is read as one, the next is made behind it; cut as well, there are two that may not
//! be there, and so on. However many there are, the next group is behind one of them, or before all; and what it
//! leaves behind itself is none, or some. So one of them or more are taken for two: of those, all of that can come.
//! So it is where something else at the end of a log may be read or not: there are two claims in doubt behind it as well,
//! and the group is sealed, or may be read as if it were not. Where nothing is said before them, it does not matter
//! whether anything shows.

use super::cells::Cells;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{BIRTH, GROUP_ROWS, LOG, Log, Place, Sector};
use crate::hardened::record::{LEN, Record, Row, Salt};

/// What the room that is left in a log counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Room {
    /// The groups that are left are counted: the simplest otadata fills its logs when the other does.
    #[default]
    Counted,
    /// There is always more: the simplest otadata stands for all that lead to it with fewer groups left, and
    /// does what they do until their logs are full; and with weak bits, it may do more.
    Ample,
}

/// The first row of a sector that is as good as this one where [`Room`] is ample: of the rows of a log, the same
/// row of the first group.
#[must_use]
pub const fn interchangeable(row: u8) -> u8 {
    match Place::new(Sector::First, row).group() {
        Some((_, which)) => LOG.saturating_add(which),
        None => row,
    }
}

/// By how many groups the log of each sector moves ahead.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead([u8; 2]);

impl Ahead {
    /// As far as each log can, and no further than that the first of these groups, in which hand-overs of it began,
    /// is told from none.
    pub(super) fn of(logs: [u8; 2], children: [Option<u8>; 2]) -> Self {
        let ([first, second], [child, other]) = (logs, children);
        let as_far = |log: u8, child: Option<u8>| {
            child.map_or(log, |child| log.min(child.saturating_sub(1)))
        };
        Self([as_far(first, child), as_far(second, other)])
    }

    /// By how many groups the log of this sector does.
    pub(super) const fn by(self, sector: Sector) -> u8 {
        let [first, second] = self.0;
        match sector {
            Sector::First => first,
            Sector::Second => second,
        }
    }

    /// By how many groups this row does; a row of progress or of a birth stays.
    pub(super) const fn by_row(self, place: Place) -> u8 {
        match place.group() {
            Some(_) => self.by(place.sector),
            None => 0,
        }
    }

    /// Where the row stands then.
    pub(super) const fn to(self, place: Place) -> Place {
        let rows = self.by_row(place).saturating_mul(GROUP_ROWS);
        Place::new(place.sector, place.row.saturating_sub(rows))
    }
}

/// What may be read otherwise at the end of a log.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Doubtful {
    /// The generation that it is of.
    generation: Option<u32>,
    /// The last group of which something shows, for sure; 0 if there is none.
    shown: u8,
    /// The word of that group, if it is sure.
    word: Option<[u8; LEN]>,
    /// Claims in doubt in the groups behind that, in a row: each was cut, read as begun, and the next one cut as well.
    claims: u8,
    /// There is something else in the groups behind.
    else_too: bool,
    /// A row of a group that shows may be read otherwise.
    fades: bool,
    /// A word may be read, or there is a claim, for sure.
    says: bool,
    /// The generation is in doubt.
    unsure: bool,
}

impl Doubtful {
    pub(super) const NOTHING: Self = Self {
        generation: None,
        shown: 0,
        word: None,
        claims: 0,
        else_too: false,
        fades: false,
        says: false,
        unsure: false,
    };

    /// How many claims in doubt stand for one or more: any of them may be read as the last one, and there may be some
    /// left behind the one that is programmed next, or none.
    const MANY: u8 = 2;

    /// Takes a row into account that is not blank for sure, or an entry; in ascending order.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, birth: Option<&Birth>, salt: Salt) {
        let Some((group, which)) = place.group() else {
            self.unsure |= (BIRTH..LOG).contains(&place.row) && !cells.is_sure();
            return;
        };
        self.generation = birth.map(|birth| birth.generation);
        if !cells.reads_blank() && group != self.shown {
            self.shown = group;
            self.word = None;
            (self.claims, self.else_too) = (0, false);
        }
        if group == self.shown {
            self.see_what_shows(place, which, cells, salt);
            return;
        }
        let next = self.shown.saturating_add(self.claims).saturating_add(1);
        // Where zeroing a claim was cut no more is read than of one that was cut.
        let is_claim = |generation| {
            let claim = Record::claim(group, generation).emit(place, salt);
            *cells == doubtful(&claim) || cells.is_spoilt(place, salt)
        };
        if which == 0 && group == next && self.generation.is_some_and(is_claim) {
            self.claims = self.claims.saturating_add(1);
        } else {
            self.else_too = true;
        }
    }

    /// Takes a row of the last group into account of which something shows.
    fn see_what_shows(&mut self, place: Place, which: u8, cells: &Cells, salt: Salt) {
        let meant = cells.meant(place, salt);
        if !Row::is_record(&meant, place, salt) {
            return;
        }
        self.fades |= !cells.is_sure();
        match which {
            0 => self.says |= cells.is_sure(),
            1 => {
                self.says = true;
                self.word = cells.is_sure().then_some(meant);
            }
            _ => {}
        }
    }

    /// The last group of which something shows, if what is behind it is leveled, and its generation.
    fn shown_if_leveled(&self, log: Log) -> Option<(u8, u32)> {
        // Where nothing is said, one of which something shows is not told from one of which something may.
        let shown = if self.says { self.shown } else { 0 };
        let in_doubt = self.claims > 0 || self.fades;
        let leveled = in_doubt && !self.else_too && !self.unsure;
        let has_room = shown.saturating_add(Self::MANY) < log.groups();
        { self.generation.filter(|_| leveled && has_room) }.map(|generation| (shown, generation))
    }

    /// Whether another row may stand for any.
    pub(super) fn levels(&self, log: Log) -> bool {
        self.shown_if_leveled(log).is_some()
    }

    /// The row that stands for this one.
    pub(super) fn level(&self, place: Place, cells: Cells, salt: Salt, log: Log) -> Cells {
        let (Some((shown, generation)), Some((group, which))) =
            (self.shown_if_leveled(log), place.group())
        else {
            return cells;
        };
        if group < shown {
            return cells;
        }
        let last = shown.saturating_add(Self::MANY);
        match (which, self.word) {
            (2, Some(word)) if group == shown => {
                Cells::fading(&Record::seal(group, generation, &word).emit(place, salt))
            }
            _ if group == shown => cells,
            (0, _) if group <= last => {
                doubtful(&Record::claim(group, generation).emit(place, salt))
            }
            _ => Cells::BLANK,
        }
    }
}

/// A row of which nothing may be read, or some, or all.
fn doubtful(row: &[u8; LEN]) -> Cells {
    Cells::torn(row, true)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

    #[test]
    fn rows_of_a_log_are_interchangeable_with_those_of_its_first_group() {
        let rows: Vec<u8> = (0..128).map(interchangeable).collect();
        for (row, first) in (0..).zip(rows) {
            let expected = match row {
                5..95 => 5 + (row - 5) % 3,
                _ => row,
            };
            assert_eq!(first, expected, "row {row}");
        }
    }
}
