//! Checks: questions about the content of a region whose answer is all that a subject learns.
//!
//! A digest tells whole images from everything else. So what a power-on learns from verifying a
//! slot is which of the known images lies there, if any, and not a byte more; and to tell that, no
//! digest is needed, only a comparison. A check is such a comparison, of a state with a *template*,
//! and it has holes: bytes whose content does not follow from the state that is asked about,
//! because an operation in between decides them, and which have been found to agree already.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sim_flash::State;

use super::ranges::Ranges;

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

/// A content at a place.
pub(crate) struct Template {
    at: u32,
    bytes: Arc<[u8]>,
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
    pub(crate) fn matches(&self, holes: &Ranges, cells: &mut impl Cells) -> bool {
        holes
            .missing_from(self.range())
            .all(|piece| self.matches_in(&piece, cells))
    }

    /// Whether `cells` hold it in `piece`.
    pub(crate) fn matches_in(&self, piece: &Range<u32>, cells: &mut impl Cells) -> bool {
        let whole = piece.start.next_multiple_of(GRANULE)..piece.end / GRANULE * GRANULE;
        if whole.is_empty() {
            return self.same_bytes(piece, cells);
        }
        self.same_bytes(&(piece.start..whole.start), cells)
            && self.same_bytes(&(whole.end..piece.end), cells)
            && cells.hash(&whole) == self.state.hash_range(whole.clone())
    }

    /// For a few bytes: they are compared one by one.
    fn same_bytes(&self, piece: &Range<u32>, cells: &mut impl Cells) -> bool {
        let mut found = [0; 2 * GRANULE as usize];
        let found = &mut found[..piece.len()];
        cells.read(piece.start, found);
        found == self.bytes(piece)
    }

    /// Whether `state` holds it in `piece`, byte by byte: for content whose hashes nobody will ask for.
    pub(crate) fn same_in(&self, piece: &Range<u32>, state: &State) -> bool {
        state.holds(piece.start, self.bytes(piece))
    }

    /// The last granule in `within` where `state` does not hold it; for telling why it is not held.
    pub(crate) fn last_difference(&self, within: &Ranges, state: &State) -> Option<Range<u32>> {
        let mut found = [0; GRANULE as usize];
        let own = self.range();
        let pieces: Vec<_> = within.iter().collect();
        for piece in pieces.into_iter().rev() {
            let (start, mut end) = (piece.start.max(own.start), piece.end.min(own.end));
            while start < end {
                let from = ((end - 1) / GRANULE * GRANULE).max(start);
                let found = &mut found[..(end - from) as usize];
                state.read(from, found);
                if found != self.bytes(&(from..end)) {
                    return Some(from..end);
                }
                end = from;
            }
        }
        None
    }
}

/// Something that has the content of a flash.
pub(crate) trait Cells {
    /// The hash of a range of whole granules.
    fn hash(&mut self, range: &Range<u32>) -> u128;
    /// Copies bytes out.
    fn read(&mut self, addr: u32, out: &mut [u8]);
}

impl Cells for &State {
    fn hash(&mut self, range: &Range<u32>) -> u128 {
        self.hash_range(range.clone())
    }

    fn read(&mut self, addr: u32, out: &mut [u8]) {
        State::read(self, addr, out);
    }
}

/// Every template and every check of an exploration.
#[derive(Default)]
pub(crate) struct Checks {
    templates: Vec<Template>,
    /// Templates by the address of their content in memory, which they keep alive, and their place.
    places: HashMap<(usize, u32), TemplateId>,
    all: Vec<Check>,
    known: HashMap<Check, CheckId>,
}

impl Checks {
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

    pub(crate) fn get(&self, id: CheckId) -> &Check {
        &self.all[id.0 as usize]
    }

    pub(crate) fn template_of(&self, id: TemplateId) -> &Template {
        &self.templates[id.0 as usize]
    }

    /// The answer for `cells`.
    pub(crate) fn answer(&self, id: CheckId, cells: &mut impl Cells) -> bool {
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
        let mut checks = Checks::default();
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
        assert!(checks.answer(whole, &mut &state) && checks.answer(but_for_a_hole, &mut &state));
        state.load(0x2041, &[0xEE]);
        assert!(!checks.answer(whole, &mut &state) && checks.answer(but_for_a_hole, &mut &state));
        state.load(0x2040, &[0xEE]);
        assert!(!checks.answer(but_for_a_hole, &mut &state));
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
            assert!(!checks.answer(whole, &mut &changed), "{addr:#x}");
            let mut all = Ranges::new();
            all.insert(0..0x1_0000);
            let difference = checks.template_of(template).last_difference(&all, &changed);
            assert!(difference.is_some_and(|found| found.contains(&addr)));
        }
        let mut behind = state.clone();
        behind.load(0x2000 + 1000, &[0]);
        assert!(
            checks.answer(whole, &mut &behind),
            "the byte behind it is none of its business"
        );
    }
}
