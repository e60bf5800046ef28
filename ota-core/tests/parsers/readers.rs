//! The readers of an image, compared: by whatever reads and buffer, with a signature and without, and by a model
//! that has the whole image in memory, they say the same.

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use ota_core::Region;
use ota_core::chip::{self, Chip};
use ota_core::image::{
    AppDesc, ImageMetadata, Target, UnsignedVerifier, VerifyError, VerifyImage, read_app_desc,
};
use sha2::{Digest, Sha256};

use crate::seeds;

const AT: u32 = 0x1_0000;

/// A slot that is read by `R` bytes; whoever leaves it is found out.
struct Rom<'b, const R: usize>(&'b [u8]);

impl<const R: usize> ErrorType for Rom<'_, R> {
    type Error = NorFlashErrorKind;
}

impl<const R: usize> ReadNorFlash for Rom<'_, R> {
    const READ_SIZE: usize = R;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let at = usize::try_from(offset.checked_sub(AT).expect("it reads below")).unwrap();
        assert!(at.is_multiple_of(R) && bytes.len().is_multiple_of(R));
        let found = self.0.get(at..at + bytes.len());
        bytes.copy_from_slice(found.expect("it reads past the end"));
        Ok(())
    }

    fn capacity(&self) -> usize {
        AT as usize + self.0.len()
    }
}

type Verdict = Result<ImageMetadata, VerifyError<NorFlashErrorKind>>;

fn by<const R: usize>(target: Target, bytes: &[u8], region: Region, buffer: &mut [u8]) -> Verdict {
    let mut verifier = UnsignedVerifier::new(target, buffer).unwrap();
    verifier.verify(&mut Rom::<R>(bytes), region)
}

/// An image, as it is and with its checksum and its hash made right.
pub(crate) fn readers(data: &[u8]) {
    let mut bytes = data.to_vec();
    bytes.resize(data.len().next_multiple_of(64).max(64), 0xFF);
    compare(&bytes);
    if repair(&mut bytes) {
        compare(&bytes);
    }
}

/// Whether these bytes are an image for the chip that they name.
pub(crate) fn is_accepted(bytes: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(64), 0xFF);
    compare(&bytes)
}

fn compare(bytes: &[u8]) -> bool {
    let region = Region::new(AT, u32::try_from(bytes.len()).unwrap());
    let id = u16::from_le_bytes([bytes[12], bytes[13]]);
    let chip = Chip::by_id(id).unwrap_or(&chip::ESP32C3);
    let target = Target::new(chip);
    let verdict = by::<4>(target, bytes, region, &mut [0; 4096]);
    assert_eq!(verdict, by::<1>(target, bytes, region, &mut [0; 256]));
    assert_eq!(verdict, by::<32>(target, bytes, region, &mut [0; 301]));
    assert_eq!(verdict.ok(), model(target, bytes, region));
    if let Ok(image) = verdict
        && let Some(version) = image.secure_version
    {
        let desc = read_app_desc(&mut Rom::<4>(bytes), region).unwrap();
        assert_eq!(desc.secure_version, version);
    }
    signed(target, bytes, region, verdict);
    verdict.is_ok()
}

/// Whoever asks for a signature besides refuses what is refused without, for the same reason, and these too.
#[cfg(feature = "secure-boot-ecdsa")]
fn signed(target: Target, bytes: &[u8], region: Region, verdict: Verdict) {
    use ota_core::image::Refusal;
    use ota_core::image::signature::{SignedVerifier, TrustedKeys};

    let mut buffer = [0; 1216];
    let whole = UnsignedVerifier::new(target, &mut buffer).unwrap();
    let mut verifier = SignedVerifier::ecdsa_p256(whole, TrustedKeys::default()).unwrap();
    let found = verifier.verify(&mut Rom::<4>(bytes), region).unwrap_err();
    match verdict {
        Err(error) => assert_eq!(found, error),
        Ok(_) => assert!(matches!(
            found.refusal,
            Refusal::Signature { .. } | Refusal::PastRegion { .. }
        )),
    }
}

#[cfg(not(feature = "secure-boot-ecdsa"))]
fn signed(_: Target, _: &[u8], _: Region, _: Verdict) {}

