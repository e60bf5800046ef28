//! The fault table, failures with the power on: each can be seen to happen, and does not happen unasked or below its
//! level.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Adversary, Failure, Fault, Flash, FlashError, Geometry, Level, Observer, Op, OpKind, Outcome,
    Profile, State, Symptom, Tear, When,
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
