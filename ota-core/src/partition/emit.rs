//! Writing a table, as `gen_esp32part.py` writes it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use md5::{Digest, Md5};

use super::row::MD5_MAGIC;
use super::{Partition, ROW_LEN, TABLE_LEN};

/// Most partitions of a table with an MD5 row: that row and a terminator have to fit as well.
pub const MAX_WITH_MD5: usize = 94;
/// Most partitions of a table without an MD5 row.
pub const MAX_WITHOUT_MD5: usize = 95;

/// Writes `partitions`, the MD5 row if asked for, and erased rows up to the end.
///
/// Returns the number of partitions. They are written as they are: it is the caller's business
/// that they make sense. On an error `out` holds no usable table.
///
/// # Errors
/// [`EmitError`] when there are more than [`MAX_WITH_MD5`] or [`MAX_WITHOUT_MD5`].
pub fn emit_table(
    partitions: impl IntoIterator<Item = Partition>,
    md5: bool,
    out: &mut [u8; TABLE_LEN],
) -> Result<usize, EmitError> {
    let limit = if md5 { MAX_WITH_MD5 } else { MAX_WITHOUT_MD5 };
    out.fill(0xFF);
    let mut hash = Md5::new();
    let mut count = 0;
    let (rows, _) = out.as_chunks_mut::<ROW_LEN>();
    let mut rows = rows.iter_mut();
    // At most `limit` + 1 turns.
    for partition in partitions {
        let row = rows
            .next()
            .filter(|_| count < limit)
            .ok_or(EmitError { limit })?;
        *row = partition.emit();
        hash.update(&row[..]);
        count = count.saturating_add(1);
    }
    if md5 {
        let row = rows.next().ok_or(EmitError { limit })?;
        let digest: [u8; 16] = hash.finalize().into();
        for (byte, value) in row.iter_mut().zip(MD5_MAGIC) {
            *byte = value;
        }
        for (byte, value) in row.iter_mut().skip(16).zip(digest) {
            *byte = value;
        }
    }
    Ok(count)
}

/// More partitions than a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmitError {
    /// The most it holds.
    pub limit: usize,
}

impl EmitError {
    /// The nearest `esp_err_t`; the reference has no firmware code that writes tables.
    #[must_use]
    pub const fn esp_err(&self) -> crate::EspErr {
        crate::EspErr::INVALID_SIZE
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table holds {} partitions at most", self.limit)
    }
}

impl core::error::Error for EmitError {}
