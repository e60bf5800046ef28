//! The fault table, power and reset: each can be seen to happen, and does not happen unasked or below its level.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Adversary, Cut, EraseSteps, Flash, FlashError, Fraction, Geometry, Level, Observer, Op,
    Outcome, Pace, Profile, Rule, State, Tear, Trace, Words,
};

const AT: u32 = 0x5000;

fn flash() -> Flash {
    Flash::new(Profile::w25q64jv())
}

fn read<O: Observer, G: Geometry>(flash: &mut Flash<O, G>, addr: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    flash.read(addr, &mut bytes).unwrap();
    bytes
}

/// What every failure is compared with: the same script with nothing scripted to fail.
fn healthy(script: impl FnOnce(&mut Flash)) -> Flash {
    let mut flash = flash();
    script(&mut flash);
    assert_eq!(flash.faults_fired(), 0);
    assert!(flash.trace().iter().all(|row| row.outcome == Outcome::Done));
    assert!(!flash.state().has_weak(0..0x1_0000) && flash.state().trusted(0..0x1_0000));
    flash
}

mod weak_reads {
    use super::*;

    fn weak() -> Flash {
        let mut flash = flash();
        flash.state_mut().weaken(AT, &[0xFF; 8]);
        flash
    }

    #[test]
    fn happens() {
        let mut flash = weak();
        flash.set_adversary(Adversary::PerRead { seed: 7 });
        let first = read(&mut flash, AT, 8);
        assert!(
            (0..8).any(|_| read(&mut flash, AT, 8) != first),
            "read by read"
        );
        flash.set_adversary(Adversary::PerBoot { seed: 7 });
        let first = read(&mut flash, AT, 8);
        assert!(
            (0..8).all(|_| read(&mut flash, AT, 8) == first),
            "within a boot they stay"
        );
        assert_eq!(
            read(&mut flash, AT + 3, 5),
            first[3..],
            "wherever a read starts"
        );
        let boots: Vec<_> = (0..8)
            .map(|_| {
                flash.power_on();
                read(&mut flash, AT, 8)
            })
            .collect();
        assert!(
            boots.iter().any(|boot| *boot != first),
            "the next boot decides anew"
        );
        assert!(
            flash.state().has_weak(AT..AT + 8),
            "weak bits survive reboots"
        );
    }

    #[test]
    fn an_observer_has_the_last_word_on_weak_bits_alone() {
        struct Choose;
        impl Observer for Choose {
            fn weak(&mut self, addr: u32, weak: &[u8], out: &mut [u8]) {
                assert_eq!((addr, weak), (AT - 1, &[0, 0xFF, 0x0F][..]));
                out.fill(0x55);
            }
        }
        let mut state = State::erased(1 << 20, 4096);
        state.weaken(AT, &[0xFF, 0x0F]);
        let mut flash = Flash::with_observer(Profile::w25q64jv(), state, Choose);
        assert_eq!(read(&mut flash, AT - 1, 3), [0xFF, 0x55, 0xF5]);
    }

    #[test]
    fn not_on_solid_cells() {
        let mut flash = healthy(|flash| flash.write(AT, b"solid").unwrap());
        for seed in 0..16 {
            flash.set_adversary(Adversary::PerRead { seed });
            assert_eq!(read(&mut flash, AT, 5), b"solid");
        }
    }
}

mod healing {
    use super::*;

    fn reprogrammed(heals: bool) -> State {
        let mut flash = Flash::new(Profile::w25q64jv().with_reprogram_heals(heals));
        flash.arm(Cut {
            op: 0,
            tear: "P4.none".parse().unwrap(),
        });
        flash.write(AT, b"record").unwrap_err();
        flash.power_on();
        flash.write(AT, b"record").unwrap();
        flash.state().clone()
    }

    #[test]
    fn happens() {
        assert!(
            reprogrammed(false).has_weak(AT..AT + 6),
            "no re-program can be trusted"
        );
        let healed = reprogrammed(true);
        assert!(
            !healed.has_weak(AT..AT + 6),
            "a completed program makes a cell solid"
        );
        assert!(
            !healed.trusted(AT..AT + 6),
            "which is not the vendor's rule of trust"
        );
    }

