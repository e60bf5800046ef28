//! What the id of a tear means: places, the same in every operation.

use std::collections::BTreeSet;

use sim_flash::{Density, Level, Op, Tear, measured_tears, tears};

const AT: u32 = 0x5020;
const RECORD: &[u8; 32] = b"a record that is to be written..";
const OTHER: &[u8; 32] = b"a record that was written before";

fn program(data: &[u8]) -> Op {
    Op::program(AT, data)
}

fn tear(id: &str) -> Tear {
    id.parse().unwrap()
}

/// What a cut leaves of bytes that a boot read says nothing of those that it did not. Whoever derives one from the other
/// relies on ids that name places and not ranks among the bits to clear, which shift with every byte before them.
#[test]
fn a_tear_does_the_same_to_a_byte_whatever_the_other_bytes_are() {
    let mut list = tears(&program(RECORD), Density::Full, Level::L5);
    list.extend(measured_tears(&program(RECORD)));
    list.extend(["P3.m6", "P4.m1e0006", "P5.m6"].map(tear));
    list.retain(|tear| tear.applies_to(&program(OTHER)));
    let mut families = BTreeSet::new();
    for tear in list {
        families.insert(tear.to_string()[..2].to_owned());
        let left = |data: &[u8; 32]| {
            let (mut cells, mut weak) = ([0xFF; 32], [0; 32]);
            tear.torn_cells(&program(data), 0, &mut cells, &mut weak, true);
            (cells, weak)
        };
        let ((cells, weak), (other_cells, other_weak)) = (left(RECORD), left(OTHER));
        for at in (0..32).filter(|at| RECORD[*at] == OTHER[*at]) {
            assert_eq!(cells[at], other_cells[at], "{tear}, byte {at}");
            assert_eq!(weak[at], other_weak[at], "{tear}, byte {at}");
        }
    }
    assert_eq!(families.len(), 8, "{families:?}");
}

#[test]
fn a_bit_that_the_program_leaves_at_1_is_in_no_tear_of_it() {
    // The first byte is 0110_0001, the last 0010_1110.
    for id in [
        "P3.b0", "P3.x0", "P4.x0", "P5.b0", "P3.m7", "P3.b256", "P3.m0",
    ] {
        assert!(!tear(id).applies_to(&program(RECORD)), "{id}");
    }
    for id in ["P3.b1", "P3.x255", "P4.x1", "P5.b2", "P3.m6"] {
        assert!(tear(id).applies_to(&program(RECORD)), "{id}");
    }
}

#[test]
fn a_mask_names_any_bit_of_a_record_of_32_bytes() {
    let last = format!("P3.md1{}", "0".repeat(62));
    assert_eq!(tear(&last).to_string(), last);
    let mut cells = [0xFF; 32];
    tear(&last).torn(&program(RECORD), 0, &[0xFF; 32], &mut cells);
    assert_eq!(cells[..31], [0xFF; 31]);
    assert_eq!(cells[31], b'.');
}
