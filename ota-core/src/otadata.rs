//! otadata: the two 32-byte entries that say which slot boots.
//!
//! This file is the codec of one entry and the predicates over it; [`choice`] holds the rules over
//! both entries: which one counts, and what to write so that another slot boots. Nothing here
//! touches a flash, and nothing can fail on any contents.
//!
//! The partition (type data, subtype ota) is two sectors of 4096 bytes. Entry 0 is at the start of
//! the first, entry 1 at the start of the second; the stock code neither reads nor writes the other
//! 4064 bytes of a sector.
//!
//! | bytes | field | what the reference makes of it |
//! |---|---|---|
//! | 0..4 | `ota_seq` | the larger wins; `0xFFFF_FFFF` is "erased" |
//! | 4..24 | `seq_label` | nothing, but a rewrite of the entry keeps it |
//! | 24..28 | `ota_state` | see [`OtaState`] |
//! | 28..32 | `crc` | covers `ota_seq` alone |
//!
//! All integers are little-endian. Source: ESP-IDF `esp_flash_partitions.h`
//! (`esp_ota_select_entry_t`) and `bootloader_common.c`.
//!
//! Two predicates look alike and are not: an entry with a wrong CRC is neither
//! [valid](Entry::is_valid) nor [invalid](Entry::is_invalid).

pub mod choice;

pub use choice::{NextError, Pick, Rewrite, active, next, select, slot_of};

use core::fmt;

use crc::{Algorithm, Crc};

use crate::flash::SECTOR;
use crate::wire::CrcWidth;

/// Length of one entry on flash.
pub const ENTRY_LEN: usize = 32;
/// The smallest otadata partition: one sector for each entry.
pub const MIN_SIZE: u32 = 2 * SECTOR;
/// The `ota_seq` of an erased entry. It is never written.
pub const ERASED_SEQ: u32 = 0xFFFF_FFFF;

/// The reference's CRC of `ota_seq`.
///
/// It asks the chip's ROM to continue a CRC-32 from `0xFFFF_FFFF`, which inverts first: the
/// register starts at 0, not at all ones as in the ordinary CRC-32.
static CRC: Crc<u32, CrcWidth> = Crc::<u32, CrcWidth>::new(&Algorithm {
    width: 32,
    poly: 0x04C1_1DB7,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0xFFFF_FFFF,
    check: 0xD202_D277,
    residue: 0xDEBB_20E3,
});

/// The CRC that belongs to a sequence number (`bootloader_common_ota_select_crc`).
///
/// `crc(0)` is `0xFFFF_FFFF`, which is also what an unwritten CRC field reads: an entry whose
/// sequence number was torn down to 0 and whose CRC was never programmed is valid.
#[must_use]
pub fn crc(seq: u32) -> u32 {
    CRC.checksum(&seq.to_le_bytes())
}

/// What an entry says about the image of its slot.
///
/// Any value can be read from flash; those without a name select the slot like
/// [`UNDEFINED`](Self::UNDEFINED) does, and are never monitored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OtaState(pub u32);

impl OtaState {
    /// Chosen, not booted yet; only with rollback.
    pub const NEW: Self = Self(0);
    /// Booted once and not confirmed; the next boot aborts it.
    pub const PENDING_VERIFY: Self = Self(1);
    /// Confirmed.
    pub const VALID: Self = Self(2);
    /// The application refused itself.
    pub const INVALID: Self = Self(3);
    /// A reset came before the confirmation.
    pub const ABORTED: Self = Self(4);
    /// No monitoring: erased, or written without rollback.
    pub const UNDEFINED: Self = Self(0xFFFF_FFFF);

    /// Whether the entry may not select its slot: INVALID or ABORTED.
    #[must_use]
    pub const fn is_refused(self) -> bool {
        matches!(self, Self::INVALID | Self::ABORTED)
    }

    /// ESP-IDF's word for the state, if it has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NEW => "NEW",
            Self::PENDING_VERIFY => "PENDING_VERIFY",
            Self::VALID => "VALID",
            Self::INVALID => "INVALID",
            Self::ABORTED => "ABORTED",
            Self::UNDEFINED => "UNDEFINED",
            _ => return None,
        })
    }
}

impl fmt::Display for OtaState {
    /// `PENDING_VERIFY`; a value without a name is its hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "0x{:x}", self.0),
        }
    }
}

/// One entry, as its 32 bytes say. Any 32 bytes are an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// `ota_seq`: the larger of the two valid ones counts; it also names the slot.
    pub seq: u32,
    /// `seq_label`: never interpreted.
    pub label: [u8; 20],
    /// `ota_state`. No checksum covers it.
    pub state: OtaState,
    /// `crc`, as found: not necessarily the right one.
    pub crc: u32,
}

impl Entry {
    /// An erased entry.
    pub const ERASED: Self = Self {
        seq: ERASED_SEQ,
        label: [0xFF; 20],
        state: OtaState::UNDEFINED,
        crc: 0xFFFF_FFFF,
    };

    /// A fresh entry: its label erased, its CRC right.
    #[must_use]
    pub fn new(seq: u32, state: OtaState) -> Self {
        Self {
            seq,
            state,
            crc: crc(seq),
            ..Self::ERASED
        }
    }

