//! The explorer: cuts the power everywhere and meets every state that follows.
//!
//! # What it does
//!
//! 1. The subject runs once, recorded. Every crash state of every operation is
//!    derived from the state before it; nothing is executed to get there.
//! 2. For each crash state the power-on that follows is looked up in the trie
//!    of reads, or, if no known power-on read the same, executed.
//! 3. That power-on's own operations are cut too, and so on: one worklist, up
//!    to [`Limits::cuts`] cuts in a row. When the worklist runs dry before that
//!    limit withheld anything, the exploration is a *closure*: it then holds
//!    for any number of cuts.
//!
//! # Why nothing is missed
//!
//! A power-on is a function of the world and of the bytes it reads. Two states
//! with equal worlds that agree on those bytes have the same power-on: the same
//! operations, findings and end. That is the **trie**.
//!
//! It does not make them the same *state*: what this power-on did not read, the
//! next one may. So each known power-on carries a **demand**: the bytes it reads
//! and, for each state that can follow it (after a cut anywhere, or after its
//! end), the bytes *that* one demands and this power-on had not itself
//! determined by a completed erase. Two states are merged if they have the same
//! power-on and agree on its demand. Then for the same operation and tear
//! their successors agree too: on what the power-on determined, because the
//! operations and the tear are the same and a tear depends on nothing but the
//! operation and the old bytes; on the rest of the successor's demand, because
//! it is part of theirs. So merging is a bisimulation. A program determines
//! nothing: it is an AND with what was there.
//!
//! Demands are not known beforehand. They grow while exploring, and when a pass
//! made one grow, what each state demands is worked out again from those that follow it, until
//! nothing grows; then everything met in that pass is forgotten but the trie, and a
//! new pass begins. The pass in which none grows is the proof.
//!
//! An operation that touches nothing demanded by the power-on that would follow right before it can
//! be torn in any way, or complete, without any future noticing: its tears are judged by that one
//! test, as a **family**; so are the rungs of a ladder of byte positions that differ in no byte that
//! anyone looks at.
//!
//! Many ways lead to one state, and a power-on that reads weak bits in many ways mostly begins with the same
//! operations. What follows the tears of an operation is found out once for each state in which it is cut; and of
//! tears that leave weak bits, once for all that leave what the same state stands for.
//!
//! # Numbers that grow
//!
//! A device that numbers what it writes never comes back to a state. Its subject may say which state it
//! cannot tell from another ([`Subject::simplest`]): the simplest one
//! is explored in the place of all that it stands for, and what it demands they demand. That the two
//! do the same, and are left in states that have one simplest state again, is shown by the subject. Some pairs are
//! executed to be compared, however weak bits are read: one in eight, one in 32 of the tears that are like another
//! one, one in 64 of either behind the first 131,072, and every pair that the audit picks. Of a state with weak bits
//! the simplest one is asked for first: it can be read in fewer ways.
//!
//! # Demanding less than bytes
//!
//! A subject may say more of what it reads, so that fewer states differ.
//!
//! * **Checks** ([`Chip::checked`](crate::chip::Chip::checked)): of a slot it learns which known image
//!   lies there, if any. Demanded is then the answer. What a child's answer asks of the parent's
//!   state is worked out bit by bit: bytes that an operation in between decides either contradict
//!   the image, and the answer is no whatever was there, or agree, and are a *hole* in the check; only
//!   bits that a tear passes through stay asked. An operation beside a byte that differs cannot turn
//!   a no into a yes; if it differs by what was there from the start, that is demanded too.
//! * **Records** ([`Subject::records`]): of an otadata entry it learns fields, not bytes. Demanded is
//!   the record's *future*: what is learned of it now, the set of futures that it has with any bytes
//!   at either end zeroed, and what is learned of it where its bits have risen: of a few shapes, for one erase.
//!   Two states that are merged need not have equal successors for equal tears, then: what one
//!   erase's tear makes of the one record, another tear of that erase makes of the other. A program
//!   over a record that was not erased demands its bytes; of one that writes a whole record to erased
//!   cells the future of what is written counts.
//! * **Rows of an erase**: a cut erase may leave one row of 32 bytes apart from all others, in
//!   [some 500 shapes](sim_flash::RowTears). Where no future looks at a row, all of them are one family with what the
//!   other rows hold; of a row that is a record those are one of which the same is learned, now and later.
//! * **Carried bytes** ([`Subject::carried`]): copied back to their place and never looked at. States
//!   are met with these bytes erased.
//!
//! # Weak bits
//!
//! From L3 on, cells may be left weak: they read as the adversary likes, each time. A read that meets
//! some is a *choice* between a few readings, and a state has one power-on for each row of choices.
//! What follows in such a state is all of these together, a *fork*, and demanded is
//! what any of them demands. The readings follow from which bits are weak and what the solid ones are,
//! never from what weak ones lean to, which the explorer forgets. They are chosen by outcome: of a record
//! one content for each thing to be learned ([`Record::readings`]), of an image whether it is a known one
//! or not, of other bytes the extremes. A record read again in one power-on reads the same, but once; an
//! image reads the same throughout. A check is answered *maybe* where only weak bits differ.
//!
//! Of a record with weak bits a power-on learns what it read, and that it may read otherwise the next
//! time, not which bits are weak. So in the trie it takes the edge of that content, and a second read is a
//! look of its own. Two states then share the power-on that read the same each time, whichever bits were
//! weak. Where other bytes are weak, the node of the trie before the choice is reached by a hash that has the
//! weak bits in it, so the number of the reading tells what was read. What a state is merged by stays its
//! own: the fork, with the rows of choices, and the demand, which has the weak bits in it.
//!
//! # When the faults end
//!
//! From each state the power is also left on. The device must come to rest, and then do something new
//! that is [asked](Subject::asked) of it, such as one more update. What it looks at then is demanded too.
//!
//! What a power-on does is kept by segments of the flash that it works on, equal ones once, so a
//! download is carried out by sharing the sectors that it leaves. So is one that is executed: where it
//! writes a sector byte for byte as another power-on did, the two share it, and its hashes with it.
//!
//! # What is not exact
//!
//! Which bits of an operation a cut leaves undone is a choice ([`Density`]); byte positions are all
//! tried. The readings of weak bits are representatives of what can be learned. Torn records with a
//! right checksum, which no such choice would hit upon, a subject can
//! solve for ([`Subject::solved`], and of erases [`Subject::solved_erase`]). They are tried as a first cut. What follows from one is judged
//! and not cut again: with each number that can be forged the life of the device begins once more,
//! and a closure does not speak of these ([`Counts::uncut`]).
//!
//! That a check refuses everything but known images assumes that nobody finds a second content
//! for a digest.
//!
//! # What guards it
//!
//! Each new power-on is executed twice and must repeat itself, the second time with checks run in full,
//! with noise for carried bytes and with other records of which the same is learned, and with weak bits
//! made solid as they were read; a seeded sample of the pruned states is executed without the trie and
//! must agree ([`Counts::audited`]). The sample is one of all that the last pass judged, which is the
//! proof; a pass in which a demand grows is audited until then. Any difference ends the sweep as nondeterminism, which
//! is what it then is: the subject depends on something other than its flash
//! and its world, or says of itself what is not so. What that hides is looked for once more, and less is believed: see
//! [`explore`].
//!
//! # What bounds it
//!
//! Power-ons, time and memory: [`Limits::boots`], [`Limits::deadline`] and [`Limits::memory`]; and whoever waits for it
//! ([`Limits::interrupted`]). An exploration that one of them ends is inconclusive, and says which ([`Exploration::stopped`]).

