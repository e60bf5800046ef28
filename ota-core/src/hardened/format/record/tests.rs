//! What a torn, moved or made-up row reads as.
extern crate std;

use proptest::prelude::*;

use super::super::sector::{Place, Sector};
use super::*;

const SALT: Salt = Salt(*b"the slot");

fn record() -> impl Strategy<Value = Record> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let numbers = any::<(u8, u8, u32, [u8; PAYLOAD])>();
    (kind, numbers).prop_map(|(kind, (number, child, generation, payload))| Record {
        kind,
        number,
        child,
        generation,
        payload,
    })
}

fn place() -> impl Strategy<Value = Place> {
    (any::<bool>(), 0u8..128).prop_map(|(second, row)| {
        let sector = if second {
            Sector::Second
        } else {
            Sector::First
        };
        Place::new(sector, row)
    })
}

/// The bytes with the bits of `left` not yet programmed.
fn torn(wanted: [u8; LEN], left: [u8; LEN]) -> [u8; LEN] {
    core::array::from_fn(|i| wanted[i] | left[i])
}

proptest! {
    #[test]
    fn a_record_reads_as_it_was_written_in_its_place_alone(
        record in record(), at in place(), other in place(), salt: [u8; 8],
    ) {
        let bytes = record.emit(at, SALT);
        prop_assert_eq!(Row::parse(&bytes, at, SALT), Row::Valid(record));
        prop_assert_eq!(appearance(&bytes), Appearance::Record);
        if other != at {
            prop_assert_eq!(Row::parse(&bytes, other, SALT), Row::Invalid);
        }
        let across = Place::new(at.sector.other(), at.row);
        prop_assert_eq!(Row::parse(&bytes, across, SALT), Row::Invalid);
        if salt != SALT.0 {
            prop_assert_eq!(Row::parse(&bytes, at, Salt(salt)), Row::Invalid);
        }
    }

    #[test]
    fn no_torn_form_of_a_record_is_another_one(
        record in record(), at in place(), left: [u8; LEN], more: [u8; LEN], rare: bool,
    ) {
        let wanted = record.emit(at, SALT);
        // Half of all bits left, or few of them.
        let left = if rare { core::array::from_fn(|i| left[i] & more[i] & left[31 - i]) } else { left };
        let bytes = torn(wanted, left);
        let read = Row::parse(&bytes, at, SALT);
        if bytes == wanted {
            prop_assert_eq!(read, Row::Valid(record));
        } else {
            prop_assert!(!matches!(read, Row::Valid(_)), "{:?}", read);
            prop_assert!(appearance(&bytes) != Appearance::Record);
        }
    }

    #[test]
    fn one_bit_left_undone_is_enough_to_be_refused(record in record(), at in place()) {
        let wanted = record.emit(at, SALT);
        for bit in 0..LEN * 8 {
            let mut bytes = wanted;
            bytes[bit / 8] |= 1 << (bit % 8);
            if bytes != wanted {
                prop_assert_eq!(Row::parse(&bytes, at, SALT), Row::Invalid);
            }
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes: [u8; LEN], at in place()) {
        let _ = Row::parse(&bytes, at, SALT);
        // 64 bits of checksum: what is made up at random is never met to pass.
        prop_assert!(!matches!(Row::parse(&bytes, at, SALT), Row::Valid(_)));
    }
}

#[test]
fn kinds_are_four_bits_apart_from_each_other_and_from_erased_and_zeroed_bytes() {
    let codes: std::vec::Vec<u8> = Kind::ALL
        .iter()
        .map(|kind| *kind as u8)
        .chain([0x00, 0xFF])
        .collect();
    for (i, one) in codes.iter().enumerate() {
        for other in codes.iter().skip(i + 1) {
            assert!((one ^ other).count_ones() >= 4, "{one:02x} {other:02x}");
        }
    }
}

#[test]
fn blank_and_zeroed_rows_are_no_records() {
    let at = Place::new(Sector::First, 5);
    assert_eq!(Row::parse(&[0xFF; LEN], at, SALT), Row::Blank);
    assert_eq!(Row::parse(&[0; LEN], at, SALT), Row::Invalid);
    assert_eq!(appearance(&[0xFF; LEN]), Appearance::Blank);
    assert_eq!(appearance(&[0; LEN]), Appearance::Refused);
}

#[test]
fn a_record_of_another_kind_or_generation_is_not_the_one() {
    let record = Record {
        kind: Kind::Claim,
        number: 1,
        child: 0,
        generation: 7,
        payload: [0xFF; PAYLOAD],
    };
    let row = Row::Valid(record);
    assert_eq!(row.of(Kind::Claim, 7), Some(&record));
    assert_eq!(row.of(Kind::Seal, 7), None);
    assert_eq!(row.of(Kind::Claim, 8), None);
    assert_eq!(Row::Invalid.of(Kind::Claim, 7), None);
}

/// One checksum is for what the other one misses.
#[test]
fn each_checksum_is_enough_to_refuse_a_row() {
    let at = Place::new(Sector::First, 5);
    let record = Record {
        kind: Kind::Decision,
        number: 1,
        child: 0,
        generation: 7,
        payload: [0x5A; PAYLOAD],
    };
    let wanted = record.emit(at, SALT);
    for checksum in [field::CRC, field::CRC_C] {
        // Two bits change places, so that there are as many zeros.
        let mut bytes = wanted;
        let bits = || (checksum * 8..checksum * 8 + 32).map(|bit| (bit / 8, 1 << (bit % 8)));
        let (one, other) = (
            bits().find(|(byte, bit)| wanted[*byte] & bit == 0).unwrap(),
            bits().find(|(byte, bit)| wanted[*byte] & bit != 0).unwrap(),
        );
        bytes[one.0] ^= one.1;
        bytes[other.0] ^= other.1;
        assert_eq!(zeros(&bytes), zeros(&wanted));
        assert_eq!(Row::parse(&bytes, at, SALT), Row::Invalid);
    }
}

#[test]
fn a_seal_tells_the_rows_that_it_may_stand_behind_apart() {
    let at = Place::new(Sector::First, 5);
    let of = |byte| {
        let record = Record {
            kind: Kind::Decision,
            number: 1,
            child: 0,
            generation: 7,
            payload: [byte; PAYLOAD],
        };
        fingerprint(&record.emit(at, SALT))
    };
    assert_ne!(of(1), of(2));
    assert_ne!(of(1), fingerprint(&[0xFF; LEN]));
}

#[test]
fn a_seal_is_of_one_word() {
    let [word, other] = [[1; LEN], [2; LEN]];
    let seal = Record::seal(1, 5, &word);
    assert!(seal.seals(&word));
    assert!(!seal.seals(&other));
    let decision = Record {
        kind: Kind::Decision,
        ..seal
    };
    assert!(!decision.seals(&word));
}
