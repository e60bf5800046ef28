//! The chip as a driver of its kind shows it: with the size of its programs in the type.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use super::{Chip, ChipError};

/// A [`Chip`] whose `WRITE_SIZE` is `W`: for code that goes by it. Everything is passed on as it is; the chip itself
/// refuses programs that are not of whole units.
#[derive(Debug)]
pub struct InUnits<'c, 'm, const W: usize>(&'c mut Chip<'m>);

impl<'c, 'm, const W: usize> InUnits<'c, 'm, W> {
    /// Shows `chip` so.
    pub const fn new(chip: &'c mut Chip<'m>) -> Self {
        Self(chip)
    }

    /// The chip itself.
    pub const fn chip(&mut self) -> &mut Chip<'m> {
        self.0
    }
}

impl<const W: usize> ErrorType for InUnits<'_, '_, W> {
    type Error = ChipError;
}

impl<const W: usize> ReadNorFlash for InUnits<'_, '_, W> {
    const READ_SIZE: usize = Chip::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<const W: usize> NorFlash for InUnits<'_, '_, W> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = Chip::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.0.write(offset, bytes)
    }
}
