//! States that stand for others: see [`Subject::simplest`].
//!
//! A device that numbers what it writes never comes back to a state, and exploring it would never end.
//! But it does the same with other numbers, so a state is explored as the simplest one that does.
//! What it is merged by is then what that one is merged by. The states that follow are met with the
//! numbers of the one that was explored, and stood for in turn.
//!
//! A state that is stood for demands what its stand-in demands: the same bytes, at the same
//! addresses, and more where the stand-in makes the device look further. So of what leads to it no less is asked
//! than if it had been explored itself.

use std::collections::hash_map::Entry;
use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Level, Op, State, Tear};

use super::super::tally::Shown;
use super::super::trie::{HashedMap, LeafId};
use super::super::view::Base;
use super::compare::{Comparison, Found};
use super::pass::{Situation, situation};
use super::{Class, Engine, Stop};
use crate::subject::World;

/// A state that is met: what follows in it, and how it was come by.
pub(super) struct Met<'w, W> {
    pub(super) leaf: LeafId,
    pub(super) world: &'w W,
    /// What it follows.
    pub(super) from: Shown,
    pub(super) cuts: u32,
    pub(super) aside: bool,
}

/// What stands for what, as far as it is known.
#[derive(Default)]
pub(super) struct Simplest {
    /// By a hash of the numbered sectors: that of those that stand for them, if they are others.
    of: HashedMap<u128, Option<u128>>,
    /// By a hash of the numbered sectors: a state that has them.
    states: HashedMap<u128, State>,
    /// What follows in a state with weak bits that nothing stands for.
    pub(super) leaves: HashedMap<Situation, LeafId>,
}

impl Simplest {
    /// For how many things its tables have room.
    pub(super) fn capacities(&self) -> (usize, usize, usize) {
        (
            self.of.capacity(),
            self.states.capacity(),
            self.leaves.capacity(),
        )
    }
}

/// One in so many states that are stood for is executed, to be compared.
const COMPARED: usize = 8;

/// The same of those behind the first [`MANY`]: there comparing takes longer than judging.
const COMPARED_LATER: usize = 64;

/// Somewhat more states than are stood for in one pass of a sweep of a few cuts.
const MANY: usize = 1 << 17;

/// Whether the state that is stood for after so many is compared, as one in so many of the first.
pub(super) const fn is_compared(before: usize, one_in: usize) -> bool {
    before.is_multiple_of(if before < MANY {
        one_in
    } else {
        COMPARED_LATER
    })
}

