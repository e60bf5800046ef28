//! Damage, drawn from a seed: what cuts, rot and strangers do to bytes.

/// Random numbers that are the same each time: xorshift64.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % n.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// Words that are often special.
const WORDS: [u32; 8] = [
    0,
    1,
    0x7FFF_FFFF,
    0xFFFF_FFFE,
    u32::MAX,
    0x1_0000,
    0x100_0000,
    3,
];

/// A few changes to a copy of `seed`.
pub(crate) fn damage(draw: &mut Draw, seed: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(seed);
    for _ in 0..=draw.below(6) {
        let len = bytes.len();
        if len < 64 {
            bytes.resize(64, 0xFF);
            continue;
        }
        let at = draw.below(len - 40);
        match draw.below(9) {
            0 => bytes[at] ^= 1 << draw.below(8),
            // A bit that falls, as a program leaves it.
            1 => bytes[at] &= draw.byte(),
            2 => bytes[at] = draw.byte(),
            3 => {
                let word = WORDS[draw.below(WORDS.len())].to_le_bytes();
                bytes[at & !3..(at & !3) + 4].copy_from_slice(&word);
            }
            // A row that stands elsewhere too, or instead.
            4 => {
                let (from, to) = (draw.below(len / 32) * 32, draw.below(len / 32) * 32);
                bytes.copy_within(from..from + 32, to);
            }
            5 => {
                let row = draw.below(len / 32) * 32;
                bytes[row..row + 32].fill(0xFF);
            }
            6 => {
                let end = at + draw.below(len - at);
                bytes[at..end].fill(if draw.below(2) == 0 { 0 } else { 0xFF });
            }
            7 => (0..32).for_each(|n| bytes[at + n] = draw.byte()),
            // One byte shorter: the checks draw options from the length.
            _ => bytes.truncate(len - draw.below(4)),
        }
    }
}
