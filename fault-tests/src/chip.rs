//! The flash as a subject sees it: a [`NorFlash`] that can die under its hands.
//!
//! A [`Chip`] is a simulated flash with power on. It does what chips do with a program over
//! programmed cells: it ANDs. That the device did so is a finding of its own, by
//! [P11](crate::property::containment); unless the profile says that the chip
//! [refuses](sim_flash::Rules::refuses_overprogram) such a program, and the device is told. Besides the flash traits it offers three ways to
//! say more of a read than that it happened. All are optional: without them a sweep is exact all
//! the same, only slower.
//!
//! * [`Chip::memoised`]: a costly result depends on one region alone.
//! * [`Chip::holds`]: all that is asked is which of some known contents lies in a place.
//! * [`Chip::checked`]: a result (of verifying an image) is a refusal for everything but some known
//!   contents.

mod error;
mod knowledge;
mod lent;
mod recognise;
mod rehearsal;
mod units;
mod waver;
mod weak;

use std::fmt;
use std::ops::Range;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sim_flash::{
    Breach, Cipher, Cut, Encryption, Flash, FlashError, Op, Overprogram, Profile, Row, State, Tear,
    Trace,
};

use self::weak::Decisions;
use crate::explore::{CheckId, Ranges, overlap};
use crate::subject::OperationClock;

pub use error::{ACCESS_LIMIT, ChipError};
pub use knowledge::{Accepted, Header, Memo, Says};
pub(crate) use knowledge::{Knowledge, Knows, Look};
pub use units::InUnits;
pub(crate) use waver::{Waver, reads_word};
pub(crate) use weak::{FLIPS, Settled, WeakRead, otherwise, resolve, untaken};

/// The flash of one power-on.
pub struct Chip<'m> {
    flash: Flash,
    /// Where the cells hold other bytes than are read.
    cipher: Option<Cipher>,
    clock: OperationClock,
    /// Operations that no chip takes, which were refused.
    refused: Vec<Breach>,
    /// Bytes whose content follows from this power-on's own erases. A program determines
    /// nothing: it is an AND with what was there.
    determined: Ranges,
    /// Bytes programmed that are not determined.
    programmed: Ranges,
    knows: Knows<'m>,
    accesses: u64,
    looks: Vec<Look>,
    /// Of looks at records with weak bits, by their number: what was learned.
    learned: Vec<(usize, u128)>,
    /// Of records in `looks`, by their number: whether they may read otherwise when read again.
    listed: Vec<Option<bool>>,
    /// All bytes in `looks`: to read it again tells nothing new about the content at power-on.
    read: Ranges,
    /// While set, reads only widen this extent instead of being listed.
    extent: Option<Range<u32>>,
    /// While set, nothing is noted: what is learned is noted otherwise.
    silent: bool,
    decisions: Decisions,
    /// What is made of reads besides.
    waver: Option<Waver>,
    /// Whether weak bits may read otherwise than before.
    flips: bool,
    /// Each read of weak bits, for timelines: operations done before it, its place, what was read,
    /// and how many readings there were.
    met: Vec<WeakRead>,
}

/// What is left when a power-on has ended.
pub(crate) struct Parts {
    pub(crate) state: State,
    pub(crate) trace: Trace,
    pub(crate) looks: Vec<Look>,
    pub(crate) learned: Vec<(usize, u128)>,
    /// What weak bits were read as, if each place was read as one thing only.
    pub(crate) decided: Option<Vec<Settled>>,
    pub(crate) weak_reads: Vec<WeakRead>,
    /// Operations that break a rule of the chip, in order.
    pub(crate) breaches: Vec<Breach>,
}

impl fmt::Debug for Chip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chip")
            .field("flash", &self.flash)
            .finish_non_exhaustive()
    }
}

/// What a read is of.
#[derive(Clone, Copy)]
enum Of {
    /// A record; listed as the look of this number, unless that tells nothing new.
    Record { look: Option<usize>, flips: bool },
    /// Bytes, which may read otherwise the next time or not.
    Bytes { flips: bool },
}

impl<'m> Chip<'m> {
    pub(crate) fn new(
        profile: &Profile,
        state: State,
        clock: OperationClock,
        knows: Knows<'m>,
    ) -> Self {
        let (decisions, mut flash) = (
            Decisions::new(&state),
            Flash::with_state(profile.clone(), state),
        );
        flash.set_overprogram(Overprogram::And);
        Self {
            decisions,
            waver: None,
            flips: true,
            met: Vec::new(),
            cipher: profile.rules().encryption.as_ref().map(Encryption::cipher),
            flash,
            clock,
            refused: Vec::new(),
            determined: Ranges::new(),
            programmed: Ranges::new(),
            knows,
            accesses: 0,
            looks: Vec::new(),
            learned: Vec::new(),
            listed: Vec::new(),
            read: Ranges::new(),
            extent: None,
            silent: false,
        }
    }

