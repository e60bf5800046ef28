//! A record with a checksum: what it covers, where it stands, and that it is affine.

use std::ops::Range;

use super::field::Field;

/// A record of which a part is covered by an affine checksum.
#[derive(Clone, Debug)]
pub struct Checked {
    len: usize,
    covered: Range<usize>,
    stored: Field,
    checksum: fn(&[u8]) -> u32,
}

/// Why a record is not for the solver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSolvable {
    /// A part lies outside the record.
    #[error("bytes {0:?} are not within a record of {1} bytes")]
    Outside(Range<usize>, usize),
    /// The checksum covers its own place.
    #[error("the checksum at {0:?} is among the bytes it covers, {1:?}")]
    CoversItself(Range<usize>, Range<usize>),
    /// No room for a checksum, or more than a `u32` has.
    #[error("a checksum has 1 to 4 bytes, not {0}")]
    Width(usize),
    /// The checksum of a sum is not the sum of the checksums.
    #[error("the checksum is not affine over GF(2)")]
    NotAffine,
}

/// Triples of contents on which the checksum has to be affine.
const PROBES: u64 = 32;

impl Checked {
    /// A record of `len` bytes, whose bytes `covered` have a checksum that is `stored`; of a longer
    /// checksum the low bytes are.
    ///
    /// The checksum is tried on a few dozen sums. None but an affine one passes them by any
    /// likelihood, and no solution depends on it: each is verified with the checksum itself.
    ///
    /// # Errors
    /// If the parts do not fit the record or each other, or the checksum is not affine.
    pub fn new(
        len: usize,
        covered: Range<usize>,
        stored: Field,
        checksum: fn(&[u8]) -> u32,
    ) -> Result<Self, NotSolvable> {
        for part in [&covered, &stored.at] {
            if part.start > part.end || part.end > len {
                return Err(NotSolvable::Outside(part.clone(), len));
            }
        }
        if !(1..=4).contains(&stored.at.len()) {
            return Err(NotSolvable::Width(stored.at.len()));
        }
        if covered.start < stored.at.end && stored.at.start < covered.end {
            return Err(NotSolvable::CoversItself(stored.at, covered));
        }
        if !is_affine(checksum, covered.len()) {
            return Err(NotSolvable::NotAffine);
        }
        Ok(Self {
            len,
            covered,
            stored,
            checksum,
        })
    }

    /// Bytes of the record.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes; no record is so.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that the checksum covers.
    pub fn covered(&self) -> Range<usize> {
        self.covered.clone()
    }

    /// Where the checksum stands.
    pub fn stored(&self) -> &Field {
        &self.stored
    }

    /// Whether the checksum in `content` is the one of its covered bytes.
    pub fn is_right(&self, content: &[u8]) -> bool {
        let mut sealed = content.to_vec();
        self.seal(&mut sealed);
        sealed == content
    }

    /// Puts the right checksum in its place.
    pub fn seal(&self, content: &mut [u8]) {
        let checksum = (self.checksum)(&content[self.covered()]);
        self.stored.set(content, checksum.into());
    }
}

/// Whether `f(a ^ b ^ c) = f(a) ^ f(b) ^ f(c)` for contents of `len` bytes, drawn ones.
fn is_affine(checksum: fn(&[u8]) -> u32, len: usize) -> bool {
    let mut drawn = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |sparse: bool| -> Vec<u8> {
        let mut byte = || {
            drawn ^= drawn << 13;
            drawn ^= drawn >> 7;
            drawn ^= drawn << 17;
            drawn.to_le_bytes()[4]
        };
        // Contents of few bits find what carries from one bit into the next.
        let mut one = || if sparse { byte() & byte() } else { byte() };
        (0..len).map(|_| one()).collect()
    };
    (0..PROBES).all(|probe| {
        let [a, b, c] = [0; 3].map(|_: u8| draw(probe % 2 == 0));
        let sum: Vec<u8> = { a.iter().zip(&b).zip(&c) }
            .map(|((a, b), c)| a ^ b ^ c)
            .collect();
        checksum(&sum) == checksum(&a) ^ checksum(&b) ^ checksum(&c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc_8(bytes: &[u8]) -> u32 {
        u32::from(crc::Crc::<u8>::new(&crc::CRC_8_SMBUS).checksum(bytes))
    }

    fn sum(bytes: &[u8]) -> u32 {
        bytes.iter().map(|byte| u32::from(*byte)).sum()
    }

    fn ones(bytes: &[u8]) -> u32 {
        bytes.iter().map(|byte| byte.count_ones()).sum()
    }

    fn xor(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(0, |sum, byte| sum ^ u32::from(*byte))
    }

    #[test]
    fn what_is_not_affine_is_refused() {
        let new = |checksum| Checked::new(6, 0..4, Field::little(4..5), checksum).map(|_| ());
        assert_eq!(new(crc_8), Ok(()));
        assert_eq!(new(xor), Ok(()));
        assert_eq!(new(sum), Err(NotSolvable::NotAffine));
        assert_eq!(new(ones), Err(NotSolvable::NotAffine));
    }

    #[test]
    fn parts_must_fit_the_record_and_each_other() {
        let new =
            |covered, stored| Checked::new(6, covered, Field::little(stored), crc_8).unwrap_err();
        assert_eq!(new(0..7, 4..5), NotSolvable::Outside(0..7, 6));
        assert_eq!(new(0..5, 4..6), NotSolvable::CoversItself(4..6, 0..5));
        assert_eq!(new(0..4, 4..4), NotSolvable::Width(0));
        assert_eq!(new(0..1, 1..6), NotSolvable::Width(5));
    }

    #[test]
    fn a_checksum_stands_in_either_order() {
        let stored_as = |stored| Checked::new(8, 0..4, stored, ota_core_crc).unwrap();
        let little = stored_as(Field::little(4..8));
        let big = stored_as(Field::big(4..8));
        let mut content = [1, 0, 0, 0, 0xAA, 0xAA, 0xAA, 0xAA];
        assert!(!little.is_right(&content));
        little.seal(&mut content);
        assert_eq!(content[4..], [0x9A, 0x98, 0x43, 0x47]);
        assert!(little.is_right(&content) && !big.is_right(&content));
        content[4..].reverse();
        assert!(big.is_right(&content));
    }

    fn ota_core_crc(bytes: &[u8]) -> u32 {
        ota_core::otadata::crc(u32::from_le_bytes(bytes.try_into().unwrap()))
    }
}
