//! Cuts in an erase, one module for each row of the fault table.

use super::*;

/// Which bits differ from what was there, and which from an erased flash, byte by byte.
fn changed(cells: &[u8]) -> Vec<usize> {
    let old = BEFORE.repeat(cells.len() / BEFORE.len() + 1);
    (0..cells.len())
        .filter(|at| cells[*at] != old[*at])
        .collect()
}

mod e0 {
    use super::*;

    #[test]
    fn happens() {
        assert_eq!(torn(&erase(), "E0").state(), before(&erase()).state());
    }

    #[test]
    fn not_without_a_cut() {
        never_without_a_cut(&erase());
    }
}

mod e1 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E1.n8");
        assert_eq!(read(&mut flash, SECTOR, 16), b"\0\0\0\0\0\0\0\0ector he");
    }

    #[test]
    fn not_below_l1() {
        never_below(&erase(), "E1", Level::L1);
    }
}

mod e2 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E2.n8");
        assert_eq!(
            read(&mut flash, SECTOR, 12),
            b"what a s\0\0\0\0",
            "a valid head and a zeroed tail"
        );
        assert_eq!(read(&mut flash, SECTOR + 4095, 1), [0]);
    }

    #[test]
    fn not_below_l2() {
        never_below(&erase(), "E2", Level::L2);
    }
}

mod e3 {
    use super::*;

    #[test]
    fn happens() {
        assert_eq!(read(&mut torn(&erase(), "E3"), SECTOR, 4096), [0; 4096]);
    }

    #[test]
    fn not_below_l1() {
        never_below(&erase(), "E3", Level::L1);
    }
}

mod e4 {
    use super::*;

    #[test]
    fn happens() {
        let cells = read(&mut torn(&erase(), "E4.s0"), SECTOR, 4096);
        let ones: u32 = cells.iter().map(|cell| cell.count_ones()).sum();
        assert!(
            (15_000..17_500).contains(&ones),
            "about half of the bits are back, {ones} are"
        );
        assert_eq!(
            read(&mut torn(&erase(), "E4.x9"), SECTOR, 3),
            [0xFF, 0xFD, 0xFF]
        );
        assert_eq!(read(&mut torn(&erase(), "E4.b9"), SECTOR, 3), [0, 2, 0]);
    }

    #[test]
    fn slow_cells_are_the_same_every_time() {
        let slow = |id: &str| {
            let cells = read(&mut torn(&erase(), id), SECTOR, 4096);
            cells.into_iter().map(|cell| !cell).collect::<Vec<u8>>()
        };
        let count = |cells: &[u8]| cells.iter().map(|cell| cell.count_ones()).sum::<u32>();
        let (early, late) = (slow("E4.z12"), slow("E4.z1"));
        assert!(
            (1_400..1_700).contains(&count(&early)),
            "4.5 %: {}",
            count(&early)
        );
        assert!(
            (90..170).contains(&count(&late)),
            "0.35 %: {}",
            count(&late)
        );
        assert!(
            early
                .iter()
                .zip(&late)
                .all(|(early, late)| early & late == *late)
        );
    }

    #[test]
    fn not_below_l2() {
        never_below(&erase(), "E4", Level::L2);
    }
}

mod e5 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E5.b9");
        flash.set_adversary(Adversary::PerRead { seed: 1 });
        let looks_blank = (0..64)
            .map(|_| read(&mut flash, SECTOR, 4096) == [0xFF; 4096])
            .collect::<Vec<_>>();
        assert!(
            looks_blank.contains(&true) && looks_blank.contains(&false),
            "reads blank, and later does not"
        );
    }

    #[test]
    fn not_below_l3() {
        never_below(&erase(), "E5", Level::L3);
    }
}

mod e6 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E6.all");
        flash.set_adversary(Adversary::Leaning);
        assert_eq!(
            read(&mut flash, SECTOR, BEFORE.len()),
            BEFORE,
            "may even look untouched"
        );
        let (least, most) = readings(&mut flash, SECTOR, 4096);
        assert_eq!(
            (least, most),
            (vec![0; 4096], vec![0xFF; 4096]),
            "or like anything"
        );
        let some = torn(&erase(), "E6.s0");
        assert!(some.state().has_weak(SECTOR..SECTOR + 0x1000));
    }

    #[test]
    fn not_below_l3() {
        never_below(&erase(), "E6", Level::L3);
    }
}

mod e7 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E7");
        assert_eq!(read(&mut flash, SECTOR, 4096), [0xFF; 4096]);
        assert!(
            !flash.state().trusted(SECTOR..SECTOR + 0x1000),
            "erased, but nobody knows"
        );
    }

    #[test]
    fn not_without_a_cut() {
        never_without_a_cut(&erase());
    }
}

