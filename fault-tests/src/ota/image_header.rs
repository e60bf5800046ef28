//! What the first bytes of an image decide by themselves.

use std::ops::Range;

use ota_core::image::{AppDesc, Header, SegmentHeader, app_desc, header};
use xxhash_rust::xxh3::xxh3_64;

use crate::chip::{self, Says};
use crate::explore::Record;

/// The header of the image and that of its first segment.
const LEN: u32 = 32;

/// Fewer bytes than this in the first segment cannot hold an application descriptor.
const APP_DESC: u32 = 256;

/// The checksum of an image without data.
const NO_DATA: u8 = 0xEF;

/// The version in the application descriptor, behind its magic.
const VERSION: Range<usize> = 4..8;

/// The header, as verification reads it.
pub(crate) const HEADER: chip::Header = chip::Header { len: LEN, says };

/// The header of the image at `slot`, of which is learned what it says and whether an image begins
/// there at all, and the bytes only if nothing protects the rest.
pub(crate) fn record(slot: u32) -> Record {
    Record::new(slot..slot + LEN, |bytes| match says(bytes) {
        Says::Digest => 0,
        Says::Refused => 1 | u128::from(bytes.first() == Some(&header::MAGIC)) << 8,
        Says::Unprotected => 2 | u128::from(xxh3_64(bytes)) << 64,
    })
}

/// The application descriptor of the image at `slot`, of which a bootloader with anti-rollback learns the
/// version before it verifies the image.
pub(crate) fn descriptor(slot: u32) -> Record {
    let at = slot + app_desc::OFFSET;
    Record::new(at..at + APP_DESC, |bytes| {
        let desc = bytes.first_chunk().map(AppDesc::parse);
        desc.and_then(Result::ok)
            .map_or(0, |desc| u128::from(desc.secure_version) << 1 | 1)
    })
    .ignoring(VERSION.end..app_desc::LEN)
}

fn says(bytes: &[u8]) -> Says {
    let Some((start, rest)) = bytes.split_first_chunk::<{ header::LEN }>() else {
        return Says::Refused;
    };
    let (Ok(header), Some(segment)) = (Header::parse(start), rest.first_chunk()) else {
        return Says::Refused;
    };
    let segment = SegmentHeader::parse(segment);
    let refused = if header.segment_count == 0 {
        // Without segments the checksum of nothing follows at once.
        bytes[LEN as usize - 1] != NO_DATA
    } else {
        !segment.data_len.is_multiple_of(4) || segment.data_len < APP_DESC
    };
    if refused {
        Says::Refused
    } else if header.hash_appended != 0 {
        Says::Digest
    } else {
        Says::Unprotected
    }
}
