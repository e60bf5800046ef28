//! A chip as a driver offers it: programs of any length that the update core makes.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sim_flash::{Flash, FlashError, Geometry};

/// The largest unit in which the update core can write an entry of otadata: its 32 bytes.
const LARGEST: usize = 32;

/// A borrowed chip. If it programs in larger units than an entry of otadata has bytes, what is
/// written is padded to whole units with what is there, so nothing else changes.
#[derive(Debug)]
pub struct Driver<'f, G>(pub &'f mut Flash<(), G>);

impl<G: Geometry> Driver<'_, G> {
    const PADS: bool = G::WRITE > LARGEST;
}

impl<G> ErrorType for Driver<'_, G> {
    type Error = FlashError;
}

impl<G: Geometry> ReadNorFlash for Driver<'_, G> {
    const READ_SIZE: usize = G::READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<G: Geometry> NorFlash for Driver<'_, G> {
    const WRITE_SIZE: usize = if Self::PADS { 1 } else { G::WRITE };
    const ERASE_SIZE: usize = G::ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let lead = offset as usize % G::WRITE;
        if !Self::PADS || (lead == 0 && bytes.len().is_multiple_of(G::WRITE)) {
            return self.0.write(offset, bytes);
        }
        #[allow(clippy::cast_possible_truncation)] // less than a unit
        let start = offset - lead as u32;
        let mut padded = vec![0; (lead + bytes.len()).next_multiple_of(G::WRITE)];
        self.0.read(start, &mut padded)?;
        padded[lead..lead + bytes.len()].copy_from_slice(bytes);
        self.0.write(start, &padded)
    }
}
