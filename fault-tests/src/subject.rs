//! The seam between the code under test and the explorer.
//!
//! A [`Subject`] is a device: given its flash and its [`Journal`], it does what
//! the device does from power-on until it rests or resets. It is built anew
//! for each power-on, so no RAM survives a cut: what survives is the flash and
//! the *world*, which holds everything outside the flash (eFuses, what the
//! server offers, what the device has promised).
//!
//! The subject never sees a cut coming. After one, every flash operation
//! returns [`ChipError::PowerLost`](crate::chip::ChipError::PowerLost); the subject
//! lets go at once by returning [`Dead`].

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Range;
use std::rc::Rc;

use sim_flash::{State, Tear};

use crate::chip::Chip;
use crate::explore::Record;
use crate::property::{Finding, Property};

/// What a [`Subject`]'s world can do, which is what any plain data can.
pub trait World: Clone + Eq + Hash + Debug + Send + Sync {}

impl<W: Clone + Eq + Hash + Debug + Send + Sync> World for W {}

/// A device under test.
pub trait Subject: Sync {
    /// Everything outside the flash: other non-volatile memory, the server, the promises.
    type World: World;

    /// One power-on, from the reset vector until the device rests or resets.
    ///
    /// It must depend on the flash and the world alone, and touch nothing else:
    /// no clock, no global, no random number.
    fn power_on(
        &self,
        chip: &mut Chip<'_>,
        journal: &mut Journal<Self::World>,
    ) -> Result<Rest, Dead>;

    /// What lies at `addr`. For timelines and for telling windows apart.
    fn place(&self, addr: u32) -> Place {
        Place {
            name: format!("sector {:#x}", addr / 4096 * 4096),
            kind: "flash",
        }
    }

    /// Bytes that the subject copies from a place back to the same place and never looks at
    /// otherwise, such as the label of an otadata entry.
    ///
    /// States that differ in these bytes only are taken for one. The explorer checks this: each new
    /// power-on is executed again with other bytes there, and must do the same but for them.
    fn carried(&self) -> &[Range<u32>] {
        &[]
    }

    /// Records of which the subject learns less than their bytes, such as whether a CRC is right.
    ///
    /// States that differ in such bytes only may be taken for one. This is checked: each new
    /// power-on is executed again with another content of which the same is learned, where one has
    /// been met, and the audit executes merged states.
    fn records(&self) -> &[Record] {
        &[]
    }

    /// The simplest flash that the device cannot tell from this one, if that is another: for a device
    /// that numbers what it writes, one with lower numbers; for one that leaves old records behind, one
    /// without them.
    ///
    /// The states of such a device never repeat; those that stand for them do. Both must do the same,
    /// now and ever after: operations of the same kinds at the same addresses, or at
    /// [interchangeable](Self::interchangeable) ones, the same world, the same findings, and be left in states that have the same simplest one. Of a cut operation each can
    /// be left in the same states but for such differences, be it by other tears; the simplest one may be left
    /// in more, which are judged then as if the other one could. And what the device looks
    /// at where it may go on programming without an erase before, it looks at in the simplest state too:
    /// what nobody looks at there is taken to make no difference.
    /// The first part is checked by executing both, however weak bits are read, for one in a few states and
    /// for all that are audited; the rest is for whoever writes this to show.
    fn simplest(&self, state: &State) -> Option<State> {
        let _ = state;
        None
    }

    /// Whether the [simplest](Self::simplest) flash may do more than one that it stands for, with the power on: what it
    /// does is judged then as if the other one could.
    fn stands_for_less(&self) -> bool {
        false
    }

    /// The first address that is as good as this one, where what the [simplest](Self::simplest) flash holds may stand
    /// at another address. Wherever it stands there, the device must look at all addresses that it looks at in the
    /// other flash.
    fn interchangeable(&self, addr: u32) -> u32 {
        addr
    }

    /// A state that has the same [`simplest`](Self::simplest) one, if one is quickly found: of the many ways
    /// in which a row may be torn, one.
    fn plainer(&self, state: &State) -> Option<State> {
        let _ = state;
        None
    }

