//! The verifier and the codecs on drawn bytes.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_flipped_bit_of_a_hashed_application_is_noticed(at: prop::sample::Index, bit in 0u8..8) {
        let mut image = app(&ESP32C3, &desc());
        // Byte 23 says whether there is a hash.
        let at = at.index(image.len());
        prop_assume!(at != 23);
        image[at] ^= 1 << bit;
        prop_assert!(verdict(Target::new(&ESP32C3), &image).is_err());
    }

    #[test]
    fn neither_buffer_nor_read_size_matters(
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        slot in 0u32..0x1000, buf in 256usize..2000, seed in 0..CHIPS.len(),
    ) {
        let chip = CHIPS[seed];
        let mut image = app(chip, &desc());
        if let Some((at, xor)) = damage {
            let at = at.index(image.len());
            image[at] ^= xor;
        }
        let (bytes, at) = flash(&image, slot.next_multiple_of(32));
        let target = Target::new(chip);
        let expected = verify_by::<1>(target, &bytes, at, 4096);
        prop_assert_eq!(verify_by::<1>(target, &bytes, at, buf), expected);
        prop_assert_eq!(verify_by::<4>(target, &bytes, at, buf), expected);
        prop_assert_eq!(verify_by::<32>(target, &bytes, at, buf), expected);
    }

    #[test]
    fn no_bytes_make_the_verifier_panic_or_leave_its_region(
        patches in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..6),
        size in 0u32..0x1200, chip in 0..CHIPS.len(), at_bootloader: bool, max_region: u32,
    ) {
        let chip = CHIPS[chip];
        let mut image = app(chip, &desc());
        for (at, word) in patches {
            let at = at.index(image.len() / 4) * 4;
            image[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let offset = if at_bootloader { chip.bootloader_offset } else { SLOT };
        let mut bytes = std::vec![0xFF; 0x1_2000];
        bytes[offset as usize..][..image.len()].copy_from_slice(&image);
        let target = Target { max_region, ..Target::new(chip) };
        for size in [size, u32::MAX] {
            let _ = verify_by::<4>(target, &bytes, Region::new(offset, size), 256);
        }
    }

    #[test]
    fn an_image_header_is_read_back_as_it_was_written(mut record: [u8; header::LEN]) {
        record[0] = header::MAGIC;
        prop_assert_eq!(Header::parse(&record).unwrap().emit(), record);
    }

    #[test]
    fn descriptors_are_read_back_as_they_were_written(
        mut app: [u8; app_desc::LEN], mut boot: [u8; bootloader_desc::LEN],
    ) {
        app[..4].copy_from_slice(&app_desc::MAGIC.to_le_bytes());
        let desc = AppDesc::parse(&app).unwrap();
        prop_assert_eq!(AppDesc::parse(&desc.emit()), Ok(desc));
        boot[0] = bootloader_desc::MAGIC;
        let desc = BootloaderDesc::parse(&boot).unwrap();
        prop_assert_eq!(BootloaderDesc::parse(&desc.emit()), Ok(desc));
    }

    #[test]
    fn the_checksum_by_words_is_the_checksum_by_bytes(bytes: Vec<u8>) {
        prop_assert_eq!(xor(&bytes), bytes.iter().fold(0, |sum, byte| sum ^ byte));
    }
}