    /// Reads an entry.
    #[must_use]
    pub const fn parse(bytes: &[u8; ENTRY_LEN]) -> Self {
        let [q0, q1, q2, q3, rest @ ..] = *bytes;
        let [label @ .., s0, s1, s2, s3, c0, c1, c2, c3] = rest;
        Self {
            seq: u32::from_le_bytes([q0, q1, q2, q3]),
            label,
            state: OtaState(u32::from_le_bytes([s0, s1, s2, s3])),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    /// Writes the entry: the inverse of [`Entry::parse`].
    #[must_use]
    pub fn emit(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        let fields: [&[u8]; 4] = [
            &self.seq.to_le_bytes(),
            &self.label,
            &self.state.0.to_le_bytes(),
            &self.crc.to_le_bytes(),
        ];
        for (byte, value) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *byte = *value;
        }
        bytes
    }

    /// Whether the CRC is the one of the sequence number.
    #[must_use]
    pub fn crc_matches(&self) -> bool {
        self.crc == crc(self.seq)
    }

    /// INVALID: erased, or in a refused state (`bootloader_common_ota_select_invalid`).
    ///
    /// The CRC does not matter here.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        self.seq == ERASED_SEQ || self.state.is_refused()
    }

    /// VALID: not [invalid](Self::is_invalid) and the CRC matches. Only such an entry selects.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.is_invalid() && self.crc_matches()
    }

    /// BLANKISH: erased, or the CRC does not match. The state does not matter here.
    ///
    /// The bootloader asks this to find out whether otadata was ever used.
    #[must_use]
    pub fn is_blankish(&self) -> bool {
        self.seq == ERASED_SEQ || !self.crc_matches()
    }
}

impl fmt::Display for Entry {
    /// `seq 3 VALID`, with what is wrong with it; `erased` for 32 bytes of `FF`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ERASED {
            return f.pad("erased");
        }
        write!(f, "seq {} {}", self.seq, self.state)?;
        if self.seq == ERASED_SEQ {
            f.write_str(" (reads as erased)")
        } else if !self.crc_matches() {
            write!(
                f,
                " (crc 0x{:08x}, should be 0x{:08x})",
                self.crc,
                crc(self.seq)
            )
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc_is_the_reference_s() {
        // Printed by ESP-IDF's own code.
        for (seq, expected) in [
            (0, 0xFFFF_FFFF),
            (1, 0x4743_989A),
            (2, 0x55F6_3774),
            (10, 0x9042_1F9B),
            (255, 0x21FA_F90E),
            (65536, 0xE6E4_CEBE),
            (0x7FFF_FFFF, 0xCCFC_5C3C),
            (0x8000_0000, 0x1247_7CDF),
            (0xFFFF_FFFE, 0x99F8_B879),
            (0xFFFF_FFFF, 0x2144_DF1C),
        ] {
            assert_eq!(crc(seq), expected, "seq {seq}");
        }
    }

    #[test]
    fn the_crc_algorithm_states_its_own_check_value() {
        assert_eq!(CRC.checksum(b"123456789"), CRC.algorithm.check);
    }

    #[test]
    fn the_first_entry_ever_written_has_the_reference_s_bytes() {
        let mut expected = [0xFF; ENTRY_LEN];
        expected[..4].copy_from_slice(&[1, 0, 0, 0]);
        expected[24..].copy_from_slice(&[0, 0, 0, 0, 0x9A, 0x98, 0x43, 0x47]);
        assert_eq!(Entry::new(1, OtaState::NEW).emit(), expected);
    }

    #[test]
    fn states_have_the_reference_s_names_and_otadata_its_size() {
        let names = [
            (0, "NEW"),
            (1, "PENDING_VERIFY"),
            (2, "VALID"),
            (3, "INVALID"),
            (4, "ABORTED"),
            (0xFFFF_FFFF, "UNDEFINED"),
        ];
        for (state, name) in names {
            assert_eq!(OtaState(state).name(), Some(name));
        }
        assert_eq!(OtaState(5).name(), None);
        assert_eq!(MIN_SIZE, 0x2000);
    }

    #[test]
    fn a_wrong_crc_is_neither_valid_nor_invalid() {
        let entry = Entry {
            crc: 0,
            ..Entry::new(1, OtaState::VALID)
        };
        assert!(!entry.is_valid() && !entry.is_invalid() && entry.is_blankish());
    }

    #[test]
    fn sequence_0_with_an_unwritten_crc_is_valid() {
        let entry = Entry {
            seq: 0,
            ..Entry::ERASED
        };
        assert!(entry.is_valid());
    }

    #[test]
    fn an_erased_entry_is_invalid_even_with_the_crc_of_its_sequence() {
        let entry = Entry::new(ERASED_SEQ, OtaState::VALID);
        assert!(entry.crc_matches() && entry.is_invalid() && entry.is_blankish());
    }

    proptest! {
        #[test]
        fn any_32_bytes_survive_parse_and_emit(bytes: [u8; ENTRY_LEN]) {
            prop_assert_eq!(Entry::parse(&bytes).emit(), bytes);
        }

        #[test]
        fn valid_and_invalid_exclude_each_other(bytes: [u8; ENTRY_LEN]) {
            let entry = Entry::parse(&bytes);
            prop_assert!(!(entry.is_valid() && entry.is_invalid()));
            prop_assert!(!(entry.is_valid() && entry.is_blankish()));
        }
    }
}
