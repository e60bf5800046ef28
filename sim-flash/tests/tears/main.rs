//! The fault table, cuts: each tear can be seen to happen, and cannot happen below its level.

use std::collections::BTreeSet;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Adversary, Cut, Density, Flash, FlashError, Fraction, Level, Op, OpKind, Profile, State, Tear,
    over_erase_tears, tears,
};

mod erases;
mod programs;

const RECORD: &[u8; 32] = b"a record that is to be written..";
const BEFORE: &[u8] = b"what a sector held before its erase";
const AT: u32 = 0x5020;
const SECTOR: u32 = 0x5000;

fn program() -> Op {
    Op::program(AT, RECORD)
}

fn erase() -> Op {
    Op::erase(SECTOR, 4096)
}

/// A flash on which `op` is about to run: erased cells for a program, data for an erase, data around.
fn before(op: &Op) -> Flash {
    let mut state = State::erased(1 << 20, 4096);
    state.load(SECTOR - 0x1000, &[0x3C; 4096]);
    state.load(SECTOR + 0x1000, &[0x3C; 4096]);
    state.load(SECTOR + 0x100, &[0x3C; 64]);
    if op.kind() == OpKind::Erase {
        state.load(SECTOR, &BEFORE.repeat(4096 / BEFORE.len() + 1)[..4096]);
    }
    Flash::with_state(Profile::w25q64jv(), state)
}

fn run(flash: &mut Flash, op: &Op) -> Result<(), FlashError> {
    match op {
        Op::Program { addr, data } => flash.write(*addr, data),
        Op::Erase { addr, len } => flash.erase(*addr, addr + len),
    }
}

/// The flash after a cut that leaves this tear of `op`, with the power back on.
fn torn(op: &Op, id: &str) -> Flash {
    let mut flash = before(op);
    flash.arm(Cut {
        op: 0,
        tear: id.parse().unwrap(),
    });
    assert_eq!(run(&mut flash, op), Err(FlashError::PowerLost));
    assert!(flash.fired());
    flash.power_on();
    flash
}

fn read(flash: &mut Flash, addr: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    flash.read(addr, &mut bytes).unwrap();
    bytes
}

/// What the bits of `len` bytes may read as: those that are always 0, and those that are always 1.
fn readings(flash: &mut Flash, addr: u32, len: usize) -> (Vec<u8>, Vec<u8>) {
    flash.set_adversary(Adversary::Ones);
    let most = read(flash, addr, len);
    flash.set_adversary(Adversary::Zeros);
    let least = read(flash, addr, len);
    (least, most)
}

fn family(tear: Tear) -> String {
    let id = tear.to_string();
    id.split('.').next().unwrap_or_default().to_owned()
}

/// Every family that a level lets a cut of `op` leave behind: listed, and drawn at points all over the operation.
fn families(op: &Op, level: Level) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = tears(op, Density::Full, level)
        .into_iter()
        .map(family)
        .collect();
    for step in 0..=20 {
        for seed in 0..8 {
            let mut flash = before(op);
            flash.arm_at(0, Fraction::ppm(step * 50_000), level, seed);
            assert_eq!(run(&mut flash, op), Err(FlashError::PowerLost));
            let row = flash.trace().get(0).unwrap();
            let sim_flash::Outcome::Cut(tear) = row.outcome else {
                panic!("not cut")
            };
            found.insert(family(tear));
        }
    }
    found
}

fn never_below(op: &Op, name: &str, level: Level) {
    for mild in Level::ALL.into_iter().filter(|mild| *mild < level) {
        assert!(!families(op, mild).contains(name), "{name} at {mild}");
    }
    assert!(
        families(op, level).contains(name),
        "{name} not even at {level}"
    );
}

/// Tears of the mildest level: there is no level below, but without a cut there are none.
fn never_without_a_cut(op: &Op) {
    let mut flash = before(op);
    run(&mut flash, op).unwrap();
    let mut whole = before(op).state().clone();
    whole.apply(op);
    assert_eq!(*flash.state(), whole);
    assert!(flash.state().trusted(op.addr()..op.addr() + op.len()));
}
