//! The cells of a flash, as plain arrays: each bit is 0, 1 or weak.
//!
//! A bit is weak when a cut has left it half programmed or half erased. Of such a bit both ends are kept, what it
//! was and what it was to be; what it reads as is up to a [`Reading`](super::reading::Reading).

use super::image::IMAGES;

/// The first address that there are cells for; below it nothing is kept.
pub(super) const BASE: u32 = 0x8000;
/// Bytes of a sector.
pub(super) const SECTOR: u32 = 4096;
/// The address behind the last cell.
pub(super) const END: u32 = BASE + 20 * SECTOR;

const LEN: usize = (END - BASE) as usize;
const SECTORS: usize = LEN / SECTOR as usize;

/// Every cell.
#[derive(Clone)]
pub(super) struct Cells {
    /// What the solid bits are.
    value: Vec<u8>,
    /// Which bits are weak.
    weak: Vec<u8>,
    /// What the weak bits were.
    old: Vec<u8>,
    /// What the weak bits were to be.
    wanted: Vec<u8>,
    /// Whether a sector has weak bits.
    has_weak: [bool; SECTORS],
    /// Whether a sector is not blank.
    used: [bool; SECTORS],
}

/// The eight bits of one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Byte {
    /// What the solid bits are; 1 where a bit is weak.
    pub(super) value: u8,
    /// Which bits are weak.
    pub(super) weak: u8,
    /// What the weak bits were.
    pub(super) old: u8,
    /// What the weak bits were to be.
    pub(super) wanted: u8,
}

impl Byte {
    /// All bits are solid.
    pub(super) const fn solid(value: u8) -> Self {
        Self {
            value,
            weak: 0,
            old: value,
            wanted: value,
        }
    }

    /// What the byte reads as where weak bits read as 1 in `bits`.
    pub(super) const fn read(self, bits: u8) -> u8 {
        self.value & !self.weak | bits & self.weak
    }

    /// A program of `data` that ran to completion: a bit that it clears is solid, weak or not.
    pub(super) const fn programmed(self, data: u8) -> Self {
        Self {
            value: self.value & data,
            weak: self.weak & data,
            ..self
        }
    }

    /// A program of `data` that was cut: the bits of `done` are through, those of `weak` half way.
    pub(super) const fn half_programmed(self, data: u8, done: u8, weak: u8) -> Self {
        let through = self.programmed(data | !done);
        // Only what the program moves can be half way: a bit that is 1 or weak and is to be 0.
        let moving = (self.value | self.weak) & !data & !done & weak;
        Self {
            value: through.value | moving,
            weak: through.weak | moving,
            old: self.old & !moving | (self.old | !self.weak) & moving,
            wanted: self.wanted & !moving,
        }
    }

    /// An erase that was cut: the bits of `weak` read as they were or as 1.
    pub(super) const fn half_erased(as_old: u8, weak: u8) -> Self {
        Self {
            value: as_old | weak,
            weak,
            old: as_old,
            wanted: 0xFF,
        }
    }
}

impl Cells {
    /// Every bit is 1.
    pub(super) fn blank() -> Self {
        Self {
            value: vec![0xFF; LEN],
            weak: vec![0; LEN],
            old: vec![0xFF; LEN],
            wanted: vec![0xFF; LEN],
            has_weak: [false; SECTORS],
            used: [false; SECTORS],
        }
    }

    /// None at all: stands in for cells that are elsewhere.
    pub(super) const fn none() -> Self {
        Self {
            value: Vec::new(),
            weak: Vec::new(),
            old: Vec::new(),
            wanted: Vec::new(),
            has_weak: [false; SECTORS],
            used: [false; SECTORS],
        }
    }

    /// Makes every bit 1 again.
    pub(super) fn clear(&mut self) {
        for (at, sector) in (BASE..END).step_by(SECTOR as usize).zip(0..SECTORS) {
            if self.used[sector] {
                self.erase(at);
                self.used[sector] = false;
            }
        }
    }

    /// An erase of the sector at `at` that ran to completion.
    pub(super) fn erase(&mut self, at: u32) {
        let sector = index(at) / SECTOR as usize;
        let span = sector * SECTOR as usize..(sector + 1) * SECTOR as usize;
        self.value[span.clone()].fill(0xFF);
        if self.has_weak[sector] {
            self.weak[span].fill(0);
            self.has_weak[sector] = false;
        }
    }

    /// The byte at an address.
    pub(super) fn byte(&self, at: u32) -> Byte {
        let i = index(at);
        Byte {
            value: self.value[i],
            weak: self.weak[i],
            old: self.old[i],
            wanted: self.wanted[i],
        }
    }

