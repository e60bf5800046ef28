//! Power and reset: cuts, when they fire, and what comes after.

use super::Flash;
use super::partial::Step;
use crate::draw;
use crate::error::FlashError;
use crate::level::Level;
use crate::observer::Observer;
use crate::op::Op;
use crate::state::State;
use crate::tear::{Density, Fraction, Tear, tears_at};
use crate::trace::Outcome;

/// One loss of power, armed in advance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cut {
    /// The operation of the chip it hits, counted from 0 since power-on.
    pub op: u64,
    /// What it leaves behind of it.
    pub tear: Tear,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Power {
    On,
    Off,
    /// The processor is in reset, the chip is powered.
    Reset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Armed {
    Cut(Cut),
    /// A cut at a point of an operation; the tear is drawn.
    At {
        op: u64,
        at: Fraction,
        level: Level,
        seed: u64,
    },
    /// A cut so many nanoseconds after power-on; the tear is drawn.
    After {
        time: u64,
        level: Level,
        seed: u64,
    },
    /// A reset of the processor at a point of an operation.
    Reset {
        op: u64,
        at: Fraction,
    },
}

/// An operation that the chip is carrying out while nobody watches.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) op: Op,
    /// Device time at which it will be done.
    pub(super) until: u64,
    /// Contents before it.
    before: State,
}

impl<O: Observer, G> Flash<O, G> {
    /// Arms a cut. It replaces whatever was armed and has not fired.
    ///
    /// The caller says what is left behind, so no level is asked: [`tears`](crate::tears) lists what a level allows.
    pub fn arm(&mut self, cut: Cut) {
        self.arm_it(Armed::Cut(cut));
    }

    /// Arms a cut at a point of an operation. What it leaves behind is drawn by `seed` from what can be left at that
    /// point at `level`, families with equal chances.
    pub fn arm_at(&mut self, op: u64, at: Fraction, level: Level, seed: u64) {
        self.arm_it(Armed::At {
            op,
            at,
            level,
            seed,
        });
    }

    /// Arms a cut so many nanoseconds of device time after power-on, wherever that is; between operations nothing is torn.
    pub fn arm_after(&mut self, nanoseconds: u64, level: Level, seed: u64) {
        self.arm_it(Armed::After {
            time: nanoseconds,
            level,
            seed,
        });
    }

    /// Arms a reset of the processor at a point of an operation. The chip keeps its power and completes it alone; every
    /// call fails with [`FlashError::Reset`] until [`restart`](Flash::restart).
    pub fn arm_reset(&mut self, op: u64, at: Fraction) {
        self.arm_it(Armed::Reset { op, at });
    }

    fn arm_it(&mut self, armed: Armed) {
        self.armed = Some(armed);
        self.fired = false;
        self.take_care();
    }

    /// Whether what was armed last has fired. A harness that never looks proves nothing.
    pub fn fired(&self) -> bool {
        self.fired
    }

    /// Whether the power is off, or the processor in reset.
    pub fn dead(&self) -> bool {
        self.power != Power::On
    }

    /// Turns the power off between two operations. One that the chip is completing alone after a reset is torn as by
    /// `running`, if that applies to it; otherwise it is taken to have just been completed.
    pub fn power_off(&mut self, running: Option<Tear>) {
        if let Some(Running { op, before, .. }) = self
            .running
            .take()
            .filter(|running| self.stats.device_time < running.until)
            && let Some(tear) = running.filter(|tear| tear.applies_to(&op))
        {
            self.state = before;
            self.state.tear(&op, tear);
        }
        self.power = Power::Off;
        self.take_care();
    }

    /// Turns the power on (off and on, if it is on). Operations count from 0 again; what was armed and has not fired is
    /// disarmed. A suspended erase, and one of which some steps are done, is lost: its sector stays as it is.
    pub fn power_on(&mut self) {
        self.running = None;
        self.suspended = None;
        self.start();
    }

    /// Starts the processor again after a reset, without a loss of power. The chip may still be busy.
    ///
    /// After a cut this does nothing: only [`power_on`](Flash::power_on) helps.
    pub fn restart(&mut self) {
        if self.power != Power::Off {
            self.start();
        }
    }

    fn start(&mut self) {
        self.power = Power::On;
        self.ops = 0;
        self.reads = 0;
        self.partly.clear();
        self.breaches.clear();
        self.boot += 1;
        self.booted = self.stats.device_time;
        self.armed = None;
        self.take_care();
    }

