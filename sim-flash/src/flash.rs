//! The powered device: rules, cuts, failures, device time, counters and trace around a [`State`].

mod erase;
mod failures;
mod overprogram;
mod partial;
mod power;
mod program;
mod read;
mod storage;

use std::ops::Range;

pub use self::overprogram::{Breach, Overprogram};
pub use self::partial::EraseSteps;
pub use self::power::Cut;

use self::partial::PartlyErased;
use self::power::{Armed, Power, Running};
use crate::adversary::Adversary;
use crate::cipher::Cipher;
use crate::drift::Stuck;
use crate::error::{FlashError, Rule};
use crate::fault::{Fault, Symptom};
use crate::geometry::SpiNor;
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::profile::{Pace, Profile};
use crate::state::State;
use crate::stats::Stats;
use crate::trace::{Entry, Outcome, Recording, Trace};

/// In which order a driver erases a range of several blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EraseOrder {
    /// From the lowest address.
    #[default]
    Up,
    /// From the highest address.
    Down,
}

/// A simulated NOR flash with its power on, until a cut.
///
/// It implements the `embedded-storage` traits, so code under test runs on it unmodified. `O` watches it; `G` is its
/// geometry. After a cut every operation and every read fails with [`FlashError::PowerLost`] and changes nothing, until
/// [`power_on`](Flash::power_on).
#[derive(Clone, Debug)]
pub struct Flash<O = (), G = SpiNor> {
    profile: Profile<G>,
    cipher: Option<Cipher>,
    state: State,
    observer: O,
    adversary: Adversary,
    pace: Pace,
    strict: bool,
    overprogram: Overprogram,
    /// What was carried out although it breaks a rule, since power-on.
    breaches: Vec<Breach>,
    erase_order: EraseOrder,
    /// Something beyond a plain program or read is set up: take the careful way.
    careful: bool,
    power: Power,
    /// Operations and reads since power-on.
    ops: u64,
    reads: u64,
    boot: u32,
    /// Device time at power-on.
    booted: u64,
    armed: Option<Armed>,
    fired: bool,
    /// An operation that the chip finishes alone, or that is suspended.
    running: Option<Running>,
    suspended: Option<Op>,
    /// How an erase asked for by the traits is done in steps, and the sectors whose steps are not complete.
    steps: Option<EraseSteps>,
    partly: Vec<PartlyErased>,
    faults: Vec<Fault>,
    faults_fired: u64,
    stuck: Stuck,
    symptom: Option<Symptom>,
    protected: Vec<Range<u32>>,
    recording: Recording,
    stats: Stats,
    wear: Vec<u32>,
    trace: Trace,
}

impl<G> Flash<(), G> {
    /// An erased chip.
    pub fn new(profile: Profile<G>) -> Self {
        let state = profile.erased();
        Flash::with_observer(profile, state, ())
    }

    /// A chip with contents. Their size counts, not the profile's; the profile's physics count.
    pub fn with_state(profile: Profile<G>, state: State) -> Self {
        Flash::with_observer(profile, state, ())
    }
}

impl<O: Observer, G> Flash<O, G> {
    /// A chip with contents and someone who watches it.
    pub fn with_observer(profile: Profile<G>, mut state: State, observer: O) -> Self {
        state.set_physics(profile.physics());
        let sectors = state.size().div_ceil(state.sector()) as usize;
        let mut flash = Flash {
            cipher: profile.rules().encryption.as_ref().map(Cipher::new),
            profile,
            state,
            observer,
            adversary: Adversary::PerRead { seed: 0 },
            pace: Pace::Typical,
            strict: true,
            overprogram: Overprogram::default(),
            breaches: Vec::new(),
            erase_order: EraseOrder::default(),
            careful: false,
            power: Power::On,
            ops: 0,
            reads: 0,
            boot: 0,
            booted: 0,
            armed: None,
            fired: false,
            running: None,
            suspended: None,
            steps: None,
            partly: Vec::new(),
            faults: Vec::new(),
            faults_fired: 0,
            stuck: Stuck::default(),
            symptom: None,
            protected: Vec::new(),
            recording: Recording::default(),
            stats: Stats::default(),
            wear: vec![0; sectors],
            trace: Trace::default(),
        };
        flash.take_care();
        flash
    }

    /// Sets who decides what weak bits read as. [`Adversary::PerRead`] with seed 0, unless told otherwise.
    pub fn set_adversary(&mut self, adversary: Adversary) {
        self.adversary = adversary;
    }

    /// Sets whether the chip takes typical or maximum times.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Sets in which order a driver erases a range of several blocks. Upwards, unless told otherwise.
    pub fn set_erase_order(&mut self, order: EraseOrder) {
        self.erase_order = order;
    }