    /// Makes the byte at an address what it is to be.
    pub(super) fn set(&mut self, at: u32, byte: Byte) {
        let i = index(at);
        let sector = i / SECTOR as usize;
        self.value[i] = byte.value;
        self.weak[i] = byte.weak;
        self.old[i] = byte.old;
        self.wanted[i] = byte.wanted;
        self.used[sector] = true;
        self.has_weak[sector] |= byte.weak != 0;
    }

    /// A program that ran to completion.
    pub(super) fn program(&mut self, at: u32, data: &[u8]) {
        for (at, data) in (at..).zip(data) {
            self.set(at, self.byte(at).programmed(*data));
        }
    }

    /// The bytes from `at` on, where no bit of the sectors that they lie in is weak.
    pub(super) fn solid(&self, at: u32, len: usize) -> Option<&[u8]> {
        let from = index(at);
        let sectors = from / SECTOR as usize..(from + len).div_ceil(SECTOR as usize);
        let weak = self.has_weak[sectors].contains(&true);
        (!weak).then(|| &self.value[from..from + len])
    }

    /// Whether a bit is weak in the `len` bytes from `at` on.
    pub(super) fn is_weak(&self, at: u32, len: usize) -> bool {
        self.solid(at, len).is_none() && self.weak[index(at)..][..len].iter().any(|weak| *weak != 0)
    }

    /// Tells each row of 32 bytes that is not blank, four bits at a time; those of which one is weak as `?`.
    pub(super) fn rows(&self, from: u32, len: u32, told: &mut dyn FnMut(String)) {
        for at in (from..from + len).step_by(32) {
            let bytes: Vec<_> = (at..at + 32).map(|at| self.byte(at)).collect();
            if bytes
                .iter()
                .all(|byte| (byte.value, byte.weak) == (0xFF, 0))
            {
                continue;
            }
            let digit = |value: u8, weak: u8| match weak {
                0 => char::from_digit(u32::from(value), 16).unwrap_or('?'),
                _ => '?',
            };
            let digits = bytes.iter().flat_map(|byte| {
                [
                    digit(byte.value >> 4, byte.weak >> 4),
                    digit(byte.value & 0xF, byte.weak & 0xF),
                ]
            });
            told(format!("    0x{at:x}  {}", digits.collect::<String>()));
        }
    }

    /// Which published image is in the slot at `at`.
    pub(super) fn content(&self, at: u32) -> Content {
        let matches = |image: &[u8]| {
            let here = index(at)..index(at) + image.len();
            let bytes = self.value[here.clone()].iter().zip(&self.weak[here]);
            bytes
                .zip(image)
                .all(|((value, weak), byte)| (value ^ byte) & !weak == 0)
        };
        let Some(id) = IMAGES.iter().position(|image| matches(&image.bytes)) else {
            return Content::Nothing;
        };
        if self.is_weak(at, IMAGES[id].bytes.len()) {
            Content::Perhaps(id)
        } else {
            Content::Image(id)
        }
    }
}

/// What is in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// Nothing that was published.
    Nothing,
    /// A published image, by its number.
    Image(usize),
    /// A published image, if its weak bits read so.
    Perhaps(usize),
}

fn index(at: u32) -> usize {
    (at - BASE) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_only_clears_and_makes_a_weak_zero_solid() {
        let byte = Byte::solid(0xF0).programmed(0x3C);
        assert_eq!((byte.value, byte.weak), (0x30, 0));
        let torn = Byte::solid(0xFF).half_programmed(0x0F, 0x80, 0x70);
        assert_eq!(
            (torn.weak, torn.old & 0x70, torn.wanted & 0x70),
            (0x70, 0x70, 0)
        );
        assert_eq!((torn.read(0), torn.read(0xFF)), (0x0F, 0x7F));
        let healed = torn.programmed(0x0F);
        assert_eq!((healed.value, healed.weak), (0x0F, 0));
        // What is left at 1 stays weak.
        assert_eq!(torn.programmed(0x3F).weak, 0x30);
    }

    #[test]
    fn bits_that_a_program_leaves_alone_are_not_torn_by_it() {
        let torn = Byte::solid(0xA5).half_programmed(0x0F, 0, 0xFF);
        assert_eq!(
            (torn.weak, torn.read(0), torn.read(0xFF)),
            (0xA0, 0x05, 0xA5)
        );
    }

    #[test]
    fn an_erase_makes_every_bit_solid() {
        let mut cells = Cells::blank();
        cells.set(0x9000, Byte::half_erased(0x12, 0xFF));
        assert!(cells.is_weak(0x9000, 1) && cells.solid(0x9800, 4).is_none());
        cells.erase(0x9000);
        assert_eq!(cells.solid(0x9000, 1), Some(&[0xFF][..]));
    }
}
