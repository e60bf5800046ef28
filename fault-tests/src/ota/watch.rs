//! Judges the operations of a power-on when it is over: P10 and P11.

use crate::chip::Chip;
use crate::property::containment::{self, Conduct, Deed};
use crate::property::wear;
use crate::subject::Journal;

/// Judges all that `chip` has been made to do in this power-on; `bound` is that of its commit policy.
pub(crate) fn watch<W: Clone + Eq>(
    journal: &mut Journal<W>,
    chip: &Chip<'_>,
    conduct: &Conduct<'_>,
    bound: wear::Bound,
) {
    let deeds = || {
        (0..).zip(chip.done()).map(|(index, row)| Deed {
            index,
            call: journal.call_at(index),
            row,
        })
    };
    let mut found = containment::judge(conduct, deeds());
    let sector = chip.state().sector();
    found.extend(wear::judge(conduct.map, bound, sector, deeds()));
    for (index, finding) in found {
        journal.found_at(index, finding);
    }
}
