//! For tools that explore: the simplest otadata that nobody tells from a given one, or that leads to more.
//!
//! *Numbers.* Generations and sequence numbers count up for as long as a device lives, so its states
//! never repeat. But nothing depends on how large they are (as long as sequence numbers do not
//! [begin anew](super::read::seq_above)): only on which is larger, by how much, and which slot a
//! sequence number names. So all generations may be lowered by one number, and all sequence numbers by
//! a multiple of the number of slots.
//!
//! *What nobody reads, or not any more.* A sector without a whole birth and without an entry that is valid
//! says nothing, and is erased before it is programmed. Of a generation that nothing proves, and nothing
//! will, its birth is read alone. Of a log little matters but its last words, and of one that has handed over
//! beyond doubt only that it has; of a hand-over nobody reads the flags. Of a birth whose log says what is chosen
//! matters what a log does not say. Whether a generation has a claim does not matter where something else proves it
//! and no other one may come to count. A whole sector is over, but for its entry, as soon as a younger generation has
//! a claim of its own; and while an older one is proven, and its last word is no hand-over: it is erased before it
//! comes to count. Its entry is over where it is not valid, or stock code finds a newer one that is whole.
//!
//! *What leads to less.* Of an entry that is over, an erase that is cut makes at most one of number 0, which
//! selects for a stock bootloader, and of the second half of one that is to be completed, a completed one. One
//! of which all of that can come stands for those of which less can.
//!
//! *Entries that nobody wrote.* Of an entry of number 0, which a cut erase makes, no other field counts, nor whether
//! its number or its CRC is in doubt. Of one of ours that cannot be completed any more nothing does.
//!
//! *What is refused.* Of a row that is no record nothing depends on the bytes, as it is not programmed
//! again before its sector is erased, but for the second half of an entry, which is only ever completed.
//!
//! *Weak bits.* Of a row with weak bits matters as what it may be read: as the record that was to be
//! written, as blank, as something refused; and whether what is programmed there next is weak as well, as it
//! is where zeroing the row was cut.
//!
//! All this as long as no stock code writes an entry; and of weak bits as long as programming a row once more heals
//! them.

mod cells;
mod entry;
mod log;
mod room;
mod shift;
mod survey;

use core::ops::Range;

use self::cells::Cells;
use self::room::{Ahead, Doubtful};
pub use self::room::{Room, interchangeable};
use self::shift::Numbers;
use self::survey::Survey;
use super::format::generation_header::Birth;
use super::layout::{
    self, BIRTH, BIRTH_ROWS, GIVEN_UP, GROUP_ROWS, LOG, Log, Place, SUMMARY, Sector,
};
use super::read;
use super::record::{LEN, Record, Row, Salt};
use crate::flash::SECTOR;
use crate::partition::PartitionTable;

/// Rewrites otadata as the simplest one that behaves alike.
///
/// `otadata` is both sectors, 8192 bytes, and `weak` tells of each of their bits whether its cell is
/// weak; what weak bits read as in `otadata` does not matter, and afterwards they are 1. Where either
/// is shorter nothing is done, and nothing beyond is looked at. `log` is that of the device, and `room` says
/// whether the groups that are left in it count. Of otadata that is the simplest already nothing changes.
pub fn simplify(
    otadata: &mut [u8],
    weak: &mut [u8],
    table: PartitionTable<'_>,
    log: Log,
    room: Room,
) {
    let salt = layout::salt(table);
    let (Some(bits), Some(weak)) = (rows_of(otadata), rows_of(weak)) else {
        return;
    };
    let mut rows = Rows::new(bits, weak);
    rows.leave_out_what_is_over(salt, log, room);
    rows.lower_numbers(salt, table.boot_ota_count(), log, room);
    if room == Room::Ample {
        rows.level_claims(salt, log);
    }
}

/// Rewrites rows of a log that a cut has torn, each as the simplest one of those that are read alike. What
/// comes of it has the same [simplest](simplify) otadata, and is found in less time.
///
/// The arguments are those of [`simplify`].
pub fn simplify_torn_rows(
    otadata: &mut [u8],
    weak: &mut [u8],
    table: PartitionTable<'_>,
    log: Log,
) {
    let salt = layout::salt(table);
    let (Some(bits), Some(weak)) = (rows_of(otadata), rows_of(weak)) else {
        return;
    };
    let mut rows = Rows::new(bits, weak);
    let births = rows.births(salt);
    rows.replace_said(|place, cells| {
        if place.row == SUMMARY {
            return cells;
        }
        let birth = births.get(place.sector.index()).copied().flatten();
        cells.plainest(place, birth.as_ref(), salt, log)
    });
}

/// The rows of a log.
const LOG_ROWS: Range<usize> = LOG as usize..(LOG + Log::MOST * GROUP_ROWS) as usize;

/// Rows of a sector.
const ROWS: usize = SECTOR as usize / LEN;

/// A blank row, as it is and as it stays.
const BLANKS: ([u8; LEN], [u8; LEN]) = ([0xFF; LEN], [0xFF; LEN]);

type Sectors = [[[u8; LEN]; ROWS]; 2];

