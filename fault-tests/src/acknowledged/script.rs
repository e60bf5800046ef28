//! The device around a store: mounts it, judges what it finds, and goes on with its script.

use std::fmt::Debug;

use super::Store;
use crate::chip::Chip;
use crate::property::Property;
use crate::subject::{Dead, Journal, Place, Rest, Subject};

/// Operations in the order in which they are asked for, each with what is to be found after it.
#[derive(Clone, Debug)]
pub struct Script<O, V> {
    before: V,
    steps: Vec<(O, V)>,
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
        self.steps.push((operation, value));
        self
    }

    /// What the store holds after so many operations.
    fn value(&self, done: u16) -> Option<&V> {
        match usize::from(done).checked_sub(1) {
            None => Some(&self.before),
            Some(last) => self.steps.get(last).map(|(_, value)| value),
        }
    }
}

/// How far a script has come: the world of a [`Scripted`] device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Operations that count as done.
    pub done: u16,
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
    /// A power-on found the last operation done, or the next one not done, and let it be seen.
    Seen,
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
        let Progress { done, phase } = *journal.world();
        let holds = |done| self.script.value(done) == Some(found);
        let settled = match phase {
            _ if holds(done) => Some(done),
            Phase::UnderWay if holds(done + 1) => Some(done + 1),
            _ => None,
        };
        let Some(settled) = settled else {
            let taken_back = (0..done).any(holds);
            let property = match phase {
                Phase::UnderWay if !taken_back => Property::AtomicSwitch,
                Phase::UnderWay | Phase::Acknowledged => Property::Durability,
                Phase::Seen => Property::Stability,
            };
            journal.violated(property, self.allowed(done, phase), format!("{found:?}"));
            return None;
        };
        let phase = match phase {
            Phase::UnderWay => Phase::Seen,
            other => other,
        };
        Some(Progress {
            done: settled,
            phase,
        })
    }

    fn allowed(&self, done: u16, phase: Phase) -> String {
        let or_after = (phase == Phase::UnderWay)
            .then(|| self.script.value(done + 1))
            .flatten();
        let before = self.script.value(done);
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
        let done = journal.world().done;
        let Some((operation, after)) = self.script.steps.get(usize::from(done)) else {
            return Ok(None);
        };
        journal.call("apply", format_args!("{operation:?}"));
        journal.change(|progress| progress.phase = Phase::UnderWay);
        let applied = self.store.apply(mounted, chip, operation);
        if let Err(error) = alive(chip, applied)? {
            let got = format!("refused: {error:?}");
            journal.violated(Property::EventualCompletion, format!("{operation:?}"), got);
            return Ok(Some(false));
        }
        journal.change(|progress| {
            *progress = Progress {
                done: done + 1,
                phase: Phase::Acknowledged,
            }
        });
        journal.note("Ok");
        let found = self.store.value(mounted, chip);
        let got = match alive(chip, found)? {
            Ok(found) if found == *after => return Ok(Some(true)),
            Ok(found) => format!("{found:?}, right after Ok"),
            Err(error) => format!("{error:?}, right after Ok"),
        };
        journal.violated(Property::ErrorHonesty, format!("{after:?}"), got);
        Ok(Some(false))
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
            name: format!("sector {}", addr / 4096),
            kind: "flash",
        }
    }
}
