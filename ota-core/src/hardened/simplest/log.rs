//! What of a log is read.
//!
//! Whoever comes from its end looks at whether anything shows in a group, until something does; at that
//! group's seal; at claims until one is valid; and at decisions and hand-overs until one is. Who leaves a
//! full log goes on to the last decision. So of the groups up to the last one that shows for sure, it
//! matters
//!
//! - whether there is a claim, not which;
//! - which words may be read, in which order, not in which groups: as long as there is room behind them;
//! - whether the last group is sealed.

use super::cells::Cells;
use crate::hardened::choice::{self, Birth};
use crate::hardened::layout::{Log as Length, Place};
use crate::hardened::record::{Kind, PAYLOAD, Record, Row, Salt};

/// Groups of a log, at most.
const GROUPS: usize = Length::MOST as usize;

/// A decision or a hand-over that may be read.
#[derive(Clone, Copy)]
struct Word {
    record: Record,
    holds: Holds,
}

/// How much a row holds to what it says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// It reads so each time.
    Surely,
    /// It may read as nothing, until it is programmed once more.
    Weakly,
    /// It may read as nothing, whatever is programmed.
    Fading,
}

/// What the rows of a log may be read as.
#[derive(Clone, Copy)]
pub(super) struct Log {
    /// The last group of which something shows, for sure; 0 if there is none.
    shown: u8,
    /// The last group of which something may show.
    may_show: u8,
    /// The last group with a claim, for sure.
    claimed: Option<u8>,
    /// By group.
    words: [Option<Word>; GROUPS],
    /// A row may be read as a record that does not belong there.
    odd: bool,
}

impl Log {
    pub(super) const EMPTY: Self = Self {
        shown: 0,
        may_show: 0,
        claimed: None,
        words: [None; GROUPS],
        odd: false,
    };

    /// Whether there is a claim, for sure.
    pub(super) const fn is_opened(&self) -> bool {
        self.claimed.is_some()
    }

    /// The last group with a word, for sure, and that word.
    fn said(&self) -> Option<(u8, Record)> {
        let mut words = self.each().rev();
        words
            .find_map(|(group, word)| (word.holds == Holds::Surely).then_some((group, word.record)))
    }

    /// Whether it says something, for sure.
    pub(super) fn says(&self) -> bool {
        self.said().is_some()
    }

    /// Whether its last word is a decision, however it is read.
    pub(super) fn ends_in_decision(&self) -> bool {
        self.each().next_back().is_some_and(|(_, word)| {
            word.holds == Holds::Surely && word.record.kind == Kind::Decision
        })
    }

    fn each(&self) -> impl DoubleEndedIterator<Item = (u8, Word)> + '_ {
        (1..=Length::MOST)
            .zip(&self.words)
            .filter_map(|(group, word)| Some((group, (*word)?)))
    }

    /// Takes a row into account.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, birth: Option<&Birth>, salt: Salt) {
        let Some((group, which)) = place.group() else {
            return;
        };
        if !cells.reads_blank() {
            self.shown = group;
        }
        if !cells.is_blank() {
            self.may_show = group;
        }
        let meant = cells.meant(place, salt);
        for bytes in cells.readings() {
            let Row::Valid(record) = Row::parse(&bytes, place, salt) else {
                continue;
            };
            if !is_at_home(&record, (group, which), birth) || bytes != meant {
                self.odd = true;
                continue;
            }
            let holds = match (cells.is_sure(), cells.written() == meant) {
                (true, _) => Holds::Surely,
                (false, true) => Holds::Weakly,
                (false, false) => Holds::Fading,
            };
            if which == 0 && holds == Holds::Surely {
                self.claimed = Some(group);
            }
            if which == 1
                && let Some(word) = self.words.get_mut(usize::from(group).saturating_sub(1))
            {
                *word = Some(Word { record, holds });
            }
        }
    }

    /// What nobody tells from it, in a log of this length.
    pub(super) fn simplest(&self, length: Length) -> Simplest {
        let mut simplest = Simplest {
            shown: self.shown,
            claim: self.claimed,
            words: self.words,
            seal: self.shown,
        };
        let Some((said, _)) = self.said() else {
            // In the last group of a full log that says nothing what the birth says is programmed.
            simplest.shown = self.shown.saturating_sub(1);
            return simplest;
        };
        if self.odd {
            simplest.shown = 0;
            return simplest;
        }
        let decided = self
            .each()
            .filter(|(_, word)| word.holds == Holds::Surely && word.record.kind == Kind::Decision);
        let decided = decided.map(|(group, _)| group).max().unwrap_or(0);
        let over = |group: u8, word: &Word| {
            group < decided || group < said && word.record.kind == Kind::Handover
        };
        for (group, word) in (1..).zip(&mut simplest.words) {
            *word = word.filter(|word| !over(group, word));
        }
        // A full log is left, and the words in it are written where they are.
        if self.may_show < length.groups() {
            simplest.move_up();
        }
        simplest
    }
}

