//! Profiles: presets as a table that a person reads, and chips from their SFDP tables.

use std::fmt::Write;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{
    Flash, FlashError, Geometry, OpKind, Overprogram, Pace, Profile, SfdpError, Span, SpiNor,
};

fn span(time: Span) -> String {
    let unit = |ns: u64| match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", ns / 1_000),
        _ => format!("{}.{:02} ms", ns / 1_000_000, ns / 10_000 % 100),
    };
    format!("{} / {}", unit(time.typ), unit(time.max))
}

fn describe<G: Geometry>(out: &mut String, profile: &Profile<G>) {
    let timing = profile.timing();
    writeln!(out, "{}", profile.name()).unwrap();
    writeln!(
        out,
        "  {} KiB, sector {}, page {}, write {}, {} erases",
        profile.size() >> 10,
        profile.sector(),
        profile.page(),
        G::WRITE,
        profile.endurance()
    )
    .unwrap();
    writeln!(
        out,
        "  program first {}, next {}, page {}",
        span(timing.program_first),
        span(timing.program_next),
        span(timing.program_page)
    )
    .unwrap();
    for erase in &timing.erases {
        let len = match erase.len {
            bytes @ ..1024 => format!("{bytes} bytes"),
            bytes => format!("{} KiB", bytes >> 10),
        };
        writeln!(out, "  erase {len} {}", span(erase.time)).unwrap();
    }
    writeln!(out, "  erase all {}", span(timing.chip_erase)).unwrap();
    for source in profile.sources() {
        writeln!(out, "  - {}: {}", source.what, source.from).unwrap();
    }
}

#[test]
fn the_chips_for_tests_are_erased_by_their_own_sectors() {
    let flash = |profile: Profile| Flash::new(profile);
    let mut small = flash(Profile::sectors_of_256().untyped());
    small.write(256, &[0]).unwrap();
    small.erase(256, 512).unwrap();
    let mut byte = [0];
    small.read(256, &mut byte).unwrap();
    assert_eq!(byte, [0xFF]);
    let mut large = flash(Profile::sectors_of_1024().untyped());
    let refused = large.erase(256, 512).unwrap_err();
    assert_eq!(
        refused,
        FlashError::NotAligned {
            kind: OpKind::Erase,
            addr: 256,
            len: 256,
            unit: 1024
        }
    );
}

#[test]
fn the_chips_for_tests_and_carry_out_or_refuse_a_second_program() {
    fn twice<G: Geometry>(profile: Profile<G>) -> (Result<(), FlashError>, usize, [u8; 4]) {
        let mut flash = Flash::new(profile);
        flash.set_overprogram(Overprogram::And);
        flash.write(0, &[0x0F; 4]).unwrap();
        let second = flash.write(0, &[0xF3; 4]);
        let mut read = [0; 4];
        flash.read(0, &mut read).unwrap();
        (second, flash.breaches().len(), read)
    }
    assert_eq!(twice(Profile::sectors_of_1024()), (Ok(()), 1, [0x03; 4]));
    assert_eq!(twice(Profile::write_once()), (Ok(()), 1, [0x03; 4]));
    let (second, breaches, read) = twice(Profile::refusing());
    assert!(matches!(second, Err(FlashError::Rule { .. })));
    assert_eq!((breaches, read), (0, [0x0F; 4]));
}

#[test]
fn presets() {
    let mut out = String::new();
    describe(&mut out, &Profile::w25q64jv());
    describe(&mut out, &Profile::w25q128jv());
    describe(&mut out, &Profile::mx25r6435f());
    describe(&mut out, &Profile::gd25q32c());
    describe(&mut out, &Profile::nrf52840());
    describe(&mut out, &Profile::nrf52832());
    describe(&mut out, &Profile::stm32l4());
    describe(&mut out, &Profile::esp32_encrypted());
    describe(&mut out, &Profile::esp32c3_encrypted());
    describe(&mut out, &Profile::rp2040());
    describe(&mut out, &Profile::sectors_of_256());
    describe(&mut out, &Profile::sectors_of_1024());
    describe(&mut out, &Profile::refusing());
    describe(&mut out, &Profile::write_once());
    insta::assert_snapshot!(out);
}

