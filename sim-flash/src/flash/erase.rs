//! Erases: sectors and blocks, suspended ones, and wear.

use super::Flash;
use crate::error::{FlashError, Rule};
use crate::fault::Symptom;
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::profile::Pace;
use crate::tear::{Bits, Tear};
use crate::trace::Outcome;

impl<O: Observer, G> Flash<O, G> {
    /// One block of a request, in one erase or in steps.
    pub(super) fn erase_as_set(&mut self, addr: u32, len: u32) -> Result<(), FlashError> {
        match self.steps {
            Some(steps) => self.erase_in_steps(addr, len, steps),
            None => self.erase_block(addr, len),
        }
    }

    /// One erase: within bounds, aligned, power on.
    pub(super) fn erase_block(&mut self, addr: u32, len: u32) -> Result<(), FlashError> {
        let duration = if len == self.state.size() {
            self.profile.timing.chip_erase.at(self.pace)
        } else {
            self.profile.timing.erase(len, self.pace)
        };
        let op = Op::erase(addr, len);
        if self.careful {
            self.check_place(OpKind::Erase, addr, len)?;
            if self.unheard(&op, duration) {
                return Ok(());
            }
            if O::OPS {
                self.state.seal();
                self.observer.before(&self.state, &op);
            }
        }
        let most = self.wear_out(addr, len);
        self.strike(&op, duration)?;
        self.finish_erase(&op, duration, most)
    }

    /// The end of an erase, or of its last step, that no cut has struck; `most` is the count of the most worn sector.
    pub(super) fn finish_erase(
        &mut self,
        op: &Op,
        mut duration: u64,
        most: u32,
    ) -> Result<(), FlashError> {
        let (addr, len) = (op.addr(), op.len());
        if most > self.profile.endurance {
            if self.erase_worn(op, &mut duration, most)? {
                return Ok(());
            }
        } else if self.careful && self.fail(op, duration)? {
            self.erased(op);
            return Ok(());
        }
        self.state.erase(addr, len);
        if self.careful {
            self.force_stuck(addr, len);
        }
        self.note(OpKind::Erase, addr, len, &[], duration);
        self.erased(op);
        Ok(())
    }

    /// The blocks of a range, the last one first.
    pub(super) fn erase_down(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let mut blocks = Vec::new();
        let mut at = from;
        while at < to {
            let block = self.profile.timing.largest(at, to);
            blocks.push((at, block));
            at += block;
        }
        blocks
            .into_iter()
            .rev()
            .try_for_each(|(at, block)| self.erase_as_set(at, block))
    }

    /// Erases all of the chip in one operation.
    pub fn erase_chip(&mut self) -> Result<(), FlashError> {
        self.alive()?;
        self.erase_block(0, self.state.size())
    }

    fn erased(&mut self, op: &Op) {
        if self.careful {
            self.forget_steps(op.addr(), op.len());
        }
        self.stats.erases += 1;
        self.stats.bytes_erased += u64::from(op.len());
        if O::OPS {
            self.observer.after(&self.state, op);
        }
    }

    /// Counts an erase of each sector; the count of the most worn one.
    pub(super) fn wear_out(&mut self, addr: u32, len: u32) -> u32 {
        let sector = self.state.sector();
        let (from, to) = (
            (addr / sector) as usize,
            ((addr + len).div_ceil(sector)) as usize,
        );
        let mut most = 0;
        for count in &mut self.wear[from..to] {
            *count = count.saturating_add(1);
            most = most.max(*count);
        }
        most
    }

