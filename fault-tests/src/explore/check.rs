//! Checks: questions about the content of a region whose answer is all that a subject learns.
//!
//! A digest tells whole images from everything else. So what a power-on learns from verifying a
//! slot is which of the known images lies there, if any, and not a byte more; and to tell that, no
//! digest is needed, only a comparison. A check is such a comparison, of a state with a *template*,
//! and it has holes: bytes whose content does not follow from the state that is asked about,
//! because an operation in between decides them, and which have been found to agree already. Where
//! bits are weak the answer may be *maybe*: the adversary decides.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sim_flash::State;

use super::ranges::{Ranges, pieces};

const GRANULE: u32 = State::GRANULE;

/// Names a content at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TemplateId(u32);

/// Names a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CheckId(u32);

/// A question about a state: does the template's content lie in its place, but for the holes?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Check {
    pub(crate) template: TemplateId,
    pub(crate) holes: Ranges,
}

/// The answer to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// A solid bit differs.
    No,
    /// All solid bits agree, but some are weak.
    Maybe,
    /// All bits agree.
    Yes,
}

/// A content at a place.
pub(crate) struct Template {
    at: u32,
    bytes: Arc<[u8]>,
    /// Whether cells may be weak at all.
    weak: bool,
    /// A flash that holds it, for its range hashes.
    state: State,
}

impl Template {
    pub(crate) fn range(&self) -> Range<u32> {
        // It lies within a flash.
        self.at..self.at + u32::try_from(self.bytes.len()).unwrap_or(0)
    }

    /// Its bytes in `range`, which lies within [`Template::range`].
    pub(crate) fn bytes(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[(range.start - self.at) as usize..(range.end - self.at) as usize]
    }

    /// Whether `cells` hold it, but for the holes.
    pub(crate) fn matches(&self, holes: &Ranges, cells: &mut impl Cells) -> Answer {
        let mut answer = Answer::Yes;
        for piece in holes.missing_from(self.range()) {
            answer = answer.min(self.matches_in(&piece, cells));
            if answer == Answer::No {
                break;
            }
        }
        answer
    }

    /// Whether `cells` hold it in `piece`.
    pub(crate) fn matches_in(&self, piece: &Range<u32>, cells: &mut impl Cells) -> Answer {
        let whole = piece.start.next_multiple_of(GRANULE)..piece.end / GRANULE * GRANULE;
        if whole.is_empty() {
            return self.compare(piece, cells);
        }
        let ends = [piece.start..whole.start, whole.end..piece.end];
        let [head, tail] = ends.map(|end| self.compare(&end, cells));
        let answer = head.min(tail);
        if answer == Answer::No || cells.hash(&whole) == self.state.hash_range(whole.clone()) {
            return answer;
        }
        let by_bytes = cells.counts() || self.weak && cells.has_weak(&whole);
        if !by_bytes {
            return Answer::No;
        }
        answer.min(self.compare(&whole, cells))
    }

    /// Bit by bit.
    fn compare(&self, piece: &Range<u32>, cells: &mut impl Cells) -> Answer {
        let (mut found, mut weak) = ([0; COMPARED as usize], [0; COMPARED as usize]);
        let mut answer = Answer::Yes;
        for part in pieces(piece, COMPARED) {
            let (found, weak) = (&mut found[..part.len()], &mut weak[..part.len()]);
            cells.read(part.start, found);
            let wanted = self.bytes(&part);
            if self.weak && cells.has_weak(&part) {
                cells.weak(part.start, weak);
                let differs = |((f, w), weak): ((&u8, &u8), &u8)| (f ^ w) & !weak != 0;
                if found.iter().zip(wanted).zip(&*weak).any(differs) {
                    return Answer::No;
                }
                answer = Answer::Maybe;
            } else if found != wanted {
                return Answer::No;
            }
        }
        answer
    }

    /// Whether `state` holds it in `piece`, bit by bit: for content whose hashes nobody will ask for.
    pub(crate) fn same_in(&self, piece: &Range<u32>, mut state: &State) -> Answer {
        if self.weak {
            return self.compare(piece, &mut state);
        }
        if state.holds(piece.start, self.bytes(piece)) {
            Answer::Yes
        } else {
            Answer::No
        }
    }

