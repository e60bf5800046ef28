//! Secure boot v2 on the images that espsecure signed, and on each with one bit changed.

use std::ops::Range;

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use ota_core::image::signature::{Block, BlockRefusal, KeySlot, Scheme, TrustedKeys, block};
use ota_core::image::signature::{SignedVerifier, block::put_crc};
use ota_core::image::{Refusal, Target, UnsignedVerifier, VerifyError, VerifyImage};
use ota_core::{EspErr, Region, chip};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256};

/// Where the slot of the image is: page-aligned, as mapped segments want it.
const SLOT: u32 = 0x1_0000;

/// An image and what is behind it, in a flash that is erased elsewhere.
#[derive(Clone)]
struct Slot(Vec<u8>);

impl ErrorType for Slot {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let at = (offset - SLOT) as usize;
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = self.0.get(at + i).copied().unwrap_or(0xFF);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        4 << 20
    }
}

fn scheme_of(name: &str) -> Scheme {
    match name {
        "rsa3072" => Scheme::Rsa3072,
        "ecdsa256" => Scheme::EcdsaP256,
        "ecdsa384" => Scheme::EcdsaP384,
        _ => panic!("{name} is no scheme"),
    }
}

/// Where the signature sector is.
fn sector(bytes: &[u8]) -> usize {
    bytes.len() - 4096
}

fn block_of(bytes: &[u8], number: usize) -> &[u8; block::LEN] {
    bytes[sector(bytes) + number * block::LEN..]
        .first_chunk()
        .unwrap()
}

fn key_of(bytes: &[u8], scheme: Scheme) -> [u8; 32] {
    Block::new_checked(block_of(bytes, 0), scheme)
        .unwrap()
        .key_digest()
}

fn verifier(scheme: Scheme, keys: TrustedKeys, buffer: &mut [u8]) -> SignedVerifier<'_> {
    let image = UnsignedVerifier::new(Target::new(&chip::ESP32C3), buffer).unwrap();
    match scheme {
        Scheme::Rsa3072 => SignedVerifier::rsa3072(image, keys),
        Scheme::EcdsaP256 => SignedVerifier::ecdsa_p256(image, keys),
        Scheme::EcdsaP384 => SignedVerifier::ecdsa_p384(image, keys),
    }
    .unwrap()
}

type Verified = Result<u32, VerifyError<NorFlashErrorKind>>;

fn verify(bytes: &[u8], scheme: Scheme, keys: TrustedKeys) -> Verified {
    verify_in(bytes, scheme, keys, 0x10_0000)
}

fn verify_in(bytes: &[u8], scheme: Scheme, keys: TrustedKeys, size: u32) -> Verified {
    let mut buffer = [0; 1216];
    verifier(scheme, keys, &mut buffer)
        .verify(&mut Slot(bytes.to_vec()), Region::new(SLOT, size))
        .map(|image| image.image_len)
}

fn why(verified: Verified) -> (u32, u8, BlockRefusal) {
    match verified {
        Err(VerifyError {
            at,
            refusal: Refusal::Signature { block, why },
        }) => (at - SLOT, block, why),
        other => panic!("not a matter of the signature: {other:?}"),
    }
}

