//! The explorer meets the old content after a cut erase, for any content: as old bits beside risen bits, and as bits that
//! read old at the first power-on and risen at the second.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use fault_tests::chip::Chip;
use fault_tests::explore::{Exploration, Limits, Record, Start, explore};
use fault_tests::property::Property;
use fault_tests::subject::{Dead, Journal, Rest, Subject};
use sim_flash::{Level, Profile};

const SECTOR: u32 = 4096;
/// The addresses of two copies, in separate rows.
const COPIES: [u32; 2] = [0, 96];
/// The words in the copies, one device each.
const OLD: [[u8; 2]; 4] = [[0x53, 0x53], [0x00, 0x01], [0xFE, 0xFF], [0x13, 0x37]];

/// The progress of a device, with its last answer to the world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Told {
    /// Nothing was begun.
    Fresh,
    /// The erase was begun.
    Begun,
    /// The device has answered: the erase was never begun.
    Kept,
    /// The device has answered: the erase is over.
    Gone,
}

/// A device that erases its copies once, and derives each later answer from a read of the copies.
struct Device {
    old: [u8; 2],
    /// Reads both copies, and expects both to be erased together.
    both: bool,
    /// Repeats the erase before its first answer.
    careful: bool,
    records: Vec<Record>,
}

/// The bytes of a copy as a number, with a leading 1.
fn learned(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(1, |learned, byte| learned << 8 | u128::from(*byte))
}

impl Device {
    fn new(old: [u8; 2], both: bool, careful: bool, declared: bool) -> Self {
        let record = |at: u32| Record::new(at..at + 2, learned);
        let records = if declared {
            COPIES.map(record).to_vec()
        } else {
            Vec::new()
        };
        Self {
            old,
            both,
            careful,
            records,
        }
    }

    fn read(chip: &mut Chip<'_>, at: u32) -> Result<[u8; 2], Dead> {
        let mut bytes = [0; 2];
        chip.read(at, &mut bytes).map_err(|_| Dead)?;
        Ok(bytes)
    }
}

impl Subject for Device {
    type World = Told;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<Told>) -> Result<Rest, Dead> {
        let told = *journal.world();
        if told == Told::Fresh || told == Told::Begun && self.careful {
            journal.change(|world| *world = Told::Begun);
            chip.erase(0, SECTOR).map_err(|_| Dead)?;
            journal.change(|world| *world = Told::Gone);
            return Ok(Rest::Idle);
        }
        let [first, second] = [Self::read(chip, COPIES[0])?, Self::read(chip, COPIES[1])?];
        if self.both {
            if first == self.old && second == [0xFF; 2] {
                journal.violated(
                    Property::NoBrick,
                    "both copies or none",
                    "the first one alone",
                );
            }
            return Ok(Rest::Idle);
        }
        let finds = if first == self.old {
            Told::Kept
        } else {
            Told::Gone
        };
        if told == Told::Begun {
            journal.change(|world| *world = finds);
        } else if told != finds {
            journal.violated(
                Property::Stability,
                format!("{told:?}"),
                format!("{finds:?}"),
            );
        }
        Ok(Rest::Idle)
    }

    fn records(&self) -> &[Record] {
        &self.records
    }
}

fn explored(device: &Device, level: Level, risen: bool) -> Exploration {
    let profile = Profile::w25q64jv().with_size(16 * 1024);
    let mut state = profile.erased();
    for at in COPIES {
        state.load(at, &device.old);
    }
    let limits = Limits {
        level,
        cuts: 1,
        audit_one_in: 10,
        risen,
        ..Limits::default()
    };
    let start = [Start::only(state, Told::Fresh)];
    let explored = explore(device, &profile, &start, &limits, &|_| {});
    assert!(
        explored.disagreement.is_none(),
        "{:?}",
        explored.disagreement
    );
    assert!(!explored.exhausted);
    explored
}

/// The explorer catches the device by a tear of one of these families, with each word in the copies, and finds nothing in
/// the careful twin. Each window lists one example.
fn is_caught(both: bool, level: Level, families: &[&str]) {
    for old in OLD {
        for declared in [false, true] {
            let device = Device::new(old, both, false, declared);
            let found = explored(&device, level, true);
            let by = |v: &fault_tests::explore::Violation| v.path.cuts[0].tear.to_string();
            let tears: Vec<String> = found.violations.iter().map(by).collect();
            assert!(
                { tears.iter() }.any(|tear| families.iter().any(|family| tear.starts_with(family))),
                "{old:02x?}, declared: {declared}: {tears:?}"
            );
            let careful = explored(&Device::new(old, both, true, declared), level, true);
            assert!(careful.violations.is_empty(), "{:?}", careful.violations);
        }
    }
}

#[test]
fn old_bits_beside_risen_ones_are_met_whatever_they_were() {
    is_caught(true, Level::L2, &["E9.", "E10."]);
    let device = Device::new(OLD[0], true, false, false);
    let without = explored(&device, Level::L2, false);
    assert!(without.violations.is_empty(), "{:?}", without.violations);
}

#[test]
fn what_reads_old_once_and_risen_the_next_time_is_met_whatever_it_was() {
    is_caught(false, Level::L3, &["E11."]);
    let device = Device::new(OLD[0], false, false, false);
    let without = explored(&device, Level::L3, false);
    assert!(without.violations.is_empty(), "{:?}", without.violations);
}
