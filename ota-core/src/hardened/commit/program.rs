//! Rows as they are programmed and zeroed, on chips that take each word only so often as well.

use embedded_storage::nor_flash::NorFlash;

use super::Trouble;
use crate::hardened::layout::Place;
use crate::hardened::read::Site;
use crate::hardened::record;

/// Zeroes a row, so that nothing ever makes a record of it again but an erase. Through encryption no bit
/// can be cleared in place, and the row is left alone. A chip that takes a word only so often is given it word by
/// word; those that it refuses stay as they are.
pub(super) fn wipe<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    place: Place,
) -> Result<(), Trouble<F::Error>> {
    if site.log.is_encrypted() {
        return Ok(());
    }
    let at = place.address(site.otadata);
    let zeros = [0; record::LEN];
    let Err(error) = flash.write(at, &zeros) else {
        return Ok(());
    };
    if F::WRITE_SIZE == 1 {
        return Err(Trouble::Flash(error));
    }
    for (word, at) in words::<F>(&zeros, at) {
        flash.write(at, word).ok();
    }
    Ok(())
}

/// Programs a row.
pub(super) fn program<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    place: Place,
    bytes: &[u8; record::LEN],
) -> Result<(), Trouble<F::Error>> {
    program_at(flash, place.address(site.otadata), bytes).map_err(Trouble::Flash)
}

/// Programs bytes, some of which may be there already: left by a cut, or programmed once more because of
/// bits that may be weak. A chip that takes a word only so often refuses that; then it is given the words
/// that are not there.
pub(super) fn program_at<F: NorFlash>(
    flash: &mut F,
    at: u32,
    bytes: &[u8],
) -> Result<(), F::Error> {
    let Err(error) = flash.write(at, bytes) else {
        return Ok(());
    };
    if F::WRITE_SIZE == 1 {
        return Err(error);
    }
    let mut found = [0; record::LEN];
    for (word, at) in words::<F>(bytes, at) {
        let Some(found) = found.get_mut(..word.len()) else {
            return Err(error);
        };
        flash.read(at, found)?;
        if found != word {
            flash.write(at, word)?;
        }
    }
    Ok(())
}

/// The words that a chip programs, with their addresses.
fn words<F: NorFlash>(bytes: &[u8], at: u32) -> impl Iterator<Item = (&[u8], u32)> {
    let addresses = (at..).step_by(F::WRITE_SIZE);
    bytes.chunks(F::WRITE_SIZE).zip(addresses)
}