mod e8 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E8.next.all");
        assert_eq!(read(&mut flash, SECTOR, 4096), [0xFF; 4096]);
        assert!(
            flash.state().has_weak(SECTOR + 0x1000..SECTOR + 0x2000),
            "the neighbour suffers"
        );
        assert!(!flash.state().has_weak(0..SECTOR + 0x1000));
        assert!(
            torn(&erase(), "E8.prev.s0")
                .state()
                .has_weak(SECTOR - 0x1000..SECTOR)
        );
    }

    #[test]
    fn not_below_l4_and_only_when_asked_for() {
        for level in Level::ALL {
            assert!(
                !families(&erase(), level).contains("E8"),
                "E8 unasked at {level}"
            );
        }
        assert!(
            over_erase_tears(&erase(), Density::Full)
                .iter()
                .all(|tear| tear.level() == Level::L4)
        );
        let prone = |level| {
            let builder = Profile::<sim_flash::SpiNor>::builder("prone")
                .size(1 << 20)
                .collateral(true, true);
            let mut flash =
                Flash::with_state(builder.build().unwrap(), before(&erase()).state().clone());
            (0..200).any(|seed| {
                flash.power_on();
                flash.arm_at(0, Fraction::ppm(900_000), level, seed);
                let _ = run(&mut flash, &erase());
                let last = flash.trace().iter().last().unwrap().outcome;
                matches!(last, sim_flash::Outcome::Cut(Tear::E8(..)))
            })
        };
        assert!(prone(Level::L4) && !prone(Level::L3));
    }
}

mod e9 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E9.n8");
        assert_eq!(
            read(&mut flash, SECTOR, 16),
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFector he"
        );
        let mut flash = torn(&erase(), "E9.f8");
        assert_eq!(read(&mut flash, SECTOR, 10), b"what a s\xFF\xFF");
        // A row left old for one bit and everything else erased: the shape that was measured, at its smallest.
        let mut flash = torn(&erase(), "E9.r1.b1");
        let cells = read(&mut flash, SECTOR, 4096);
        let old = BEFORE.repeat(2);
        assert_eq!(cells[32], old[32] | 2);
        assert_eq!(cells[33..64], old[33..64]);
        assert!(
            cells[..32]
                .iter()
                .chain(&cells[64..])
                .all(|cell| *cell == 0xFF)
        );
        let cells = read(&mut torn(&erase(), "E9.w8.k2"), SECTOR, 4096);
        assert_eq!(changed(&cells), (16..24).collect::<Vec<_>>());
        assert_eq!(cells[16..24], [0xFF; 8]);
    }

    #[test]
    fn slow_cells_are_the_same_every_time() {
        let old = BEFORE.repeat(4096 / BEFORE.len() + 1);
        let slow = |id: &str| {
            let cells = read(&mut torn(&erase(), id), SECTOR, 4096);
            let left = cells.iter().zip(&old).map(|(cell, old)| {
                assert_eq!(cell & old, *old, "no bit falls");
                !cell
            });
            left.collect::<Vec<u8>>()
        };
        let count = |cells: &[u8]| cells.iter().map(|cell| cell.count_ones()).sum::<u32>();
        let zeros: u32 = old[..4096].iter().map(|byte| byte.count_zeros()).sum();
        let (early, late) = (slow("E9.z12"), slow("E9.z1"));
        let per_mille = |cells: &[u8]| count(cells) * 1000 / zeros;
        assert!(
            (40..53).contains(&per_mille(&early)),
            "4.5 %: {}",
            count(&early)
        );
        assert!(
            (2..7).contains(&per_mille(&late)),
            "0.35 %: {}",
            count(&late)
        );
        assert!({ early.iter().zip(&late) }.all(|(early, late)| early & late == *late));
        for op in [program(), erase()] {
            let measured = sim_flash::measured_tears(&op);
            assert!(measured.iter().all(|tear| tear.applies_to(&op)));
        }
    }

    #[test]
    fn not_below_l1() {
        never_below(&erase(), "E9", Level::L1);
        // Of rows and bits not below L2.
        let rows = |tear: &Tear| {
            matches!(
                tear.to_string().as_bytes(),
                [b'E', b'9', b'.', b'w' | b'r' | b's', ..]
            )
        };
        assert!(!tears(&erase(), Density::Full, Level::L1).iter().any(rows));
        assert!(tears(&erase(), Density::Full, Level::L2).iter().any(rows));
    }
}

mod e10 {
    use super::*;

