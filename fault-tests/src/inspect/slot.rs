//! The images in the slots of a dump, as the bootloader would judge them.

use ota_core::image::{
    AppDesc, BootloaderDesc, Header, ImageMetadata, SegmentHeader, UnsignedVerifier,
    VerifyImage as _, app_desc, bootloader_desc, header, segment,
};
use ota_core::{Chip, Partition, PartitionTable};
use serde::Serialize;

use super::dump_flash::{DumpFlash, Known};
use super::layout::header_at;
use super::noise::looks_encrypted;
use super::{InspectOptions, revision, shown};

/// An app partition that can boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// `factory`, `ota_3`, `test`.
    pub slot: String,
    /// Its label.
    pub label: String,
    /// Its flash address.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Whether the bytes that would begin an image are all FF.
    pub erased: bool,
    /// Whether the file ends before the partition does, or begins after it.
    pub beyond_dump: bool,
    /// What is known of the image, or the first reason why the bootloader refuses it.
    pub image: Result<ImageView, String>,
    /// Why it cannot be told whether the bootloader takes it; what `image` says does not count then.
    pub cannot_tell: Option<String>,
    /// What the image says about itself, verified or not; `None` without a descriptor.
    pub version: Option<String>,
}

/// An image that verifies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageView {
    /// Its length in bytes.
    pub length: u32,
    /// Number of its segments.
    pub segments: u8,
    /// Whether it carries a SHA-256; without one only an 8-bit checksum guards it.
    pub hashed: bool,
    /// Its anti-rollback version.
    pub secure_version: Option<u32>,
    /// The version of ESP-IDF that it was built with.
    pub idf_version: Option<String>,
    /// The scheme of its secure boot v2 signature, which is not checked; `None` if it carries none.
    pub signature: Option<&'static str>,
    /// What it asks of the chip, unless it was told which chip it is.
    pub needs: Vec<String>,
}

/// How a bootloader would judge a slot.
pub(super) struct Judged {
    pub(super) view: SlotView,
    pub(super) partition: Partition,
    /// The image, if the bootloader takes it.
    pub(super) image: Option<ImageMetadata>,
}

pub(super) fn look_at_slots(
    table: PartitionTable<'_>,
    chip: Option<&'static Chip>,
    known: Known<'_>,
    flash_size: u32,
    options: &InspectOptions,
) -> Vec<Judged> {
    table
        .iter()
        .filter_map(|row| {
            let slot = row.slot()?.to_string();
            Some(look_at(slot, row, chip, known, flash_size, options))
        })
        .collect()
}

fn look_at(
    slot: String,
    row: Partition,
    chip: Option<&'static Chip>,
    known: Known<'_>,
    flash_size: u32,
    options: &InspectOptions,
) -> Judged {
    let start = known.part(row.offset, 32.min(row.size as usize));
    let mut view = SlotView {
        slot,
        label: shown::label(&row.label),
        offset: row.offset,
        size: row.size,
        erased: !start.is_empty() && start.iter().all(|byte| *byte == 0xFF),
        beyond_dump: !known.covers(row.offset, row.size),
        image: Err(String::new()),
        cannot_tell: None,
        version: desc_at(known, row.offset).map(|desc| version(&desc)),
    };
    let judge = |view: &mut SlotView| -> Option<ImageMetadata> {
        let Some(header) = header_at(known, row.offset) else {
            // Whatever the chip is, and as far as the file goes.
            match start.first() {
                None => view.cannot_tell = Some("it is outside the file".into()),
                Some(&header::MAGIC) => {
                    view.cannot_tell = Some("the file ends in its header".into());
                }
                Some(_) if looks_encrypted(known.part(row.offset, row.size as usize)) => {
                    view.cannot_tell = Some("it looks encrypted".into());
                }
                Some(_) if view.erased => view.image = Err("it is erased".into()),
                Some(found) => {
                    view.image = Err(format!(
                        "no image is here: it would start with e9, not {found:02x}"
                    ));
                }
            }
            return None;
        };
        let Some(chip) = chip else {
            let id = header.chip_id;
            view.cannot_tell = Some(format!("its chip, id {id}, is not known here"));
            return None;
        };
        let mut flash = DumpFlash::new(known, flash_size);
        let mut buffer = [0; 4096];
        let mut verifier = UnsignedVerifier::new(options.target(chip), &mut buffer).ok()?;
        let found = verifier.verify(&mut flash, row.region());
        if let Some(at) = flash.take_unknown() {
            view.cannot_tell = Some(format!("the file ends at {at:#x}, before the image does"));
            return None;
        }
        let image = match found {
            Ok(image) => image,
            Err(error) => {
                view.image = Err(match claimed_length(known, row.offset, &header) {
                    Some(length) if length > row.size => format!(
                        "the image is {length:#x} bytes long, the slot only {:#x}",
                        row.size
                    ),
                    _ => error.to_string(),
                });
                return None;
            }
        };
        if let Some(why) = loader_refuses(known, row.offset, &header, chip) {
            view.image = Err(why.into());
            return None;
        }
        let facts = facts(known, &row, &header, &image, options);
        if options.secure_boot && facts.signature.is_none() {
            let why = "it carries no secure boot v2 signature (--secure-boot)";
            view.image = Err(why.into());
            return None;
        }
        view.image = Ok(facts);
        Some(image)
    };
    let image = judge(&mut view);
    Judged {
        view,
        partition: row,
        image,
    }
}