#[test]
fn a_chip_without_its_type_still_wants_whole_units() {
    let mut flash = Flash::new(Profile::nrf52840().untyped());
    flash.write(4, &[0; 8]).unwrap();
    let refused = flash.write(14, &[0; 4]).unwrap_err();
    let expected = FlashError::NotAligned {
        kind: OpKind::Program,
        addr: 14,
        len: 4,
        unit: 4,
    };
    assert_eq!(refused, expected);
    flash.write(4, &[0; 4]).unwrap();
    assert!(flash.write(4, &[0; 4]).is_err(), "a third program");
}

#[test]
fn a_driver_that_fills_pages_up_takes_bytes_and_the_time_of_a_page() {
    let padded = Profile::rp2040().padded().unwrap();
    let page = padded.timing().program_page.typ;
    let mut flash = Flash::new(padded);
    let before = flash.stats().device_time;
    flash.write(0x101, &[0; 3]).unwrap();
    assert_eq!(flash.stats().device_time - before, page);
    flash.write(0x100, &[0x55]).unwrap();
    let mut read = [0; 5];
    flash.read(0x100, &mut read).unwrap();
    assert_eq!(read, [0x55, 0, 0, 0, 0xFF]);
    for filled_is_not_nothing in [
        Profile::nrf52840().padded(),
        Profile::stm32l4().padded(),
        Profile::esp32_encrypted().padded(),
    ] {
        assert!(filled_is_not_nothing.is_none());
    }
}

/// Basic flash parameter tables as real chips report them: facts, from Linux-mtd and Zephyr.
const TABLES: [(&str, &str); 5] = [
    (
        "mx25r6435f",
        "e520f1ffffffff0344eb086b083b04bbeeffffffffff00ffffff00ff0c200f5210d800ff\
         2372f50082ed04cc4483684430b030b0f7c4d55c00be29fff0d0ffff",
    ),
    (
        "w25q128jv",
        "e520f9ffffffff0744eb086b083b42bbfeffffffffff0000ffff40eb0c200f5210d80000\
         3602a60082ea14c9e96376337a757a75f7a2d55c19f74dffe930f880",
    ),
    (
        "w25q64",
        "e520f9ffffffff0344eb086b083b42bbfeffffffffff0000ffff40eb0c200f5210d80000\
         3602a60082ea14c4e96376337a757a75f7a2d55c19f74dffe930f880",
    ),
    (
        "w25q512nw",
        "e520fbffffffff3f44eb086b083b42bbfeffffffffff0000ffff40eb0c200f5210d80000\
         3602a60082ea14e2e96376337a757a75f7a2d55c19f74dffe970f9a5",
    ),
    (
        "mx25r8035f",
        "e520f1ffffff7f0044eb086b083b04bbeeffffffffff00ffffff00ff0c200f5210d800ff\
         2372f50082ed04b74483384430b030b0f7c4d55c00be29fff0d0ffff",
    ),
];