fn flip(bytes: &[u8], at: usize, bit: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

#[test]
fn every_signed_image_verifies_by_its_key_and_by_no_other() {
    for image in corpus::SIGNED {
        let scheme = scheme_of(image.scheme);
        let key = key_of(image.bytes, scheme);
        let len = verify(image.bytes, scheme, TrustedKeys::only(key)).unwrap();
        assert_eq!(len as usize, sector(image.bytes), "{}", image.name);

        let other = TrustedKeys::only([7; 32]);
        let at = u32::try_from(sector(image.bytes) + scheme.key().start).unwrap();
        assert_eq!(
            why(verify(image.bytes, scheme, other)),
            (at, 0, BlockRefusal::UnknownKey { digest: key })
        );
        assert_eq!(
            verify(image.bytes, scheme, other).unwrap_err().esp_err(),
            EspErr::IMAGE_INVALID
        );
    }
}

#[test]
fn a_revoked_key_counts_no_more_and_another_place_for_it_does() {
    let image = corpus::signed("c3_4k_signed_ecdsa256").unwrap();
    let key = key_of(image.bytes, Scheme::EcdsaP256);
    let keys = |slots| TrustedKeys { slots };
    let revoked = keys([KeySlot::Empty, KeySlot::Revoked(key), KeySlot::Empty]);
    let (_, _, refusal) = why(verify(image.bytes, Scheme::EcdsaP256, revoked));
    let digest = key;
    assert_eq!(refusal, BlockRefusal::RevokedKey { digest, slot: 1 });

    let moved = keys([KeySlot::Revoked(key), KeySlot::Empty, KeySlot::Trusted(key)]);
    assert!(verify(image.bytes, Scheme::EcdsaP256, moved).is_ok());
}

/// One field of a signature block, with what a changed bit in it is refused for.
fn fields(scheme: Scheme) -> Vec<(&'static str, Range<usize>)> {
    let rest = match scheme {
        Scheme::Rsa3072 => vec![
            ("image digest", 4..36),
            ("modulus", 36..420),
            ("exponent", 420..424),
            ("R squared", 424..808),
            ("inverse", 808..812),
            ("signature", 812..1196),
        ],
        Scheme::EcdsaP256 => vec![
            ("image digest", 4..36),
            ("curve", 36..37),
            ("X", 37..69),
            ("Y", 69..101),
            ("r", 101..133),
            ("s", 133..165),
            ("zeros", 165..1196),
        ],
        Scheme::EcdsaP384 => vec![
            ("image digest", 4..52),
            ("curve", 52..53),
            ("X", 53..101),
            ("Y", 101..149),
            ("r", 149..197),
            ("s", 197..245),
            ("zeros", 245..1196),
        ],
    };
    let mut fields = vec![("magic", 0..1), ("version", 1..2), ("reserved", 2..4)];
    fields.extend(rest);
    fields.push(("CRC", 1196..1200));
    fields
}

/// Every bit of the block is guarded by its CRC, but for the last 16 bytes, which are nobody's.
#[test]
fn a_block_with_one_bit_changed_in_any_field_is_refused() {
    for image in corpus::SIGNED {
        let scheme = scheme_of(image.scheme);
        let keys = TrustedKeys::only(key_of(image.bytes, scheme));
        for (name, range) in fields(scheme) {
            // First, last and one in the middle: the whole image is hashed each time.
            let middle = usize::midpoint(range.start, range.end);
            for at in [range.start, middle, range.end - 1] {
                let changed = flip(image.bytes, sector(image.bytes) + at, 3);
                let (_, block, refusal) = why(verify(&changed, scheme, keys));
                let expected = match name {
                    "magic" => {
                        matches!(refusal, BlockRefusal::Magic { found } if found == 0xE7 ^ 8)
                    }
                    "version" => matches!(refusal, BlockRefusal::Version { .. }),
                    _ => matches!(refusal, BlockRefusal::Crc { .. }),
                };
                assert!(
                    expected && block == 0,
                    "{} {name} {at}: {refusal}",
                    image.name
                );
            }
        }
        let behind = flip(image.bytes, sector(image.bytes) + 1210, 3);
        assert!(verify(&behind, scheme, keys).is_ok());
    }
}

/// With the CRC made right again, it is the digests, the curve and the signature that refuse.
#[test]
fn a_block_with_one_bit_changed_and_its_crc_made_right_is_refused() {
    for image in corpus::SIGNED.iter().filter(|i| i.bytes.len() < 10_000) {
        let scheme = scheme_of(image.scheme);
        let key = key_of(image.bytes, scheme);
        for (name, range) in fields(scheme) {
            if matches!(name, "magic" | "version" | "CRC") {
                continue;
            }
            let middle = usize::midpoint(range.start, range.end);
            for at in [range.start, middle, range.end - 1] {
                let mut changed = flip(image.bytes, sector(image.bytes) + at, 0);
                let block = changed[sector(image.bytes)..].first_chunk_mut().unwrap();
                put_crc(block);
                let verified = verify(&changed, scheme, TrustedKeys::only(key));
                let context = format!("{} {name} {at}: {verified:?}", image.name);
                if matches!(name, "reserved" | "zeros") {
                    assert!(verified.is_ok(), "{context}");
                    continue;
                }
                let (address, _, refusal) = why(verified);
                let field = refusal.field(scheme);
                assert_eq!(
                    address as usize,
                    sector(image.bytes) + field.start,
                    "{context}"
                );
                let right = match name {
                    "image digest" => matches!(refusal, BlockRefusal::Image { .. }),
                    "curve" => matches!(refusal, BlockRefusal::Curve { .. }),
                    "signature" | "r" | "s" => refusal == BlockRefusal::Signature,
                    _ => matches!(refusal, BlockRefusal::UnknownKey { digest } if digest != key),
                };
                assert!(right, "{context}");
                // Were the key trusted, it or the signature would still not do. What the chip's
                // accelerator starts from is not looked at.
                if let BlockRefusal::UnknownKey { digest } = refusal {
                    let trusting = verify(&changed, scheme, TrustedKeys::only(digest));
                    if matches!(name, "R squared" | "inverse") {
                        assert!(trusting.is_ok(), "{context}");
                    } else {
                        let (_, _, refusal) = why(trusting);
                        let no_key = matches!(refusal, BlockRefusal::Key | BlockRefusal::Signature);
                        assert!(no_key, "{context}");
                    }
                }
            }
        }
    }
}

/// Of the image itself each byte is signed, the padding too: the plain verifier sees what it sees, the
/// signature the rest.
#[test]
fn an_image_with_one_bit_changed_anywhere_is_refused() {
    let image = corpus::signed("c3_4k_signed_ecdsa256").unwrap();
    let keys = TrustedKeys::only(key_of(image.bytes, Scheme::EcdsaP256));
    for at in (0..sector(image.bytes)).step_by(7) {
        let changed = flip(image.bytes, at, 5);
        assert!(verify(&changed, Scheme::EcdsaP256, keys).is_err(), "{at}");
    }
    // The flag that says a SHA-256 is appended is byte 23: without it the image would pass on its
    // checksum, and end 32 bytes earlier.
    let mut plain = image.bytes.to_vec();
    plain[23] = 0;
    let (_, _, refusal) = why(verify(&plain, Scheme::EcdsaP256, keys));
    assert!(matches!(refusal, BlockRefusal::Image { .. }));
}

#[test]
fn a_device_of_another_scheme_refuses_and_says_which() {
    let image = corpus::signed("c3_4k_signed_rsa3072").unwrap();
    let keys = TrustedKeys::only(key_of(image.bytes, Scheme::Rsa3072));
    for scheme in [Scheme::EcdsaP256, Scheme::EcdsaP384] {
        let (at, _, refusal) = why(verify(image.bytes, scheme, keys));
        let (found, expected) = (2, 3);
        assert_eq!(refusal, BlockRefusal::Version { found, expected });
        assert_eq!(at, 4096 + 1);
    }
    let p384 = corpus::signed("c3_4k_signed_ecdsa384").unwrap();
    let (_, _, refusal) = why(verify(p384.bytes, Scheme::EcdsaP256, keys));
    // Where a P-256 block has its curve, a P-384 block has digest.
    assert!(matches!(refusal, BlockRefusal::Curve { expected: 2, .. }));
}

#[test]
fn an_unsigned_image_and_one_without_room_for_a_signature_are_refused() {
    let image = corpus::image("c3_4k").unwrap();
    let keys = TrustedKeys::default();
    let refused = verify(image.bytes, Scheme::Rsa3072, keys);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "at 0x11000: signature block 0: there is none"
    );
    let refused = verify_in(image.bytes, Scheme::Rsa3072, keys, 4096);
    let refusal = Refusal::PastRegion {
        needed: 8192,
        size: 4096,
    };
    assert_eq!(refused.unwrap_err().refusal, refusal);
}

