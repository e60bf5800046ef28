//! Sharing what has been written before changes nothing but the time it takes.

use proptest::prelude::*;
use sim_flash::embedded_storage::nor_flash::NorFlash;
use sim_flash::{Flash, Profile, Stencils, Trace, granule_hash};

const BASE: u32 = 0x1_0000;

/// One call of a driver.
#[derive(Clone, Debug)]
enum Call {
    Erase(u32),
    Write { at: u32, from: usize, len: usize },
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => (0u32..6).prop_map(Call::Erase),
        // Whole sectors, mostly the same ones.
        4 => (0u32..5, 0usize..2).prop_map(|(at, n)| Call::Write { at: at * 4096, from: n * 4096, len: 4096 }),
        2 => (0u32..20_000, 0usize..9000, 0usize..9000).prop_map(|(at, from, len)| Call::Write { at, from, len }),
    ]
}

fn image() -> Vec<u8> {
    (0..18_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 11).to_le_bytes()[0])
        .collect()
}

/// What the calls return, and what the trace says.
fn run(calls: &[Call], mut stencils: Option<&mut Stencils>) -> (Flash, Vec<bool>) {
    let image = image();
    let mut flash = Flash::new(Profile::w25q64jv());
    let done = { calls.iter() }
        .map(|call| match call {
            Call::Erase(sector) => {
                let at = BASE + sector * 4096;
                flash.erase(at, at + 4096).is_ok()
            }
            Call::Write { at, from, len } => {
                let bytes = &image[*from..(from + len).min(image.len())];
                match &mut stencils {
                    Some(stencils) => flash.write_with(BASE + at, bytes, stencils).is_ok(),
                    None => flash.write(BASE + at, bytes).is_ok(),
                }
            }
        })
        .collect();
    (flash, done)
}

/// What an explorer keeps of a trace: sectors and rows, with their hashes.
fn summary(trace: &Trace) -> Vec<(usize, u128)> {
    let mut summary = Vec::new();
    let mut at = 0;
    while at < trace.len() {
        let next = trace.sector(at).unwrap_or((1, trace.data_hash(at)));
        summary.push(next);
        at += next.0;
    }
    summary
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shared_is_as_written(calls in prop::collection::vec(call(), 0..24)) {
        let mut stencils = Stencils::new();
        let (plain, done) = run(&calls, None);
        // The first run keeps, the second shares as well.
        for _ in 0..2 {
            let (shared, also_done) = run(&calls, Some(&mut stencils));
            prop_assert_eq!(&done, &also_done);
            prop_assert!(shared.state() == plain.state());
            prop_assert_eq!(shared.state().hash(), plain.state().hash());
            prop_assert!(shared.trace() == plain.trace());
            prop_assert_eq!(shared.trace().to_string(), plain.trace().to_string());
            prop_assert_eq!(shared.stats(), plain.stats());
            prop_assert_eq!(shared.ops(), plain.ops());
            prop_assert_eq!(summary(shared.trace()), summary(plain.trace()));
        }
    }
}

#[test]
fn a_sector_is_told_from_parts_of_one() {
    let (image, mut flash) = (image(), Flash::new(Profile::w25q64jv()));
    flash.write(BASE, &image[..4096]).expect("erased");
    flash.write(BASE + 4096, &image[..4000]).expect("erased");
    flash
        .write(BASE + 8192 + 256, &image[..4096])
        .expect("erased");
    let trace = flash.trace();
    assert_eq!(
        trace.sector(0),
        Some((16, granule_hash(BASE, &image[..4096])))
    );
    assert!((1..trace.len()).all(|row| trace.sector(row).is_none()));
}

/// A shared sector stays what it is when one of those who share it goes on.
#[test]
fn who_shares_a_sector_may_change_its_own() {
    let (image, mut stencils) = (image(), Stencils::new());
    let mut write = || {
        let mut flash = Flash::new(Profile::w25q64jv());
        let done = flash.write_with(BASE, &image[..8192], &mut stencils);
        assert_eq!(done, Ok(()));
        flash
    };
    let (mut one, other) = (write(), write());
    one.write(BASE + 17, &[0]).expect("clears bits only");
    one.erase(BASE + 4096, BASE + 8192).expect("a sector");
    assert!(other.state().holds(BASE, &image[..8192]));
    assert!(write().state() == other.state());
    assert!(one.state() != other.state());
}
