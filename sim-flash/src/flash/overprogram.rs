//! Programs over programmed cells: refused, or carried out as the chip does and kept as breaches.

use super::Flash;
use crate::error::FlashError;
use crate::observer::Observer;
use crate::op::{Op, OpKind};

/// What a strict flash does with a program that would set a bit, or programs a word once too often.
///
/// `MultiwriteNorFlash` defines such a program as an AND, and chips carry it out so: a 1 over a 0 changes nothing. To
/// refuse it hides what the chip would do, and makes the code under test handle an error that it never gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Overprogram {
    /// It is an error and changes nothing.
    #[default]
    Refuse,
    /// It is carried out, and kept in [`Flash::breaches`]; unless the chip itself refuses it
    /// ([`Rules::refuses_overprogram`](crate::Rules::refuses_overprogram)).
    And,
}

/// An operation that was carried out although it breaks a rule of the chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// Its number since power-on.
    pub op: u64,
    /// What a flash that refuses it would have said.
    pub error: FlashError,
}

impl<O: Observer, G> Flash<O, G> {
    /// Sets what becomes of programs over programmed cells while the flash is [strict](Flash::set_strict).
    /// [`Overprogram::Refuse`], unless told otherwise.
    pub fn set_overprogram(&mut self, overprogram: Overprogram) {
        self.overprogram = overprogram;
    }

    /// The operations since power-on that were carried out although they break a rule, in order: see
    /// [`Overprogram::And`]. One that a cut hit is not among them.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// Whether a program over programmed cells is carried out.
    pub(super) fn ands(&self) -> bool {
        self.overprogram == Overprogram::And && !self.profile.rules.refuses_overprogram
    }

    /// Keeps a breach by the operation that is counted next.
    pub(super) fn keep_breach(&mut self, error: FlashError) {
        self.breaches.push(Breach {
            op: self.ops,
            error,
        });
    }

    /// One page over programmed cells, when nothing is to be watched, cut, encrypted, counted or broken: an AND.
    #[cold]
    pub(super) fn program_over(&mut self, addr: u32, page: &[u8], error: FlashError) {
        let op = Op::program(addr, page);
        let duration = self.profile.timing.program(op.len(), self.pace);
        self.keep_breach(error);
        self.state.apply(&op);
        self.note(OpKind::Program, addr, op.len(), page, duration);
        self.stats.programs += 1;
        self.stats.bytes_programmed += u64::from(op.len());
    }
}
