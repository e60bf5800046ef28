//! Same script, same seeds, same trace: on every run and every machine.

use std::fmt::Write;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Adversary, Cut, Density, Failure, Fault, Flash, Fraction, Level, Op, ParseTraceError, Profile,
    Recording, Tear, Trace, When, tears,
};

/// A little of everything that draws.
fn script(seed: u64) -> Flash {
    let mut flash = Flash::new(Profile::w25q64jv().with_size(64 << 10));
    flash.record(Recording::All);
    flash.set_adversary(Adversary::PerRead { seed });
    flash.inject(Fault {
        when: When::Chance {
            per_million: 30_000,
            seed,
        },
        what: Failure::Silent(Tear::P0),
    });
    for boot in 0..8u32 {
        flash.arm_at(
            u64::from(boot) + 3,
            Fraction::ppm(120_000 * boot),
            Level::L4,
            seed,
        );
        for step in 0..16u32 {
            let at = (boot * 16 + step) * 64 % 0xF000;
            let mut old = [0; 64];
            let result = if step % 5 == 4 {
                flash.erase(at / 4096 * 4096, at / 4096 * 4096 + 4096)
            } else {
                flash.read(at, &mut old).and_then(|()| {
                    let wanted = old.map(|byte| byte & (at.to_le_bytes()[0] ^ 0x5A));
                    flash.write(at, &wanted)
                })
            };
            if result.is_err() && flash.dead() {
                break;
            }
        }
        flash.power_on();
    }
    flash
}

#[test]
fn the_same_seed_gives_the_same_trace_everywhere() {
    let flash = script(1);
    assert_eq!(script(1).trace().hash(), flash.trace().hash());
    assert_ne!(script(2).trace().hash(), flash.trace().hash());
    insta::assert_snapshot!(format!(
        "trace {:032x}\nstate {:032x}\n{:#?}",
        flash.trace().hash(),
        flash.state().hash(),
        flash.stats()
    ));
}