    /// The sectors that [`simplest`](Self::simplest) goes by, and in which the simplest flash differs.
    /// `None` if it does nothing.
    fn numbered(&self) -> Option<Range<u32>> {
        None
    }

    /// Tears of a program of `data` at `addr` that are worth trying and that no choice of bits would
    /// hit upon, such as those that leave a right checksum. [`crate::solve`] finds them.
    ///
    /// They are tried as a first cut besides those of every program, from level L2 on. They must
    /// follow from `addr` and `data` alone: what else the flash holds differs between states that are
    /// taken for one. A program over cells that are not erased is torn in the same ways.
    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        let _ = (addr, data);
        Vec::new()
    }

    /// The same for an erase of `erased`: what it leaves where bits have risen from what `before` holds, such as an entry
    /// with a right checksum that nobody wrote.
    ///
    /// They are tried as a first cut, from level L2 on. They must follow from what the subject learns of what is erased:
    /// states of which the same is learned are taken for one.
    fn solved_erase(&self, erased: &Range<u32>, before: &State) -> Vec<Tear> {
        let _ = (erased, before);
        Vec::new()
    }

    /// The world once something new is asked of a device that has come to rest: for a device that
    /// updates itself, the server offers another image. `None` asks for nothing.
    ///
    /// From every state that is met the explorer lets the power on, until the device rests, asks this
    /// of it, and lets the power on until it rests again. It must then be [`satisfied`](Self::satisfied).
    fn asked(&self, world: &Self::World) -> Option<Self::World> {
        let _ = world;
        None
    }

    /// What is wrong with a device that rests in `world` after [`asked`](Self::asked); nothing if it did
    /// what was asked of it.
    fn satisfied(&self, world: &Self::World) -> Result<(), String> {
        let _ = world;
        Ok(())
    }

    /// What the bytes of a record mean, if a record starts at `addr`; `None` for bulk data.
    fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        let _ = (addr, bytes);
        None
    }
}

/// What lies at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// This place: `otadata[0]`, `ota_1`.
    pub name: String,
    /// The kind of place: `otadata`, `slot`. Windows are told apart by it.
    pub kind: &'static str,
}

/// What the bytes of a record mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// In full: `seq 3 NEW`.
    pub text: String,
    /// The kind of record: `NEW`. Windows are told apart by it.
    pub kind: String,
}

/// How a power-on ended, with the power still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// The device reset itself; the next power-on follows at once.
    Reset,
    /// The device has nothing left to do until its power is cycled.
    Idle,
    /// The device cannot go on: nothing to boot, or it no longer terminates.
    Stuck,
}

/// The power went while the device was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead;

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the power was cut")
    }
}

impl std::error::Error for Dead {}

/// Counts the chip operations of one power-on; shared by its chip and its journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct OperationClock(Rc<Cell<u32>>);

impl OperationClock {
    pub(crate) fn now(&self) -> u32 {
        self.0.get()
    }

    pub(crate) fn set(&self, operations: u32) {
        self.0.set(operations);
    }
}

/// One line of a journal, with the number of chip operations that came before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Chip operations completed in this power-on when the line was written.
    pub at: u32,
    /// What happened.
    pub event: Event,
}

/// What a journal records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The bootloader decided; the text says for what and why.
    Boot(String),
    /// The application called the update core.
    Call {
        /// The function's name.
        name: &'static str,
        /// Its argument, for a person.
        argument: String,
    },
    /// What a call returned, or anything else worth a line.
    Note(String),
    /// The judge saw a violation.
    Violated(Finding),
}

/// The name of something that must happen sometimes: see [`Journal::sometimes`].
pub type Mark = Cow<'static, str>;

