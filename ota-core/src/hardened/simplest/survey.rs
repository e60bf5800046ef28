//! What both sectors hold, and what of it is over.

use super::cells::Cells;
use crate::hardened::choice::{self, Birth, Flags};
use crate::hardened::layout::{BIRTH, BIRTH_ROWS, LOG, Place, SUMMARY, Sector};
use crate::hardened::read;
use crate::hardened::record::{self, Kind, LEN, PAYLOAD, Record, Row, Salt};
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
    /// A claim may be read somewhere.
    may_claim: bool,
    /// The last group with a claim, for sure.
    claimed: Option<u8>,
    /// The last group with a decision or a hand-over, for sure, and which of both.
    said: Option<(u8, Kind)>,
    /// What a seal of that one says.
    fingerprint: [u8; 4],
    /// The last group with a sealed decision, for sure.
    sealed: Option<u8>,
    /// The last group that may be read as if it had one.
    may_say: u8,
    /// The groups in which the hand-overs began that may be read in it.
    hands_over: Children,
}

/// The groups in which hand-overs began.
#[derive(Clone, Copy)]
enum Children {
    None,
    All(u8),
    Several,
}

impl Content {
    const NONE: Self = Self {
        entry: Cells::REFUSED,
        births: [Row::Blank; BIRTH_ROWS],
        in_doubt: false,
        written: None,
        youngest: None,
        may_be_born: [false; BIRTH_ROWS],
        may_claim: false,
        claimed: None,
        said: None,
        fingerprint: [0; 4],
        sealed: None,
        may_say: 0,
        hands_over: Children::None,
    };

    /// What the generation begins with, if that is sure.
    pub(super) fn birth(&self) -> Option<Birth> {
        self.written.filter(|_| !self.in_doubt)
    }

    /// What is programmed there if the log is full and says nothing: in the last group, once more.
    pub(super) fn wanted(&self, place: Place) -> Option<Record> {
        let birth = self.birth().filter(|_| self.said.is_none())?;
        let (group, which) = place.group()?;
        let (kind, payload) = match which {
            0 => (Kind::Claim, [0xFF; PAYLOAD]),
            1 => (Kind::Decision, choice::emit(&birth.choice, Flags::NOTHING)),
            _ => return None,
        };
        Some(Record {
            kind,
            number: group,
            child: 0,
            generation: birth.generation,
            payload,
        })
    }

    /// Whether its generation has a claim of its own, for sure.
    pub(super) const fn is_opened(&self) -> bool {
        self.claimed.is_some()
    }

    /// The group at which whoever comes from the end stops at the latest, in a full log too; 0 if none
    /// stops him.
    fn read_down_to(&self) -> u8 {
        match (self.claimed, self.sealed) {
            (Some(claimed), Some(sealed)) => claimed.min(sealed),
            _ => 0,
        }
    }

    /// Whether its last word is a decision, however it is read.
    fn ends_in_decision(&self) -> bool {
        self.said
            .is_some_and(|(group, kind)| kind == Kind::Decision && group >= self.may_say)
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
        let foreign = |bytes: [u8; LEN]| {
            let entry = Entry::parse(&bytes);
            entry.is_valid() && !summary::is_ours(&entry)
        };
        self.in_doubt && self.written.is_some() && !self.entry.readings().any(foreign)
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
        // What was to be written comes first.
        let mut written = None;
        for bytes in cells.readings() {
            let row = Row::parse(&bytes, place, salt);
            written.get_or_insert(row);
            if let Row::Valid(record) = row {
                self.may_hold(place, &record);
            }
        }
        let written = written.unwrap_or(Row::Invalid);
        let number = usize::from(place.row.saturating_sub(BIRTH));
        if let Some(birth) = self.births.get_mut(number) {
            *birth = written;
            self.in_doubt |= !cells.is_sure();
            self.written = read::birth(&self.births);
        } else if let Row::Valid(record) = written
            && cells.is_sure()
        {
            self.holds(place, &record, &cells.bits);
        }
    }

    /// Takes into account what may be read in a row.
    fn may_hold(&mut self, place: Place, record: &Record) {
        match (place.group(), record.kind) {
            (None, Kind::Birth | Kind::BirthCurrent | Kind::BirthPrevious | Kind::BirthBad) => {
                self.youngest = self.youngest.max(Some(record.generation));
                let number = usize::from(place.row.saturating_sub(BIRTH));
                if let Some(may) = self.may_be_born.get_mut(number) {
                    *may = true;
                }
            }
            (Some((_, 0)), Kind::Claim) => self.may_claim = true,
            (Some((group, 1)), Kind::Decision) => self.may_say = group,
            (Some((group, 1)), Kind::Handover) => {
                self.may_say = group;
                self.hands_over = match self.hands_over {
                    Children::None => Children::All(record.child),
                    Children::All(child) if child == record.child => Children::All(child),
                    _ => Children::Several,
                };
            }
            _ => {}
        }
    }

