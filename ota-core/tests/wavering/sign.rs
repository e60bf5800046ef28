//! Signs images as espsecure does, on P-256, with keys made of a seed.

use ota_core::image::signature::block::{self, put_crc};
use ota_core::image::signature::{Block, Scheme};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// The image, padded to a sector, and a sector with its signature.
pub(crate) fn sign(image: &[u8], seed: u8) -> Vec<u8> {
    let mut image = image.to_vec();
    image.resize(image.len().next_multiple_of(4096), 0xFF);
    let signed = block_of(&Sha256::digest(&image).into(), seed);
    image.extend(signed);
    image.resize(image.len().next_multiple_of(4096), 0xFF);
    image
}

/// The digest of a key.
pub(crate) fn key_of(seed: u8) -> [u8; 32] {
    let block = block_of(&[0; 32], seed);
    Block::new_checked(&block, Scheme::EcdsaP256)
        .unwrap()
        .key_digest()
}

/// The same in hexadecimal.
#[allow(dead_code, reason = "the example alone wants it in writing")]
pub(crate) fn digest_of(seed: u8) -> String {
    let hex = |text, byte: &u8| format!("{text}{byte:02x}");
    key_of(seed).iter().fold(String::new(), hex)
}

fn block_of(digest: &[u8; 32], seed: u8) -> [u8; block::LEN] {
    let key = SigningKey::from_slice(&[seed; 32]).unwrap();
    let signature: Signature = key.sign_prehash(digest).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let mut bytes = [0; block::LEN];
    bytes[..2].copy_from_slice(&[block::MAGIC, 3]);
    bytes[4..36].copy_from_slice(digest);
    bytes[36] = 2;
    let (r, s) = signature.split_bytes();
    let numbers: [(usize, &[u8]); 4] = [
        (37, point.x().unwrap()),
        (69, point.y().unwrap()),
        (101, &r),
        (133, &s),
    ];
    for (at, number) in numbers {
        let places = bytes[at..].iter_mut().zip(number.iter().rev());
        places.for_each(|(to, from)| *to = *from);
    }
    put_crc(&mut bytes);
    bytes
}
