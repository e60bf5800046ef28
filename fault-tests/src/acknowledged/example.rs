use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use fault_tests::acknowledged::{Script, Scripted, Store};
use fault_tests::chip::{Chip, ChipError};
use fault_tests::explore::{explore, Exploration, Limits, Start};
use fault_tests::property::Property;
use sim_flash::{Level, Profile};

/// Two settings of one byte each. Each copy of them is a sector that begins with a record.
struct Settings {
    /// Always writes the first sector: one copy.
    careless: bool,
}

/// Version, a, b and the sector they are in.
type Copy = ([u8; 3], u32);

/// A record is a copy and its complement: a program that was cut has left too few zeros in one of
/// the two, whatever it has left, and a cut erase hardly makes one up.
fn record([version, a, b]: [u8; 3]) -> [u8; 6] {
    [version, a, b, !version, !a, !b]
}

impl Store for Settings {
    type Mounted = Option<Copy>;
    type Value = [u8; 2];
    /// Which setting, and its new value.
    type Operation = (usize, u8);
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<Option<Copy>, ChipError> {
        let mut newest: Option<Copy> = None;
        for sector in [0, 4096] {
            let mut found = [0; 6];
            flash.read(sector, &mut found)?;
            let [version, a, b, ..] = found;
            let newer = newest.is_none_or(|([other, ..], _)| version > other);
            // Version FF is a blank sector whose end a cut erase has zeroed.
            if found == record([version, a, b]) && version != 0xFF && newer {
                newest = Some(([version, a, b], sector));
            }
        }
        Ok(newest)
    }

    fn value(&self, mounted: &mut Option<Copy>, _: &mut Chip<'_>) -> Result<[u8; 2], ChipError> {
        Ok(mounted.map_or([0, 0], |([_, a, b], _)| [a, b]))
    }

    fn apply(
        &self,
        mounted: &mut Option<Copy>,
        flash: &mut Chip<'_>,
        (which, value): &(usize, u8),
    ) -> Result<(), ChipError> {
        let (mut copy, last) = mounted.unwrap_or(([0; 3], 4096));
        copy[0] += 1;
        copy[1 + *which] = *value;
        let sector = if self.careless { 0 } else { 4096 - last };
        flash.erase(sector, sector + 4096)?;
        flash.write(sector, &record(copy))?;
        *mounted = Some((copy, sector));
        Ok(())
    }
}

fn explored(careless: bool) -> Exploration {
    let script = Script::from([0, 0])
        .then((0, 7), [7, 0])
        .then((1, 9), [7, 9])
        .then((0, 8), [8, 9]);
    let device = Scripted::new(Settings { careless }, script);
    let profile = Profile::w25q64jv().with_size(2 * 4096);
    let start = Start::only(profile.erased(), Default::default());
    let limits = Limits { level: Level::L2, cuts: 1, ..Limits::default() };
    explore(&device, &profile, &[start], &limits, &|_| {})
}

// One copy: a cut between its erase and its program loses everything.
let found = explored(true).violations;
let lost = found.iter().find(|v| v.finding.property == Property::Durability).unwrap();
assert_eq!(lost.finding.got, "[0, 0]");
assert_eq!(lost.path.cuts.len(), 1);

// Two copies: nothing is lost, wherever the power is cut, bit by bit. (Two cuts in a row can still zero a
// blank sector at both ends and so make up a record: that takes a CRC.)
let explored = explored(false);
assert!(explored.violations.is_empty() && !explored.exhausted);
assert!(explored.counts.crash_states > 10_000);
