//! The device around a store: mounts it, judges what it finds, and goes on with its script.

use std::fmt::Debug;

use super::Store;
use crate::chip::Chip;
use crate::property::{Property, completion, error_honesty, promises};
use crate::subject::{Dead, Journal, Place, Rest, Subject};

/// Operations in the order in which they are asked for, each with what is to be found after it; at most 64.
#[derive(Clone, Debug)]
pub struct Script<O, V> {
    before: V,
    steps: Vec<Step<O, V>>,
}

#[derive(Clone, Debug)]
struct Step<O, V> {
    first: (O, V),
    /// What is asked for if a cut prevented the first.
    instead: Option<(O, V)>,
}

impl<O, V> Step<O, V> {
    fn chosen(&self, instead: bool) -> &(O, V) {
        match &self.instead {
            Some(other) if instead => other,
            _ => &self.first,
        }
    }
}

impl<O, V> Script<O, V> {
    /// An empty script, for a store that holds `value` at the start.
    pub fn from(value: V) -> Self {
        Self {
            before: value,
            steps: Vec::new(),
        }
    }

    /// Then `operation`, after which the store holds `value`.
    #[must_use]
    pub fn then(mut self, operation: O, value: V) -> Self {
        self.steps.push(Step {
            first: (operation, value),
            instead: None,
        });
        self
    }

    /// But when a cut has prevented the last operation, this one: what a device is asked for after a cut need not be
    /// what it was asked for before.
    #[must_use]
    pub fn or_after_a_cut(mut self, operation: O, value: V) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.instead = Some((operation, value));
        }
        self
    }

    pub(super) fn step(&self, progress: Progress) -> Option<&(O, V)> {
        let step = self.steps.get(usize::from(progress.done))?;
        Some(step.chosen(progress.instead & 1 << progress.done != 0))
    }

    /// What the store holds after `done` operations.
    pub(super) fn value(&self, progress: Progress, done: u16) -> Option<&V> {
        match done.checked_sub(1) {
            None => Some(&self.before),
            Some(last) => {
                let (_, value) = self.step(Progress {
                    done: last,
                    ..progress
                })?;
                Some(value)
            }
        }
    }
}

/// How far a script has come: the world of a [`Scripted`] device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Operations that count as done.
    pub done: u16,
    /// Of which operations the [alternative](Script::or_after_a_cut) was asked for, the first in bit 0.
    pub instead: u64,
    /// What may be found.
    pub phase: Phase,
}

/// What the outside knows of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The last operation was acknowledged, or there was none yet.
    #[default]
    Acknowledged,
    /// The next operation is under way.
    UnderWay,
    /// A power-on found that a cut had come too late to prevent the last operation, and let it be seen.
    Done,
    /// A power-on found that a cut had prevented the next operation, and let it be seen.
    Prevented,
}

/// A device that does nothing but keep a store and go through a script.
#[derive(Clone, Debug)]
pub struct Scripted<S: Store> {
    store: S,
    script: Script<S::Operation, S::Value>,
    resets: bool,
}

impl<S: Store> Scripted<S> {
    /// A device that mounts `store` at each power-on and goes on with `script`, as far as the power lasts.
    pub fn new(store: S, script: Script<S::Operation, S::Value>) -> Self {
        Self {
            store,
            script,
            resets: false,
        }
    }

    /// The same, but it resets after each operation.
    #[must_use]
    pub fn resetting(mut self) -> Self {
        self.resets = true;
        self
    }

    /// Judges what was found; `None` if that ends the matter.
    fn judge(&self, journal: &mut Journal<Progress>, found: &S::Value) -> Option<Progress> {
        let was = *journal.world();
        let Progress { done, phase, .. } = was;
        let holds = |done| self.script.value(was, done) == Some(found);
        let settled = match phase {
            _ if holds(done) => Some(done),
            Phase::UnderWay if holds(done + 1) => Some(done + 1),
            _ => None,
        };
        let Some(settled) = settled else {
            let taken_back = (0..done).any(holds);
            let property = match phase {
                Phase::UnderWay | Phase::Acknowledged => {
                    promises::broken(phase == Phase::UnderWay && !taken_back)
                }
                Phase::Done | Phase::Prevented => Property::Stability,
            };
            journal.violated(property, self.allowed(was), format!("{found:?}"));
            return None;
        };
        let phase = match phase {
            Phase::UnderWay if settled == done => Phase::Prevented,
            Phase::UnderWay => Phase::Done,
            other => other,
        };
        Some(Progress {
            done: settled,
            phase,
            ..was
        })
    }

