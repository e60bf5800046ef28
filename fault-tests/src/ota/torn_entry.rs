//! Torn programs of an otadata entry that leave another valid one.
//!
//! The CRC covers the sequence number alone, and a torn number can be one whose CRC is a torn one of
//! the CRC written. These are solved for; see [`crate::solve`].

use std::sync::LazyLock;

use ota_core::otadata::{ENTRY_LEN, OtaState, crc};
use sim_flash::Tear;

use crate::solve::{Checked, Field, Representatives, Solutions};

/// The states that ESP-IDF's code tells apart.
const STATES: [OtaState; 6] = [
    OtaState::NEW,
    OtaState::PENDING_VERIFY,
    OtaState::VALID,
    OtaState::INVALID,
    OtaState::ABORTED,
    OtaState::UNDEFINED,
];

static ENTRY: LazyLock<Checked> = LazyLock::new(|| {
    let crc_of = |seq: &[u8]| crc(seq.first_chunk().map_or(0, |seq| u32::from_le_bytes(*seq)));
    Checked::new(ENTRY_LEN, 0..4, Field::little(28..32), crc_of).expect("a CRC is affine")
});

/// Sequence numbers, the least and the greatest, that entries with a right CRC have among those whose
/// bits are those of `old` or `wanted`, other than these two.
pub(super) fn numbers(old: &[u8], wanted: &[u8]) -> Vec<u32> {
    const OF_EACH: usize = 1;
    let number = Field::little(0..4);
    let mut old = old.to_vec();
    // Label and state are no part of the equation.
    old[4..28].copy_from_slice(&wanted[4..28]);
    let solutions = Solutions::new(&ENTRY, &old, wanted).sorted(&number);
    let (least, greatest) = (solutions.ascending(), solutions.descending());
    { least.take(OF_EACH).chain(greatest.take(OF_EACH)) }
        .filter_map(|content| u32::try_from(number.get(&content)).ok())
        .collect()
}

/// Tears of a program of the entry `data` over erased cells that leave a valid entry which was never
/// written, on a device with so many slots.
pub(super) fn tears(data: &[u8], slots: u32) -> Vec<Tear> {
    let representatives = Representatives {
        record: ENTRY.clone(),
        number: Field::little(0..4),
        state: Field::little(24..28),
        states: STATES.map(|state| state.0.into()).to_vec(),
        slots: slots.into(),
    };
    representatives.tears(data)
}
