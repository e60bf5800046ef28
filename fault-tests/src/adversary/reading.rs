//! Nine ways to read weak bits.

use super::cells::Byte;
use super::dice::mix;

/// How the weak bits read in one power-on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    pub(super) way: Way,
    /// What is random about it.
    pub(super) seed: u32,
}

/// One way to read weak bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// As 0.
    Zero,
    /// As 1.
    One,
    /// As what they were.
    Old,
    /// As what they were to be.
    Wanted,
    /// As something else in each read.
    EachRead,
    /// At random, and the same in each read of a power-on.
    EachBoot,
    /// One value in this power-on, the other one in the next.
    InTurn,
    /// One value in this read, the other one in the next.
    ReadInTurn,
    /// Each row of 32 bytes in a way of its own.
    ByRow,
}

impl Way {
    pub(super) const ALL: [Self; 9] = [
        Self::Zero,
        Self::One,
        Self::Old,
        Self::Wanted,
        Self::EachRead,
        Self::EachBoot,
        Self::InTurn,
        Self::ReadInTurn,
        Self::ByRow,
    ];
}

impl Reading {
    /// Every weak bit reads as 0.
    pub(super) const ZERO: Self = Self {
        way: Way::Zero,
        seed: 0,
    };

    /// What a byte reads as in the read with the number `read` of the power-on with the number `boot`.
    pub(super) fn read(self, at: u32, byte: Byte, boot: u32, read: u32) -> u8 {
        if byte.weak == 0 {
            return byte.value;
        }
        let fixed = mix(u64::from(self.seed) << 32 | u64::from(at)).to_le_bytes()[0];
        let way = match self.way {
            Way::ByRow => {
                let row = mix(u64::from(self.seed) << 32 | u64::from(at / 32)).to_le_bytes()[3];
                Way::ALL[usize::from(row) % (Way::ALL.len() - 1)]
            }
            way => way,
        };
        // What is drawn for a life and not for a power-on, so that the next one reads the other value.
        let of_the_cell = mix(u64::from(at)).to_le_bytes()[1];
        byte.read(match way {
            Way::Zero | Way::ByRow => 0,
            Way::One => 0xFF,
            Way::Old => byte.old,
            Way::Wanted => byte.wanted,
            Way::EachRead => {
                mix(u64::from(read) << 32 ^ u64::from(fixed) ^ u64::from(at) << 8).to_le_bytes()[2]
            }
            Way::EachBoot => fixed,
            Way::InTurn if boot.is_multiple_of(2) => of_the_cell,
            Way::InTurn => !of_the_cell,
            Way::ReadInTurn if read.is_multiple_of(2) => fixed,
            Way::ReadInTurn => !fixed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEAK: Byte = Byte {
        value: 0xFF,
        weak: 0x3C,
        old: 0x14,
        wanted: 0xFF,
    };

    fn read(way: Way, boot: u32, read: u32) -> u8 {
        Reading { way, seed: 5 }.read(0xD004, WEAK, boot, read)
    }

    #[test]
    fn the_steady_ways_read_what_they_say() {
        let steady = [
            (Way::Zero, 0xC3),
            (Way::One, 0xFF),
            (Way::Old, 0xD7),
            (Way::Wanted, 0xFF),
        ];
        for (way, found) in steady {
            assert_eq!(
                (read(way, 0, 0), read(way, 1, 7)),
                (found, found),
                "{way:?}"
            );
        }
    }

    #[test]
    fn in_turn_is_one_value_and_then_the_other() {
        assert_eq!(read(Way::InTurn, 0, 3) ^ read(Way::InTurn, 1, 8), 0x3C);
        assert_eq!(read(Way::InTurn, 0, 3), read(Way::InTurn, 0, 4));
        assert_eq!(
            read(Way::ReadInTurn, 0, 0) ^ read(Way::ReadInTurn, 0, 1),
            0x3C
        );
    }

    #[test]
    fn a_random_reading_is_one_of_the_boot_or_of_the_read() {
        let boot: Vec<_> = (0..9).map(|n| read(Way::EachBoot, 0, n)).collect();
        assert!(boot.iter().all(|byte| *byte == boot[0]));
        let reads: Vec<_> = (0..64).map(|n| read(Way::EachRead, 0, n)).collect();
        assert!(reads.iter().any(|byte| *byte != reads[0]));
        for way in Way::ALL {
            assert_eq!(read(way, 0, 0) & 0xC3, 0xC3, "only weak bits differ");
        }
    }
}
