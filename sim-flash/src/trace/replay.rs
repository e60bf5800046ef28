//! Replaying a trace: the same operations, cuts and failures on the same starting contents.

use std::fmt;

use super::{Outcome, Trace};
use crate::drift::Stuck;
use crate::op::{Op, OpKind};
use crate::state::State;

/// A trace that does not fit the contents it is replayed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayError {
    /// The place in the trace.
    pub place: usize,
    /// The operation.
    pub op: Op,
    /// The size of the flash.
    pub size: u32,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReplayError { place, op, size } = self;
        write!(
            f,
            "row {place} of the trace, {op}, does not fit a flash of {size:#x} bytes"
        )
    }
}

impl std::error::Error for ReplayError {}

impl Trace {
    /// Replays it on `state`: afterwards `state` holds what the flash held that recorded it, had it started from the same
    /// contents: operations, cuts, failures, and what became of cells between them. What was done to the contents past the
    /// chip ([`state_mut`](crate::Flash::state_mut)) is not in a trace, nor what
    /// [`power_off`](crate::Flash::power_off) tears of an operation that the chip was completing alone.
    ///
    /// The trace must not be a mixture: it belongs to one flash, from the beginning.
    pub fn replay(&self, state: &mut State) -> Result<(), ReplayError> {
        self.replay_each(state, |_, _| {})
    }

    /// The same, showing the contents after every row.
    pub fn replay_each(
        &self,
        state: &mut State,
        mut after: impl FnMut(usize, &State),
    ) -> Result<(), ReplayError> {
        let mut stuck = Stuck::default();
        for (place, row) in self.iter().enumerate() {
            self.events_at(place)
                .for_each(|event| stuck.drift(state, &event.what));
            if let Some(op) = row.op() {
                let end = u64::from(row.addr) + u64::from(row.len);
                if end > u64::from(state.size()) {
                    return Err(ReplayError {
                        place,
                        op,
                        size: state.size(),
                    });
                }
                match row.outcome {
                    Outcome::Done | Outcome::Reset => state.apply(&op),
                    Outcome::Cut(tear)
                    | Outcome::Failed(tear)
                    | Outcome::Silent(tear)
                    | Outcome::Suspended(tear) => {
                        state.tear(&op, tear);
                    }
                    Outcome::Step(tear) => state.step(&op, tear),
                    Outcome::Ignored | Outcome::ReadFailed => {}
                }
                stuck.force(state, row.addr, row.len);
            }
            after(place, state);
        }
        self.events_at(self.len())
            .for_each(|event| stuck.drift(state, &event.what));
        Ok(())
    }

    /// Device time spent on programs and erases, in nanoseconds: the exposure to cuts.
    pub fn exposure(&self) -> u64 {
        self.iter()
            .filter(|row| row.kind != OpKind::Read)
            .map(|row| row.duration)
            .sum()
    }
}
