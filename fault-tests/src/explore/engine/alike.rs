//! Tears that leave what another tear of the same operation left, or what the same state stands for.
//!
//! Where weak bits are left, or are about, each tear is carried out, as they are more than a view can show; and then
//! mostly [stood for](super::stand_in) by a state that stands for many others. What follows is the same then, so of
//! those that are alike the first alone is judged. Which are depends on the operation and the state before it, and
//! not on what is demanded. So a later pass does not even carry out the others.
//!
//! Where a check looks at what the operation touches, each is judged: what it asks of the state before depends on
//! the tear.

use std::rc::Rc;

use sim_flash::{Op, State};

use super::super::tally::Shown;
use super::super::trie::{HashedMap, LeafId};
use super::super::view::Base;
use super::again::Which;
use super::stand_in::is_compared;
use super::{Engine, Stop, memory};
use crate::chip::span;
use crate::subject::World;

/// One in so many states that are found to be like another one is executed, to be compared with what stands for it.
const COMPARED: usize = 32;

/// Tears of one operation that are like another one, and that, by number; in ascending order.
type Pairs = Rc<[(u64, u64)]>;

/// Tears that are alike, by the operation.
#[derive(Default)]
pub(super) struct Alikes {
    of: HashedMap<Which, Pairs>,
    /// How many were found to be like another one.
    found: usize,
    /// Pairs kept so far.
    pairs: usize,
}

impl Alikes {
    /// Bytes of them.
    pub(super) fn held(&self) -> u64 {
        memory::hashed(&self.of) + memory::many::<(u64, u64)>(self.pairs)
    }
}

/// The same, of the operation that is looked at.
#[derive(Default)]
pub(super) struct Alike {
    /// As far as earlier passes found out.
    known: Pairs,
    found: Vec<(u64, u64)>,
    /// The tear that was judged first of those that leave a state for which this one stands, by its hash.
    first: HashedMap<u128, u64>,
    /// What follows tears that were judged, by number.
    judged: HashedMap<u64, LeafId>,
}

impl Alike {
    /// What follows a tear that is known to be like one that was judged.
    pub(super) fn known(&self, number: u64) -> Option<LeafId> {
        let at = self
            .known
            .binary_search_by_key(&number, |(number, _)| *number);
        let (_, first) = self.known.get(at.ok()?)?;
        self.judged.get(first).copied()
    }

    /// What follows a tear that leaves this, if one that was judged does. Notes that it does.
    pub(super) fn find(&mut self, number: u64, left: u128) -> Option<LeafId> {
        let first = self.first.get(&left)?;
        self.found.push((number, *first));
        self.judged.get(first).copied()
    }

    /// Notes what follows a tear that leaves this.
    pub(super) fn judged(&mut self, number: u64, left: u128, leaf: LeafId) {
        self.first.insert(left, number);
        self.judged.insert(number, leaf);
    }
}

impl<W: World> Engine<'_, W> {
    /// What is known of an operation.
    pub(super) fn alike(&self, which: &Which) -> Alike {
        Alike {
            known: self.alikes.of.get(which).cloned().unwrap_or_default(),
            ..Alike::default()
        }
    }

    /// Keeps what was found out about an operation.
    pub(super) fn keep_alike(&mut self, which: Which, alike: Alike) {
        let mut pairs = alike.found;
        if pairs.is_empty() {
            return;
        }
        pairs.extend_from_slice(&alike.known);
        pairs.sort_unstable();
        pairs.dedup_by_key(|(number, _)| *number);
        self.alikes.pairs += pairs.len();
        self.alikes.of.insert(which, pairs.into());
    }

    /// What a state that `op` left when it was torn has in common with those that other tears of it leave; nothing if
    /// none is like it. None is at L4, where a tear may reach beyond its operation.
    pub(super) fn left(&mut self, op: &Op, base: &mut Base<'_>) -> Option<u128> {
        let (sectors, op) = (self.subject.numbered()?, span(op));
        let within = sectors.start <= op.start && op.end <= sectors.end;
        // Of a solid state what follows is its own.
        if !within || !base.is_weak() {
            return None;
        }
        self.stands_in(base.state)
    }

    /// Has some of the states compared that were found to be like another one.
    pub(super) fn compare_alike(
        &mut self,
        state: &State,
        world: &W,
        at: Shown,
    ) -> Result<(), Stop> {
        let before = self.alikes.found;
        self.alikes.found += 1;
        if is_compared(before, COMPARED)
            && let Some(simplest) = self.simplest(state)
        {
            self.compare(state, &simplest, world, at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
    use sim_flash::{Level, Profile, State};

    use super::super::super::tests::limits;
    use super::super::super::{ANY, Exploration, Limits, Start, explore};
    use crate::chip::Chip;
    use crate::subject::{Dead, Journal, Rest, Subject};

    /// Programs a byte until it reads right.
    struct Latch {
        /// What all states with weak bits are said to be like.
        weak: u8,
    }

    const SECTOR: u32 = 4096;
    const LATCHED: u8 = 0x0F;

    impl Subject for Latch {
        type World = ();

        fn power_on(&self, chip: &mut Chip<'_>, _: &mut Journal<()>) -> Result<Rest, Dead> {
            let mut byte = [0];
            chip.read(0, &mut byte).map_err(|_| Dead)?;
            if byte == [LATCHED] {
                return Ok(Rest::Idle);
            }
            // Twice where nothing was programmed.
            for _ in 0..=u8::from(byte == [0xFF]) {
                chip.erase(0, SECTOR).map_err(|_| Dead)?;
            }
            chip.write(0, &[LATCHED]).map_err(|_| Dead)?;
            Ok(Rest::Reset)
        }

        fn numbered(&self) -> Option<Range<u32>> {
            Some(0..SECTOR)
        }

        fn simplest(&self, state: &State) -> Option<State> {
            let mut weak = [0];
            state.weak(0, &mut weak);
            let is_simple = weak == [0] || weak == [self.weak];
            let mut simplest = state.clone();
            simplest.put_solid(0, &[LATCHED]);
            simplest.weaken(0, &[self.weak]);
            (!is_simple).then_some(simplest)
        }

        fn stands_for_less(&self) -> bool {
            true
        }
    }

    fn explored(latch: &Latch) -> Exploration {
        let profile = Profile::w25q64jv().with_size(16 * 1024);
        let limits = Limits {
            audit_one_in: 0,
            ..limits(Level::L3, ANY)
        };
        let starts = [Start::only(profile.erased(), ())];
        explore(latch, &profile, &starts, &limits, &|_| {})
    }

    #[test]
    fn of_tears_that_are_alike_one_is_judged_and_some_are_compared() {
        let explored = explored(&Latch { weak: !LATCHED });
        assert!(explored.closure, "{:?}", explored.disagreement);
        // The one that is judged, and some of those that are like it.
        assert!(explored.counts.audited > 1, "{:?}", explored.counts);
    }

    #[test]
    fn a_tear_that_leaves_more_than_it_is_said_to_is_found() {
        // Of one weak bit no reading is blank.
        let explored = explored(&Latch { weak: 0x80 });
        assert!(explored.disagreement.is_some());
    }
}