    /// The last granule in `within` where `state` does not hold it, however weak bits are read; for
    /// telling why it is not held.
    pub(crate) fn last_difference(&self, within: &Ranges, mut state: &State) -> Option<Range<u32>> {
        let own = self.range();
        let pieces: Vec<_> = within.iter().collect();
        for piece in pieces.into_iter().rev() {
            let (start, mut end) = (piece.start.max(own.start), piece.end.min(own.end));
            while start < end {
                let block = end.saturating_sub(BLOCK)..end;
                if block.start >= start
                    && end.is_multiple_of(BLOCK)
                    && state.hash_range(block.clone()) == self.state.hash_range(block.clone())
                {
                    end = block.start;
                    continue;
                }
                let from = ((end - 1) / GRANULE * GRANULE).max(start);
                if self.compare(&(from..end), &mut state) == Answer::No {
                    return Some(from..end);
                }
                end = from;
            }
        }
        None
    }
}

/// So many bytes are one hash: those of 4 KiB are cached with a state.
const BLOCK: u32 = 4096;

/// So many bytes are compared at once.
const COMPARED: u16 = 256;

/// Something that has the content of a flash.
pub(crate) trait Cells {
    /// The hash of a range of whole granules.
    fn hash(&mut self, range: &Range<u32>) -> u128;
    /// Copies bytes out.
    fn read(&mut self, addr: u32, out: &mut [u8]);
    /// Whether hashes tell more than bytes and weak bits.
    fn counts(&self) -> bool;
    /// Whether any bit of a range is weak.
    fn has_weak(&mut self, range: &Range<u32>) -> bool;
    /// Copies out which bits are weak.
    fn weak(&mut self, addr: u32, out: &mut [u8]);
}

impl Cells for &State {
    fn hash(&mut self, range: &Range<u32>) -> u128 {
        self.hash_range(range.clone())
    }

    fn read(&mut self, addr: u32, out: &mut [u8]) {
        State::read(self, addr, out);
    }

    fn counts(&self) -> bool {
        State::counts(self)
    }

    fn has_weak(&mut self, range: &Range<u32>) -> bool {
        State::has_weak(self, range.clone())
    }

    fn weak(&mut self, addr: u32, out: &mut [u8]) {
        State::weak(self, addr, out);
    }
}

/// Every template and every check of an exploration.
#[derive(Default)]
pub(crate) struct Checks {
    /// Whether cells may be weak at all.
    weak: bool,
    templates: Vec<Template>,
    /// Templates by the address of their content in memory, which they keep alive, and their place.
    places: HashMap<(usize, u32), TemplateId>,
    all: Vec<Check>,
    known: HashMap<Check, CheckId>,
}

impl Checks {
    /// No check yet; whether cells may be `weak` at all.
    pub(crate) fn new(weak: bool) -> Self {
        Self {
            weak,
            ..Self::default()
        }
    }

    /// Whether cells may be weak at all.
    pub(crate) fn of_weak(&self) -> bool {
        self.weak
    }

    /// The template of `bytes` at `at`, which must be the start of a granule, on a flash like `state`.
    pub(crate) fn template(&mut self, state: &State, at: u32, bytes: &Arc<[u8]>) -> TemplateId {
        let key = (bytes.as_ptr() as usize, at);
        *self.places.entry(key).or_insert_with(|| {
            let mut flash = State::erased(state.size(), state.sector());
            flash.load(at, bytes);
            flash.seal();
            self.templates.push(Template {
                at,
                bytes: Arc::clone(bytes),
                weak: self.weak,
                state: flash,
            });
            TemplateId(index(self.templates.len() - 1))
        })
    }

    pub(crate) fn intern(&mut self, check: Check) -> CheckId {
        if let Some(id) = self.known.get(&check) {
            return *id;
        }
        let id = CheckId(index(self.all.len()));
        self.all.push(check.clone());
        self.known.insert(check, id);
        id
    }

    /// Bytes of them, roughly: each with a few holes, each template with a flash that holds it.
    pub(crate) fn held(&self) -> u64 {
        let templates = self.templates.iter().map(|t| 2 * t.bytes.len() as u64);
        templates.sum::<u64>() + self.all.len() as u64 * 256
    }

    pub(crate) fn get(&self, id: CheckId) -> &Check {
        &self.all[id.0 as usize]
    }

    pub(crate) fn template_of(&self, id: TemplateId) -> &Template {
        &self.templates[id.0 as usize]
    }

