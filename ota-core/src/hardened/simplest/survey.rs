//! What both sectors hold, and what of it is over.

use super::cells::Cells;
use super::log::{Log, Simplest};
use super::room::Room;
use crate::hardened::choice::{self, Choice, Digest, Status};
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{BIRTH, BIRTH_ROWS, LOG, Log as Length, Place, SUMMARY, Sector};
use crate::hardened::read;
use crate::hardened::record::{Record, Row, Salt};
use crate::hardened::summary;
use crate::otadata::Entry;

/// What a sector holds. Rows with weak bits say nothing *for sure*.
#[derive(Clone, Copy)]
pub(super) struct Content {
    entry: Cells,
    /// The rows of its birth as they were to be written.
    births: [Row; BIRTH_ROWS],
    /// Some of them have weak bits.
    in_doubt: bool,
    /// What the generation was to begin with.
    written: Option<Birth>,
    /// The youngest generation that a row of its birth may be read as.
    youngest: Option<u32>,
    /// Something shows where its birth would be, for sure.
    shows_birth: bool,
    /// The rows of its birth that may be read as what belongs there.
    may_be_born: [bool; BIRTH_ROWS],
    log: Log,
}

impl Content {
    const NONE: Self = Self {
        entry: Cells::REFUSED,
        births: [Row::Blank; BIRTH_ROWS],
        in_doubt: false,
        written: None,
        youngest: None,
        shows_birth: false,
        may_be_born: [false; BIRTH_ROWS],
        log: Log::EMPTY,
    };

    /// What the generation begins with, if that is sure.
    pub(super) fn birth(&self) -> Option<Birth> {
        self.written.filter(|_| !self.in_doubt)
    }

    /// What is programmed there if the log is full and says nothing: in the last group, once more.
    pub(super) fn wanted(&self, place: Place, length: Length) -> Option<Record> {
        let birth = self.birth().filter(|_| !self.log.says())?;
        Record::of_birth(&birth, place, length)
    }

    /// Whether its generation has a claim of its own, for sure.
    const fn is_opened(&self) -> bool {
        self.log.is_opened()
    }

    /// Whether nobody asks what handed over to it: it has a claim of its own, and was not to be given up.
    pub(super) fn stands_by_itself(&self) -> bool {
        self.is_opened() && !self.log.may_be_given_up()
    }

    /// The sequence number of the entry that the generation is to have, if stock code finds that whole.
    fn whole_entry(&self) -> Option<u32> {
        let birth = self.birth().filter(|birth| birth.seq != 0)?;
        let entry = summary::entry(birth.seq, birth.generation);
        (self.entry == Cells::sure(entry.emit())).then_some(birth.seq)
    }

    /// The youngest generation that it may be read to hold.
    fn youngest(&self) -> Option<u32> {
        let may_be_born = self.may_be_born == [true; BIRTH_ROWS];
        self.youngest.filter(|_| may_be_born)
    }

    /// Whether its entry is such a one, however it is read.
    fn entry_is(&self, such: impl Fn(&Entry) -> bool) -> bool {
        let mut readings = self.entry.readings();
        readings.all(|bytes| such(&Entry::parse(&bytes)))
    }

    /// Whether its entry can be read as valid.
    fn may_select(&self) -> bool {
        !self.entry_is(|entry| !entry.is_valid())
    }

    /// Whether its birth may be read whole or not, and more than that is not to be told from it: that no
    /// birth is to be seen matters only beside an entry of stock code.
    fn may_be_whole(&self) -> bool {
        self.in_doubt && self.written.is_some() && self.has_no_foreign_entry()
    }

    /// Whether its entry is read as none, or as one of ours; or as number 0, which no stock code writes.
    fn has_no_foreign_entry(&self) -> bool {
        self.entry_is(|entry| !entry.is_valid() || entry.seq == 0 || summary::is_ours(entry))
    }

    /// Whether its entry selects no slot, however it is read.
    fn selects_nothing(&self) -> bool {
        self.entry_is(|entry| !entry.is_valid() || entry.seq == 0)
    }

    /// Whether nothing proves its generation, which nothing hands over to, however it is read; if it is alone.
    fn is_unproven(&self) -> bool {
        let alone = self.written.is_some_and(|birth| birth.child == 0);
        alone && !self.log.may_claim()
    }

    /// Whether the row may show that says that its generation was to be given up.
    pub(super) fn shows_that_it_was_given_up(&self) -> bool {
        self.log.shows_that_it_was_given_up()
    }

    /// Whether a generation was to be given up is asked where its log is full, as it is once it was given up, or one group
    /// is left.
    fn forget_what_was_to_be_given_up(&mut self, length: Length) {
        if !self.log.may_be_full(length) {
            self.log.forget_that_it_was_given_up();
        }
    }

