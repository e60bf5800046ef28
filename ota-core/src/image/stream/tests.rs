//! The verifier against hand-made images on a small flash that notes what is read.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]
extern crate std;

use core::convert::Infallible;
use std::vec::Vec;

use super::*;
use crate::chip::{CHIPS, Chip, ESP32, ESP32C2, ESP32C3, ESP32C6, ESP32H2};
use crate::image::{BootloaderDesc, DescError, bootloader_desc, read_app_desc};
use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};

mod drawn;

/// Bytes that can be read by `R`, with the span that has been.
struct Rom<const R: usize> {
    bytes: Vec<u8>,
    low: u32,
    high: u32,
}

impl<const R: usize> ErrorType for Rom<R> {
    type Error = Infallible;
}

impl<const R: usize> ReadNorFlash for Rom<R> {
    const READ_SIZE: usize = R;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        let at = offset as usize;
        assert!(
            at.is_multiple_of(R) && bytes.len().is_multiple_of(R),
            "misaligned read"
        );
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        self.low = self.low.min(offset);
        self.high = self.high.max(offset + bytes.len() as u32);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

type Verdict = Result<ImageMetadata, VerifyError<Infallible>>;

/// Verifies with reads of `R` and a buffer of `buf` bytes; no read may leave `at`.
fn verify_by<const R: usize>(target: Target, flash: &[u8], at: Region, buf: usize) -> Verdict {
    let mut rom = Rom::<R> {
        bytes: flash.to_vec(),
        low: u32::MAX,
        high: 0,
    };
    let mut buf = std::vec![0xA5; buf];
    let verdict = UnsignedVerifier::new(target, &mut buf)
        .unwrap()
        .verify(&mut rom, at);
    assert!(rom.high == 0 || rom.low >= at.offset && u64::from(rom.high) <= at.end());
    verdict
}

fn verify(target: Target, flash: &[u8], at: Region) -> Verdict {
    verify_by::<4>(target, flash, at, 4096)
}

const SLOT: u32 = 0x1_0000;

/// `image` alone in the slot at `SLOT` of an otherwise erased flash.
fn flash(image: &[u8], slot: u32) -> (Vec<u8>, Region) {
    let mut bytes = std::vec![0xFF; (SLOT + slot) as usize];
    let len = image.len().min(slot as usize);
    bytes[SLOT as usize..][..len].copy_from_slice(&image[..len]);
    (bytes, Region::new(SLOT, slot))
}

fn verdict(target: Target, image: &[u8]) -> Verdict {
    let (bytes, at) = flash(image, 0x8000);
    verify(target, &bytes, at)
}

fn esp_err(target: Target, image: &[u8]) -> EspErr {
    verdict(target, image).map_or_else(|e| e.esp_err(), |_| EspErr::OK)
}

fn desc() -> AppDesc {
    AppDesc {
        secure_version: 7,
        version: [b'1'; 32],
        project_name: [b'p'; 32],
        time: [0; 16],
        date: [0; 16],
        idf_ver: [0; 32],
        app_elf_sha256: [0; 32],
        min_efuse_blk_rev: 0,
        max_efuse_blk_rev: u16::MAX,
        mmu_page_size: 0,
        spi_flash_mode: 0,
    }
}

fn header(chip: &Chip) -> Header {
    Header {
        segment_count: 0,
        spi_mode: 2,
        spi_speed_size: 0x20,
        entry: 0x4038_0000,
        wp_pin: 0xEE,
        pin_drive: [0; 3],
        chip_id: chip.id,
        min_revision_legacy: 0,
        min_revision: 0,
        max_revision: u16::MAX,
        reserved: [0; 4],
        hash_appended: 1,
    }
}

/// An image of these segments, its checksum and hash in order.
fn build(mut header: Header, segments: &[(u32, &[u8])]) -> Vec<u8> {
    header.segment_count = segments.len() as u8;
    let mut image = header.emit().to_vec();
    let mut checksum = CHECKSUM_SEED;
    for &(load_addr, data) in segments {
        let data_len = data.len() as u32;
        image.extend(
            SegmentHeader {
                load_addr,
                data_len,
            }
            .emit(),
        );
        image.extend(data);
        checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
    }
    image.resize((image.len() + 1).next_multiple_of(16), 0);
    *image.last_mut().unwrap() = checksum;
    if header.hash_appended != 0 {
        let hash = Sha256::digest(&image);
        image.extend(hash);
    }
    image
}

/// An application: a mapped segment with the descriptor, and one for an address that no chip maps.
fn app(chip: &Chip, desc: &AppDesc) -> Vec<u8> {
    let drom = chip.windows[0].start + 0x20;
    let mut first = desc.emit().to_vec();
    first.extend((0..900u32).map(|n| (n * 7) as u8));
    let second: Vec<u8> = (0..340u32).map(|n| (n * 13) as u8).collect();
    build(header(chip), &[(drom, &first), (0x3FFF_0000, &second)])
}

#[test]
fn every_chip_accepts_its_own_image_and_no_other() {
    for &chip in CHIPS {
        let image = app(chip, &desc());
        for &other in CHIPS {
            let verdict = verdict(Target::new(other), &image);
            if other == chip {
                let found = verdict.unwrap();
                assert_eq!(found.image_len as usize, image.len());
                assert_eq!((found.segments, found.secure_version), (2, Some(7)));
                assert_eq!(found.digest, image[image.len() - 32..]);
                assert_eq!(found.signed_len(), 4096);
            } else {
                assert_eq!(verdict.unwrap_err().esp_err(), EspErr::FAIL);
            }
        }
    }
}

#[test]
fn an_erased_slot_holds_no_image_rather_than_one_for_another_chip() {
    let refused = verdict(Target::new(&ESP32C3), &[]).unwrap_err();
    assert_eq!(
        refused,
        VerifyError {
            at: SLOT,
            refusal: Refusal::Magic { found: 0xFF }
        }
    );
}

#[test]
fn revisions_are_limits_that_zero_and_erased_lift() {
    let target = Target::new(&ESP32C3).with_revisions(4, 103);
    let of = |min_revision, max_revision| {
        let header = Header {
            min_revision,
            max_revision,
            ..header(&ESP32C3)
        };
        let first = desc().emit();
        esp_err(target, &build(header, &[(0x3C00_0020, &first)]))
    };
    assert_eq!([of(4, 4), of(0, 0), of(0, u16::MAX)], [EspErr::OK; 3]);
    assert_eq!([of(5, 0), of(u16::MAX, 0), of(0, 3)], [EspErr::FAIL; 3]);

    let of = |min_efuse_blk_rev, max_efuse_blk_rev| {
        let desc = AppDesc {
            min_efuse_blk_rev,
            max_efuse_blk_rev,
            ..desc()
        };
        esp_err(target, &app(&ESP32C3, &desc))
    };
    assert_eq!(
        [of(103, 103), of(0, 0), of(u16::MAX, u16::MAX)],
        [EspErr::OK; 3]
    );
    assert_eq!([of(104, 0), of(0, 102)], [EspErr::FAIL; 2]);
    let any = AppDesc {
        min_efuse_blk_rev: 999,
        ..desc()
    };
    assert_eq!(
        esp_err(
            Target::new(&ESP32).with_revisions(300, 0),
            &app(&ESP32, &any)
        ),
        EspErr::OK
    );
}

#[test]
fn the_chip_id_is_judged_before_the_number_of_segments() {
    let mut image = app(&ESP32C3, &desc());
    image[1] = 17;
    assert_eq!(
        esp_err(Target::new(&ESP32C3), &image),
        EspErr::IMAGE_INVALID
    );
    image[12] = 9;
    assert_eq!(esp_err(Target::new(&ESP32C3), &image), EspErr::FAIL);
    image[0] = 0;
    assert_eq!(
        esp_err(Target::new(&ESP32C3), &image),
        EspErr::IMAGE_INVALID
    );
}

#[test]
fn an_image_without_segments_is_judged_by_checksum_and_hash_alone() {
    let image = build(header(&ESP32C3), &[]);
    let found = verdict(Target::new(&ESP32C3), &image).unwrap();
    assert_eq!(
        (found.image_len, found.segments, found.secure_version),
        (64, 0, None)
    );
}

#[test]
fn sixteen_segments_are_not_too_many_and_seventeen_are() {
    let first = desc().emit();
    let image = |count: usize| {
        let mut segments = std::vec![(0x5000_0000, &[0u8; 4][..]); count];
        segments[0].1 = &first;
        build(header(&ESP32C3), &segments)
    };
    let target = Target::new(&ESP32C3);
    assert_eq!(verdict(target, &image(16)).unwrap().segments, 16);
    assert_eq!(
        verdict(target, &image(17)).unwrap_err().refusal,
        Refusal::TooManySegments { count: 17 }
    );
}

#[test]
fn a_segment_length_is_a_multiple_of_4_below_16_mib() {
    for len in [SIXTEEN_MIB, 0x101, u32::MAX, u32::MAX - 3] {
        let mut image = app(&ESP32C3, &desc());
        image[28..32].copy_from_slice(&len.to_le_bytes());
        assert_eq!(
            verdict(Target::new(&ESP32C3), &image).unwrap_err().refusal,
            Refusal::SegmentLength { segment: 0, len }
        );
    }
}

/// Not the value 1 alone: only 0 turns the comparison off.
#[test]
fn any_mark_but_0_has_the_hash_compared() {
    for hash_appended in [1, 2, 0x80, 0xFF] {
        let header = Header {
            hash_appended,
            ..header(&ESP32C3)
        };
        let first = desc().emit();
        let mut image = build(header, &[(0x3C00_0020, &first)]);
        assert_eq!(esp_err(Target::new(&ESP32C3), &image), EspErr::OK);
        *image.last_mut().unwrap() ^= 1;
        assert!(matches!(
            verdict(Target::new(&ESP32C3), &image).unwrap_err().refusal,
            Refusal::Hash { .. }
        ));
    }
}

#[test]
fn a_mapped_segment_must_lie_where_its_page_puts_it() {
    let image = app(&ESP32C3, &desc());
    let mut bytes = std::vec![0xFF; 0x3_0000];
    for at in [0x1_0000, 0x1_1000, 0x2_0000] {
        bytes[at..at + image.len()].copy_from_slice(&image);
        let at = Region::new(at as u32, 0x1000);
        let verdict = verify(Target::new(&ESP32C3), &bytes, at);
        assert_eq!(verdict.is_ok(), at.offset.is_multiple_of(0x1_0000));
    }
}

#[test]
fn where_pages_are_configurable_the_image_says_how_large_they_are() {
    let target = Target::new(&ESP32C6);
    let at = Region::new(0x1_4000, 0x1000);
    for (mmu_page_size, fits) in [(14, true), (15, false), (16, false), (0, false)] {
        let image = app(
            &ESP32C6,
            &AppDesc {
                mmu_page_size,
                ..desc()
            },
        );
        let mut bytes = std::vec![0xFF; 0x2_0000];
        bytes[0x1_4000..][..image.len()].copy_from_slice(&image);
        assert_eq!(
            verify(target, &bytes, at).is_ok(),
            fits,
            "2^{mmu_page_size}"
        );
    }
}

/// What is no page size is nothing said: the bootloader's own counts, whatever is shifted by whatever else.
#[test]
fn a_page_size_that_is_none_is_the_bootloader_s() {
    for chip in [&ESP32C2, &ESP32C6, &ESP32H2] {
        for mmu_page_size in 0..=u8::MAX {
            let image = app(
                chip,
                &AppDesc {
                    mmu_page_size,
                    ..desc()
                },
            );
            for (own, offset) in [
                (0x1_0000, 0x1_2000),
                (0x1_0000, 0x2_0000),
                (0x2000, 0x1_2000),
            ] {
                let target = Target {
                    mmu_page: own,
                    ..Target::new(chip)
                };
                let mut bytes = std::vec![0xFF; 0x2_1000];
                bytes[offset..][..image.len()].copy_from_slice(&image);
                let at = Region::new(offset as u32, 0x1000);
                let page = match mmu_page_size {
                    13..=18 => 1 << mmu_page_size,
                    _ => own,
                };
                assert_eq!(
                    verify(target, &bytes, at).is_ok(),
                    at.offset.is_multiple_of(page),
                    "{chip}: 2^{mmu_page_size}, or {own:#x}, at {offset:#x}"
                );
            }
        }
    }
}

#[test]
fn where_pages_are_configurable_an_image_needs_its_descriptor() {
    for (chip, expected) in [(&ESP32C6, EspErr::FAIL), (&ESP32C3, EspErr::OK)] {
        let data = [0u8; 256];
        let image = build(header(chip), &[(chip.windows[0].start + 0x20, &data)]);
        assert_eq!(esp_err(Target::new(chip), &image), expected, "{chip}");
    }
}

#[test]
fn the_first_segment_of_an_application_has_room_for_its_descriptor() {
    let short = &desc().emit()[..252];
    let image = build(header(&ESP32C3), &[(0x3C00_0020, short)]);
    let refused = verdict(Target::new(&ESP32C3), &image).unwrap_err();
    assert_eq!(refused.refusal, Refusal::NoRoomForAppDesc { len: 252 });
    assert_eq!(refused.at, SLOT + 28, "the address of the length");
}

#[test]
fn a_bootloader_needs_neither_its_hash_nor_a_descriptor_nor_newer_silicon() {
    let header = Header {
        max_revision: 3,
        ..header(&ESP32C3)
    };
    let mut image = build(header, &[(0x3FCD_0000, &[1, 2, 3, 4])]);
    *image.last_mut().unwrap() ^= 1;
    let target = Target::new(&ESP32C3).with_revisions(4, 0);
    let at = Region::new(0, 0x8000);
    image.resize(0x8000, 0xFF);
    assert_eq!(verify(target, &image, at).unwrap().image_len, 80);
    image[32] ^= 1;
    assert_eq!(
        verify(target, &image, at).unwrap_err().esp_err(),
        EspErr::IMAGE_INVALID
    );
}

#[test]
fn an_image_may_fill_its_region_and_not_more() {
    let image = app(&ESP32C3, &desc());
    let target = Target::new(&ESP32C3);
    let len = image.len() as u32;
    for size in [
        len + 1,
        len,
        len - 1,
        len - 32,
        len - 33,
        300,
        287,
        31,
        24,
        23,
        1,
        0,
    ] {
        let mut bytes = std::vec![0xFF; SLOT as usize];
        bytes.extend(&image);
        bytes.resize(0x2_0000, 0xFF);
        let verdict = verify_by::<1>(target, &bytes, Region::new(SLOT, size), 256);
        match verdict {
            Ok(found) => assert!(size >= len && found.image_len == len),
            Err(e) => assert!(size < len && matches!(e.refusal, Refusal::PastRegion { .. })),
        }
    }
}

#[test]
fn the_end_of_the_flash_is_an_end_like_any_other() {
    let image = app(&ESP32C3, &desc());
    let (bytes, _) = flash(&image, image.len() as u32);
    let target = Target::new(&ESP32C3);
    assert!(verify(target, &bytes, Region::new(SLOT, SIXTEEN_MIB)).is_ok());
    let cut = &bytes[..bytes.len() - 4];
    let refused = verify(target, cut, Region::new(SLOT, SIXTEEN_MIB)).unwrap_err();
    assert_eq!(refused.esp_err(), EspErr::IMAGE_INVALID);
    for offset in [0x2_0000, 0xFFFF_FFF0] {
        let refused = verify(target, &bytes, Region::new(offset, SIXTEEN_MIB)).unwrap_err();
        assert!(matches!(
            refused.refusal,
            Refusal::PastRegion { size: 0, .. }
        ));
    }
}

#[test]
fn a_region_above_16_mib_is_refused_unread() {
    let refused = verify(Target::new(&ESP32C3), &[], Region::new(0, SIXTEEN_MIB + 1)).unwrap_err();
    assert_eq!(refused.esp_err(), EspErr::INVALID_ARG);
}

#[test]
fn a_region_that_cannot_be_read_alone_is_refused() {
    let refused = verify(Target::new(&ESP32C3), &[0; 64], Region::new(2, 32)).unwrap_err();
    assert_eq!(refused.refusal, Refusal::Misaligned { read_size: 4 });
}

#[test]
fn clearing_one_bit_of_the_header_turns_the_hash_off() {
    // In the direction a NOR program goes, and accepted by the reference as well.
    let mut image = app(&ESP32C3, &desc());
    image[23] = 0;
    image[400] ^= 0x10;
    image[500] ^= 0x10;
    let found = verdict(Target::new(&ESP32C3), &image).unwrap();
    assert_eq!(
        (found.image_len as usize, found.hashed),
        (image.len() - 32, false)
    );
}

#[test]
fn an_image_without_a_hash_is_known_by_its_bytes() {
    let mut image = app(&ESP32C3, &desc());
    let target = Target::new(&ESP32C3);
    let hashed = verdict(target, &image).unwrap();
    assert!(hashed.hashed);
    image[23] = 0;
    let plain = verdict(target, &image).unwrap();
    assert!(!plain.hashed);
    assert_ne!(plain.digest, hashed.digest, "its header differs");
    let end = image.len() - 32;
    // Behind its end there is no image any more.
    image[end] ^= 1;
    assert_eq!(verdict(target, &image).unwrap().digest, plain.digest);
    // Two bits that cancel in the checksum, and one that is not in it.
    let mut other = image.clone();
    other[400] ^= 0x10;
    other[500] ^= 0x10;
    assert_ne!(verdict(target, &other).unwrap().digest, plain.digest);
    image[5] ^= 0x10;
    assert_ne!(verdict(target, &image).unwrap().digest, plain.digest);
}

#[test]
fn a_buffer_must_hold_a_descriptor() {
    let refused = UnsignedVerifier::new(Target::new(&ESP32), &mut [0; 255]).unwrap_err();
    assert_eq!(refused, BufferTooShort { len: 255, min: 256 });
}

#[test]
fn a_descriptor_is_read_without_the_rest_of_its_image() {
    let (bytes, at) = flash(&app(&ESP32C3, &desc())[..288], 0x1000);
    let mut rom = Rom::<32> {
        bytes,
        low: u32::MAX,
        high: 0,
    };
    assert_eq!(read_app_desc(&mut rom, at), Ok(desc()));
    assert_eq!((rom.low, rom.high), (SLOT + 32, SLOT + 288));
    let short = Region::new(SLOT, 287);
    assert_eq!(
        read_app_desc(&mut rom, short),
        Err(DescError::TooShort { size: 287 })
    );
    let wrapping = Region::new(u32::MAX - 16, 0x1000);
    assert_eq!(
        read_app_desc(&mut rom, wrapping),
        Err(DescError::TooShort { size: 0x1000 })
    );
    rom.bytes.fill(0xFF);
    let refused = read_app_desc(&mut rom, at).unwrap_err();
    assert_eq!(refused.esp_err(), EspErr::NOT_FOUND);
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    let mut image = app(&ESP32C3, &desc());
    image[40] ^= 1;
    let refused = verdict(Target::new(&ESP32C3), &image).unwrap_err();
    let said = std::format!("{refused}");
    let Refusal::Checksum { stored, computed } = refused.refusal else {
        panic!("{said}")
    };
    assert_eq!(stored ^ computed, 1);
    assert!(
        said.starts_with("at 0x10") && said.contains("the checksum says"),
        "{said}"
    );
}
