//! The verifier that reads the image, once, from its first byte to its last.
//!
//! It makes the checks of ESP-IDF's `esp_image_verify` in an application build without secure
//! boot, in its order, so that of several faults the same one is reported. Two things are
//! deliberately different: it never reads outside the region it is given, and a truncated or
//! overlong image is refused as soon as that is known, with the code that the reference arrives
//! at later.
//!
//! An image at the chip's bootloader offset is a bootloader: its SHA-256 is not compared (flashing
//! tools patch its header), it needs no application descriptor, and it may be for older silicon.
//!
//! Signatures are not looked at, and its name says so: [`SignedVerifier`](super::signature) does that.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "only constants are narrowed, none above 256"
)]

use core::fmt;

use embedded_storage::nor_flash::ReadNorFlash;
use sha2::{Digest, Sha256};

use super::app_desc::{self, AppDesc};
use super::header::{self, Header};
use super::reader::RegionReader;
use super::segment::{self, SegmentHeader};
use super::{
    CHECKSUM_BLOCK, CHECKSUM_SEED, HASH_LEN, ImageMetadata, MAX_SEGMENTS, Refusal, SIXTEEN_MIB,
    Target, VerifyError, VerifyImage,
};
use crate::error::EspErr;
use crate::flash::Region;

/// Length of the application descriptor.
const APP_DESC_LEN: u32 = app_desc::LEN as u32;

/// Verifies that images are whole, whoever made them, by reading them through the caller's buffer.
///
/// Whoever can get an image onto the device can make one that this accepts: a checksum and a hash are no
/// signature. Where images come over a network or lie where others can write, put it into a
/// [`SignedVerifier`](super::signature), which asks for a signature by a key that the device trusts.
///
/// The buffer is used for nothing else and needs no initialisation between images. Each read
/// fills as much of it as the image allows, so a larger buffer makes fewer reads: one sector,
/// 4096 bytes, is a good size.
#[derive(Debug)]
pub struct UnsignedVerifier<'b> {
    pub(super) target: Target,
    pub(super) buf: &'b mut [u8],
}

impl<'b> UnsignedVerifier<'b> {
    /// The shortest buffer, in bytes: an application descriptor.
    pub const MIN_BUFFER: usize = app_desc::LEN;

    /// A verifier for images that are to run on `target`.
    ///
    /// # Errors
    /// [`BufferTooShort`] if `buf` has fewer than [`UnsignedVerifier::MIN_BUFFER`] bytes.
    pub const fn new(target: Target, buf: &'b mut [u8]) -> Result<Self, BufferTooShort> {
        if buf.len() < Self::MIN_BUFFER {
            return Err(BufferTooShort {
                len: buf.len(),
                min: Self::MIN_BUFFER,
            });
        }
        Ok(Self { target, buf })
    }

    /// A verifier in a buffer that is long enough by its type.
    pub(crate) const fn over(target: Target, buf: &'b mut [u8; app_desc::LEN]) -> Self {
        Self { target, buf }
    }

    /// The device images are judged for.
    pub const fn target(&self) -> &Target {
        &self.target
    }
}

/// The buffer is shorter than the verifier needs: see [`UnsignedVerifier::MIN_BUFFER`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferTooShort {
    /// Its length, in bytes.
    pub len: usize,
    /// The least.
    pub min: usize,
}

impl BufferTooShort {
    /// The nearest value; the reference maps the flash and needs no buffer.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        EspErr::NO_MEM
    }
}

impl fmt::Display for BufferTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, min } = self;
        write!(f, "a buffer of {len} bytes, {min} is the least")
    }
}

impl core::error::Error for BufferTooShort {}

impl<F: ReadNorFlash> VerifyImage<F> for UnsignedVerifier<'_> {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let kind = self.kind_at(at);
        self.verify_as(flash, at, kind, None)
    }

    fn verify_bootloader(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        self.verify_as(flash, at, Kind::Bootloader, None)
    }
}

/// What an image is judged as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Application,
    Bootloader,
}

/// Whoever is shown an image by the pass that judges it: every byte, from the first to the last, once.
///
/// What it says of those bytes it says of what was judged, even if the flash answers every read
/// differently.
pub(super) trait Witness {
    /// The next bytes.
    fn see(&mut self, bytes: &[u8]);
}

impl UnsignedVerifier<'_> {
    /// What an image at this place is, if nobody says so.
    pub(super) fn kind_at(&self, at: Region) -> Kind {
        if at.offset == self.target.chip.bootloader_offset {
            Kind::Bootloader
        } else {
            Kind::Application
        }
    }

    /// Verifies an image, shown to `witness` while it is read.
    pub(super) fn verify_as<'a, F: ReadNorFlash>(
        &'a mut self,
        flash: &'a mut F,
        at: Region,
        kind: Kind,
        witness: Option<&'a mut dyn Witness>,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let (size, limit) = (at.size, self.target.max_region);
        if size > limit {
            let refusal = Refusal::RegionTooLarge { size, limit };
            return Err(VerifyError {
                at: at.offset,
                refusal,
            });
        }
        let pass = Pass {
            reader: RegionReader::new(flash, self.buf, at)?,
            target: &self.target,
            region: at,
            bootloader: kind == Kind::Bootloader,
            taken: Taken {
                sha: Sha256::new(),
                checksum: CHECKSUM_SEED,
                witness,
            },
            page: self.target.mmu_page,
            secure_version: None,
        };
        pass.run()
    }
}

