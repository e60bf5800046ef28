//! Crash states met one by one: judged, and entered if they are new.

use std::rc::Rc;

use sim_flash::{Level, Op, State, Tear};

use super::super::demand::Interest;
use super::super::leftovers::Kept;
use super::super::tally::Shown;
use super::super::tears::{Numbered, TearSet};
use super::super::trie::{HashedMap, LeafId};
use super::super::view::{Base, View};
use super::super::walk::{Here, Walk};
use super::again::Aftermath;
use super::{Engine, Met, Stop};
use crate::chip::{span, widen};
use crate::subject::World;

/// What is the same for all tears of one operation, and what was found out about them.
pub(super) struct Cut {
    pub(super) tears: Rc<TearSet>,
    pub(super) window: u32,
    /// Power-ons met, by the hash of all that anyone is interested in where the operation touches.
    pub(super) met: HashedMap<u128, LeafId>,
    /// The version of the interest that `met` is about.
    pub(super) version: u32,
    pub(super) interest: Option<(Interest, Kept)>,
    /// Whether the tear at hand was solved for.
    pub(super) solved: bool,
    /// What followed so far.
    pub(super) after: Aftermath,
}

impl<W: World> Engine<'_, W> {
    /// Looks at the state that a cut right before an operation leaves, which `tear` does nothing to.
    pub(super) fn meet_untorn(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        tear: Tear,
        at: &Here<'_, W>,
        cut: &Cut,
    ) -> Result<LeafId, Stop> {
        self.counts.by_lookup += 1;
        let leaf = self.judge(walk, base, None, None, tear, at, cut)?;
        self.pass.tally.met(leaf, 1);
        Ok(leaf)
    }

    /// Looks at the state that a cut leaves: finds its power-on, and enters it if it is new.
    pub(super) fn meet(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        numbered: Numbered,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<LeafId, Stop> {
        self.counts.by_lookup += 1;
        let tear = numbered.tear;
        let torn = Some((op, tear));
        if base.state.counts() || self.leaves_weak(base.state, op, tear) {
            // Weak bits and counts are more than a view can show, so this one is carried out.
            let state = self.state_of(base, torn);
            let leaf = self.judge(walk, &mut Base::new(&state), None, torn, tear, at, cut)?;
            self.note_child(&mut cut.after, base.state, op, tear, leaf);
            return Ok(leaf);
        }
        let hash = self.hash_of_interest(base, op, numbered, cut);
        if let Some(leaf) = hash.and_then(|hash| cut.met.get(&hash).copied()) {
            self.blame(walk, leaf, tear, cut);
            // It differs from a state met before in nothing that anyone looks at.
            cut.after.followed.met(leaf, 1);
            if self.audit.due(1).is_some() {
                self.check(base.state, torn, at.world, leaf, walk.from)?;
            }
            return Ok(leaf);
        }
        let leaf = self.judge(walk, base, torn, torn, tear, at, cut)?;
        self.note_child(&mut cut.after, base.state, op, tear, leaf);
        if let Some(hash) = hash
            && cut.version == self.interest.version()
        {
            cut.met.insert(hash, leaf);
        }
        Ok(leaf)
    }

    /// A hash of all that anyone is interested in where the operation touches, if that is no answer to a
    /// check.
    fn hash_of_interest(
        &mut self,
        base: &mut Base<'_>,
        op: &Op,
        numbered: Numbered,
        cut: &mut Cut,
    ) -> Option<u128> {
        let records = &self.known.records;
        if cut.version != self.interest.version() {
            cut.version = self.interest.version();
            cut.met.clear();
            let touched = widen(&span(op), base.state.size());
            let interest = self.interest.in_range(&touched, &self.known);
            cut.interest = interest.map(|interest| {
                let (state, version, tears) = (base.state, cut.version, &cut.tears);
                let kept =
                    { &mut self.leftovers }.kept(op, tears, state, &interest, version, records);
                (interest, kept)
            });
        }
        let (interest, kept) = cut.interest.as_ref()?;
        Some(self.leftovers.of(*kept, numbered, || {
            View::new(base, Some((op, numbered.tear)), &mut self.scratch).hash_of(interest, records)
        }))
    }

    /// Finds the power-on of a state, and enters the state if it is new. It is what `base` is with
    /// `shown` torn, and was left by `torn`.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn judge(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        shown: Option<(&Op, Tear)>,
        torn: Option<(&Op, Tear)>,
        tear: Tear,
        at: &Here<'_, W>,
        cut: &Cut,
    ) -> Result<LeafId, Stop> {
        let boots = self.counts.boots;
        let leaf = self.leaf_of(base, shown, at.root, at.world)?;
        let audited = torn.is_some() || self.audit.all();
        if boots == self.counts.boots && audited && self.audit.due(1).is_some() {
            self.check(base.state, shown, at.world, leaf, walk.from)?;
        }
        self.blame(walk, leaf, tear, cut);
        self.propagate(walk, leaf, torn);
        self.note_cut(walk, base, shown, leaf, at.world, tear, cut)?;
        Ok(leaf)
    }

    /// Whether `tear` leaves weak bits in a state, or meets some, or touches a row beside some.
    fn leaves_weak(&self, state: &State, op: &Op, tear: Tear) -> bool {
        let rows = widen(&span(op), state.size());
        self.limits.level >= Level::L3 && (!tear.is_stable() || state.has_weak(rows))
    }

    /// Enters the state that a cut left, if it is new.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn note_cut(
        &mut self,
        walk: &Walk,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        leaf: LeafId,
        world: &W,
        tear: Tear,
        cut: &Cut,
    ) -> Result<(), Stop> {
        let parent = &self.pass.nodes[walk.from.node as usize];
        let (cuts, aside) = (parent.cuts + 1, cut.solved || parent.aside);
        let met = Met {
            leaf,
            world,
            from: walk.from,
            cuts,
            aside,
        };
        if let Some((class, state)) = self.unmet(base, torn, &met)? {
            let node = self.pass.cut(walk, leaf, tear, cut);
            self.enter(state, class, node);
        }
        Ok(())
    }

    /// Lists what `leaf` violates against the window that led to it, also if another led there before.
    fn blame(&mut self, walk: &Walk, leaf: LeafId, tear: Tear, cut: &Cut) {
        if !self.leaf(leaf).to_blame {
            return;
        }
        for number in 0..self.leaf(leaf).branches.len() {
            let branch = Rc::clone(&self.leaf(leaf).branches[number].does);
            // Of an operation the cut before is not to blame; it is listed where its power-on is met.
            for finding in branch.findings.iter().filter(|f| f.place.is_none()) {
                if self.pass.blamed.insert((cut.window, finding.property)) {
                    let at = Shown {
                        node: self.pass.cut(walk, leaf, tear, cut),
                        branch: u32::try_from(number).unwrap_or(u32::MAX),
                    };
                    self.pass.violations.push((at, finding.clone()));
                }
            }
        }
    }
}
