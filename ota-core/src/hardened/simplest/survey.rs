//! What both sectors hold, and what of it is over.

use super::cells::Cells;
use super::log::{Log, Simplest};
use crate::hardened::choice::Birth;
use crate::hardened::layout::{BIRTH, BIRTH_ROWS, LOG, Log as Length, Place, SUMMARY, Sector};
use crate::hardened::read;
use crate::hardened::record::{LEN, Record, Row, Salt};
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
        may_be_born: [false; BIRTH_ROWS],
        log: Log::EMPTY,
    };

    /// What the generation begins with, if that is sure.
    pub(super) fn birth(&self) -> Option<Birth> {
        self.written.filter(|_| !self.in_doubt)
    }

    /// What is programmed there if the log is full and says nothing: in the last group, once more.
    pub(super) fn wanted(&self, place: Place) -> Option<Record> {
        let birth = self.birth().filter(|_| !self.log.says())?;
        Record::of_birth(&birth, place)
    }

    /// Whether its generation has a claim of its own, for sure.
    pub(super) const fn is_opened(&self) -> bool {
        self.log.is_opened()
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

    /// Whether its entry can be read as valid.
    fn may_select(&self) -> bool {
        let valid = |bytes: [u8; LEN]| Entry::parse(&bytes).is_valid();
        self.entry.readings().any(valid)
    }

    /// Whether its birth may be read whole or not, and more than that is not to be told from it: that no
    /// birth is to be seen matters only beside an entry of stock code.
    fn may_be_whole(&self) -> bool {
        self.in_doubt && self.written.is_some() && self.has_no_foreign_entry()
    }

    /// Whether its entry is read as none, or as one of ours; or as number 0, which no stock code writes.
    fn has_no_foreign_entry(&self) -> bool {
        self.entry.readings().all(|bytes| {
            let entry = Entry::parse(&bytes);
            !entry.is_valid() || entry.seq == 0 || summary::is_ours(&entry)
        })
    }

    /// Whether nobody takes its entry for one that counts beside the sequence number `seq`.
    fn yields_to(&self, seq: u32) -> bool {
        self.entry.readings().all(|bytes| {
            let entry = Entry::parse(&bytes);
            !entry.is_valid() || summary::is_ours(&entry) && entry.seq < seq
        })
    }

    /// Takes a row into account; in ascending order.
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

    /// Takes a row into account; those of a sector in ascending order.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, salt: Salt) {
        self.sectors[place.sector.index()].see(place, cells, salt);
    }

    /// What of each sector is over.
    pub(super) fn ends(&self, length: Length) -> [End; 2] {
        [Sector::First, Sector::Second].map(|sector| self.end_of(sector, length))
    }

    fn end_of(&self, sector: Sector, length: Length) -> End {
        let (this, other) = (self.of(sector), self.of(sector.other()));
        let counts = End::Counts {
            log: { this.birth() }.map(|birth| (birth.generation, this.log.simplest(length))),
            may_be_whole: this.may_be_whole(),
        };
        let selects = this.may_select();
        if this.youngest().is_none() && !selects {
            return End::Over { from: SUMMARY };
        }
        let Some(birth) = other.birth().filter(|_| other.is_opened()) else {
            return counts;
        };
        // Whether for stock code there is none, or the entry of the other one wins.
        let yields = !selects || { other.whole_entry() }.is_some_and(|seq| this.yields_to(seq));
        let superseded = { this.youngest() }.is_none_or(|generation| generation < birth.generation);
        let aborted = !this.log.may_claim() && other.log.ends_in_decision();
        if !superseded && !aborted {
            return counts;
        }
        match (yields, this.has_no_foreign_entry()) {
            (true, _) => End::Over { from: SUMMARY },
            (false, true) => End::Over { from: BIRTH },
            (false, false) if superseded => End::Over { from: LOG },
            (false, false) => End::Over { from: u8::MAX },
        }
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
            Self::Counts {
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
            Self::Counts {
                log: Some((generation, log)),
                ..
            } => log.row(place, cells, *generation, salt),
            Self::Over { from } if place.row >= *from => Cells::REFUSED,
            Self::Counts { log: None, .. } | Self::Over { .. } => cells,
        }
    }
}
