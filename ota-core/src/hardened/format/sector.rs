//! Where the rows of a sector are, and how long its log is.
//!
//! Both sectors of otadata are laid out alike:
//!
//! | row | bytes | holds | written |
//! |---|---|---|---|
//! | 0 | 0..32 | the entry that stock code reads | half before the hand-over or the first claim, half after it |
//! | 1..=4 | 32..160 | the birth of a generation, in one program | right after the erase |
//! | 5..=94 | 160..3040 | 30 groups of three rows: claim, decision, seal | appended |
//! | 95..=126 | 3040..4064 | progress of a download | as it goes on |
//! | 127 | 4064..4096 | given up, if it is not blank | zeroed before what proves the generation is |

use super::record::{LEN, Salt};
use crate::flash::{Region, SECTOR};
use crate::partition::{PartitionTable, Slot};

/// Row of the entry that stock code reads.
pub const SUMMARY: u8 = 0;
/// First row of the birth.
pub const BIRTH: u8 = 1;
/// Rows of a birth.
pub const BIRTH_ROWS: usize = 4;
/// First row of the log.
pub const LOG: u8 = 5;
/// Rows of a group: claim, decision, seal.
pub const GROUP_ROWS: u8 = 3;
/// First row of progress.
const PROGRESS: u8 = 95;
/// Rows of progress: as many parts of a slot are told apart.
pub const PROGRESS_ROWS: u8 = 32;

/// The row that says that the generation is given up.
pub const GIVEN_UP: u8 = PROGRESS + PROGRESS_ROWS;

/// How much of a sector's room for groups is used, and how much of that is kept back.
///
/// The defaults use all of it. Tests choose less, to meet the end of the log often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Log {
    groups: u8,
    reserve: u8,
    encrypted: bool,
}

impl Log {
    /// Groups that a sector has room for.
    pub const MOST: u8 = 30;

    /// All 30 groups, of which 20 are kept back: ten cuts in a row, each inside a program of the log, cost
    /// two groups each before it is full, and to leave it takes one more erase.
    pub const DEFAULT: Self = Self {
        groups: Self::MOST,
        reserve: 20,
        encrypted: false,
    };

    /// A log of `groups` groups (at most 30), of which `reserve` are for recovery and for handing over
    /// alone. `None` unless at least one group is left for what a generation begins with, and two are
    /// kept back.
    ///
    /// Bootloader and application must agree on it.
    #[must_use]
    pub const fn new(groups: u8, reserve: u8) -> Option<Self> {
        if groups > Self::MOST || reserve < 2 || reserve >= groups {
            return None;
        }
        Some(Self {
            groups,
            reserve,
            encrypted: false,
        })
    }

    /// The same log on a flash that encrypts otadata, in rows of 16 or 32 bytes, and is read and written
    /// through the encryption: what is erased then reads as noise. See
    /// [what is guaranteed there](super::super#flash-encryption).
    #[must_use]
    pub const fn encrypted(self) -> Self {
        Self {
            encrypted: true,
            ..self
        }
    }