mod audit;
mod check;
mod demand;
#[cfg(test)]
mod differential;
mod engine;
mod leftovers;
mod ranges;
mod record;
mod recording;
mod retry;
mod run;
mod tally;
mod tears;
#[cfg(test)]
mod tests;
mod trie;
mod view;
mod walk;
mod weak;
mod window;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sim_flash::{Density, Level, Op, State, Tear};

use crate::property::Finding;
use crate::subject::{Mark, Subject};

pub(crate) use check::{Answer, Check, CheckId, Checks};
pub use ranges::Ranges;
pub(crate) use ranges::{overlap, pieces};
pub(crate) use record::{Content, Contents, Records};
pub use record::{Readings, Record};
pub use retry::explore;
pub(crate) use run::{Conditions, PowerOn, power_on, power_on_prepared, quietly};
pub(crate) use tally::Families;
pub use tally::{HealthyOp, Judged, Pruned, Reached};
pub use weak::Decided;
pub(crate) use weak::{lean_to_ones, readings};
pub use window::Window;
pub(crate) use window::{change, verb};

/// As many cuts in a row as there may be: explored until no state is left.
pub const ANY: u32 = u32::MAX;

/// The bytes that an exploration may hold unless it is told otherwise: 2 GiB.
pub const MEMORY: u64 = 2 << 30;

