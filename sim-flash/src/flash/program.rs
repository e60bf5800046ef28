//! Page programs.

use super::Flash;
use crate::error::{FlashError, Rule};
use crate::observer::Observer;
use crate::op::{Op, OpKind};
use crate::state::{LEAF, LEAF_LEN, SharedLeaf};
use crate::stencils::Stencils;
use crate::trace::{Entry, Outcome, Recording};

impl<O: Observer, G> Flash<O, G> {
    /// Programs of any length, page by page: within bounds, power on.
    #[inline]
    pub(super) fn program(&mut self, addr: u32, data: &[u8]) -> Result<(), FlashError> {
        let page = self.profile.page as usize;
        let (mut at, mut rest) = (addr, data);
        while !rest.is_empty() {
            let unit = if self.careful { page } else { LEAF };
            let (here, later) = rest.split_at((unit - (at as usize & (unit - 1))).min(rest.len()));
            if self.careful {
                self.program_with_care(at, here)?;
            } else {
                self.program_plainly(at, here)?;
            }
            #[allow(clippy::cast_possible_truncation)] // within one leaf
            {
                at += here.len() as u32;
            }
            rest = later;
        }
        Ok(())
    }

    /// The same; whole leaves that are erased are shared with `stencils`.
    pub(super) fn program_with(
        &mut self,
        addr: u32,
        data: &[u8],
        stencils: &mut Stencils,
    ) -> Result<(), FlashError> {
        let (mut at, mut rest) = (addr, data);
        while !rest.is_empty() {
            let place = at as usize;
            let (here, later) = rest.split_at((LEAF - place % LEAF).min(rest.len()));
            let whole = here.first_chunk().filter(|_| !self.careful);
            let shared = whole.is_some_and(|whole| {
                let place = place / LEAF;
                let leaf = match stencils.find(place, whole) {
                    Some(leaf) => leaf,
                    None => stencils.keep(place, whole),
                };
                let shared = self.state.share_programmed(place, leaf);
                if shared {
                    self.note_shared(at, leaf);
                }
                shared
            });
            if !shared {
                self.program(at, here)?;
            }
            #[allow(clippy::cast_possible_truncation)] // within one leaf
            {
                at = at.saturating_add(here.len() as u32);
            }
            rest = later;
        }
        Ok(())
    }

    /// Counts and records the pages of a leaf that is shared.
    #[allow(clippy::cast_possible_truncation)] // nobody watches four thousand million operations
    fn note_shared(&mut self, addr: u32, leaf: &SharedLeaf) {
        let len = self.profile.page.min(LEAF_LEN);
        let (pages, duration) = (LEAF_LEN / len, self.profile.timing.program(len, self.pace));
        if self.recording != Recording::Off {
            let first = Entry {
                start: self.stats.device_time,
                duration,
                index: self.ops as u32,
                boot: self.boot,
                addr,
                len,
                kind: OpKind::Program,
            };
            self.trace.push_pages(first, pages, leaf);
        }
        let pages = u64::from(pages);
        self.ops += pages;
        self.stats.device_time += duration * pages;
        self.stats.programs += pages;
        self.stats.bytes_programmed += u64::from(LEAF_LEN);
    }

    /// The pages of one leaf, when nothing is to be watched, cut, encrypted, counted or broken.
    #[inline]
    fn program_plainly(&mut self, addr: u32, data: &[u8]) -> Result<(), FlashError> {
        let Flash {
            state,
            profile,
            stats,
            trace,
            ops,
            ..
        } = self;
        let (recording, boot, speed) = (self.recording != Recording::Off, self.boot, self.pace);
        let mut at = addr;
        let result = state.program_strict(addr, data, profile.page as usize, |page| {
            #[allow(clippy::cast_possible_truncation)] // within one page
            let len = page.len() as u32;
            let duration = profile.timing.program(len, speed);
            if recording {
                #[allow(clippy::cast_possible_truncation)]
                // nobody watches four thousand million operations
                let index = *ops as u32;
                let (start, kind) = (stats.device_time, OpKind::Program);
                trace.push(
                    Entry {
                        start,
                        duration,
                        index,
                        boot,
                        addr: at,
                        len,
                        kind,
                    },
                    page,
                );
            }
            *ops += 1;
            stats.device_time += duration;
            stats.programs += 1;
            stats.bytes_programmed += u64::from(len);
            at += len;
        });
        match result {
            Ok(()) => Ok(()),
            Err(raised) => self.program_on(addr, data, (at - addr) as usize, raised),
        }
    }

    /// Goes on behind the first `done` bytes, at a page that would set the bit at `raised`.
    #[cold]
    fn program_on(
        &mut self,
        addr: u32,
        data: &[u8],
        done: usize,
        raised: usize,
    ) -> Result<(), FlashError> {
        #[allow(clippy::cast_possible_truncation)] // within one leaf
        let at = addr + done as u32;
        let page = self.profile.page as usize;
        let end = data.len().min(done + page - at as usize % page);
        // The error is about the page that breaks the rule, and starts where the last one ended.
        let here = &data[done..end];
        let error = broken(Rule::ClearsBitsOnly, at, here, raised - done);
        if !self.ands() {
            return Err(error);
        }
        self.program_over(at, here, error);
        #[allow(clippy::cast_possible_truncation)] // within one leaf
        let next = addr + end as u32;
        // Ends: what is left is a page less.
        self.program_plainly(next, &data[end..])
    }

