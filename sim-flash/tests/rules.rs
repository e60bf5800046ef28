//! The fault table, rules of chips: each breach is an error that names the operation, and only there.

use embedded_storage::nor_flash::{
    MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use sim_flash::{
    Adversary, Cut, Density, EccDoubleWords, EncryptedRows16, Flash, FlashError, Geometry, Level,
    Op, Overprogram, Profile, ProfileError, Rule, Span, SpiNor, State, Tear, View, Words, tears,
};

const AT: u32 = 0x4000;

fn read<F: ReadNorFlash>(flash: &mut F, addr: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    flash.read(addr, &mut bytes).unwrap();
    bytes
}

mod ecc {
    use super::*;

    fn torn(id: &str) -> Flash<(), EccDoubleWords> {
        let mut flash = Flash::new(Profile::stm32l4());
        flash.write(AT, &[0x11; 8]).unwrap();
        flash.arm(Cut {
            op: 1,
            tear: id.parse().unwrap(),
        });
        flash.write(AT + 8, &[0x22; 16]).unwrap_err();
        flash.power_on();
        flash
    }

    #[test]
    fn happens() {
        for id in ["P1.n3", "P3.b7", "P4.none", "P5.b0"] {
            let mut flash = torn(id);
            let error = flash.read(AT, &mut [0; 24]).unwrap_err();
            assert_eq!(
                error,
                FlashError::Ecc {
                    addr: AT,
                    len: 24,
                    at: AT + 8
                },
                "{id}"
            );
            assert_eq!(
                read(&mut flash, AT, 8),
                [0x11; 8],
                "the words around are fine"
            );
            assert_eq!(read(&mut flash, AT + 16, 8), [0xFF; 8]);
            let again = flash.write(AT + 8, &[0x22; 8]).unwrap_err();
            assert!(
                matches!(
                    again,
                    FlashError::Rule {
                        rule: Rule::ProgramLimit(1),
                        ..
                    }
                ),
                "{again}"
            );
            flash.erase(AT, AT + 0x800).unwrap();
            assert_eq!(read(&mut flash, AT, 24), [0xFF; 24]);
        }
        let mut flash = torn("P0");
        flash.erase(AT, AT + 0x800).unwrap();
        flash.write(AT, &[0x33; 2048]).unwrap();
        let index = flash.ops();
        flash.arm(Cut {
            op: index,
            tear: Tear::E1(100),
        });
        flash.erase(AT, AT + 0x800).unwrap_err();
        flash.power_on();
        assert!(
            matches!(flash.read(AT, &mut [0; 8]), Err(FlashError::Ecc { .. })),
            "a cut erase as well"
        );
        assert_eq!(read(&mut flash, AT + 104, 8), [0x33; 8]);
    }

    #[test]
    fn a_granule_may_read_blank_yet_refuse_programming() {
        let mut flash = Flash::new(Profile::stm32l4());
        flash.write(AT, &[0xFF; 8]).unwrap();
        assert_eq!(read(&mut flash, AT, 8), [0xFF; 8]);
        let error = flash.write(AT, &[0x55; 8]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x4000+0x8: a word may be programmed once between erases (first at 0x4000)"
        );
        flash.write(AT, &[0; 8]).unwrap();
        assert_eq!(
            read(&mut flash, AT, 8),
            [0; 8],
            "all zeros are allowed once more"
        );
    }

    #[test]
    fn not_for_whole_words_and_not_on_other_chips() {
        assert_eq!(
            read(&mut torn("P0"), AT, 16),
            [[0x11; 8], [0xFF; 8]].concat()[..]
        );
        assert_eq!(
            read(&mut torn("P6"), AT, 16),
            [[0x11; 8], [0x22; 8]].concat()[..]
        );
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.arm(Cut {
            op: 0,
            tear: Tear::P1(3),
        });
        flash.write(AT, &[0x22; 8]).unwrap_err();
        flash.power_on();
        read(&mut flash, AT, 8);
    }
}

mod ecc_after_cut_erase {
    use super::*;

    /// A chip with check bits whose words may be programmed as often as one likes.
    fn profile(granule: Option<u32>) -> Profile<SpiNor> {
        let builder = Profile::builder("checked").size(0x1_0000);
        match granule {
            Some(granule) => builder.ecc_after_cut_erase(granule).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    fn torn(profile: Profile<SpiNor>, tear: Tear) -> Flash {
        let mut flash = Flash::new(profile);
        flash.write(AT, &[0x55; 4096]).unwrap();
        flash.arm(Cut {
            op: flash.ops(),
            tear,
        });
        flash.erase(AT, AT + 0x1000).unwrap_err();
        flash.power_on();
        flash.set_strict(false);
        flash
    }

    /// The granules of the sector that answer reads with an error.
    fn unreadable(flash: &mut Flash) -> Vec<u32> {
        let granules = (AT..AT + 0x1000).step_by(8);
        { granules }
            .filter(|at| match flash.read(*at, &mut [0; 8]) {
                Ok(()) => false,
                Err(error) => {
                    let (addr, at) = (*at, *at);
                    assert_eq!(error, FlashError::Ecc { addr, len: 8, at });
                    true
                }
            })
            .collect()
    }

    #[test]
    fn happens() {
        let mut flash = torn(profile(Some(8)), "E6.all".parse().unwrap());
        assert_eq!(
            flash.read(AT + 13, &mut [0; 2]).unwrap_err().to_string(),
            "read 0x400d+0x2: the check bits of the word at 0x4008 do not fit its data"
        );
        assert_eq!(unreadable(&mut flash).len(), 512);
        let mut flash = torn(profile(Some(8)), "E6.s0".parse().unwrap());
        let some = unreadable(&mut flash);
        assert!((200..312).contains(&some.len()), "{}", some.len());
        flash.write(AT, &[0; 4096]).unwrap();
        flash.power_on();
        assert_eq!(unreadable(&mut flash), some, "programming does not help");
        flash.erase(AT, AT + 0x1000).unwrap();
        assert_eq!(unreadable(&mut flash), [0; 0], "an erase does");
        assert_eq!(*flash.state(), profile(Some(8)).erased());
    }

    #[test]
    fn not_below_l3_and_not_on_other_chips() {
        let erase = Op::erase(AT, 0x1000);
        for tear in tears(&erase, Density::Full, Level::L2) {
            let mut flash = torn(profile(Some(8)), tear);
            assert_eq!(unreadable(&mut flash), [0; 0], "{tear}");
        }
        for tear in tears(&erase, Density::Full, Level::L4) {
            let mut flash = torn(profile(None), tear);
            assert_eq!(unreadable(&mut flash), [0; 0], "{tear}");
        }
    }

    #[test]
    fn not_without_a_cut() {
        let mut flash = Flash::new(profile(Some(8)));
        flash.write(AT, &[0x55; 4096]).unwrap();
        flash.erase(AT, AT + 0x1000).unwrap();
        flash.write(AT, &[0x55; 4096]).unwrap();
        assert_eq!(unreadable(&mut flash), [0; 0]);
    }

    #[test]
    fn on_write_once_words_it_outlasts_the_last_program_to_zero() {
        let builder = || {
            Profile::<EccDoubleWords>::builder("mspm0-like")
                .size(0x1_0000)
                .page(8)
                .erases(&[(2 << 10, Span { typ: 1, max: 1 })])
                .ecc(8, true)
        };
        assert_eq!(
            builder().ecc_after_cut_erase(16).build().unwrap_err(),
            ProfileError::Granule(16)
        );
        let healed_by_zeros = |profile: Profile<EccDoubleWords>| {
            let mut flash = Flash::new(profile);
            flash.arm(Cut {
                op: 0,
                tear: "E6.all".parse().unwrap(),
            });
            flash.erase(AT, AT + 0x800).unwrap_err();
            flash.power_on();
            flash.set_strict(false);
            flash.write(AT, &[0; 8]).unwrap();
            flash.read(AT, &mut [0; 8]).is_ok()
        };
        assert!(healed_by_zeros(builder().build().unwrap()));
        assert!(!healed_by_zeros(
            builder().ecc_after_cut_erase(8).build().unwrap()
        ));
    }
}

mod program_limit {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = Flash::new(Profile::nrf52840());
        flash.write(AT, &[0xFF, 0xFF, 0xFF, 0x0F]).unwrap();
        flash.write(AT, &[0xFF, 0xFF, 0x0F, 0x0F]).unwrap();
        let error = flash.write(AT, &[0xFF, 0x0F, 0x0F, 0x0F]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x4000+0x4: a word may be programmed 2 times between erases (first at 0x4000)"
        );
        assert_eq!(flash.state().programs(AT + 3), 2);
        let snapshot = flash.state().clone();
        flash.erase(AT, AT + 0x1000).unwrap();
        flash.write(AT, &[0; 4]).unwrap();
        assert_eq!(snapshot.programs(AT), 2, "counts are contents");
        assert_ne!(snapshot.hash(), flash.state().hash());
    }

    #[test]
    fn not_on_raw_serial_nor() {
        let mut flash = Flash::new(Profile::w25q64jv());
        for bit in 0..8 {
            flash.write(AT, &[0xFF << bit]).unwrap();
        }
    }
}

mod block_program_limit {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = Flash::new(Profile::nrf52832());
        flash.write(AT, &[0x77; 512]).unwrap();
        flash.write(AT, &[0x66; 4 * 53]).unwrap();
        assert_eq!(flash.state().programs(AT + 100), 128 + 53);
        let error = flash.write(AT + 500, &[0; 4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x41f4+0x4: a block of 512 bytes may be programmed 181 times between erases (first at 0x41f4)"
        );
        assert_eq!(
            read(&mut flash, AT + 500, 4),
            [0x77; 4],
            "and nothing is changed"
        );
        flash.write(AT + 512, &[0; 4]).unwrap();
        flash.erase(AT, AT + 0x1000).unwrap();
        flash.write(AT + 500, &[0; 4]).unwrap();
    }

    #[test]
    fn a_tool_that_loads_an_image_uses_up_programs_as_well() {
        let mut flash = Flash::new(Profile::nrf52832());
        flash.state_mut().load(AT + 8, &[0x77; 1000]);
        assert_eq!(flash.state().programs(AT), 126);
        assert_eq!(flash.state().programs(AT + 512), 124);
    }

    #[test]
    fn not_on_chips_that_count_words() {
        let mut flash = Flash::new(Profile::nrf52840());
        flash.write(AT, &[0x77; 512]).unwrap();
        flash.write(AT, &[0x66; 512]).unwrap();
        assert!(matches!(
            flash.write(AT, &[0; 4]),
            Err(FlashError::Rule {
                rule: Rule::ProgramLimit(2),
                ..
            })
        ));
    }
}

mod encryption {
    use super::*;

    fn flash() -> Flash<(), EncryptedRows16> {
        Flash::new(Profile::esp32c3_encrypted())
    }

    #[test]
    fn happens() {
        let mut flash = flash();
        flash.arm(Cut {
            op: 1,
            tear: "P3.x3".parse().unwrap(),
        });
        flash
            .write(AT, b"sixteen is a rowand another row.")
            .unwrap_err();
        flash.power_on();
        assert_eq!(read(&mut flash, AT, 16), b"sixteen is a row");
        let torn = read(&mut flash, AT + 16, 16);
        let wrong = torn
            .iter()
            .zip(b"and another row.")
            .filter(|(a, b)| a != b)
            .count();
        assert!(wrong > 8, "one missing bit garbles the block: {torn:02x?}");
        assert_ne!(
            read(&mut flash, 0x8000, 16),
            [0xFF; 16],
            "erased cells decrypt to noise"
        );
        let mut raw = [0; 16];
        flash.read_raw(0x8000, &mut raw).unwrap();
        assert_eq!(raw, [0xFF; 16], "an erased-check must look at the cells");
        let error = flash.write(AT, b"Sixteen is a row").unwrap_err();
        assert!(
            matches!(
                error,
                FlashError::Rule {
                    rule: Rule::ClearsBitsOnly,
                    ..
                }
            ),
            "no bit clearing in place"
        );
        assert_eq!(
            flash.write(AT + 0x108, &[0; 16]).unwrap_err().kind(),
            NorFlashErrorKind::NotAligned
        );
        assert_eq!(
            flash.write(AT + 0x100, &[0; 8]).unwrap_err().kind(),
            NorFlashErrorKind::NotAligned
        );
    }

    #[test]
    fn rows_of_32_bytes_are_programmed_one_by_one() {
        let mut flash = Flash::new(Profile::esp32_encrypted());
        flash.write(AT, &[7; 96]).unwrap();
        assert_eq!(flash.trace().len(), 3);
        assert_eq!(read(&mut flash, AT + 5, 50), [7; 50]);
    }

    #[test]
    fn not_without_encryption() {
        let mut flash = Flash::new(Profile::w25q64jv());
        assert_eq!(read(&mut flash, AT, 16), [0xFF; 16]);
        flash.write(AT, b"plain").unwrap();
        let mut cells = [0; 5];
        flash.state().read(AT, &mut cells);
        assert_eq!(&cells, b"plain");
    }
}

mod erased_undefined {
    use super::*;

    #[test]
    fn happens() {
        let profile = Profile::<Words>::builder("mspm0")
            .program_limit(8, 1, false)
            .erased_undefined()
            .page(8);
        let mut flash = Flash::new(profile.build().unwrap());
        flash.set_adversary(Adversary::PerRead { seed: 1 });
        flash.write(AT, &[0x5A; 8]).unwrap();
        assert_eq!(read(&mut flash, AT, 8), [0x5A; 8]);
        assert_eq!(
            flash.read(AT, &mut [0; 16]).unwrap_err().to_string(),
            "read 0x4000+0x10: a word reads as anything until it is programmed (first at 0x4008)"
        );
        flash.set_strict(false);
        assert_eq!(read(&mut flash, AT, 8), [0x5A; 8]);
        assert_ne!(
            read(&mut flash, AT + 8, 8),
            [0xFF; 8],
            "anything, until programmed"
        );
        assert_ne!(read(&mut flash, AT + 8, 8), read(&mut flash, AT + 8, 8));
    }

    #[test]
    fn not_unless_the_chip_is_such() {
        let mut flash = Flash::new(Profile::nrf52840());
        flash.set_adversary(Adversary::PerRead { seed: 1 });
        assert_eq!(read(&mut flash, AT, 64), [0xFF; 64]);
    }
}

mod block_protection {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.protect(AT..AT + 0x1000);
        let error = flash.write(AT - 2, &[0; 4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x4000+0x2: the range is protected (first at 0x4000)"
        );
        assert!(flash.erase(AT, AT + 0x1000).is_err());
        flash.set_strict(false);
        flash.write(AT, &[0; 4]).unwrap();
        assert_eq!(
            read(&mut flash, AT, 4),
            [0xFF; 4],
            "the chip says nothing and does nothing"
        );
    }

    #[test]
    fn not_outside_and_not_once_lifted() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.protect(AT..AT + 0x1000);
        flash.write(AT - 2, &[0; 2]).unwrap();
        flash.unprotect();
        flash.write(AT, &[0; 2]).unwrap();
    }
}

mod page_wrap {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = Flash::new(Profile::w25q64jv());
        let error = flash.page_program(AT + 0xFE, b"wrap").unwrap_err();
        assert_eq!(
            error.to_string(),
            "program 0x40fe+0x4: a program command wraps at the end of its page (first at 0x4100)"
        );
        flash.set_strict(false);
        flash.page_program(AT + 0xFE, b"wrap").unwrap();
        assert_eq!(read(&mut flash, AT, 3), b"ap\xFF");
        assert_eq!(read(&mut flash, AT + 0xFE, 4), b"wr\xFF\xFF");
    }

    #[test]
    fn not_for_a_write_which_a_driver_splits() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.write(AT + 0xFE, b"wrap").unwrap();
        assert_eq!(read(&mut flash, AT + 0xFE, 4), b"wrap");
    }
}