/// A block that signs `digest` with a key made of `seed`.
fn made_block(digest: [u8; 32], seed: u8) -> [u8; block::LEN] {
    let key = SigningKey::from_slice(&[seed; 32]).unwrap();
    let signature: Signature = key.sign_prehash(&digest).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let mut block = [0; block::LEN];
    block[..2].copy_from_slice(&[0xE7, 3]);
    block[4..36].copy_from_slice(&digest);
    block[36] = 2;
    let mut put = |at: usize, number: &[u8]| {
        for (to, from) in block[at..].iter_mut().zip(number.iter().rev()) {
            *to = *from;
        }
    };
    put(37, point.x().unwrap());
    put(69, point.y().unwrap());
    let (r, s) = signature.split_bytes();
    put(101, &r);
    put(133, &s);
    put_crc(&mut block);
    block
}

/// An image with three blocks, by the keys 1, 2 and 3.
fn three_blocks() -> (Vec<u8>, [[u8; 32]; 3]) {
    let image = corpus::signed("c3_4k_signed_ecdsa256").unwrap();
    let mut bytes = image.bytes.to_vec();
    let first = Block::new_checked(block_of(&bytes, 0), Scheme::EcdsaP256).unwrap();
    let digest = first.image_digest().try_into().unwrap();
    let mut keys = [[0; 32]; 3];
    for (number, key) in keys.iter_mut().enumerate() {
        let block = made_block(digest, u8::try_from(number).unwrap() + 1);
        *key = Block::new_checked(&block, Scheme::EcdsaP256)
            .unwrap()
            .key_digest();
        let at = sector(&bytes) + number * block::LEN;
        bytes[at..at + block::LEN].copy_from_slice(&block);
    }
    (bytes, keys)
}

