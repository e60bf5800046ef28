//! An application image from a file.

use std::path::{Path, PathBuf};

use ota_core::image::{
    AppDesc, Header, ImageMetadata, Refusal, Target, UnsignedVerifier, VerifyImage, header,
    read_app_desc,
};
use ota_core::{Chip, Partition, Region};

use super::{InputError, Place, Problem, limit, read};
use crate::memory_flash::MemoryFlash;

/// Where the image is put to be verified: where no chip has its bootloader, and at the start of an
/// MMU page, as in every slot.
const AT: u32 = 0x1_0000;

/// Offset of the chip id in an image.
const CHIP_ID: u64 = 12;

/// An image that verifies.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Where it comes from.
    pub file: PathBuf,
    /// The file; what is after [`ImageMetadata::image_len`] is not the image's (a signature).
    pub bytes: Vec<u8>,
    /// The chip that its header names.
    pub chip: &'static Chip,
    /// What the verification found; the region is not a place in a flash.
    pub image: ImageMetadata,
    /// What it says about itself.
    pub desc: Option<AppDesc>,
}

/// Reads an image and verifies it for the chip that it names, of any revision.
///
/// # Errors
/// The file cannot be read, is no image, is for an unknown chip, is truncated or damaged.
pub fn firmware(path: &Path) -> Result<Firmware, InputError> {
    Firmware::new(path, read(path, "app image", limit::IMAGE)?)
}

impl Firmware {
    /// As [`firmware`], of bytes that come from `file`.
    pub fn new(file: &Path, bytes: Vec<u8>) -> Result<Self, InputError> {
        let error = |offset, problem| InputError::new(file, Place::Offset(offset), problem);
        let not_an_image = |found| {
            let looks_like = Kind::of(&bytes);
            error(0, Problem::NotAnImage { found, looks_like })
        };
        // Said before the length is: a short text is no short image.
        if let Some(&found) = bytes.first().filter(|first| **first != header::MAGIC) {
            return Err(not_an_image(found));
        }
        let Some(start) = bytes.first_chunk::<{ header::LEN }>() else {
            return Err(error(bytes.len() as u64, Problem::NoHeader));
        };
        let header = Header::parse(start).map_err(|wrong| not_an_image(wrong.found))?;
        let chip = Chip::by_id(header.chip_id)
            .ok_or_else(|| error(CHIP_ID, Problem::UnknownChip { id: header.chip_id }))?;
        let (image, desc) = verify(chip, &bytes).map_err(|(at, problem)| error(at, problem))?;
        Ok(Self {
            file: file.to_owned(),
            bytes,
            chip,
            image,
            desc,
        })
    }

    /// Project and version, if the image says so.
    pub fn version(&self) -> Option<String> {
        let desc = self.desc.as_ref()?;
        Some(crate::inspect::version(desc))
    }

    /// Refuses an image that is not for the chip of `other`.
    pub fn check_same_chip(&self, other: &Self) -> Result<(), InputError> {
        if self.chip.id == other.chip.id {
            return Ok(());
        }
        Err(InputError::new(
            &self.file,
            Place::Offset(CHIP_ID),
            Problem::OtherChip {
                found: self.chip.name,
                expected: other.chip.name,
                because: other.file.clone(),
            },
        ))
    }

    /// Refuses an image that is longer than its partition.
    pub fn check_fits(&self, partition: &Partition) -> Result<(), InputError> {
        if self.bytes.len() as u64 <= u64::from(partition.size) {
            return Ok(());
        }
        Err(InputError::new(
            &self.file,
            Place::Offset(partition.size.into()),
            Problem::TooLong {
                length: self.bytes.len() as u64,
                partition: crate::inspect::shown::label(&partition.label),
                size: partition.size,
            },
        ))
    }
}

fn verify(
    chip: &'static Chip,
    bytes: &[u8],
) -> Result<(ImageMetadata, Option<AppDesc>), (u64, Problem)> {
    let length = bytes.len() as u64;
    let (size, end) = u32::try_from(length)
        .ok()
        .and_then(|size| Some((size, AT.checked_add(size)?)))
        .ok_or((length, Problem::NoImageIsThatLong))?;
    let mut cells = vec![0xFF; end as usize];
    cells[AT as usize..].copy_from_slice(bytes);
    let mut flash = MemoryFlash::new(cells);
    let region = Region { offset: AT, size };
    let mut buffer = [0; 4096];
    let mut verifier = UnsignedVerifier::new(Target::new(chip), &mut buffer)
        .map_err(|_| (0, Problem::NoImageIsThatLong))?;
    let image = verifier.verify(&mut flash, region).map_err(|error| {
        let at = u64::from(error.at.saturating_sub(AT));
        match error.refusal {
            Refusal::PastRegion { needed, .. } => (length, Problem::Truncated { needed }),
            refusal => (at, Problem::Image(refusal)),
        }
    })?;
    Ok((image, read_app_desc(&mut flash, region).ok()))
}

/// What a file is that is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A binary partition table.
    Table,
    /// An ELF file, which `esptool elf2image` makes an image of.
    Elf,
    /// FF and nothing else.
    Erased,
    /// Something else.
    Unknown,
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        let start = &bytes[..bytes.len().min(512)];
        let text = |byte: &u8| matches!(*byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..);
        if start.iter().all(|byte| *byte == 0xFF) {
            Self::Erased
        } else if start.starts_with(&[0xAA, 0x50]) {
            Self::Table
        } else if start.starts_with(b"\x7FELF") {
            Self::Elf
        } else if start.iter().all(text) {
            Self::Text
        } else {
            Self::Unknown
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "; this is a text file",
            Self::Table => "; this is a binary partition table",
            Self::Elf => "; this is an ELF file, `esptool elf2image` makes an image of it",
            Self::Erased => "; this is erased flash",
            Self::Unknown => "",
        })
    }
}