mod bits_cannot_be_set {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.write(AT, &[0x0F]).unwrap();
        assert!(matches!(
            flash.write(AT, &[0xF0]),
            Err(FlashError::Rule {
                rule: Rule::ClearsBitsOnly,
                ..
            })
        ));
        flash.set_strict(false);
        flash.write(AT, &[0xF0]).unwrap();
        assert_eq!(read(&mut flash, AT, 1), [0], "the chip just ANDs");
    }

    #[test]
    fn happens_as_an_and_that_is_kept_as_a_breach() {
        // Three pages, the second of which would set bits.
        let data = [0xF0; 768];
        let over = |flash: &mut Flash| {
            flash.write(AT + 0x180, &[0x0F]).unwrap();
            flash.write(AT, &data)
        };
        let refused = over(&mut Flash::new(Profile::w25q64jv())).unwrap_err();
        // The short way, and the one with care: a stuck bit elsewhere makes no difference.
        let mut outcomes = [false, true].map(|careful| {
            let mut flash = Flash::new(Profile::w25q64jv());
            flash.set_overprogram(Overprogram::And);
            if careful {
                flash.protect(0..4096);
            }
            over(&mut flash).unwrap();
            assert_eq!(flash.breaches().len(), 1);
            assert_eq!(flash.breaches()[0].op, 2, "the second page");
            assert_eq!(flash.breaches()[0].error, refused);
            assert_eq!(flash.trace().len(), 4);
            let mut bytes = [0; 768];
            flash.read(AT, &mut bytes).unwrap();
            flash.power_on();
            assert!(flash.breaches().is_empty(), "of this power-on alone");
            (bytes, flash.trace().to_string(), flash.stats())
        });
        assert_eq!(outcomes[0], outcomes[1]);
        let (bytes, ..) = &mut outcomes[0];
        assert_eq!(std::mem::replace(&mut bytes[0x180], 0xF0), 0, "0F & F0");
        assert_eq!(*bytes, data);
    }

    #[test]
    fn happens_to_a_program_too_many_where_words_count() {
        let mut flash = Flash::new(Profile::nrf52840());
        flash.set_overprogram(Overprogram::And);
        for byte in [0xFE, 0xFC, 0xF8] {
            flash.write(AT, &[byte; 4]).unwrap();
        }
        assert_eq!(read(&mut flash, AT, 4), [0xF8; 4]);
        let [breach] = flash.breaches() else {
            panic!("one breach: {:?}", flash.breaches());
        };
        assert_eq!(
            breach.error.to_string(),
            "program 0x4000+0x4: a word may be programmed 2 times between erases (first at 0x4000)"
        );
    }

    #[test]
    fn happens_in_a_cut_program_as_in_a_whole_one() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.set_overprogram(Overprogram::And);
        flash.write(AT, &[0x0F; 4]).unwrap();
        flash.arm(Cut {
            op: 1,
            tear: Tear::P1(2),
        });
        assert_eq!(flash.write(AT, &[0xF0; 4]), Err(FlashError::PowerLost));
        assert!(flash.fired() && flash.breaches().is_empty());
        flash.power_on();
        assert_eq!(read(&mut flash, AT, 4), [0, 0, 0x0F, 0x0F]);
    }

    #[test]
    fn not_where_the_chip_refuses_it_itself() {
        let mut flash = Flash::new(Profile::w25q64jv().with_overprogram_refused(true));
        let mut ecc = Flash::new(Profile::stm32l4());
        flash.set_overprogram(Overprogram::And);
        ecc.set_overprogram(Overprogram::And);
        flash.write(AT, &[0x0F; 8]).unwrap();
        ecc.write(AT, &[0x0F; 8]).unwrap();
        assert!(flash.write(AT, &[0xF0; 8]).is_err());
        assert!(ecc.write(AT, &[0x0E; 8]).is_err());
        assert!(flash.breaches().is_empty() && ecc.breaches().is_empty());
    }

    #[test]
    fn not_while_bits_are_only_cleared() {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.write(AT, &[0x0F]).unwrap();
        flash.write(AT, &[0x0E]).unwrap();
    }
}

