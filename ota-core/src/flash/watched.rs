//! A flash that reports each operation: to feed a watchdog, or to show progress.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use super::block_at;

/// What a [`Watched`] flash has just done. Addresses are absolute, lengths in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Read.
    Read {
        /// From where.
        at: u32,
        /// How much.
        len: u32,
    },
    /// Programmed.
    Programmed {
        /// From where.
        at: u32,
        /// How much.
        len: u32,
    },
    /// Erased: one sector or block.
    Erased {
        /// From where.
        at: u32,
        /// How much.
        len: u32,
    },
}

/// A flash that calls `watch` after each operation that went well.
///
/// Long erases are divided into the largest blocks that it allows, so that no time between two calls
/// is longer than one block erase, one program, or one read takes. It goes wherever a flash goes: into
/// the boot, into the update; calls that are long because they erase a partition or read an image
/// become ones that report.
#[derive(Clone, Copy, Debug)]
pub struct Watched<F, W> {
    flash: F,
    watch: W,
    most: u32,
}

impl<F, W: FnMut(Done)> Watched<F, W> {
    /// Watches `flash`. Erases are of one block of at most `most` bytes: 64 KiB, 32 KiB, or else a
    /// sector.
    pub const fn new(flash: F, most: u32, watch: W) -> Self {
        Self { flash, watch, most }
    }

    /// The flash itself.
    pub const fn inner(&mut self) -> &mut F {
        &mut self.flash
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl<F: ErrorType, W> ErrorType for Watched<F, W> {
    type Error = F::Error;
}

impl<F: ReadNorFlash, W: FnMut(Done)> ReadNorFlash for Watched<F, W> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.flash.read(offset, bytes)?;
        let (at, len) = (offset, length(bytes));
        (self.watch)(Done::Read { at, len });
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash, W: FnMut(Done)> NorFlash for Watched<F, W> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let mut at = from;
        // Each turn erases a sector at least; the last one what is left, for the flash to refuse if it
        // is not whole.
        while at < to {
            let len = block_at(at, to, self.most).min(to.saturating_sub(at));
            let end = at.saturating_add(len);
            self.flash.erase(at, end)?;
            (self.watch)(Done::Erased { at, len });
            at = end;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.flash.write(offset, bytes)?;
        let (at, len) = (offset, length(bytes));
        (self.watch)(Done::Programmed { at, len });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::ram::{Op, Ram};
    use std::vec::Vec;

    #[test]
    fn an_erase_is_divided_into_the_largest_blocks_that_fit() {
        for (most, from, to, expected) in [
            (
                0x1_0000,
                0xF000,
                0x2_9000,
                &[0x1000, 0x1_0000, 0x8000, 0x1000][..],
            ),
            (0x8000, 0x1_0000, 0x2_0000, &[0x8000, 0x8000]),
            (0, 0x1000, 0x3000, &[0x1000, 0x1000]),
            (u32::MAX, 0x4000, 0x4000, &[]),
        ] {
            let mut ram = Ram::erased();
            let mut lengths = Vec::new();
            let watch = |done| {
                if let Done::Erased { len, .. } = done {
                    lengths.push(len);
                }
            };
            Watched::new(&mut ram, most, watch).erase(from, to).unwrap();
            assert_eq!(lengths, expected);
            let erased = |op: &Op| matches!(op, Op::Erase { .. });
            assert_eq!(
                ram.ops.iter().filter(|op| erased(op)).count(),
                expected.len()
            );
        }
    }

    #[test]
    fn what_fails_is_not_reported_and_ends_the_erase() {
        let mut ram = Ram::erased();
        ram.power = 1;
        let mut calls = 0;
        let mut watched = Watched::new(&mut ram, 0, |_| calls += 1);
        assert!(watched.erase(0, 0x4000).is_err());
        assert_eq!(calls, 1);
        assert_eq!(ram.after_failure, 0);
    }

    #[test]
    fn an_erase_that_is_not_whole_sectors_is_refused_by_the_flash() {
        let mut ram = Ram::erased();
        assert!(Watched::new(&mut ram, 0, |_| ()).erase(0, 0x1800).is_err());
    }
}