fn rows_of(bytes: &mut [u8]) -> Option<&mut Sectors> {
    let (rows, _) = bytes.as_chunks_mut();
    let (sectors, _) = rows.as_chunks_mut();
    sectors.first_chunk_mut()
}

/// Both sectors, row by row.
struct Rows<'b> {
    bits: &'b mut Sectors,
    weak: &'b mut Sectors,
    said: [Said; 2],
}

/// The rows of a sector of which something may be said: its entry, and those that are not blank for sure. Mostly
/// they are few.
#[derive(Clone, Copy)]
struct Said(u128);

const _: () = assert!(ROWS == u128::BITS as usize, "one bit for each row");

impl Said {
    const NOTHING: Self = Self(1 << SUMMARY);

    /// Takes a row into account.
    fn note(&mut self, row: u8, cells: &Cells) {
        self.0 |= u128::from(!cells.is_blank()).unbounded_shl(u32::from(row));
    }

    /// Moves those of a log ahead by so many rows.
    fn move_ahead(&mut self, by: usize) {
        let log = LOG_ROWS.fold(0, |log, row| log | 1u128 << row);
        let moved = (self.0 & log).unbounded_shr(u32::try_from(by).unwrap_or(u32::MAX)) & log;
        self.0 = self.0 & !log | moved;
    }

    /// The next row from this one on.
    fn next_from(self, row: u8) -> Option<u8> {
        let left = self.0.unbounded_shr(u32::from(row));
        let skipped = u8::try_from(left.trailing_zeros()).ok()?;
        (left != 0).then_some(row.saturating_add(skipped))
    }

    /// All of them, in ascending order.
    fn rows(self) -> impl Iterator<Item = u8> {
        let after = move |row: &u8| self.next_from(row.saturating_add(1));
        core::iter::successors(self.next_from(0), after)
    }
}

impl Record {
    /// The sector in whose log the hand-over began that a record of this sector names.
    fn parent(&self, sector: Sector) -> Sector {
        if self.kind.is_of_birth() {
            sector.other()
        } else {
            sector
        }
    }
}

impl<'b> Rows<'b> {
    fn new(bits: &'b mut Sectors, weak: &'b mut Sectors) -> Self {
        let mut rows = Self {
            bits,
            weak,
            said: [Said::NOTHING; 2],
        };
        rows.replace(|_, cells| cells);
        rows
    }

    /// A row of a sector.
    fn cells(&self, place: Place) -> Cells {
        let of = |sectors: &Sectors| {
            let sector = sectors.get(place.sector.index());
            sector.and_then(|rows| rows.get(usize::from(place.row)).copied())
        };
        let (bits, weak) = (of(self.bits), of(self.weak));
        { bits.zip(weak) }.map_or(Cells::BLANK, |(bits, weak)| Cells::new(bits, weak))
    }

    /// The places of those of which something may be said, sector by sector.
    fn places_of(said: [Said; 2]) -> impl Iterator<Item = Place> {
        let sectors = [Sector::First, Sector::Second].into_iter().zip(said);
        sectors.flat_map(|(sector, said)| said.rows().map(move |row| Place::new(sector, row)))
    }

    /// Those of which something may be said: entries, and rows that are not blank for sure.
    fn said(&self) -> impl Iterator<Item = (Place, Cells)> {
        Self::places_of(self.said).map(|place| (place, self.cells(place)))
    }

    /// Puts another row in the place of each.
    fn replace(&mut self, mut with: impl FnMut(Place, Cells) -> Cells) {
        let sectors = self.bits.iter_mut().zip(&mut *self.weak);
        let sectors = sectors.zip(&mut self.said);
        for (sector, ((bits, weak), said)) in
            [Sector::First, Sector::Second].into_iter().zip(sectors)
        {
            *said = Said::NOTHING;
            for (row, (bits, weak)) in (0..).zip(bits.iter_mut().zip(weak)) {
                let new = with(Place::new(sector, row), Cells::new(*bits, *weak));
                (*bits, *weak) = (new.bits, new.weak);
                said.note(row, &new);
            }
        }
    }

    /// The same of those of which something may be said.
    fn replace_said(&mut self, mut with: impl FnMut(Place, Cells) -> Cells) {
        let said = core::mem::replace(&mut self.said, [Said::NOTHING; 2]);
        for place in Self::places_of(said) {
            let new = with(place, self.cells(place));
            self.put(place, &new);
        }
    }

    fn put(&mut self, place: Place, new: &Cells) {
        let sector = place.sector.index();
        for (sectors, new) in [(&mut *self.bits, new.bits), (&mut *self.weak, new.weak)] {
            let rows = sectors.get_mut(sector);
            if let Some(row) = rows.and_then(|rows| rows.get_mut(usize::from(place.row))) {
                *row = new;
            }
        }
        if let Some(said) = self.said.get_mut(sector) {
            said.note(place.row, new);
        }
    }

