//! A set of bits, bit by bit: wide enough for a record of 32 bytes.

use std::fmt;

/// Which of the first 256 bits of an operation are in a set; those behind them never are.
///
/// Bit `n` is bit `n % 8`, lowest first, of byte `n / 8`. Its text is one hexadecimal number without leading zeros, in
/// which bit `n` stands for bit `n`: `1f` holds the lowest five bits of the first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BitMask([u8; 32]);

impl BitMask {
    /// The bits that are set in `bytes`, byte for byte.
    pub const fn new(bytes: [u8; 32]) -> Self {
        BitMask(bytes)
    }

    /// The bits of byte `at`.
    pub fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// How many bits there must be for it to lie within them: one more than the highest in the set, 0 if it is empty.
    pub(super) fn width(&self) -> u64 {
        let top = self.0.iter().rposition(|byte| *byte != 0);
        top.map_or(0, |at| {
            at as u64 * 8 + u64::from(8 - self.0[at].leading_zeros())
        })
    }

    /// From the text that it prints, and from no other.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let plain = text == "0" || !text.starts_with('0');
        if text.is_empty() || !plain {
            return None;
        }
        for (at, digit) in text.bytes().rev().enumerate() {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *bytes.get_mut(at / 2)? |= value << (at % 2 * 4);
        }
        Some(BitMask(bytes))
    }
}

impl From<u128> for BitMask {
    /// Bit `n` of the number is bit `n`.
    fn from(bits: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&bits.to_le_bytes());
        BitMask(bytes)
    }
}

impl fmt::Display for BitMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let top = self.0.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        write!(f, "{:x}", self.0[top])?;
        let below = self.0[..top].iter().rev();
        { below }.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_one_spelling() {
        let mut bytes = [0; 32];
        assert_eq!(BitMask::new(bytes).to_string(), "0");
        bytes[1] = 0x80;
        assert_eq!(BitMask::new(bytes).to_string(), "8000");
        bytes[31] = 0xF0;
        let wide = BitMask::new(bytes).to_string();
        assert_eq!(wide.len(), 64);
        for text in ["0", "1", "1f", "8000", wide.as_str()] {
            assert_eq!(BitMask::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "00", "01", "1F", "+1", "g", &format!("1{wide}")] {
            assert_eq!(BitMask::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn its_width_is_that_of_its_highest_bit() {
        assert_eq!(BitMask::from(0).width(), 0);
        assert_eq!(BitMask::from(0b100).width(), 3);
        assert_eq!(BitMask::from(1 << 127).width(), 128);
        assert_eq!(BitMask::new([0xFF; 32]).width(), 256);
    }
}