/// Whether a record belongs where it is.
fn is_at_home(record: &Record, (group, which): (u8, u8), birth: Option<&Birth>) -> bool {
    let Some(birth) = birth else {
        return false;
    };
    let kind = match which {
        0 => record.kind == Kind::Claim,
        1 => {
            matches!(record.kind, Kind::Decision | Kind::Handover)
                && choice::parse(&record.payload, &birth.choice).is_some()
        }
        _ => record.kind == Kind::Seal,
    };
    kind && (record.generation, record.number) == (birth.generation, group)
}

/// The simplest log that nobody tells from another one.
#[derive(Clone, Copy)]
pub(super) struct Simplest {
    /// Only of the groups behind this one may more be written.
    shown: u8,
    /// The only claim that counts.
    claim: Option<u8>,
    words: [Option<Word>; GROUPS],
    /// The only group whose seal counts.
    seal: u8,
}

impl Simplest {
    /// Moves words up to the last group, with the claim.
    fn move_up(&mut self) {
        let words = self.words;
        let mut to = self.shown;
        for (group, word) in (1..=self.shown).zip(words).rev() {
            if word.is_none() {
                continue;
            }
            if let Some(from) = self.words.get_mut(usize::from(group).saturating_sub(1)) {
                *from = None;
            }
            if let Some(place) = self.words.get_mut(usize::from(to).saturating_sub(1)) {
                *place = word.map(|word| Word {
                    record: Record {
                        number: to,
                        ..word.record
                    },
                    ..word
                });
            }
            if group == self.shown {
                // Its seal is that of the last word.
            } else if to == self.shown {
                self.seal = 0;
            }
            to = to.saturating_sub(1);
        }
        self.claim = self.claim.map(|_| self.shown);
    }

    /// The row that nobody tells from this one.
    pub(super) fn row(&self, place: Place, cells: Cells, generation: u32, salt: Salt) -> Cells {
        let Some((group, which)) = place.group().filter(|(group, _)| *group <= self.shown) else {
            return cells;
        };
        match which {
            0 => match self.claim {
                Some(claim) if group < claim => Cells::REFUSED,
                Some(claim) if group == claim => {
                    let claim = Record {
                        kind: Kind::Claim,
                        number: group,
                        child: 0,
                        generation,
                        payload: [0xFF; PAYLOAD],
                    };
                    Cells::sure(claim.emit(place, salt))
                }
                _ => shows(cells, place, salt),
            },
            1 => {
                let word = self.words.get(usize::from(group).saturating_sub(1));
                let Some(Word { record, holds }) = word.copied().flatten() else {
                    return Cells::REFUSED;
                };
                let row = record.emit(place, salt);
                match holds {
                    Holds::Surely => Cells::sure(row),
                    // One that may fade is programmed once more where the log is full.
                    Holds::Fading if record.kind == Kind::Decision => Cells::fading(&row),
                    _ => Cells::torn(&row, false),
                }
            }
            _ if group < self.seal || self.seal == 0 => Cells::REFUSED,
            _ => shows(cells, place, salt),
        }
    }
}

/// A row that shows, for sure or not, in a group that shows for sure; so it does.
fn shows(cells: Cells, place: Place, salt: Salt) -> Cells {
    let meant = cells.meant(place, salt);
    match Row::parse(&meant, place, salt) {
        Row::Valid(_) if cells.is_sure() => cells,
        Row::Valid(_) => Cells::torn(&meant, false),
        _ => Cells::REFUSED,
    }
}
