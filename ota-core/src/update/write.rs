//! Writing the image.

use embedded_storage::nor_flash::NorFlash;

use super::handle::{Ahead, Handle, Open, Partial, Steps};
use super::{Ota, OtaError, RangeError, storage};
use crate::efuse::SecureVersion;
use crate::flash::SECTOR;
use crate::image::VerifyImage;
use crate::partition::{Partition, Type, row};

/// The first byte of an image's header (`ESP_IMAGE_HEADER_MAGIC`).
const IMAGE_MAGIC: u8 = 0xE9;

impl<F: NorFlash, V: VerifyImage<F>, S: SecureVersion, const HANDLES: usize>
    Ota<'_, F, V, S, HANDLES>
{
    /// Writes the next bytes of the image (`esp_ota_write`).
    ///
    /// A sequential update first erases the sectors that the bytes are the first to reach, in one
    /// range, one [by block](crate::update::ImageSize::ByBlock) the blocks. Then the bytes are programmed in one go, at any length and place; a flash with a
    /// `WRITE_SIZE` above 1 wants them in multiples of it. With flash encryption they are programmed
    /// in blocks of 16 and an incomplete one waits for the next call or the [`end`](Self::end).
    /// With [`AppConfig::read_back`](super::AppConfig::read_back) what was programmed is then read and
    /// compared. No bytes at all are always fine, under any handle.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the erase or of the bytes done, inside the staging partition.
    ///
    /// # Errors
    ///
    /// In this order: [`NotOpen`](OtaError::NotOpen); [`EraseUnfinished`](OtaError::EraseUnfinished);
    /// [`Range`](OtaError::Range) or [`Flash`](OtaError::Flash) of the erase; [`Magic`](OtaError::Magic) if these are the first
    /// bytes and not those of an image for the destination (**after the erase**); `Range` or
    /// `Flash` of the program; [`ReadBack`](OtaError::ReadBack). The update stays open, and the next bytes go where these were to go.
    pub fn write(&mut self, handle: Handle, data: &[u8]) -> Result<(), OtaError<F::Error>> {
        if data.is_empty() {
            return Ok(());
        }
        let open = self.handles.get(handle).ok_or(OtaError::NotOpen)?;
        refuse_erasing(open)?;
        let flash = &mut Checked::new(&mut self.flash, self.config.read_back);
        erase_ahead(flash.flash, open, data.len())?;
        if open.wrote == 0 && open.partial.len == 0 {
            check_magic(open.target.kind, data)?;
        }
        if self.config.flash_encryption {
            return write_blocks(flash, open, data);
        }
        program(flash, open, data)
    }

    /// Writes bytes of the image at a place of their own (`esp_ota_write_with_offset`).
    ///
    /// `offset` counts from the start of the partition; the bytes must have been erased by
    /// [`begin`](Self::begin) and not be written before. Nothing is checked of what they say. Do not
    /// mix with [`write`](Self::write), which goes on after as many bytes as were written in all.
    ///
    /// # A power cut in it
    ///
    /// leaves any part of the bytes programmed.
    ///
    /// # Errors
    ///
    /// In this order: [`NotOpen`](OtaError::NotOpen); [`EraseUnfinished`](OtaError::EraseUnfinished);
    /// [`Sequential`](OtaError::Sequential) (the reference asserts);
    /// [`NotInBlocks`](OtaError::NotInBlocks); [`Range`](OtaError::Range),
    /// [`Flash`](OtaError::Flash); [`ReadBack`](OtaError::ReadBack).
    pub fn write_with_offset(
        &mut self,
        handle: Handle,
        data: &[u8],
        offset: u32,
    ) -> Result<(), OtaError<F::Error>> {
        let open = self.handles.get(handle).ok_or(OtaError::NotOpen)?;
        refuse_erasing(open)?;
        if open.ahead != Ahead::Nothing {
            return Err(OtaError::Sequential);
        }
        if self.config.flash_encryption && !data.len().is_multiple_of(Partial::BLOCK) {
            return Err(OtaError::NotInBlocks { len: data.len() });
        }
        Checked::new(&mut self.flash, self.config.read_back).program(
            &open.staging,
            offset,
            data,
        )?;
        advance(open, data.len());
        Ok(())
    }
}

/// The writes of an image, each read back if that is asked for.
pub(super) struct Checked<'f, F> {
    flash: &'f mut F,
    read_back: bool,
}

impl<'f, F: NorFlash> Checked<'f, F> {
    pub(super) const fn new(flash: &'f mut F, read_back: bool) -> Self {
        Self { flash, read_back }
    }

    fn program(
        &mut self,
        partition: &Partition,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), OtaError<F::Error>> {
        storage::program(self.flash, partition, offset, bytes)?;
        if self.read_back {
            storage::compare(self.flash, partition, offset, bytes)?;
        }
        Ok(())
    }
}