/// What the device tells the outside during one power-on.
#[derive(Debug)]
pub struct Journal<W> {
    world: W,
    changes: Vec<(u32, W)>,
    clock: OperationClock,
    findings: Vec<Finding>,
    marks: Vec<Mark>,
    calls: Vec<(u32, &'static str)>,
    entries: Option<Vec<Entry>>,
}

impl<W: Clone + Eq> Journal<W> {
    pub(crate) fn new(world: W, clock: OperationClock, verbose: bool) -> Self {
        let changes = vec![(0, world.clone())];
        Self {
            world,
            changes,
            clock,
            findings: Vec::new(),
            marks: Vec::new(),
            calls: Vec::new(),
            entries: verbose.then(Vec::new),
        }
    }

    /// The world as it is now.
    pub fn world(&self) -> &W {
        &self.world
    }

    /// Changes the world, for instance when a call returned Ok and thereby promised something.
    ///
    /// The change takes effect between two flash operations: a cut in the next
    /// operation finds the world changed.
    pub fn change(&mut self, change: impl FnOnce(&mut W)) {
        let mut world = self.world.clone();
        change(&mut world);
        if world != self.world {
            self.changes.push((self.clock.now(), world.clone()));
            self.world = world;
        }
    }

    /// Notes a boot decision.
    pub fn boot(&mut self, text: impl fmt::Display) {
        self.write(|| Event::Boot(text.to_string()));
    }

    /// Notes that the application calls `name(argument)`.
    pub fn call(&mut self, name: &'static str, argument: impl fmt::Display) {
        self.calls.push((self.clock.now(), name));
        self.write(|| Event::Call {
            name,
            argument: argument.to_string(),
        });
    }

    /// Notes anything else that a reader of the timeline should see.
    pub fn note(&mut self, text: impl fmt::Display) {
        self.write(|| Event::Note(text.to_string()));
    }

    /// Notes that something happened which an exploration must meet *sometimes*: a rollback, a
    /// refused update. An exploration tells which marks it met, after how many crash states.
    pub fn sometimes(&mut self, mark: impl Into<Mark>) {
        let mark = mark.into();
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    /// Reports a violated property.
    pub fn violated(
        &mut self,
        property: Property,
        allowed: impl fmt::Display,
        got: impl fmt::Display,
    ) {
        self.found(Some(Finding::new(property, allowed, got)));
    }

    /// Reports what the judges of [`property`](crate::property) found, if they found anything.
    pub fn found(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.write(|| Event::Violated(finding.clone()));
            self.findings.push(finding);
        }
    }

    /// Reports what a judge found of operation `op` of this power-on.
    pub fn found_at(&mut self, op: u32, finding: Finding) {
        if let Some(entries) = &mut self.entries {
            let place = entries.partition_point(|entry| entry.at <= op);
            let event = Event::Violated(finding.clone());
            entries.insert(place, Entry { at: op + 1, event });
        }
        self.findings.push(finding);
    }

    /// The call under way in operation `op` of this power-on; none in the bootloader.
    pub fn call_at(&self, op: u32) -> Option<&'static str> {
        call_at(&self.calls, op)
    }

    fn write(&mut self, event: impl FnOnce() -> Event) {
        if let Some(entries) = &mut self.entries {
            entries.push(Entry {
                at: self.clock.now(),
                event: event(),
            });
        }
    }

    pub(crate) fn close(self) -> Closed<W> {
        Closed {
            world: self.world,
            changes: self.changes,
            findings: self.findings,
            marks: self.marks,
            calls: self.calls,
            entries: self.entries.unwrap_or_default(),
        }
    }
}

/// The call of `calls` that is under way in operation `op`.
pub(crate) fn call_at(calls: &[(u32, &'static str)], op: u32) -> Option<&'static str> {
    let call = calls.iter().rev().find(|(at, _)| *at <= op);
    call.map(|(_, name)| *name)
}

/// A journal after its power-on.
#[derive(Debug)]
pub(crate) struct Closed<W> {
    pub(crate) world: W,
    /// The world from operation `.0` on, in ascending order; the first is at 0.
    pub(crate) changes: Vec<(u32, W)>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) calls: Vec<(u32, &'static str)>,
    pub(crate) entries: Vec<Entry>,
}