    #[test]
    fn not_after_a_whole_erase() {
        for heals in [false, true] {
            let mut state = reprogrammed(heals);
            state.apply(&Op::erase(AT, 4096));
            assert_eq!(state, State::erased(8 << 20, 4096));
        }
    }
}

mod partial_erase {
    use super::*;

    const MS: u64 = 1_000_000;

    fn nrf() -> Flash<(), Words> {
        let mut flash = Flash::new(Profile::nrf52840());
        flash.write(AT, &[0x3C; 64]).unwrap();
        flash
    }

    fn steps(level: Level) -> EraseSteps {
        EraseSteps {
            step: 10 * MS,
            level,
            seed: 1,
        }
    }

    #[test]
    fn happens() {
        let mut flash = nrf();
        let before = flash.stats();
        // 87.5 ms of erase are nine steps of 10 ms.
        for step in 1..9 {
            assert_eq!(flash.erase_partially(AT, 10 * MS, Tear::E3), Ok(false));
            assert_eq!(read(&mut flash, AT, 64), [0; 64], "after step {step}");
            assert!(!flash.state().trusted(AT..AT + 0x1000));
        }
        assert_eq!((flash.stats() - before).erases, 0);
        assert_eq!(flash.erase_partially(AT, 10 * MS, Tear::E3), Ok(true));
        assert_eq!(read(&mut flash, AT, 64), [0xFF; 64]);
        assert!(flash.state().trusted(AT..AT + 0x1000));
        flash.write(AT, &[0; 4]).unwrap();
        let steps: Vec<_> = flash.trace().iter().skip(16).take(9).collect();
        assert!(steps.iter().all(|row| row.duration == 10 * MS));
        assert_eq!(steps[7].outcome, Outcome::Step(Tear::E3));
        assert_eq!(steps[8].outcome, Outcome::Done);
        assert_eq!(
            (flash.stats().erases, flash.erase_counts()[5]),
            (1, 1),
            "nine steps are one erase"
        );
    }

    #[test]
    fn each_step_is_cut_by_itself_and_nothing_of_it_is_remembered() {
        for cut in 0..9 {
            let mut flash = nrf();
            flash.arm(Cut {
                op: 16 + cut,
                tear: "E6.s0".parse().unwrap(),
            });
            for _ in 0..cut {
                assert_eq!(flash.erase_partially(AT, 10 * MS, Tear::E3), Ok(false));
            }
            let last = flash.erase_partially(AT, 10 * MS, Tear::E3);
            assert_eq!(last, Err(FlashError::PowerLost));
            flash.power_on();
            assert!(flash.state().has_weak(AT..AT + 0x1000));
            let mut steps = 1;
            while flash.erase_partially(AT, 10 * MS, Tear::E3) == Ok(false) {
                steps += 1;
            }
            assert_eq!(steps, 9, "the driver starts anew");
            assert!(!flash.state().has_weak(AT..AT + 0x1000));
        }
    }

    #[test]
    fn a_page_that_is_partly_erased_must_not_be_programmed() {
        let mut flash = nrf();
        flash.erase_partially(AT, 10 * MS, Tear::E0).unwrap();
        assert_eq!(
            flash.write(AT + 0x800, &[0; 4]).unwrap_err().to_string(),
            "program 0x5800+0x4: the steps of its erase are not complete (first at 0x5800)"
        );
        flash.write(AT + 0x1000, &[0; 4]).unwrap();
        flash.erase(AT, AT + 0x1000).unwrap();
        flash.write(AT + 0x800, &[0; 4]).unwrap();
    }

    #[test]
    fn pages_may_take_turns() {
        let mut flash = nrf();
        for _ in 0..8 {
            assert_eq!(flash.erase_partially(AT, 10 * MS, Tear::E3), Ok(false));
            assert_eq!(
                flash.erase_partially(AT + 0x1000, 10 * MS, Tear::E3),
                Ok(false)
            );
        }
        assert_eq!(flash.erase_partially(AT, 10 * MS, Tear::E3), Ok(true));
        assert_eq!(
            flash.erase_partially(AT + 0x1000, 10 * MS, Tear::E3),
            Ok(true)
        );
        assert_eq!(flash.stats().erases, 2);
    }

