//! Check fields of the specimens' records.

use crc::{CRC_16_IBM_3740, CRC_16_XMODEM, CRC_32_ISO_HDLC, Crc};

const CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const CRC_16: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
const CRC_16_FROM_ZERO: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// CRC-32.
pub(super) fn crc_32(bytes: &[u8]) -> u32 {
    CRC_32.checksum(bytes)
}

/// CRC-16, begun with FFFF.
pub(super) fn crc_16(bytes: &[u8]) -> u16 {
    CRC_16.checksum(bytes)
}

/// CRC-16, begun with 0: that of zeros is 0.
pub(super) fn crc_16_from_zero(bytes: &[u8]) -> u16 {
    CRC_16_FROM_ZERO.checksum(bytes)
}

/// The number of 0 bits (a Berger check): a program that was cut has left too few of them in what is counted, and too
/// large a number here, so that whatever it has left, the two differ. Up to 31 bytes.
pub(super) fn zeros(bytes: &[u8]) -> u8 {
    debug_assert!(bytes.len() < 32, "the count fits a byte");
    let zeros: u32 = bytes.iter().map(|byte| byte.count_zeros()).sum();
    u8::try_from(zeros).unwrap_or(u8::MAX)
}

/// The bytes, their CRC-32, and the number of zeros in all of that: `N` must be 5 more than the bytes.
pub(super) fn sealed<const N: usize>(body: &[u8]) -> [u8; N] {
    let mut record = [0xFF; N];
    let (head, tail) = record.split_at_mut(body.len());
    head.copy_from_slice(body);
    tail[..4].copy_from_slice(&crc_32(body).to_le_bytes());
    record[N - 1] = zeros(&record[..N - 1]);
    record
}

/// Whether [`sealed`] made this record, and all of it is there.
pub(super) fn is_sealed<const N: usize>(record: &[u8; N]) -> bool {
    sealed::<N>(&record[..N - 5]) == *record
}
