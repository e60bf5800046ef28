//! A plain NOR flash in memory that remembers what was done to it.
//!
//! For code that asks what the core *would* do: conformance vectors and dumps. It knows nothing of
//! power, time or pages; `sim-flash` does.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes of flash, and every operation on them.
#[derive(Clone, Debug)]
pub struct MemoryFlash {
    bytes: Vec<u8>,
    operations: Vec<Operation>,
}

/// One call that changed the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// All bytes became FF.
    Erase {
        /// First address.
        from: u32,
        /// First address after it.
        to: u32,
    },
    /// Bits became 0.
    Program {
        /// First address.
        address: u32,
        /// Number of bytes.
        length: usize,
    },
}

impl MemoryFlash {
    /// A flash with these contents.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            operations: Vec::new(),
        }
    }

    /// The contents.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was done since the flash was made or restored, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Makes the contents those of `other` again, which has the same size, and forgets what was done.
    pub fn restore(&mut self, other: &[u8]) {
        self.bytes.clone_from_slice(other);
        self.operations.clear();
    }
}

impl ErrorType for MemoryFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for MemoryFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len())?;
        let from = offset as usize;
        bytes.copy_from_slice(&self.bytes[from..from + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for MemoryFlash {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to)?;
        self.bytes[from as usize..to as usize].fill(0xFF);
        self.operations.push(Operation::Erase { from, to });
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len())?;
        let cells = &mut self.bytes[offset as usize..][..bytes.len()];
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        self.operations.push(Operation::Program {
            address: offset,
            length: bytes.len(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programming_only_clears_bits_and_everything_is_remembered() {
        let mut flash = MemoryFlash::new(vec![0xF0; 8192]);
        flash.write(1, &[0x3C]).unwrap();
        flash.erase(4096, 8192).unwrap();
        assert_eq!(flash.bytes()[..3], [0xF0, 0x30, 0xF0]);
        assert_eq!(flash.bytes()[4096], 0xFF);
        assert_eq!(
            flash.operations(),
            [
                Operation::Program {
                    address: 1,
                    length: 1
                },
                Operation::Erase {
                    from: 4096,
                    to: 8192
                }
            ]
        );
    }

    #[test]
    fn what_is_outside_is_refused() {
        let mut flash = MemoryFlash::new(vec![0xFF; 100]);
        assert!(flash.read(90, &mut [0; 11]).is_err());
        assert!(flash.read(u32::MAX, &mut [0; 2]).is_err());
        assert!(flash.erase(0, 4096).is_err());
        assert!(flash.write(100, &[0]).is_err());
    }
}
