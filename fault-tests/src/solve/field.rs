//! A number in a record.

use std::ops::Range;

/// How a number stands in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The lowest byte first.
    Little,
    /// The highest byte first.
    Big,
}

/// Where an unsigned number of at most 8 bytes stands in a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its bytes.
    pub at: Range<usize>,
    /// Their order.
    pub order: ByteOrder,
}

impl Field {
    /// The number whose lowest byte is the first of `at`.
    pub const fn little(at: Range<usize>) -> Self {
        Self {
            at,
            order: ByteOrder::Little,
        }
    }

    /// The number whose lowest byte is the last of `at`.
    pub const fn big(at: Range<usize>) -> Self {
        Self {
            at,
            order: ByteOrder::Big,
        }
    }

    /// What it is in `content`; of a longer one the lowest 8 bytes.
    pub fn get(&self, content: &[u8]) -> u64 {
        self.places().zip(0..8).fold(0, |number, (at, place)| {
            number | u64::from(content[at]) << (place * 8)
        })
    }

    /// Puts the low bytes of `number` there.
    pub fn set(&self, content: &mut [u8], number: u64) {
        for (at, byte) in self.places().zip(number.to_le_bytes()) {
            content[at] = byte;
        }
    }

    /// The bits of the record that it consists of, lowest first.
    pub(super) fn bits(&self) -> impl DoubleEndedIterator<Item = usize> + Clone + use<> {
        let (Range { start, end }, order) = (self.at.clone(), self.order);
        (0..self.at.len() * 8).map(move |n| match order {
            ByteOrder::Little => start * 8 + n,
            ByteOrder::Big => (end - 1 - n / 8) * 8 + n % 8,
        })
    }

    /// Its bytes, lowest first.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        self.bits().step_by(8).map(|n| n / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_in_either_order() {
        for (field, bytes) in [
            (Field::little(1..4), [0, 0x56, 0x34, 0x12, 0]),
            (Field::big(1..4), [0, 0x12, 0x34, 0x56, 0]),
        ] {
            let mut content = [0; 5];
            field.set(&mut content, 0x12_3456);
            assert_eq!(content, bytes);
            assert_eq!(field.get(&content), 0x12_3456);
            let bits = field.bits().enumerate();
            let number = bits.fold(0, |number, (place, n)| {
                number | usize::from(content[n / 8] >> (n % 8) & 1) << place
            });
            assert_eq!(number, 0x12_3456);
        }
    }
}
