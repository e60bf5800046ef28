//! The room in a log.
//!
//! A log is written from its first group on, so a device whose power fails again and again uses it up. But
//! what it does depends on how much is used for two reasons alone: of the groups that are kept back none holds
//! an ordinary decision, and in a full log there is no group for anything. So of a log that is among those
//! that are kept back all that may still be read can stand further ahead, where only groups were that say nothing
//! any more; as long as it is not full. Whoever reads a log from its end reads there what it read before, and
//! what it looked at before.
//!
//! And where a claim was cut, and is read as one, the next is made behind it; cut as well, there are two that may not
//! be there, and so on. However many there are, the next group is behind one of them, or before all; and what it
//! leaves behind itself is none, one, or several. So two of them or more are taken for three: of those, all of that
//! can come.

use super::cells::Cells;
use crate::hardened::choice::Birth;
use crate::hardened::layout::{BIRTH, GIVEN_UP, GROUP_ROWS, LOG, Log, Place, Sector};
use crate::hardened::record::{LEN, Record, Salt};

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

/// How much of a log is used, once what is over is left out.
#[derive(Clone, Copy)]
pub(super) struct Used {
    /// Rows at its beginning that say nothing.
    over: u8,
    /// The last group of which something shows, for sure; 0 if there is none.
    shown: u8,
    /// The last group of which something may show.
    may_show: u8,
    /// The generation was to be given up, which is done group by group.
    given_up: bool,
}

impl Used {
    pub(super) const NOTHING: Self = Self {
        over: 0,
        shown: 0,
        may_show: 0,
        given_up: false,
    };

    /// Takes a row into account that is not blank for sure; in ascending order.
    pub(super) fn see(&mut self, place: Place, cells: &Cells) {
        let Some((group, _)) = place.group() else {
            self.given_up |= place.row == GIVEN_UP;
            return;
        };
        if *cells == Cells::REFUSED && place.row == LOG.saturating_add(self.over) {
            self.over = self.over.saturating_add(1);
        }
        if !cells.reads_blank() {
            self.shown = group;
        }
        self.may_show = group;
    }

    /// By how many groups all of it may stand further ahead.
    pub(super) fn spare(self, log: Log) -> u8 {
        if self.may_show >= log.groups() || self.given_up {
            return 0;
        }
        let ordinary = log.groups().saturating_sub(log.reserve());
        let over = self.over / GROUP_ROWS;
        // One of which something shows is left: without, the log would seem to begin.
        let shown = self.shown.saturating_sub(ordinary.max(1));
        over.min(shown)
    }
}

/// By how many groups the log of each sector moves ahead.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead([u8; 2]);