impl<W: World> Engine<'_, W> {
    /// The class of the state, or of the one that stands for it, and that one, if it was not met yet.
    pub(super) fn unmet(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        met: &Met<'_, W>,
    ) -> Result<Option<(Class, State)>, Stop> {
        let class = self.class_of(base, torn, met.leaf);
        if !self.is_new(class, met.cuts, met.aside) {
            return Ok(None);
        }
        // Even if it is known what stands for the class: for this state of it that may be another one.
        let (stand_in, state) = self.find_stand_in(base, torn, class, met)?;
        let met_before = stand_in != class && !self.is_new(stand_in, met.cuts, met.aside);
        Ok((!met_before).then_some((stand_in, state)))
    }

    /// The class of the state, or of the one that stands for it.
    pub(super) fn stand_in(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        met: &Met<'_, W>,
    ) -> Result<Class, Stop> {
        let class = self.class_of(base, torn, met.leaf);
        if let Some(stand_in) = self.pass.stand_ins.get(&class) {
            return Ok(*stand_in);
        }
        if self.is_known(&class) {
            return Ok(class);
        }
        let (stand_in, _) = self.find_stand_in(base, torn, class, met)?;
        Ok(stand_in)
    }

    fn find_stand_in(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        class: Class,
        met: &Met<'_, W>,
    ) -> Result<(Class, State), Stop> {
        let state = self.state_of(base, torn);
        let Some(simplest) = self.simplest(&state) else {
            return Ok((class, state));
        };
        let mut base = Base::new(&simplest);
        let root = self.trie.root(met.world);
        let leaf = self.leaf_of(&mut base, None, root, met.world)?;
        if is_compared(self.pass.stand_ins.len(), COMPARED) && !self.audit.is_resting() {
            self.compare(&state, &simplest, met.world, met.from)?;
        }
        if leaf != class.0 {
            let demand = Rc::clone(&self.leaf(leaf).demand);
            self.grow(class.0, |grown| {
                let version = grown.version;
                grown.insert_all(&demand);
                grown.version != version
            });
        }
        let stand_in = self.class_of(&mut base, None, leaf);
        self.pass.stand_ins.insert(class, stand_in);
        Ok((stand_in, simplest))
    }

    /// The state that stands for this one, if that is another.
    pub(super) fn simplest(&mut self, state: &State) -> Option<State> {
        let sectors = self.subject.numbered()?;
        let (_, simplest) = self.hashes(state, &sectors)?;
        let simplest = self.simplest.states.get(&simplest?)?;
        let mut state = state.clone();
        state.adopt(simplest, sectors.start, sectors.end - sectors.start);
        state.seal();
        Some(state)
    }

    /// A hash of the numbered sectors of the state that stands for this one, be it itself; if any may.
    pub(super) fn stands_in(&mut self, state: &State) -> Option<u128> {
        let sectors = self.subject.numbered()?;
        let (own, simplest) = self.hashes(state, &sectors)?;
        Some(simplest.unwrap_or(own))
    }

    /// A hash of the numbered sectors, and of those of the state that stands for this one, if they are others; if
    /// any may.
    fn hashes(&mut self, state: &State, sectors: &Range<u32>) -> Option<(u128, Option<u128>)> {
        // How often its words were programmed is no number of the device's; nor does a device expect its
        // records to become weak after they were written.
        if state.counts() || self.limits.level >= Level::L4 {
            return None;
        }
        let hash = state.hash_range(sectors.clone());
        if let Some(simplest) = self.simplest.of.get(&hash) {
            return Some((hash, *simplest));
        }
        let simplest = self.find_simplest(state, hash, sectors.clone());
        self.simplest.of.insert(hash, simplest);
        Some((hash, simplest))
    }

    /// A hash of the numbered sectors of the state that stands for this one, if they are others.
    fn find_simplest(&mut self, state: &State, hash: u128, sectors: Range<u32>) -> Option<u128> {
        let plainer = self.subject.plainer(state).map(|mut plainer| {
            plainer.seal();
            (plainer.hash_range(sectors.clone()), plainer)
        });
        let known = { plainer.as_ref() }.and_then(|(hash, _)| self.simplest.of.get(hash).copied());
        if let Some(Some(simplest)) = known {
            return Some(simplest);
        }
        let (plain, plainer) = match plainer {
            Some((hash, plainer)) => (hash, Some(plainer)),
            None => (hash, None),
        };
        // What is known now is the simplest itself.
        let simplest = match known {
            Some(_) => None,
            None => { self.subject }.simplest(plainer.as_ref().unwrap_or(state)),
        };
        let mut simplest = simplest.or(plainer)?;
        simplest.seal();
        let found = simplest.hash_range(sectors);
        if plain != found {
            self.simplest.of.insert(plain, Some(found));
        }
        if let Entry::Vacant(new) = self.simplest.states.entry(found) {
            // Nothing stands for what stands for others.
            debug_assert!(self.subject.simplest(&simplest).is_none());
            self.simplest.of.insert(found, None);
            self.held.keep_state(&simplest, state);
            new.insert(simplest);
        }
        Some(found).filter(|found| *found != hash)
    }

    /// Has a state compared with the one that stands for it: see [`compare`](super::compare).
    pub(super) fn compare(
        &mut self,
        state: &State,
        simplest: &State,
        world: &W,
        at: Shown,
    ) -> Result<(), Stop> {
        let comparison = Comparison {
            state: state.clone(),
            simplest: simplest.clone(),
            situation: situation(simplest, self.trie.root(world)),
            world: world.clone(),
            at,
        };
        match self.comparisons.add(comparison) {
            Some(found) => self.take_note(&found),
            None => Ok(()),
        }
    }

    /// Takes note of all that was compared in this pass.
    pub(super) fn finish_comparing(&mut self) -> Result<(), Stop> {
        for _ in 0..2 {
            let found = self.comparisons.hand_over();
            self.take_note(&found)?;
        }
        Ok(())
    }

    fn take_note(&mut self, found: &Found) -> Result<(), Stop> {
        self.counts.audited += found.agreed;
        self.counts.boots += found.boots;
        match found.differs() {
            Some(at) => Err(self.disagrees(
                at,
                "a state behaves otherwise than the one that stands for it",
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_states_fewer_are_compared() {
        let compared =
            |of: Range<usize>| of.filter(|before| is_compared(*before, COMPARED)).count();
        assert_eq!(compared(0..MANY), MANY / 8);
        assert_eq!(compared(MANY..3 * MANY), MANY / 32);
    }
}
