//! The way through one power-on's operations, and what its future demands of the states on it.
//!
//! While an operation is dead weight its effect is not even carried out; the walk catches up when
//! somebody looks. What the walk has determined so far, it is not for the state it began in to
//! decide: see [`super`].

use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Level, Op, OpKind, Risen, Rows, State, Tear};

use super::check::{Answer, Check, CheckId};
use super::engine::Engine;
use super::ranges::{Ranges, overlap, pieces};
use super::recording::Segment;
use super::tally::Shown;
use super::trie::{LeafId, Root};
use crate::chip::{reach, span, widen};
use crate::subject::World;

/// Where a walk stands.
#[derive(Clone)]
pub(super) struct Walk {
    /// The power-on that is walked, and what may follow where it began.
    pub(super) from: Shown,
    pub(super) parent: LeafId,
    /// The state before the next operation, but for what is pending.
    pub(super) state: State,
    pending: Vec<(Rc<Segment>, usize)>,
    /// The index of the next operation.
    pub(super) op: usize,
    /// What has been determined: by completed erases.
    pub(super) determined: Ranges,
    /// What has been programmed and is not determined.
    pub(super) programmed: Ranges,
    /// Children whose demands are noted already, at this operation.
    noted: Vec<(LeafId, u32)>,
    /// Checks that have been asked of the state in which the walk began, at this operation.
    asked: Vec<CheckId>,
    /// Granules, determined ones, where a template is not held, and so long as no operation
    /// touches them will not be.
    witnesses: Vec<(CheckId, Range<u32>)>,
}

/// What the states around one operation have in common.
pub(super) struct Here<'p, W> {
    pub(super) root: Root,
    pub(super) world: &'p W,
    pub(super) call: Option<&'static str>,
}

impl Walk {
    pub(super) fn new(from: Shown, parent: LeafId, state: State) -> Self {
        Self {
            from,
            parent,
            state,
            pending: Vec::new(),
            op: 0,
            determined: Ranges::new(),
            programmed: Ranges::new(),
            noted: Vec::new(),
            asked: Vec::new(),
            witnesses: Vec::new(),
        }
    }

    /// Goes past the operations of `segment` from `from` on, without looking.
    pub(super) fn pass_over(&mut self, segment: &Rc<Segment>, from: usize) {
        for op in &segment.ops[from..] {
            self.determines(op);
        }
        self.pending.push((Rc::clone(segment), from));
        self.noted.clear();
        self.asked.clear();
        self.witnesses
            .retain(|(_, at)| at.end <= segment.touched.start || segment.touched.end <= at.start);
    }

    /// Carries out what is pending.
    pub(super) fn catch_up(&mut self) {
        for (segment, from) in self.pending.drain(..) {
            segment.carry_out(from, &mut self.state);
        }
    }

    /// Carries out the next operation; nothing is pending.
    pub(super) fn carry_out(&mut self, op: &Op) {
        self.state.apply(op);
        self.determines(op);
        self.noted.clear();
        self.asked.clear();
        let touched = span(op);
        self.witnesses
            .retain(|(_, at)| at.end <= touched.start || touched.end <= at.start);
    }

    /// Only a completed erase determines bytes: a program is an AND with what was there.
    fn determines(&mut self, op: &Op) {
        let touched = span(op);
        if op.kind() == OpKind::Erase {
            self.programmed.remove(&touched);
            self.determined.insert(touched);
        } else if self
            .determined
            .missing_from(touched.clone())
            .next()
            .is_some()
        {
            let parts: Vec<_> = self.determined.missing_from(touched).collect();
            for part in parts {
                self.programmed.insert(part);
            }
        }
    }
}

/// What a check of a state becomes when it is asked of an earlier one.
enum Earlier {
    /// The answer does not depend on it.
    Decided,
    /// This check, and these bytes.
    Asks(Option<CheckId>, Ranges),
}

