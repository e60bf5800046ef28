//! Weak bits: cells that read as the adversary likes.
//!
//! A read that meets weak bits branches: one power-on for each of a few *readings*. Which readings
//! are tried follows from the solid bits and from which are weak, never from what the weak ones lean
//! to, for nobody can know. So states are met with their weak bits leaning to 1.

use std::fmt;
use std::ops::Range;

use sim_flash::State;
use xxhash_rust::xxh3::xxh3_128;

use super::ranges::pieces;

/// Up to so many weak bits every combination is tried.
const ALL_COMBINATIONS: u32 = 3;

/// Up to so many weak bits each is tried apart from all others.
const EACH: u32 = 8;

/// Of reads up to so many bytes each row is tried apart from all others.
const RECORD: usize = 64;

/// Bytes of a row.
const ROW: usize = 8;

/// What weak bits were read as in one power-on of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decided {
    /// How many cuts of the path came before it.
    pub cuts: u32,
    /// Its number, as in [`CutAt`](super::CutAt): from 0 before the first cut, from 1 behind each.
    pub boot: u32,
    /// The number of the reading, for each read that had several; beyond the end, the first.
    pub taken: Vec<u16>,
}

impl fmt::Display for Decided {
    /// As in a case id: `w1.0.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.boot)?;
        self.taken.iter().try_for_each(|n| write!(f, ".{n}"))
    }
}

/// What bytes with weak bits may read as, if nothing is known of what they mean: all weak bits 0, as
/// if the program had been done, or the erase not begun; all of them 1, the other way round; and mixtures of both: by
/// bits, and where the read is no longer than a record, row by row. Of a few weak bits, every combination, or each bit
/// apart from all others.
pub(crate) fn readings(solid: &[u8], weak: &[u8]) -> Vec<Vec<u8>> {
    let bits: u32 = weak.iter().map(|weak| weak.count_ones()).sum();
    if bits <= ALL_COMBINATIONS {
        return (0..1u32 << bits)
            .map(|n| combination(solid, weak, n))
            .collect();
    }
    let with = |pattern: u8| -> Vec<u8> {
        { solid.iter().zip(weak) }
            .map(|(solid, weak)| solid & !weak | weak & pattern)
            .collect()
    };
    let mut readings: Vec<_> = [0x00, 0xFF, 0x55, 0xAA].map(with).into();
    let mut apart = |part: &dyn Fn(usize) -> u8| {
        for zeros in [true, false] {
            let read = |(at, (solid, weak)): (usize, (&u8, &u8))| {
                let part = part(at);
                solid & !weak | weak & if zeros { !part } else { part }
            };
            let bytes = solid.iter().zip(weak).enumerate().map(read).collect();
            if !readings.contains(&bytes) {
                readings.push(bytes);
            }
        }
    };
    if bits <= EACH {
        for (at, weak) in weak.iter().enumerate() {
            for bit in (0..8).map(|bit| 1u8 << bit).filter(|bit| weak & bit != 0) {
                apart(&|here| if here == at { bit } else { 0 });
            }
        }
    }
    if (ROW + 1..=RECORD).contains(&solid.len()) {
        for (row, weak) in weak.chunks(ROW).enumerate() {
            if weak.iter().any(|weak| *weak != 0) {
                apart(&|at| if at / ROW == row { 0xFF } else { 0 });
            }
        }
    }
    readings
}

/// The weak bits, in order, are those of `n`.
fn combination(solid: &[u8], weak: &[u8], mut n: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(solid.len());
    for (solid, weak) in solid.iter().zip(weak) {
        let mut byte = solid & !weak;
        for bit in (0..8).map(|bit| 1u8 << bit).filter(|bit| weak & bit != 0) {
            byte |= if n & 1 == 1 { bit } else { 0 };
            n >>= 1;
        }
        bytes.push(byte);
    }
    bytes
}

/// A hash of the solid bits and of which are weak.
pub(crate) fn hash(bytes: &[u8], weak: &[u8]) -> u128 {
    let solid = bytes.iter().zip(weak).map(|(byte, weak)| byte | weak);
    xxh3_128(&solid.chain(weak.iter().copied()).collect::<Vec<_>>())
}

/// Lets weak bits in `within` lean to 1.
pub(crate) fn lean_to_ones(state: &mut State, within: &Range<u32>) {
    if !state.has_weak(within.clone()) {
        return;
    }
    let (mut bytes, mut weak) = ([0; PIECE as usize], [0; PIECE as usize]);
    for piece in pieces(within, PIECE) {
        if !state.has_weak(piece.clone()) {
            continue;
        }
        let weak = &mut weak[..piece.len()];
        state.weak(piece.start, weak);
        let is_weak = |byte: &u8| *byte != 0;
        let first = weak.iter().position(is_weak).unwrap_or(0);
        let last = weak.iter().rposition(is_weak).unwrap_or(0);
        let weak = &weak[first..=last];
        let bytes = &mut bytes[..weak.len()];
        let at = { piece }.nth(first).unwrap_or(within.start);
        state.read(at, bytes);
        let leaning = { bytes.iter().zip(weak) }.any(|(byte, weak)| byte & weak != *weak);
        if leaning {
            let leans = bytes.iter_mut().zip(weak);
            leans.for_each(|(byte, weak)| *byte |= weak);
            state.put_solid(at, bytes);
            state.weaken(at, weak);
        }
    }
}

const PIECE: u16 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_weak_bits_take_every_value_and_many_the_extremes() {
        let few = readings(&[0x80, 0x01], &[0x03, 0x80]);
        assert_eq!(few.len(), 8);
        assert!(few.contains(&vec![0x80, 0x01]) && few.contains(&vec![0x83, 0x81]));
        let many = readings(&[0x00, 0x02], &[0xFF, 0x01]);
        assert_eq!(many[0], [0x00, 0x02]);
        assert_eq!(many[1], [0xFF, 0x03]);
    }

    /// Two copies in one read: one as it was before a cut erase, the other erased.
    #[test]
    fn each_row_reads_as_it_was_while_the_others_have_risen() {
        let old = [0x53; 16];
        let all = readings(&old, &old.map(|byte: u8| !byte));
        for mixed in [[[0x53; 8], [0xFF; 8]], [[0xFF; 8], [0x53; 8]]] {
            assert!(all.contains(&mixed.concat()), "{all:?}");
        }
        assert!(all.contains(&old.to_vec()) && all.contains(&vec![0xFF; 16]));
    }

    #[test]
    fn what_weak_bits_lean_to_is_forgotten() {
        let mut state = State::erased(64 * 1024, 4096);
        state.load(0x1FF0, &[0x0F; 32]);
        let mut other = state.clone();
        other.load(0x2000, &[0x0E]);
        for state in [&mut state, &mut other] {
            state.weaken(0x2000, &[0x11]);
            lean_to_ones(state, &(0x1F00..0x2100));
        }
        assert_eq!(
            state.hash_range(0x1F00..0x2100),
            other.hash_range(0x1F00..0x2100)
        );
        let mut byte = [0];
        state.read(0x2000, &mut byte);
        assert_eq!(byte, [0x1F]);
    }
}
