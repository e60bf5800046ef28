//! What is measured: the work on a simulated flash.

use std::hint::black_box;

use embedded_storage::nor_flash::NorFlash;
use sim_flash::{Density, Flash, Level, Op, Profile, State, Tear, tears};

/// How much is erased and programmed in one go.
pub const LEN: u32 = 1 << 20;

/// Bytes to program: neither constant nor compressible.
pub fn data() -> Vec<u8> {
    (0..LEN)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect()
}

/// Erases and programs [`LEN`] bytes in pieces, all checks, wear and counters on.
///
/// # Panics
///
/// If the flash refuses: it is too small, or set up to fail.
pub fn erase_and_program(flash: &mut Flash, data: &[u8], piece: usize) {
    let done = flash.erase(0, LEN).and_then(|()| {
        let mut at = 0;
        data.chunks(piece).try_for_each(|piece| {
            flash.write(at, piece)?;
            #[allow(clippy::cast_possible_truncation)] // at most LEN
            {
                at += piece.len() as u32;
            }
            Ok(())
        })
    });
    assert_eq!(done, Ok(()), "a healthy flash");
}

/// A flash of 4 MiB, a quarter of it programmed, as an explorer would take it: with its hash known.
pub fn snapshot(data: &[u8]) -> State {
    let mut flash = Flash::new(Profile::w25q64jv().with_size(4 << 20));
    erase_and_program(&mut flash, data, 4096);
    let state = flash.snapshot();
    black_box(state.hash());
    state
}

/// An operation and every tear of it that L2 allows.
pub fn torn_page() -> (Op, Vec<Tear>) {
    let op = Op::program(0x18_0000, &[0x5A; 256]);
    let list = tears(&op, Density::Full, Level::L2);
    (op, list)
}

/// The same for the erase of a sector full of data.
pub fn torn_sector() -> (Op, Vec<Tear>) {
    let op = Op::erase(0x8000, 4096);
    let list = tears(&op, Density::Full, Level::L2);
    (op, list)
}

/// Derives every crash state of an operation from a snapshot, and takes its hash.
pub fn derive_and_hash(base: &State, op: &Op, tears: &[Tear]) {
    for tear in tears {
        let mut state = base.clone();
        state.tear(op, *tear);
        black_box(state.hash());
    }
}