#[test]
fn every_tear_is_the_same_everywhere() {
    let record: Vec<u8> = (0..32u8)
        .map(|i| if i < 24 { i.wrapping_mul(11) } else { 0xFF })
        .collect();
    let mut out = String::new();
    for op in [
        Op::program(0x1004, &record),
        Op::program(0x1000, &[0x5A; 256]),
        Op::erase(0x2000, 4096),
    ] {
        for density in [Density::Coarse, Density::Field, Density::Full] {
            let mut counts = Vec::new();
            for level in Level::ALL {
                counts.push(tears(&op, density, level).len());
            }
            writeln!(out, "{op} {density:?}: L0..L5 {counts:?}").unwrap();
        }
        let mut sum = 0u128;
        for tear in tears(&op, Density::Full, Level::L5) {
            let mut state = sim_flash::State::erased(64 << 10, 4096);
            state.load(0, &[0xB7; 0x4000]);
            state.tear(&op, tear);
            sum = sum.rotate_left(1) ^ state.hash();
        }
        writeln!(out, "{op} all states {sum:032x}").unwrap();
        let coarse = tears(&op, Density::Coarse, Level::L5);
        writeln!(
            out,
            "{}",
            coarse
                .iter()
                .map(Tear::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        )
        .unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn a_trace_is_a_file_that_a_person_can_read() {
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(Recording::All);
    flash.erase(0x1000, 0x2000).unwrap();
    flash.write(0x10FE, b"page").unwrap();
    flash.read(0x1000, &mut [0; 256]).unwrap();
    flash.arm(Cut {
        op: 3,
        tear: "P1.n2".parse().unwrap(),
    });
    flash.write(0x1200, b"torn").unwrap_err();
    flash.power_on();
    flash.suspend_erase(0x3000, 0x1000, Tear::E3).unwrap();
    flash.resume_erase().unwrap();
    let text = flash.trace().to_string();
    insta::assert_snapshot!(text);
    let back: Trace = text.parse().unwrap();
    assert_eq!(back, *flash.trace());
    let mut state = Profile::w25q64jv().erased();
    back.replay(&mut state).unwrap();
    // The suspended erase was completed, so nothing distinguishes the two.
    assert_eq!(state, *flash.state());
}

/// What becomes of cells between operations is in the trace, too, and comes back with it.
#[test]
fn stuck_rotten_and_disturbed_cells_are_in_the_trace() {
    let mut flash = Flash::new(Profile::w25q64jv());
    let inject = |flash: &mut Flash, when, what| flash.inject(Fault { when, what });
    let mask = vec![0x0F, 0x80];
    let (addr, at, lost) = (0x1000, true, false);
    let stuck = Failure::Stuck {
        addr,
        mask: mask.clone(),
        at,
    };
    inject(&mut flash, When::Op(1), stuck);
    let rot = Failure::Rot {
        addr: 0x1001,
        mask: mask.clone(),
        lost,
    };
    inject(&mut flash, When::Read(0), rot);
    let gone = Failure::Rot {
        addr: 0x1003,
        mask: mask.clone(),
        lost: true,
    };
    inject(&mut flash, When::Op(3), gone);
    inject(
        &mut flash,
        When::Read(1),
        Failure::Disturb { addr: 0x1100, mask },
    );
    flash.erase(0x1000, 0x2000).unwrap();
    flash.write(0x1000, &[0; 8]).unwrap();
    flash.read(0x1000, &mut [0; 8]).unwrap();
    flash.write(0x1000, &[0; 4]).unwrap();
    flash.write(0x1008, &[0; 8]).unwrap();
    flash.read(0x1000, &mut [0; 8]).unwrap();
    assert_eq!(flash.faults_fired(), 4);
    assert_eq!(flash.trace().events().len(), 4);
    let text = flash.trace().to_string();
    insta::assert_snapshot!(text);
    let back: Trace = text.parse().unwrap();
    assert_eq!(back, *flash.trace());
    let mut state = Profile::w25q64jv().erased();
    back.replay(&mut state).unwrap();
    assert_eq!(state, *flash.state());
}

#[test]
fn a_damaged_trace_is_refused_by_line() {
    let error = |text: &str| text.parse::<Trace>().unwrap_err();
    assert_eq!(error("").line, 1);
    assert_eq!(
        error("hello").to_string(),
        "line 1: \"hello\" instead of \"sim-flash trace 1\""
    );
    let row = "0.0 @0 program 0x10+0x2 5ns done 00";
    let text = format!("sim-flash trace 1\n{row}\n");
    assert_eq!(
        error(&text),
        ParseTraceError {
            line: 2,
            found: row.to_owned()
        }
    );
    let text = "sim-flash trace 1\n0.0 @0 erase 0x800000+0x1000 5ns done\n";
    let trace: Trace = text.parse().unwrap();
    let refused = trace.replay(&mut Profile::w25q64jv().erased()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "row 0 of the trace, erase 0x800000+0x1000, does not fit a flash of 0x800000 bytes"
    );
}

#[test]
fn a_faulty_run_replays_to_the_same_contents() {
    for seed in 0..32 {
        let flash = script(seed);
        let mut state = Profile::w25q64jv().with_size(64 << 10).erased();
        let trace: Trace = flash.trace().to_string().parse().unwrap();
        trace.replay(&mut state).unwrap();
        assert_eq!(state, *flash.state(), "seed {seed}");
    }
}

#[test]
fn statistics_subtract() {
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.erase(0, 0x3000).unwrap();
    let before = flash.stats();
    flash.write(0x10, &[0; 300]).unwrap();
    let spent = flash.stats() - before;
    assert_eq!(
        (spent.erases, spent.programs, spent.bytes_programmed),
        (0, 2, 300)
    );
    assert_eq!(spent.device_time, 400_000 + (32_000 + 3_000 * 59));
}