impl Ahead {
    /// As far as may be, and no further than that these groups, in which hand-overs of either sector's log began,
    /// are told apart.
    pub(super) fn of(used: [Used; 2], log: Log, children: [Option<u8>; 2]) -> Self {
        let [first, second] = [0, 1].map(|sector: usize| {
            let spare = used.get(sector).map_or(0, |used| used.spare(log));
            let child = children.get(sector).copied().flatten();
            child.map_or(spare, |child| spare.min(child.saturating_sub(1)))
        });
        Self([first, second])
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

/// Claims in doubt that a log ends in: each was cut, read as begun, and the next one cut as well.
#[derive(Clone, Copy)]
pub(super) struct Doubtful {
    /// The generation that they are of, if all are of one.
    generation: Option<u32>,
    /// The last group of which something shows, for sure; 0 if there is none.
    shown: u8,
    /// Claims in doubt in the groups behind that, in a row.
    claims: u8,
    /// There is something else in the groups behind.
    else_too: bool,
    /// The generation is in doubt, or was to be given up.
    unsure: bool,
}

impl Doubtful {
    pub(super) const NOTHING: Self = Self {
        generation: None,
        shown: 0,
        claims: 0,
        else_too: false,
        unsure: false,
    };

    /// How many claims in doubt stand for two or more: which of them is read as the last one, and how many are left
    /// behind the one that is programmed next, none, one, or as many again.
    const MANY: u8 = 3;

    /// Takes a row into account that is not blank for sure, or an entry; in ascending order.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, birth: Option<&Birth>, salt: Salt) {
        let Some((group, which)) = place.group() else {
            let born = (BIRTH..LOG).contains(&place.row);
            self.unsure |= born && !cells.is_sure() || place.row == GIVEN_UP;
            return;
        };
        if !cells.reads_blank() {
            (self.shown, self.claims) = (group, 0);
            self.else_too = false;
            return;
        }
        if group == self.shown {
            return;
        }
        self.generation = birth.map(|birth| birth.generation);
        let next = self.shown.saturating_add(self.claims).saturating_add(1);
        let claim = { self.generation }
            .map(|generation| Record::claim(group, generation).emit(place, salt));
        if which == 0 && group == next && claim.is_some_and(|claim| *cells == doubtful(&claim)) {
            self.claims = self.claims.saturating_add(1);
        } else {
            self.else_too = true;
        }
    }

    /// The row that stands for this one.
    pub(super) fn level(&self, place: Place, cells: Cells, salt: Salt, log: Log) -> Cells {
        let last = self.shown.saturating_add(Self::MANY);
        let (Some(generation), Some((group, which))) = (self.generation, place.group()) else {
            return cells;
        };
        if self.else_too
            || self.unsure
            || self.claims < 2
            || last >= log.groups()
            || group <= self.shown
        {
            return cells;
        }
        if which == 0 && group <= last {
            doubtful(&Record::claim(group, generation).emit(place, salt))
        } else {
            Cells::sure([0xFF; LEN])
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

    const SHOWS: Cells = Cells::sure([0x7F; LEN]);
    const MAY_SHOW: Cells = Cells {
        bits: [0xFF; LEN],
        weak: [1; LEN],
    };

    /// A log in which these groups have these rows, as far as they have any; none of the others has.
    fn used(groups: &[[Option<Cells>; 3]]) -> Used {
        let mut used = Used::NOTHING;
        for (group, rows) in (1..).zip(groups) {
            for (which, cells) in (0..).zip(rows) {
                if let Some(cells) = cells {
                    used.see(Place::in_group(Sector::First, group, which), cells);
                }
            }
        }
        used
    }

    /// Ahead by as many groups as say nothing and are kept back, unless the log is full.
    #[test]
    fn a_log_moves_ahead_over_groups_that_say_nothing() {
        let log = Log::new(8, 6).unwrap();
        let over = [Some(Cells::REFUSED); 3];
        let says = [Some(SHOWS), None, None];
        for (before, after, ahead) in [
            (1, 0, 0),
            (2, 0, 1),
            (4, 0, 3),
            (7, 0, 0),
            (4, 2, 3),
            (4, 3, 0),
        ] {
            let mut groups = std::vec![over; before];
            groups.push(says);
            // Behind what shows, groups that may show, which are as many more.
            groups.extend(std::vec![[Some(MAY_SHOW), None, None]; after]);
            let spare = used(&groups).spare(log);
            assert_eq!(spare, ahead, "{before} before, {after} behind");
        }
        // One that may be read keeps those behind it.
        for kept in 0..4 {
            for row in 0..3 {
                let mut groups = std::vec![over; 4];
                groups[kept][row] = Some(MAY_SHOW);
                groups.push(says);
                let spare = used(&groups).spare(log);
                assert_eq!(usize::from(spare), kept.min(3), "group {kept}, row {row}");
            }
        }
    }

    /// What is given up is given up group by group, wherever the groups are.
    #[test]
    fn a_log_that_was_given_up_stays_where_it_is() {
        let log = Log::new(8, 6).unwrap();
        let over = [Some(Cells::REFUSED); 3];
        let mut used = used(&[over, over, over, [Some(SHOWS), None, None]]);
        assert_eq!(used.spare(log), 2);
        used.see(Place::new(Sector::First, GIVEN_UP - 1), &SHOWS);
        assert_eq!(used.spare(log), 2, "progress");
        used.see(Place::new(Sector::First, GIVEN_UP), &SHOWS);
        assert_eq!(used.spare(log), 0);
    }

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
