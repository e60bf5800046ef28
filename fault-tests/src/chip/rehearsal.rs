//! A call is rehearsed on a copy of the flash before it is made: weak bits then read the same, read by read.
//!
//! Otherwise the device might be asked for what follows from one reading, and act on another. The decisions are
//! those of the rehearsal; when the call is made nothing is decided any more, and nothing noted.

use std::collections::VecDeque;
use std::ops::Range;

use super::Chip;

/// The weak bits of one call.
#[derive(Debug, Default)]
pub(super) enum Rehearsal {
    /// There is none.
    #[default]
    Off,
    /// It is going on.
    On {
        read: VecDeque<(Range<u32>, Vec<u8>)>,
        /// By their number among the decisions: places that have read otherwise than before.
        flips: Vec<usize>,
    },
    /// It is over: this is what the call will read.
    Over(VecDeque<(Range<u32>, Vec<u8>)>),
}

impl Rehearsal {
    const fn begin() -> Self {
        Self::On {
            read: VecDeque::new(),
            flips: Vec::new(),
        }
    }

    /// Ends it; the decisions that were only rehearsed.
    pub(super) fn end(&mut self) -> Vec<usize> {
        match std::mem::take(self) {
            Self::On { read, flips } => {
                *self = Self::Over(read);
                flips
            }
            other => {
                *self = other;
                Vec::new()
            }
        }
    }

    /// In it, this was read.
    pub(super) fn read(&mut self, range: &Range<u32>, bytes: &[u8]) {
        if let Self::On { read, .. } = self {
            read.push_back((range.clone(), bytes.to_vec()));
        }
    }

    /// In it, a decision changes another.
    pub(super) fn flips(&mut self, decision: usize) {
        if let Self::On { flips, .. } = self {
            flips.push(decision);
        }
    }

    /// What a read of `range` was in it, when its turn has come.
    pub(super) fn next(&mut self, range: &Range<u32>) -> Option<Vec<u8>> {
        let Self::Over(read) = self else {
            return None;
        };
        read.front().filter(|(of, _)| of == range)?;
        read.pop_front().map(|(_, bytes)| bytes)
    }

    /// Whether it is going on.
    const fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }

    /// Whether the call is made as it was rehearsed.
    const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }
}

impl Chip<'_> {
    /// Rehearses a call on a copy of the flash: until [`Self::rehearsed`] weak bits may read otherwise than before, and
    /// will do so again in the call.
    ///
    /// Not where the copy has been erased or programmed: a [read](Self::read_again) of that is no read of the call.
    pub(crate) fn rehearse(&mut self) {
        if self.decisions.weak {
            self.decisions.rehearsal = Rehearsal::begin();
        }
    }

    /// Whether a call is being rehearsed; never where no bit is weak, as any two reads are the same there.
    pub(crate) const fn rehearses(&self) -> bool {
        self.decisions.rehearsal.is_on()
    }

    /// What follows is the call itself.
    pub(crate) fn rehearsed(&mut self) {
        self.decisions.rehearsed();
    }

    /// The call has been made.
    pub(crate) fn performed(&mut self) {
        self.decisions.rehearsal = Rehearsal::Off;
    }

    /// Whether weak bits may read otherwise than before, if nothing has said how.
    pub(super) const fn flips(&self) -> bool {
        self.flips && !self.decisions.rehearsal.is_over()
    }
}

#[cfg(test)]
mod tests {
    use embedded_storage::nor_flash::ReadNorFlash;
    use sim_flash::Profile;

    use super::super::Knows;
    use super::*;
    use crate::subject::OperationClock;

    const AT: u32 = 0x100;

    fn read(chip: &mut Chip<'_>) -> u8 {
        let mut byte = [0];
        chip.read(AT, &mut byte).expect("in range");
        byte[0]
    }

    fn read_again(chip: &mut Chip<'_>) -> u8 {
        let mut byte = [0];
        chip.read_again(AT, &mut byte).expect("in range");
        byte[0]
    }

    /// The bit reads as 1, then as 0, from then on: so it does in the rehearsal, and so in the call.
    #[test]
    fn a_call_reads_weak_bits_as_it_did_when_it_was_rehearsed() {
        let profile = Profile::w25q64jv();
        let mut state = profile.erased();
        state.weaken(AT, &[1]);
        let mut chip = Chip::new(&profile, state, OperationClock::default(), Knows::Nothing);
        chip.decide_by(vec![1, 0, 1, 1, 1]);
        chip.rehearse();
        let rehearsed = [0; 4].map(|_| read(&mut chip));
        assert_eq!(rehearsed, [0xFF, 0xFF, 0xFE, 0xFE]);
        chip.rehearsed();
        // Until then it reads as before.
        assert_eq!(read_again(&mut chip), 0xFF);
        let (looks, tape) = (chip.looks.len(), chip.met.len());
        assert_eq!([0; 4].map(|_| read(&mut chip)), rehearsed);
        assert_eq!(read_again(&mut chip), 0xFE);
        // It was all decided, and noted, when it was rehearsed.
        assert_eq!((chip.looks.len(), chip.met.len()), (looks, tape));
        chip.performed();
        assert_eq!(read(&mut chip), 0xFE);
    }
}
