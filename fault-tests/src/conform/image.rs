//! `image.jsonl`: the verification of an image in a partition, by an application on an ESP32-C3 v0.4, or on
//! the chip that a vector names, with eFuse blocks v1.3 and no secure boot.

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use ota_core::chip::{Chip, ESP32C3};
use ota_core::image::{Target, UnsignedVerifier, VerifyImage};
use ota_core::{EspErr, Region};

use super::report::FileReport;
use super::vector::ImageVector;
use super::{Bases, each, patched};
use crate::input::{InputError, Problem};

/// v0.4, major × 100 + minor.
const SILICON: u16 = 4;
/// v1.3, major × 100 + minor.
const EFUSE_BLOCKS: u16 = 103;

pub(super) fn check(text: &str, bases: &Bases, report: &mut FileReport) -> Result<(), InputError> {
    let file = report.file.clone();
    // One sector a read; the verifier asks for less.
    let mut buffer = [0; 4096];
    each(&file, text, |line, vector: ImageVector| {
        let ImageVector {
            id,
            chip,
            base,
            patch,
            truncate,
            part_size,
            part_offset,
            rc,
            image_len,
            _note,
        } = vector;
        let target = Target::new(chip_of(chip)?).with_revisions(SILICON, EFUSE_BLOCKS);
        let mut bytes = patched(bases.find(&base)?, &patch)?;
        if let Some(left) = truncate {
            bytes.truncate(left);
        }
        let mut flash = ImageAt {
            offset: part_offset,
            bytes: &bytes,
        };
        let at = Region {
            offset: part_offset,
            size: part_size,
        };
        let found = match UnsignedVerifier::new(target, &mut buffer) {
            Ok(mut verifier) => verifier
                .verify(&mut flash, at)
                .map_err(|error| error.esp_err()),
            Err(error) => Err(error.esp_err()),
        };
        let (found_rc, found_len) = match found {
            Ok(image) => (EspErr::OK, Some(image.image_len)),
            Err(error) => (error, None),
        };
        let mut checks = report.vector(line, id);
        checks.equal("rc", rc.as_str(), found_rc.name().unwrap_or("unnamed"));
        checks.equal("image_len", &image_len, &found_len);
        Ok(())
    })
}

fn chip_of(name: Option<String>) -> Result<&'static Chip, Problem> {
    let Some(name) = name else {
        return Ok(&ESP32C3);
    };
    Chip::by_name(&name).ok_or_else(|| Problem::Impossible {
        asked: format!("the chip {name:?}"),
        expected: "a chip as ESP-IDF names it, for instance \"esp32c6\"",
    })
}

/// Erased flash as far as addresses go, with bytes in one place.
struct ImageAt<'a> {
    offset: u32,
    bytes: &'a [u8],
}

impl ErrorType for ImageAt<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for ImageAt<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Self::Error> {
        for (address, byte) in (u64::from(offset)..).zip(out) {
            *byte = address
                .checked_sub(self.offset.into())
                .and_then(|at| self.bytes.get(usize::try_from(at).ok()?))
                .copied()
                .unwrap_or(0xFF);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        u32::MAX as usize
    }
}
