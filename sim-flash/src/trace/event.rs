//! Events: what happened to cells without any operation.

use super::Trace;
use crate::fault::Failure;

/// A scripted failure of cells when it struck: stuck bits, rot, disturb.
///
/// Failures of operations, wear-out among them, are outcomes of their rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// How many rows the trace held by then.
    pub place: usize,
    /// During which power-on, from 0.
    pub boot: u32,
    /// Device time, in nanoseconds since the flash was made.
    pub time: u64,
    /// What happened.
    pub what: Failure,
}

impl Trace {
    /// What happened to cells between the operations, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn push_event(&mut self, boot: u32, time: u64, what: Failure) {
        let place = self.len();
        self.events.push(Event {
            place,
            boot,
            time,
            what,
        });
    }

    /// Those that happened before the row at `place`, and after the one before it.
    pub(super) fn events_at(&self, place: usize) -> impl Iterator<Item = &Event> {
        let first = self.events.partition_point(|event| event.place < place);
        let here = self.events[first..].iter();
        here.take_while(move |event| event.place == place)
    }
}
