//! One row of the log: 32 bytes that a torn program cannot counterfeit.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | kind |
//! | 1 | group or row number, by kind |
//! | 2 | format version |
//! | 3 | number of the group in which the hand-over of this generation began; 0 where there is none |
//! | 4..8 | generation |
//! | 8..23 | payload |
//! | 23..27 | CRC-32 of salt, sector, row and bytes 0..23 |
//! | 27..31 | CRC-32C of the same |
//! | 31 | number of 0 bits in bytes 0..31 |
//!
//! All integers are little-endian. The last byte is a Berger code. A program that is cut leaves some
//! of the bits that were to become 0 at 1: the count of zeros falls, while the stored count, itself
//! torn, can only rise. So a row that was programmed once after a complete erase reads as it was
//! meant or is refused, with certainty and not by chance. The two CRCs are for what is not a torn
//! program: 64 bits against content that a cut *erase* makes up, against a record copied to another
//! place, and against rot.
//!
//! The proof holds for **one content per row**: two records programmed over each other can make a
//! third. What keeps a row from being programmed twice is [`claims`](super::super#the-idea).

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc};

use super::sector::Place;
use crate::wire::{self, CrcWidth};

/// Length of a row, in bytes.
pub(crate) const LEN: usize = 32;
/// Length of the payload.
pub const PAYLOAD: usize = 15;
/// The payload of a record that says all by being there.
pub const NO_PAYLOAD: [u8; PAYLOAD] = [0xFF; PAYLOAD];
/// The format that this crate writes, and the only one that it reads.
pub const VERSION: u8 = 1;

static CRC: Crc<u32, CrcWidth> = Crc::<u32, CrcWidth>::new(&CRC_32_ISO_HDLC);
static CRC_C: Crc<u32, CrcWidth> = Crc::<u32, CrcWidth>::new(&CRC_32_ISCSI);

mod field {
    pub(super) const KIND: usize = 0;
    pub(super) const NUMBER: usize = 1;
    pub(super) const VERSION: usize = 2;
    pub(super) const CHILD: usize = 3;
    pub(super) const GENERATION: usize = 4;
    pub(super) const PAYLOAD: usize = 8;
    pub(super) const CRC: usize = 23;
    pub(super) const CRC_C: usize = 27;
    pub(super) const ZEROS: usize = 31;
}

/// What a row is for. The codes differ from each other in four bits at least, and are neither `00` nor
/// `FF`: words of the extended Hamming code of length 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The first row of what a generation begins with: what is chosen.
    Birth = 0x0F,
    /// The digest of the chosen image.
    BirthCurrent = 0x33,
    /// The digest of the image to go back to.
    BirthPrevious = 0x3C,
    /// Images that were found bad.
    BirthBad = 0x55,
    /// Says that the next row of its group is about to be programmed.
    Claim = 0x5A,
    /// What is chosen from here on.
    Decision = 0x66,
    /// What is chosen from here on, and that the other sector takes over.
    Handover = 0x69,
    /// Says that the rows of its group before it are complete.
    Seal = 0x96,
    /// So much of the open slot is written.
    Progress = 0x99,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Birth,
        Self::BirthCurrent,
        Self::BirthPrevious,
        Self::BirthBad,
        Self::Claim,
        Self::Decision,
        Self::Handover,
        Self::Seal,
        Self::Progress,
    ];

    /// Whether it is one of those that a generation begins with.
    pub const fn is_of_birth(self) -> bool {
        matches!(
            self,
            Self::Birth | Self::BirthCurrent | Self::BirthPrevious | Self::BirthBad
        )
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// What a row says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// What the row is for.
    pub kind: Kind,
    /// Group (rows of a group) or row number.
    pub number: u8,
    /// The group of the parent in which the hand-over began; 0 where there is none.
    pub child: u8,
    /// The generation that the record belongs to, which counts up with each switch of sectors.
    pub generation: u32,
    /// What the record says, by its kind.
    pub payload: [u8; PAYLOAD],
}

/// A row as it was read, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    /// All bits are 1. It may have been programmed all the same: a torn program can read blank.
    Blank,
    /// Neither blank nor a record of this place.
    Invalid,
    /// A record.
    Valid(Record),
}

impl Row {
    /// Whether bytes are a record of the row at `place`.
    pub fn is_record(bytes: &[u8; LEN], place: Place, salt: Salt) -> bool {
        matches!(Self::parse(bytes, place, salt), Self::Valid(_))
    }

    /// The record, if it is of this kind and generation.
    pub fn of(&self, kind: Kind, generation: u32) -> Option<&Record> {
        match self {
            Self::Valid(record) if record.kind == kind && record.generation == generation => {
                Some(record)
            }
            _ => None,
        }
    }

    /// Judges the bytes of the row at `place`.
    pub fn parse(bytes: &[u8; LEN], place: Place, salt: Salt) -> Self {
        if is_blank(bytes) {
            return Self::Blank;
        }
        // What is cheap first: most rows that are no records have no record's kind.
        let Some(kind) = plausible_kind(bytes) else {
            return Self::Invalid;
        };
        let (crc, crc_c) = checks(bytes, place, salt);
        let whole = wire::u32_at::<{ field::CRC }, LEN>(bytes) == crc
            && wire::u32_at::<{ field::CRC_C }, LEN>(bytes) == crc_c;
        if !whole {
            return Self::Invalid;
        }
        Self::Valid(Record {
            kind,
            number: wire::u8_at::<{ field::NUMBER }, LEN>(bytes),
            child: wire::u8_at::<{ field::CHILD }, LEN>(bytes),
            generation: wire::u32_at::<{ field::GENERATION }, LEN>(bytes),
            payload: wire::bytes::<{ field::PAYLOAD }, PAYLOAD, LEN>(bytes),
        })
    }
}

