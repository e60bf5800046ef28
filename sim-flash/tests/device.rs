//! The powered device: rules, splitting, cuts.

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use sim_flash::{
    Bits, Cut, Flash, FlashError, Observer, Op, OpKind, Outcome, Profile, Rule, State, Tear,
};

fn flash() -> Flash {
    Flash::new(Profile::w25q64jv())
}

fn read<O: Observer>(flash: &mut Flash<O>, addr: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    flash.read(addr, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_write_is_split_at_page_borders() {
    let mut flash = flash();
    flash.write(0x10F0, &[0; 300]).unwrap();
    let spans: Vec<_> = flash
        .trace()
        .iter()
        .map(|row| (row.addr, row.len))
        .collect();
    assert_eq!(spans, [(0x10F0, 16), (0x1100, 256), (0x1200, 28)]);
    assert_eq!(flash.stats().programs, 3);
    assert_eq!(flash.stats().bytes_programmed, 300);
}

#[test]
fn an_erase_takes_the_largest_blocks_that_fit() {
    let mut flash = flash();
    flash.erase(0x7000, 0x29000).unwrap();
    let spans: Vec<_> = flash
        .trace()
        .iter()
        .map(|row| (row.addr, row.len))
        .collect();
    assert_eq!(
        spans,
        [
            (0x7000, 0x1000),
            (0x8000, 0x8000),
            (0x10000, 0x10000),
            (0x20000, 0x8000),
            (0x28000, 0x1000)
        ]
    );
    assert_eq!(
        flash.stats().device_time,
        2 * 45_000_000 + 2 * 120_000_000 + 150_000_000
    );
    assert_eq!(flash.erase_counts()[7..9], [1, 1]);
}

#[test]
fn the_whole_chip_is_one_erase() {
    let mut flash = flash();
    flash.write(0x1234, b"gone").unwrap();
    flash.erase_chip().unwrap();
    assert_eq!(
        flash.trace().get(1).map(|row| (row.len, row.duration)),
        Some((8 << 20, 20_000_000_000))
    );
    assert_eq!(*flash.state(), State::erased(8 << 20, 4096));
    assert!(flash.erase_counts().iter().all(|count| *count == 1));
}

#[test]
fn wrong_use_is_an_error_that_names_the_rule_and_changes_nothing() {
    let mut flash = flash();
    flash.write(0x1000, &[0x0F, 0x00]).unwrap();
    let before = flash.state().clone();
    let raised = flash.write(0x1000, &[0x0F, 0x10]).unwrap_err();
    assert_eq!(
        raised,
        FlashError::Rule {
            rule: Rule::ClearsBitsOnly,
            kind: OpKind::Program,
            addr: 0x1000,
            len: 2,
            at: 0x1001
        }
    );
    assert_eq!(
        raised.to_string(),
        "program 0x1000+0x2: a program can only clear bits, erase first (first at 0x1001)"
    );
    assert_eq!(
        flash.erase(0x1001, 0x2000).unwrap_err().kind(),
        NorFlashErrorKind::NotAligned
    );
    assert_eq!(
        flash.erase(0x1000, 0x1001).unwrap_err().kind(),
        NorFlashErrorKind::NotAligned
    );
    assert_eq!(
        flash.write(0x80_0000 - 1, &[0, 0]).unwrap_err().kind(),
        NorFlashErrorKind::OutOfBounds
    );
    assert_eq!(
        flash.read(u32::MAX, &mut [0; 2]).unwrap_err().kind(),
        NorFlashErrorKind::OutOfBounds
    );
    assert_eq!(*flash.state(), before);
    assert_eq!(flash.trace().len(), 1);
}

#[test]
fn after_a_cut_the_device_is_dead_until_it_is_powered_on() {
    let mut flash = flash();
    flash.arm(Cut {
        op: 1,
        tear: Tear::P1(3),
    });
    flash.erase(0x1000, 0x2000).unwrap();
    assert!(!flash.fired());
    assert_eq!(flash.write(0x1000, b"brown"), Err(FlashError::PowerLost));
    assert!(flash.fired() && flash.dead());
    assert_eq!(flash.read(0x1000, &mut [0; 5]), Err(FlashError::PowerLost));
    assert_eq!(flash.erase(0x1000, 0x2000), Err(FlashError::PowerLost));
    assert_eq!(
        flash.trace().iter().last().unwrap().outcome,
        Outcome::Cut(Tear::P1(3))
    );
    flash.power_on();
    assert_eq!(read(&mut flash, 0x1000, 5), b"bro\xFF\xFF");
    assert_eq!(flash.ops(), 0);
}

#[test]
fn a_cut_that_does_not_fit_its_operation_says_so() {
    let mut flash = flash();
    flash.arm(Cut {
        op: 0,
        tear: Tear::E3,
    });
    let error = flash.write(0x1000, b"brown").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the armed cut E3 does not fit program 0x1000+0x5"
    );
    assert!(!flash.fired() && !flash.dead());
}

#[derive(Default)]
struct Recorder {
    snapshots: Vec<(State, Op)>,
    after: u32,
    reads: Vec<(u32, u32)>,
}

impl Observer for Recorder {
    fn before(&mut self, state: &State, op: &Op) {
        self.snapshots.push((state.clone(), op.clone()));
    }
    fn after(&mut self, _: &State, _: &Op) {
        self.after += 1;
    }
    fn read(&mut self, addr: u32, len: u32) {
        self.reads.push((addr, len));
    }
}

#[test]
fn a_live_cut_arrives_at_the_bytes_of_the_derived_state() {
    let run = |flash: &mut Flash<Recorder>| -> Result<(), FlashError> {
        flash.erase(0x1000, 0x3000)?;
        flash.write(0x1080, &[0xA5; 300])?;
        flash.write(0x1080, &[0x21; 40])?;
        flash.read(0x1080, &mut [0; 4])
    };
    let start = || {
        let mut state = State::erased(1 << 20, 4096);
        state.load(0x1000, b"what was here before");
        Flash::with_observer(Profile::w25q64jv(), state, Recorder::default())
    };
    let mut healthy = start();
    run(&mut healthy).unwrap();
    let (_, seen, _) = healthy.into_parts();
    assert_eq!((seen.snapshots.len(), seen.after), (5, 5));
    assert_eq!(seen.reads, [(0x1080, 4)]);
    for (index, (snapshot, op)) in seen.snapshots.iter().enumerate() {
        for tear in sim_flash::tears(op, sim_flash::Density::Coarse, sim_flash::Level::L2) {
            let mut derived = snapshot.clone();
            derived.tear(op, tear);
            let mut live = start();
            live.arm(Cut {
                op: index as u64,
                tear,
            });
            assert_eq!(run(&mut live), Err(FlashError::PowerLost));
            assert!(live.fired());
            assert_eq!(*live.state(), derived, "{op} {tear}");
            assert_eq!(live.state().hash(), derived.hash());
        }
    }
}

#[test]
fn a_seeded_tear_is_the_same_on_every_machine() {
    let op = Op::program(0x1000, b"the same subset, everywhere");
    let mut new = [0; 27];
    Tear::P3(Bits::Seeded(0)).torn(&op, 0, &[0xFF; 27], &mut new);
    assert_eq!(new[..4], [124, 111, 117, 52]);
}