impl<W: World> Engine<'_, W> {
    /// What the child's future looks at, and the operations before did not determine, the walk's
    /// power-on demands of the state it began in. The child is the state before the next operation,
    /// or that operation `torn`.
    pub(super) fn propagate(&mut self, walk: &mut Walk, child: LeafId, torn: Option<(&Op, Tear)>) {
        let stamp = (child, self.leaf(child).demand.version);
        let demand = &self.leaf(child).demand;
        let looks_at_tear = torn.is_some_and(|(op, tear)| {
            let own = reach(op, tear, &walk.state);
            let (checks, records) = (&self.known.checks, &self.known.records);
            // An erase leaves of a record what its future has in it.
            demand.checks.iter().any(|c| checks.looks_at(*c, &own))
                || op.kind() == OpKind::Program
                    && demand
                        .records
                        .iter()
                        .any(|r| overlap(&records.range(*r), &own))
        });
        if !looks_at_tear && walk.noted.contains(&stamp) {
            return;
        }
        let demand = Rc::clone(demand);
        self.children.note(walk, torn.map(|(_, tear)| tear), stamp);
        self.grow(walk.parent, |of| {
            of.insert_bytes(&demand.bytes, &walk.determined)
        });
        for &record in &demand.records {
            self.propagate_record(walk, record, torn);
        }
        for &check in &demand.checks {
            let own = torn.map(|(op, tear)| reach(op, tear, &walk.state));
            let touched = own.is_some_and(|own| self.known.checks.looks_at(check, &own));
            if !touched && walk.asked.contains(&check) {
                continue;
            }
            if !touched {
                walk.asked.push(check);
            }
            match self.earlier(walk, check, torn) {
                Earlier::Decided => {}
                Earlier::Asks(check, bytes) => {
                    self.grow(walk.parent, |of| of.insert_bytes(&bytes, &walk.determined));
                    if let Some(check) = check {
                        self.grow(walk.parent, |of| of.insert_check(check));
                    }
                }
            }
        }
        if !looks_at_tear {
            let version = self.leaf(child).demand.version;
            walk.noted.push((child, version));
        }
    }

    /// What a demanded record asks of the state in which the walk began.
    fn propagate_record(&mut self, walk: &Walk, record: usize, torn: Option<(&Op, Tear)>) {
        let range = self.known.records.range(record);
        let programmed_now = torn.is_some_and(|(op, tear)| {
            op.kind() == OpKind::Program && overlap(&reach(op, tear, &walk.state), &range)
        });
        if walk.determined.missing_from(range.clone()).next().is_none() {
            return;
        }
        let whole = !walk.determined.intersects(&range);
        if whole && !programmed_now && !walk.programmed.intersects(&range) {
            self.grow(walk.parent, |of| of.insert_record(record));
        } else {
            let mut bytes = Ranges::new();
            bytes.insert(widen(&range, walk.state.size()));
            self.grow(walk.parent, |of| of.insert_bytes(&bytes, &walk.determined));
        }
    }

    /// What `check` of the state that `torn` leaves asks of the state in which the walk began.
    fn earlier(&mut self, walk: &Walk, check: CheckId, torn: Option<(&Op, Tear)>) -> Earlier {
        let size = walk.state.size();
        // Where no cell is weak there is nothing to heal.
        let heals = walk.state.reprogram_heals() || self.limits.level < Level::L3;
        let Check { template, holes } = self.known.checks.get(check).clone();
        let checks = &self.known.checks;
        let content = checks.template_of(template);
        let own = content.range();
        let (mut left, mut asked) = (holes, Ranges::new());
        if let Some((op, tear)) = torn {
            let op_span = span(op);
            // What lies around it is as it was, or weak: its bytes tell, those that were determined as well.
            let reach = reach(op, tear, &walk.state);
            for around in [reach.start..op_span.start, op_span.end..reach.end] {
                let part = around.start.max(own.start)..around.end.min(own.end);
                if !part.is_empty() {
                    asked.insert(widen(&part, size));
                    left.insert(part);
                }
            }
            let part = op_span.start.max(own.start)..op_span.end.min(own.end);
            let parts: Vec<_> = if part.is_empty() {
                Vec::new()
            } else {
                left.missing_from(part).collect()
            };
            let changed = changed_by(op, tear);
            // Bytes in a row, which are inserted together.
            let mut row = 0..0;
            for part in parts {
                let part = part.start.max(changed.start)..part.end.min(changed.end);
                // Mostly the first bytes tell: then the answer is no, whatever was there.
                for part in pieces(&part, PIECE) {
                    for (at, left_over) in (part.start..).zip(bits(op, tear, &part, heals)) {
                        let Bits { ones, weak, open } = left_over;
                        let wanted = content.bytes(&(at..at + 1))[0];
                        if (ones ^ wanted) & !open & !weak != 0 {
                            return Earlier::Decided;
                        }
                        if open == 0xFF {
                            continue;
                        }
                        if open != 0 {
                            asked.insert(widen(&(at..at + 1), size));
                        }
                        if row.end == at {
                            row.end += 1;
                        } else {
                            left.insert(std::mem::replace(&mut row, at..at + 1));
                        }
                    }
                }
            }
            left.insert(row);
        }
        let decided: Vec<_> = walk
            .determined
            .within(&own)
            .flat_map(|part| left.missing_from(part).collect::<Vec<_>>())
            .collect();
        for part in decided {
            if content.matches_in(&part, &mut &walk.state) == Answer::No {
                return Earlier::Decided;
            }
            left.insert(part);
        }
        for part in walk.programmed.within(&own) {
            for part in left.missing_from(part).collect::<Vec<_>>() {
                asked.insert(widen(&part, size));
                left.insert(part);
            }
        }
        let open = left.missing_from(own).next().is_some();
        let holes = left;
        let check = open.then(|| self.known.checks.intern(Check { template, holes }));
        Earlier::Asks(check, asked)
    }

    /// Whether operations that touch `span` are dead weight for `leaf`, the power-on that follows a
    /// cut before them: no byte or answer that it or its future looks at can change, however they
    /// are torn, and when they complete.
    ///
    /// `blindly`: the walk may have something pending, so its state cannot be looked at.
    pub(super) fn is_dead_weight(
        &mut self,
        walk: &mut Walk,
        leaf: LeafId,
        span: &Range<u32>,
        blindly: bool,
    ) -> bool {
        if self.judges_each() {
            return false;
        }
        let demand = &self.leaf(leaf).demand;
        let records = demand.records.iter();
        if demand.bytes.intersects(span) || { records }
            .any(|r| overlap(&self.known.records.range(*r), span))
        {
            return false;
        }
        let checks = &self.known.checks;
        let touched: Vec<_> = { demand.checks.iter() }
            .filter(|check| checks.looks_at(**check, span))
            .copied()
            .collect();
        touched
            .into_iter()
            .all(|check| self.stays_no(walk, check, span, blindly))
    }

    /// Whether the answer to `check` is no, and stays no whatever happens in `span`.
    fn stays_no(
        &mut self,
        walk: &mut Walk,
        check: CheckId,
        span: &Range<u32>,
        blindly: bool,
    ) -> bool {
        let apart = |at: &Range<u32>| at.end <= span.start || span.end <= at.start;
        if walk
            .witnesses
            .iter()
            .any(|(known, at)| *known == check && apart(at))
        {
            return true;
        }
        let Check { template, holes } = self.known.checks.get(check).clone();
        if blindly {
            return false;
        }
        let content = self.known.checks.template_of(template);
        let own = content.range();
        let mut beside = Ranges::new();
        for part in walk.determined.within(&own) {
            for part in holes.missing_from(part) {
                beside.insert(part);
            }
        }
        beside.remove(span);
        if let Some(witness) = content.last_difference(&beside, &walk.state) {
            walk.witnesses.push((check, witness));
            return true;
        }
        // Not by what the walk determined; perhaps by what was there from the start. Then that it
        // was there has to be demanded.
        let mut holes = holes;
        holes.insert(span.start.max(own.start)..span.end.min(own.end));
        if content.matches(&holes, &mut &walk.state) != Answer::No {
            return false;
        }
        let check = self.known.checks.intern(Check { template, holes });
        if let Earlier::Asks(check, bytes) = self.earlier(walk, check, None) {
            self.grow(walk.parent, |of| of.insert_bytes(&bytes, &walk.determined));
            if let Some(check) = check {
                self.grow(walk.parent, |of| of.insert_check(check));
            }
        }
        true
    }
}