/// An update that was opened in steps is written when they are through.
fn refuse_erasing<E>(open: &Open) -> Result<(), OtaError<E>> {
    match open.steps {
        Some(Steps { erased: bytes, of }) => Err(OtaError::EraseUnfinished { bytes, of }),
        None => Ok(()),
    }
}

/// What a block of flash is where [`Ahead::Blocks`] counts in them: the largest erase that serial
/// NOR flash commonly has, besides that of the whole chip.
const BLOCK: u32 = 0x1_0000;

/// Erases what the next so many bytes are the first to reach, if that is left to the writes.
fn erase_ahead<F: NorFlash>(
    flash: &mut F,
    open: &mut Open,
    bytes: usize,
) -> Result<(), OtaError<F::Error>> {
    let staging = &open.staging;
    match open.ahead {
        Ahead::Nothing => Ok(()),
        Ahead::Sectors => {
            let (offset, len) = sectors_reached(open.wrote, bytes, staging.size)?;
            storage::erase(flash, staging, offset, len)
        }
        Ahead::Blocks { from } => {
            let (reached, len) = sectors_reached(open.wrote, bytes, staging.size)?;
            let start = from.checked_next_multiple_of(SECTOR).unwrap_or(u32::MAX);
            let end = reached.saturating_add(len);
            if end <= start {
                return Ok(());
            }
            let end = block_end(staging, end);
            storage::erase(flash, staging, start, end.saturating_sub(start))?;
            open.ahead = Ahead::Blocks { from: end };
            Ok(())
        }
    }
}

/// Where the block of flash ends that ends at `offset` or behind it; the end of the last whole sector,
/// if that comes first.
fn block_end(partition: &Partition, offset: u32) -> u32 {
    let whole = partition.size.saturating_sub(partition.size % SECTOR);
    partition
        .offset
        .checked_add(offset)
        .and_then(|end| end.checked_next_multiple_of(BLOCK))
        .map_or(whole, |end| end.saturating_sub(partition.offset).min(whole))
        .max(offset)
}

/// What a sequential write erases first: from `wrote` if that starts a sector, otherwise from the
/// next one; up to the end of the last sector that the bytes reach. `len` is 0 if they reach none.
fn sectors_reached(wrote: u32, bytes: usize, size: u32) -> Result<(u32, u32), RangeError> {
    let too_long = RangeError::Length {
        offset: wrote,
        size,
    };
    let end = u32::try_from(bytes)
        .ok()
        .and_then(|bytes| wrote.checked_add(bytes))
        .and_then(|end| end.checked_next_multiple_of(SECTOR))
        .ok_or(too_long)?;
    let start = wrote.checked_next_multiple_of(SECTOR).ok_or(too_long)?;
    match end.saturating_sub(start) {
        // Nothing to erase: the start may lie past a partition that is not whole sectors.
        0 => Ok((0, 0)),
        len => Ok((start, len)),
    }
}

/// Looks at the first bytes of an image. A single byte of a partition table says nothing yet.
fn check_magic(kind: Type, data: &[u8]) -> Result<(), WrongMagic> {
    let found = match (kind, data) {
        (Type::APP | Type::BOOTLOADER, [first, ..]) if *first != IMAGE_MAGIC => [*first, 0],
        (Type::PARTITION_TABLE, [a, b, ..]) if [*a, *b] != row::MAGIC => [*a, *b],
        _ => return Ok(()),
    };
    Err(WrongMagic { found })
}

/// The first bytes are wrong.
struct WrongMagic {
    found: [u8; 2],
}

impl<E> From<WrongMagic> for OtaError<E> {
    fn from(WrongMagic { found }: WrongMagic) -> Self {
        Self::Magic { found }
    }
}

/// Programs bytes behind those written before.
fn program<F: NorFlash>(
    flash: &mut Checked<'_, F>,
    open: &mut Open,
    data: &[u8],
) -> Result<(), OtaError<F::Error>> {
    flash.program(&open.staging, open.wrote, data)?;
    advance(open, data.len());
    Ok(())
}

fn advance(open: &mut Open, bytes: usize) {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    open.wrote = open.wrote.saturating_add(bytes);
}

/// Programs whole blocks of 16 and keeps the rest.
fn write_blocks<F: NorFlash>(
    flash: &mut Checked<'_, F>,
    open: &mut Open,
    mut data: &[u8],
) -> Result<(), OtaError<F::Error>> {
    if open.partial.len != 0 {
        data = open.partial.fill(data);
        if open.partial.len != Partial::BLOCK {
            return Ok(());
        }
        flush(flash, open)?;
    }
    let (blocks, rest) = data.as_chunks::<{ Partial::BLOCK }>();
    open.partial.fill(rest);
    program(flash, open, blocks.as_flattened())
}

/// Programs the block that waits, padded with `FF` if it is incomplete.
pub(super) fn flush<F: NorFlash>(
    flash: &mut Checked<'_, F>,
    open: &mut Open,
) -> Result<(), OtaError<F::Error>> {
    let block = open.partial.bytes;
    program(flash, open, &block)?;
    open.partial = Partial::EMPTY;
    Ok(())
}
