//! How much memory an exploration holds, as far as it can tell.
//!
//! What is asked for is bytes, not what the system says: the same on every machine and for any number of threads. So
//! each kind of thing that is held is counted with what it takes, and with what an allocator adds to it. Counted is what
//! grows with the exploration: states, classes, nodes, the trie, power-ons with what they did, tears, memos. A sector
//! that states share is counted once, by its hash.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::mem::size_of;

use sim_flash::State;

use super::super::Limit;
use super::super::demand::Demand;
use super::super::recording::Recording;
use super::super::trie::{Folded, HashedMap, LeafId};
use super::again::{Aftermath, Which};
use super::pass::{Class, Node, Situation};
use super::settle::Done;
use super::{Branch, Does, Engine, Leaf, Stop};
use crate::property::Finding;
use crate::subject::World;

/// A sector of 4 KiB with its hashes, as allocators round it up.
const SECTOR: u64 = 5120 + 48;
/// What is known of its cells besides, where some are weak.
const OVERLAY: u64 = 5120;
/// A small allocation beyond what is asked for.
const ALLOCATION: u64 = 16;
/// A text of a finding.
const TEXT: u64 = 96;

/// What is held that no length or capacity tells.
#[derive(Default)]
pub(super) struct Held {
    /// Sectors of states, by their hashes.
    sectors: HashSet<u128, BuildHasherDefault<Folded>>,
    /// Of these, for good: sectors, nodes of states, power-ons, demands.
    kept: u64,
    /// The same of this pass.
    of_pass: u64,
    /// The most that was held.
    peak: u64,
}

impl Held {
    /// Forgets what a pass held.
    pub(super) fn begin_pass(&mut self) {
        self.sectors.clear();
        self.of_pass = 0;
    }

    /// Counts what `state` holds that `other` does not.
    pub(super) fn state(&mut self, state: &State, other: &State) {
        let (sectors, mut bytes) = (&mut self.sectors, 0);
        let nodes = state.each_unshared(other, |hash, overlaid| {
            if sectors.insert(hash) {
                bytes += SECTOR + if overlaid { OVERLAY } else { 0 };
            }
        });
        self.of_pass += bytes + nodes + ALLOCATION;
    }

    /// The same for a state that is held until the exploration is over.
    pub(super) fn keep_state(&mut self, state: &State, other: &State) {
        let mut bytes = 0;
        let nodes = state.each_unshared(other, |_, overlaid| {
            bytes += SECTOR + if overlaid { OVERLAY } else { 0 };
        });
        self.kept += bytes + nodes + ALLOCATION;
    }

    /// Counts bytes that are held until the exploration is over.
    pub(super) fn keep(&mut self, bytes: u64) {
        self.kept += bytes + ALLOCATION;
    }

    /// Counts bytes that are held until the pass is over.
    pub(super) fn of_pass(&mut self, bytes: u64) {
        self.of_pass += bytes + ALLOCATION;
    }

    /// The most that was held.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }
}

/// Bytes of so many things of one type.
pub(super) fn many<T>(count: usize) -> u64 {
    (count * size_of::<T>()) as u64
}

/// Bytes of a hash table with room for so many entries: a byte besides each, and one place in eight is free.
fn table<T>(capacity: usize) -> u64 {
    (many::<T>(capacity) + capacity as u64) * 8 / 7
}

/// Bytes of a demand.
pub(super) fn demand(of: &Demand) -> u64 {
    let parts = many::<std::ops::Range<u32>>(of.bytes.iter().count())
        + many::<usize>(of.records.len())
        + many::<u32>(of.checks.len());
    size_of::<Demand>() as u64 + parts + 3 * ALLOCATION
}

/// Bytes of what a power-on did, but for its segments, which others share.
pub(super) fn does<W>(of: &Does<W>) -> u64 {
    let Recording {
        segments,
        changes,
        calls,
        ..
    } = &of.recording;
    let findings = many::<Finding>(of.findings.len()) + of.findings.len() as u64 * 4 * TEXT;
    size_of::<Does<W>>() as u64
        + findings
        + many::<crate::subject::Mark>(of.marks.len())
        + many::<usize>(segments.len())
        + many::<(u32, W)>(changes.len())
        + many::<(u32, &str)>(calls.len())
        + 5 * ALLOCATION
}

impl<W: World> Engine<'_, W> {
    /// Counts a power-on, or several, that may follow in a state.
    pub(super) fn hold_leaf(&mut self, of: &Leaf<W>, new: bool) {
        let mut bytes = demand(&of.demand) + many::<Branch<W>>(of.branches.len());
        for branch in &of.branches {
            bytes += many::<u16>(branch.tape.len()) + ALLOCATION;
            if new {
                bytes += does(&branch.does);
            }
        }
        self.held.keep(bytes);
    }

    /// Counts what was explored.
    pub(super) fn hold_done(&mut self, met: u64) {
        self.held.of_pass(met);
    }

    /// Gives up if more is held than may be.
    pub(super) fn check_memory(&mut self) -> Result<(), Stop> {
        let held = self.held();
        self.held.peak = self.held.peak.max(held);
        if held > self.limits.memory {
            return Err(Stop::Budget(Limit::Memory));
        }
        Ok(())
    }

    /// All that is held, in bytes.
    fn held(&self) -> u64 {
        let (pass, simplest) = (&self.pass, &self.simplest);
        let classes = table::<(Class, u32)>(pass.visited.capacity())
            + table::<(Class, Class)>(pass.stand_ins.capacity());
        let listed = many::<Node>(pass.nodes.capacity())
            + many::<Done>(pass.done.capacity())
            + many::<(super::Shown, Finding)>(pass.violations.capacity())
            + pass.violations.len() as u64 * 4 * TEXT
            + pass.waiting() * size_of::<super::Work>() as u64
            + table::<(Which, Aftermath)>(pass.torn.capacity());
        let (of, states, leaves) = simplest.capacities();
        let stand_ins = table::<(u128, Option<u128>)>(of)
            + table::<(u128, State)>(states)
            + table::<(Situation, LeafId)>(leaves);
        let known = many::<Leaf<W>>(self.leaves.capacity())
            + self.trie.held()
            + self.segments.held()
            + self.leftovers.held()
            + self.known.held()
            + table::<(Vec<super::Way>, LeafId)>(self.forks.capacity());
        let sectors = table::<u128>(self.held.sectors.capacity());
        classes
            + listed
            + stand_ins
            + known
            + sectors
            + self.alikes.held()
            + self.held.kept
            + self.held.of_pass
    }
}

/// Bytes of a table of hashes.
pub(in super::super) fn hashed<K, V>(of: &HashedMap<K, V>) -> u64 {
    table::<(K, V)>(of.capacity())
}
