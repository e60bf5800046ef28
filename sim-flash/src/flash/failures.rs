//! Failures with the power on: scripted faults and stuck bits.

use super::Flash;
use crate::error::FlashError;
use crate::fault::{Failure, Fault};
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::tear::Tear;
use crate::trace::{Entry, Outcome, Recording};

impl<O: Observer, G> Flash<O, G> {
    /// Scripts a failure.
    pub fn inject(&mut self, fault: Fault) {
        self.faults.push(fault);
        self.take_care();
    }

    /// Forgets scripted failures that are still to come. Stuck bits stay stuck.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.take_care();
    }

    /// How many scripted failures have struck. A harness that never looks proves nothing.
    pub fn faults_fired(&self) -> u64 {
        self.faults_fired
    }

    /// Lets scripted failures strike `op`. Whether it has been dealt with.
    pub(super) fn fail(&mut self, op: &Op, duration: u64) -> Result<bool, FlashError> {
        let due = |fault: &Fault| {
            fault.is_due(
                op.kind(),
                self.ops,
                op.addr(),
                u64::from(op.len()),
                self.boot,
            ) && fault.what.strikes(op)
        };
        let Some(place) = self.faults.iter().position(due) else {
            return Ok(false);
        };
        match self.take_fault(place) {
            Failure::Reported(tear) => {
                self.state.tear(op, tear);
                self.force_stuck(op.addr(), op.len());
                self.note_with(op, duration, Outcome::Failed(tear));
                Err(FlashError::Failed {
                    kind: op.kind(),
                    addr: op.addr(),
                    len: op.len(),
                })
            }
            Failure::Silent(tear) => {
                self.silent(op, tear, duration);
                Ok(true)
            }
            drift => {
                self.drift(drift);
                Ok(false)
            }
        }
    }

    /// An operation that is acknowledged and is not what it seems.
    pub(super) fn silent(&mut self, op: &Op, tear: Tear, duration: u64) {
        self.state.tear(op, tear);
        self.force_stuck(op.addr(), op.len());
        self.note_with(op, duration, Outcome::Silent(tear));
    }

    /// Lets scripted failures strike a read.
    pub(super) fn fail_read(&mut self, addr: u32, len: usize) -> Result<(), FlashError> {
        let due = |fault: &Fault| {
            let kind_fits = !matches!(fault.what, Failure::Reported(_) | Failure::Silent(_));
            kind_fits && fault.is_due(OpKind::Read, self.reads, addr, len as u64, self.boot)
        };
        let Some(place) = self.faults.iter().position(due) else {
            return Ok(());
        };
        let at = self.faults[place].when.first();
        match self.take_fault(place) {
            failure @ (Failure::Read | Failure::Ecc) => {
                #[allow(clippy::cast_possible_truncation)] // within a flash of less than 4 GiB
                let len = len as u32;
                if self.recording == Recording::All {
                    let entry: Entry = self.entry(OpKind::Read, addr, len, 0);
                    self.trace.push_with(entry, &[], Outcome::ReadFailed);
                }
                self.reads += 1;
                if failure == Failure::Ecc {
                    let granule = self.profile.physics().granule().max(1);
                    let at = at.max(addr) / granule * granule;
                    return Err(FlashError::Ecc { addr, len, at });
                }
                Err(FlashError::Failed {
                    kind: OpKind::Read,
                    addr,
                    len,
                })
            }
            drift => {
                self.drift(drift);
                Ok(())
            }
        }
    }

    fn take_fault(&mut self, place: usize) -> Failure {
        self.faults_fired += 1;
        let what = self.faults[place].what.clone();
        if self.faults[place].once() {
            self.faults.remove(place);
            self.take_care();
        }
        what
    }

    /// Lets a failure of cells strike, and tells the trace.
    fn drift(&mut self, failure: Failure) {
        self.stuck.drift(&mut self.state, &failure);
        if self.recording != Recording::Off {
            let time = self.stats.device_time;
            self.trace.push_event(self.boot, time, failure);
        }
        self.take_care();
    }

    /// Puts stuck bits in `addr..addr + len` back where they are stuck.
    pub(super) fn force_stuck(&mut self, addr: u32, len: u32) {
        self.stuck.force(&mut self.state, addr, len);
    }
}