    /// The answer for `cells`.
    pub(crate) fn answer(&self, id: CheckId, cells: &mut impl Cells) -> Answer {
        let Check { template, holes } = self.get(id);
        self.template_of(*template).matches(holes, cells)
    }

    /// The first and the last byte of `range` that the answer can depend on.
    pub(crate) fn ends_in(&self, id: CheckId, range: &Range<u32>) -> Option<(u32, u32)> {
        let Check { template, holes } = self.get(id);
        let own = self.template_of(*template).range();
        let part = own.start.max(range.start)..own.end.min(range.end);
        if part.is_empty() {
            return None;
        }
        let mut pieces = holes.missing_from(part);
        let first = pieces.next()?;
        let last = pieces.last().unwrap_or_else(|| first.clone());
        Some((first.start, last.end - 1))
    }

    /// Whether the answer can depend on any byte of `range`.
    pub(crate) fn looks_at(&self, id: CheckId, range: &Range<u32>) -> bool {
        let Check { template, holes } = self.get(id);
        let own = self.template_of(*template).range();
        let part = own.start.max(range.start)..own.end.min(range.end);
        !part.is_empty() && holes.missing_from(part).next().is_some()
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("fewer than 2^32 checks fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> (Checks, TemplateId, State, Arc<[u8]>) {
        let bytes: Arc<[u8]> = (0..1000u32).map(|n| (n % 251) as u8).collect();
        let mut state = State::erased(64 * 1024, 4096);
        state.load(0x2000, &bytes);
        let mut checks = Checks::new(true);
        let template = checks.template(&state, 0x2000, &bytes);
        (checks, template, state, bytes)
    }

    #[test]
    fn a_content_is_held_but_for_its_holes() {
        let (mut checks, template, mut state, _) = setup();
        let whole = checks.intern(Check {
            template,
            holes: Ranges::new(),
        });
        let mut holes = Ranges::new();
        holes.insert(0x2041..0x2082);
        let but_for_a_hole = checks.intern(Check { template, holes });
        let both = |state: &State| {
            [whole, but_for_a_hole].map(|check| checks.answer(check, &mut { state }))
        };
        assert_eq!(both(&state), [Answer::Yes, Answer::Yes]);
        state.load(0x2041, &[0xEE]);
        assert_eq!(both(&state), [Answer::No, Answer::Yes]);
        state.load(0x2040, &[0xEE]);
        assert_eq!(both(&state), [Answer::No, Answer::No]);
        assert!(checks.looks_at(but_for_a_hole, &(0x2000..0x2042)));
        assert!(!checks.looks_at(but_for_a_hole, &(0x2041..0x2082)));
    }

    #[test]
    fn every_byte_matters_also_those_of_a_last_short_granule() {
        let (mut checks, template, state, bytes) = setup();
        let whole = checks.intern(Check {
            template,
            holes: Ranges::new(),
        });
        for at in 0..bytes.len() {
            let mut changed = state.clone();
            let addr = 0x2000 + u32::try_from(at).unwrap();
            changed.load(addr, &[bytes[at] ^ 1]);
            assert_eq!(checks.answer(whole, &mut &changed), Answer::No, "{addr:#x}");
            let mut all = Ranges::new();
            all.insert(0..0x1_0000);
            let difference = checks.template_of(template).last_difference(&all, &changed);
            assert!(difference.is_some_and(|found| found.contains(&addr)));
        }
        let mut behind = state.clone();
        behind.load(0x2000 + 1000, &[0]);
        assert_eq!(
            checks.answer(whole, &mut &behind),
            Answer::Yes,
            "the byte behind it is none of its business"
        );
    }

    #[test]
    fn weak_bits_agree_with_everything_and_solid_ones_still_differ() {
        let (mut checks, template, mut state, bytes) = setup();
        let whole = checks.intern(Check {
            template,
            holes: Ranges::new(),
        });
        state.weaken(0x2100, &[0xF0; 40]);
        assert_eq!(checks.answer(whole, &mut &state), Answer::Maybe);
        state.load(0x2110, &[!bytes[0x110]]);
        state.weaken(0x2110, &[0xF0]);
        assert_eq!(checks.answer(whole, &mut &state), Answer::No);
        let mut all = Ranges::new();
        all.insert(0..0x1_0000);
        let difference = checks.template_of(template).last_difference(&all, &state);
        assert!(difference.is_some_and(|found| found.contains(&0x2110)));
    }
}