    #[test]
    fn happens() {
        let cells = read(&mut torn(&erase(), "E10.n8.16"), SECTOR, 4096);
        assert_eq!(cells[..16], [[0xFF; 8], [0; 8]].concat());
        assert_eq!(changed(&cells), (0..16).collect::<Vec<_>>());
        let cells = read(&mut torn(&erase(), "E10.f8.16"), SECTOR, 4096);
        assert_eq!(cells[4080..], [[0; 8], [0xFF; 8]].concat());
        let cells = read(&mut torn(&erase(), "E10.w8.k1.o0"), SECTOR, 4096);
        assert_eq!(cells[8..16], BEFORE[8..16]);
        assert!(cells[..8].iter().chain(&cells[16..]).all(|cell| *cell == 0));
        let cells = read(&mut torn(&erase(), "E10.s1"), SECTOR, 4096);
        let old = BEFORE.repeat(4096 / BEFORE.len() + 1);
        let mut kinds = [0; 3];
        for (row, old) in cells.chunks(16).zip(old.chunks(16)) {
            let kind = [old, &[0; 16], &[0xFF; 16]]
                .iter()
                .position(|kind| *kind == row);
            kinds[kind.expect("a row is old, zeros or ones")] += 1;
        }
        assert!(kinds.iter().all(|count| *count > 50), "{kinds:?}");
    }

    #[test]
    fn not_below_l2() {
        never_below(&erase(), "E10", Level::L2);
    }
}

mod e11 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&erase(), "E11.none");
        let (least, most) = readings(&mut flash, SECTOR, 4096);
        assert!(changed(&least).is_empty(), "it may look untouched");
        assert_eq!(most, [0xFF; 4096], "or erased");
        flash.set_adversary(Adversary::PerBoot { seed: 3 });
        let first = read(&mut flash, SECTOR, 4096);
        flash.power_on();
        assert_ne!(
            read(&mut flash, SECTOR, 4096),
            first,
            "one thing this boot, another the next"
        );
        let mut flash = torn(&erase(), "E11.w32.x1");
        let (least, most) = readings(&mut flash, SECTOR, 4096);
        assert_eq!(least[32..64], BEFORE.repeat(2)[32..64]);
        assert_eq!(most, [0xFF; 4096]);
        assert!(
            least[..32]
                .iter()
                .chain(&least[64..])
                .all(|cell| *cell == 0xFF),
            "risen for good"
        );
    }

    #[test]
    fn not_below_l3() {
        never_below(&erase(), "E11", Level::L3);
    }
}

mod blocks {
    use super::*;

    fn cut_second(order: sim_flash::EraseOrder) -> Vec<u8> {
        let mut state = State::erased(1 << 20, 4096);
        state.load(0x5000, &[0x3C; 0x3000]);
        let mut flash = Flash::with_state(Profile::w25q64jv(), state);
        flash.set_erase_order(order);
        flash.arm(Cut {
            op: 1,
            tear: Tear::E3,
        });
        flash.erase(0x5000, 0x8000).unwrap_err();
        flash.power_on();
        [0x5000, 0x6000, 0x7000]
            .map(|addr| read(&mut flash, addr, 1)[0])
            .to_vec()
    }

    #[test]
    fn happens() {
        assert_eq!(cut_second(sim_flash::EraseOrder::Up), [0xFF, 0x00, 0x3C]);
        assert_eq!(cut_second(sim_flash::EraseOrder::Down), [0x3C, 0x00, 0xFF]);
        // A block of 64 KiB is one operation, torn as a whole, from either end.
        let mut state = State::erased(1 << 20, 4096);
        state.load(0x1_0000, &vec![0x3C; 0x1_0000]);
        for (id, first, last) in [("E1.n8192", 0x00, 0x3C), ("E2.n8192", 0x3C, 0x00)] {
            let mut torn = state.clone();
            torn.tear(&Op::erase(0x1_0000, 0x1_0000), id.parse().unwrap());
            let mut cells = vec![0; 0x1_0000];
            torn.read(0x1_0000, &mut cells);
            assert_eq!(
                (cells[8191], cells[8192], cells[0], cells[0xFFFF]),
                (first, last, first, last)
            );
        }
    }

    #[test]
    fn not_below_the_operation_that_was_cut() {
        for level in Level::ALL.into_iter().filter(|level| *level < Level::L4) {
            let mut state = State::erased(1 << 20, 4096);
            state.load(0x5000, &[0x3C; 0x3000]);
            let mut flash = Flash::with_state(Profile::w25q64jv(), state);
            flash.arm_at(1, Fraction::ppm(500_000), level, 7);
            flash.erase(0x5000, 0x8000).unwrap_err();
            flash.power_on();
            assert_eq!(
                (
                    read(&mut flash, 0x5000, 1)[0],
                    read(&mut flash, 0x7000, 1)[0]
                ),
                (0xFF, 0x3C),
                "{level}"
            );
        }
    }
}