    /// Takes into account what is read in a row of the log for sure.
    fn holds(&mut self, place: Place, record: &Record, bytes: &[u8; LEN]) {
        let (Some(birth), Some((group, which))) = (self.birth(), place.group()) else {
            return;
        };
        if (record.generation, record.number) != (birth.generation, group) {
            return;
        }
        match (which, record.kind) {
            (0, Kind::Claim) => self.claimed = Some(group),
            (1, kind @ (Kind::Decision | Kind::Handover))
                if choice::parse(&record.payload, &birth.choice).is_some() =>
            {
                self.said = Some((group, kind));
                self.fingerprint = record::fingerprint(bytes);
            }
            (2, Kind::Seal)
                if self.said == Some((group, Kind::Decision))
                    && record.payload.starts_with(&self.fingerprint) =>
            {
                self.sealed = Some(group);
            }
            _ => {}
        }
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
    pub(super) fn ends(&self) -> [End; 2] {
        [Sector::First, Sector::Second].map(|sector| self.end_of(sector))
    }

    fn end_of(&self, sector: Sector) -> End {
        let (this, other) = (self.of(sector), self.of(sector.other()));
        let counts = End::Counts {
            down_to: this.read_down_to(),
            may_be_whole: this.may_be_whole(),
        };
        let selects = this.may_select();
        if this.youngest().is_none() && !selects {
            return End::Superseded { yields: true };
        }
        let Some(birth) = other.birth().filter(|_| other.is_opened()) else {
            return counts;
        };
        // Whether for stock code there is none, or the entry of the other one wins.
        let yields = !selects || { other.whole_entry() }.is_some_and(|seq| this.yields_to(seq));
        if { this.youngest() }.is_none_or(|generation| generation < birth.generation) {
            End::Superseded { yields }
        } else if !this.may_claim && other.ends_in_decision() {
            End::Aborted {
                yields,
                alike: this.birth().map(|_| Birth {
                    generation: birth.generation.saturating_add(1),
                    child: 0,
                    ..birth
                }),
            }
        } else {
            counts
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
        match old.hands_over {
            Children::All(child) if child == new.child => Some(child),
            _ => None,
        }
    }
}

/// Whether a sector counts.
pub(super) enum End {
    /// It does, or may.
    Counts {
        /// Nobody reads its log below this group.
        down_to: u8,
        /// Its birth may be read whole, or not.
        may_be_whole: bool,
    },
    /// A younger generation has taken over in the other one, or there is nothing in this one. Nobody looks
    /// at its log; nor at the rest if its entry `yields`.
    Superseded { yields: bool },
    /// An older one has not handed over, and will not: this one is erased first. Somebody looks at
    /// whether it has a claim, though, if it has a birth.
    Aborted {
        yields: bool,
        /// A birth that nobody tells from its own, if it has one.
        alike: Option<Birth>,
    },
}

impl End {
    /// The row that nobody tells from this one.
    pub(super) fn leave_out(&self, place: Place, cells: Cells, salt: Salt) -> Cells {
        let over = match self {
            Self::Counts {
                may_be_whole: true, ..
            } if (BIRTH..LOG).contains(&place.row) => {
                // One row in doubt is as good as four.
                let written = cells.written();
                return if place.row == BIRTH {
                    Cells::torn(&written, false)
                } else {
                    Cells::sure(written)
                };
            }
            Self::Counts { down_to, .. } => {
                place.group().is_some_and(|(group, _)| group < *down_to)
            }
            Self::Superseded { yields } => *yields || place.row >= LOG,
            Self::Aborted { yields: false, .. } => false,
            Self::Aborted { alike: None, .. } => true,
            Self::Aborted { .. } if place.row == SUMMARY => true,
            Self::Aborted {
                alike: Some(birth), ..
            } => {
                let number = usize::from(place.row.saturating_sub(BIRTH));
                if let Some(record) = birth.records().get(number) {
                    return Cells::sure(record.emit(place, salt));
                }
                false
            }
        };
        if over { Cells::REFUSED } else { cells }
    }
}
