//! Cut erases that leave one row apart from all others: every shape of every row that somebody looks at.
//!
//! Such a tear leaves all rows but one as its ground does: risen, as they were, or zeroed. What follows the ground is
//! known. Where that looks at nothing of the row, the row may hold anything: all shapes of it are one family. Of a row
//! that is a record, shapes that leave records of which the same is learned, now and later, are a family as well.
//!
//! An image is told by a digest. So of an erase that a check looks at nothing that rises from the old content is tried:
//! that a prefix or a suffix is zeroed, and that all bits are drawn, [represent](super::super::Counts::represented) it.
//! What is not explored is an old image whose header has lost its digest to a row that has risen.

use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Cells, Op, RowTears, State, Tear};

use super::super::demand::Interest;
use super::super::ranges::overlap;
use super::super::record::RowClass;
use super::super::trie::LeafId;
use super::super::view::{Base, View};
use super::super::walk::{Here, Walk};
use super::{Cut, Engine, Stop};
use crate::chip::span;
use crate::subject::World;

/// What follows where no row is apart from the others.
#[derive(Clone, Copy)]
pub(super) struct Grounds {
    /// Nothing was done.
    pub(super) old: LeafId,
    /// All is erased.
    pub(super) risen: LeafId,
    /// All is zeroed.
    pub(super) zero: LeafId,
}

impl Grounds {
    const fn of(self, ground: Cells) -> LeafId {
        match ground {
            Cells::Old => self.old,
            Cells::Risen => self.risen,
            Cells::Zero => self.zero,
        }
    }
}

/// A ground, and the shapes that stand on it.
#[derive(Clone)]
struct Ground {
    leaf: LeafId,
    cells: Cells,
    shapes: Range<u32>,
}

/// Bytes within which every bit is tried: more of them are no record.
const RECORD: usize = 64;

/// A tear that leaves nothing but the ground.
fn tear_of(ground: Cells) -> Option<Tear> {
    match ground {
        Cells::Old => None,
        Cells::Risen => Some(Tear::E7),
        Cells::Zero => Some(Tear::E3),
    }
}

/// What anyone is interested in, by row.
struct ByRow {
    rows: Vec<Interest>,
    /// Bytes of interest, of all rows.
    bytes: usize,
    /// By ground, the hash of all that is of interest.
    sums: [u128; 3],
    version: u32,
}

const fn index(ground: Cells) -> usize {
    match ground {
        Cells::Risen => 0,
        Cells::Old => 1,
        Cells::Zero => 2,
    }
}

