//! Ladders: every byte position of an operation, met rung by rung where somebody looks.

use sim_flash::{Op, State};

use super::super::tears::{Ladder, LadderKind};
use super::super::trie::LeafId;
use super::super::view::Base;
use super::super::walk::{Here, Walk};
use super::super::{Check, CheckId};
use super::{Cut, Engine, Stop};
use crate::chip::span;
use crate::subject::World;

/// Erases of more bytes are of bulk data.
const SECTOR: u32 = 4096;

impl<W: World> Engine<'_, W> {
    /// Meets the rungs of a ladder. Rungs that differ in bytes alone that nothing looks at are met
    /// as a family.
    pub(super) fn climb(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        op: &Op,
        ladder: Ladder,
        at: &Here<'_, W>,
        cut: &mut Cut,
    ) -> Result<(), Stop> {
        let mut rung = 1;
        // Ends: each round climbs at least one rung.
        while rung < ladder.len {
            let tear = cut.tears.rung(ladder, rung);
            let leaf = self.meet(walk, base, op, tear, at, cut)?;
            // A sector is looked at granule by granule at least.
            let farthest = if op.len() <= SECTOR {
                (rung + 1).next_multiple_of(State::GRANULE)
            } else {
                ladder.len
            };
            let next = if self.judges_each() {
                rung + 1
            } else {
                { self.next_rung(op, ladder, rung, leaf, base.state) }
                    .min(farthest)
                    .min(ladder.len)
            };
            let skipped = u64::from(next - rung - 1);
            if skipped > 0 {
                self.counts.by_family += skipped;
                cut.after.followed.skipped(leaf, tear.tear, skipped);
                let above = |number| Some(ladder.tear(rung + 1 + u32::try_from(number).ok()?));
                self.audit_of(skipped, above, base.state, op, at.world, leaf, walk.from)?;
            }
            rung = next;
        }
        Ok(())
    }

    /// The next rung that differs from `rung` in a byte that `leaf`'s future looks at.
    pub(super) fn next_rung(
        &self,
        op: &Op,
        ladder: Ladder,
        rung: u32,
        leaf: LeafId,
        before: &State,
    ) -> u32 {
        let demand = &self.leaf(leaf).demand;
        let own = span(op);
        // Rung n + 1 touches one byte more than rung n: the one at `edge(n)`.
        let mut next = if ladder.ascends() {
            demand.bytes.next(own.start + rung).unwrap_or(own.end)
        } else {
            demand
                .bytes
                .last_before(own.end - rung)
                .map_or(own.start, |last| last.max(own.start))
        };
        let records = &self.known.records;
        for record in &demand.records {
            let range = records.range(*record);
            let changes = records.next_change(*record, before, op, ladder, rung);
            let Some(at) = changes.map(|rung| {
                if ladder.ascends() {
                    own.start + rung - 1
                } else {
                    own.end - rung
                }
            }) else {
                continue;
            };
            debug_assert!(range.contains(&at));
            next = if ladder.ascends() {
                next.min(at)
            } else {
                next.max(at)
            };
        }
        for check in &demand.checks {
            let rest = if ladder.ascends() {
                own.start + rung..own.end
            } else {
                own.start..own.end - rung
            };
            let Some((first, last)) = self.known.checks.ends_in(*check, &rest) else {
                continue;
            };
            if !self.ladder_decides(op, ladder, rung, *check) {
                next = if ladder.ascends() {
                    next.min(first)
                } else {
                    next.max(last)
                };
            }
        }
        if ladder.ascends() {
            next.min(own.end) - own.start + 1
        } else {
            own.end - next
        }
    }

    /// Whether a rung leaves bits that differ from what the check looks for, whatever was there;
    /// then so do all rungs above it, and the answer stays no.
    pub(super) fn ladder_decides(
        &self,
        op: &Op,
        ladder: Ladder,
        rung: u32,
        check: CheckId,
    ) -> bool {
        let Check { template, holes } = self.known.checks.get(check);
        let template = self.known.checks.template_of(*template);
        let own = span(op);
        let touched = if ladder.ascends() {
            own.start..own.start + rung
        } else {
            own.end - rung..own.end
        };
        let image = template.range();
        let kind = ladder.kind;
        let part = touched.start.max(image.start)..touched.end.min(image.end);
        if part.is_empty() {
            return false;
        }
        holes.missing_from(part).any(|part| {
            let wanted = template.bytes(&part);
            let left = (part.start - own.start) as usize;
            wanted.iter().enumerate().any(|(at, wanted)| match kind {
                LadderKind::ZeroedPrefix | LadderKind::ZeroedSuffix => *wanted != 0,
                LadderKind::RisenPrefix | LadderKind::RisenSuffix => *wanted != 0xFF,
                LadderKind::ProgrammedPrefix | LadderKind::ProgrammedSuffix => {
                    wanted & !op.data()[left + at] != 0
                }
            })
        })
    }
}