    /// The hand-over to `next`, if it is beyond doubt.
    fn handed_over_to(&self, next: &Self) -> Option<Record> {
        let (birth, next) = (self.birth()?, next.birth()?);
        let record = self.log.handed_over()?;
        let (choice, _) = choice::parse(&record.payload, &next.choice)?;
        let follows = birth.generation.checked_add(1) == Some(next.generation);
        (follows && record.child == next.child && choice == next.choice).then_some(record)
    }

    /// Whether it counts, for sure, whatever happens to the other sector: for all that has been appended, its
    /// generation may as well have a claim where that does not matter. One that was to be given up is, in a full log
    /// that says nothing, and then the other sector is all there is.
    fn has_taken_over(&self, other: &Self, length: Length) -> bool {
        let handed_over = || self.log.has_begun(length) && other.handed_over_to(self).is_some();
        !self.log.may_be_given_up() && (self.is_opened() || handed_over())
    }

    /// Whether nobody takes its entry for one that counts beside the sequence number `seq`.
    fn yields_to(&self, seq: u32) -> bool {
        self.entry_is(|entry| !entry.is_valid() || entry.seq < seq)
    }

    /// Nobody looks at its log; nor, without a birth, at the rows of that, but to find out whether stock code wrote
    /// the entry: whether any shows.
    fn without_log(&self) -> End {
        let no_birth = self.youngest().is_none() && (self.shows_birth || self.selects_nothing());
        End::Over {
            from: if no_birth { BIRTH } else { LOG },
        }
    }

    /// What of it is over while nothing else has taken over for sure.
    fn counts_beside(&self, other: &Self, length: Length, room: Room) -> End {
        if self.youngest().is_none() {
            return self.without_log();
        }
        let may_be_whole = self.may_be_whole();
        if other.youngest().is_none() && self.is_unproven() {
            let entry = if self.may_select() {
                self.entry
            } else {
                self.entry.over()
            };
            return End::Unproven {
                entry,
                may_be_whole,
            };
        }
        let opened = self.has_taken_over(other, length);
        let birth = { self.birth() }.filter(|_| opened && self.log.says());
        let birth = birth.map(overridden);
        if let Some((birth, record)) = birth.zip(self.handed_over_to(other)) {
            return End::HandedOver { birth, record };
        }
        let log = |birth: Birth| (birth.generation, self.log.simplest(length, room, opened));
        End::Counts {
            log: { self.written }
                .filter(|_| may_be_whole || !self.in_doubt)
                .map(log),
            birth,
            may_be_whole,
        }
    }

    /// Takes an entry into account, or a row that is not blank for sure; in ascending order.
    fn see(&mut self, place: Place, cells: &Cells, salt: Salt) {
        if place.row == SUMMARY {
            self.entry = *cells;
            return;
        }
        if place.row >= LOG {
            let birth = self.birth();
            self.log.see(place, cells, birth.as_ref(), salt);
            return;
        }
        let number = usize::from(place.row.saturating_sub(BIRTH));
        let (Some(birth), Some(may)) = (
            self.births.get_mut(number),
            self.may_be_born.get_mut(number),
        ) else {
            return;
        };
        *birth = Row::parse(&cells.written(), place, salt);
        for bytes in cells.readings() {
            if let Row::Valid(record) = Row::parse(&bytes, place, salt)
                && record.kind.is_of_birth()
            {
                self.youngest = self.youngest.max(Some(record.generation));
                *may = true;
            }
        }
        self.in_doubt |= !cells.is_sure();
        self.shows_birth |= !cells.reads_blank();
        self.written = read::birth(&self.births);
    }
}

/// What both hold.
pub(super) struct Survey {
    sectors: [Content; 2],
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            sectors: [Content::NONE; 2],
        }
    }
}

impl Survey {
    pub(super) fn of(&self, sector: Sector) -> &Content {
        &self.sectors[sector.index()]
    }

    /// Takes an entry into account, or a row that is not blank for sure; those of a sector in ascending order.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, salt: Salt) {
        self.sectors[place.sector.index()].see(place, cells, salt);
    }

    /// Forgets that a generation was to be given up where nobody asks.
    pub(super) fn forget_what_was_to_be_given_up(&mut self, length: Length) {
        let sectors = self.sectors.iter_mut();
        sectors.for_each(|content| content.forget_what_was_to_be_given_up(length));
    }

    /// What of each sector is over.
    pub(super) fn ends(&self, length: Length, room: Room) -> [End; 2] {
        [Sector::First, Sector::Second].map(|sector| self.end_of(sector, length, room))
    }

    fn end_of(&self, sector: Sector, length: Length, room: Room) -> End {
        let (this, other) = (self.of(sector), self.of(sector.other()));
        let selects = this.may_select();
        if this.youngest().is_none() && !selects {
            return End::Over { from: SUMMARY };
        }
        let Some(birth) = other.birth().filter(|_| other.has_taken_over(this, length)) else {
            return this.counts_beside(other, length, room);
        };
        let superseded = { this.youngest() }.is_none_or(|generation| generation < birth.generation);
        let aborted = !this.log.may_claim() && other.log.ends_in_decision();
        if !superseded && !aborted {
            return this.counts_beside(other, length, room);
        }
        // Whether for stock code there is none, or the entry of the other one wins.
        let yields = !selects || { other.whole_entry() }.is_some_and(|seq| this.yields_to(seq));
        match (yields, this.has_no_foreign_entry()) {
            (true, _) => End::Over { from: SUMMARY },
            (false, true) => End::Over { from: BIRTH },
            (false, false) if superseded => this.without_log(),
            (false, false) => End::Over { from: u8::MAX },
        }
    }

    /// By how many groups all that may be read of each log can stand further ahead.
    pub(super) fn spare(&self, length: Length) -> [u8; 2] {
        self.sectors.map(|content| content.log.spare(length))
    }

    /// The group in which the hand-over began that is under way, if that may be any other as well: nothing
    /// is to be told from it but whether the child is the one that is handed over to.
    pub(super) fn handing_over(&self) -> Option<u8> {
        let [first, second] = &self.sectors;
        let (old, new) = match (first.birth()?, second.birth()?) {
            (one, other) if one.generation < other.generation => (first, other),
            (one, _) => (second, one),
        };
        { old.log.hands_over() }.filter(|child| *child == new.child)
    }
}

