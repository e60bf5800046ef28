//! Signed images: what is said of one is said of bytes that were signed.

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use ota_core::Region;
use ota_core::image::signature::block::put_crc;
use ota_core::image::signature::{Block, Scheme, SignedVerifier, TrustedKeys, block};
use ota_core::image::{ImageMetadata, StreamVerifier, VerifyImage};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

use crate::boots::TARGET;
use crate::flash::{Lie, Wavering, lies};
use crate::seeds;

const AT: u32 = 0x1_0000;
const SLOT: u32 = 0x4000;

/// An image of this version, padded; and a sector with its signature.
fn signed(version: u32) -> (Vec<u8>, TrustedKeys) {
    let mut image = seeds::image_of(300, version);
    image.resize(4096, 0xFF);
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let digest = Sha256::digest(&image);
    let signature: Signature = key.sign_prehash(&digest).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let mut bytes = [0; block::LEN];
    bytes[..2].copy_from_slice(&[block::MAGIC, 3]);
    bytes[4..36].copy_from_slice(&digest);
    bytes[36] = 2;
    let mut put = |at: usize, number: &[u8]| {
        let places = bytes[at..].iter_mut().zip(number.iter().rev());
        places.for_each(|(to, from)| *to = *from);
    };
    let (r, s) = signature.split_bytes();
    for (at, number) in [(37, point.x().unwrap()), (69, point.y().unwrap())] {
        put(at, number);
    }
    put(101, &r);
    put(133, &s);
    put_crc(&mut bytes);
    let digest = Block::new_checked(&bytes, Scheme::EcdsaP256)
        .unwrap()
        .key_digest();
    image.extend(bytes);
    image.resize(8192, 0xFF);
    (image, TrustedKeys::only(digest))
}

fn verify<F: ReadNorFlash<Error = NorFlashErrorKind>>(
    flash: &mut F,
    keys: TrustedKeys,
) -> Option<ImageMetadata> {
    let mut buffer = [0; 1216];
    let plain = StreamVerifier::new(TARGET, &mut buffer).unwrap();
    let mut verifier = SignedVerifier::ecdsa_p256(plain, keys).unwrap();
    verifier.verify(flash, Region::new(AT, SLOT)).ok()
}

/// `bytes` in their slot.
fn flash_of(bytes: &[u8]) -> Vec<u8> {
    let mut flash = vec![0xFF; (AT + SLOT) as usize];
    flash[AT as usize..AT as usize + bytes.len()].copy_from_slice(bytes);
    flash
}

#[test]
fn one_read_that_is_answered_otherwise_leaves_the_image_signed_or_refused() {
    let (bytes, keys) = signed(3);
    let mut flash = flash_of(&bytes);
    let truth = verify(&mut Wavering::new(&mut flash, None), keys).unwrap();
    // The image itself, some of its padding, and the block.
    for words in [0..0x280, 4096 - 64..4096, 4096..4096 + block::LEN] {
        let at = AT + u32::try_from(words.start).unwrap();
        let told = lies(at, &bytes[words], |lie: Lie| {
            let mut flash = Wavering::new(&mut flash, Some(lie));
            let verified = verify(&mut flash, keys);
            if let Some(verified) = verified {
                assert_eq!(verified, truth, "{lie:x?}");
            }
            flash.told
        });
        assert!(told > 0);
    }
}

/// Shows other bytes until so many reads are done, and the right ones from then on.
struct Turning<'b> {
    before: &'b [u8],
    after: &'b [u8],
    turn: u32,
    reads: u32,
}

impl ErrorType for Turning<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Turning<'_> {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let shown = if self.reads < self.turn {
            self.before
        } else {
            self.after
        };
        self.reads += 1;
        let at = offset as usize;
        bytes.copy_from_slice(&shown[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.after.len()
    }
}

/// Somebody on the bus shows an image of their own, whole but not signed, for as long as they like, and then the
/// signed one.
#[test]
fn an_image_that_is_shown_before_the_signed_one_is_never_what_is_said_to_be_signed() {
    let (bytes, keys) = signed(3);
    let mut forged = seeds::image_of(300, 9);
    forged.resize(8192, 0xFF);
    let (before, after) = (flash_of(&forged), flash_of(&bytes));
    for turned in [[&before, &after], [&after, &before]] {
        for turn in 0..20 {
            let [before, after] = turned.map(Vec::as_slice);
            let mut flash = Turning {
                before,
                after,
                turn,
                reads: 0,
            };
            if let Some(verified) = verify(&mut flash, keys) {
                assert_eq!(verified.secure_version, Some(3), "turned at read {turn}");
            }
        }
    }
}
