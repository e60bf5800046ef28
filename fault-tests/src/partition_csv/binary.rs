//! Rows to the binary table and back, as the tool does it. (What a device accepts is another matter:
//! that is `ota_core::partition`.)

use md5::{Digest, Md5};

use super::error::{CsvError, Warning};
use super::number::Number;
use super::row::Row;

/// Length of a row.
const ROW: usize = 32;
/// Length of a table with its padding; its rows must be shorter by at least one row.
const TABLE: usize = 0xC00;
/// First bytes of a partition's row.
pub(super) const MAGIC: [u8; 2] = [0xAA, 0x50];
/// First bytes of the row that holds the MD5 of the rows before it.
const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

const FLAG_ENCRYPTED: u32 = 1;
const FLAG_READONLY: u32 = 2;

pub(super) fn emit(rows: &[Row], md5: bool) -> Result<Vec<u8>, CsvError> {
    let mut table = Vec::with_capacity(TABLE);
    for row in rows {
        table.extend_from_slice(&emit_row(row)?);
    }
    if md5 {
        let digest = Md5::digest(&table);
        table.extend_from_slice(&MD5_MAGIC);
        table.extend_from_slice(&[0xFF; 14]);
        table.extend_from_slice(&digest);
    }
    if table.len() >= TABLE {
        return Err(CsvError::TooLong {
            length: table.len(),
        });
    }
    table.resize(TABLE, 0xFF);
    Ok(table)
}

fn emit_row(row: &Row) -> Result<[u8; ROW], CsvError> {
    let too_wide = |field, value, bits| CsvError::DoesNotFit {
        name: row.name.clone(),
        field,
        value,
        bits,
    };
    let byte =
        |field, value: Number| u8::try_from(value).map_err(|_| too_wide(field, value, u8::BITS));
    let word =
        |field, value: Number| u32::try_from(value).map_err(|_| too_wide(field, value, u32::BITS));
    let mut out = [0; ROW];
    out[..2].copy_from_slice(&MAGIC);
    out[2] = byte("type", row.kind)?;
    out[3] = byte("subtype", row.subtype)?;
    out[4..8].copy_from_slice(&word("offset", row.offset)?.to_le_bytes());
    out[8..12].copy_from_slice(&word("size", row.size)?.to_le_bytes());
    for (to, from) in out[12..28].iter_mut().zip(row.name.bytes()) {
        *to = from;
    }
    let mut flags = 0;
    if row.encrypted {
        flags |= FLAG_ENCRYPTED;
    }
    if row.readonly {
        flags |= FLAG_READONLY;
    }
    out[28..].copy_from_slice(&flags.to_le_bytes());
    Ok(out)
}

pub(super) fn parse(
    bytes: &[u8],
    md5: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Row>, CsvError> {
    let mut digest = Md5::new();
    let mut rows = Vec::new();
    let (chunks, rest) = bytes.as_chunks::<ROW>();
    for (index, chunk) in chunks.iter().enumerate() {
        if chunk == &[0xFF; ROW] {
            return Ok(rows);
        }
        if md5 && chunk.starts_with(&MD5_MAGIC) {
            let computed: [u8; 16] = digest.clone().finalize().into();
            let mut parsed = [0; 16];
            parsed.copy_from_slice(&chunk[16..]);
            if computed != parsed {
                return Err(CsvError::Md5 { computed, parsed });
            }
            continue;
        }
        digest.update(chunk);
        rows.push(parse_row(index, chunk, warnings)?);
    }
    Err(if rest.is_empty() {
        CsvError::NoEnd
    } else {
        CsvError::PartialRow
    })
}

fn parse_row(
    index: usize,
    chunk: &[u8; ROW],
    warnings: &mut Vec<Warning>,
) -> Result<Row, CsvError> {
    let word =
        |at: usize| u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
    let label = &chunk[12..28];
    let end = label
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(label.len());
    let label = &label[..end];
    let name = std::str::from_utf8(label).map_err(|_| CsvError::Label {
        row: index,
        label: label.to_vec(),
    })?;
    let magic = [chunk[0], chunk[1]];
    if magic != MAGIC {
        return Err(CsvError::Magic { magic });
    }
    let flags = word(28);
    let unknown = flags & !(FLAG_ENCRYPTED | FLAG_READONLY);
    if unknown != 0 {
        warnings.push(Warning::Flags(unknown));
    }
    Ok(Row {
        name: name.to_owned(),
        kind: chunk[2].into(),
        subtype: chunk[3].into(),
        offset: word(4).into(),
        size: word(8).into(),
        encrypted: flags & FLAG_ENCRYPTED != 0,
        readonly: flags & FLAG_READONLY != 0,
    })
}
