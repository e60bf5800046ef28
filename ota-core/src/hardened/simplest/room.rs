//! The room in a log.
//!
//! A log is written from its first group on, so a device whose power fails again and again uses it up. But
//! what it does depends on how much is used for two reasons alone: of the groups that are kept back none holds
//! an ordinary decision, and in a full log there is no group for anything. So of a log that is among those
//! that are kept back all that may still be read can stand further ahead, where only groups were that say nothing
//! any more; as long as it is not full. Whoever reads a log from its end reads there what it read before, and
//! what it looked at before.

use super::cells::Cells;
use crate::hardened::layout::{GIVEN_UP, GROUP_ROWS, LOG, Log, Place, Sector};

/// What the room that is left in a log counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Room {
    /// The groups that are left are counted: the simplest otadata fills its logs when the other does.
    #[default]
    Counted,
    /// There is always more: the simplest otadata stands for all that lead to it with fewer groups left, and
    /// does what they do until their logs are full.
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
