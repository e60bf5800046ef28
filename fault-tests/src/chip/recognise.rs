//! Telling what lies in the flash without reading it: by what was found out about the same bytes before, and by
//! the contents that are known.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use embedded_storage::nor_flash::ReadNorFlash;
use sim_flash::{Cipher, State};

use super::knowledge::{ByExtent, MemoKey};
use super::{Accepted, Chip, Knows, Of, Says, widen};
use crate::explore::{Answer, Check, Ranges};

/// Which of the contents asked about was found.
#[derive(Clone, Copy)]
struct Found(Option<usize>);

impl Chip<'_> {
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
        // Who asks which content it is is no device that reads it.
        let waver = self.waver.take();
        let found = self.memoised(at..end, |chip| {
            Found(contents.iter().position(|bytes| chip.compare(at, bytes)))
        });
        self.waver = waver;
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
}
