//! Each way in which a store can fall short is told apart from the others.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::{Level, Profile};

use super::{Progress, Script, Scripted, Store};
use crate::chip::{Chip, ChipError};
use crate::explore::{Exploration, Limits, Start, explore};
use crate::property::Property;

/// Counts in single bytes, and does one thing wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counter {
    Sound,
    /// Refuses to mount when it finds a count of 1.
    RefusesToMount,
    /// Panics when it finds a count of 1.
    Panics,
    /// Never comes back when it finds a count of 1.
    Hangs,
    /// Refuses the second operation.
    Refuses,
    /// Says Ok to the second operation, and does nothing.
    Pretends,
    /// Begins each operation with a mark; finding one without its count, it notes that first, and completes the count
    /// one power-on late.
    RecoversLate,
}

const MARK: u32 = 32;
const NOTED: u32 = 64;

impl Counter {
    fn count(at: u32, flash: &mut Chip<'_>) -> Result<u32, ChipError> {
        let mut bytes = [0; 8];
        flash.read(at, &mut bytes)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(u32::try_from(zeros).unwrap_or_default())
    }
}

impl Store for Counter {
    type Mounted = ();
    type Value = u32;
    type Operation = ();
    type Error = Option<ChipError>;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), Self::Error> {
        let count = Self::count(0, flash)?;
        match self {
            Self::RefusesToMount if count == 1 => Err(None),
            Self::Panics => {
                assert_ne!(count, 1, "it is 1");
                Ok(())
            }
            Self::Hangs if count == 1 => loop {
                flash.read(0, &mut [0])?;
            },
            Self::RecoversLate if Self::count(MARK, flash)? > count => {
                let noted = Self::count(NOTED, flash)? > count;
                let at = if noted { 0 } else { NOTED };
                Ok(flash.write(at + count, &[0])?)
            }
            _ => Ok(()),
        }
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u32, Self::Error> {
        Ok(Self::count(0, flash)?)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, (): &()) -> Result<(), Self::Error> {
        let count = Self::count(0, flash)?;
        match self {
            Self::Refuses if count == 1 => return Err(None),
            Self::Pretends if count == 1 => return Ok(()),
            Self::RecoversLate => flash.write(MARK + count, &[0])?,
            _ => {}
        }
        Ok(flash.write(count, &[0])?)
    }
}

fn explored(counter: Counter) -> Exploration {
    let script = Script::from(0).then((), 1).then((), 2).then((), 3);
    let profile = Profile::w25q64jv().with_size(4096);
    let start = Start::only(profile.erased(), Progress::default());
    let limits = Limits {
        level: Level::L2,
        audit_one_in: 10,
        ..Limits::default()
    };
    let device = Scripted::new(counter, script).resetting();
    explore(&device, &profile, &[start], &limits, &|_| {})
}

fn violated(counter: Counter) -> Vec<Property> {
    let exploration = explored(counter);
    assert!(!exploration.exhausted, "{:?}", exploration.disagreement);
    let violations = exploration.violations.iter();
    let mut violated: Vec<_> = violations.map(|v| v.finding.property).collect();
    violated.sort();
    violated.dedup();
    violated
}

#[test]
fn each_shortcoming_violates_its_own_property() {
    for (counter, property) in [
        (Counter::RefusesToMount, Property::NoBrick),
        (Counter::Panics, Property::Totality),
        (Counter::Refuses, Property::Completion),
        (Counter::Pretends, Property::ErrorHonesty),
        (Counter::RecoversLate, Property::Stability),
    ] {
        assert_eq!(violated(counter), [property]);
    }
}

#[test]
fn a_sound_store_violates_nothing_for_any_number_of_cuts() {
    assert!(violated(Counter::Sound).is_empty());
}

#[test]
fn a_power_on_that_never_ends_is_a_finding() {
    assert_eq!(violated(Counter::Hangs), [Property::Totality]);
}

#[test]
fn what_is_asked_for_after_a_cut_may_be_something_else() {
    let script = Script::from('a')
        .then(1, 'b')
        .or_after_a_cut(2, 'c')
        .then(3, 'd');
    let at = |done, instead| Progress {
        done,
        instead,
        ..Progress::default()
    };
    let asked = |progress| script.step(progress).map(|(operation, _)| *operation);
    assert_eq!([asked(at(0, 0)), asked(at(0, 1))], [Some(1), Some(2)]);
    assert_eq!([asked(at(1, 1)), asked(at(1, 2))], [Some(3), Some(3)]);
    assert_eq!(asked(at(2, 0)), None);
    let found = |progress| script.value(progress, 1);
    assert_eq!([found(at(1, 0)), found(at(1, 1))], [Some(&'b'), Some(&'c')]);
}
