//! The powered device: rules, cuts, device time, counters and trace around a [`State`].

mod storage;

use crate::error::{FlashError, Rule};
use crate::geometry::SpiNor;
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::profile::Profile;
use crate::state::State;
use crate::stats::Stats;
use crate::tear::Tear;
use crate::trace::{Entry, Trace};

/// One loss of power, armed in advance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cut {
    /// The operation of the chip it hits, counted from 0 since power-on.
    pub op: u64,
    /// What it leaves behind of it.
    pub tear: Tear,
}

/// A simulated NOR flash with its power on, until a cut.
///
/// It implements the `embedded-storage` traits, so code under test runs on it unmodified. `O` watches it; `G` is its
/// geometry. After a cut every operation and every read fails with [`FlashError::PowerLost`] and changes nothing, until
/// [`power_on`](Flash::power_on).
#[derive(Clone, Debug)]
pub struct Flash<O = (), G = SpiNor> {
    profile: Profile<G>,
    state: State,
    observer: O,
    dead: bool,
    /// Operations since power-on.
    ops: u64,
    boot: u32,
    cut: Option<Cut>,
    fired: bool,
    recording: bool,
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

    /// A chip with contents. Their size counts, not the profile's.
    pub fn with_state(profile: Profile<G>, state: State) -> Self {
        Flash::with_observer(profile, state, ())
    }
}

impl<O: Observer, G> Flash<O, G> {
    /// A chip with contents and someone who watches it.
    pub fn with_observer(profile: Profile<G>, state: State, observer: O) -> Self {
        let sectors = state.size().div_ceil(state.sector()) as usize;
        Flash {
            profile,
            state,
            observer,
            dead: false,
            ops: 0,
            boot: 0,
            cut: None,
            fired: false,
            recording: true,
            stats: Stats::default(),
            wear: vec![0; sectors],
            trace: Trace::default(),
        }
    }

    /// Records operations in the trace, or not. It does, unless told otherwise.
    pub fn record(&mut self, on: bool) {
        self.recording = on;
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

    /// Arms a cut. It replaces one that has not fired.
    pub fn arm(&mut self, cut: Cut) {
        self.cut = Some(cut);
        self.fired = false;
    }

    /// Whether the cut armed last has fired. A harness that never looks proves nothing.
    pub fn fired(&self) -> bool {
        self.fired
    }

    /// Whether the power is off.
    pub fn dead(&self) -> bool {
        self.dead
    }

    /// Turns the power on (off and on, if it is on). Operations count from 0 again; a cut that has not fired is
    /// disarmed.
    pub fn power_on(&mut self) {
        self.dead = false;
        self.ops = 0;
        self.boot += 1;
        self.cut = None;
    }

    fn alive(&self) -> Result<(), FlashError> {
        if self.dead {
            Err(FlashError::PowerLost)
        } else {
            Ok(())
        }
    }

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

    /// One page program: within bounds, within one page, power on.
    #[inline]
    fn program(&mut self, addr: u32, data: &[u8]) -> Result<(), FlashError> {
        #[allow(clippy::cast_possible_truncation)] // within one page
        let len = data.len() as u32;
        let duration = self.profile.program_time(len);
        let broken = |at: usize| {
            #[allow(clippy::cast_possible_truncation)] // within one page
            let at = addr + at as u32;
            FlashError::Rule {
                rule: Rule::ClearsBitsOnly,
                kind: OpKind::Program,
                addr,
                len,
                at,
            }
        };
        let mut watched = None;
        if O::OPS || self.cut_is_due() {
            // Only an operation that the chip accepts is announced, or cut.
            self.state.check_program(addr, data).map_err(broken)?;
            let op = watched.insert(Op::program(addr, data));
            self.state.seal();
            self.observer.before(&self.state, op);
            if self.cut_is_due() {
                return self.fire(op, duration);
            }
        }
        self.state.program_strict(addr, data).map_err(broken)?;
        self.note(OpKind::Program, addr, len, data, duration, None);
        self.stats.programs += 1;
        self.stats.bytes_programmed += u64::from(len);
        if let Some(op) = &watched {
            self.observer.after(&self.state, op);
        }
        Ok(())
    }

    /// One erase: within bounds, aligned, power on.
    fn erase_block(&mut self, addr: u32, len: u32) -> Result<(), FlashError> {
        let duration = self.profile.erase_time(len);
        let op = Op::erase(addr, len);
        if O::OPS {
            self.state.seal();
            self.observer.before(&self.state, &op);
        }
        if self.cut_is_due() {
            self.worn(addr, len);
            return self.fire(&op, duration);
        }
        self.state.erase(addr, len);
        self.worn(addr, len);
        self.note(OpKind::Erase, addr, len, &[], duration, None);
        self.stats.erases += 1;
        self.stats.bytes_erased += u64::from(len);
        if O::OPS {
            self.observer.after(&self.state, &op);
        }
        Ok(())
    }

    fn worn(&mut self, addr: u32, len: u32) {
        let sector = self.state.sector();
        let (from, to) = (
            (addr / sector) as usize,
            ((addr + len).div_ceil(sector)) as usize,
        );
        for count in &mut self.wear[from..to] {
            *count += 1;
        }
    }

    #[inline]
    fn cut_is_due(&self) -> bool {
        self.cut.is_some_and(|cut| cut.op == self.ops)
    }

    #[cold]
    fn fire(&mut self, op: &Op, duration: u64) -> Result<(), FlashError> {
        let Some(Cut { tear, .. }) = self.cut.take() else {
            return Ok(());
        };
        if !tear.applies_to(op) {
            return Err(FlashError::CutDoesNotFit {
                tear,
                kind: op.kind(),
                addr: op.addr(),
                len: op.len(),
            });
        }
        self.state.tear(op, tear);
        self.note(
            op.kind(),
            op.addr(),
            op.len(),
            op.data(),
            duration,
            Some(tear),
        );
        self.stats.cuts += 1;
        self.fired = true;
        self.dead = true;
        Err(FlashError::PowerLost)
    }

    #[inline]
    fn note(
        &mut self,
        kind: OpKind,
        addr: u32,
        len: u32,
        data: &[u8],
        duration: u64,
        cut: Option<Tear>,
    ) {
        if self.recording {
            let (index, start, boot) = (self.ops, self.stats.device_time, self.boot);
            self.trace.push(
                Entry {
                    index,
                    start,
                    duration,
                    data_at: 0,
                    boot,
                    addr,
                    len,
                    kind,
                    cut,
                },
                data,
            );
        }
        self.ops += 1;
        self.stats.device_time += duration;
    }
}
