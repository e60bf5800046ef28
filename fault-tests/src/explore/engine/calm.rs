//! The second phase: the faults end, and the device must get on.
//!
//! From every state that is met, the explorer follows what happens with the power on. Within
//! [`REST`] power-ons the device must come to rest: the next one changes nothing any more. At rest
//! something new is [asked](Subject::asked) of it, and with the power on it must do that too. These
//! *calm* states are set aside and never cut. What they look at is demanded like everything else, so
//! a state stands for others here as well. Nothing is asked of a device that has left cells weak.

use super::super::REST;
use super::super::tally::Shown;
use super::super::trie::HashedMap;
use super::super::view::Base;
use super::super::walk::Walk;
use super::{Class, Edge, Engine, Met, Node, Stop};
use crate::property::completion;
use crate::subject::World;

/// What follows each state that was met in a pass, with the power on; not where weak bits decide it.
#[derive(Default)]
pub(super) struct Calm {
    next: HashedMap<Class, (Shown, Vec<Class>)>,
}

impl Calm {
    /// Notes that `child` follows `class`.
    pub(super) fn follows(&mut self, at: Shown, class: Class, child: Class) {
        let (_, next) = self.next.entry(class).or_insert_with(|| (at, Vec::new()));
        if !next.contains(&child) {
            next.push(child);
        }
    }

    /// States from which the device does not come to rest in time.
    ///
    /// A state that may follow itself is at rest, whatever else weak bits let follow.
    fn restless(&self) -> Vec<Shown> {
        // Power-ons until rest, so far as known: each round settles those one further away.
        let mut within: HashedMap<Class, u32> = HashedMap::default();
        for boots in 0..=REST {
            let settled = |class: &Class, next: &[Class]| {
                // A device that is stuck is followed by nothing; that is judged where it is stuck.
                let ahead = |next: &Class| {
                    next == class || within.contains_key(next) || !self.next.contains_key(next)
                };
                !within.contains_key(class) && next.iter().all(ahead)
            };
            let more: Vec<_> = { self.next.iter() }
                .filter(|(class, (_, next))| settled(class, next))
                .map(|(class, _)| *class)
                .collect();
            within.extend(more.into_iter().map(|class| (class, boots)));
        }
        let restless = self
            .next
            .iter()
            .filter(|(class, _)| !within.contains_key(class));
        let mut restless: Vec<_> = restless.map(|(_, (at, _))| *at).collect();
        restless.sort_unstable_by_key(|at| at.node);
        restless
    }
}

impl<W: World> Engine<'_, W> {
    /// Asks something new of a device that has come to rest in the state that the walk has led to.
    pub(super) fn ask(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        world: &W,
    ) -> Result<(), Stop> {
        let Node {
            cuts, window, calm, ..
        } = self.pass.nodes[walk.from.node as usize];
        if calm {
            if let Err(why) = self.subject.satisfied(world) {
                let finding = completion::wedged(REST, true, Err(why));
                let found = finding.map(|finding| (walk.from, finding));
                self.pass.violations.extend(found);
            }
            return Ok(());
        }
        // With weak bits left, what happens next is for the other properties.
        if walk.state.has_weak(0..walk.state.size()) {
            return Ok(());
        }
        let Some(asked) = self.subject.asked(world) else {
            return Ok(());
        };
        let root = self.trie.root(&asked);
        let leaf = self.leaf_of(base, None, root, &asked)?;
        self.propagate(walk, leaf, None);
        let met = Met {
            leaf,
            world: &asked,
            from: walk.from,
            cuts,
            aside: true,
        };
        if let Some((class, state)) = self.unmet(base, None, &met)? {
            let node = self.pass.node(Node {
                parent: walk.from.node,
                branch: walk.from.branch,
                edge: Edge::Asked,
                leaf,
                cuts,
                window,
                aside: true,
                calm: true,
            });
            self.enter(state, class, node, &walk.state)?;
        }
        Ok(())
    }

    /// Notes the states from which the device does not come to rest.
    pub(super) fn note_restless(&mut self) {
        for at in self.pass.calm.restless() {
            let finding = completion::wedged(REST, false, Ok::<(), String>(()));
            self.pass
                .violations
                .extend(finding.map(|finding| (at, finding)));
        }
    }
}
