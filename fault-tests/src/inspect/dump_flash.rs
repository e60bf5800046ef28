//! A flash dump as a flash: it can be booted, and is never changed.
//!
//! Bytes outside the file are not known. They read as FF, as something has to, and the flash remembers that they were
//! read: whatever was decided by them cannot be told.

use std::collections::BTreeMap;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const SECTOR: usize = 4096;

/// The bytes of a file, at their flash addresses.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    bytes: &'a [u8],
    from: u32,
}

impl<'a> Known<'a> {
    pub(super) const fn new(bytes: &'a [u8], from: u32) -> Self {
        Self { bytes, from }
    }

    /// Flash address of the first byte.
    pub(super) const fn from(self) -> u32 {
        self.from
    }

    /// First flash address after the last byte.
    pub(super) fn end(self) -> u64 {
        u64::from(self.from) + self.bytes.len() as u64
    }

    /// As many bytes from `address` on as are known there, up to `length`.
    pub(super) fn part(self, address: u32, length: usize) -> &'a [u8] {
        let Some(inside) = address.checked_sub(self.from) else {
            return &[];
        };
        let rest = self.bytes.get(inside as usize..).unwrap_or(&[]);
        &rest[..rest.len().min(length)]
    }

    /// All of these bytes.
    pub(super) fn whole(self, address: u32, length: usize) -> Option<&'a [u8]> {
        Some(self.part(address, length)).filter(|part| part.len() == length)
    }

    /// Whether all of these bytes are known.
    pub(super) fn covers(self, address: u32, size: u32) -> bool {
        address >= self.from && u64::from(address) + u64::from(size) <= self.end()
    }

    /// The addresses of sectors that begin in the file.
    pub(super) fn sectors(self) -> impl Iterator<Item = u32> + use<'a> {
        let first = u64::from(self.from).next_multiple_of(SECTOR as u64);
        (first..self.end())
            .step_by(SECTOR)
            .filter_map(|address| u32::try_from(address).ok())
    }
}

/// The dump, what was written since, and FF where the file has nothing.
#[derive(Clone)]
pub(super) struct DumpFlash<'a> {
    known: Known<'a>,
    capacity: u32,
    /// Sectors that differ from the dump, by their number.
    changed: BTreeMap<usize, [u8; SECTOR]>,
    /// The first address outside the file that was read.
    unknown: Option<u32>,
}

impl<'a> DumpFlash<'a> {
    pub(super) const fn new(known: Known<'a>, capacity: u32) -> Self {
        Self {
            known,
            capacity,
            changed: BTreeMap::new(),
            unknown: None,
        }
    }

    /// The first address outside the file that was read since the last time that this was asked.
    pub(super) const fn take_unknown(&mut self) -> Option<u32> {
        self.unknown.take()
    }

    fn original(&self, sector: usize) -> [u8; SECTOR] {
        let mut bytes = [0xFF; SECTOR];
        fill(self.known, sector * SECTOR, &mut bytes);
        bytes
    }

    fn sector_mut(&mut self, sector: usize) -> &mut [u8; SECTOR] {
        let original = self.original(sector);
        self.changed.entry(sector).or_insert(original)
    }
}

/// Puts what is known of the bytes from `address` on into `out`; returns the first address that is not known.
fn fill(known: Known<'_>, address: usize, out: &mut [u8]) -> Option<u32> {
    let start = known.from as usize;
    let end = start + known.bytes.len();
    let (from, to) = (address.max(start), (address + out.len()).min(end));
    if from < to {
        out[from - address..to - address].copy_from_slice(&known.bytes[from - start..to - start]);
    }
    let missing = if address < start || from >= to {
        (!out.is_empty()).then_some(address)
    } else {
        (to < address + out.len()).then_some(to)
    };
    missing.and_then(|at| u32::try_from(at).ok())
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
                piece.fill(0xFF);
                let missing = fill(self.known, sector * SECTOR + inside, piece);
                self.unknown = self.unknown.or(missing);
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

    fn read(flash: &mut DumpFlash<'_>, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        flash.read(address, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn writes_are_seen_and_the_dump_stays() {
        let dump = vec![0xF0; 5000];
        let mut flash = DumpFlash::new(Known::new(&dump, 0), 0x4000);
        flash.write(4094, &[0x0F, 0x3C, 0x3C, 0x3C]).unwrap();
        assert_eq!(
            read(&mut flash, 4093, 6),
            [0xF0, 0x00, 0x30, 0x30, 0x30, 0xF0]
        );
        assert_eq!(read(&mut flash, 4998, 4), [0xF0, 0xF0, 0xFF, 0xFF]);
        flash.erase(0x1000, 0x2000).unwrap();
        assert_eq!(read(&mut flash, 4094, 4), [0x00, 0x30, 0xFF, 0xFF]);
        assert!(flash.write(0x3FFF, &[0, 0]).is_err());
        assert!(flash.read(u32::MAX, &mut [0]).is_err());
        assert_eq!(dump, [0xF0; 5000]);
    }

    #[test]
    fn what_is_read_outside_the_file_is_remembered() {
        let dump = vec![0xF0; 0x1800];
        let mut flash = DumpFlash::new(Known::new(&dump, 0x2000), 0x8000);
        for (address, length, unknown) in [
            (0x2000, 0x1800, None),
            (0x1FFE, 4, Some(0x1FFE)),
            (0x0, 4, Some(0x0)),
            (0x37FE, 4, Some(0x3800)),
            (0x6000, 1, Some(0x6000)),
        ] {
            read(&mut flash, address, length);
            assert_eq!(flash.take_unknown(), unknown, "{address:#x}");
        }
        // What was erased since is known.
        flash.erase(0x6000, 0x7000).unwrap();
        read(&mut flash, 0x6000, 1);
        assert_eq!(flash.take_unknown(), None);
        assert!(flash.known.covers(0x3000, 0x800) && !flash.known.covers(0x3000, 0x801));
        assert_eq!(flash.known.part(0x37FF, 4), [0xF0]);
        assert_eq!(flash.known.sectors().collect::<Vec<_>>(), [0x2000, 0x3000]);
    }
}