impl<W: World> Engine<'_, W> {
    /// Meets the states that leave one row apart.
    pub(super) fn meet_rows(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        grounds: Grounds,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let Some(rows) = cut.tears.rows else {
            return Ok(());
        };
        self.look_at_interest(base.state, op, cut);
        if cut.interest.is_none() {
            self.counts.represented += rows.count();
            return Ok(());
        }
        let weak_before = base.state.has_weak(span(op)) || base.state.counts();
        let mut known = None;
        for (cells, shapes) in rows.grounds() {
            let leaf = grounds.of(cells);
            let ground = Ground {
                leaf,
                cells,
                shapes,
            };
            for row in 0..rows.rows() {
                if !self.looks_at(leaf, &place(op, row)) {
                    self.one_family(walk, base.state, op, row, &ground, at, cut)?;
                    continue;
                }
                let by_row = if weak_before {
                    None
                } else {
                    self.by_row(base, op, rows, cut, &mut known)
                };
                match by_row {
                    Some(by_row) => self.meet_row(walk, base, op, row, &ground, by_row, at, cut)?,
                    None => self.meet_whole_row(walk, base, op, row, &ground, at, cut)?,
                }
            }
        }
        self.meet_weak_rows(walk, base, op, rows, grounds, at, cut)
    }

    /// Whether what follows looks at any byte of a range.
    fn looks_at(&self, leaf: LeafId, range: &Range<u32>) -> bool {
        let demand = &self.leaf(leaf).demand;
        let (checks, records) = (&self.known.checks, &self.known.records);
        demand.bytes.intersects(range)
            || { demand.records.iter() }.any(|r| overlap(&records.range(*r), range))
            || { demand.checks.iter() }.any(|c| checks.looks_at(*c, range))
    }

    /// All shapes of a row on a ground, where nobody looks at the row.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn one_family(
        &mut self,
        walk: &Walk,
        before: &State,
        op: &Op,
        row: u32,
        ground: &Ground,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let shapes: Vec<u32> = ground.shapes.clone().collect();
        self.follows(walk, before, op, row, &shapes, ground.leaf, at, cut)
    }

    /// Counts shapes of a row that are judged with others, and that `leaf` follows; some are audited.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn follows(
        &mut self,
        walk: &Walk,
        before: &State,
        op: &Op,
        row: u32,
        shapes: &[u32],
        leaf: LeafId,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let count = shapes.len() as u64;
        if count == 0 {
            return Ok(());
        }
        self.counts.by_family += count;
        if self.pass.nodes[walk.from.node as usize].cuts == 0 {
            // Only of first cuts anyone asks how they were judged.
            for shape in shapes {
                if let Some(numbered) = cut.tears.of_row(row, *shape) {
                    cut.after.followed.skipped(leaf, numbered.tear, 1);
                }
            }
        } else {
            cut.after.followed.met(leaf, count);
        }
        if self.audit.all() {
            // They are a hundred times as many as all other tears: those that are met stand for them.
            return Ok(());
        }
        let tears = Rc::clone(&cut.tears);
        let tear = |number: u64| {
            let shape = shapes.get(usize::try_from(number).ok()?)?;
            tears.of_row(row, *shape).map(|numbered| numbered.tear)
        };
        self.audit_of(count, tear, before, op, at.world, leaf, walk.from)
    }

    /// What is of interest by row; none if a check looks at the operation.
    fn by_row<'k>(
        &mut self,
        base: &mut Base<'_>,
        op: &Op,
        rows: RowTears,
        cut: &mut Cut,
        known: &'k mut Option<ByRow>,
    ) -> Option<&'k ByRow> {
        self.look_at_interest(base.state, op, cut);
        let (interest, _) = cut.interest.as_ref()?;
        if { known.as_ref() }.is_none_or(|known| known.version != cut.version) {
            let mut by_row = ByRow {
                rows: (0..rows.rows()).map(|_| Interest::NONE).collect(),
                bytes: 0,
                sums: [0; 3],
                version: cut.version,
            };
            let own = span(op);
            let touched = |range: &Range<u32>| {
                let first = range.start.max(own.start) - own.start;
                let end = range.end.min(own.end).saturating_sub(own.start);
                (first / WIDTH) as usize..end.div_ceil(WIDTH) as usize
            };
            for range in &interest.bytes {
                by_row.bytes += range.len();
                for row in touched(range) {
                    by_row.rows[row].bytes.push(range.clone());
                }
            }
            for record in &interest.records {
                for row in touched(&self.known.records.range(*record)) {
                    by_row.rows[row].records.push(*record);
                }
            }
            for (ground, _) in rows.grounds() {
                let torn = tear_of(ground).map(|tear| (op, tear));
                let mut view = View::new(base, torn, &mut self.scratch);
                by_row.sums[index(ground)] = view.hash_of(interest, &self.known.records);
            }
            *known = Some(by_row);
        }
        known.as_ref()
    }

    /// The shapes of a row that is looked at, on one ground.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn meet_row(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        row: u32,
        ground: &Ground,
        by_row: &ByRow,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let own = &by_row.rows[row as usize];
        let shapes = ground.shapes.clone();
        let sum = by_row.sums[index(ground.cells)];
        if let ([], [record]) = (&own.bytes[..], &own.records[..])
            && self.known.records.range(*record) == place(op, row)
        {
            let tears = Rc::clone(&cut.tears);
            let classes = self.known.records.row_classes(
                *record,
                base.state,
                op,
                (index(ground.cells), ground.cells),
                shapes,
                |shape| tears.of_row(row, shape).map(|numbered| numbered.tear),
            );
            for class in classes.iter() {
                let hash = sum.wrapping_add(class.change);
                self.meet_class(walk, base, op, row, class, hash, at, cut)?;
            }
            return Ok(());
        }
        let within = cut.tears.rows.map_or(0..0, RowTears::within);
        for shape in shapes {
            if by_row.bytes > RECORD && within.contains(&shape) {
                self.counts.represented += 1;
                continue;
            }
            if let Some(numbered) = cut.tears.of_row(row, shape) {
                self.meet(walk, base, op, numbered, at, cut)?;
            }
        }
        Ok(())
    }

    /// Shapes of a row that leave records of which the same is learned.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn meet_class(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        row: u32,
        class: &RowClass,
        hash: u128,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let Some((first, others)) = class.shapes.split_first() else {
            return Ok(());
        };
        let Some(numbered) = cut.tears.of_row(row, *first) else {
            return Ok(());
        };
        let known = (cut.version == self.interest.version())
            .then(|| cut.met.get(&hash).copied())
            .flatten();
        let leaf = match known {
            Some(leaf) => {
                self.counts.by_lookup += 1;
                self.met_before(walk, base.state, (op, numbered.tear), leaf, at, cut)?
            }
            None => self.meet(walk, base, op, numbered, at, cut)?,
        };
        self.follows(walk, base.state, op, row, others, leaf, at, cut)
    }

    /// The shapes of a row of an erase over weak bits: by its whole contents.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn meet_whole_row(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        row: u32,
        ground: &Ground,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let shapes = ground.shapes.clone();
        self.counts.represented += u64::from(shapes.end - shapes.start - RowTears::CONTENTS);
        for content in 0..RowTears::CONTENTS {
            let whole = shapes.start + content * RowTears::PARTS;
            if let Some(numbered) = cut.tears.of_row(row, whole) {
                self.meet(walk, base, op, numbered, at, cut)?;
            }
        }
        Ok(())
    }

    /// Rows that are under way, where all others have risen: weak, unless they were blank.
    #[allow(clippy::too_many_arguments)] // what a crash state is, and where it comes from
    fn meet_weak_rows(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        rows: RowTears,
        grounds: Grounds,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let shapes = rows.weak();
        if shapes.is_empty() {
            return Ok(());
        }
        let first_cut = self.pass.nodes[walk.from.node as usize].cuts == 0;
        for row in 0..rows.rows() {
            let range = place(op, row);
            let mut bytes = [0; WIDTH as usize];
            base.state.read(range.start, &mut bytes);
            let blank = bytes == [0xFF; WIDTH as usize] && !base.state.has_weak(range.clone());
            let all: Vec<u32> = shapes.clone().collect();
            if blank || !self.looks_at(grounds.risen, &range) {
                self.follows(walk, base.state, op, row, &all, grounds.risen, at, cut)?;
                continue;
            }
            let tried = if first_cut { all.len() } else { 1 };
            self.counts.represented += (all.len() - tried) as u64;
            for shape in &all[..tried] {
                if let Some(numbered) = cut.tears.of_row(row, *shape) {
                    self.meet(walk, base, op, numbered, at, cut)?;
                }
            }
        }
        Ok(())
    }
}

/// Bytes of a row.
const WIDTH: u32 = sim_flash::MetadataRow::WIDTH as u32;

/// Where a row of an erase lies.
fn place(op: &Op, row: u32) -> Range<u32> {
    let start = op.addr() + row * WIDTH;
    start..start + WIDTH
}
