//! The eight bytes before each segment's data.
//!
//! Source: ESP-IDF `esp_app_format.h`, `esp_image_segment_header_t`.

use crate::wire;

/// Length of the header.
pub const LEN: usize = 8;

/// Where the fields of a header are.
pub(super) mod field {
    pub(in crate::image) const LOAD_ADDR: usize = 0;
    pub(in crate::image) const DATA_LEN: usize = 4;
}

/// A segment's header. There is no magic: any eight bytes are one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SegmentHeader {
    /// Where the CPU sees the data. Below `0x1000_0000`: nowhere, the segment is padding.
    pub load_addr: u32,
    /// Length of the data in bytes, without this header.
    pub data_len: u32,
}

impl SegmentHeader {
    /// Reads a header.
    #[must_use]
    pub fn parse(record: &[u8; LEN]) -> Self {
        Self {
            load_addr: wire::u32_at::<{ field::LOAD_ADDR }, LEN>(record),
            data_len: wire::u32_at::<{ field::DATA_LEN }, LEN>(record),
        }
    }

    /// Writes the header: the inverse of [`SegmentHeader::parse`].
    #[must_use]
    pub fn emit(&self) -> [u8; LEN] {
        let mut record = [0; LEN];
        wire::put::<{ field::LOAD_ADDR }, 4, LEN>(&mut record, self.load_addr.to_le_bytes());
        wire::put::<{ field::DATA_LEN }, 4, LEN>(&mut record, self.data_len.to_le_bytes());
        record
    }
}