#[test]
fn views_are_flashes() {
    fn two_writes(flash: &mut impl MultiwriteNorFlash) {
        flash.write(0, &[0xF0]).unwrap();
        flash.write(0, &[0x80]).unwrap();
    }
    let mut flash = Flash::new(Profile::w25q64jv());
    let mut view = View::new(&mut flash, 0x9000, 0x2000).unwrap();
    two_writes(&mut view);
    assert_eq!(view.capacity(), 0x2000);
    let error = view.erase(0x1000, 0x3000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "erase 0x1000+0x2000 reaches beyond the end of the view at 0x2000"
    );
    assert_eq!(error.kind(), NorFlashErrorKind::OutOfBounds);
    let mut inner = View::new(view, 0, 0x1000).unwrap();
    assert_eq!(read(&mut inner, 0, 2), [0x80, 0xFF]);
    assert_eq!(read(&mut flash, 0x9000, 1), [0x80]);
    assert!(View::new(&mut flash, 0x7F_F000, 0x2000).is_err());
}

#[test]
fn profiles_of_your_own_are_checked() {
    enum Large {}
    impl Geometry for Large {
        const READ: usize = 1;
        const WRITE: usize = 4;
        const ERASE: usize = 65536;
    }
    let start = || {
        Profile::<Large>::builder("mine").erases(&[(
            65536,
            Span {
                typ: 1_000_000,
                max: 2_000_000,
            },
        )])
    };
    let mut flash = Flash::new(start().size(1 << 20).build().unwrap());
    flash.erase(0x1_0000, 0x2_0000).unwrap();
    assert_eq!(flash.stats().device_time, 1_000_000);
    assert_eq!(
        flash.erase(0, 4096).unwrap_err().kind(),
        NorFlashErrorKind::NotAligned
    );
    assert_eq!(
        start().size(5000).build().unwrap_err(),
        ProfileError::Size {
            size: 5000,
            sector: 65536
        }
    );
    assert_eq!(start().page(2).build().unwrap_err(), ProfileError::Page(2));
    let other = Profile::<SpiNor>::builder("mine")
        .erases(&[(2048, Span { typ: 1, max: 1 })])
        .build()
        .unwrap_err();
    assert_eq!(
        other.to_string(),
        "the sector is 0x800 bytes, the geometry's ERASE is 0x1000"
    );
}

#[test]
fn sectors_smaller_than_a_leaf_of_the_tree_work_as_well() {
    let mut state = State::erased(16 << 10, 512);
    state.load(0, &[0; 4096]);
    state.apply(&Op::erase(512, 512));
    let mut cells = [0; 1536];
    state.read(0, &mut cells);
    assert!(
        cells[..512] == [0; 512] && cells[512..1024] == [0xFF; 512] && cells[1024..] == [0; 512]
    );
}
