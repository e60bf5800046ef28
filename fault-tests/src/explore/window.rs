//! Windows: where in the device's life a cut has a given effect.

use std::collections::HashMap;
use std::fmt;

use sim_flash::{Op, OpKind, State};

use crate::subject::{Meaning, Subject};

/// The place in the device's life where a cut has a given effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// What the device was doing: `boot`, or the call of the application.
    pub call: String,
    /// The operation that the cut hit, and what was to change there: `program otadata (-> NEW)`.
    pub transition: String,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.transition)
    }
}

impl Window {
    /// The window of a cut in `op`, in the state `before` it, while `call` was under way.
    pub(crate) fn of<S: Subject + ?Sized>(
        subject: &S,
        before: &State,
        op: &Op,
        call: Option<&str>,
    ) -> Self {
        let place = subject.place(op.addr()).kind;
        let change = change(subject, before, op);
        let change = change.as_ref().map(|(from, to)| {
            let from = from.as_ref().map(|from| &*from.kind);
            (from, &*to.kind)
        });
        Self::new(call, verb(op), place, change)
    }

    /// The window of an operation (`verb`) on a kind of place, which `change` tells of if it is a record.
    pub(crate) fn new(
        call: Option<&str>,
        verb: &str,
        place: &str,
        change: Option<(Option<&str>, &str)>,
    ) -> Self {
        let meaning = change.map(|(from, to)| match from {
            Some(from) => format!(" ({from} -> {to})"),
            None => format!(" (-> {to})"),
        });
        Self {
            call: call.unwrap_or("boot").to_owned(),
            transition: format!("{verb} {place}{}", meaning.unwrap_or_default()),
        }
    }
}

/// The field's word for an operation.
pub(crate) fn verb(op: &Op) -> &'static str {
    match op.kind() {
        OpKind::Erase => "erase",
        _ => "program",
    }
}

/// What an operation on a record changes: from what (an erase), and to what.
pub(crate) fn change<S: Subject + ?Sized>(
    subject: &S,
    before: &State,
    op: &Op,
) -> Option<(Option<Meaning>, Meaning)> {
    let addr = op.addr();
    let mut bytes = [0; 32];
    before.read(addr, &mut bytes);
    let from = subject.meaning(addr, &bytes)?;
    match op.kind() {
        OpKind::Erase => Some((Some(from), subject.meaning(addr, &[0xFF; 32])?)),
        _ => Some((None, subject.meaning(addr, op.data())?)),
    }
}

/// Every window of an exploration, by number.
#[derive(Default)]
pub(super) struct Windows {
    windows: Vec<Window>,
    known: HashMap<Window, u32>,
}

impl Windows {
    pub(super) fn of(&mut self, window: Window) -> u32 {
        if let Some(known) = self.known.get(&window) {
            return *known;
        }
        let number = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        self.windows.push(window.clone());
        self.known.insert(window, number);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&Window> {
        self.windows.get(number as usize)
    }
}