/// The kind of a row that may be a record, going by all but its checksums.
fn plausible_kind(bytes: &[u8; LEN]) -> Option<Kind> {
    Kind::of(wire::u8_at::<{ field::KIND }, LEN>(bytes)).filter(|_| {
        wire::u8_at::<{ field::VERSION }, LEN>(bytes) == VERSION
            && wire::u8_at::<{ field::ZEROS }, LEN>(bytes) == zeros(bytes)
    })
}

impl Record {
    /// A record of a group, for one of its rows; a hand-over tells its child besides.
    pub const fn in_group(kind: Kind, group: u8, generation: u32, payload: [u8; PAYLOAD]) -> Self {
        Self {
            kind,
            number: group,
            child: 0,
            generation,
            payload,
        }
    }

    /// The claim of a group: all that it says follows from its place.
    pub const fn claim(group: u8, generation: u32) -> Self {
        Self::in_group(Kind::Claim, group, generation, NO_PAYLOAD)
    }

    /// The seal of a group whose second row is `word`.
    pub fn seal(group: u8, generation: u32, word: &[u8; LEN]) -> Self {
        let mut seal = Self::in_group(Kind::Seal, group, generation, NO_PAYLOAD);
        seal.put_sealed(word);
        seal
    }

    /// Makes a seal that of `word`.
    pub fn put_sealed(&mut self, word: &[u8; LEN]) {
        wire::put::<0, 4, PAYLOAD>(&mut self.payload, fingerprint(word));
    }

    /// Whether it is the seal of `word`.
    pub fn seals(&self, word: &[u8; LEN]) -> bool {
        self.kind == Kind::Seal && self.payload.starts_with(&fingerprint(word))
    }

    /// The bytes of the record for the row at `place`.
    pub fn emit(&self, place: Place, salt: Salt) -> [u8; LEN] {
        let mut bytes = [0xFF; LEN];
        wire::put::<{ field::KIND }, 1, LEN>(&mut bytes, [self.kind as u8]);
        wire::put::<{ field::NUMBER }, 1, LEN>(&mut bytes, [self.number]);
        wire::put::<{ field::VERSION }, 1, LEN>(&mut bytes, [VERSION]);
        wire::put::<{ field::CHILD }, 1, LEN>(&mut bytes, [self.child]);
        wire::put::<{ field::GENERATION }, 4, LEN>(&mut bytes, self.generation.to_le_bytes());
        wire::put::<{ field::PAYLOAD }, PAYLOAD, LEN>(&mut bytes, self.payload);
        let (crc, crc_c) = checks(&bytes, place, salt);
        wire::put::<{ field::CRC }, 4, LEN>(&mut bytes, crc.to_le_bytes());
        wire::put::<{ field::CRC_C }, 4, LEN>(&mut bytes, crc_c.to_le_bytes());
        let zeros = zeros(&bytes);
        wire::put::<{ field::ZEROS }, 1, LEN>(&mut bytes, [zeros]);
        bytes
    }
}

/// What ties the records to the layout of the flash: a checksum of where the slots are. Records that
/// were written under another partition table are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Salt(pub [u8; 8]);

/// The CRC-32 of a row as emitted: what a seal remembers of the row that it seals.
fn fingerprint(bytes: &[u8; LEN]) -> [u8; 4] {
    CRC.checksum(bytes).to_le_bytes()
}

/// Both checksums, over what says whose record this is, where it belongs, and what it says.
fn checks(bytes: &[u8; LEN], place: Place, salt: Salt) -> (u32, u32) {
    let said = wire::bytes::<0, { field::CRC }, LEN>(bytes);
    let mut all = [0; 10 + field::CRC];
    wire::put::<0, 8, _>(&mut all, salt.0);
    wire::put::<8, 2, _>(&mut all, [place.sector_number(), place.row]);
    wire::put::<10, { field::CRC }, _>(&mut all, said);
    (CRC.checksum(&all), CRC_C.checksum(&all))
}

/// How many bits of bytes 0..31 are 0: at most 248.
fn zeros(bytes: &[u8; LEN]) -> u8 {
    let counted = wire::bytes::<0, { field::ZEROS }, LEN>(bytes);
    let zeros: u32 = counted.iter().map(|byte| byte.count_zeros()).sum();
    u8::try_from(zeros).unwrap_or(u8::MAX)
}

/// Whether all bits are 1.
pub fn is_blank(bytes: &[u8; LEN]) -> bool {
    *bytes == [0xFF; LEN]
}

/// What a row looks like to a reader who does not know where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Appearance {
    /// All bits are 1.
    Blank,
    /// Refused, wherever it lies: as good as any other such row.
    Refused,
    /// A record in some place.
    Record,
}

/// What a row looks like: for tools that take states of a flash for one if every reader does.
#[must_use]
pub fn appearance(bytes: &[u8; LEN]) -> Appearance {
    if is_blank(bytes) {
        return Appearance::Blank;
    }
    if plausible_kind(bytes).is_some() {
        Appearance::Record
    } else {
        Appearance::Refused
    }
}

#[cfg(test)]
mod tests;
