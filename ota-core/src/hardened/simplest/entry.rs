//! Row 0 of a sector: what can be told of an entry with weak bits, and the simplest like it.

use super::cells::{self, Cells, can_become};
use super::shift::Shift;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::record::{self, LEN};
use crate::hardened::summary::{self, HALF};
use crate::otadata::{Entry, OtaState, crc};
use crate::wire;

/// A second half that is not begun.
const BLANK: Second = [0xFF; LEN - HALF];

/// What can be told of an entry.
pub(super) enum Told {
    /// As it is: it has no weak bits, or none that matter.
    Sure([u8; LEN]),
    /// However it is read it selects nothing, and it cannot be completed.
    Nothing,
    /// It is [over](Cells::over) already.
    Over,
    /// One of number 0, or none.
    MaybeNumber0,
    /// One of ours, the first half of which is in doubt, the second not begun.
    Begun([u8; LEN]),
    /// One of ours, the second half of which is in doubt.
    HalfThere([u8; LEN]),
    /// Anything else that was to be written.
    Unknown([u8; LEN]),
}

/// The second half of an entry.
type Second = [u8; LEN - HALF];

/// Bytes of the number of an entry, which come first, and of its CRC, which come last.
const WORD: usize = 4;

/// Where the CRC begins.
const CRC: usize = LEN - WORD;

/// A label that no entry of ours has.
const NOBODYS: [u8; 20] = [0; 20];

impl Told {
    pub(super) fn of(cells: &Cells) -> Self {
        if cells.is_sure() || is_number_0(cells) {
            return Self::Sure(cells.bits);
        }
        if may_be_number_0(cells) {
            return Self::MaybeNumber0;
        }
        if *cells == cells.over() {
            return Self::Over;
        }
        if first(&cells.weak) == [0; HALF] {
            return Self::of_second(cells);
        }
        if second(&cells.weak) == [0; LEN - HALF] {
            return Self::of_first(cells);
        }
        Self::Unknown(cells.written())
    }

    /// Where the first half alone is in doubt.
    fn of_first(cells: &Cells) -> Self {
        let written = cells.written();
        let can_be_completed =
            { second_of(&written) }.is_some_and(|wanted| can_become(&second(&cells.bits), &wanted));
        let mut readings = cells.readings();
        if readings.any(|bytes| Entry::parse(&bytes).is_valid()) {
            Self::Unknown(written)
        } else if can_be_completed {
            // Of what is begun no more is looked at than of what is not, and less can come of it.
            Self::Begun(joined(first(&written), BLANK))
        } else {
            Self::Nothing
        }
    }

    /// Where the second half alone is in doubt.
    fn of_second(cells: &Cells) -> Self {
        let written = cells.written();
        let entry = Entry::parse(&written);
        if summary::is_ours(&entry) && entry.crc_matches() {
            Self::HalfThere(written)
        } else {
            Self::Unknown(written)
        }
    }

    /// The entry with the numbers that count; none where it selects nothing, however its weak bits are read.
    pub(super) const fn bytes(&self) -> Option<&[u8; LEN]> {
        match self {
            Self::Sure(bytes)
            | Self::Begun(bytes)
            | Self::HalfThere(bytes)
            | Self::Unknown(bytes) => Some(bytes),
            Self::Nothing | Self::Over | Self::MaybeNumber0 => None,
        }
    }
}

impl Shift {
    /// An entry with lower numbers, beside this birth.
    pub(super) fn entry(&self, cells: &Cells, birth: Option<Birth>) -> Cells {
        let nothing = || match birth {
            None => cells.over(),
            Some(_) if cells.is_blank() => *cells,
            Some(_) => Cells::REFUSED,
        };
        let told = Told::of(cells);
        let lower = { told.bytes() }.and_then(|bytes| self.lower_entry(bytes, birth));
        match (told, lower) {
            (Told::MaybeNumber0, _) => Cells::MAYBE_NUMBER_0,
            (Told::Nothing, _) | (Told::Sure(_), None) => nothing(),
            (Told::Sure(_), Some(new)) => Cells::sure(new),
            (Told::Begun(_), Some(new)) => Cells::torn(&new, cells.reads_blank()),
            (Told::HalfThere(_), Some(new)) => weak_from::<HALF>(&new),
            (_, _) => *cells,
        }
    }