    /// Strict (the default): a breach of a rule is an error and changes nothing, but for programs over programmed cells as
    /// [`set_overprogram`](Flash::set_overprogram) says. Otherwise the chip does what such chips
    /// do: a program ANDs, a page wraps, a protected range stays as it is, a word that was never programmed reads as
    /// anything where that is so.
    pub fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
        self.take_care();
    }

    /// Protects a range from programs and erases, as the block protection bits of the chip would.
    pub fn protect(&mut self, range: Range<u32>) {
        self.protected.push(range);
        self.take_care();
    }

    /// Takes all protection away.
    pub fn unprotect(&mut self) {
        self.protected.clear();
        self.take_care();
    }

    /// Records in the trace, or not. [`Recording::Ops`], unless told otherwise.
    pub fn record(&mut self, recording: impl Into<Recording>) {
        self.recording = recording.into();
    }

    /// Its profile.
    pub fn profile(&self) -> &Profile<G> {
        &self.profile
    }

    /// Its contents. A clone is a snapshot.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A copy of its contents, made so that deriving states from it is quick.
    pub fn snapshot(&mut self) -> State {
        self.state.seal();
        self.state.clone()
    }

    /// Its contents, to be set as a programmer's tool would.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Who watches it.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// Who watches it.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (State, O, Trace) {
        (self.state, self.observer, self.trace)
    }

    /// What it did.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Forgets the trace so far, keeping its memory.
    pub fn clear_trace(&mut self) {
        self.trace.clear();
    }

    /// What it did, in numbers. Cuts and power-ons do not reset them.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Erases of each sector since the flash was made, cut ones included.
    pub fn erase_counts(&self) -> &[u32] {
        &self.wear
    }

    /// Operations since power-on: the index the next one will have.
    pub fn ops(&self) -> u64 {
        self.ops
    }

    /// Decides whether plain programs may take the short way.
    fn take_care(&mut self) {
        self.careful = O::OPS
            || self.armed.is_some()
            || self.running.is_some()
            || self.suspended.is_some()
            || self.steps.is_some()
            || !self.partly.is_empty()
            || !self.faults.is_empty()
            || !self.stuck.is_empty()
            || !self.protected.is_empty()
            || !self.strict
            || self.cipher.is_some()
            || self.profile.physics().counted != 0
            || self.power != Power::On;
    }

    #[inline]
    fn check(&self, kind: OpKind, addr: u32, len: u64, unit: usize) -> Result<(), FlashError> {
        self.alive()?;
        let size = self.state.size();
        if u64::from(addr) + len > u64::from(size) {
            return Err(FlashError::OutOfBounds {
                kind,
                addr,
                len,
                size,
            });
        }
        if !(addr as usize).is_multiple_of(unit) || !len.is_multiple_of(unit as u64) {
            #[allow(clippy::cast_possible_truncation)] // units are small
            return Err(FlashError::NotAligned {
                kind,
                addr,
                len,
                unit: unit as u32,
            });
        }
        Ok(())
    }

    /// Rules about where: protection, and erases that are not over.
    fn check_place(&self, kind: OpKind, addr: u32, len: u32) -> Result<(), FlashError> {
        let overlap =
            |range: &Range<u32>| addr < range.end && range.start < addr.saturating_add(len);
        let broken = |rule, from: u32| {
            Err(FlashError::Rule {
                rule,
                kind,
                addr,
                len,
                at: addr.max(from),
            })
        };
        if kind != OpKind::Read
            && self.strict
            && let Some(range) = self.protected.iter().find(|range| overlap(range))
        {
            return broken(Rule::Protected, range.start);
        }
        if let Some(op) = &self.suspended {
            let range = op.addr()..op.addr() + op.len();
            if kind == OpKind::Erase || overlap(&range) {
                return broken(Rule::EraseSuspended, range.start);
            }
        }
        if kind == OpKind::Program
            && self.strict
            && let Some(partly) = self.partly_erased(addr, len)
        {
            return broken(Rule::PartlyErased, partly);
        }
        Ok(())
    }

    /// Whether protection silently keeps an operation away, on a chip that is not strict about it.
    fn is_protected(&self, addr: u32, len: u32) -> bool {
        self.protected
            .iter()
            .any(|range| addr < range.end && range.start < addr.saturating_add(len))
    }

    /// Counts and records an operation that was acknowledged as asked.
    #[inline]
    fn note(&mut self, kind: OpKind, addr: u32, len: u32, data: &[u8], duration: u64) {
        if self.recording != Recording::Off {
            let entry = self.entry(kind, addr, len, duration);
            self.trace.push(entry, data);
        }
        self.ops += 1;
        self.stats.device_time += duration;
    }

    #[cold]
    fn note_with(&mut self, op: &Op, duration: u64, outcome: Outcome) {
        if self.recording != Recording::Off {
            let entry = self.entry(op.kind(), op.addr(), op.len(), duration);
            self.trace.push_with(entry, op.data(), outcome);
        }
        self.ops += 1;
        self.stats.device_time += duration;
    }

    #[allow(clippy::cast_possible_truncation)] // nobody watches four thousand million operations
    fn entry(&self, kind: OpKind, addr: u32, len: u32, duration: u64) -> Entry {
        let index = if kind == OpKind::Read {
            self.reads
        } else {
            self.ops
        } as u32;
        Entry {
            start: self.stats.device_time,
            duration,
            index,
            boot: self.boot,
            addr,
            len,
            kind,
        }
    }
}