    /// One page, when something is to be watched, cut, encrypted, counted or broken.
    #[cold]
    fn program_with_care(&mut self, addr: u32, data: &[u8]) -> Result<(), FlashError> {
        let encrypted = self.cipher.as_ref().map(|cipher| {
            let mut bytes = data.to_vec();
            cipher.encrypt(addr, &mut bytes);
            bytes
        });
        let op = Op::program(addr, encrypted.as_deref().unwrap_or(data));
        let data = op.data();
        let duration = self.profile.timing.program(op.len(), self.pace);
        self.check_place(OpKind::Program, addr, op.len())?;
        let breach = self.check_over(addr, data)?;
        if self.unheard(&op, duration) {
            return Ok(());
        }
        if O::OPS {
            self.state.seal();
            self.observer.before(&self.state, &op);
        }
        self.strike(&op, duration)?;
        if let Some(breach) = breach {
            self.keep_breach(breach);
        }
        if !self.fail(&op, duration)? {
            self.state.apply(&op);
            self.force_stuck(addr, op.len());
            self.note(OpKind::Program, addr, op.len(), data, duration);
        }
        self.stats.programs += 1;
        self.stats.bytes_programmed += u64::from(op.len());
        if O::OPS {
            self.observer.after(&self.state, &op);
        }
        Ok(())
    }

    /// One program command as the chip sees it: up to a page of bytes, starting anywhere in the page. Bytes beyond the
    /// end of the page are an error, or, on a flash that is not strict, wrap to its start.
    ///
    /// A driver splits its writes so that this never happens; this is for testing drivers.
    pub fn page_program(&mut self, addr: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(OpKind::Program, addr, bytes.len() as u64, 1)?;
        let page = self.profile.page;
        let room = (page - addr % page) as usize;
        if bytes.len() <= room {
            return self.program(addr, bytes);
        }
        if self.strict {
            return Err(broken(Rule::PageWrap, addr, bytes, room));
        }
        // The page buffer takes the last byte for each place; all of it is one program.
        let mut buffer = vec![0xFF; page as usize];
        for (at, byte) in bytes.iter().enumerate() {
            buffer[(addr as usize + at) % page as usize] = *byte;
        }
        self.program(addr - addr % page, &buffer)
    }

    /// The rule that a program over these cells breaks, if it is carried out all the same; an error if it is not.
    fn check_over(&self, addr: u32, data: &[u8]) -> Result<Option<FlashError>, FlashError> {
        if !self.strict {
            return Ok(None);
        }
        let sets = |at| broken(Rule::ClearsBitsOnly, addr, data, at);
        let kept = { self.check_program_limit(addr, data) }
            .and_then(|()| self.state.check_program(addr, data).map_err(sets));
        match kept {
            Ok(()) => Ok(None),
            Err(error) if self.ands() => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    fn check_program_limit(&self, addr: u32, data: &[u8]) -> Result<(), FlashError> {
        let Some(limit) = self.profile.rules().limit else {
            return Ok(());
        };
        if limit.zeros && data.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        #[allow(clippy::cast_possible_truncation)] // within one page
        let end = addr + data.len() as u32;
        let mut words = (addr / limit.word * limit.word..end).step_by(limit.word as usize);
        match words.find(|word| self.state.programs(*word) >= limit.times) {
            Some(word) => {
                let (at, times) = (word.saturating_sub(addr) as usize, limit.times);
                let rule = if limit.word > self.profile.page {
                    let block = limit.word;
                    Rule::BlockProgramLimit { block, times }
                } else {
                    Rule::ProgramLimit(times)
                };
                Err(broken(rule, addr, data, at))
            }
            None => Ok(()),
        }
    }

    /// Whether the chip does not hear an operation: it is busy, or the range is protected and nobody is strict about it.
    pub(super) fn unheard(&mut self, op: &Op, duration: u64) -> bool {
        if self.busy() {
            // A driver polls the busy bit until it clears, and finds all well.
            let until = self.running.take().map_or(0, |running| running.until);
            self.note_with(op, until - self.stats.device_time, Outcome::Ignored);
            self.take_care();
            return true;
        }
        if self.is_protected(op.addr(), op.len()) {
            self.note_with(op, duration.min(1_000), Outcome::Ignored);
            return true;
        }
        false
    }
}

#[cold]
#[allow(clippy::cast_possible_truncation)] // within one page
fn broken(rule: Rule, addr: u32, data: &[u8], at: usize) -> FlashError {
    FlashError::Rule {
        rule,
        kind: OpKind::Program,
        addr,
        len: data.len() as u32,
        at: addr + at as u32,
    }
}
