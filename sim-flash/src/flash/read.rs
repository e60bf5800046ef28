//! Reads: weak bits, check bits, decryption, and a chip that is busy.

use super::Flash;
use crate::cipher::Cipher;
use crate::draw;
use crate::error::{FlashError, Rule};
use crate::observer::Observer;
use crate::op::OpKind;
use crate::trace::Recording;

impl<O: Observer, G> Flash<O, G> {
    /// A read within bounds, power on.
    #[inline]
    pub(super) fn read_cells(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let duration = self.profile.timing.read(bytes.len());
        #[allow(clippy::cast_possible_truncation)] // within a flash of less than 4 GiB
        let len = bytes.len() as u32;
        if self.careful {
            self.strike_read(duration)?;
            self.check_place(OpKind::Read, addr, len)?;
            self.fail_read(addr, bytes.len())?;
        }
        self.observer.read(addr, len);
        if self.busy() {
            // The chip does not answer; what the bus floats to is anyone's guess.
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = draw::below(self.reads, u64::from(addr), at as u64, 256).to_le_bytes()[0];
            }
        } else if self.cipher.is_some() {
            self.read_encrypted(addr, bytes)?;
        } else {
            self.read_plain(addr, bytes)?;
        }
        if self.recording == Recording::All {
            let entry = self.entry(OpKind::Read, addr, len, duration);
            self.trace.push(entry, &[]);
        }
        self.reads += 1;
        self.stats.reads += 1;
        self.stats.bytes_read += u64::from(len);
        self.stats.device_time += duration;
        Ok(())
    }

    /// What the cells say.
    #[inline]
    fn read_plain(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let pristine = self.state.read_pristine(addr, bytes);
        if pristine && !self.profile.rules.erased_undefined {
            return Ok(());
        }
        self.read_overlaid(addr, bytes)
    }

    #[cold]
    fn read_overlaid(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        #[allow(clippy::cast_possible_truncation)] // within a flash of less than 4 GiB
        let len = bytes.len() as u32;
        if let Some(at) = self.state.broken_unit(addr..addr + len) {
            return Err(FlashError::Ecc { addr, len, at });
        }
        // Records, which are read most, are small.
        let (mut few, mut many) = ([0; 64], Vec::new());
        let weak = match few.get_mut(..bytes.len()) {
            Some(few) => few,
            None => {
                many.resize(bytes.len(), 0);
                &mut many[..]
            }
        };
        self.state.weak(addr, weak);
        if self.profile.rules.erased_undefined {
            for (weak, at) in weak.iter_mut().zip(addr..) {
                if self.state.programs(at) == 0 {
                    if self.strict {
                        let (rule, kind) = (Rule::ErasedUndefined, OpKind::Read);
                        return Err(FlashError::Rule {
                            rule,
                            kind,
                            addr,
                            len,
                            at,
                        });
                    }
                    *weak = 0xFF;
                }
            }
        }
        if weak.iter().all(|bits| *bits == 0) {
            return Ok(());
        }
        let mut read = bytes.to_vec();
        self.adversary
            .decide(addr, weak, &mut read, self.boot, self.reads);
        self.observer.weak(addr, weak, &mut read);
        for ((byte, read), weak) in bytes.iter_mut().zip(&read).zip(&*weak) {
            *byte = *byte & !weak | read & weak;
        }
        Ok(())
    }

    fn read_encrypted(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let lead = (addr % Cipher::BLOCK) as usize;
        let mut blocks = vec![0; (lead + bytes.len()).next_multiple_of(Cipher::BLOCK as usize)];
        self.read_plain(addr - addr % Cipher::BLOCK, &mut blocks)?;
        if let Some(cipher) = &self.cipher {
            cipher.decrypt(addr - addr % Cipher::BLOCK, &mut blocks);
        }
        bytes.copy_from_slice(&blocks[lead..lead + bytes.len()]);
        Ok(())
    }

    /// The cells themselves, as a tool that bypasses decryption reads them. What an erased-check has to look at on an
    /// encrypted flash. Bounds and power as for any read.
    pub fn read_raw(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(OpKind::Read, addr, bytes.len() as u64, 1)?;
        let cipher = self.cipher.take();
        let result = self.read_cells(addr, bytes);
        self.cipher = cipher;
        result
    }
}
