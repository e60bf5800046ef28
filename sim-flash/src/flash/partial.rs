//! Partial erases: a sector erased in steps that the driver starts one by one and that add up.

use super::Flash;
use crate::draw;
use crate::error::{FlashError, Rule};
use crate::level::Level;
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::tear::{Fraction, Tear};
use crate::trace::Outcome;

/// How a driver erases a sector in steps; see [`Flash::set_erase_steps`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EraseSteps {
    /// How long a step takes, in nanoseconds.
    pub step: u64,
    /// What the sector holds between two steps is drawn from what a cut at that moment could leave at this level.
    pub level: Level,
    /// Same seed, same contents.
    pub seed: u64,
}

/// A sector some of whose steps are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PartlyErased {
    addr: u32,
    len: u32,
    /// What its steps add up to, in nanoseconds.
    done: u64,
}

/// Which part of an erase a step is.
pub(super) struct Step {
    /// Where in the erase it starts, and where it ends.
    from: Fraction,
    to: Fraction,
    /// What the cells are when it ends; none if the erase is complete then.
    pub(super) leaves: Option<Tear>,
}

impl Step {
    /// An operation in one step.
    pub(super) const WHOLE: Step = Step {
        from: Fraction::START,
        to: Fraction::END,
        leaves: None,
    };

    /// Where in the erase a point of the step is.
    pub(super) fn within(&self, at: Fraction) -> Fraction {
        let (from, to) = (self.from.as_ppm(), self.to.as_ppm());
        let part = at.of(u64::from(to - from));
        Fraction::ppm(from + u32::try_from(part).unwrap_or(0))
    }
}

impl<O: Observer, G> Flash<O, G> {
    /// Erases the sector at `addr` for `step` nanoseconds: one step of its erase, an operation of the chip of its own, with
    /// its own row in the trace, and cut like any other. Steps add up; whether the sector is erased now. Until it is, its
    /// cells are as `left` leaves them, it is not trusted, and to program it is a breach of
    /// [`Rule::PartlyErased`].
    ///
    /// Sectors may take turns. An erase in one piece makes the steps superfluous. A loss of power or a reset makes the
    /// driver forget what the steps came to: the sector stays as it is, and the next step is the first of a new erase. A
    /// cut that leaves `E7` in any step leaves the sector erased: cells do not need all of the time they are given.
    ///
    /// Chips that cannot do it, and steps that are too short or too long for them, are [`Rule::ErasesInSteps`].
    pub fn erase_partially(
        &mut self,
        addr: u32,
        step: u64,
        left: Tear,
    ) -> Result<bool, FlashError> {
        let sector = self.state.sector();
        self.check(OpKind::Erase, addr, u64::from(sector), sector as usize)?;
        self.check_place(OpKind::Erase, addr, sector)?;
        self.check_step(addr, step)?;
        let op = Op::erase(addr, sector);
        if !left.applies_to(&op) {
            return Err(FlashError::CutDoesNotFit {
                tear: left,
                kind: OpKind::Erase,
                addr,
                len: sector,
            });
        }
        self.step(&op, step, left)
    }

    /// Erases sectors in steps from now on, or in one piece again: a driver that lets its processor breathe, under code
    /// that only asks the traits to erase. Blocks of several sectors are erased sector by sector.
    ///
    /// Steps that the chip does not know are an error of the erase that would use them.
    pub fn set_erase_steps(&mut self, steps: Option<EraseSteps>) {
        self.steps = steps;
        self.take_care();
    }

    /// Erases the sectors of a block in steps.
    pub(super) fn erase_in_steps(
        &mut self,
        addr: u32,
        len: u32,
        steps: EraseSteps,
    ) -> Result<(), FlashError> {
        let sector = self.state.sector();
        for addr in (addr..addr + len).step_by(sector as usize) {
            let op = Op::erase(addr, sector);
            self.check_place(OpKind::Erase, addr, sector)?;
            self.check_step(addr, steps.step)?;
            // Ends: every step adds at least a nanosecond.
            loop {
                let (done, whole) = (self.done(addr), self.whole());
                let at = share(done.saturating_add(steps.step), whole);
                let seed = draw::below(steps.seed, u64::from(addr), done, u32::MAX);
                let left = self.draw(&op, at, steps.level, u64::from(seed));
                if self.step(&op, steps.step, left)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, op: &Op, duration: u64, left: Tear) -> Result<bool, FlashError> {
        let (done, whole) = (self.done(op.addr()), self.whole());
        let sum = done.saturating_add(duration);
        let last = sum >= whole;
        if self.unheard(op, duration) {
            // The driver believes it.
            if last {
                self.forget_steps(op.addr(), op.len());
            } else {
                self.add_step(op, sum);
            }
            return Ok(last);
        }
        if O::OPS {
            self.state.seal();
            self.observer.before(&self.state, op);
        }
        let most = if done == 0 {
            self.wear_out(op.addr(), op.len())
        } else {
            self.wear[(op.addr() / self.state.sector()) as usize]
        };
        let step = Step {
            from: share(done, whole),
            to: share(sum, whole),
            leaves: (!last).then_some(left),
        };
        self.strike_step(op, duration, &step)?;
        if last {
            self.finish_erase(op, duration, most)?;
            return Ok(true);
        }
        self.add_step(op, sum);
        if !self.fail(op, duration)? {
            self.state.step(op, left);
            self.force_stuck(op.addr(), op.len());
            self.note_with(op, duration, Outcome::Step(left));
        }
        if O::OPS {
            self.observer.after(&self.state, op);
        }
        Ok(false)
    }

    fn check_step(&self, addr: u32, step: u64) -> Result<(), FlashError> {
        let known = self.profile.timing.partial_erase;
        if known.is_some_and(|known| step > 0 && (known.shortest..=known.longest).contains(&step)) {
            return Ok(());
        }
        Err(FlashError::Rule {
            rule: Rule::ErasesInSteps,
            kind: OpKind::Erase,
            addr,
            len: self.state.sector(),
            at: addr,
        })
    }

    /// How long erasing a sector in one piece takes.
    fn whole(&self) -> u64 {
        self.profile
            .timing
            .erase(self.state.sector(), self.pace)
            .max(1)
    }

    /// What the steps of the sector at `addr` add up to.
    fn done(&self, addr: u32) -> u64 {
        let mut partly = self.partly.iter();
        partly
            .find(|partly| partly.addr == addr)
            .map_or(0, |partly| partly.done)
    }

    fn add_step(&mut self, op: &Op, done: u64) {
        self.forget_steps(op.addr(), op.len());
        self.partly.push(PartlyErased {
            addr: op.addr(),
            len: op.len(),
            done,
        });
        self.take_care();
    }

    /// Forgets the steps of the sectors in a range: it has been erased.
    pub(super) fn forget_steps(&mut self, addr: u32, len: u32) {
        self.partly
            .retain(|partly| partly.addr + partly.len <= addr || addr + len <= partly.addr);
        self.take_care();
    }

    /// The first sector in a range of which only some steps are done.
    pub(super) fn partly_erased(&self, addr: u32, len: u32) -> Option<u32> {
        let within =
            |partly: &&PartlyErased| partly.addr < addr + len && addr < partly.addr + partly.len;
        self.partly.iter().find(within).map(|partly| partly.addr)
    }
}

/// How much of a whole erase so many nanoseconds are.
fn share(time: u64, whole: u64) -> Fraction {
    let ppm = u128::from(time) * 1_000_000 / u128::from(whole.max(1));
    Fraction::ppm(u32::try_from(ppm).unwrap_or(u32::MAX))
}
