//! The flash as a subject sees it: a [`NorFlash`] that can die under its hands.
//!
//! A [`Chip`] is a simulated flash with power on. Besides the flash traits it offers three ways to
//! say more of a read than that it happened. All are optional: without them a sweep is exact all
//! the same, only slower.
//!
//! * [`Chip::memoised`]: a costly result depends on one region alone.
//! * [`Chip::holds`]: all that is asked is which of some known contents lies in a place.
//! * [`Chip::checked`]: a result (of verifying an image) is a refusal for everything but some known
//!   contents.

mod error;
mod knowledge;
mod units;
mod weak;

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sim_flash::{Cipher, Cut, Encryption, Flash, FlashError, Op, Profile, Row, State, Tear, Trace};

use self::knowledge::{ByExtent, MemoKey};
use self::weak::Decisions;
use crate::explore::{Answer, Check, CheckId, Ranges, overlap};
use crate::subject::OperationClock;

pub use error::{ACCESS_LIMIT, ChipError};
pub use knowledge::{Accepted, Header, Memo, Says};
pub(crate) use knowledge::{Knowledge, Knows, Look};
pub use units::InUnits;
pub(crate) use weak::{FLIPS, Settled, WeakRead, otherwise, resolve};

/// The flash of one power-on.
pub struct Chip<'m> {
    flash: Flash,
    /// Where the cells hold other bytes than are read.
    cipher: Option<Cipher>,
    clock: OperationClock,
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
    /// Records in `looks`, and whether they may read otherwise when read again.
    records: Vec<(usize, bool)>,
    /// All bytes in `looks`: to read it again tells nothing new about the content at power-on.
    read: Ranges,
    /// While set, reads only widen this extent instead of being listed.
    extent: Option<Range<u32>>,
    /// While set, nothing is noted: what is learned is noted otherwise.
    silent: bool,
    decisions: Decisions,
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

/// Which of the contents asked about was found.
#[derive(Clone, Copy)]
struct Found(Option<usize>);

