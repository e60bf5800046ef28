//! A row with weak bits, and what it may be read as.

use crate::hardened::choice::{self, Flags};
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{Log, Place};
use crate::hardened::record::{self, Kind, LEN, Record, Row, Salt};

/// A row of otadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cells {
    /// Weak bits are 1.
    pub(super) bits: [u8; LEN],
    pub(super) weak: [u8; LEN],
}

impl Record {
    /// What is programmed in a full log that says nothing: in the last group, what the birth says.
    pub(super) fn of_birth(birth: &Birth, place: Place, log: Log) -> Option<Self> {
        let generation = birth.generation;
        match place.group().filter(|(group, _)| *group == log.groups())? {
            (group, 0) => Some(Self::claim(group, generation)),
            (group, 1) => {
                let payload = choice::emit(&birth.choice, Flags::NOTHING);
                Some(Self::in_group(Kind::Decision, group, generation, payload))
            }
            _ => None,
        }
    }
}

/// Whether programming makes the one of the other: no 0 bit has to become 1.
pub(super) fn can_become(there: &[u8], wanted: &[u8]) -> bool {
    let mut both = there.iter().zip(wanted);
    both.all(|(there, wanted)| wanted & !there == 0)
}

/// A row that shows as little as may be.
pub(super) const ONE_BIT: [u8; LEN] = {
    let mut bytes = [0xFF; LEN];
    bytes[0] = 0xFE;
    bytes
};

/// Up to so many weak bits every combination is a reading.
const ALL_COMBINATIONS: u32 = 3;

impl Cells {
    /// As good as any other row that is refused.
    pub(super) const REFUSED: Self = Self::sure([0; LEN]);

    /// As it is erased.
    pub(super) const BLANK: Self = Self::sure([0xFF; LEN]);

    pub(super) fn new(mut bits: [u8; LEN], weak: [u8; LEN]) -> Self {
        for (bits, weak) in bits.iter_mut().zip(weak) {
            *bits |= weak;
        }
        Self { bits, weak }
    }

    pub(super) const fn sure(bits: [u8; LEN]) -> Self {
        Self {
            bits,
            weak: [0; LEN],
        }
    }

    /// Cells in which `new` was to be written, as a cut leaves them: all of the bits that it programs
    /// are weak, but for one if the row does not read blank.
    pub(super) fn torn(new: &[u8; LEN], reads_blank: bool) -> Self {
        let mut weak = new.map(|byte| !byte);
        if !reads_blank && let Some(first) = weak.iter_mut().find(|byte| **byte != 0) {
            *first &= first.wrapping_sub(1);
        }
        Self::new(*new, weak)
    }

    /// Cells that hold `row`, one bit of which may fade: as what was weak before it was programmed stays weak
    /// where it is to be 1.
    pub(super) fn fading(row: &[u8; LEN]) -> Self {
        let mut weak = [0; LEN];
        let mut bytes = weak.iter_mut().zip(row);
        if let Some((weak, row)) = bytes.find(|(_, row)| **row != 0) {
            *weak = row & row.wrapping_neg();
        }
        Self::new(*row, weak)
    }

    /// Whether nothing is known of any of its bits, as when zeroing it was cut.
    pub(super) fn is_all_weak(&self) -> bool {
        self.weak == [0xFF; LEN]
    }

    pub(super) fn is_sure(&self) -> bool {
        self.weak == [0; LEN]
    }

    /// Whether it is read as blank each time.
    pub(super) fn is_blank(&self) -> bool {
        self.is_sure() && self.reads_blank()
    }

    /// Whether it may be read as blank.
    pub(super) fn reads_blank(&self) -> bool {
        record::is_blank(&self.bits)
    }

    /// What was to be written there: weak bits were to become 0.
    pub(super) fn written(&self) -> [u8; LEN] {
        if self.is_sure() {
            return self.bits;
        }
        self.with(&[0; LEN])
    }

    /// The record that it is or was to become: what was to be written there, or else what was, over weak bits.
    pub(super) fn meant(&self, place: Place, salt: Salt) -> [u8; LEN] {
        if self.is_sure() {
            return self.bits;
        }
        let written = self.written();
        let is_record = |bytes| Row::is_record(bytes, place, salt);
        if !is_record(&written) && is_record(&self.bits) {
            self.bits
        } else {
            written
        }
    }

    /// Whether it may be read as blank, and was not to become a record: where one is programmed, what is weak
    /// stays weak.
    pub(super) fn is_spoilt(&self, place: Place, salt: Salt) -> bool {
        let word = { place.group() }.is_some_and(|(_, which)| which < 2);
        let is_record = || Row::is_record(&self.meant(place, salt), place, salt);
        word && !self.is_sure() && self.reads_blank() && !is_record()
    }

