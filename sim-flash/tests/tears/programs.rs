//! Cuts in a program, one module for each row of the fault table.

use super::*;

mod p0 {
    use super::*;

    #[test]
    fn happens() {
        let flash = torn(&program(), "P0");
        assert_eq!(flash.state(), before(&program()).state());
    }

    #[test]
    fn not_without_a_cut() {
        never_without_a_cut(&program());
    }
}

mod p1 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&program(), "P1.n8");
        assert_eq!(
            read(&mut flash, AT, 16),
            b"a record\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
        );
    }

    #[test]
    fn not_below_l1() {
        never_below(&program(), "P1", Level::L1);
    }
}

mod p2 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&program(), "P2.n28");
        assert_eq!(read(&mut flash, AT + 26, 6), b"\xFF\xFFen..");
        let mut flash = torn(&program(), "P2.w8.k1");
        assert_eq!(read(&mut flash, AT + 6, 12), b"\xFF\xFF that is\xFF\xFF");
        let mut flash = torn(&program(), "P2.w8.x1");
        assert_eq!(
            read(&mut flash, AT + 6, 12),
            b"rd\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF t"
        );
    }

    #[test]
    fn not_below_l2() {
        never_below(&program(), "P2", Level::L2);
    }
}

mod p3 {
    use super::*;

    #[test]
    fn happens() {
        // b'a' is 0110_0001: bits 1 and 2 are to become 0, bit 0 is not.
        assert_eq!(
            read(&mut torn(&program(), "P3.b2"), AT, 2),
            [0b1111_1011, 0xFF]
        );
        assert_eq!(
            read(&mut torn(&program(), "P3.x2"), AT, 2),
            [b'a' | 0b100, b' ']
        );
        assert_eq!(
            read(&mut torn(&program(), "P3.m6"), AT, 2),
            [0b1111_1001, 0xFF]
        );
        let some = read(&mut torn(&program(), "P3.s0"), AT, 32);
        assert_ne!(some, RECORD);
        assert!(
            some.iter()
                .zip(RECORD)
                .all(|(cell, wanted)| cell & wanted == *wanted)
        );
    }

    #[test]
    fn not_below_l2() {
        never_below(&program(), "P3", Level::L2);
    }
}

mod p4 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&program(), "P4.none");
        let (least, most) = readings(&mut flash, AT, 32);
        assert_eq!((&least[..], &most[..]), (&RECORD[..], &[0xFF; 32][..]));
        let (least, most) = readings(&mut torn(&program(), "P4.x2"), AT, 1);
        assert_eq!((least[0], most[0]), (b'a', b'a' | 0b100));
    }

    #[test]
    fn not_below_l3() {
        never_below(&program(), "P4", Level::L3);
    }
}

mod p5 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&program(), "P5.b2");
        flash.set_adversary(Adversary::Leaning);
        assert_eq!(read(&mut flash, AT, 32), RECORD, "reads right");
        let (least, most) = readings(&mut flash, AT, 32);
        assert_eq!(
            (&least[..], most[0]),
            (&RECORD[..], b'a' | 0b100),
            "and is weak"
        );
    }

    #[test]
    fn not_below_l3() {
        never_below(&program(), "P5", Level::L3);
    }
}

mod p6 {
    use super::*;

    #[test]
    fn happens() {
        let mut flash = torn(&program(), "P6");
        assert_eq!(read(&mut flash, AT, 32), RECORD);
        assert!(
            !flash.state().trusted(AT..AT + 32),
            "done, but nobody knows"
        );
    }

    #[test]
    fn not_without_a_cut() {
        never_without_a_cut(&program());
    }
}

mod p7 {
    use super::*;

    #[test]
    fn happens() {
        let page = torn(&program(), "P7.page.all");
        assert!(
            page.state().has_weak(SECTOR..AT) && page.state().has_weak(AT + 32..SECTOR + 0x100)
        );
        assert!(!page.state().has_weak(SECTOR + 0x100..SECTOR + 0x1000));
        let mut sector = torn(&program(), "P7.sector.all");
        let (least, most) = readings(&mut sector, SECTOR + 0x100, 64);
        assert_eq!(
            (least, most),
            (vec![0; 64], vec![0xFF; 64]),
            "data written long before"
        );
        assert!(!sector.state().trusted(SECTOR + 0xF00..SECTOR + 0x1000));
        assert!(
            !sector.state().has_weak(0..SECTOR)
                && !sector.state().has_weak(SECTOR + 0x1000..0x10_0000)
        );
    }

    #[test]
    fn not_below_l4() {
        never_below(&program(), "P7", Level::L4);
    }
}