/// The limit that ended an exploration before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Limit {
    /// [`Limits::boots`].
    Boots,
    /// [`Limits::deadline`].
    Time,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::interrupted`].
    Interrupted,
}

impl Limit {
    /// What ran out, and how a sweep is given more.
    pub const fn spent(self) -> &'static str {
        match self {
            Self::Boots => "the budget of boots ran out (--budget 4000000 gives more)",
            Self::Time => "the budget of time ran out (--budget 600s gives more)",
            Self::Memory => "the memory it may hold ran out (--memory 4GiB gives more)",
            Self::Interrupted => "it was interrupted",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Boots => "boots",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Interrupted => "interrupted",
        })
    }
}

/// How far an exploration goes.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Limits {
    /// How badly a cut may behave.
    pub level: Level,
    /// Cuts in a row, at most.
    pub cuts: u32,
    /// How many tears of each operation the first cut tries.
    pub first: Density,
    /// How many tears of each operation the later cuts try.
    pub later: Density,
    /// Whether every cut is tried at every byte position, whatever the densities.
    pub every_byte: bool,
    /// Whether erases are cut so that they leave old bits beside risen ones: E9, E10 and E11.
    pub risen: bool,
    /// Whether a cut erase is tried in every shape that it may leave of each row: see [`RowTears`](sim_flash::RowTears).
    pub every_row: bool,
    /// Power-ons executed, at most; beyond it the exploration is inconclusive.
    pub boots: u64,
    /// When to give up; beyond it the exploration is inconclusive.
    pub deadline: Option<Instant>,
    /// Once this is true the exploration gives up, and is inconclusive.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// Bytes that the exploration itself may hold, at most; beyond it it is inconclusive. They are counted and not
    /// measured, the same on every machine, and are within a factor of two of what the system says.
    pub memory: u64,
    /// One in this many pruned judgements is executed after all; 0 audits none.
    pub audit_one_in: u32,
    /// Seeds the choice of seeded tears and of audited states.
    pub seed: u64,
    /// In how many places, at most, the weak bits of one power-on read otherwise than the first way.
    ///
    /// A cut at [`Level::L4`] may leave each row of a sector weak, and all ways to read them all are too many.
    pub departures: u32,
    /// Power-ons that [meet](crate::subject::Journal::sometimes) this are judged, and not cut: what is shown is
    /// shown for cuts everywhere else.
    pub spared: Option<Mark>,
    /// Whether the first violation that is derived ends the exploration: then it says nothing of anything else, and is
    /// not [exhausted](Exploration::exhausted). It is derived, and no more: whoever asks for it replays it.
    pub ends_at_first: bool,
    /// Set from elsewhere when nobody wants the result any more: the exploration then ends as if its time were up.
    pub unwanted: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    /// Two cuts in a row at level L2, one pruned judgement in 1000 audited.
    fn default() -> Self {
        Self {
            level: Level::L2,
            cuts: 2,
            first: Density::Full,
            later: Density::Coarse,
            every_byte: true,
            risen: true,
            every_row: true,
            boots: 2_000_000,
            deadline: None,
            interrupted: None,
            memory: MEMORY,
            audit_one_in: 1000,
            seed: 0,
            departures: u32::MAX,
            spared: None,
            ends_at_first: false,
            unwanted: None,
        }
    }
}

impl Limits {
    /// The tears of `op` that an exploration of `subject` tries for a cut that follows `cuts` others.
    /// That nothing of it is done at all is not among them; nor what is solved for an erase, which follows from what it
    /// goes over.
    pub fn tears<S: Subject>(&self, subject: &S, op: &Op, cuts: u32) -> Vec<Tear> {
        let solved = Box::new(|addr, data: &[u8]| subject.solved(addr, data));
        let set = tears::Tears::new(self).with_solved(solved).of(op, cuts);
        set.all(1).collect()
    }

    fn spares(&self, marks: &[Mark]) -> bool {
        { self.spared.as_ref() }.is_some_and(|spared| marks.contains(spared))
    }

    /// The limit that is reached when so many power-ons were executed.
    fn reached(&self, boots: u64) -> Option<Limit> {
        let late = |deadline| Instant::now() >= deadline;
        let interrupted = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        if self.interrupted.as_ref().is_some_and(interrupted) {
            return Some(Limit::Interrupted);
        }
        if boots >= self.boots {
            return Some(Limit::Boots);
        }
        let unwanted = { self.unwanted.as_ref() }.is_some_and(|it| it.load(Ordering::Relaxed));
        (unwanted || self.deadline.is_some_and(late)).then_some(Limit::Time)
    }
}

/// What an exploration did. Counts are of its last pass, but for `boots`, which are of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Chip operations of the history without cuts.
    pub operations: u64,
    /// Crash states met: each operation, times its tears.
    pub crash_states: u64,
    /// Crash states judged one by one.
    pub by_lookup: u64,
    /// Crash states judged a family at a time, by one test: that no future looks at what differs, or that the same
    /// operation was torn in the same state before.
    pub by_family: u64,
    /// Crash states not judged but represented by others; a closure has none.
    pub represented: u64,
    /// Power-ons behind a solved tear that were judged, but whose operations were not cut again.
    pub uncut: u64,
    /// Power-ons that were judged, but [spared](Limits::spared) cuts.
    pub spared: u64,
    /// States, of those merged, that differ in a way some future can notice.
    pub distinct_states: u64,
    /// States met and not explored yet; at the end those that a budget left over.
    pub waiting: u64,
    /// Violations derived so far; at the end each is shown by its cuts, or is none.
    pub violations: u64,
    /// Power-ons executed, in all passes.
    pub boots: u64,
    /// Pruned states executed after all, which agreed.
    pub audited: u64,
    /// Passes until no demand grew.
    pub passes: u64,
}

impl Counts {
    fn begin_pass(&mut self) {
        *self = Self {
            boots: self.boots,
            passes: self.passes + 1,
            ..Self::default()
        };
    }

    /// Crash states judged without executing a power-on for them.
    pub fn pruned(&self) -> u64 {
        (self.by_lookup + self.by_family).saturating_sub(self.boots)
    }
}

/// One cut of a path: in which power-on, in which operation, and what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutAt {
    /// Power-ons since the previous cut, the first being 1; for the first cut,
    /// power-ons since the start, the first being 0.
    pub boot: u32,
    /// The chip operation of that power-on, counted from 0.
    pub op: u32,
    /// What the cut left of it.
    pub tear: Tear,
}

impl fmt::Display for CutAt {
    /// As in a case id: `o213.E2.n100`, or `b1.o2.P3.b17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.boot > 0 {
            write!(f, "b{}.", self.boot)?;
        }
        write!(f, "o{}.{}", self.op, self.tear)
    }
}

