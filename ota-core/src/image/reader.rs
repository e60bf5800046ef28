//! Reads of any place and length inside a region, made of aligned reads into the caller's buffer.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use embedded_storage::nor_flash::ReadNorFlash;

use super::{Refusal, VerifyError};
use crate::flash::{READ_ALIGN, Region};

/// The part of a region that can be read. Positions are bytes from the region's start.
pub(super) struct RegionReader<'a, F> {
    flash: &'a mut F,
    buf: &'a mut [u8],
    /// Address of position 0, a multiple of the flash's `READ_SIZE`.
    start: u32,
    /// Number of bytes: the region's size, less what lies past the flash and what is left over
    /// by whole reads. `start` plus this is an address or the first past the last.
    size: u32,
}

impl<'a, F: ReadNorFlash> RegionReader<'a, F> {
    /// Wraps `flash` for reads of `at` only. `buf` holds at least 2 × [`READ_ALIGN`] bytes.
    pub(super) fn new(
        flash: &'a mut F,
        buf: &'a mut [u8],
        at: Region,
    ) -> Result<Self, VerifyError<F::Error>> {
        const {
            assert!(
                READ_ALIGN.is_multiple_of(F::READ_SIZE),
                "READ_SIZE must divide 32"
            );
        };
        let unit = Self::unit();
        if !at.offset.is_multiple_of(unit) {
            let refusal = Refusal::Misaligned { read_size: unit };
            return Err(VerifyError {
                at: at.offset,
                refusal,
            });
        }
        let flash_end = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let size = at.size.min(flash_end.saturating_sub(at.offset));
        let size = size.saturating_sub(size.checked_rem(unit).unwrap_or(0));
        // Whole reads only: the buffer is used as far as they go.
        let whole = buf
            .len()
            .saturating_sub(buf.len().checked_rem(F::READ_SIZE).unwrap_or(0));
        let buf = buf.get_mut(..whole).unwrap_or_default();
        Ok(Self {
            flash,
            buf,
            start: at.offset,
            size,
        })
    }

    /// `READ_SIZE`, which divides 32.
    #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
    const fn unit() -> u32 {
        F::READ_SIZE as u32
    }

    /// How many bytes there are.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// An error about what is at `pos`.
    pub(super) fn error(&self, pos: u32, refusal: Refusal<F::Error>) -> VerifyError<F::Error> {
        VerifyError {
            at: self.start.saturating_add(pos),
            refusal,
        }
    }

    /// Refuses what does not end inside.
    pub(super) fn check(&self, pos: u32, len: u32) -> Result<(), VerifyError<F::Error>> {
        let needed = u64::from(pos).saturating_add(u64::from(len));
        if needed <= u64::from(self.size) {
            return Ok(());
        }
        Err(self.error(
            pos,
            Refusal::PastRegion {
                needed,
                size: self.size,
            },
        ))
    }

    /// Reads from `pos` on, `len` bytes or as many as the buffer holds.
    pub(super) fn read(&mut self, pos: u32, len: u32) -> Result<&[u8], VerifyError<F::Error>> {
        self.check(pos, len)?;
        let skip = pos.checked_rem(Self::unit()).unwrap_or(0);
        let room = u32::try_from(self.buf.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(skip);
        let len = len.min(room);
        // Ends inside the region, whose size is a multiple of the unit, so it fits `u32`.
        let span = skip.saturating_add(len).next_multiple_of(Self::unit());
        let addr = self.start.saturating_add(pos).saturating_sub(skip);
        let past = self.error(
            pos,
            Refusal::PastRegion {
                needed: u64::MAX,
                size: self.size,
            },
        );
        let buf = self.buf.get_mut(..span as usize).ok_or(past)?;
        if let Err(e) = self.flash.read(addr, buf) {
            return Err(self.error(pos, Refusal::Flash(e)));
        }
        let (from, to) = (skip as usize, skip.saturating_add(len) as usize);
        Ok(self.buf.get(from..to).unwrap_or_default())
    }

    /// Reads a record of `N` bytes, at most [`READ_ALIGN`].
    pub(super) fn record<const N: usize>(
        &mut self,
        pos: u32,
    ) -> Result<[u8; N], VerifyError<F::Error>> {
        const {
            assert!(
                N <= READ_ALIGN,
                "the buffer may be too small for this record"
            );
        };
        let past = self.error(
            pos,
            Refusal::PastRegion {
                needed: u64::MAX,
                size: self.size,
            },
        );
        #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
        let bytes = self.read(pos, N as u32)?;
        bytes.first_chunk().copied().ok_or(past)
    }
}
