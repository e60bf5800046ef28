//! Whether a downloaded partition table is one that the bootloader takes.
//!
//! The same rules as [`PartitionTable::for_bootloader`](crate::PartitionTable::for_bootloader), row
//! by row from flash, so that no 3 KiB of RAM are needed. The tests hold the two against each other.

use embedded_storage::nor_flash::ReadNorFlash;
use md5::{Digest, Md5};

use super::{OtaError, storage};
use crate::partition::{Partition, ROW_LEN, TABLE_LEN, TableError, row};

/// Rows of a table.
const ROWS: usize = TABLE_LEN / ROW_LEN;

/// Checks the table at the start of `staging`: at most 96 reads of a row.
pub(super) fn check<F: ReadNorFlash>(
    flash: &mut F,
    staging: &Partition,
    flash_size: u32,
) -> Result<(), OtaError<F::Error>> {
    storage::locate(staging, 0, TABLE_LEN)?;
    let mut md5 = Md5::new();
    let mut md5_seen = false;
    let mut bytes = [0; ROW_LEN];
    for (index, offset) in (0..ROWS).zip((0..).step_by(ROW_LEN)) {
        storage::read(flash, staging, offset, &mut bytes)?;
        let end = bytes.starts_with(&[0xFF; 4]);
        match Partition::parse(&bytes) {
            Ok(Partition { offset, size, .. }) => {
                if u64::from(offset) + u64::from(size) > u64::from(flash_size) {
                    return Err(OtaError::Table(TableError::OutsideFlash {
                        row: index,
                        offset,
                        size,
                        flash_size,
                    }));
                }
            }
            Err(error) if error.magic == row::MD5_MAGIC => {
                if md5_seen {
                    return Err(OtaError::Table(TableError::SecondMd5 { row: index }));
                }
                let computed: [u8; 16] = md5.clone().finalize().into();
                let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, stored @ ..] = bytes;
                if stored != computed {
                    return Err(OtaError::Table(TableError::Md5Mismatch {
                        row: index,
                        stored,
                        computed,
                    }));
                }
                md5_seen = true;
            }
            Err(_) if end && index == 0 => return Err(OtaError::Table(TableError::Empty)),
            Err(_) if end => return Ok(()),
            Err(error) => {
                return Err(OtaError::Table(TableError::Magic {
                    row: index,
                    found: error.magic,
                }));
            }
        }
        md5.update(bytes);
    }
    Err(OtaError::Table(TableError::Unterminated { rows: ROWS }))
}