    /// Lets weak bits read as on `tape`: the number of the reading, read by read; then the first.
    pub(crate) fn decide_by(&mut self, tape: Vec<u16>) {
        self.decisions.follow(tape);
    }

    pub(crate) fn arm(&mut self, cut: Cut) {
        self.flash.arm(cut);
    }

    /// The contents, what was done, and what was read.
    pub(crate) fn into_parts(self) -> Parts {
        let mut breaches = self.refused;
        breaches.extend_from_slice(self.flash.breaches());
        breaches.sort_by_key(|breach| breach.op);
        let (state, (), trace) = self.flash.into_parts();
        Parts {
            breaches,
            state,
            trace,
            looks: self.looks,
            learned: self.learned,
            decided: self.decisions.into_first(),
            weak_reads: self.met,
        }
    }

    /// What was done so far in this power-on, for judges.
    pub fn done(&self) -> impl Iterator<Item = Row<'_>> {
        self.flash.trace().iter()
    }

    /// Whether the power is gone.
    pub fn dead(&self) -> bool {
        self.flash.dead()
    }

    /// Whether the power-on was stopped as a hang.
    pub fn hangs(&self) -> bool {
        self.accesses >= ACCESS_LIMIT
    }

    /// Accesses made in this power-on.
    pub(crate) const fn accesses(&self) -> u64 {
        self.accesses
    }

    /// Bytes that the chip programs at least.
    pub fn program_unit(&self) -> u32 {
        self.flash.profile().program_unit()
    }

    /// Whether what lies in the flash may be told by comparing bytes: not where a read may fail.
    fn recognises(&self) -> bool {
        matches!(self.knows, Knows::Contents(_)) && !self.flash.state().checks()
    }

    /// The contents of the flash, for judges; a subject that looks at them is cheating.
    pub fn state(&self) -> &State {
        self.flash.state()
    }

    /// The cells that a read of `range`, which lies in the flash, looks at.
    fn cells(&self, range: &Range<u32>) -> Range<u32> {
        if self.cipher.is_none() {
            return range.clone();
        }
        let block = Cipher::BLOCK;
        range.start / block * block..range.end.div_ceil(block) * block
    }

    /// What whole cells are read as: weak bits are decided, then it is decrypted.
    fn understand(&mut self, cells: &Range<u32>, of: Of) -> Vec<u8> {
        let mut bytes = vec![0; cells.len()];
        self.flash.state().read(cells.start, &mut bytes);
        if self.meets_weak(cells) {
            self.decide(cells, &mut bytes, of);
        }
        if let Some(cipher) = &self.cipher {
            cipher.decrypt(cells.start, &mut bytes);
        }
        bytes
    }

    /// Lists checks that were not listed before.
    fn note_checks(&mut self, mut checks: Vec<CheckId>) {
        if self.silent {
            return;
        }
        checks.retain(|check| {
            !self
                .looks
                .iter()
                .any(|look| matches!(look, Look::Checks(known) if known.contains(check)))
        });
        if !checks.is_empty() {
            self.looks.push(Look::Checks(checks));
        }
    }

    /// Lists a read: as one of a record, or else of bytes. `flips`: with weak bits it may read
    /// otherwise the next time.
    fn note(&mut self, range: &Range<u32>, flips: bool) -> Of {
        let Some(record) = self.record(range) else {
            self.note_read(range.clone());
            return Of::Bytes { flips };
        };
        let look = match self.listed(record) {
            None if self.silent => None,
            None => {
                let records = self.listed.len().max(record + 1);
                self.listed.resize(records, None);
                self.listed[record] = Some(flips);
                Some(Look::Record(record))
            }
            Some(true) if flips && self.flips() && !self.silent && self.meets_weak(range) => {
                Some(Look::Again(record))
            }
            Some(_) => None,
        };
        let look = look.map(|look| {
            self.looks.push(look);
            self.looks.len() - 1
        });
        Of::Record { look, flips }
    }

    /// Whether a record may read otherwise when read again, if it is in `looks`.
    fn listed(&self, record: usize) -> Option<bool> {
        self.listed.get(record).copied().flatten()
    }

    /// The record that `range` is, if it is one as it was at power-on.
    fn record(&self, range: &Range<u32>) -> Option<usize> {
        let Knows::Contents(known) = &self.knows else {
            return None;
        };
        if self.flash.state().checks() || !known.records_tell {
            return None;
        }
        let record = known.records.find(range)?;
        let touched = self.extent.is_some()
            || self.determined.intersects(range)
            || self.programmed.intersects(range);
        // What weak bits read as is decided for a whole record at once, or else byte by byte.
        let asked = |look: &Look| match look {
            Look::Bytes(read) => overlap(read, range),
            Look::Checks(asked) => asked.iter().any(|c| known.checks.looks_at(*c, range)),
            Look::Record(_) | Look::Again(_) | Look::Choice { .. } => false,
        };
        let listed = self.listed(record).is_some();
        let in_parts = || known.checks.of_weak() && !listed && self.looks.iter().any(asked);
        (!touched && !in_parts()).then_some(record)
    }

    /// Lists the bytes of `range` that the content at power-on decides.
    fn note_read(&mut self, range: Range<u32>) {
        if self.silent {
            return;
        }
        if let Some(extent) = &mut self.extent {
            let empty = extent.start >= extent.end;
            extent.start = if empty {
                range.start
            } else {
                extent.start.min(range.start)
            };
            extent.end = if empty {
                range.end
            } else {
                extent.end.max(range.end)
            };
            return;
        }
        let range = widen(&range, self.flash.state().size());
        for undetermined in self.determined.missing_from(range) {
            for part in self.read.missing_from(undetermined.clone()) {
                match self.looks.last_mut() {
                    Some(Look::Bytes(last)) if last.end == part.start => last.end = part.end,
                    _ => self.looks.push(Look::Bytes(part)),
                }
            }
            self.read.insert(undetermined);
        }
    }

    fn tick(&self) {
        // One power-on does far fewer than 2^32 operations: see ACCESS_LIMIT.
        self.clock
            .set(u32::try_from(self.flash.ops()).unwrap_or(u32::MAX));
    }

    /// Keeps an operation that no driver passes on: of other bytes than there are, or not of whole units. What a chip
    /// refuses with a flag of its own is for the device to hear.
    fn note_refusal(&mut self, done: &Result<(), FlashError>) {
        if let Err(error @ (FlashError::OutOfBounds { .. } | FlashError::NotAligned { .. })) = done
        {
            self.refused.push(Breach {
                op: self.flash.ops(),
                error: error.clone(),
            });
        }
    }

    /// Keeps an operation that a driver in front of this chip has refused.
    pub(crate) fn keep_refusal(&mut self, error: FlashError) {
        let op = self.flash.ops();
        self.refused.push(Breach { op, error });
    }

    fn access(&mut self) -> Result<(), ChipError> {
        if self.hangs() {
            return Err(ChipError::Hang);
        }
        self.accesses += 1;
        Ok(())
    }
}

