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
use super::room::Room;
use crate::hardened::choice;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{GIVEN_UP, GROUP_ROWS, LOG, Log as Length, Place};
use crate::hardened::record::{Kind, PAYLOAD, Record, Row, Salt};

/// Groups of a log, at most.
const GROUPS: usize = Length::MOST as usize;

/// What a word may be.
const WORDS: [Kind; 2] = [Kind::Decision, Kind::Handover];

/// A decision or a hand-over that may be read.
#[derive(Clone, Copy)]
struct Word {
    record: Record,
    /// The same as it is written.
    written: Record,
    holds: Holds,
}

impl Word {
    const fn says(&self) -> (Kind, u8, [u8; PAYLOAD]) {
        (self.record.kind, self.record.child, self.record.payload)
    }
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
    /// The groups that may have one.
    may_claim: [bool; GROUPS],
    /// The last group that may be sealed.
    may_seal: u8,
    /// The last group with a seal of its word, for sure; 0 if there is none.
    sealed: u8,
    /// By group.
    words: [Option<Word>; GROUPS],
    /// A claim may be read, be it one that does not belong there.
    any_claim: bool,
    /// The groups in which the hand-overs began that may be read.
    hands_over: Children,
    /// A row may be read as a record that does not belong there.
    odd: bool,
    /// The row may show that says that its generation was to be given up.
    given_up: bool,
    /// Rows at its beginning that say nothing.
    over: u8,
}

impl Record {
    /// Of a hand-over nobody reads the flags: the generation that it hands over to goes by its own.
    fn without_flags(mut self) -> Self {
        if self.kind == Kind::Handover {
            self.payload = choice::with_nothing_done(self.payload);
        }
        self
    }
}

/// The groups in which hand-overs began.
#[derive(Clone, Copy)]
enum Children {
    None,
    All(u8),
    Several,
}

impl Log {
    pub(super) const EMPTY: Self = Self {
        shown: 0,
        may_show: 0,
        claimed: None,
        may_claim: [false; GROUPS],
        may_seal: 0,
        sealed: 0,
        words: [None; GROUPS],
        any_claim: false,
        hands_over: Children::None,
        odd: false,
        given_up: false,
        over: 0,
    };

    /// Whether there is a claim, for sure.
    pub(super) const fn is_opened(&self) -> bool {
        self.claimed.is_some()
    }

    /// Whether something shows in it, for sure, there is room for more, and nothing in it is out of the ordinary.
    pub(super) fn has_begun(&self, length: Length) -> bool {
        self.shown > 0 && self.has_room(length) && !self.odd
    }

    /// Whether its generation may have been to be given up, as far as that counts: who is to say something in a full
    /// log asks for it, and who finds no claim that proves it.
    pub(super) fn may_be_given_up(&self) -> bool {
        self.shows_that_it_was_given_up() && !(self.says() && self.is_opened())
    }

    /// Whether the row may show that says that its generation was to be given up.
    pub(super) const fn shows_that_it_was_given_up(&self) -> bool {
        self.given_up
    }

    pub(super) const fn forget_that_it_was_given_up(&mut self) {
        self.given_up = false;
    }

    /// Whether there is a group in which nothing shows, for sure.
    const fn has_room(&self, length: Length) -> bool {
        self.may_show < length.groups()
    }

    /// By how many groups all that may be read of it can stand further ahead, where [room is ample](super::Room).
    pub(super) fn spare(&self, length: Length) -> u8 {
        if self.may_be_full(length) {
            return 0;
        }
        let ordinary = length.groups().saturating_sub(length.reserve());
        // One of which something shows is left: without, the log would seem to begin.
        let shown = self.shown.saturating_sub(ordinary.max(1));
        shown.min(self.over / GROUP_ROWS)
    }

    /// Whether it is full, or may be before the power is off: while it is on two groups may be written, as one of a
    /// generation that was to be given up, and is read to count after all, says what is chosen before it is left.
    pub(super) const fn may_be_full(&self, length: Length) -> bool {
        length.groups().saturating_sub(self.may_show) < 2
    }

    /// Whether a claim may be read.
    pub(super) const fn may_claim(&self) -> bool {
        self.any_claim
    }

    /// The group in which each hand-over began that may be read, if there are some and it is one.
    pub(super) const fn hands_over(&self) -> Option<u8> {
        match self.hands_over {
            Children::All(child) => Some(child),
            Children::None | Children::Several => None,
        }
    }