    /// Whether the chip is still busy with an operation from before a reset. While it is, reads return garbage and
    /// programs and erases go unheard.
    pub fn busy(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| self.stats.device_time < running.until)
    }

    /// Lets device time pass, in nanoseconds.
    pub fn wait(&mut self, nanoseconds: u64) {
        // Centuries are enough; the clock must not run over.
        let later = self
            .stats
            .device_time
            .saturating_add(nanoseconds)
            .min(u64::MAX / 2);
        self.stats.device_time = self.stats.device_time.max(later);
    }

    #[inline]
    pub(super) fn alive(&self) -> Result<(), FlashError> {
        match self.power {
            Power::On => Ok(()),
            Power::Off => Err(FlashError::PowerLost),
            Power::Reset => Err(FlashError::Reset),
        }
    }

    /// Lets what is armed strike `op`, which takes `duration`, if it is due.
    pub(super) fn strike(&mut self, op: &Op, duration: u64) -> Result<(), FlashError> {
        self.strike_step(op, duration, &Step::WHOLE)
    }

    /// The same for one step of an erase.
    pub(super) fn strike_step(
        &mut self,
        op: &Op,
        duration: u64,
        step: &Step,
    ) -> Result<(), FlashError> {
        let since = self.stats.device_time - self.booted;
        let Some(armed) = self.armed else {
            return Ok(());
        };
        match armed {
            Armed::Cut(cut) if cut.op == self.ops => {
                let tear = cut.tear;
                if !tear.applies_to(op) {
                    self.armed = None;
                    return Err(FlashError::CutDoesNotFit {
                        tear,
                        kind: op.kind(),
                        addr: op.addr(),
                        len: op.len(),
                    });
                }
                Err(self.cut(op, tear, tear.at(op), duration))
            }
            Armed::At {
                op: index,
                at,
                level,
                seed,
            } if index == self.ops => {
                let tear = self.draw(op, step.within(at), level, seed);
                Err(self.cut(op, tear, at, duration))
            }
            Armed::After { time, level, seed } if since + duration >= time => {
                #[allow(clippy::cast_possible_truncation)] // at most a million
                let ppm = (u128::from(time.saturating_sub(since)) * 1_000_000
                    / u128::from(duration.max(1))) as u32;
                let at = Fraction::ppm(ppm);
                let tear = self.draw(op, step.within(at), level, seed);
                Err(self.cut(op, tear, at, duration))
            }
            Armed::Reset { op: index, at } if index == self.ops => {
                Err(self.reset(op, at, duration, step.leaves))
            }
            _ => Ok(()),
        }
    }

    /// Whether the power goes during a read that takes `duration`.
    pub(super) fn strike_read(&mut self, duration: u64) -> Result<(), FlashError> {
        let since = self.stats.device_time - self.booted;
        match self.armed {
            Some(Armed::After { time, .. }) if since + duration >= time => {
                self.stats.device_time += time.saturating_sub(since);
                self.lose_power();
                Err(FlashError::PowerLost)
            }
            _ => Ok(()),
        }
    }

    fn cut(&mut self, op: &Op, tear: Tear, at: Fraction, duration: u64) -> FlashError {
        self.state.tear(op, tear);
        self.force_stuck(op.addr(), op.len());
        self.note_with(op, at.of(duration), Outcome::Cut(tear));
        self.lose_power();
        FlashError::PowerLost
    }

    fn lose_power(&mut self) {
        self.stats.cuts += 1;
        self.armed = None;
        self.fired = true;
        self.power = Power::Off;
        self.take_care();
    }

    fn reset(&mut self, op: &Op, at: Fraction, duration: u64, leaves: Option<Tear>) -> FlashError {
        let before = self.snapshot();
        let outcome = match leaves {
            Some(tear) => {
                self.state.step(op, tear);
                Outcome::Step(tear)
            }
            None => {
                self.state.apply(op);
                Outcome::Reset
            }
        };
        self.force_stuck(op.addr(), op.len());
        let until = self.stats.device_time + duration;
        self.note_with(op, at.of(duration), outcome);
        self.running = Some(Running {
            op: op.clone(),
            until,
            before,
        });
        self.armed = None;
        self.fired = true;
        self.power = Power::Reset;
        self.take_care();
        FlashError::Reset
    }

    /// A tear from what a cut at this point may leave, families with equal chances.
    pub(super) fn draw(&self, op: &Op, at: Fraction, level: Level, seed: u64) -> Tear {
        let over_erase = self.profile.rules().over_erase;
        let mut list = tears_at(op, at, Density::Full, level, over_erase);
        if !self.profile.rules().program_disturb {
            list.retain(|tear| !matches!(tear, Tear::P7(..)));
        }
        let family = |tear: &Tear| tear.to_string().chars().take(2).collect::<String>();
        let mut families: Vec<String> = list.iter().map(family).collect();
        families.dedup();
        let pick = |lane: u64, count: usize| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            draw::below(seed, self.ops, lane, count) as usize
        };
        let chosen = families
            .get(pick(0, families.len()))
            .cloned()
            .unwrap_or_default();
        list.retain(|tear| family(tear) == chosen);
        // Between the windows of a mild level, a cut leaves what was there before.
        let nothing = if op.data().is_empty() {
            Tear::E0
        } else {
            Tear::P0
        };
        list.get(pick(1, list.len())).copied().unwrap_or(nothing)
    }
}