    /// Whether it may be read as another record than the one that it is or was to become.
    pub(super) fn is_odd(&self, place: Place, salt: Salt) -> bool {
        if self.is_sure() {
            return false;
        }
        let meant = self.meant(place, salt);
        { self.readings() }.any(|bytes| bytes != meant && Row::is_record(&bytes, place, salt))
    }

    /// The simplest cells that are read alike, and are like these when they are programmed; beside this birth.
    pub(super) fn plainest(
        &self,
        place: Place,
        birth: Option<&Birth>,
        salt: Salt,
        log: Log,
    ) -> Self {
        let meant = self.meant(place, salt);
        let is_record = Row::is_record(&meant, place, salt);
        if self.is_sure() {
            // Where nothing is said in a full log, a row of its last group that was begun is completed.
            let begun = birth
                .and_then(|birth| Record::of_birth(birth, place, log))
                .is_some_and(|wanted| can_become(&self.bits, &wanted.emit(place, salt)));
            let over = !is_record && !self.reads_blank() && !begun;
            return if over { Self::REFUSED } else { *self };
        }
        if !is_record || self.is_odd(place, salt) {
            *self
        } else if self.written() == meant {
            Self::torn(&meant, self.reads_blank())
        } else {
            Self::fading(&meant)
        }
    }

    /// What it is read as if weak bits are those of `taken`.
    fn with(&self, taken: &[u8; LEN]) -> [u8; LEN] {
        let mut bytes = self.bits;
        for ((byte, weak), taken) in bytes.iter_mut().zip(&self.weak).zip(taken) {
            *byte &= !weak | taken;
        }
        bytes
    }

    /// What it may be read as: what was to be written first; then with all weak bits 1, and two
    /// mixtures. Of a few weak bits, every combination.
    pub(super) fn readings(&self) -> impl Iterator<Item = [u8; LEN]> + '_ {
        let count: u32 = self.weak.iter().map(|weak| weak.count_ones()).sum();
        let few = count <= ALL_COMBINATIONS;
        let combinations = if few { 1u32 << count } else { 0 };
        let mixtures: &[u8] = if few { &[] } else { &[0x00, 0xFF, 0x55, 0xAA] };
        let mixtures = mixtures.iter().map(|pattern| self.with(&[*pattern; LEN]));
        (0..combinations)
            .map(|n| self.with(&self.spread(n)))
            .chain(mixtures)
    }

    /// The bits of `n`, in the places of the weak bits.
    fn spread(&self, mut n: u32) -> [u8; LEN] {
        let mut spread = [0; LEN];
        let weak = spread.iter_mut().zip(&self.weak);
        for (spread, weak) in weak.filter(|(_, weak)| **weak != 0) {
            for bit in (0..8).map(|bit| 1u8 << bit).filter(|bit| weak & bit != 0) {
                *spread |= if n & 1 == 1 { bit } else { 0 };
                n >>= 1;
            }
        }
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardened::choice::{Choice, Image};
    use crate::hardened::layout::Sector;
    use crate::partition::Slot;

    /// In the last group of a log what was begun is completed; elsewhere no row is programmed once more.
    #[test]
    fn what_was_begun_counts_in_the_last_group_alone() {
        let (log, salt) = (Log::new(4, 2).unwrap(), Salt([7; 8]));
        let birth = Birth {
            generation: 3,
            child: 0,
            seq: 0,
            choice: Choice::confirmed(Image::unknown(Slot::Ota(0))),
        };
        for (group, which) in (1..=log.groups()).flat_map(|group| [(group, 0), (group, 1)]) {
            let place = Place::in_group(Sector::First, group, which);
            let payload = choice::emit(&birth.choice, Flags::NOTHING);
            let record = match which {
                0 => Record::claim(group, birth.generation),
                _ => Record::in_group(Kind::Decision, group, birth.generation, payload),
            };
            let whole = record.emit(place, salt);
            for programmed in 1..LEN {
                let mut begun = [0xFF; LEN];
                begun[..programmed].copy_from_slice(&whole[..programmed]);
                let cells = Cells::sure(begun);
                let kept = group == log.groups() || begun == whole;
                let expected = if kept { cells } else { Cells::REFUSED };
                let plainest = cells.plainest(place, Some(&birth), salt, log);
                assert_eq!(
                    plainest, expected,
                    "group {group}, row {which}, {programmed} bytes"
                );
            }
        }
    }
}
