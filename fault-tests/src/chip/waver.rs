//! One read that is answered otherwise: by a weak bit in an image, or by somebody on the bus.
//!
//! Weak bits of an image are [decided as a whole](super::weak), until the power goes. This is the other half: of all
//! reads of a power-on one answers one word otherwise, and every other read is right.

use std::ops::Range;

use super::Chip;

/// What a chip makes of the reads of the device; those of judges it leaves alone.
#[derive(Clone, Debug)]
pub(crate) enum Waver {
    /// It lists them.
    Lists(Vec<Range<u32>>),
    /// It answers one of them otherwise.
    Lies {
        /// Address of the word.
        at: u32,
        /// Reads of it that are still right.
        after: u32,
        word: [u8; 4],
    },
}

/// Whether a read of `range` has the whole word at `at` in it.
pub(crate) fn reads_word(range: &Range<u32>, at: u32) -> bool {
    range.start <= at && at.checked_add(4).is_some_and(|end| end <= range.end)
}

impl Chip<'_> {
    /// From now on, reads of the device are listed or lied to.
    pub(crate) fn waver(&mut self, waver: Waver) {
        self.waver = Some(waver);
    }

    /// The reads that were listed.
    pub(crate) fn listed_reads(&mut self) -> Vec<Range<u32>> {
        match self.waver.take() {
            Some(Waver::Lists(reads)) => reads,
            _ => Vec::new(),
        }
    }

    /// Answers a read that holds `bytes`.
    pub(super) fn answer(&mut self, range: &Range<u32>, bytes: &mut [u8]) {
        match &mut self.waver {
            Some(Waver::Lists(reads)) => reads.push(range.clone()),
            Some(Waver::Lies { at, after, word }) if reads_word(range, *at) => {
                if *after > 0 {
                    *after -= 1;
                    return;
                }
                let from = (*at - range.start) as usize;
                bytes[from..from + 4].copy_from_slice(word);
                self.waver = None;
            }
            Some(Waver::Lies { .. }) | None => {}
        }
    }
}
