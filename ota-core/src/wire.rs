//! Fixed fields of fixed-size records.
//!
//! Every record on flash has a constant length, and every field a constant place in it, so
//! whether a field lies inside its record is settled when the crate is compiled: nothing here can
//! fail at run time, whatever the flash holds.

/// How CRCs are computed: bit by bit, or over tables of 16 KiB each with the feature `crc-tables`.
#[cfg(not(feature = "crc-tables"))]
pub(crate) type CrcWidth = crc::NoTable;
/// How CRCs are computed: over tables of 16 KiB each.
#[cfg(feature = "crc-tables")]
pub(crate) type CrcWidth = crc::Table<16>;

/// The `N` bytes at offset `AT`.
pub(crate) fn bytes<const AT: usize, const N: usize, const LEN: usize>(
    record: &[u8; LEN],
) -> [u8; N] {
    const { assert!(AT + N <= LEN, "the field ends past its record") };
    let mut field = [0; N];
    field.copy_from_slice(&record[AT..AT + N]);
    field
}

/// The byte at offset `AT`.
pub(crate) fn u8_at<const AT: usize, const LEN: usize>(record: &[u8; LEN]) -> u8 {
    const { assert!(AT < LEN, "the field lies past its record") };
    record[AT]
}

/// The little-endian 16-bit word at offset `AT`, which need not be aligned.
pub(crate) fn u16_at<const AT: usize, const LEN: usize>(record: &[u8; LEN]) -> u16 {
    u16::from_le_bytes(bytes::<AT, 2, LEN>(record))
}

/// The little-endian 32-bit word at offset `AT`, which need not be aligned.
pub(crate) fn u32_at<const AT: usize, const LEN: usize>(record: &[u8; LEN]) -> u32 {
    u32::from_le_bytes(bytes::<AT, 4, LEN>(record))
}

/// Sets the `N` bytes at offset `AT`.
pub(crate) fn put<const AT: usize, const N: usize, const LEN: usize>(
    record: &mut [u8; LEN],
    field: [u8; N],
) {
    const { assert!(AT + N <= LEN, "the field ends past its record") };
    record[AT..AT + N].copy_from_slice(&field);
}