#[test]
fn any_of_three_blocks_makes_an_image_trusted() {
    let (bytes, keys) = three_blocks();
    for key in keys {
        let trusted = TrustedKeys::only(key);
        assert!(verify(&bytes, Scheme::EcdsaP256, trusted).is_ok());
    }
    // The first key is revoked, the second block damaged: the third does.
    let slots = [
        KeySlot::Revoked(keys[0]),
        KeySlot::Trusted(keys[1]),
        KeySlot::Trusted(keys[2]),
    ];
    let trusted = TrustedKeys { slots };
    let mut damaged = flip(&bytes, sector(&bytes) + block::LEN + 140, 1);
    assert!(verify(&damaged, Scheme::EcdsaP256, trusted).is_ok());
    // With that one's signature wrong, it is the one that is reported: it came furthest.
    let third = damaged[sector(&bytes) + 2 * block::LEN..]
        .first_chunk_mut()
        .unwrap();
    third[140] ^= 1;
    put_crc(third);
    let (at, block, refusal) = why(verify(&damaged, Scheme::EcdsaP256, trusted));
    assert_eq!((block, refusal), (2, BlockRefusal::Signature));
    assert_eq!(at, 4096 + 2 * 1216 + 101);
}

/// The same image for another chip, with a hash that is right, and three blocks by the keys 1, 2 and 3.
fn three_blocks_for(chip: &chip::Chip) -> (Vec<u8>, [[u8; 32]; 3]) {
    let mut bytes = corpus::image("c3_4k").unwrap().bytes.to_vec();
    bytes[12..14].copy_from_slice(&chip.id.to_le_bytes());
    // Its segments go nowhere: no chip maps them.
    let mut segment = 24;
    for _ in 0..bytes[1] {
        bytes[segment..segment + 4].fill(0);
        let len = bytes[segment + 4..]
            .first_chunk()
            .copied()
            .map(u32::from_le_bytes);
        segment += 8 + len.unwrap() as usize;
    }
    let hash = bytes.len() - 32;
    let digest = Sha256::digest(&bytes[..hash]);
    bytes[hash..].copy_from_slice(&digest);
    assert_eq!(bytes.len() % 4096, 0);
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let keys = [1, 2, 3].map(|seed| {
        let block = made_block(digest, seed);
        bytes.extend(block);
        Block::new_checked(&block, Scheme::EcdsaP256)
            .unwrap()
            .key_digest()
    });
    bytes.resize(8192, 0xFF);
    (bytes, keys)
}