    /// The last group with a word, for sure, that is of one of these kinds; 0 if there is none.
    fn last(&self, kinds: &[Kind]) -> u8 {
        let is_sure =
            |word: &Word| word.holds == Holds::Surely && kinds.contains(&word.record.kind);
        let mut words = self.each().rev();
        { words.find(|(_, word)| is_sure(word)) }.map_or(0, |(group, _)| group)
    }

    /// Whether it says something, for sure.
    pub(super) fn says(&self) -> bool {
        self.last(&WORDS) != 0
    }

    /// Whether its last word is a decision, however it is read: one that is sure, or one of those in doubt behind that.
    pub(super) fn ends_in_decision(&self) -> bool {
        let words = self.each().rev().map(|(_, word)| word);
        { words.take_while(|word| word.record.kind == Kind::Decision) }
            .any(|word| word.holds == Holds::Surely)
    }

    fn each(&self) -> impl DoubleEndedIterator<Item = (u8, Word)> + '_ {
        (1..=Length::MOST)
            .zip(&self.words)
            .filter_map(|(group, word)| Some((group, (*word)?)))
    }

    /// Takes a row into account that is not blank for sure.
    pub(super) fn see(&mut self, place: Place, cells: &Cells, birth: Option<&Birth>, salt: Salt) {
        let Some((group, which)) = place.group() else {
            self.given_up |= place.row == GIVEN_UP;
            return;
        };
        if place.row == LOG.saturating_add(self.over) && *cells == Cells::REFUSED {
            self.over = self.over.saturating_add(1);
        }
        if !cells.reads_blank() {
            self.shown = group;
        }
        self.may_show = group;
        // Most rows of a log in use: what follows looks for records.
        if *cells == Cells::REFUSED {
            return;
        }
        let meant = cells.meant(place, salt);
        for bytes in cells.readings() {
            let Row::Valid(record) = Row::parse(&bytes, place, salt) else {
                continue;
            };
            match (which, record.kind) {
                (0, Kind::Claim) => self.any_claim = true,
                (1, Kind::Handover) => {
                    self.hands_over = match self.hands_over {
                        Children::None => Children::All(record.child),
                        Children::All(child) if child == record.child => Children::All(child),
                        _ => Children::Several,
                    };
                }
                _ => {}
            }
            if !is_at_home(&record, (group, which), birth) || bytes != meant {
                self.odd = true;
                continue;
            }
            let holds = match (cells.is_sure(), cells.written() == meant) {
                (true, _) => Holds::Surely,
                (false, true) => Holds::Weakly,
                (false, false) => Holds::Fading,
            };
            let at = index(group);
            match which {
                0 => {
                    if let Some(may) = self.may_claim.get_mut(at) {
                        *may = true;
                    }
                    if holds == Holds::Surely {
                        self.claimed = Some(group);
                    }
                }
                1 => {
                    if let Some(known) = self.words.get_mut(at) {
                        *known = Some(Word {
                            record: record.without_flags(),
                            written: record,
                            holds,
                        });
                    }
                }
                _ => {
                    self.may_seal = group;
                    if holds == Holds::Surely && self.is_sealed_by(&record, place, salt) {
                        self.sealed = group;
                    }
                }
            }
        }
    }

    /// Whether a record is the seal of the word of its group, which is sure.
    fn is_sealed_by(&self, seal: &Record, place: Place, salt: Salt) -> bool {
        let place = Place::in_group(place.sector, seal.number, 1);
        word_in(&self.words, seal.number)
            .filter(|word| word.holds == Holds::Surely)
            .is_some_and(|word| seal.seals(&word.written.emit(place, salt)))
    }

    /// The hand-over that it ends with, if that is beyond doubt: nothing is appended here any more.
    pub(super) fn handed_over(&self) -> Option<Record> {
        let ends = self.sealed == self.shown && self.may_show == self.shown;
        { word_in(&self.words, self.shown).filter(|_| ends) }
            .map(|word| word.record)
            .filter(|record| record.kind == Kind::Handover)
    }

    /// What nobody tells from it, in a log of this length; of a generation that may have a claim if `opened`.
    pub(super) fn simplest(&self, length: Length, room: Room, opened: bool) -> Simplest {
        // A full log is left, and the words in it are written where they are.
        let has_room = self.has_room(length);
        let mut simplest = Simplest {
            shown: self.shown,
            claim: self
                .claimed
                .or(opened.then_some(self.shown))
                .map(|group| (group, Holds::Surely)),
            words: self.words,
            seal: self.shown,
            is_given_up: self.may_be_given_up(),
        };
        let said = self.last(&WORDS);
        if self.odd {
            simplest.shown = 0;
            return simplest;
        }
        // In the last group of a full log that says nothing what the birth says is programmed.
        let full = said == 0 && !has_room;
        if full {
            simplest.shown = self.shown.saturating_sub(1);
        }
        // One claim is as good as any; and where none is sure, one that may be read is as good as several. Where the
        // generation is given up they are zeroed one by one, and the last one ends it.
        let mut may_claim = self.may_claim.iter().take(usize::from(simplest.shown));
        simplest.claim = match simplest.claim {
            Some((group, holds)) => Some((group.max(simplest.shown), holds)),
            None => { may_claim.any(|may| *may) }.then_some((simplest.shown, Holds::Weakly)),
        };
        if full {
            return simplest;
        }
        let decided = self.last(&[Kind::Decision]);
        // Who leaves a full log that has handed over goes on to what was decided before.
        let over = |group: u8, word: &Word| {
            let is_left = room == Room::Counted || self.may_be_full(length);
            let goes_on = is_left && word.record.kind == Kind::Decision;
            group < decided || group < said && !goes_on
        };
        for (group, word) in (1..).zip(&mut simplest.words) {
            *word = word.filter(|word| !over(group, word));
        }
        if has_room {
            simplest.drop_repetitions(self.may_seal);
            simplest.move_up();
        }
        simplest
    }
}

