//! A chip that is lent to somebody who has to own his flash.

use super::{Chip, Knows};
use crate::subject::OperationClock;

impl Chip<'_> {
    /// The chip itself, without what is known from other power-ons; in its place stays one that nobody must use, until
    /// it is [given back](Chip::give_back).
    ///
    /// A subject that knows no records and makes no checks learns the same from it.
    pub(crate) fn lend(&mut self) -> Chip<'static> {
        let profile = self.flash.profile().clone();
        let state = self.flash.state().clone();
        let stand_in = Chip::new(&profile, state, OperationClock::default(), Knows::Nothing);
        let Chip {
            flash,
            cipher,
            clock,
            refused,
            determined,
            programmed,
            knows,
            accesses,
            looks,
            learned,
            listed,
            read,
            extent,
            silent,
            decisions,
            waver,
            flips,
            met,
        } = std::mem::replace(self, stand_in);
        self.knows = knows;
        Chip {
            flash,
            cipher,
            clock,
            refused,
            determined,
            programmed,
            knows: Knows::Nothing,
            accesses,
            looks,
            learned,
            listed,
            read,
            extent,
            silent,
            decisions,
            waver,
            flips,
            met,
        }
    }

    /// Takes back what was [lent](Chip::lend).
    pub(crate) fn give_back(&mut self, lent: Chip<'static>) {
        let knows = std::mem::replace(&mut self.knows, Knows::Nothing);
        *self = lent;
        self.knows = knows;
    }
}