/// An ESP32 and an ESP32-C2 have one place for a key in eFuse, and look at one block; the others at three.
#[test]
fn as_many_blocks_count_as_the_chip_looks_at() {
    for &chip in chip::CHIPS {
        let (bytes, keys) = three_blocks_for(chip);
        for (number, key) in (0..).zip(keys) {
            let mut buffer = [0; 1216];
            let image = UnsignedVerifier::new(Target::new(chip), &mut buffer).unwrap();
            let mut signed = SignedVerifier::ecdsa_p256(image, TrustedKeys::only(key)).unwrap();
            let region = Region::new(SLOT, 0x10_0000);
            let verified = signed.verify(&mut Slot(bytes.clone()), region);
            let one = matches!(chip.name, "esp32" | "esp32c2");
            assert_eq!(verified.is_ok(), number == 0 || !one, "{chip} {number}");
        }
    }
}

/// espsecure signs with whatever key it is given: exponent 3 is as good as 65537. With 1 anybody could sign.
#[test]
fn a_key_with_another_exponent_is_one_unless_it_protects_nothing() {
    let image = corpus::signed("c3_4k_signed_rsa3072_e3").unwrap();
    let block = block_of(image.bytes, 0);
    assert_eq!(block[420..424], 3_u32.to_le_bytes());
    for exponent in [0_u32, 1, 2, 4, 65536] {
        let mut changed = image.bytes.to_vec();
        let block = changed[4096..].first_chunk_mut::<{ block::LEN }>().unwrap();
        block[420..424].copy_from_slice(&exponent.to_le_bytes());
        put_crc(block);
        let keys = TrustedKeys::only(key_of(&changed, Scheme::Rsa3072));
        let (_, _, refusal) = why(verify(&changed, Scheme::Rsa3072, keys));
        assert_eq!(refusal, BlockRefusal::Key, "{exponent}");
    }
}

/// P-192 is a curve that espsecure knows and this does not.
#[test]
fn a_key_on_p192_is_refused_for_its_curve() {
    let image = corpus::signed("c3_4k_signed_ecdsa256").unwrap();
    let mut changed = image.bytes.to_vec();
    let block = changed[4096..].first_chunk_mut::<{ block::LEN }>().unwrap();
    block[36] = 1;
    put_crc(block);
    let keys = TrustedKeys::only([0; 32]);
    let (_, _, refusal) = why(verify(&changed, Scheme::EcdsaP256, keys));
    let (found, expected) = (1, 2);
    assert_eq!(refusal, BlockRefusal::Curve { found, expected });
}

/// Signed updates without secure boot in hardware trust the key of what runs, and the first block.
#[test]
fn without_secure_boot_the_key_of_the_running_image_counts_and_the_first_block_alone() {
    let (bytes, keys) = three_blocks();
    let mut buffer = [0; 1216];
    let region = Region::new(SLOT, 0x10_0000);
    let mut flash = Slot(bytes);
    let mut verifier = verifier(Scheme::EcdsaP256, TrustedKeys::default(), &mut buffer);
    let running = verifier.first_key(&mut flash, region).unwrap();
    assert_eq!(running, keys[0]);
    let mut verifier = verifier.first_block_only();
    for (key, fine) in keys.into_iter().zip([true, false, false]) {
        verifier = verifier.with_keys(TrustedKeys::only(key));
        assert_eq!(verifier.verify(&mut flash, region).is_ok(), fine);
    }
}

#[test]
fn the_buffer_must_hold_a_block() {
    let mut buffer = [0; 1215];
    let image = UnsignedVerifier::new(Target::new(&chip::ESP32C3), &mut buffer).unwrap();
    let refused = SignedVerifier::rsa3072(image, TrustedKeys::default()).unwrap_err();
    assert_eq!((refused.len, refused.min), (1215, 1216));
}