    #[test]
    fn code_that_only_asks_to_erase_can_be_cut_between_steps_as_well() {
        let mut whole = nrf();
        whole.set_erase_steps(Some(steps(Level::L3)));
        whole.erase(AT, AT + 0x2000).unwrap();
        assert_eq!(whole.trace().len(), 16 + 18);
        assert_eq!(*whole.state(), Profile::nrf52840().erased());
        let mut replayed = Profile::nrf52840().erased();
        let trace: Trace = whole.trace().to_string().parse().unwrap();
        trace.replay(&mut replayed).unwrap();
        assert_eq!(replayed, *whole.state());
        let mut left = std::collections::BTreeSet::new();
        for op in 0..9 {
            let mut flash = nrf();
            flash.set_erase_steps(Some(steps(Level::L3)));
            flash.arm_at(16 + op, Fraction::START, Level::L3, 1);
            flash.erase(AT, AT + 0x2000).unwrap_err();
            left.insert(flash.state().hash());
            let mut replayed = Profile::nrf52840().erased();
            flash.trace().replay(&mut replayed).unwrap();
            assert_eq!(replayed, *flash.state());
        }
        assert!(left.len() > 6, "{}", left.len());
    }

    #[test]
    fn a_reset_lets_the_step_finish_and_not_the_erase() {
        let mut flash = nrf();
        flash.arm_reset(16, Fraction::ppm(500_000));
        let step = flash.erase_partially(AT, 10 * MS, Tear::E3);
        assert_eq!(step, Err(FlashError::Reset));
        flash.restart();
        flash.wait(10 * MS);
        assert_eq!(read(&mut flash, AT, 64), [0; 64]);
    }

    #[test]
    fn not_on_chips_that_cannot_and_not_in_steps_of_any_length() {
        let refused = |result: Result<bool, FlashError>| {
            let Err(FlashError::Rule { rule, .. }) = result else {
                panic!("{result:?}")
            };
            assert_eq!(rule, Rule::ErasesInSteps);
        };
        refused(flash().erase_partially(AT, 10 * MS, Tear::E3));
        refused(nrf().erase_partially(AT, 128 * MS, Tear::E3));
        refused(nrf().erase_partially(AT, 0, Tear::E3));
        let mut one_piece = nrf();
        one_piece.erase(AT, AT + 0x1000).unwrap();
        let row = one_piece.trace().get(16).unwrap();
        assert_eq!((row.duration, row.outcome), (87_500_000, Outcome::Done));
    }

    #[test]
    fn not_torn_between_steps_at_l0() {
        let mut flash = nrf();
        flash.set_erase_steps(Some(steps(Level::L0)));
        let torn = |flash: &mut Flash<(), Words>| {
            flash.power_on();
            let bytes = read(flash, AT, 64);
            bytes != [0x3C; 64] && bytes != [0xFF; 64]
        };
        flash.power_on();
        for op in 0..9 {
            flash.arm_at(op, Fraction::START, Level::L0, 1);
            flash.erase(AT, AT + 0x1000).unwrap_err();
            assert!(!torn(&mut flash));
        }
    }
}

