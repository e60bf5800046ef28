//! Row 0 of a sector: the entry that stock code reads.
//!
//! It names the slot of the generation by its sequence number, like any entry, in state UNDEFINED:
//! a stock bootloader boots it, does not monitor it, and never rewrites it. The label, which stock
//! code does not interpret, tells whose entry it is:
//!
//! | byte of the label | field |
//! |---|---|
//! | 0..3 | `bo1` |
//! | 3 | format version |
//! | 4..8 | generation |
//! | 8..12 | CRC-32 of `ota_seq` and generation |
//! | 12..20 | `FF` |
//!
//! The entry's own CRC covers `ota_seq` alone, so a torn program of all of it can be an entry with
//! another number. Therefore it is programmed in two halves: bytes 0..16 first, which is all but the
//! CRC, and the rest, which holds the CRC alone, when the other sector has handed over, or where nothing
//! hands over, behind the first claim. Of a number whose bits are all programmed no torn CRC is right; and until
//! something proves the generation there is none to be torn.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::record::VERSION;
use crate::otadata::{ENTRY_LEN, Entry, OtaState};
use crate::wire::{self, CrcWidth};

/// Where the second half begins.
pub const HALF: usize = 16;

static CRC: Crc<u32, CrcWidth> = Crc::<u32, CrcWidth>::new(&CRC_32_ISO_HDLC);

/// The entry of a generation; erased if `seq` is 0, which stands for the factory image.
pub fn entry(seq: u32, generation: u32) -> Entry {
    if seq == 0 {
        return Entry::ERASED;
    }
    Entry {
        label: label(seq, generation),
        ..Entry::new(seq, OtaState::UNDEFINED)
    }
}

/// The two halves of an entry.
pub fn halves(entry: &Entry) -> ([u8; HALF], [u8; ENTRY_LEN - HALF]) {
    let bytes = entry.emit();
    (
        wire::bytes::<0, HALF, ENTRY_LEN>(&bytes),
        wire::bytes::<HALF, { ENTRY_LEN - HALF }, ENTRY_LEN>(&bytes),
    )
}

/// Whether this policy wrote the entry, for some generation, and nobody rewrote it since.
pub fn is_ours(entry: &Entry) -> bool {
    entry.state == OtaState::UNDEFINED && generation(entry).is_some()
}

/// The generation that the label names, if its first half is one that this policy wrote.
pub fn generation(entry: &Entry) -> Option<u32> {
    let generation = u32::from_le_bytes(wire::bytes::<4, 4, 20>(&entry.label));
    (entry.label == label(entry.seq, generation)).then_some(generation)
}

fn label(seq: u32, generation: u32) -> [u8; 20] {
    let mut crc = CRC.digest();
    crc.update(&seq.to_le_bytes());
    crc.update(&generation.to_le_bytes());
    let mut label = [0xFF; 20];
    wire::put::<0, 3, 20>(&mut label, *b"bo1");
    wire::put::<3, 1, 20>(&mut label, [VERSION]);
    wire::put::<4, 4, 20>(&mut label, generation.to_le_bytes());
    wire::put::<8, 4, 20>(&mut label, crc.finalize().to_le_bytes());
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otadata::{active, crc};

    #[test]
    fn stock_code_takes_it_for_an_entry_that_is_not_monitored() {
        let entry = entry(7, 3);
        assert!(is_ours(&entry));
        assert_eq!(active(&[Entry::ERASED, entry]), Some(1));
        assert_eq!(entry.state, OtaState::UNDEFINED);
    }

    #[test]
    fn stock_code_that_rewrites_it_makes_it_its_own() {
        let ours = entry(7, 3);
        let confirmed = Entry {
            state: OtaState::VALID,
            ..ours
        };
        let switched = Entry {
            label: ours.label,
            ..Entry::new(8, OtaState::UNDEFINED)
        };
        assert!(!is_ours(&confirmed) && !is_ours(&switched));
        assert!(!is_ours(&Entry::ERASED));
    }

    #[test]
    fn the_first_half_is_no_entry_and_no_torn_crc_makes_it_one_with_another_number() {
        for seq in [1, 2, 3, 7, 255, 256, 0xFFFF_FFF0] {
            let (body, _) = halves(&entry(seq, 1));
            let mut bytes = [0xFF; ENTRY_LEN];
            bytes[..HALF].copy_from_slice(&body);
            let first = Entry::parse(&bytes);
            assert_eq!(first.seq, seq);
            assert!(!first.crc_matches());
            assert_ne!(crc(seq), u32::MAX, "the CRC has bits to program");
        }
    }
}
