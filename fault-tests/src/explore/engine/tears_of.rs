//! The tears of one operation, in this order: single tears, ladders over byte positions, shapes of rows, solved tears.

use std::rc::Rc;

use sim_flash::{Op, Tear};

use super::super::tears::{Operation, TearSet};
use super::super::trie::{HashedMap, LeafId};
use super::super::view::Base;
use super::super::walk::{Here, Walk};
use super::again::{Aftermath, Which};
use super::alike::Alike;
use super::meet::Cut;
use super::pass::situation;
use super::rows::Grounds;
use super::{Engine, Stop};
use crate::chip::{nothing_done, span};
use crate::subject::World;

impl<W: World> Engine<'_, W> {
    /// Meets the states after each tear of `op`; the walk stands right before `op`.
    ///
    /// Returns the leaf of the power-on after a cut right before `op`, if a cut right after `op` is known to lead to the
    /// same leaf.
    pub(super) fn tear_one(
        &mut self,
        walk: &mut Walk,
        op: &Op,
        tears: &Rc<TearSet>,
        here: Option<LeafId>,
        at: &Here<'_, W>,
    ) -> Result<Option<LeafId>, Stop> {
        walk.state.seal();
        let state = walk.state.clone();
        let mut base = Base::new(&state);
        let touched = self.may_reach(&span(op), &state);
        let mut cut = Cut {
            tears: Rc::clone(tears),
            window: self.window(&state, op, at.call),
            met: HashedMap::default(),
            version: 0,
            interest: None,
            solved: false,
            alike: Alike::default(),
            after: Aftermath::default(),
        };
        let before = match here {
            Some(leaf) => {
                self.counts.by_family += 1;
                self.pass.tally.met(leaf, 1);
                if self.audit.all() {
                    self.check(&state, None, at.world, leaf, walk.from)?;
                }
                leaf
            }
            None => self.meet_untorn(walk, &mut base, nothing_done(op), at, &cut)?,
        };
        if here.is_none() && self.is_dead_weight(walk, before, &touched, false) {
            self.counts.by_family += tears.count();
            self.pass.tally.met(before, tears.count());
            let tear = |number| tears.get(number);
            self.audit_of(tears.count(), tear, &state, op, at.world, before, walk.from)?;
            return Ok(Some(before));
        }
        let which = Which {
            situation: situation(&state, at.root),
            operation: Operation::of(op, tears),
            window: cut.window,
        };
        if self.judge_again(walk, op, &which) {
            self.counts.by_family += tears.count();
            return Ok(None);
        }
        cut.alike = self.alike(&which);
        let mut grounds = Grounds {
            old: before,
            risen: before,
            zero: before,
        };
        // The subject reads images through a digest: see `rows`.
        self.look_at_interest(&state, op, &mut cut);
        let told_by_digest = cut.interest.is_none();
        for tear in tears.singles() {
            if told_by_digest && tear.tear.rises_from_old() {
                self.counts.represented += 1;
                continue;
            }
            let leaf = self.meet(walk, &mut base, op, tear, at, &mut cut)?;
            match tear.tear {
                Tear::E7 => grounds.risen = leaf,
                Tear::E3 => grounds.zero = leaf,
                _ => {}
            }
        }
        for &ladder in &tears.ladders {
            if told_by_digest && ladder.tear(1).rises_from_old() {
                self.counts.represented += ladder.count();
                continue;
            }
            self.climb(walk, &mut base, op, ladder, at, &mut cut)?;
        }
        self.meet_rows(walk, &mut base, op, grounds, at, &mut cut)?;
        cut.solved = true;
        for tear in tears.solved() {
            self.meet(walk, &mut base, op, tear, at, &mut cut)?;
        }
        self.keep_alike(which, cut.alike);
        self.remember(walk, which, cut.after);
        Ok(None)
    }
}
