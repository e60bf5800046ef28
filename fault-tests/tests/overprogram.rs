//! A program over programmed cells is an AND: what comes of it is found, and that it was done is found by itself.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use fault_tests::case::{LiveDevice, replay};
use fault_tests::chip::Chip;
use fault_tests::explore::{ANY, Exploration, Limits, Start, explore};
use fault_tests::property::Property;
use fault_tests::subject::{Dead, Journal, Rest, Subject};
use sim_flash::{Cut, Level, Profile, Tear};

const SECTOR: u32 = 4096;
const OLD: u8 = 0x35;
const NEW: u8 = 0x59;

/// Replaces a record, a byte and its complement, at its first power-on.
struct Replaces {
    erases: bool,
}

const fn record(value: u8) -> [u8; 2] {
    [value, !value]
}

impl Subject for Replaces {
    type World = ();

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<()>) -> Result<Rest, Dead> {
        let mut bytes = [0; 2];
        chip.read(0, &mut bytes).map_err(|_| Dead)?;
        match bytes {
            _ if bytes == record(NEW) => Ok(Rest::Idle),
            _ if bytes == record(OLD) || self.erases => {
                if self.erases {
                    chip.erase(0, SECTOR).map_err(|_| Dead)?;
                }
                journal.call("replace", NEW);
                // If the driver says that it was not done, it is tried again another time.
                let _ = chip.write(0, &record(NEW));
                if chip.dead() {
                    Err(Dead)
                } else {
                    Ok(Rest::Idle)
                }
            }
            _ => {
                journal.violated(Property::NoBrick, "a record", format!("{bytes:02x?}"));
                Ok(Rest::Stuck)
            }
        }
    }
}

/// Counts in bits that it clears, one at each power-on, up to eight.
struct Tally;

impl Subject for Tally {
    type World = ();

    fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
        let mut byte = [0];
        chip.read(0, &mut byte).map_err(|_| Dead)?;
        if byte == [0] {
            return Ok(Rest::Idle);
        }
        chip.write(0, &[byte[0] & byte[0].wrapping_sub(1)])
            .map_err(|_| Dead)?;
        Ok(Rest::Reset)
    }
}

fn profile() -> Profile {
    Profile::w25q64jv().with_size(16 * 1024)
}

fn start() -> Start<()> {
    let mut state = profile().erased();
    state.load(0, &record(OLD));
    Start::only(state, ())
}

fn explored(subject: &dyn Subject<World = ()>, profile: &Profile, level: Level) -> Exploration {
    let limits = Limits {
        level,
        cuts: if level < Level::L2 { ANY } else { 1 },
        audit_one_in: 10,
        ..Limits::default()
    };
    explore(subject, profile, &[start()], &limits, &|_| {})
}

#[test]
fn what_comes_of_a_program_over_a_record_is_found_and_the_program_itself() {
    let explored = explored(&Replaces { erases: false }, &profile(), Level::L0);
    assert!(explored.closure, "{:?}", explored.disagreement);
    let of = |property| {
        explored
            .violations
            .iter()
            .find(|v| v.finding.property == property)
    };
    let lost = of(Property::NoBrick).expect("the record is neither of the two");
    assert_eq!(lost.finding.got, "[11, 82]", "both at once");
    let done = of(Property::Containment).expect("a strict chip would refuse it");
    assert_eq!(
        done.finding.to_string(),
        "P11 (containment) violated: allowed operations that the rules of the chip allow, got program \
         sector 0x0: a program can only clear bits, erase first"
    );
    let window = done.window.as_ref().map(ToString::to_string);
    assert_eq!(window.as_deref(), Some("replace: program flash"));
    for violation in [lost, done] {
        assert!(violation.path.cuts.is_empty(), "{:?}", violation.path);
        let subject = Replaces { erases: false };
        let again = replay(&subject, &profile(), &start(), &violation.path, false);
        assert!(again.expect("no cut to make").shows(&violation.finding));
    }
}

/// Why the AND is the default: behind a refusal the fault is hidden.
#[test]
fn a_chip_that_refuses_it_leaves_the_record_and_tells_the_device() {
    let strict = profile().with_overprogram_refused(true);
    let explored = explored(&Replaces { erases: false }, &strict, Level::L0);
    assert!(explored.closure, "{:?}", explored.disagreement);
    assert!(explored.violations.is_empty(), "{:?}", explored.violations);
}

#[test]
fn a_device_that_erases_or_only_clears_bits_is_not_found() {
    for level in [Level::L0, Level::L2, Level::L3] {
        for subject in [
            &Replaces { erases: true } as &dyn Subject<World = ()>,
            &Tally,
        ] {
            let explored = explored(subject, &profile(), level);
            assert!(!explored.exhausted, "{level}: {:?}", explored.disagreement);
            assert!(explored.violations.is_empty(), "{:?}", explored.violations);
        }
    }
}

#[test]
fn a_program_that_is_not_of_whole_units_is_found() {
    struct Crooked;
    impl Subject for Crooked {
        type World = ();

        fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
            let _ = chip.write(0x102, &[0; 4]);
            let _ = chip.erase(0x10, SECTOR);
            let _ = chip.erase(0, 64 * SECTOR);
            Ok(Rest::Idle)
        }
    }
    let words = Profile::nrf52840().untyped().with_size(16 * 1024);
    let explored = explored(&Crooked, &words, Level::L0);
    let got: Vec<_> = explored
        .violations
        .iter()
        .map(|v| &*v.finding.got)
        .collect();
    let expected = [
        "program sector 0x0: not of whole units of 4 bytes",
        "erase sector 0x0: not of whole units of 4096 bytes",
        "erase sector 0x0: beyond the end of the flash",
    ];
    assert_eq!(got, expected);
}

/// A cut in such a program leaves live what is derived: what the tear does to programmed cells.
#[test]
fn a_cut_program_over_a_record_leaves_what_is_derived() {
    let subject = Replaces { erases: false };
    let (profile, start) = (profile(), start());
    for tear in ["P1.n1", "P3.b1", "P3.x8", "P6"] {
        let tear: Tear = tear.parse().expect("a tear");
        let mut device = LiveDevice::new(&subject, &profile);
        let cut = Cut { op: 0, tear };
        let live = device.power_on(start.state.clone(), (), Some(cut));
        let op = live.torn.expect("the cut hits it");
        let mut derived = start.state.clone();
        derived.tear(&op, tear);
        assert_eq!(live.after, derived, "{tear}");
    }
}
