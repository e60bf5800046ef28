//! Boots after one cut, and whether what they decide by can be [trusted](crate::property::trust).

use std::collections::HashSet;

use ota_core::boot::{BootInputs, Decision, Reason, boot};
use ota_core::efuse::Unary;
use ota_core::image::UnsignedVerifier;
use ota_core::partition::TABLE_LEN;
use sim_flash::{Density, Level, Op, State, tears};

use super::application::CHUNK;
use super::device::Verifier;
use super::setup::Setup;
use crate::case::replay;
use crate::chip::{Chip, Knowledge, Knows};
use crate::explore::{Path, Window};
use crate::property::Finding;
use crate::property::trust;
use crate::subject::{Event, OperationClock};

/// The cuts of one operation, each followed by a boot.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The operation, and the call that it is part of.
    pub window: Window,
    /// Its start.
    pub start: String,
    /// Crash states tried: those that changed anything and boot.
    pub states: u32,
    /// Of these, decisions by what cannot be trusted, each with what is wrong.
    pub findings: Vec<Finding>,
}

/// Cuts every operation of the life without cuts, from each start, once in every way of `density`.
/// An operation that was cut in the same state before is not cut again.
pub fn trials(setup: &Setup, level: Level, density: Density) -> Vec<Trial> {
    // What verification says of the same bytes, from one boot to the next.
    let mut memo = Knowledge::default();
    let mut trials = Vec::new();
    each_operation(setup, |before, op, window, start| {
        let (name, ways) = (start.to_owned(), (level, density));
        trials.push(cut(setup, before, op, window, name, ways, &mut memo));
    });
    trials
}

/// Shows each operation of the lives without cuts, once in each state: the state before it, the operation,
/// its window, and the start.
fn each_operation(setup: &Setup, mut show: impl FnMut(&State, &Op, Window, &str)) {
    let mut known = HashSet::new();
    for start in &setup.starts {
        let Ok(life) = replay(&setup.device, &setup.profile, start, &Path::default(), true) else {
            continue; // without a cut every life can be lived
        };
        for step in &life.steps {
            let mut state = step.before.clone();
            for (index, op) in (0..).zip(&step.ops) {
                if known.insert((state.hash(), op.clone())) {
                    let before = step.entries.iter().rev().filter(|e| e.at <= index);
                    let call = { before }.find_map(|entry| match entry.event {
                        Event::Call { name, .. } => Some(name),
                        _ => None,
                    });
                    let window = Window::of(&setup.device, &state, op, call);
                    show(&state, op, window, &start.name);
                }
                state.apply(op);
            }
        }
    }
}

/// Cuts `op` in every way.
fn cut(
    setup: &Setup,
    before: &State,
    op: &Op,
    window: Window,
    start: String,
    (level, density): (Level, Density),
    memo: &mut Knowledge,
) -> Trial {
    let mut trial = Trial {
        window,
        start,
        states: 0,
        findings: Vec::new(),
    };
    for tear in tears(op, density, level) {
        let mut state = before.clone();
        state.tear(op, tear);
        if tear.is_nothing() {
            continue;
        }
        if let Some(decision) = decide(setup, &state, memo) {
            trial.states += 1;
            let found = judge(setup, &state, &decision, &trial.window);
            trial.findings.extend(found);
        }
    }
    trial
}

fn decide(setup: &Setup, state: &State, memo: &mut Knowledge) -> Option<Decision> {
    let (clock, knows) = (OperationClock::default(), Knows::Results(memo));
    let mut flash = Chip::new(&setup.profile, state.clone(), clock, knows);
    let (mut table, mut buffer) = ([0; TABLE_LEN], [0; CHUNK]);
    let mut verifier = Verifier::new(UnsignedVerifier::new(setup.device.target, &mut buffer).ok()?);
    let mut efuse = Unary::of_chip(0, setup.device.target.chip);
    let inputs = BootInputs::default();
    let config = &setup.device.boot;
    let booted = boot(
        &mut flash,
        &mut verifier,
        &mut efuse,
        config,
        &inputs,
        &mut table,
    );
    booted.ok()
}

/// The entry first, then the image.
fn judge(setup: &Setup, state: &State, decision: &Decision, window: &Window) -> Option<Finding> {
    let entry = match decision.reason {
        Reason::ActiveEntry { entry, .. } => setup.device.map().entry(entry),
        _ => None,
    };
    let entry = entry.is_none_or(|entry| state.trusted(entry));
    let image = decision.image.region.offset;
    let image = state.trusted(image..image + decision.image.image_len);
    trust::judge("an entry", entry, window.clone())
        .or_else(|| trust::judge("an image", image, window.clone()))
}
