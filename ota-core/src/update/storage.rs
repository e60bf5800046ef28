//! Access to the flash by partition, with the reference's checks.
//!
//! Source: ESP-IDF `esp_partition/partition_target.c`. The order of the checks is read-only, start,
//! length, length in sectors, start in sectors. An access of no bytes does not reach the flash.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use super::{OtaError, RangeError};
use crate::flash::SECTOR;
use crate::partition::Partition;

/// Checks the span, and gives its flash address.
pub(crate) fn locate(partition: &Partition, offset: u32, len: usize) -> Result<u32, RangeError> {
    let size = partition.size;
    let room = size
        .checked_sub(offset)
        .ok_or(RangeError::Start { offset, size })?;
    let len = u32::try_from(len)
        .ok()
        .filter(|&len| len <= room)
        .ok_or(RangeError::Length { offset, size })?;
    let outside = RangeError::OutsideFlash { offset };
    let start = partition.offset.checked_add(offset).ok_or(outside)?;
    start.checked_add(len).map(|_| start).ok_or(outside)
}

/// Refuses a partition that may not be written.
pub(crate) fn writable(partition: &Partition) -> Result<(), RangeError> {
    if partition.readonly() {
        return Err(RangeError::ReadOnly);
    }
    Ok(())
}

pub(crate) fn read<F: ReadNorFlash>(
    flash: &mut F,
    partition: &Partition,
    offset: u32,
    bytes: &mut [u8],
) -> Result<(), OtaError<F::Error>> {
    let start = locate(partition, offset, bytes.len())?;
    flash.read(start, bytes).map_err(OtaError::Flash)
}

/// Programs `bytes`. A power cut leaves any part of them programmed.
pub(crate) fn program<F: NorFlash>(
    flash: &mut F,
    partition: &Partition,
    offset: u32,
    bytes: &[u8],
) -> Result<(), OtaError<F::Error>> {
    writable(partition)?;
    let start = locate(partition, offset, bytes.len())?;
    if bytes.is_empty() {
        return Ok(());
    }
    flash.write(start, bytes).map_err(OtaError::Flash)
}

/// Erases `len` bytes in one range. A power cut leaves any part of it erased.
pub(crate) fn erase<F: NorFlash>(
    flash: &mut F,
    partition: &Partition,
    offset: u32,
    len: u32,
) -> Result<(), OtaError<F::Error>> {
    writable(partition)?;
    let start = locate(
        partition,
        offset,
        usize::try_from(len).unwrap_or(usize::MAX),
    )?;
    if !len.is_multiple_of(SECTOR) {
        return Err(RangeError::LengthInSectors { len }.into());
    }
    if !offset.is_multiple_of(SECTOR) {
        return Err(RangeError::StartInSectors { offset }.into());
    }
    if len == 0 {
        return Ok(());
    }
    // `locate` has seen that the end is an address.
    flash
        .erase(start, start.saturating_add(len))
        .map_err(OtaError::Flash)
}
