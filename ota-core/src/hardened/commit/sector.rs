//! A sector: a generation is begun in it, or given up, and its entry for stock code is written.

use embedded_storage::nor_flash::NorFlash;

use super::Trouble;
use super::program::{program, program_at, wipe};
use crate::flash::SECTOR;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{
    BIRTH, BIRTH_ROWS, GIVEN_UP, Place, SUMMARY, Sector, sector_address,
};
use crate::hardened::read::Site;
use crate::hardened::record;
use crate::hardened::summary;

/// Gives up a generation that was begun without a hand-over, or with one that came to nothing: the claims that
/// would prove it are zeroed, so that what a cut erase leaves of it proves nothing. A row that is zeroed before that
/// says so.
///
/// Claims are zeroed from the first one on: behind one that is read once more, and makes the generation count,
/// zeroing was not begun. There the next group is claimed, before anyone acts on it.
pub(super) fn forget<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
) -> Result<(), Trouble<F::Error>> {
    wipe(flash, site, Place::new(sector, GIVEN_UP))?;
    let mut groups = 1..=site.log.groups();
    groups.try_for_each(|group| wipe(flash, site, Place::in_group(sector, group, 0)))
}

/// Erases a sector, and writes the birth and the first half of the entry for stock code.
pub(super) fn begin<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    into: Sector,
    birth: &Birth,
) -> Result<(), Trouble<F::Error>> {
    const {
        assert!((SECTOR as usize).is_multiple_of(F::ERASE_SIZE));
        assert!(record::LEN.is_multiple_of(F::WRITE_SIZE));
    }
    let from = sector_address(site.otadata, into);
    flash
        .erase(from, from.saturating_add(SECTOR))
        .map_err(Trouble::Flash)?;
    let mut rows = [[0xFF; record::LEN]; BIRTH_ROWS];
    for ((row, record), number) in rows.iter_mut().zip(birth.records()).zip(BIRTH..) {
        *row = record.emit(Place::new(into, number), site.salt);
    }
    let at = Place::new(into, BIRTH).address(site.otadata);
    flash
        .write(at, rows.as_flattened())
        .map_err(Trouble::Flash)?;
    if birth.seq == 0 || whole_rows::<F>() {
        return Ok(());
    }
    let (half, _) = summary::halves(&summary::entry(birth.seq, birth.generation));
    let at = Place::new(into, SUMMARY).address(site.otadata);
    flash.write(at, &half).map_err(Trouble::Flash)
}

/// Writes the second half of the entry for stock code; the same again does no harm.
pub(super) fn complete_entry<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
    birth: &Birth,
) -> Result<(), Trouble<F::Error>> {
    if birth.seq == 0 {
        return Ok(());
    }
    let entry = summary::entry(birth.seq, birth.generation);
    if whole_rows::<F>() {
        return program(flash, site, Place::new(sector, SUMMARY), &entry.emit());
    }
    let (_, half) = summary::halves(&entry);
    program_at(flash, second_half(site, sector), &half).map_err(Trouble::Flash)
}

/// The address of the second half of the entry for stock code.
const fn second_half(site: &Site, sector: Sector) -> u32 {
    let entry = Place::new(sector, SUMMARY).address(site.otadata);
    #[expect(clippy::cast_possible_truncation, reason = "16")]
    entry.saturating_add(summary::HALF as u32)
}

/// Whether the flash cannot program half an entry.
const fn whole_rows<F: NorFlash>() -> bool {
    F::WRITE_SIZE > summary::HALF
}
