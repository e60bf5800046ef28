//! Encodings made here, and every bit of them changed.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use super::*;

/// An encoding of `digest`.
fn encode(digest: &[u8; HASH], salt: [u8; HASH]) -> [u8; LEN] {
    let mut encoded = [0; LEN];
    encoded[ZEROS] = 1;
    encoded[ZEROS + 1..MASKED].copy_from_slice(&salt);
    let hash = Sha256::new()
        .chain_update([0; 8])
        .chain_update(digest)
        .chain_update(salt)
        .finalize();
    for (counter, bytes) in (0u32..).zip(encoded[..MASKED].chunks_mut(HASH)) {
        let mask = Sha256::new()
            .chain_update(hash)
            .chain_update(counter.to_be_bytes())
            .finalize();
        bytes.iter_mut().zip(mask).for_each(|(b, m)| *b ^= m);
    }
    encoded[0] &= !UNUSED_BITS;
    encoded[MASKED..LEN - 1].copy_from_slice(&hash);
    encoded[LEN - 1] = TRAILER;
    encoded
}

#[test]
fn an_encoding_is_one_and_no_bit_of_it_may_change() {
    let digest = [0x5A; HASH];
    let encoded = encode(&digest, [7; HASH]);
    assert!(is_encoding_of(&encoded, &digest));
    assert!(!is_encoding_of(&encoded, &[0x5B; HASH]));
    for bit in 0..LEN * 8 {
        let mut other = encoded;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_encoding_of(&other, &digest), "bit {bit}");
    }
}

/// A longer or shorter salt is another scheme: the byte 01 must be where it is expected.
#[test]
fn the_salt_is_32_bytes_long() {
    let digest = [1; HASH];
    let mut encoded = encode(&digest, [7; HASH]);
    // Unmask, move the 01 by one, mask again.
    encoded[ZEROS] ^= 1;
    encoded[ZEROS - 1] ^= 1;
    assert!(!is_encoding_of(&encoded, &digest));
}