    /// Whether the flash encrypts otadata.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        self.encrypted
    }

    /// Number of groups.
    #[must_use]
    pub const fn groups(self) -> u8 {
        self.groups
    }

    /// Number of groups that are kept back.
    #[must_use]
    pub const fn reserve(self) -> u8 {
        self.reserve
    }

    /// Whether the group may hold an ordinary decision, one that is neither recovery nor a hand-over.
    pub const fn is_ordinary(self, group: u8) -> bool {
        group <= self.groups.saturating_sub(self.reserve)
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One of the two sectors of otadata.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sector {
    /// Bytes 0..4096 of otadata.
    First,
    /// Bytes 4096..8192 of otadata.
    Second,
}

impl Sector {
    /// The sector that this one is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// 0 or 1.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A row of one of the sectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The sector that the row lies in.
    pub sector: Sector,
    /// 0..=127.
    pub row: u8,
}

impl Place {
    /// The row `row` (0..=127) of `sector`.
    pub const fn new(sector: Sector, row: u8) -> Self {
        Self { sector, row }
    }

    /// Whether it is the row right before another one.
    pub fn is_before(self, next: Self) -> bool {
        self.sector == next.sector && self.row.checked_add(1) == Some(next.row)
    }

    /// Row `which` (0 claim, 1 decision, 2 seal) of a group; groups count from 1.
    pub const fn in_group(sector: Sector, group: u8, which: u8) -> Self {
        let before = group.saturating_sub(1).saturating_mul(GROUP_ROWS);
        Self::new(sector, LOG.saturating_add(before).saturating_add(which))
    }

    /// The group that the row belongs to, and which of its rows it is; `None` for other rows.
    pub const fn group(self) -> Option<(u8, u8)> {
        if self.row < LOG || self.row >= PROGRESS {
            return None;
        }
        let at = self.row - LOG;
        Some((at / GROUP_ROWS + 1, at % GROUP_ROWS))
    }

    /// The row that says that part `part` of the open slot is complete; parts count from 0.
    pub const fn progress(sector: Sector, part: u8) -> Self {
        Self::new(sector, PROGRESS.saturating_add(part))
    }

    /// The number of the sector that the checksums of a record cover.
    pub const fn sector_number(self) -> u8 {
        self.sector as u8
    }

    /// The flash address. An address past the end of the address space becomes the last one, which no
    /// flash accepts.
    #[expect(clippy::cast_possible_truncation, reason = "a row is 32 bytes long")]
    pub const fn address(self, otadata: Region) -> u32 {
        sector_address(otadata, self.sector).saturating_add(self.row as u32 * LEN as u32)
    }
}

/// The flash address of a sector.
pub const fn sector_address(otadata: Region, sector: Sector) -> u32 {
    otadata.offset.saturating_add(sector as u32 * SECTOR)
}

/// A checksum of where the slots are.
pub fn salt(table: PartitionTable<'_>) -> Salt {
    let slots = [Slot::Factory, Slot::Test].into_iter();
    let slots = slots.chain((0..16).map(Slot::Ota));
    let (mut low, mut high) = (0xCBF2_9CE4_u32, 0x8422_2325_u32);
    for row in slots.filter_map(|slot| table.slot(slot)) {
        let subtype = u32::from(row.subtype.0);
        for word in [subtype, row.offset, row.size] {
            // Two multiplicative hashes of the same words: this need not resist anyone.
            low = (low ^ word).wrapping_mul(0x0100_0193).rotate_left(7);
            high = (high.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B1);
        }
    }
    let both = u64::from(high) << 32 | u64::from(low);
    Salt(both.to_le_bytes())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn the_rows_of_a_sector_do_not_overlap_and_fill_it() {
        let last = Place::in_group(Sector::First, Log::MOST, 2);
        assert_eq!(last.row, PROGRESS - 1);
        assert_eq!(usize::from(LOG), usize::from(BIRTH) + BIRTH_ROWS);
        assert_eq!(Place::progress(Sector::First, PROGRESS_ROWS - 1).row, 126);
        assert_eq!(GIVEN_UP, 127);
        let otadata = Region::new(0xD000, 0x2000);
        assert_eq!(Place::new(Sector::Second, 127).address(otadata), 0xEFE0);
    }

    /// Both halves of the salt tell every change of a slot's place.
    #[test]
    fn another_table_has_another_salt() {
        let slots = [Slot::Factory, Slot::Ota(0), Slot::Ota(1)];
        let base = crate::ram::partitions(&slots);
        let mut seen = std::vec::Vec::new();
        for row in 0..=slots.len() {
            for change in 0..3 {
                let mut rows = base.clone();
                if let Some(slot) = rows.get_mut(row + 1) {
                    match change {
                        0 => slot.offset += 0x8_0000,
                        1 => slot.size += 0x1000,
                        _ => slot.subtype = crate::partition::SubType::ota(7),
                    }
                } else if change > 0 {
                    continue;
                }
                let mut bytes = [0; crate::partition::TABLE_LEN];
                crate::partition::emit_table(rows, true, &mut bytes).unwrap();
                let table = PartitionTable::for_application(&bytes, true).unwrap();
                let Salt(salt) = salt(table);
                let (low, high) = salt.split_at(4);
                seen.push((low.to_vec(), high.to_vec()));
            }
        }
        for (n, one) in seen.iter().enumerate() {
            for other in seen.iter().skip(n + 1) {
                assert!(one.0 != other.0 && one.1 != other.1, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_log_keeps_two_groups_back_and_has_one_to_begin_with() {
        assert_eq!(Log::new(30, 20), Some(Log::DEFAULT));
        for (groups, reserve) in [(31, 2), (4, 1), (4, 4), (0, 0)] {
            assert_eq!(Log::new(groups, reserve), None);
        }
        let log = Log::new(4, 2).unwrap();
        assert!(log.is_ordinary(2) && !log.is_ordinary(3));
        assert_eq!((log.groups(), log.reserve()), (4, 2));
    }
}
