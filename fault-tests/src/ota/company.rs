//! A stock bootloader in place of ours, on what a cut has left of a hardened device, and on what it leaves
//! at rest.

use ota_core::boot::{BootError, BootInputs, Decision, boot};
use ota_core::efuse::Unary;
use ota_core::hardened;
use ota_core::image::StreamVerifier;
use ota_core::partition::{Slot, TABLE_LEN};
use sim_flash::{Density, Level, State, tears};

use super::application::CHUNK;
use super::device::Verifier;
use super::policy::Policy;
use super::setup::Setup;
use super::trust::each_operation;
use crate::case::replay;
use crate::chip::{Chip, ChipError, InUnits, Knowledge, Knows};
use crate::explore::Path;
use crate::property::{Finding, Property};
use crate::subject::OperationClock;

/// What a stock bootloader did.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// States in which it was started after a cut.
    pub after_cuts: u32,
    /// States in which it was started between two power-ons that nothing cut.
    pub at_rest: u32,
    /// What it should not have done, each with where.
    pub findings: Vec<(String, Finding)>,
}

/// Starts a stock bootloader after each cut of each operation of the lives without cuts, in every way of
/// `density`: it must boot an image that was published. And at the end of each power-on: it must boot what
/// our bootloader boots next, unless that goes back from an image whose trial is over, which stock code
/// does not know of.
pub fn meet(setup: &Setup, level: Level, density: Density) -> Met {
    let mut met = Met::default();
    let mut memo = Knowledge::default();
    each_operation(setup, |before, op, window, start| {
        for tear in tears(op, density, level) {
            let mut state = before.clone();
            state.tear(op, tear);
            met.after_cuts += 1;
            let found = stock(setup, &state, &mut memo);
            if let Some(found) = judge_boot(setup, &state, found.as_ref()) {
                let at = format!("{start}: {window}, {tear}");
                met.findings.push((at, found));
            }
        }
    });
    for start in &setup.starts {
        let Ok(life) = replay(&setup.device, &setup.profile, start, &Path::default(), true) else {
            continue; // without a cut every life can be lived
        };
        for (number, step) in life.steps.iter().enumerate() {
            let mut state = step.before.clone();
            for op in &step.ops {
                state.apply(op);
            }
            let found = stock(setup, &state, &mut memo);
            met.at_rest += 1;
            let at = format!("{}: behind power-on {number}", start.name);
            let wrong = judge_boot(setup, &state, found.as_ref())
                .or_else(|| judge_same(ours(setup, &state, &mut memo)?, found.as_ref()));
            met.findings.extend(wrong.map(|wrong| (at, wrong)));
        }
    }
    met
}

type Booted = Result<Decision, BootError<ChipError>>;

fn stock(setup: &Setup, state: &State, memo: &mut Knowledge) -> Option<Booted> {
    let (clock, knows) = (OperationClock::default(), Knows::Results(memo));
    let mut flash = Chip::new(&setup.profile, state.clone(), clock, knows);
    let (mut table, mut buffer) = ([0; TABLE_LEN], [0; CHUNK]);
    let mut verifier = Verifier::new(StreamVerifier::new(setup.device.target, &mut buffer).ok()?);
    Some(boot(
        &mut flash,
        &mut verifier,
        &mut Unary::new(0, 32),
        &setup.device.boot,
        &BootInputs::default(),
        &mut table,
    ))
}

/// The slot that our bootloader boots; `None` if it boots nothing, or goes back from a trial that is over.
fn ours(setup: &Setup, state: &State, memo: &mut Knowledge) -> Option<Slot> {
    let Policy::Hardened(log) = setup.device.policy else {
        return None;
    };
    let (clock, knows) = (OperationClock::default(), Knows::Results(memo));
    let mut chip = Chip::new(&setup.profile, state.clone(), clock, knows);
    let mut flash = InUnits::<1>::new(&mut chip);
    let (mut table, mut buffer) = ([0; TABLE_LEN], [0; CHUNK]);
    let mut verifier = Verifier::new(StreamVerifier::new(setup.device.target, &mut buffer).ok()?);
    let booted = hardened::boot(
        &mut flash,
        &mut verifier,
        &mut Unary::new(0, 32),
        &setup.device.boot,
        log,
        &BootInputs::default(),
        &mut table,
    );
    let decision = booted.ok()?;
    let goes_back = matches!(decision.reason, hardened::Reason::RolledBack { .. });
    (!goes_back).then_some(decision.slot)
}

fn judge_boot(setup: &Setup, state: &State, booted: Option<&Booted>) -> Option<Finding> {
    let got = match booted {
        Some(Ok(decision)) => {
            let at = decision.image.region.offset;
            let contents = &setup.device.accepted.contents;
            if contents.iter().any(|content| state.holds(at, content)) {
                return None;
            }
            format!("{} runs, and nobody published what is there", decision.slot)
        }
        Some(Err(error)) => error.to_string(),
        None => "no verifier".into(),
    };
    Some(Finding::new(
        Property::NoBrick,
        "a stock bootloader boots an image that was published",
        got,
    ))
}

fn judge_same(ours: Slot, booted: Option<&Booted>) -> Option<Finding> {
    let theirs = booted?.as_ref().ok()?.slot;
    (theirs != ours).then(|| {
        Finding::new(
            Property::AtomicSwitch,
            format!("a stock bootloader boots {ours} too"),
            format!("it boots {theirs}"),
        )
    })
}