    fn allowed(&self, was: Progress) -> String {
        let or_after = (was.phase == Phase::UnderWay)
            .then(|| self.script.value(was, was.done + 1))
            .flatten();
        let before = self.script.value(was, was.done);
        match (before, or_after) {
            (Some(before), Some(after)) => format!("{before:?} or {after:?}"),
            (Some(value), None) | (None, Some(value)) => format!("{value:?}"),
            (None, None) => "nothing".into(),
        }
    }

    /// Does the next operation; `None` if the script is through, and whether it went well.
    fn go_on(
        &self,
        mounted: &mut S::Mounted,
        chip: &mut Chip<'_>,
        journal: &mut Journal<Progress>,
    ) -> Result<Option<bool>, Dead> {
        let mut now = *journal.world();
        if now.phase == Phase::Prevented {
            now.instead |= 1 << now.done;
        }
        let Some((operation, after)) = self.script.step(now) else {
            return Ok(None);
        };
        journal.call("apply", format_args!("{operation:?}"));
        now.phase = Phase::UnderWay;
        journal.change(|progress| *progress = now);
        let applied = self.store.apply(mounted, chip, operation);
        if let Err(error) = alive(chip, applied)? {
            journal.found([completion::refused(operation, error)]);
            return Ok(Some(false));
        }
        journal.change(|progress| {
            *progress = Progress {
                done: now.done + 1,
                phase: Phase::Acknowledged,
                ..now
            }
        });
        journal.note("Ok");
        let found = self.store.value(mounted, chip);
        let dishonest = error_honesty::judge(after, &alive(chip, found)?);
        let well = dishonest.is_none();
        journal.found(dishonest);
        Ok(Some(well))
    }
}

/// What a store returned, unless the power-on is over: then it is nothing to go by.
fn alive<T>(chip: &Chip<'_>, returned: T) -> Result<T, Dead> {
    if chip.dead() || chip.hangs() {
        return Err(Dead);
    }
    Ok(returned)
}

impl<S: Store> Subject for Scripted<S> {
    type World = Progress;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<Progress>) -> Result<Rest, Dead> {
        let mounted = self.store.mount(chip);
        let mounted = alive(chip, mounted)?.and_then(|mut mounted| {
            let found = self.store.value(&mut mounted, chip)?;
            Ok((mounted, found))
        });
        let (mut mounted, found) = match alive(chip, mounted)? {
            Ok(mounted) => mounted,
            Err(error) => {
                journal.boot(format_args!("mounting failed: {error:?}"));
                journal.violated(
                    Property::NoBrick,
                    "a store that can be mounted",
                    format!("{error:?}"),
                );
                return Ok(Rest::Stuck);
            }
        };
        journal.boot(format_args!("finds {found:?}"));
        let was = *journal.world();
        let Some(progress) = self.judge(journal, &found) else {
            return Ok(Rest::Stuck);
        };
        journal.change(|now| *now = progress);
        if was.phase == Phase::UnderWay {
            return Ok(Rest::Reset);
        }
        // Ends: each round completes one of the script's operations, or returns.
        while let Some(well) = self.go_on(&mut mounted, chip, journal)? {
            if !well {
                return Ok(Rest::Stuck);
            }
            if self.resets {
                return Ok(Rest::Reset);
            }
        }
        Ok(Rest::Idle)
    }

    fn place(&self, addr: u32) -> Place {
        Place {
            name: self.store.place(addr),
            kind: "flash",
        }
    }
}