/// Where a group stands in a list of all of them.
fn index(group: u8) -> usize {
    usize::from(group).saturating_sub(1)
}

/// The word of a group.
fn word_in(words: &[Option<Word>; GROUPS], group: u8) -> Option<Word> {
    words.get(index(group)).copied().flatten()
}

/// Whether a record belongs where it is.
fn is_at_home(record: &Record, (group, which): (u8, u8), birth: Option<&Birth>) -> bool {
    let Some(birth) = birth else {
        return false;
    };
    let kind = match which {
        0 => record.kind == Kind::Claim,
        1 => {
            WORDS.contains(&record.kind) && choice::parse(&record.payload, &birth.choice).is_some()
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
    claim: Option<(u8, Holds)>,
    words: [Option<Word>; GROUPS],
    /// The only group whose seal counts.
    seal: u8,
    /// Whether it matters that the generation was to be given up.
    is_given_up: bool,
}

impl Simplest {
    /// Leaves out words that may be read, and say what one before them says that may be read as well: unless one
    /// is sealed, for all that shows. Any of those that may be read is the last one that is, in one reading or another.
    fn drop_repetitions(&mut self, may_seal: u8) {
        let mut sure = 0;
        for at in 0..GROUPS {
            let Some((before, [slot, ..])) = self.words.split_at_mut_checked(at) else {
                continue;
            };
            let Some(word) = *slot else {
                continue;
            };
            if word.holds == Holds::Surely {
                sure = at;
                continue;
            }
            let mut said = before.iter().skip(sure).flatten();
            let repeats = said.any(|said| said.says() == word.says());
            let group = word.record.number;
            if repeats && (group < self.seal || group != may_seal) {
                *slot = None;
            }
        }
    }

    /// Moves words up to the last group.
    fn move_up(&mut self) {
        let mut to = self.shown;
        for group in (1..=self.shown).rev() {
            let word = self.words.get_mut(index(group));
            let Some(mut word) = word.and_then(Option::take) else {
                continue;
            };
            word.record.number = to;
            if let Some(place) = self.words.get_mut(index(to)) {
                *place = Some(word);
            }
            if to == self.shown && group != to {
                // The seal there is of no word.
                self.seal = 0;
            }
            to = to.saturating_sub(1);
        }
    }

    /// The row that nobody tells from this one.
    pub(super) fn row(&self, place: Place, cells: Cells, generation: u32, salt: Salt) -> Cells {
        let Some((group, which)) = place.group() else {
            let over = place.row == GIVEN_UP && !self.is_given_up;
            return if over { Cells::BLANK } else { cells };
        };
        if group > self.shown {
            return cells;
        }
        match which {
            0 => match self.claim {
                Some((claim, _)) if group < claim => Cells::REFUSED,
                Some((claim, holds)) if group == claim => {
                    let row = Record::claim(group, generation).emit(place, salt);
                    if holds == Holds::Surely {
                        Cells::sure(row)
                    } else {
                        Cells::torn(&row, false)
                    }
                }
                _ => shows(cells, place, salt),
            },
            1 => {
                let Some(Word { record, holds, .. }) = word_in(&self.words, group) else {
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
            _ => self.seal(place, cells, generation, salt),
        }
    }

    /// A seal that counts: one of its word as that is written seals what that is now.
    fn seal(&self, place: Place, cells: Cells, generation: u32, salt: Salt) -> Cells {
        let shown = shows(cells, place, salt);
        let rewritten = |(group, _)| {
            let word = word_in(&self.words, group).filter(|word| word.written != word.record)?;
            let at = Place::in_group(place.sector, group, 1);
            match Row::parse(&shown.meant(place, salt), place, salt) {
                Row::Valid(seal) if seal.seals(&word.written.emit(at, salt)) => {
                    Some(Record::seal(group, generation, &word.record.emit(at, salt)))
                }
                _ => None,
            }
        };
        match place.group().and_then(rewritten) {
            None => shown,
            Some(seal) if shown.is_sure() => Cells::sure(seal.emit(place, salt)),
            Some(seal) => Cells::torn(&seal.emit(place, salt), false),
        }
    }
}

/// A row that shows, for sure or not, in a group that shows for sure; so it does.
fn shows(cells: Cells, place: Place, salt: Salt) -> Cells {
    let meant = cells.meant(place, salt);
    if !Row::is_record(&meant, place, salt) {
        Cells::REFUSED
    } else if cells.is_sure() {
        cells
    } else {
        Cells::torn(&meant, false)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::hardened::layout::Sector;
    use crate::hardened::record::LEN;

    const SHOWS: Cells = Cells::sure([0x7F; LEN]);
    const MAY_SHOW: Cells = Cells {
        bits: [0xFF; LEN],
        weak: [1; LEN],
    };

    const SALT: Salt = Salt([0; 8]);

    /// A log in which these groups have these rows, as far as they have any; none of the others has.
    fn used(groups: &[[Option<Cells>; 3]]) -> Log {
        let mut used = Log::EMPTY;
        for (group, rows) in (1..).zip(groups) {
            for (which, cells) in (0..).zip(rows) {
                if let Some(cells) = cells {
                    used.see(
                        Place::in_group(Sector::First, group, which),
                        cells,
                        None,
                        SALT,
                    );
                }
            }
        }
        used
    }

    /// Ahead by as many groups as say nothing and are kept back, unless the log may be full soon.
    #[test]
    fn a_log_moves_ahead_over_groups_that_say_nothing() {
        let log = Length::new(8, 6).unwrap();
        let over = [Some(Cells::REFUSED); 3];
        let says = [Some(SHOWS), None, None];
        for (before, after, ahead) in [
            (1, 0, 0),
            (2, 0, 1),
            (4, 0, 3),
            (7, 0, 0),
            (4, 1, 3),
            (4, 2, 0),
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

    /// Where a generation was to be given up nothing is said in the groups that were used, but for the last one of a
    /// full log: what the birth says is programmed there.
    #[test]
    fn what_is_given_up_says_nothing_before_the_last_group() {
        let over = [Some(Cells::REFUSED), None, None];
        let mut used = used(&[over, [Some(SHOWS), None, None], over]);
        let given_up = Place::new(Sector::First, GIVEN_UP);
        used.see(given_up, &SHOWS, None, SALT);
        for (groups, last) in [(8, 3), (3, 2)] {
            let simplest = used.simplest(Length::new(groups, 2).unwrap(), Room::Counted, false);
            for (group, which) in (1..=4).flat_map(|group| [(group, 0), (group, 1), (group, 2)]) {
                let place = Place::in_group(Sector::First, group, which);
                for cells in [Cells::BLANK, MAY_SHOW, SHOWS] {
                    let expected = if group > last { cells } else { Cells::REFUSED };
                    let row = simplest.row(place, cells, 1, SALT);
                    assert_eq!(row, expected, "group {group}, row {which}, {groups} groups");
                }
            }
            assert_eq!(simplest.row(given_up, SHOWS, 1, SALT), SHOWS);
        }
    }
}