/// A segment: where it is loaded to, where its data is, and how long that is.
type Segment = (u32, usize, usize);

/// The segments and where the last one ends; `None` if they leave the slot.
fn segments(bytes: &[u8]) -> Option<(Vec<Segment>, usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (mut segments, mut at) = (Vec::new(), 24);
    for _ in 0..*bytes.get(1)? {
        let (load, len) = (word(at)?, word(at + 4)? as usize);
        bytes.get(at + 8..(at + 8).checked_add(len)?)?;
        segments.push((load, at + 8, len));
        at += 8 + len;
    }
    Some((segments, at))
}

/// What an image in memory is, by what ESP-IDF's documentation says of the format.
fn model(target: Target, bytes: &[u8], region: Region) -> Option<ImageMetadata> {
    let count = bytes[1];
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    if bytes[0] != 0xE9 || half(12) != target.chip.id || half(15) > target.revision || count > 16 {
        return None;
    }
    let (segments, end) = segments(bytes)?;
    let desc = segments.first().and_then(|(_, at, len)| {
        let record = bytes[*at..*at + *len].first_chunk()?;
        Some((AppDesc::parse(record).ok(), record))
    });
    let mut page = target.mmu_page;
    if !segments.is_empty() {
        let (desc, record) = desc?;
        if target.chip.mmu_page_configurable {
            desc?;
            if (13..=18).contains(&record[180]) {
                page = 1 << record[180];
            }
        }
        let oldest = u16::from_le_bytes([record[176], record[177]]);
        if target.chip.has_efuse_block_revision
            && oldest != u16::MAX
            && oldest > target.efuse_block_revision
        {
            return None;
        }
    }
    for (load, at, len) in &segments {
        let address = region.offset + u32::try_from(*at).unwrap();
        let mapped = target.chip.maps(*load, target.mmu_page);
        if len % 4 != 0 || *len >= 1 << 24 || mapped && load % page != address % page {
            return None;
        }
    }
    let sum = { segments.iter() }
        .flat_map(|(_, at, len)| &bytes[*at..at + len])
        .fold(0xEF, |sum, byte| sum ^ byte);
    let checked = end / 16 * 16 + 16;
    if *bytes.get(checked - 1)? != sum {
        return None;
    }
    let digest: [u8; 32] = Sha256::digest(&bytes[..checked]).into();
    let hashed = bytes[23] != 0;
    if hashed && *bytes.get(checked..checked + 32)? != digest {
        return None;
    }
    let len = checked + if hashed { 32 } else { 0 };
    Some(ImageMetadata {
        region,
        image_len: u32::try_from(len).unwrap(),
        segments: count,
        digest,
        hashed,
        secure_version: desc
            .and_then(|(desc, _)| desc)
            .map(|desc| desc.secure_version),
    })
}

/// Makes checksum and hash right, if there is room for both.
fn repair(bytes: &mut [u8]) -> bool {
    let Some((segments, end)) = segments(bytes) else {
        return false;
    };
    let sum = { segments.iter() }
        .flat_map(|(_, at, len)| &bytes[*at..at + len])
        .fold(0xEF, |sum, byte| sum ^ byte);
    let checked = end / 16 * 16 + 16;
    if checked + 32 > bytes.len() {
        return false;
    }
    bytes[checked - 1] = sum;
    let digest = Sha256::digest(&bytes[..checked]);
    bytes[checked..checked + 32].copy_from_slice(&digest);
    true
}

/// An image for each chip, and one that has no hash.
pub(crate) fn images() -> Vec<Vec<u8>> {
    let mut images: Vec<_> = { chip::CHIPS.iter() }
        .map(|chip| {
            let mut image = seeds::image(32);
            image[12..14].copy_from_slice(&chip.id.to_le_bytes());
            // The first segment is mapped from where it lies, the second one is nowhere in flash.
            let mapped = chip.windows[0].start + 32;
            let (first, _) = segments(&image).unwrap();
            for ((_, at, _), load) in first.into_iter().zip([mapped, 0x6000_0000]) {
                image[at - 8..at - 4].copy_from_slice(&load.to_le_bytes());
            }
            repair(&mut image);
            image
        })
        .collect();
    let mut plain = seeds::image(200);
    plain[23] = 0;
    images.push(plain);
    images
}
