//! The fault table, failures other than cuts: each can be seen to happen, and does not happen unasked or below its
//! level.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Adversary, Cut, EraseSteps, Failure, Fault, Flash, FlashError, Fraction, Geometry, Level,
    Observer, Op, OpKind, Outcome, Pace, Profile, Rule, State, Symptom, Tear, Trace, When, Words,
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

fn with_fault(when: When, what: Failure) -> Flash {
    let mut flash = flash();
    flash.inject(Fault { when, what });
    flash
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

mod ignored {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = with_fault(When::Op(1), Failure::Silent(Tear::P0));
        flash.inject(Fault {
            when: When::Op(2),
            what: Failure::Silent(Tear::E0),
        });
        flash.write(AT, b"heard").unwrap();
        flash.write(AT + 5, b"lost").unwrap();
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(read(&mut flash, AT, 9), b"heard\xFF\xFF\xFF\xFF");
        assert_eq!(flash.faults_fired(), 2);
    }

    #[test]
    fn not_below_l5() {
        assert_eq!(Failure::Silent(Tear::P0).level(), Some(Level::L5));
        let kept = healthy(|flash| flash.write(AT, b"kept").unwrap());
        assert_eq!(read(&mut kept.clone(), AT, 4), b"kept");
    }
}

mod acknowledged_but_weak {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = with_fault(
            When::Touching(AT..AT + 1),
            Failure::Silent("P5.all".parse().unwrap()),
        );
        flash.write(AT, b"weak").unwrap();
        flash.set_adversary(Adversary::Leaning);
        assert_eq!(read(&mut flash, AT, 4), b"weak");
        assert!(flash.state().has_weak(AT..AT + 4));
    }

    #[test]
    fn not_below_l5() {
        assert_eq!(
            Failure::Silent("P5.all".parse().unwrap()).level(),
            Some(Level::L5)
        );
        healthy(|flash| flash.write(AT, b"solid").unwrap());
    }
}

mod lost_sector {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = flash();
        flash.write(AT + 100, b"gone").unwrap();
        flash.write(AT + 0x1000, b"kept").unwrap();
        flash.state_mut().lose_sector(AT + 123);
        flash.set_adversary(Adversary::Zeros);
        assert_eq!(read(&mut flash, AT, 0x1000), [0; 0x1000]);
        assert_eq!(read(&mut flash, AT + 0x1000, 4), b"kept");
        assert!(
            !flash.state().trusted(AT..AT + 1) && flash.state().trusted(AT + 0x1000..AT + 0x2000)
        );
    }

    #[test]
    fn not_below_l5() {
        // A cut touches other sectors only by over-erase, which is opt-in, and never makes them read as anything.
        for op in [Op::erase(AT, 0x1000), Op::program(AT, b"record")] {
            for tear in sim_flash::tears(&op, sim_flash::Density::Field, Level::L4) {
                let mut state = State::erased(1 << 20, 4096);
                state.tear(&op, tear);
                assert!(
                    !state.has_weak(0..AT) && !state.has_weak(AT + 0x1000..1 << 20),
                    "{tear}"
                );
            }
        }
    }
}

mod reported {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = with_fault(When::Op(0), Failure::Reported(Tear::P1(2)));
        let error = flash.write(AT, b"half").unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x5000+0x4 failed, says the chip"
        );
        assert_eq!(
            read(&mut flash, AT, 4),
            b"ha\xFF\xFF",
            "the power is still on"
        );
        let mut flash = with_fault(When::Read(1), Failure::Read);
        flash.read(AT, &mut [0; 4]).unwrap();
        let error = flash.read(AT, &mut [0; 4]).unwrap_err();
        assert_eq!(
            error,
            FlashError::Failed {
                kind: OpKind::Read,
                addr: AT,
                len: 4
            }
        );
        flash.read(AT, &mut [0; 4]).unwrap();
    }

    #[test]
    fn by_seed_it_is_the_same_every_time() {
        let struck = |seed| {
            let mut flash = with_fault(
                When::Chance {
                    per_million: 100_000,
                    seed,
                },
                Failure::Reported(Tear::P0),
            );
            (0..200)
                .filter(|i| flash.write(AT + i, &[0]).is_err())
                .collect::<Vec<u32>>()
        };
        assert_eq!(struck(3), struck(3));
        assert_ne!(struck(3), struck(4));
        assert!((8..40).contains(&struck(3).len()), "{}", struck(3).len());
    }

    #[test]
    fn not_unasked() {
        healthy(|flash| (0..200).for_each(|i| flash.write(AT + i, &[0]).unwrap()));
    }
}