/// Where a tear changes anything; beyond, everything is as it was.
fn changed_by(op: &Op, tear: Tear) -> Range<u32> {
    let own = span(op);
    match tear {
        Tear::E1(n) | Tear::P1(n) | Tear::E9(Risen::To(n)) => own.start..own.start + n,
        Tear::E2(n) | Tear::P2(Rows::From(n)) | Tear::E9(Risen::From(n)) => own.start + n..own.end,
        _ => own,
    }
}

/// Bytes looked at together.
const PIECE: u16 = 64;
const PIECE_LEN: usize = PIECE as usize;

/// What a tear leaves of a byte.
struct Bits {
    /// Bits that are 1 for certain.
    ones: u8,
    /// Bits that are weak for certain.
    weak: u8,
    /// Bits that depend on what was there.
    open: u8,
}

/// What a tear leaves of each byte in `part`, a piece of its operation.
fn bits(op: &Op, tear: Tear, part: &Range<u32>, heals: bool) -> impl Iterator<Item = Bits> + use<> {
    let (offset, len) = (part.start - op.addr(), part.len());
    // A tear treats each bit by itself, so these three together tell all.
    let [zero, one, weak] = [(0x00, 0x00), (0xFF, 0x00), (0xFF, 0xFF)].map(|(cell, weak)| {
        let (mut cells, mut weak) = ([cell; PIECE_LEN], [weak; PIECE_LEN]);
        tear.torn_cells(op, offset, &mut cells[..len], &mut weak[..len], heals);
        (cells, weak)
    });
    let at = move |(cells, weak): &([u8; PIECE_LEN], [u8; PIECE_LEN]), index: usize| {
        // What weak bits lean to does not matter.
        (cells[index] | weak[index], weak[index])
    };
    (0..len).map(move |index| {
        let [zero, one, weak] = [&zero, &one, &weak].map(|left| at(left, index));
        let differ = |a: (u8, u8), b: (u8, u8)| (a.0 ^ b.0) | (a.1 ^ b.1);
        Bits {
            ones: zero.0 & one.0,
            weak: zero.1 & one.1,
            open: differ(zero, one) | differ(one, weak),
        }
    })
}