    /// What the rows of each birth were to say.
    fn births(&self, salt: Salt) -> [Option<Birth>; 2] {
        let mut births = [[Row::Blank; BIRTH_ROWS]; 2];
        for (place, cells) in self
            .said()
            .filter(|(place, _)| (BIRTH..LOG).contains(&place.row))
        {
            let rows = births.get_mut(place.sector.index());
            let row =
                rows.and_then(|rows| rows.get_mut(usize::from(place.row.saturating_sub(BIRTH))));
            if let Some(row) = row {
                *row = Row::parse(&cells.written(), place, salt);
            }
        }
        births.map(|rows| read::birth(&rows))
    }

    fn survey(&self, salt: Salt) -> Survey {
        let mut survey = Survey::default();
        self.said()
            .for_each(|(place, cells)| survey.see(place, &cells, salt));
        survey
    }

    fn leave_out_what_is_over(&mut self, salt: Salt, log: Log, room: Room) {
        let mut survey = self.survey(salt);
        if room == Room::Ample {
            survey.forget_what_was_to_be_given_up(log);
        }
        let ends = survey.ends(log, room);
        self.replace(|place, cells| {
            let content = survey.of(place.sector);
            let forgotten = place.row == GIVEN_UP && !content.shows_that_it_was_given_up();
            let cells = if forgotten { Cells::BLANK } else { cells };
            let end = ends.get(place.sector.index());
            end.map_or(cells, |end| end.leave_out(place, cells, salt))
        });
    }

    /// The first group of each log in which a hand-over began that is told from others.
    fn children(&self, survey: &Survey, salt: Salt) -> [Option<u8>; 2] {
        let handing_over = survey.handing_over();
        let mut children = [None; 2];
        for (place, cells) in self.said().filter(|(place, _)| place.row != SUMMARY) {
            let Row::Valid(record) = Row::parse(&cells.meant(place, salt), place, salt) else {
                continue;
            };
            let over = record.child == 0
                || handing_over == Some(record.child)
                || record.kind.is_of_birth() && survey.of(place.sector).stands_by_itself();
            if let Some(child) = children.get_mut(record.parent(place.sector).index())
                && !over
            {
                *child = Some(child.map_or(record.child, |first: u8| first.min(record.child)));
            }
        }
        children
    }

    /// Moves what is in each log ahead.
    fn move_ahead(&mut self, ahead: Ahead) {
        let sectors = self.bits.iter_mut().zip(&mut *self.weak);
        let sectors = sectors.zip(&mut self.said);
        for (sector, ((bits, weak), said)) in
            [Sector::First, Sector::Second].into_iter().zip(sectors)
        {
            let by = usize::from(ahead.by(sector)) * usize::from(GROUP_ROWS);
            for (rows, blank) in [(bits, 0xFF), (weak, 0)] {
                if let Some(log) = rows.get_mut(LOG_ROWS)
                    && by <= log.len()
                {
                    log.rotate_left(by);
                    let behind = log.len() - by;
                    log.iter_mut()
                        .skip(behind)
                        .for_each(|row| *row = [blank; LEN]);
                }
            }
            said.move_ahead(by);
        }
    }

    /// Puts two claims in doubt where a log ends in one or more.
    fn level_claims(&mut self, salt: Salt, log: Log) {
        let births = self.births(salt);
        let mut ends = [Doubtful::NOTHING; 2];
        for (place, cells) in self.said() {
            if let (Some(end), Some(birth)) = (
                ends.get_mut(place.sector.index()),
                births.get(place.sector.index()),
            ) {
                end.see(place, &cells, birth.as_ref(), salt);
            }
        }
        if !ends.iter().any(|end| end.levels(log)) {
            return;
        }
        self.replace(|place, cells| {
            let end = ends.get(place.sector.index());
            end.map_or(cells, |end| end.level(place, cells, salt, log))
        });
    }

    fn lower_numbers(&mut self, salt: Salt, slots: u32, log: Log, room: Room) {
        let survey = self.survey(salt);
        let mut numbers = Numbers::default();
        for (place, cells) in self.said() {
            if place.row == SUMMARY {
                numbers.count_entry(&cells);
            } else {
                numbers.count_row(place, &cells, salt);
            }
        }
        let ahead = if room == Room::Counted || numbers.are_unknown() {
            Ahead::default()
        } else {
            Ahead::of(survey.spare(log), self.children(&survey, salt))
        };
        let shift = { numbers.shift(slots) }
            .handing_over(survey.handing_over())
            .moving(ahead);
        // What the last row is or was to become, and what that is now.
        let mut last: Option<(Place, _)> = None;
        self.replace_said(|place, cells| {
            let content = survey.of(place.sector);
            let new = if place.row == SUMMARY {
                shift.entry(&cells, content.birth())
            } else {
                let wanted = content
                    .wanted(place, log)
                    .map(|record| record.emit(place, salt));
                let before = last.filter(|(last, _)| last.is_before(place));
                shift.row(
                    &cells,
                    place,
                    salt,
                    &before.map_or(BLANKS, |(_, rows)| rows),
                    content.stands_by_itself(),
                    wanted,
                )
            };
            let rows = (cells.meant(place, salt), new.meant(ahead.to(place), salt));
            last = Some((place, rows));
            new
        });
        self.move_ahead(ahead);
    }
}