/// How to get somewhere from a start: the cuts, and what weak bits were read as on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    /// The cuts, first to last.
    pub cuts: Vec<CutAt>,
    /// The power-ons in which weak bits were not all read the first way, in order.
    pub weak: Vec<Decided>,
    /// Whether something new was [asked](Subject::asked) of the device when it had come to rest.
    pub asked: bool,
}

impl Path {
    /// As far as the cut of this index, without it.
    #[must_use]
    pub fn up_to(&self, cut: usize) -> Self {
        let before = |decided: &&Decided| (decided.cuts as usize) < cut;
        Self {
            cuts: self.cuts[..cut.min(self.cuts.len())].to_vec(),
            weak: self.weak.iter().filter(before).cloned().collect(),
            asked: self.asked,
        }
    }

    /// What weak bits read as in power-on `boot` behind so many cuts.
    pub fn taken(&self, cuts: u32, boot: u32) -> Vec<u16> {
        let mut weak = self.weak.iter();
        let here = weak.find(|decided| (decided.cuts, decided.boot) == (cuts, boot));
        here.map_or_else(Vec::new, |decided| decided.taken.clone())
    }

    /// Lets weak bits read as `taken` in power-on `boot` behind so many cuts.
    pub(crate) fn decide(&mut self, cuts: u32, boot: u32, taken: Vec<u16>) {
        let here = |decided: &Decided| (decided.cuts, decided.boot) == (cuts, boot);
        self.weak.retain(|decided| !here(decided));
        self.weak.push(Decided { cuts, boot, taken });
        self.weak
            .sort_by_key(|decided| (decided.cuts, decided.boot));
    }
}