/// Whether a sector counts.
#[expect(
    clippy::large_enum_variant,
    reason = "there are two, one for each sector"
)]
pub(super) enum End {
    /// It does, or may.
    Counts {
        /// The number of its generation, and what nobody tells from its log; if its birth is sure.
        log: Option<(u32, Simplest)>,
        /// What nobody tells from its birth, if that is another.
        birth: Option<Birth>,
        /// Its birth may be read whole, or not.
        may_be_whole: bool,
    },
    /// Its entry does, for stock code; all else is over but the hand-over, which is beyond doubt.
    HandedOver { birth: Birth, record: Record },
    /// Its birth is read, if it may be read whole; and nothing proves it, so nobody looks at its log.
    Unproven {
        /// What nobody tells from its entry.
        entry: Cells,
        /// Its birth may be read whole, or not.
        may_be_whole: bool,
    },
    /// There is nothing in it, a younger generation has taken over in the other one, or an older one has not
    /// handed over, and will not: this one is erased first. Nobody looks at the rows from this one on: at all
    /// of them, or all but its entry, where that may win for stock code; where it may be one of stock code, its
    /// birth is looked at as well.
    Over { from: u8 },
}

impl End {
    /// The row that nobody tells from this one.
    pub(super) fn leave_out(&self, place: Place, cells: Cells, salt: Salt) -> Cells {
        match self {
            Self::HandedOver { record, .. } if place.row >= LOG => handed_over(record, place, salt),
            Self::Unproven { entry, .. } if place.row == SUMMARY => *entry,
            Self::Unproven { .. } if place.row >= LOG => Cells::REFUSED,
            Self::Counts {
                may_be_whole: true, ..
            }
            | Self::Unproven {
                may_be_whole: true, ..
            } if (BIRTH..LOG).contains(&place.row) => {
                // One row in doubt is as good as four.
                let written = cells.written();
                if place.row == BIRTH {
                    Cells::torn(&written, false)
                } else {
                    Cells::sure(written)
                }
            }
            Self::HandedOver { birth, .. }
            | Self::Counts {
                birth: Some(birth), ..
            } if (BIRTH..LOG).contains(&place.row) => {
                let row = usize::from(place.row.saturating_sub(BIRTH));
                let records = birth.records();
                records
                    .get(row)
                    .map_or(cells, |record| Cells::sure(record.emit(place, salt)))
            }
            Self::Counts {
                log: Some((generation, log)),
                ..
            } => log.row(place, cells, *generation, salt),
            Self::Over { from: SUMMARY } if place.row == SUMMARY => cells.over(),
            Self::Over { from } if place.row >= *from => Cells::REFUSED,
            Self::Counts { log: None, .. }
            | Self::HandedOver { .. }
            | Self::Unproven { .. }
            | Self::Over { .. } => cells,
        }
    }
}

/// The birth of a generation that need not say any more how far what it chooses is: its log does, for sure.
fn overridden(birth: Birth) -> Birth {
    let choice = Choice {
        status: Status::Confirmed,
        open: None,
        staged: Digest::UNKNOWN,
        ..birth.choice
    };
    Birth { choice, ..birth }
}

/// A row of a log in which nothing but this hand-over was ever said.
fn handed_over(record: &Record, place: Place, salt: Salt) -> Cells {
    let Some((1, which)) = place.group() else {
        return Cells::BLANK;
    };
    let record = Record {
        number: 1,
        ..*record
    };
    let row = match which {
        0 => Record::claim(1, record.generation),
        1 => record,
        _ => {
            let word = record.emit(Place::in_group(place.sector, 1, 1), salt);
            Record::seal(1, record.generation, &word)
        }
    };
    Cells::sure(row.emit(place, salt))
}
