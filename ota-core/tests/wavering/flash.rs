//! The flash that lies, once.

use std::ops::Range;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

use crate::checks::Piece;

/// What is answered otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lie {
    /// Address of the word.
    pub(crate) at: u32,
    /// At which read of it, counted from 0.
    pub(crate) nth: u32,
    pub(crate) word: u32,
}

/// A flash, the lie, and where it was written.
pub(crate) struct Wavering<'b> {
    piece: Piece<'b>,
    lie: Option<Lie>,
    reads: u32,
    /// Whether the read that is lied about has come.
    pub(crate) told: bool,
    /// The first and the last address written or erased.
    pub(crate) written: Option<Range<u32>>,
}

impl<'b> Wavering<'b> {
    pub(crate) fn new(bytes: &'b mut [u8], lie: Option<Lie>) -> Self {
        Self {
            piece: Piece::new(0, bytes),
            lie,
            reads: 0,
            told: false,
            written: None,
        }
    }

    fn write_to(&mut self, range: Range<u32>) {
        let before = self.written.take().unwrap_or(range.clone());
        self.written = Some(before.start.min(range.start)..before.end.max(range.end));
    }
}

impl ErrorType for Wavering<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Wavering<'_> {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.piece.read(offset, bytes)?;
        let Some(lie) = self.lie else { return Ok(()) };
        let at = lie.at.checked_sub(offset).map(|at| at as usize);
        if let Some(word) = at.and_then(|at| bytes.get_mut(at..at + 4)) {
            if self.reads == lie.nth {
                word.copy_from_slice(&lie.word.to_le_bytes());
                self.told = true;
            }
            self.reads += 1;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.piece.capacity()
    }
}

impl NorFlash for Wavering<'_> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.write_to(from..to);
        self.piece.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.write_to(offset..offset + u32::try_from(bytes.len()).unwrap());
        self.piece.write(offset, bytes)
    }
}

/// Tells every lie about the words of `image`, which lies at `at`, and shows each to `try_it`; that says whether
/// the read came to which it was told. Returns how many were told.
pub(crate) fn lies(at: u32, image: &[u8], mut try_it: impl FnMut(Lie) -> bool) -> u32 {
    let mut told = 0;
    for (number, word) in (0..).zip(image.chunks_exact(4)) {
        let truth = u32::from_le_bytes(word.try_into().unwrap());
        let mut words = vec![!truth, truth ^ 1, truth ^ 0x0100_0000, 0, u32::MAX];
        if number == VERSION_WORD {
            words.extend([1, 2, 3, 4, 16, 17]);
        }
        for word in words.into_iter().filter(|word| *word != truth) {
            let lie = |nth| Lie {
                at: at + 4 * number,
                nth,
                word,
            };
            let mut nth = 0;
            while try_it(lie(nth)) {
                nth += 1;
                assert!(nth < MOST_READS, "it goes on reading the word at {at:x}");
            }
            told += nth;
        }
    }
    told
}

/// A word is read less often than this in a boot or a call.
const MOST_READS: u32 = 16;

/// Where an image says its secure version, in words.
pub(crate) const VERSION_WORD: u32 = 9;