    /// `None` if nothing of the entry counts.
    fn lower_entry(&self, bytes: &[u8; LEN], birth: Option<Birth>) -> Option<[u8; LEN]> {
        let old = Entry::parse(bytes);
        let own = summary::generation(&old).map(|generation| (generation, old.seq));
        if old.is_valid() && old.seq == 0 {
            // Nobody wrote it, so of its other fields nothing comes.
            return Some(Entry::new(0, OtaState::UNDEFINED).emit());
        }
        if own.is_none() && old.is_valid() {
            let seq = self.seq(old.seq);
            let crc = crc(seq);
            let state = { old.state.name() }.map_or(OtaState::UNDEFINED, |_| old.state);
            let mut entry = Entry {
                seq,
                label: old.label,
                state,
                crc,
            };
            // Its label may be one that this policy gave to the lower number.
            if summary::generation(&entry).is_some() {
                entry.label = NOBODYS;
            }
            return Some(entry.emit());
        }
        if record::is_blank(bytes) {
            return None;
        }
        let (generation, seq) = own.or(birth.map(|birth| (birth.generation, birth.seq)))?;
        let mut entry = summary::entry(self.seq(seq), self.generation(generation));
        let whole = own.is_some() && old.crc_matches();
        if whole {
            // Stock code may have changed it.
            entry.state = old.state;
        }
        let (mut head, mut tail) = summary::halves(&entry);
        if own.is_none() {
            head = first(&cells::ONE_BIT);
        }
        if !whole {
            if !can_become(&second(bytes), &second_half(seq, generation)) {
                // It cannot be completed: there are 0 bits that are to be 1.
                return None;
            }
            // Of what is begun no more is looked at than of what is not, and less can come of it.
            tail = BLANK;
        }
        Some(joined(head, tail))
    }
}

impl Cells {
    /// An entry that selects nothing and is not completed, and leads to all that this one leads to: where an erase
    /// that is cut zeroes the first bytes, a second half that is blank is the CRC of number 0, and one that may
    /// be read as blank may be.
    pub(super) fn over(&self) -> Self {
        let mut entry = Self::sure(cells::ONE_BIT);
        if second(&self.bits) == BLANK && second(&self.weak) != [0; LEN - HALF] {
            entry.weak = joined([0; HALF], BLANK);
        }
        entry
    }

    /// An entry that may be read as one of number 0, or as none.
    const MAYBE_NUMBER_0: Self = {
        let mut entry = Self::sure([0xFF; LEN]);
        let (number, _) = entry.bits.split_at_mut(WORD);
        number.copy_from_slice(&[0; WORD]);
        let (_, crc) = entry.weak.split_at_mut(CRC);
        crc.copy_from_slice(&[0xFF; WORD]);
        entry
    };
}

/// Whether it may be read as one of number 0, or as none: where an erase that is cut zeroes a number whose CRC may be
/// read as blank, or some of a number that may be read otherwise, whose CRC is. Nobody wrote it, so of its other fields
/// nothing comes.
fn may_be_number_0(cells: &Cells) -> bool {
    let weak = Entry::parse(&cells.weak);
    let in_doubt = (weak.seq != 0) != (weak.crc != 0);
    in_doubt && Entry::parse(&cells.written()).seq == 0 && Entry::parse(&cells.bits).crc == u32::MAX
}

/// Whether it is an entry of number 0 for sure, but for its label.
fn is_number_0(cells: &Cells) -> bool {
    let weak = Entry::parse(&cells.weak);
    let entry = Entry::parse(&cells.bits);
    (weak.seq, weak.state.0, weak.crc) == (0, 0, 0) && (entry.seq, entry.crc) == (0, u32::MAX)
}

fn first(bytes: &[u8; LEN]) -> [u8; HALF] {
    wire::bytes::<0, HALF, LEN>(bytes)
}

fn second(bytes: &[u8; LEN]) -> Second {
    wire::bytes::<HALF, { LEN - HALF }, LEN>(bytes)
}

fn joined(first: [u8; HALF], second: Second) -> [u8; LEN] {
    let mut entry = [0; LEN];
    wire::put::<0, HALF, LEN>(&mut entry, first);
    wire::put::<HALF, { LEN - HALF }, LEN>(&mut entry, second);
    entry
}

/// The second half of an entry of ours.
fn second_half(seq: u32, generation: u32) -> Second {
    summary::halves(&summary::entry(seq, generation)).1
}

/// What it is to be where the first half is one of ours.
fn second_of(bytes: &[u8; LEN]) -> Option<Second> {
    let entry = Entry::parse(bytes);
    let generation = summary::generation(&entry)?;
    Some(second_half(entry.seq, generation))
}

/// An entry of which nothing may be read from byte `AT` on, or some, or all.
fn weak_from<const AT: usize>(entry: &[u8; LEN]) -> Cells {
    let mut weak = entry.map(|byte| !byte);
    wire::put::<0, AT, LEN>(&mut weak, [0; AT]);
    Cells::new(*entry, weak)
}
