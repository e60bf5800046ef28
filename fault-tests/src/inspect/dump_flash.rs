//! A flash dump as a flash: it can be booted, and is never changed.

use std::collections::BTreeMap;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const SECTOR: usize = 4096;

/// The dump, what was written since, and erased flash where the dump ends too early.
#[derive(Clone)]
pub(super) struct DumpFlash<'a> {
    dump: &'a [u8],
    capacity: u32,
    /// Sectors that differ from the dump, by their number.
    changed: BTreeMap<usize, [u8; SECTOR]>,
}

impl<'a> DumpFlash<'a> {
    pub(super) const fn new(dump: &'a [u8], capacity: u32) -> Self {
        Self {
            dump,
            capacity,
            changed: BTreeMap::new(),
        }
    }

    /// Bytes from an address on; FF beyond the dump, and 0 bytes long beyond the flash.
    pub(super) fn bytes(&mut self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF; length];
        match self.read(address, &mut bytes) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }

    fn original(&self, sector: usize) -> [u8; SECTOR] {
        let mut bytes = [0xFF; SECTOR];
        if let Some(known) = self.dump.get(sector * SECTOR..) {
            let length = known.len().min(SECTOR);
            bytes[..length].copy_from_slice(&known[..length]);
        }
        bytes
    }

    fn sector_mut(&mut self, sector: usize) -> &mut [u8; SECTOR] {
        let original = self.original(sector);
        self.changed.entry(sector).or_insert(original)
    }
}

/// The pieces of a range, sector by sector: sector, offset in it, length.
fn pieces(address: u32, length: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let end = address as usize + length;
    let mut at = address as usize;
    std::iter::from_fn(move || {
        let (sector, inside) = (at / SECTOR, at % SECTOR);
        let length = (SECTOR - inside).min(end - at);
        at += length;
        (length > 0).then_some((sector, inside, length))
    })
}

impl ErrorType for DumpFlash<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for DumpFlash<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, mut out: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, out.len())?;
        for (sector, inside, length) in pieces(offset, out.len()) {
            let (piece, rest) = out.split_at_mut(length);
            out = rest;
            if let Some(bytes) = self.changed.get(&sector) {
                piece.copy_from_slice(&bytes[inside..inside + length]);
            } else {
                let known = self.dump.get(sector * SECTOR + inside..).unwrap_or(&[]);
                let known = &known[..known.len().min(length)];
                piece[..known.len()].copy_from_slice(known);
                piece[known.len()..].fill(0xFF);
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }
}

impl NorFlash for DumpFlash<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to)?;
        for sector in from as usize / SECTOR..to as usize / SECTOR {
            self.changed.insert(sector, [0xFF; SECTOR]);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, mut bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len())?;
        for (sector, inside, length) in pieces(offset, bytes.len()) {
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            let cells = &mut self.sector_mut(sector)[inside..inside + length];
            for (cell, byte) in cells.iter_mut().zip(piece) {
                *cell &= byte;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_seen_and_the_dump_stays() {
        let dump = vec![0xF0; 5000];
        let mut flash = DumpFlash::new(&dump, 0x4000);
        flash.write(4094, &[0x0F, 0x3C, 0x3C, 0x3C]).unwrap();
        assert_eq!(flash.bytes(4093, 6), [0xF0, 0x00, 0x30, 0x30, 0x30, 0xF0]);
        assert_eq!(flash.bytes(4998, 4), [0xF0, 0xF0, 0xFF, 0xFF]);
        flash.erase(0x1000, 0x2000).unwrap();
        assert_eq!(flash.bytes(4094, 4), [0x00, 0x30, 0xFF, 0xFF]);
        assert!(flash.write(0x3FFF, &[0, 0]).is_err());
        assert!(flash.read(u32::MAX, &mut [0]).is_err());
        assert_eq!(dump, [0xF0; 5000]);
    }
}