mod ecc_read {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = with_fault(When::Touching(AT + 2..AT + 3), Failure::Ecc);
        assert_eq!(read(&mut flash, AT, 2), [0xFF; 2]);
        assert_eq!(
            flash.read(AT, &mut [0; 4]).unwrap_err(),
            FlashError::Ecc {
                addr: AT,
                len: 4,
                at: AT + 2
            }
        );
        assert_eq!(read(&mut flash, AT, 4), [0xFF; 4], "once");
        let mut flash = Flash::new(Profile::stm32l4());
        flash.inject(Fault {
            when: When::Every(AT + 10..AT + 11),
            what: Failure::Ecc,
        });
        for _ in 0..3 {
            let error = flash.read(AT, &mut [0; 16]).unwrap_err();
            assert!(matches!(error, FlashError::Ecc { at, .. } if at == AT + 8));
        }
        assert_eq!(flash.faults_fired(), 3);
        let mut flash = with_fault(When::Read(1), Failure::Ecc);
        assert_eq!(read(&mut flash, AT, 2), [0xFF; 2]);
        assert!(flash.read(AT, &mut [0; 4]).is_err());
    }

    #[test]
    fn not_elsewhere_and_not_unasked() {
        let mut flash = with_fault(When::Every(AT..AT + 4), Failure::Ecc);
        flash.write(AT, &[0; 8]).unwrap();
        assert_eq!(read(&mut flash, AT + 4, 4), [0; 4]);
        healthy(|flash| (0..200).for_each(|_| assert_eq!(read(flash, AT, 1), [0xFF])));
    }
}

mod stuck {
    use super::*;

    #[test]
    fn happens() {
        let bits = |at| Failure::Stuck {
            addr: AT,
            mask: vec![0x0F],
            at,
        };
        let mut flash = with_fault(When::Op(0), bits(true));
        flash.write(AT, &[0]).unwrap();
        assert_eq!(read(&mut flash, AT, 1), [0x0F], "stuck at 1");
        let mut flash = with_fault(When::Op(0), bits(false));
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(read(&mut flash, AT, 2), [0xF0, 0xFF], "stuck at 0");
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(read(&mut flash, AT, 1), [0xF0], "for good");
    }

    #[test]
    fn not_unasked() {
        healthy(|flash| {
            flash.write(AT, &[0]).unwrap();
            assert_eq!(read(flash, AT, 1), [0]);
        });
    }
}

mod rot {
    use super::*;

    #[test]
    fn happens() {
        let rot = |lost| Failure::Rot {
            addr: AT,
            mask: vec![0xFF],
            lost,
        };
        let mut flash = with_fault(When::Read(1), rot(false));
        flash.write(AT, &[0x5A]).unwrap();
        assert_eq!(read(&mut flash, AT, 1), [0x5A]);
        flash.set_adversary(Adversary::Ones);
        assert_eq!(
            read(&mut flash, AT, 1),
            [0xFF],
            "programmed cells lose charge"
        );
        flash.set_adversary(Adversary::Zeros);
        assert_eq!(read(&mut flash, AT, 1), [0x5A]);
        flash.inject(Fault {
            when: When::Read(3),
            what: rot(true),
        });
        assert_eq!(read(&mut flash, AT, 1), [0xFF], "until it is gone");
    }

    #[test]
    fn not_in_erased_cells_and_not_unasked() {
        let mut flash = with_fault(
            When::Read(0),
            Failure::Rot {
                addr: AT,
                mask: vec![0xFF],
                lost: false,
            },
        );
        read(&mut flash, AT, 1);
        assert!(!flash.state().has_weak(AT..AT + 1));
        healthy(|flash| (0..1000).for_each(|_| assert_eq!(read(flash, AT, 1), [0xFF])));
    }
}

mod disturb {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = with_fault(
            When::Read(2),
            Failure::Disturb {
                addr: AT,
                mask: vec![0xFF],
            },
        );
        flash.write(AT, &[0x0F]).unwrap();
        (0..3).for_each(|_| assert_eq!(read(&mut flash, 0x9000, 1), [0xFF]));
        flash.set_adversary(Adversary::Zeros);
        assert_eq!(
            read(&mut flash, AT, 1),
            [0x00],
            "reads elsewhere disturb erased cells"
        );
    }

    #[test]
    fn not_unasked() {
        healthy(|flash| (0..1000).for_each(|_| assert_eq!(read(flash, 0x9000, 1), [0xFF])));
    }
}

mod wear_out {
    use super::*;

    fn worn(symptom: Symptom, erases: u32) -> Flash {
        let mut flash = flash();
        flash.set_symptom(symptom);
        flash.set_erase_count(AT, erases);
        flash.write(AT, &[0; 64]).unwrap();
        flash
    }

    #[test]
    fn happens() {
        let mut flash = worn(Symptom::Slow, 100_000);
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(flash.trace().get(1).unwrap().duration, 400_000_000);
        let mut flash = worn(Symptom::Fails, 100_000);
        assert_eq!(
            flash.erase(AT, AT + 0x1000),
            Err(FlashError::Failed {
                kind: OpKind::Erase,
                addr: AT,
                len: 0x1000
            })
        );
        let mut flash = worn(Symptom::Stuck, 100_000);
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_ne!(read(&mut flash, AT, 0x1000), [0xFF; 0x1000]);
        let mut flash = worn(Symptom::Weak, 100_000);
        flash.erase(AT, AT + 0x1000).unwrap();
        flash.set_adversary(Adversary::Leaning);
        assert_eq!(read(&mut flash, AT, 0x1000), [0xFF; 0x1000]);
        assert!(flash.state().has_weak(AT..AT + 0x1000));
    }

    #[test]
    fn not_within_the_endurance() {
        for symptom in [Symptom::Slow, Symptom::Fails, Symptom::Stuck, Symptom::Weak] {
            let mut flash = worn(symptom, 99_999);
            flash.erase(AT, AT + 0x1000).unwrap();
            assert_eq!(flash.trace().get(1).unwrap().duration, 45_000_000);
            assert_eq!(*flash.state(), Profile::w25q64jv().erased());
        }
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