impl<'m> Chip<'m> {
    pub(crate) fn new(
        profile: &Profile,
        state: State,
        clock: OperationClock,
        knows: Knows<'m>,
    ) -> Self {
        Self {
            decisions: Decisions::new(&state),
            flips: true,
            met: Vec::new(),
            cipher: profile.rules().encryption.as_ref().map(Encryption::cipher),
            flash: Flash::with_state(profile.clone(), state),
            clock,
            determined: Ranges::new(),
            programmed: Ranges::new(),
            knows,
            accesses: 0,
            looks: Vec::new(),
            learned: Vec::new(),
            records: Vec::new(),
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
        let (state, (), trace) = self.flash.into_parts();
        Parts {
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

    /// Bytes that the chip programs at least.
    pub fn program_unit(&self) -> u32 {
        self.flash.profile().program_unit()
    }

    /// Whether the chip encrypts what it stores.
    pub const fn encrypts(&self) -> bool {
        self.cipher.is_some()
    }

    /// Whether what lies in the flash may be told by comparing bytes: not where a read may fail.
    fn recognises(&self) -> bool {
        matches!(self.knows, Knows::Contents(_)) && !self.flash.state().checks()
    }

    /// The contents of the flash, for judges; a subject that looks at them is cheating.
    pub fn state(&self) -> &State {
        self.flash.state()
    }

    /// The result of `f`, which must depend on the bytes of `region` alone and must only read.
    ///
    /// When the explorer has seen the same bytes there before, `f` is not run
    /// again. Either way the power-on is recorded as having read the same
    /// bytes, so that what is pruned does not depend on what was remembered.
    pub fn memoised<T: Clone + 'static>(
        &mut self,
        region: Range<u32>,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.silent {
            return f(self);
        }
        let region = self.cells(&region);
        if self.meets_weak(&region) {
            // Nothing is remembered of it, and it is one thing throughout.
            self.note_read(region.clone());
            let mut bytes = vec![0; region.len()];
            self.flash.state().read(region.start, &mut bytes);
            self.decide(&region, &mut bytes, Of::Bytes { flips: false });
            return f(self);
        }
        let key = (TypeId::of::<T>(), region.start, region.end);
        if let Some((read, result)) = self.remembered::<T>(&key) {
            self.note_read(read);
            return result;
        }
        let outer = self.extent.replace(region.start..region.start);
        let result = f(self);
        let read = std::mem::replace(&mut self.extent, outer).unwrap_or_default();
        debug_assert!(
            region.start <= read.start && read.end <= region.end,
            "a memoised function left its region"
        );
        let read = widen(&read, self.flash.state().size());
        self.note_read(read.clone());
        if self.dead() || self.hangs() {
            return result;
        }
        let hash = self.flash.state().hash_range(read.clone());
        if let Some(memo) = self.knows.memo() {
            let extents = memo.0.entry(key).or_default();
            let at = extents
                .iter()
                .position(|e| e.read == read)
                .unwrap_or_else(|| {
                    extents.push(ByExtent {
                        read,
                        results: HashMap::new(),
                    });
                    extents.len() - 1
                });
            extents[at].results.insert(hash, Box::new(result.clone()));
        }
        result
    }

    fn remembered<T: Clone + 'static>(&mut self, key: &MemoKey) -> Option<(Range<u32>, T)> {
        if self.dead() || self.hangs() {
            return None;
        }
        let state = self.flash.state();
        self.knows.memo()?.0.get(key)?.iter().find_map(|by_extent| {
            let hash = state.hash_range(by_extent.read.clone());
            let result = by_extent.results.get(&hash)?.downcast_ref::<T>()?;
            Some((by_extent.read.clone(), result.clone()))
        })
    }

    /// Which of `contents` lies at `at`, the first if several do; a multiple of 32.
    ///
    /// The explorer takes this for all that was learned: states that differ in the answer to no
    /// such question behave alike.
    pub fn holds(&mut self, at: u32, contents: &[Arc<[u8]>]) -> Option<usize> {
        let place = at as usize;
        // What a part of a block of the cipher reads as depends on the rest.
        let unit = self.cipher.as_ref().map_or(1, |_| Cipher::BLOCK as usize);
        let fits = |bytes: &Arc<[u8]>| {
            place + bytes.len() <= self.capacity() && bytes.len().is_multiple_of(unit)
        };
        if self.recognises() && at.is_multiple_of(State::GRANULE) && contents.iter().all(fits) {
            let stored = self.stored(at, contents);
            return self.recognise(at, &stored);
        }
        let longest = contents.iter().map(|bytes| bytes.len()).max()?;
        let end = at.saturating_add(u32::try_from(longest).ok()?);
        let found = self.memoised(at..end, |chip| {
            Found(contents.iter().position(|bytes| chip.compare(at, bytes)))
        });
        found.0
    }

    /// The contents as the cells at `at` hold them.
    fn stored<'c>(&mut self, at: u32, contents: &'c [Arc<[u8]>]) -> Cow<'c, [Arc<[u8]>]> {
        match (&self.cipher, self.knows.known()) {
            (Some(cipher), Some(known)) => { contents.iter() }
                .map(|plain| known.encrypted(at, plain, cipher))
                .collect(),
            _ => Cow::Borrowed(contents),
        }
    }

    fn compare(&mut self, at: u32, bytes: &[u8]) -> bool {
        let mut found = [0; 4096];
        let mut addr = at;
        for expected in bytes.chunks(found.len()) {
            let found = &mut found[..expected.len()];
            if self.read(addr, found).is_err() || found != expected {
                return false;
            }
            addr = addr.saturating_add(4096);
        }
        true
    }

    /// [`Chip::holds`] by comparing hashes with what the cells hold, noted as the checks it is.
    fn recognise(&mut self, at: u32, contents: &[Arc<[u8]>]) -> Option<usize> {
        let Knows::Contents(known) = &mut self.knows else {
            return None;
        };
        let (mut candidates, mut asked) = (Vec::new(), Vec::new());
        for (index, bytes) in contents.iter().enumerate() {
            let mut state = self.flash.state();
            let id = known.checks.template(state, at, bytes);
            let template = known.checks.template_of(id);
            let own = template.range();
            // What this power-on itself decided is no question to the state it began in; what it
            // programmed over, it has read.
            let mut holes = Ranges::new();
            for piece in self.determined.within(&own) {
                holes.insert(piece);
            }
            for piece in self.programmed.within(&own) {
                holes.insert(widen(&piece, state.size()));
            }
            let decided = holes
                .within(&own)
                .map(|piece| template.same_in(&piece, state));
            let decided = decided.min().unwrap_or(Answer::Yes);
            if decided == Answer::No {
                continue; // whatever it began in
            }
            let answer = decided.min(template.matches(&holes, &mut state));
            if holes.missing_from(own).next().is_some() {
                let template = id;
                asked.push(known.checks.intern(Check { template, holes }));
            }
            if answer != Answer::No {
                candidates.push((index, answer));
            }
            if answer == Answer::Yes {
                break;
            }
        }
        self.note_checks(asked);
        let mut candidates = candidates.into_iter();
        let found = candidates.find(|(index, answer)| {
            *answer == Answer::Yes || self.decide_held(at, &contents[*index])
        });
        found.map(|(index, _)| index)
    }

    /// The result of `f`, which must read `region` alone, and must be the same refusal for every
    /// content but those of `accepted`.
    ///
    /// So it is with a check of a digest, as nobody finds a second content for one. When exploring,
    /// `f` runs once for each content and once for all others; each new power-on is executed again
    /// with `f` run in full, and must do the same.
    pub fn checked<T: Clone + 'static>(
        &mut self,
        region: Range<u32>,
        accepted: &Accepted,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if !self.recognises() || !region.start.is_multiple_of(State::GRANULE) {
            return self.memoised(region, f);
        }
        let found = match self.says(&region, accepted) {
            Says::Unprotected => return self.memoised(region, f),
            Says::Refused => None,
            Says::Digest => {
                let fits = |bytes: &&Arc<[u8]>| bytes.len() <= region.len();
                let contents: Vec<_> = accepted.contents.iter().filter(fits).cloned().collect();
                self.holds(region.start, &contents)
            }
        };
        if let Some(result) = self.known_of(&region, found) {
            return result;
        }
        let outer = std::mem::replace(&mut self.silent, true);
        let result = f(self);
        self.silent = outer;
        // Without power nothing was found out.
        if !self.dead() && !self.hangs() {
            self.know_of(&region, found, &result);
        }
        result
    }

    /// What is known to follow from `content` in `region`: one of those [accepted](Chip::checked), or any
    /// other.
    pub(crate) fn known_of<T: Clone + 'static>(
        &mut self,
        region: &Range<u32>,
        content: Option<usize>,
    ) -> Option<T> {
        let key = (TypeId::of::<T>(), region.start, region.end, content);
        let known = self.knows.known()?.accepted.get(&key)?;
        known.downcast_ref::<T>().cloned()
    }

    /// Keeps what follows from `content` in `region`, whatever lies elsewhere.
    pub(crate) fn know_of<T: Clone + 'static>(
        &mut self,
        region: &Range<u32>,
        content: Option<usize>,
        result: &T,
    ) {
        let key = (TypeId::of::<T>(), region.start, region.end, content);
        if let Some(known) = self.knows.known() {
            known.accepted.insert(key, Box::new(result.clone()));
        }
    }

    /// What the header of the region says, noted as the record it is, or as the bytes.
    fn says(&mut self, region: &Range<u32>, accepted: &Accepted) -> Says {
        let Some(header) = accepted.header else {
            return Says::Digest;
        };
        let range = region.start..region.start.saturating_add(header.len);
        let cells = self.cells(&range);
        let of = self.note(&cells, false);
        let read = self.understand(&cells, of);
        let skipped = (range.start - cells.start) as usize;
        (header.says)(&read[skipped..skipped + range.len()])
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
        let look = match self.records.iter().find(|(known, _)| *known == record) {
            None if self.silent => None,
            None => {
                self.records.push((record, flips));
                Some(Look::Record(record))
            }
            Some((_, true)) if flips && self.flips && !self.silent && self.meets_weak(range) => {
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

    /// The record that `range` is, if it is one as it was at power-on.
    fn record(&self, range: &Range<u32>) -> Option<usize> {
        let Knows::Contents(known) = &self.knows else {
            return None;
        };
        if self.flash.state().checks() {
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
        let listed = || self.records.iter().any(|(listed, _)| *listed == record);
        let in_parts = || known.checks.of_weak() && !listed() && self.looks.iter().any(asked);
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
        // Whether the chip takes a program depends on what it would set.
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
