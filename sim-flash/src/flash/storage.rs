//! The `embedded-storage` traits: requests of any length, split into operations of the chip.

use embedded_storage::nor_flash::{ErrorType, MultiwriteNorFlash, NorFlash, ReadNorFlash};

use super::{EraseOrder, Flash};
use crate::error::FlashError;
use crate::geometry::{Geometry, Multiwrite};
use crate::observer::Observer;
use crate::op::OpKind;
use crate::stencils::Stencils;

impl<O, G> ErrorType for Flash<O, G> {
    type Error = FlashError;
}

impl<O: Observer, G: Geometry> ReadNorFlash for Flash<O, G> {
    const READ_SIZE: usize = G::READ;

    #[inline]
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(OpKind::Read, offset, bytes.len() as u64, G::READ)?;
        self.read_cells(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.state.size() as usize
    }
}

impl<O: Observer, G: Geometry> NorFlash for Flash<O, G> {
    const WRITE_SIZE: usize = G::WRITE;
    const ERASE_SIZE: usize = G::ERASE;

    /// Erases `from..to` in the largest blocks that fit, each an operation of the chip; in steps, if
    /// [`set_erase_steps`](Flash::set_erase_steps) says so.
    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let len = u64::from(to.saturating_sub(from));
        // `G::ERASE`, unless the profile is [untyped](crate::Profile::untyped).
        self.check(OpKind::Erase, from, len, self.profile.sector as usize)?;
        if self.erase_order == EraseOrder::Down {
            return self.erase_down(from, to);
        }
        let mut at = from;
        while at < to {
            let block = self.profile.timing.largest(at, to);
            self.erase_as_set(at, block)?;
            at += block;
        }
        Ok(())
    }

    /// Programs `bytes` page by page, each page an operation of the chip.
    #[inline]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(OpKind::Program, offset, bytes.len() as u64, self.unit())?;
        self.program(offset, bytes)
    }
}

impl<O: Observer, G: Geometry> Flash<O, G> {
    #[inline]
    fn unit(&self) -> usize {
        self.profile.program_unit() as usize
    }

    /// [`NorFlash::write`], with sectors shared where the same has been written in the same place before, with these
    /// `stencils`. What happens, and what the trace says, is the same.
    pub fn write_with(
        &mut self,
        offset: u32,
        bytes: &[u8],
        stencils: &mut Stencils,
    ) -> Result<(), FlashError> {
        self.check(OpKind::Program, offset, bytes.len() as u64, self.unit())?;
        self.program_with(offset, bytes, stencils)
    }
}

impl<O: Observer, G: Multiwrite> MultiwriteNorFlash for Flash<O, G> {}
