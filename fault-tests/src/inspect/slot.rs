//! The images in the slots of a dump.

use ota_core::image::{AppDesc, StreamVerifier, Target, VerifyImage, read_app_desc};
use ota_core::{Chip, Partition, PartitionTable};
use serde::Serialize;

use super::dump_flash::DumpFlash;

/// An app partition that can boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// `factory`, `ota_3`, `test`.
    pub slot: String,
    /// Its flash address.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Whether the bytes that would begin an image are all FF.
    pub erased: bool,
    /// Whether the dump ends before the partition does; what is beyond is taken for erased.
    pub beyond_dump: bool,
    /// What is known of the image, or the first reason why it does not verify.
    pub image: Result<ImageView, String>,
    /// What the image says about itself, verified or not; `None` without a descriptor.
    pub version: Option<String>,
}

/// An image that verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageView {
    /// Its length in bytes.
    pub length: u32,
    /// Number of its segments.
    pub segments: u8,
    /// Whether it carries a SHA-256; without one only an 8-bit checksum guards it.
    pub hashed: bool,
    /// Its anti-rollback version.
    pub secure_version: Option<u32>,
}

pub(super) fn look_at_slots(
    table: PartitionTable<'_>,
    chip: &'static Chip,
    dump: u64,
    flash: &DumpFlash<'_>,
) -> Vec<SlotView> {
    table
        .iter()
        .filter_map(|row| Some(look_at(&row.slot()?.to_string(), &row, chip, dump, flash)))
        .collect()
}

fn look_at(
    slot: &str,
    row: &Partition,
    chip: &'static Chip,
    dump: u64,
    flash: &DumpFlash<'_>,
) -> SlotView {
    let mut flash = flash.clone();
    let region = row.region();
    let mut buffer = [0; 4096];
    let image = match StreamVerifier::new(Target::new(chip), &mut buffer) {
        Ok(mut verifier) => verifier
            .verify(&mut flash, region)
            .map(|image| ImageView {
                length: image.image_len,
                segments: image.segments,
                hashed: image.hashed,
                secure_version: image.secure_version,
            })
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let start = flash.bytes(region.offset, 32.min(region.size as usize));
    SlotView {
        slot: slot.to_owned(),
        offset: region.offset,
        size: region.size,
        erased: start.iter().all(|byte| *byte == 0xFF),
        beyond_dump: u64::from(region.offset) + u64::from(region.size) > dump,
        image,
        version: read_app_desc(&mut flash, region)
            .ok()
            .map(|desc| version(&desc)),
    }
}

/// Project and version; an image can say anything here, so only what prints is kept.
pub(crate) fn version(desc: &AppDesc) -> String {
    format!("{} {}", text(&desc.project_name), text(&desc.version))
}

fn text(field: &[u8]) -> String {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end])
        .chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
