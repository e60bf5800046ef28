//! The flash as a subject sees it: a [`NorFlash`] that can die under its hands.
//!
//! A [`Chip`] is a simulated flash with power on. Besides the flash traits it
//! offers [`Chip::memoised`], which lets a subject declare that a costly result
//! (verifying an image) depends on one region alone. It is optional: without
//! it a sweep is exact all the same, only slower.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use sim_flash::{Cut, Flash, FlashError, Op, Profile, State, Tear, Trace};

use crate::explore::Ranges;
use crate::subject::OperationClock;

/// Flash accesses after which one power-on counts as a hang.
///
/// The longest honest power-on in the scenarios, a download of 1 MiB, makes
/// some 10,000; a device that loops makes any number.
pub const ACCESS_LIMIT: u64 = 4_000_000;

/// Why a flash access failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChipError {
    /// The power is gone: nothing was done and nothing will be.
    PowerLost,
    /// The power-on has made [`ACCESS_LIMIT`] accesses: it counts as a hang.
    Hang,
    /// The chip refused the operation.
    Refused(FlashError),
}

impl ChipError {
    /// Whether the device must let go at once (no power, or stopped as a hang).
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl fmt::Display for ChipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerLost => f.write_str("the power is gone"),
            Self::Hang => write!(
                f,
                "stopped after {ACCESS_LIMIT} flash accesses in one power-on"
            ),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChipError {}

impl NorFlashError for ChipError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerLost | Self::Hang => NorFlashErrorKind::Other,
            Self::Refused(error) => error.kind(),
        }
    }
}

impl From<FlashError> for ChipError {
    fn from(error: FlashError) -> Self {
        match error {
            FlashError::PowerLost => Self::PowerLost,
            other => Self::Refused(other),
        }
    }
}

/// Results that depend on the content of one region alone, by that content's hash.
///
/// An entry says: with the first `len` bytes of `region` hashing to `hash`, the
/// answer is this, because no other byte was read. Kept from run to run.
#[derive(Default)]
pub struct Memo(HashMap<MemoKey, Vec<ByExtent>>);

type MemoKey = (TypeId, u32, u32);

struct ByExtent {
    read: Range<u32>,
    results: HashMap<u128, Box<dyn Any>>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memo({} regions)", self.0.len())
    }
}

/// The flash of one power-on.
#[derive(Debug)]
pub struct Chip<'m> {
    flash: Flash,
    clock: OperationClock,
    /// Bytes whose content follows from this power-on's own erases. A program determines
    /// nothing: it is an AND with what was there.
    determined: Ranges,
    memo: Option<&'m mut Memo>,
    accesses: u64,
    reads: Vec<Range<u32>>,
    /// Everything in `reads`: to read it again tells nothing new about the content at power-on.
    read: Ranges,
    /// While set, reads only widen this extent instead of being listed.
    extent: Option<Range<u32>>,
}

impl<'m> Chip<'m> {
    pub(crate) fn new(
        profile: &Profile,
        state: State,
        clock: OperationClock,
        memo: Option<&'m mut Memo>,
    ) -> Self {
        Self {
            flash: Flash::with_state(profile.clone(), state),
            clock,
            determined: Ranges::new(),
            memo,
            accesses: 0,
            reads: Vec::new(),
            read: Ranges::new(),
            extent: None,
        }
    }

    pub(crate) fn arm(&mut self, cut: Cut) {
        self.flash.arm(cut);
    }

    /// The contents, what was done, and what was read.
    pub(crate) fn into_parts(self) -> (State, Trace, Vec<Range<u32>>) {
        let (state, (), trace) = self.flash.into_parts();
        (state, trace, self.reads)
    }

    /// Whether the power is gone.
    pub fn dead(&self) -> bool {
        self.flash.dead()
    }

    /// Whether the power-on was stopped as a hang.
    pub fn hangs(&self) -> bool {
        self.accesses >= ACCESS_LIMIT
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
        if let Some(memo) = &mut self.memo {
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

    fn remembered<T: Clone + 'static>(&self, key: &MemoKey) -> Option<(Range<u32>, T)> {
        if self.dead() || self.hangs() {
            return None;
        }
        self.memo
            .as_ref()?
            .0
            .get(key)?
            .iter()
            .find_map(|by_extent| {
                let hash = self.flash.state().hash_range(by_extent.read.clone());
                let result = by_extent.results.get(&hash)?.downcast_ref::<T>()?;
                Some((by_extent.read.clone(), result.clone()))
            })
    }

    /// Lists the bytes of `range` that the content at power-on decides.
    fn note_read(&mut self, range: Range<u32>) {
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
                match self.reads.last_mut() {
                    Some(last) if last.end == part.start => last.end = part.end,
                    _ => self.reads.push(part),
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
        self.flash.read(offset, bytes)?;
        // The read succeeded, so it ends inside the flash and fits in u32.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.note_read(offset..offset.saturating_add(len));
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
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.access()?;
        let done = self.flash.write(offset, bytes);
        self.tick();
        Ok(done?)
    }
}