    /// An erase beyond the endurance. Whether that was all there is to it.
    #[cold]
    fn erase_worn(&mut self, op: &Op, duration: &mut u64, count: u32) -> Result<bool, FlashError> {
        let pick = self.profile.endurance as usize ^ (op.addr() / self.state.sector()) as usize;
        match self
            .symptom
            .unwrap_or(Symptom::ALL[pick % Symptom::ALL.len()])
        {
            Symptom::Slow => {
                *duration = self.profile.timing.erase(op.len(), Pace::Maximum);
                Ok(false)
            }
            // One bit in sixteen does not come back.
            Symptom::Fails => {
                let tear = Tear::E4(Bits::Seeded(5 * (count % 1_000) + 4));
                self.state.tear(op, tear);
                self.note_with(
                    op,
                    self.profile.timing.erase(op.len(), Pace::Maximum),
                    Outcome::Failed(tear),
                );
                Err(FlashError::Failed {
                    kind: OpKind::Erase,
                    addr: op.addr(),
                    len: op.len(),
                })
            }
            Symptom::Stuck => {
                self.silent(
                    op,
                    Tear::E4(Bits::Seeded(5 * (count % 1_000) + 4)),
                    *duration,
                );
                self.erased(op);
                Ok(true)
            }
            Symptom::Weak => {
                self.silent(
                    op,
                    Tear::E5(Bits::Seeded(5 * (count % 1_000) + 3)),
                    *duration,
                );
                self.erased(op);
                Ok(true)
            }
        }
    }

    /// Sets how a sector shows that it is worn out; by default each sector has its own way.
    pub fn set_symptom(&mut self, symptom: Symptom) {
        self.symptom = Some(symptom);
    }

    /// Sets how often the sector at `addr` has been erased so far. Addresses beyond the end have no sector.
    pub fn set_erase_count(&mut self, addr: u32, erases: u32) {
        if let Some(count) = self.wear.get_mut((addr / self.state.sector()) as usize) {
            *count = erases;
        }
    }

    /// Starts the erase of a sector or block and suspends it when the cells are as `tear` leaves them: other sectors can
    /// be read and programmed until [`resume_erase`](Flash::resume_erase). A loss of power meanwhile leaves it so.
    pub fn suspend_erase(&mut self, addr: u32, len: u32, tear: Tear) -> Result<(), FlashError> {
        let kind = OpKind::Erase;
        let unit = if self.profile.timing.erase(len, self.pace) == 0 {
            self.state.sector()
        } else {
            len
        };
        self.check(kind, addr, u64::from(len), unit as usize)?;
        self.check_place(kind, addr, len)?;
        let op = Op::erase(addr, len);
        if !tear.applies_to(&op) {
            return Err(FlashError::CutDoesNotFit {
                tear,
                kind,
                addr,
                len,
            });
        }
        let duration = self.profile.timing.erase(len, self.pace);
        if self.unheard(&op, duration) {
            return Ok(());
        }
        if O::OPS {
            self.state.seal();
            self.observer.before(&self.state, &op);
        }
        self.wear_out(addr, len);
        self.strike(&op, duration)?;
        self.state.tear(&op, tear);
        self.force_stuck(addr, len);
        self.note_with(
            &op,
            tear.at(&op).of(duration) + self.profile.timing.suspend,
            Outcome::Suspended(tear),
        );
        self.suspended = Some(op);
        self.take_care();
        Ok(())
    }

    /// Resumes the suspended erase and completes it. It can be cut like any other; the last erase pulse starts anew, so
    /// it takes its time again.
    pub fn resume_erase(&mut self) -> Result<(), FlashError> {
        self.alive()?;
        let Some(op) = self.suspended.clone() else {
            let rule = Rule::NothingSuspended;
            return Err(FlashError::Rule {
                rule,
                kind: OpKind::Erase,
                addr: 0,
                len: 0,
                at: 0,
            });
        };
        let duration = self
            .profile
            .timing
            .erase(op.len(), self.pace)
            .max(self.profile.timing.resume);
        if O::OPS {
            self.state.seal();
            self.observer.before(&self.state, &op);
        }
        self.strike(&op, duration)?;
        self.suspended = None;
        self.state.apply(&op);
        self.force_stuck(op.addr(), op.len());
        self.note(OpKind::Erase, op.addr(), op.len(), &[], duration);
        self.erased(&op);
        self.take_care();
        Ok(())
    }
}