impl From<Vec<CutAt>> for Path {
    fn from(cuts: Vec<CutAt>) -> Self {
        Self {
            cuts,
            ..Self::default()
        }
    }
}

impl fmt::Display for Path {
    /// As in a case id: `/o3.P4.none/w1.2/b1.o0.E7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for behind in 0..=self.cuts.len() {
            let here = |decided: &&Decided| decided.cuts as usize == behind;
            for decided in self.weak.iter().filter(here) {
                write!(f, "/{decided}")?;
            }
            if let Some(cut) = self.cuts.get(behind) {
                write!(f, "/{cut}")?;
            }
        }
        f.write_str(if self.asked { "/asked" } else { "" })
    }
}

/// A violated property, and the cuts that lead to the power-on that shows it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What was violated, and how.
    pub finding: Finding,
    /// Index of the start it began from.
    pub start: usize,
    /// The way there; no cut if the healthy history violates it.
    pub path: Path,
    /// Where the last of them fell; or the operation that violates it, of a property of operations.
    pub window: Option<Window>,
}

/// A pruned state that did not behave as predicted, or a subject that does not repeat itself.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// What differs.
    pub what: &'static str,
    /// Index of the start it began from.
    pub start: usize,
    /// The way there.
    pub path: Path,
}

/// The result of an exploration.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// What was done.
    pub counts: Counts,
    /// Every state that violates a property, fewest cuts first.
    pub violations: Vec<Violation>,
    /// Every mark met, in alphabetical order.
    pub reached: Vec<Reached>,
    /// How the tears of each operation of the history without cuts were judged.
    pub healthy: Vec<HealthyOp>,
    /// No state is left unexplored, for any number of cuts.
    pub closure: bool,
    /// The budget ran out, so nothing may be concluded.
    pub exhausted: bool,
    /// The limit that ended it, if one did.
    pub stopped: Option<Limit>,
    /// The bytes that it held at most, as counted for [`Limits::memory`].
    pub memory: u64,
    /// The subject or the pruning contradicted itself.
    pub disagreement: Option<Disagreement>,
}

/// Where an exploration begins: a device at a point of its life.
#[derive(Clone, Debug)]
pub struct Start<W> {
    /// Its name among the starts of a scenario; empty if there is only one.
    pub name: String,
    /// The flash.
    pub state: State,
    /// Everything outside it.
    pub world: W,
}

impl<W> Start<W> {
    /// The only start of a scenario.
    pub const fn only(state: State, world: W) -> Self {
        Self {
            name: String::new(),
            state,
            world,
        }
    }
}

/// Power-ons within which a device comes to rest once nothing cuts its power any more.
///
/// The longest way of the bundled devices is a download, a boot into it, a failed self-test, a
/// rollback and a download again.
pub(crate) const REST: u32 = 16;
