//! Crash states met one by one: judged, and entered if they are new.

use std::rc::Rc;

use sim_flash::{Level, Op, State, Tear};

use super::super::Limit;
use super::super::demand::Interest;
use super::super::leftovers::Kept;
use super::super::retry::SINGLES;
use super::super::tally::Shown;
use super::super::tears::{Numbered, TearSet};
use super::super::trie::{HashedMap, LeafId};
use super::super::view::{Base, View};
use super::super::walk::{Here, Walk};
use super::again::Aftermath;
use super::alike::Alike;
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
    /// Tears that leave what another one left.
    pub(super) alike: Alike,
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
        if self.judges_each() && self.counts.by_lookup > SINGLES {
            return Err(Stop::Budget(Limit::Boots));
        }
        let Numbered { number, tear } = numbered;
        let torn = Some((op, tear));
        self.look_at_interest(base.state, op, cut);
        // Where a check looks, each is judged.
        let may_be_alike = cut.interest.is_some();
        if may_be_alike && let Some(leaf) = cut.alike.known(number) {
            return self.met_before(walk, base.state, (op, tear), leaf, at, cut);
        }
        // Weak bits and counts are more than a view can show: where a tear leaves some, it is carried out.
        let carried_out = base.state.counts() || self.leaves_weak(base.state, op, tear);
        let hash = { cut.interest.as_ref() }
            .filter(|_| !carried_out && !self.judges_each())
            .map(|(interest, kept)| {
                self.leftovers.of(*kept, numbered, || {
                    let mut view = View::new(base, torn, &mut self.scratch);
                    view.hash_of(interest, &self.known.records)
                })
            });
        if let Some(leaf) = hash.and_then(|hash| cut.met.get(&hash).copied()) {
            return self.met_before(walk, base.state, (op, tear), leaf, at, cut);
        }
        let leaf = if carried_out || base.is_weak() {
            let state = self.state_of(base, torn);
            let mut left_over = Base::new(&state);
            let left = if may_be_alike {
                self.left(op, &mut left_over)
            } else {
                None
            };
            if let Some(leaf) = left.and_then(|left| cut.alike.find(number, left)) {
                self.compare_alike(&state, at.world, walk.from)?;
                if let Some(hash) = hash {
                    cut.met.insert(hash, leaf);
                }
                return self.met_before(walk, base.state, (op, tear), leaf, at, cut);
            }
            let leaf = self.judge(walk, &mut left_over, None, torn, tear, at, cut)?;
            if let Some(left) = left {
                cut.alike.judged(number, left, leaf);
            }
            leaf
        } else {
            self.judge(walk, base, torn, torn, tear, at, cut)?
        };
        self.note_child(&mut cut.after, base.state, op, tear, leaf);
        if let Some(hash) = hash
            && cut.version == self.interest.version()
        {
            cut.met.insert(hash, leaf);
        }
        Ok(leaf)
    }

    /// Looks at a state that differs in nothing that matters from one that another tear of the operation left, which
    /// `leaf` follows.
    pub(super) fn met_before(
        &mut self,
        walk: &Walk,
        before: &State,
        (op, tear): (&Op, Tear),
        leaf: LeafId,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<LeafId, Stop> {
        self.blame(walk, leaf, tear, cut);
        cut.after.followed.met(leaf, 1);
        if self.audit.due(1).is_some() {
            self.check(before, Some((op, tear)), at.world, leaf, walk.from)?;
        }
        Ok(leaf)
    }

    /// Finds out what anyone is interested in where the operation touches, unless that is an answer to a check.
    pub(super) fn look_at_interest(&mut self, state: &State, op: &Op, cut: &mut Cut) {
        if cut.version == self.interest.version() {
            return;
        }
        cut.version = self.interest.version();
        cut.met.clear();
        let touched = widen(&span(op), state.size());
        let interest = self.interest.in_range(&touched, &self.known);
        cut.interest = interest.map(|interest| {
            let (version, tears, records) = (cut.version, &cut.tears, &self.known.records);
            let kept = { &mut self.leftovers }.kept(op, tears, state, &interest, version, records);
            (interest, kept)
        });
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
            self.enter(state, class, node, &walk.state)?;
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
