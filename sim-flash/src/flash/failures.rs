//! Failures with the power on: scripted faults and stuck bits.

use super::Flash;
use crate::error::FlashError;
use crate::fault::{Failure, Fault};
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::tear::Tear;
use crate::trace::{Entry, Outcome, Recording};

/// Bits that stay as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StuckBits {
    addr: u32,
    mask: Vec<u8>,
    at: bool,
}

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
        match self.take_fault(place) {
            Failure::Read => {
                #[allow(clippy::cast_possible_truncation)] // within a flash of less than 4 GiB
                let len = len as u32;
                if self.recording == Recording::All {
                    let entry: Entry = self.entry(OpKind::Read, addr, len, 0);
                    self.trace.push_with(entry, &[], Outcome::ReadFailed);
                }
                self.reads += 1;
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

    fn drift(&mut self, failure: Failure) {
        match failure {
            Failure::Stuck { addr, mask, at } => {
                let len = u32::try_from(mask.len()).unwrap_or(u32::MAX);
                self.stuck.push(StuckBits { addr, mask, at });
                self.take_care();
                self.force_stuck(addr, len);
            }
            Failure::Rot {
                addr,
                mut mask,
                lost,
            } => {
                let mut cells = vec![0; mask.len()];
                self.state.read(addr, &mut cells);
                mask.iter_mut()
                    .zip(&cells)
                    .for_each(|(mask, cell)| *mask &= !cell);
                if lost {
                    cells
                        .iter_mut()
                        .zip(&mask)
                        .for_each(|(cell, mask)| *cell |= mask);
                    self.state.drift(addr, &cells, &mask);
                } else {
                    self.state.weaken(addr, &mask);
                }
            }
            Failure::Disturb { addr, mut mask } => {
                let mut cells = vec![0; mask.len()];
                self.state.read(addr, &mut cells);
                mask.iter_mut()
                    .zip(&cells)
                    .for_each(|(mask, cell)| *mask &= cell);
                self.state.weaken(addr, &mask);
            }
            Failure::Reported(_) | Failure::Silent(_) | Failure::Read => {}
        }
    }

    /// Puts stuck bits in `addr..addr + len` back where they are stuck.
    pub(super) fn force_stuck(&mut self, addr: u32, len: u32) {
        for bits in &self.stuck {
            let end = u64::from(bits.addr) + bits.mask.len() as u64;
            if u64::from(addr) >= end || u64::from(bits.addr) >= u64::from(addr) + u64::from(len) {
                continue;
            }
            let mut cells = vec![0; bits.mask.len()];
            self.state.read(bits.addr, &mut cells);
            for (cell, mask) in cells.iter_mut().zip(&bits.mask) {
                *cell = if bits.at { *cell | mask } else { *cell & !mask };
            }
            self.state.drift(bits.addr, &cells, &bits.mask);
        }
    }
}