/// One image being read. Positions are bytes from its start.
struct Pass<'a, F> {
    reader: RegionReader<'a, F>,
    target: &'a Target,
    region: Region,
    bootloader: bool,
    taken: Taken<'a>,
    /// MMU page size that the image is built for.
    page: u32,
    secure_version: Option<u32>,
}

impl<F: ReadNorFlash> Pass<'_, F> {
    fn run(mut self) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let header = self.header()?;
        let mut pos = header::LEN as u32;
        // At most 16 turns: `header` has checked the count.
        for index in 0..header.segment_count {
            pos = self.segment(index, pos)?;
        }
        let (digest, pos) = self.checksum(pos)?;
        let hashed = header.hash_appended != 0;
        let image_len = if hashed {
            self.hash(&digest, pos)?;
            pos.saturating_add(HASH_LEN)
        } else {
            pos
        };
        Ok(ImageMetadata {
            region: self.region,
            image_len,
            segments: header.segment_count,
            digest,
            hashed,
            secure_version: self.secure_version,
        })
    }

    /// Reads the header and judges it.
    fn header(&mut self) -> Result<Header, VerifyError<F::Error>> {
        use header::field;

        let record = self.reader.record::<{ header::LEN }>(0)?;
        let refuse = |pos: usize, refusal| Err(self.reader.error(pos as u32, refusal));
        let header = match Header::parse(&record) {
            Ok(header) => header,
            Err(header::MagicError { found }) => {
                return refuse(field::MAGIC, Refusal::Magic { found });
            }
        };
        let (found, expected) = (header.chip_id, self.target.chip.id);
        if found != expected {
            return refuse(field::CHIP_ID, Refusal::WrongChip { found, expected });
        }
        let (needs, allows, has) = (
            header.min_revision,
            header.max_revision,
            self.target.revision,
        );
        if needs > has {
            return refuse(field::MIN_REVISION, Refusal::ChipTooOld { needs, has });
        }
        let limited = !self.bootloader && !self.target.ignore_max_revision && is_set(allows);
        if limited && has > allows {
            return refuse(field::MAX_REVISION, Refusal::ChipTooNew { allows, has });
        }
        let count = header.segment_count;
        if count > MAX_SEGMENTS {
            return refuse(field::SEGMENT_COUNT, Refusal::TooManySegments { count });
        }
        self.taken.record(&record);
        Ok(header)
    }

    /// Judges and takes in the segment whose header is at `pos`; returns where it ends.
    fn segment(&mut self, index: u8, pos: u32) -> Result<u32, VerifyError<F::Error>> {
        let record = self.reader.record::<{ segment::LEN }>(pos)?;
        self.taken.record(&record);
        let header = SegmentHeader::parse(&record);
        let (data, len) = (pos.saturating_add(segment::LEN as u32), header.data_len);
        let len_at = pos.saturating_add(segment::field::DATA_LEN as u32);
        if !len.is_multiple_of(4) || len >= SIXTEEN_MIB {
            return Err(self.reader.error(
                len_at,
                Refusal::SegmentLength {
                    segment: index,
                    len,
                },
            ));
        }
        let taken = if index == 0 && !self.bootloader {
            if len < APP_DESC_LEN {
                return Err(self.reader.error(len_at, Refusal::NoRoomForAppDesc { len }));
            }
            self.first_of_app(pos, data, header)?
        } else {
            self.placement(index, pos, data, header)?;
            0
        };
        self.reader.check(data, len)?;
        let end = data.saturating_add(len);
        let mut next = data.saturating_add(taken);
        // Each turn takes a whole buffer or the rest, and never nothing.
        while next < end {
            next = next.saturating_add(self.take(next, end.saturating_sub(next))?);
        }
        Ok(end)
    }

    /// Takes in the start of an application's first segment and judges the descriptor in it.
    /// Returns the number of bytes taken in: those are not read again.
    fn first_of_app(
        &mut self,
        pos: u32,
        data: u32,
        header: SegmentHeader,
    ) -> Result<u32, VerifyError<F::Error>> {
        self.reader.check(data, APP_DESC_LEN)?;
        let here = header.data_len.min(self.reader.size().saturating_sub(data));
        let chunk = self.reader.read(data, here)?;
        let taken = self.taken.data(chunk);
        let record = chunk
            .first_chunk()
            .map(|r| (app_desc::magic(r), AppDesc::parse_any(r)));
        let Some((magic, desc)) = record else {
            return Err(self
                .reader
                .error(data, Refusal::NoRoomForAppDesc { len: taken }));
        };
        let is_desc = magic == app_desc::MAGIC;
        self.secure_version = is_desc.then_some(desc.secure_version);
        if self.target.chip.mmu_page_configurable {
            if !is_desc {
                return Err(self
                    .reader
                    .error(data, Refusal::AppDescMagic { found: magic }));
            }
            self.page = desc.mmu_page().unwrap_or(self.page);
        }
        self.placement(0, pos, data, header)?;
        if self.target.chip.has_efuse_block_revision {
            self.efuse_revision(data, &desc)?;
        }
        Ok(taken)
    }

    /// Judges whether a segment can be mapped where it wants to be, if it wants to be mapped.
    fn placement(
        &self,
        segment: u8,
        pos: u32,
        data: u32,
        header: SegmentHeader,
    ) -> Result<(), VerifyError<F::Error>> {
        let SegmentHeader { load_addr, .. } = header;
        let data_addr = self.region.offset.saturating_add(data);
        let page = self.page.max(1);
        if self.target.chip.maps(load_addr, self.target.mmu_page)
            && data_addr.checked_rem(page) != load_addr.checked_rem(page)
        {
            let refusal = Refusal::SegmentPlacement {
                segment,
                load_addr,
                data_addr,
                page,
            };
            return Err(self.reader.error(pos, refusal));
        }
        Ok(())
    }

    /// Judges the eFuse block revisions of a descriptor at `data`, whatever its magic.
    fn efuse_revision(&self, data: u32, desc: &AppDesc) -> Result<(), VerifyError<F::Error>> {
        let has = self.target.efuse_block_revision;
        let (needs, allows) = (desc.min_efuse_blk_rev, desc.max_efuse_blk_rev);
        if is_set(needs) && needs > has {
            let at = data.saturating_add(app_desc::field::MIN_EFUSE_BLK_REV as u32);
            return Err(self.reader.error(at, Refusal::EfuseTooOld { needs, has }));
        }
        if is_set(allows) && has > allows && !self.target.ignore_max_efuse_block_revision {
            let at = data.saturating_add(app_desc::field::MAX_EFUSE_BLK_REV as u32);
            return Err(self.reader.error(at, Refusal::EfuseTooNew { allows, has }));
        }
        Ok(())
    }

    /// Takes in up to `len` bytes of segment data from `pos`; returns how many, at least one.
    fn take(&mut self, pos: u32, len: u32) -> Result<u32, VerifyError<F::Error>> {
        let short = self.reader.error(
            pos,
            Refusal::PastRegion {
                needed: u64::from(pos).saturating_add(1),
                size: self.reader.size(),
            },
        );
        let chunk = self.reader.read(pos, len)?;
        match self.taken.data(chunk) {
            0 => Err(short),
            taken => Ok(taken),
        }
    }

    /// Compares the checksum that ends the block in which the segments end at `pos`. Returns the
    /// digest of all up to here, and where here is.
    fn checksum(&mut self, pos: u32) -> Result<([u8; 32], u32), VerifyError<F::Error>> {
        // One byte at least, also when the segments end a block.
        let pad = CHECKSUM_BLOCK.saturating_sub(pos.checked_rem(CHECKSUM_BLOCK).unwrap_or(0));
        let (end, computed) = (pos.saturating_add(pad), self.taken.checksum);
        let tail = self.reader.read(pos, pad)?;
        let stored = tail.last().copied().unwrap_or(!computed);
        self.taken.record(tail);
        if stored == computed {
            Ok((self.taken.sha.finalize_reset().into(), end))
        } else {
            let refusal = Refusal::Checksum { stored, computed };
            Err(self.reader.error(end.saturating_sub(1), refusal))
        }
    }

    /// Compares the hash at `pos`, except of a bootloader.
    fn hash(&mut self, computed: &[u8; 32], pos: u32) -> Result<(), VerifyError<F::Error>> {
        let stored = self.reader.record::<{ HASH_LEN as usize }>(pos)?;
        self.taken.record(&stored);
        if stored == *computed || self.bootloader {
            return Ok(());
        }
        let computed = *computed;
        Err(self.reader.error(pos, Refusal::Hash { stored, computed }))
    }
}

/// What was made of the bytes so far.
struct Taken<'a> {
    /// The hash so far.
    sha: Sha256,
    /// The checksum so far.
    checksum: u8,
    witness: Option<&'a mut dyn Witness>,
}

impl Taken<'_> {
    /// Takes in what is no segment data.
    fn record(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        if let Some(witness) = &mut self.witness {
            witness.see(bytes);
        }
    }

    /// Takes in segment data; returns its length.
    fn data(&mut self, chunk: &[u8]) -> u32 {
        self.record(chunk);
        self.checksum ^= xor(chunk);
        u32::try_from(chunk.len()).unwrap_or(u32::MAX)
    }
}

/// The XOR of all bytes, taken a word at a time.
fn xor(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks();
    let word = words
        .iter()
        .fold(0, |sum, word| sum ^ u64::from_ne_bytes(*word));
    word.to_ne_bytes()
        .iter()
        .chain(rest)
        .fold(0, |sum, byte| sum ^ byte)
}

/// Whether a revision limit is one. Erased and zero fields are not.
const fn is_set(revision: u16) -> bool {
    revision != 0 && revision != u16::MAX
}

#[cfg(test)]
mod tests;