mod mcu_reset {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = flash();
        flash.write(AT, b"old").unwrap();
        flash.arm_reset(1, Fraction::ppm(250_000));
        assert_eq!(flash.erase(AT, AT + 0x1000), Err(FlashError::Reset));
        assert_eq!(flash.read(AT, &mut [0; 3]), Err(FlashError::Reset));
        flash.restart();
        assert!(flash.busy());
        let early = read(&mut flash, AT, 3);
        assert!(
            early != b"old" && early != [0xFF; 3],
            "a busy chip does not answer"
        );
        flash.write(AT, b"lost").unwrap();
        assert_eq!(
            flash.trace().iter().last().unwrap().outcome,
            Outcome::Ignored
        );
        assert!(!flash.busy());
        assert_eq!(
            read(&mut flash, AT, 4),
            [0xFF; 4],
            "the erase completed, the program went unheard"
        );
        assert!(
            flash.state().trusted(AT..AT + 0x1000),
            "under continuous power"
        );
    }

    #[test]
    fn a_loss_of_power_while_the_chip_is_busy_tears_what_it_is_doing() {
        let mut flash = flash();
        flash.write(AT, b"old").unwrap();
        flash.arm_reset(1, Fraction::ppm(250_000));
        flash.erase(AT, AT + 0x1000).unwrap_err();
        flash.power_off(Some(Tear::E3));
        flash.restart();
        assert_eq!(
            flash.read(AT, &mut [0]),
            Err(FlashError::PowerLost),
            "a restart is not enough"
        );
        flash.power_on();
        assert_eq!(read(&mut flash, AT, 3), [0; 3]);
    }

    #[test]
    fn not_unasked() {
        healthy(|flash| {
            flash.erase(AT, AT + 0x1000).unwrap();
            assert!(!flash.busy());
        });
    }
}

mod suspended_erase {
    use super::*;

    fn suspended() -> Flash {
        let mut flash = flash();
        flash.write(AT, b"old").unwrap();
        flash.suspend_erase(AT, 0x1000, Tear::E3).unwrap();
        flash
    }

    #[test]
    fn happens() {
        let mut flash = suspended();
        flash.write(0x9000, b"elsewhere").unwrap();
        let inside = flash.read(AT, &mut [0]).unwrap_err();
        assert_eq!(
            inside.to_string(),
            "read 0x5000+0x1: an erase is suspended (first at 0x5000)"
        );
        assert!(matches!(
            flash.erase(0xA000, 0xB000),
            Err(FlashError::Rule {
                rule: Rule::EraseSuspended,
                ..
            })
        ));
        flash.arm(Cut {
            op: 3,
            tear: Tear::P0,
        });
        flash.write(0x9100, b"cut meanwhile").unwrap_err();
        flash.power_on();
        assert_eq!(
            read(&mut flash, AT, 3),
            [0; 3],
            "the suspended sector stays as it was"
        );
        assert!(!flash.state().trusted(AT..AT + 0x1000));
    }

    #[test]
    fn not_when_it_is_resumed() {
        let mut flash = suspended();
        flash.resume_erase().unwrap();
        assert_eq!(read(&mut flash, AT, 3), [0xFF; 3]);
        assert!(flash.state().trusted(AT..AT + 0x1000));
        assert!(matches!(
            flash.resume_erase(),
            Err(FlashError::Rule {
                rule: Rule::NothingSuspended,
                ..
            })
        ));
    }
}

mod power_between_operations {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = flash();
        // Erase 45 ms, program 128 us: the power goes in the second.
        flash.arm_after(45_050_000, Level::L1, 3);
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(flash.write(AT, &[0; 33]), Err(FlashError::PowerLost));
        assert!(matches!(
            flash.trace().get(1).unwrap().outcome,
            Outcome::Cut(Tear::P1(_))
        ));
        flash.power_on();
        flash.arm_after(1_000, Level::L5, 3);
        while flash.read(AT, &mut [0; 16]).is_ok() {}
        assert!(flash.dead() && flash.fired(), "during a read");
        assert_eq!(flash.trace().len(), 2, "and nothing is torn");
    }

    #[test]
    fn maximum_times_lengthen_the_exposure() {
        let exposure = |pace| {
            let mut flash = flash();
            flash.set_pace(pace);
            flash.erase(AT, AT + 0x1000).unwrap();
            flash.write(AT, &[0; 256]).unwrap();
            flash.trace().exposure()
        };
        assert_eq!(
            (exposure(Pace::Typical), exposure(Pace::Maximum)),
            (45_400_000, 403_000_000)
        );
    }

    #[test]
    fn not_before_its_time() {
        healthy(|flash| {
            flash.arm_after(1_000_000_000_000, Level::L5, 3);
            flash.erase(0, 0x1_0000).unwrap();
            assert!(!flash.fired());
        });
    }
}
