//! How an entry of otadata gets onto flash: the stock policy.
//!
//! This is the seam between what the rest of the crate wants written and how it is made to last.
//! Everything that erases or programs otadata goes through here, except the wipe of whole
//! partitions, which is not about entries. The stock policy is ESP-IDF's: erase the one sector, then
//! program the 32 bytes in one go; no read-back, no retry, no touch of the other sector. A power cut
//! in between leaves no entry in that sector.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::flash::{Region, SECTOR};
use crate::otadata::{ENTRY_LEN, Entry, Rewrite};

/// The address of an entry. `otadata` is at least two sectors; an address past the end of the
/// address space becomes the last address, which no flash accepts.
fn address(otadata: Region, sector: usize) -> u32 {
    let into = if sector == 0 { 0 } else { SECTOR };
    otadata.offset.saturating_add(into)
}

/// Reads both entries: two reads of 32 bytes.
pub(crate) fn read<F: ReadNorFlash>(
    flash: &mut F,
    otadata: Region,
) -> Result<[Entry; 2], F::Error> {
    const { assert!(ENTRY_LEN.is_multiple_of(F::READ_SIZE)) };
    let mut bytes = [0; ENTRY_LEN];
    flash.read(address(otadata, 0), &mut bytes)?;
    let first = Entry::parse(&bytes);
    flash.read(address(otadata, 1), &mut bytes)?;
    Ok([first, Entry::parse(&bytes)])
}

/// Replaces one entry: one erase of its sector, one program of 32 bytes.
///
/// A cut in the erase leaves anything in the sector; a cut between the two leaves it erased; a cut
/// in the program leaves any mixture of erased and written bits. The other entry stays.
pub(crate) fn rewrite<F: NorFlash>(
    flash: &mut F,
    otadata: Region,
    rewrite: &Rewrite,
) -> Result<(), F::Error> {
    const { assert!(ENTRY_LEN.is_multiple_of(F::WRITE_SIZE)) };
    erase(flash, otadata, rewrite.sector)?;
    flash.write(address(otadata, rewrite.sector), &rewrite.entry.emit())
}

/// Removes one entry: one erase of its sector.
pub(crate) fn erase<F: NorFlash>(
    flash: &mut F,
    otadata: Region,
    sector: usize,
) -> Result<(), F::Error> {
    const { assert!((SECTOR as usize).is_multiple_of(F::ERASE_SIZE)) };
    let from = address(otadata, sector);
    flash.erase(from, from.saturating_add(SECTOR))
}