/// The bytes that an operation may change.
pub(crate) fn span(op: &Op) -> Range<u32> {
    op.addr()..op.addr() + op.len()
}

/// The bytes that a tear of the operation may change: at most those of its sector.
pub(crate) fn reach(op: &Op, tear: Tear, state: &State) -> Range<u32> {
    match tear {
        Tear::P7(..) => sectors(&span(op), state),
        _ => span(op),
    }
}

/// The whole sectors around `range`.
pub(crate) fn sectors(range: &Range<u32>, state: &State) -> Range<u32> {
    let (sector, size) = (state.sector(), state.size());
    let end = range.end.div_ceil(sector).saturating_mul(sector);
    range.start / sector * sector..end.min(size)
}

/// The operation's tear that leaves everything as it was.
pub(crate) fn nothing_done(op: &Op) -> Tear {
    match op {
        Op::Program { .. } => Tear::P0,
        Op::Erase { .. } => Tear::E0,
    }
}

/// The smallest range of whole granules around `range`.
pub(crate) fn widen(range: &Range<u32>, size: u32) -> Range<u32> {
    let granule = State::GRANULE;
    let end = range.end.div_ceil(granule) * granule;
    range.start / granule * granule..end.min(size)
}

impl ErrorType for Chip<'_> {
    type Error = ChipError;
}

impl ReadNorFlash for Chip<'_> {
    const READ_SIZE: usize = Flash::<()>::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        self.access()?;
        let done = self.flash.read(offset, bytes);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let range = offset..offset.saturating_add(len);
        if let Err(error) = done {
            // Check bits that do not fit are learned of as well.
            if matches!(error, FlashError::Ecc { .. }) {
                self.note_read(range);
            }
            return Err(error.into());
        }
        let cells = self.cells(&range);
        let of = self.note(&cells, true);
        if self.meets_weak(&cells) {
            let read = self.understand(&cells, of);
            let skipped = (range.start - cells.start) as usize;
            bytes.copy_from_slice(&read[skipped..skipped + bytes.len()]);
        }
        self.answer(&range, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Chip<'_> {
    const WRITE_SIZE: usize = Flash::<()>::WRITE_SIZE;
    const ERASE_SIZE: usize = Flash::<()>::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        self.access()?;
        let done = self.flash.erase(from, to);
        self.tick();
        self.note_refusal(&done);
        done?;
        self.determined.insert(from..to);
        self.programmed.remove(&(from..to));
        self.decisions.erased(&(from..to));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.access()?;
        let done = match self.knows.stencils() {
            Some(stencils) => self.flash.write_with(offset, bytes, stencils),
            None => self.flash.write(offset, bytes),
        };
        self.tick();
        self.note_refusal(&done);
        // Whether a program breaks a rule depends on what it would set.
        let end = offset.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let undetermined: Vec<_> = self.determined.missing_from(offset..end).collect();
        for range in undetermined {
            self.note_read(range.clone());
            self.programmed.insert(range);
        }
        self.decisions.programmed(&(offset..end));
        Ok(done?)
    }
}
