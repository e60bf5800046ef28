//! Single power-ons with the power cut live: what derived states are measured by.
//!
//! The explorer derives a crash state from the state before it and executes nothing. Here the device
//! runs until its power goes, and what is on the flash then is what is there.

use std::fmt;

use sim_flash::{Cut, Op, Profile, State};

use crate::chip::{Knowledge, Knows};
use crate::explore::{Conditions, power_on};
use crate::property::Finding;
use crate::subject::{Rest, Subject};

/// A device whose power is switched on and off by hand.
///
/// It verifies an image that it has seen before by the hash of its bytes; nothing else is kept from one
/// power-on to the next.
pub struct LiveDevice<'s, S> {
    subject: &'s S,
    profile: &'s Profile,
    known: Knowledge,
}

impl<S> fmt::Debug for LiveDevice<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveDevice").finish_non_exhaustive()
    }
}

/// What one power-on did.
#[derive(Clone, Debug)]
pub struct LivePowerOn<W> {
    /// The flash when it ended.
    pub after: State,
    /// The world from operation `.0` on, in ascending order; the first is at 0.
    pub worlds: Vec<(u32, W)>,
    /// Completed operations.
    pub ops: Vec<Op>,
    /// The operation that the cut hit.
    pub torn: Option<Op>,
    /// How it ended, unless the power was cut.
    pub rest: Option<Rest>,
    /// Violations that the subject's judge saw.
    pub findings: Vec<Finding>,
}

impl<'s, S: Subject> LiveDevice<'s, S> {
    /// A device that has not been switched on yet.
    pub fn new(subject: &'s S, profile: &'s Profile) -> Self {
        Self {
            subject,
            profile,
            known: Knowledge::default(),
        }
    }

    /// Switches it on in this state and world, and leaves it alone until it rests or resets, or until
    /// the cut.
    pub fn power_on(
        &mut self,
        state: State,
        world: S::World,
        cut: Option<Cut>,
    ) -> LivePowerOn<S::World> {
        let conditions = Conditions {
            cut,
            ..Conditions::undisturbed(Knows::Results(&mut self.known))
        };
        let run = power_on(self.subject, self.profile, state, world, conditions);
        LivePowerOn {
            ops: run.done().filter_map(|row| row.op()).collect(),
            torn: run.torn(),
            rest: run.end.ok(),
            findings: run.findings,
            after: run.state,
            worlds: run.changes,
        }
    }
}

impl<W> LivePowerOn<W> {
    /// The world as a cut in operation `op` finds it.
    pub fn world_at(&self, op: usize) -> &W {
        let after = self.worlds.partition_point(|(at, _)| *at as usize <= op);
        // The first stands at operation 0.
        &self.worlds[after - 1].1
    }

    /// The world in the end.
    pub fn world(&self) -> &W {
        &self.worlds[self.worlds.len() - 1].1
    }
}