fn table(name: &str) -> Vec<u8> {
    let (_, hex) = TABLES.iter().find(|(part, _)| *part == name).unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn decoded(name: &str) -> Profile<SpiNor> {
    Profile::from_sfdp(name, &table(name)).unwrap()
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

#[test]
fn sfdp_of_w25q128jv_says_what_is_known_of_it() {
    let profile = decoded("w25q128jv");
    let timing = profile.timing();
    assert_eq!(
        (profile.size(), profile.page(), profile.sector()),
        (16 << 20, 256, 4096)
    );
    assert_eq!(
        (
            timing.program(256, Pace::Typical),
            timing.program(256, Pace::Maximum)
        ),
        (704 * US, 4_224 * US)
    );
    assert_eq!(
        (
            timing.program(1, Pace::Typical),
            timing.program(2, Pace::Typical)
        ),
        (32 * US, 35 * US)
    );
    let erases: Vec<_> = timing
        .erases
        .iter()
        .map(|erase| (erase.len, erase.time.typ / MS, erase.time.max / MS))
        .collect();
    assert_eq!(
        erases,
        [
            (4 << 10, 64, 896),
            (32 << 10, 128, 1792),
            (64 << 10, 160, 2240)
        ]
    );
    assert_eq!(
        (timing.chip_erase.typ / MS, timing.chip_erase.max / MS),
        (40_000, 240_000)
    );
    assert_eq!((timing.suspend, timing.resume), (20 * US, 512 * US));
}

#[test]
fn sfdp_of_w25q64_erases_in_half_the_time() {
    let timing = decoded("w25q64").timing().clone();
    assert_eq!(
        (timing.chip_erase.typ / MS, timing.chip_erase.max / MS),
        (20_000, 120_000)
    );
}

#[test]
fn sfdp_of_mx25r6435f_says_what_is_known_of_it() {
    let profile = decoded("mx25r6435f");
    let timing = profile.timing();
    assert_eq!(profile.size(), 8 << 20);
    assert_eq!(
        (
            timing.program(256, Pace::Typical),
            timing.program(256, Pace::Maximum)
        ),
        (896 * US, 5_376 * US)
    );
    let erases: Vec<_> = timing
        .erases
        .iter()
        .map(|erase| (erase.len, erase.time.typ / MS, erase.time.max / MS))
        .collect();
    assert_eq!(
        erases,
        [
            (4 << 10, 48, 384),
            (32 << 10, 240, 1920),
            (64 << 10, 480, 3840)
        ]
    );
    assert_eq!(
        (timing.chip_erase.typ / MS, timing.chip_erase.max / MS),
        (52_000, 312_000)
    );
    assert_eq!((timing.suspend, timing.resume), (40 * US, 448 * US));
    // The preset was made of the same figures.
    assert_eq!(Profile::mx25r6435f().timing().erases, timing.erases);
    assert_eq!(
        Profile::mx25r6435f().timing().program_page,
        timing.program_page
    );
    assert_eq!(
        Profile::mx25r6435f().timing().program_first,
        timing.program_first
    );
    assert_eq!(
        Profile::mx25r6435f().timing().program_next,
        timing.program_next
    );
}

#[test]
fn sfdp_profiles() {
    let mut out = String::new();
    for (name, _) in TABLES {
        describe(&mut out, &decoded(name));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn sfdp_that_describes_no_flash_of_this_kind_is_refused() {
    assert_eq!(
        Profile::from_sfdp("short", &[0; 36]).unwrap_err(),
        SfdpError::TooShort { len: 36 }
    );
    let mut bytes = table("w25q64");
    // Erase types 1 to 4 of 32 and 64 KiB only.
    bytes[28] = 0;
    assert_eq!(
        Profile::from_sfdp("blocks", &bytes).unwrap_err(),
        SfdpError::NoSectorErase
    );
    let mut bytes = table("w25q64");
    bytes[4..8].copy_from_slice(&0x8000_0030u32.to_le_bytes());
    let error = Profile::from_sfdp("huge", &bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the SFDP density 0x80000030 is no size this model has"
    );
}

proptest::proptest! {
    #[test]
    fn sfdp_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
        let _ = Profile::from_sfdp("any", &bytes);
        let mut padded = table("w25q64");
        for (at, byte) in bytes.iter().enumerate().take(padded.len()) {
            if byte % 5 == 0 {
                padded[at] = *byte;
            }
        }
        if let Ok(profile) = Profile::from_sfdp("near", &padded) {
            let small = profile.with_size(1 << 20);
            let mut flash = sim_flash::Flash::new(small);
            flash.erase(0, 1 << 20).unwrap();
            flash.write(100, &[0; 1000]).unwrap();
        }
    }
}
