//! Host ratios, gated only where they are far from noise: at several times what they are.

use benches::device::{Case, Device, Erasing, Policy};
use benches::limit::PlainLoop;
use benches::measure::side_by_side;
use benches::{peers, workload};
use fault_tests::ota::made;
use sha2::{Digest, Sha256};
use sim_flash::{Flash, Profile, Recording};

const ROUNDS: u32 = 20;
const LEN: u32 = 1 << 20;

/// It takes about 1.2 times as long.
#[test]
fn an_update_takes_less_than_three_times_its_hash_and_its_programming() {
    let image = made::image(LEN as usize, 1);
    let case = Case {
        policy: Policy::Hardened,
        erasing: Erasing::UpFront,
        chunk: 4096,
        len: LEN,
    };
    let mut device = Device::flashed(&Profile::w25q64jv(), case).unwrap();
    let mut plain = PlainLoop::erased(image.len());
    let (ours, least) = side_by_side(
        ROUNDS,
        || _ = device.download(&image, &mut 0).unwrap(),
        || {
            plain.erase();
            assert!(plain.program(0, &image));
            std::hint::black_box(Sha256::digest(&image));
        },
    );
    assert!(ours < least * 3, "{ours:?}, {least:?}");
}

/// It is 15 times as fast, and it is what makes sweeps possible.
#[test]
fn the_simulated_flash_is_more_than_twice_as_fast_as_a_mock_that_checks_words() {
    let data = workload::data();
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(Recording::Off);
    let mut mock = peers::all().pop().unwrap();
    let (ours, theirs) = side_by_side(
        ROUNDS,
        || workload::erase_and_program(&mut flash, &data, 256),
        || assert!(mock.erase_and_program(&data, 256)),
    );
    assert!(ours * 2 < theirs, "{ours:?}, {} {theirs:?}", mock.name());
}