/// The descriptor of an image at a flash address.
pub(super) fn desc_at(known: Known<'_>, address: u32) -> Option<AppDesc> {
    let record = known.whole(address.checked_add(app_desc::OFFSET)?, app_desc::LEN)?;
    AppDesc::parse(record.first_chunk()?).ok()
}

/// Whether an image without a descriptor of an application is a bootloader.
///
/// A bootloader that is loaded by a bootloader would be put over it; that is why it refuses one ("overlaps bootloader
/// stack"), which no application's check does. The ranges are each chip's and each build's. What is a bootloader
/// is told by its own descriptor, and in builds that have none yet by code that is for RAM alone.
fn loader_refuses(
    known: Known<'_>,
    offset: u32,
    header: &Header,
    chip: &Chip,
) -> Option<&'static str> {
    desc_at(known, offset).is_none().then_some(())?;
    let record = known.whole(offset + bootloader_desc::OFFSET, bootloader_desc::LEN)?;
    let described = BootloaderDesc::parse(record.first_chunk()?).is_ok();
    let page = ota_core::chip::MMU_PAGE;
    let for_ram = || segments(known, offset, header).all(|(_, s)| !chip.maps(s.load_addr, page));
    (described || for_ram()).then_some(
        "a bootloader is here, alone or at the front of a merged file: the bootloader refuses it, as it would be loaded \
         over itself",
    )
}

/// Length of an image's header in bytes.
const HEADER: u32 = 24;
/// Length of a segment's header in bytes.
const SEGMENT_HEADER: u32 = 8;
const _: () = assert!(HEADER as usize == header::LEN && SEGMENT_HEADER as usize == segment::LEN);

/// The segments of an image, each with the address of its data, as far as the file goes.
fn segments<'a>(
    known: Known<'a>,
    offset: u32,
    header: &Header,
) -> impl Iterator<Item = (u32, SegmentHeader)> + use<'a> {
    let mut at = offset.checked_add(HEADER);
    (0..header.segment_count.min(16)).map_while(move |_| {
        let record = known.whole(at?, segment::LEN)?;
        let header = SegmentHeader::parse(record.first_chunk()?);
        let data = at?.checked_add(SEGMENT_HEADER)?;
        at = data.checked_add(header.data_len);
        Some((data, header))
    })
}

/// How long an image is by its segments' headers, as far as the file holds them.
fn claimed_length(known: Known<'_>, offset: u32, header: &Header) -> Option<u32> {
    let ends: Vec<u32> = segments(known, offset, header)
        .map(|(data, segment)| data.saturating_add(segment.data_len))
        .collect();
    if ends.len() != usize::from(header.segment_count) {
        return None;
    }
    let end = ends.last()?.checked_sub(offset)?;
    let end = end.checked_add(1)?.checked_next_multiple_of(16)?;
    end.checked_add(if header.hash_appended == 0 { 0 } else { 32 })
}

fn facts(
    known: Known<'_>,
    row: &Partition,
    header: &Header,
    image: &ImageMetadata,
    options: &InspectOptions,
) -> ImageView {
    let desc = desc_at(known, row.offset);
    let mut needs = Vec::new();
    if options.chip_revision.is_none() && header.min_revision != 0 {
        needs.push(format!(
            "a chip of {} or later",
            revision(header.min_revision)
        ));
    }
    if let Some(desc) = desc
        && options.efuse_revision.is_none()
        && !matches!(desc.min_efuse_blk_rev, 0 | u16::MAX)
    {
        needs.push(format!(
            "eFuse blocks {} or later",
            revision(desc.min_efuse_blk_rev)
        ));
    }
    ImageView {
        length: image.image_len,
        segments: image.segments,
        hashed: image.hashed,
        secure_version: image.secure_version,
        idf_version: desc
            .map(|desc| field(&desc.idf_ver))
            .filter(|v| !v.is_empty()),
        signature: signature(known, row, image.image_len),
        needs,
    }
}

/// The scheme of the first signature block, which follows the image in a sector of its own.
fn signature(known: Known<'_>, row: &Partition, length: u32) -> Option<&'static str> {
    let at = length.checked_next_multiple_of(4096)?;
    if at.checked_add(4096)? > row.size {
        return None;
    }
    match known.whole(row.offset.checked_add(at)?, 2)? {
        [0xE7, 2] => Some("RSA-3072"),
        [0xE7, 3] => Some("ECDSA"),
        [0xE7, _] => Some("unknown scheme"),
        _ => None,
    }
}

/// Project and version; an image can say anything here, so what does not print is escaped.
pub(crate) fn version(desc: &AppDesc) -> String {
    format!("{} {}", field(&desc.project_name), field(&desc.version))
}

/// A field of a descriptor, which ends at its first NUL.
pub(super) fn field(field: &[u8]) -> String {
    shown::bytes(field.split(|byte| *byte == 0).next().unwrap_or(&[]))
}
