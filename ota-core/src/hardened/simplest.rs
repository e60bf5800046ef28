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
use super::choice::Birth;
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
    let mut rows = Rows { bits, weak };
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
pub fn simplify_torn_rows(otadata: &mut [u8], weak: &mut [u8], table: PartitionTable<'_>) {
    let salt = layout::salt(table);
    let (Some(bits), Some(weak)) = (rows_of(otadata), rows_of(weak)) else {
        return;
    };
    let mut rows = Rows { bits, weak };
    let births = rows.births(salt);
    rows.replace(|place, cells| {
        if place.row == SUMMARY || cells.is_blank() {
            return cells;
        }
        let birth = births.get(place.sector.index()).copied().flatten();
        cells.plainest(place, birth.as_ref(), salt)
    });
}

/// The rows of a log.
const LOG_ROWS: Range<usize> = LOG as usize..(LOG + Log::MOST * GROUP_ROWS) as usize;

/// Rows of a sector.
const ROWS: usize = SECTOR as usize / LEN;

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

impl Rows<'_> {
    /// Every row and its place, sector by sector.
    fn each(&self) -> impl Iterator<Item = (Place, Cells)> {
        let sectors = [Sector::First, Sector::Second].into_iter();
        sectors
            .zip(self.bits.iter().zip(self.weak.iter()))
            .flat_map(|(sector, (bits, weak))| {
                let rows = (0..).zip(bits.iter().zip(weak));
                rows.map(move |(row, (bits, weak))| {
                    (Place::new(sector, row), Cells::new(*bits, *weak))
                })
            })
    }

    /// Those of which something may be said: entries, and rows that are not blank for sure.
    fn said(&self) -> impl Iterator<Item = (Place, Cells)> {
        self.each()
            .filter(|(place, cells)| place.row == SUMMARY || !cells.is_blank())
    }

    /// Puts another row in the place of each.
    fn replace(&mut self, mut with: impl FnMut(Place, Cells) -> Cells) {
        let sectors = self.bits.iter_mut().zip(&mut *self.weak);
        for (sector, (bits, weak)) in [Sector::First, Sector::Second].into_iter().zip(sectors) {
            for (row, (bits, weak)) in (0..).zip(bits.iter_mut().zip(weak)) {
                let new = with(Place::new(sector, row), Cells::new(*bits, *weak));
                (*bits, *weak) = (new.bits, new.weak);
            }
        }
    }

    /// What the rows of each birth were to say.
    fn births(&self, salt: Salt) -> [Option<Birth>; 2] {
        let mut births = [[Row::Blank; BIRTH_ROWS]; 2];
        for (place, cells) in self
            .each()
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
        for (sector, (bits, weak)) in [Sector::First, Sector::Second].into_iter().zip(sectors) {
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
        // What the row before is or was to become, and what that is now.
        let mut before = ([0; LEN], [0; LEN]);
        self.replace(|place, cells| {
            let content = survey.of(place.sector);
            let new = if place.row == SUMMARY {
                shift.entry(&cells, content.birth())
            } else if cells.is_blank() {
                cells
            } else {
                let wanted = content.wanted(place).map(|record| record.emit(place, salt));
                shift.row(
                    &cells,
                    place,
                    salt,
                    &before,
                    content.stands_by_itself(),
                    wanted,
                )
            };
            before = (cells.meant(place, salt), new.meant(ahead.to(place), salt));
            new
        });
        self.move_ahead(ahead);
    }
}
