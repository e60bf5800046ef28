//! What the windows of a sweep mean to the owner of the device: how many of each consequence, and for how long they are
//! open.

use std::fmt;

use sim_flash::{Pace, Profile};

use super::report::{SweepReport, WindowReport};
use super::{profiles, thousands};
use crate::case::Window;
use crate::property::{Consequence, Property};

/// For how long the power must not fail in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// So many nanoseconds of device time, typically: one operation.
    Operation(u64),
    /// From the first erase of a slot until its image is whole.
    Download,
    /// It is no cut that does harm.
    Never,
}

/// Bytes of an entry, programmed at once.
const ENTRY: u32 = 32;
const _: () = assert!(ota_core::otadata::ENTRY_LEN == ENTRY as usize);

impl Exposure {
    /// Of a transition on flash, on this chip.
    pub fn of(transition: &str, profile: &Profile) -> Self {
        let timing = profile.timing();
        if transition.starts_with("erase otadata") {
            Self::Operation(timing.erase(profile.sector(), Pace::Typical))
        } else if transition.starts_with("program otadata") {
            Self::Operation(timing.program(ENTRY, Pace::Typical))
        } else if transition.ends_with("slot") {
            Self::Download
        } else {
            Self::Never
        }
    }
}

/// The exposures of several windows, in words: `open 0.1 to 45.0 ms each, or for a whole download`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposures {
    /// The shortest and the longest operation, in nanoseconds.
    pub operations: Option<(u64, u64)>,
    /// Whether one of them is open for a whole download.
    pub download: bool,
}

impl Exposures {
    /// Adds one.
    pub fn add(&mut self, exposure: Exposure) {
        match exposure {
            Exposure::Operation(time) => {
                let (least, most) = self.operations.unwrap_or((time, time));
                self.operations = Some((least.min(time), most.max(time)));
            }
            Exposure::Download => self.download = true,
            Exposure::Never => {}
        }
    }
}

impl fmt::Display for Exposures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operations {
            Some((least, most)) if least == most => write!(f, "open {} each", time(most))?,
            Some((least, most)) => {
                let (least, most) = (time(least), time(most));
                // One unit is enough for both.
                let least = least.strip_suffix(" ms").unwrap_or(&least);
                write!(f, "open {least} to {most} each")?;
            }
            None if self.download => return f.write_str("open for a whole download"),
            None => return f.write_str("open at no time of its own"),
        }
        if self.download {
            f.write_str(", or for a whole download")?;
        }
        Ok(())
    }
}

/// Nanoseconds as `45.0 ms`, or `30 us` where that is too short.
fn time(nanoseconds: u64) -> String {
    if nanoseconds < 100_000 {
        return format!("{} us", nanoseconds.div_ceil(1000));
    }
    let tenths = (nanoseconds + 50_000) / 100_000;
    format!("{}.{} ms", thousands(tenths / 10), tenths % 10)
}

/// The windows of one consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What they mean.
    pub consequence: Consequence,
    /// How many there are: a window is a property, a call and a transition.
    pub windows: usize,
    /// For how long they are open.
    pub exposures: Exposures,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            consequence,
            windows,
            exposures,
        } = self;
        let noun = if *windows == 1 { "window" } else { "windows" };
        let happens = consequence.happens();
        write!(f, "In {windows} {noun} {happens}, {exposures}.")
    }
}

impl WindowReport {
    /// What it means to the owner of the device.
    pub fn consequence(&self) -> Consequence {
        self.finding.property.consequence()
    }
}

impl SweepReport {
    /// The consequences of the windows that were met, the worst first.
    ///
    /// # Panics
    /// Never: what it takes up it has just added.
    pub fn classes(&self) -> Vec<Class> {
        let chip = self.chip();
        let mut places: Vec<(Property, Option<&Window>)> = Vec::new();
        let mut classes: Vec<Class> = Vec::new();
        for window in self.scenarios.iter().flat_map(|s| &s.windows) {
            let place = (window.finding.property, window.window.as_ref());
            if places.contains(&place) {
                continue;
            }
            places.push(place);
            let consequence = window.consequence();
            let known = { classes.iter_mut() }.find(|class| class.consequence == consequence);
            let class = match known {
                Some(class) => class,
                None => {
                    classes.push(Class {
                        consequence,
                        windows: 0,
                        exposures: Exposures::default(),
                    });
                    classes.last_mut().expect("one was pushed")
                }
            };
            class.windows += 1;
            if let (Some(chip), Some(place)) = (&chip, &window.window) {
                class.exposures.add(Exposure::of(&place.transition, chip));
            }
        }
        classes.sort_by_key(|class| class.consequence);
        classes
    }

    /// The chip that was swept.
    pub(super) fn chip(&self) -> Option<Profile> {
        profiles::profile(&self.scenarios.first()?.profile).ok()
    }

    /// What the sweep means to the owner of the device, in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let classes = self.classes();
        let states: u64 = self.scenarios.iter().map(|s| s.counts.crash_states).sum();
        if states == 0 {
            let cut = self.scenarios.iter().any(|s| s.cuts > 0);
            let operations: u64 = self.scenarios.iter().map(|s| s.counts.operations).sum();
            return vec![if cut
                && operations == 0
                && self.scenarios.iter().all(|s| s.stopped.is_none())
            {
                "Nothing is written, so no cut can do harm.".into()
            } else {
                "No power was cut: nothing is shown.".into()
            }];
        }
        let worse = |than: Consequence| classes.iter().any(|class| class.consequence <= than);
        let mut sentences = Vec::new();
        if self.scenarios.iter().any(|s| s.stopped.is_some()) {
            sentences.push("The sweep was not finished; so far:".into());
        }
        if !worse(Consequence::Redo) {
            sentences.push(
                "Never bricked; nothing runs that nobody chose or confirmed; no promise is lost."
                    .into(),
            );
        } else if !worse(Consequence::Bricked) {
            sentences.push("Never bricked.".into());
        }
        let told = classes
            .iter()
            .filter(|class| class.consequence < Consequence::Nothing);
        sentences.extend(told.map(Class::to_string));
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposures_are_said_in_words() {
        let mut exposures = Exposures::default();
        assert_eq!(exposures.to_string(), "open at no time of its own");
        exposures.add(Exposure::Download);
        assert_eq!(exposures.to_string(), "open for a whole download");
        exposures.add(Exposure::Operation(45_000_000));
        exposures.add(Exposure::Operation(30_200));
        assert_eq!(
            exposures.to_string(),
            "open 31 us to 45.0 ms each, or for a whole download"
        );
    }

    #[test]
    fn a_window_is_open_while_its_operation_lasts() {
        let chip = Profile::w25q64jv();
        let erase = Exposure::of("erase otadata (NEW -> erased)", &chip);
        assert_eq!(erase, Exposure::Operation(45_000_000));
        let program = Exposure::of("program otadata (-> NEW)", &chip);
        assert!(program < erase && program > Exposure::Operation(0));
        assert_eq!(Exposure::of("program slot", &chip), Exposure::Download);
        assert_eq!(Exposure::of("a read that wavers", &chip), Exposure::Never);
    }
}
