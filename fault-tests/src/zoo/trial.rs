//! A new image on trial, which never confirms itself: after so many starts the device has to be back on the old one.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_flash::Level;

use super::Specimen;
use super::evidence::{P1, P4, P9};
use super::habitat::{Habitat, SECTOR, chip, home};
use super::register::Register;
use super::seal::{is_sealed, sealed};
use crate::chip::{Chip, ChipError};
use crate::property::{Property, anti_rollback};
use crate::subject::{Dead, Journal, Place, Rest, Subject};

/// Starts that an image on trial gets.
const ATTEMPTS: u8 = 1;

/// The decision: `TRIAL` plus the starts used, or `OLD`.
const DECISION: Register = Register::sound(0);
const OLD: u32 = 1;
const TRIAL: u32 = 0x100;
/// Where the old image is; the new one has a place of its own that nothing here touches.
const OLD_SLOT: u32 = 2 * SECTOR;

/// Security versions of the two images.
const OLD_VERSION: u8 = 1;
const NEW_VERSION: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    LateCount,
    TwoSteps,
    MinimumEarly,
    BeginOnTrial,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Life {
    /// Starts of the new image.
    starts: u8,
    /// The old image has run since.
    fell_back: bool,
    /// The minimum version, in a fuse.
    minimum: u8,
}

struct Trial {
    mistake: Option<Mistake>,
}

fn old_image() -> [u8; 9] {
    sealed(&[0xE9, OLD_VERSION, 0, 0])
}

impl Trial {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn boot(&self, chip: &mut Chip<'_>, journal: &mut Journal<Life>) -> Result<Rest, ChipError> {
        let decision = DECISION.get(chip)?;
        if decision < TRIAL {
            return Self::start_old(chip, journal);
        }
        let used = decision - TRIAL;
        if used >= u32::from(ATTEMPTS) {
            if self.is(Mistake::TwoSteps) {
                DECISION.put(chip, TRIAL)?;
            }
            DECISION.put(chip, OLD)?;
            return Self::start_old(chip, journal);
        }
        if !self.is(Mistake::LateCount) {
            DECISION.put(chip, decision + 1)?;
        }
        self.start_new(chip, journal)?;
        if self.is(Mistake::LateCount) {
            DECISION.put(chip, decision + 1)?;
        }
        Ok(Rest::Reset)
    }

    /// The new image runs, until it hangs and the watchdog bites.
    fn start_new(&self, chip: &mut Chip<'_>, journal: &mut Journal<Life>) -> Result<(), ChipError> {
        journal.change(|life| life.starts = life.starts.saturating_add(1));
        let life = *journal.world();
        journal.boot(format_args!("the new image runs, start {}", life.starts));
        if life.starts > ATTEMPTS || life.fell_back {
            let allowed = format!("{ATTEMPTS} start of the new image, then the old one for ever");
            let got = if life.fell_back {
                "the new image again, after the old one".to_owned()
            } else {
                format!("start {}", life.starts)
            };
            journal.violated(Property::RollbackConvergence, allowed, got);
        }
        if self.is(Mistake::MinimumEarly) {
            journal.note("the minimum version is raised");
            journal.change(|life| life.minimum = NEW_VERSION);
        }
        if self.is(Mistake::BeginOnTrial) {
            journal.call("begin", "the old image's slot");
            chip.erase(OLD_SLOT, OLD_SLOT + SECTOR)?;
        }
        journal.note("the new image hangs; the watchdog resets the device");
        Ok(())
    }

    fn start_old(chip: &mut Chip<'_>, journal: &mut Journal<Life>) -> Result<Rest, ChipError> {
        let minimum = journal.world().minimum;
        let got = format!("the old image has {OLD_VERSION}, the new one is rolled back");
        let locked_out = anti_rollback::judge(OLD_VERSION.into(), minimum.into(), &got);
        if locked_out.is_some() {
            journal.found(locked_out);
            return Ok(Rest::Stuck);
        }
        let mut image = [0; 9];
        chip.read(OLD_SLOT, &mut image)?;
        if !is_sealed(&image) {
            journal.violated(Property::NoBrick, "an image that verifies", "none is left");
            return Ok(Rest::Stuck);
        }
        journal.boot("the old image runs");
        journal.change(|life| life.fell_back = true);
        Ok(Rest::Idle)
    }
}

impl Subject for Trial {
    type World = Life;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<Life>) -> Result<Rest, Dead> {
        let violated = |life: &Life| life.starts > ATTEMPTS;
        let rest = self.boot(chip, journal).map_err(|_| Dead)?;
        // Nothing new is behind a start too many.
        Ok(if violated(journal.world()) {
            Rest::Stuck
        } else {
            rest
        })
    }

    fn place(&self, addr: u32) -> Place {
        let name = match addr / SECTOR {
            n @ 0..=1 => format!("decision[{n}]"),
            _ => "old slot".into(),
        };
        Place {
            name,
            kind: "flash",
        }
    }
}

fn trial(mistake: Mistake, broken: bool) -> Box<dyn Habitat> {
    let trial = Trial {
        mistake: broken.then_some(mistake),
    };
    let profile = chip(3);
    let mut state = profile.erased();
    DECISION.load(&mut state, OLD, TRIAL);
    state.load(OLD_SLOT, &old_image());
    let life = Life {
        minimum: OLD_VERSION,
        ..Life::default()
    };
    home(trial, profile, state, life)
}

pub(super) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "late-count",
        mistake: "A start is counted when the new image has run, so that a cut while it runs costs it nothing.",
        source: "RAUC: the loader decrements BOOT_x_LEFT before it boots",
        caught_by: &[P4],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| trial(Mistake::LateCount, broken),
    },
    Specimen {
        name: "rollback-in-two-steps",
        mistake: "Rolling back clears the counter, then the trial: cut in between, the trial begins anew.",
        source: "https://github.com/mcu-tools/mcuboot/issues/480, https://github.com/mcu-tools/mcuboot/pull/482",
        caught_by: &[P4],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| trial(Mistake::TwoSteps, broken),
    },
    Specimen {
        name: "minimum-raised-early",
        mistake: "The minimum version is raised when the new image first runs, not when it is confirmed. Rolled back, the device has no image that it admits.",
        source: "Google BSRS MASVN: raise the minimum in the release after; ESP-IDF raises it on confirmation",
        caught_by: &[P9],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| trial(Mistake::MinimumEarly, broken),
    },
    Specimen {
        name: "begin-on-trial",
        mistake: "An image that has not confirmed itself begins the next update, into the slot that it would be rolled back to.",
        source: "https://github.com/espressif/esp-idf/issues/14688, https://github.com/espressif/esp-idf/issues/14808",
        caught_by: &[P1],
        level: Level::L0,
        twin: Level::L2,
        build: |broken| trial(Mistake::BeginOnTrial, broken),
    },
];
