//! Access to the flash by partition, with the reference's checks.
//!
//! Source: ESP-IDF `esp_partition/partition_target.c`. The order of the checks is read-only, start,
//! length, length in sectors, start in sectors. An access of no bytes does not reach the flash.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use super::{OtaError, RangeError};
use crate::flash::{READ_ALIGN, SECTOR};
use crate::partition::Partition;

/// Bytes read back at a time.
const READ_BACK: usize = 256;
/// Where a read may start, and how long it is: multiples of [`READ_ALIGN`].
const READ_UNIT: u32 = 32;
const _: () = assert!(READ_UNIT as usize == READ_ALIGN);

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

/// Reads back what was programmed, and finds the first byte that is not what it should be.
pub(crate) fn compare<F: ReadNorFlash>(
    flash: &mut F,
    partition: &Partition,
    offset: u32,
    bytes: &[u8],
) -> Result<(), OtaError<F::Error>> {
    const { assert!(READ_ALIGN.is_multiple_of(F::READ_SIZE)) };
    let start = locate(partition, offset, bytes.len())?;
    let mut room = [0; READ_BACK];
    let (mut at, mut left) = (start, bytes);
    // Each turn compares up to 256 bytes, and at least 225 unless it is the last.
    while !left.is_empty() {
        let skip = at & (READ_UNIT - 1);
        let before = usize::try_from(skip).unwrap_or(0);
        let here = left.len().min(READ_BACK.saturating_sub(before));
        let span = before.saturating_add(here).next_multiple_of(READ_ALIGN);
        let (room, _) = room.split_at_mut_checked(span).unwrap_or_default();
        flash
            .read(at.saturating_sub(skip), room)
            .map_err(OtaError::Flash)?;
        let (wanted, rest) = left.split_at_checked(here).unwrap_or((left, &[]));
        for (found, expected) in room.iter().skip(before).zip(wanted) {
            if found != expected {
                return Err(OtaError::ReadBack {
                    offset: at.saturating_sub(partition.offset),
                    found: *found,
                    expected: *expected,
                });
            }
            at = at.saturating_add(1);
        }
        left = rest;
    }
    Ok(())
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
