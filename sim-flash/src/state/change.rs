//! How contents change: programs, erases, and what cuts leave of them.

use std::sync::Arc;

use super::leaf::{LEAF, Leaf};
use super::overlay::Overlay;
use super::{SharedLeaf, State};
use crate::op::Op;
use crate::tear::{Bits, Tear};

impl State {
    /// Sets bytes as a programmer's tool would: solid, trusted where a whole granule is covered, and without any rule of
    /// NOR. Bytes beyond the end are left out.
    pub fn load(&mut self, addr: u32, bytes: &[u8]) {
        self.put(addr, bytes, self.physics.counted as usize);
    }

    /// The same without a program that a chip would count: for states that are made up.
    pub fn put_solid(&mut self, addr: u32, bytes: &[u8]) {
        self.put(addr, bytes, 0);
    }

    fn put(&mut self, addr: u32, bytes: &[u8], counted: usize) {
        let step = self.physics.page.min(self.physics.counted).max(1);
        self.change(addr, bytes.len(), |at, leaf, from, len| {
            let here = &bytes[at..at + len];
            if leaf.overlay().is_none() && counted == 0 {
                leaf.cells_mut(from, len).copy_from_slice(here);
            } else {
                let (cells, overlay) = leaf.all_mut(from, len);
                cells.copy_from_slice(here);
                settle(overlay, from, len);
                if counted != 0 {
                    // One program per page and unit.
                    for at in units(from, len, step) {
                        overlay.count_program(at & !(counted - 1));
                    }
                }
                leaf.tidy();
            }
            let granule = crate::hash::GRANULE_LEN;
            let (first, end) = (
                from.next_multiple_of(granule),
                (from + len) / granule * granule,
            );
            leaf.set_trust(first, end.saturating_sub(first), true);
        });
    }

    /// Carries an operation out completely: a program ANDs, an erase sets.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Program { addr, data } => self.program(*addr, data),
            Op::Erase { addr, len } => self.erase(*addr, *len),
        }
    }

    /// Leaves behind what `tear` leaves behind of `op`, and no trust in what it may have touched. A tear that does not
    /// apply to `op` changes nothing.
    pub fn tear(&mut self, op: &Op, tear: Tear) {
        if !tear.applies_to(op) || tear.is_nothing() {
            return;
        }
        if tear.is_complete() {
            self.apply(op);
            self.change(op.addr(), op.len() as usize, |_, leaf, from, len| {
                leaf.set_trust(from, len, false);
            });
            return;
        }
        let physics = self.physics;
        self.change(op.addr(), op.len() as usize, |at, leaf, from, len| {
            #[allow(clippy::cast_possible_truncation)] // within one operation
            let at = at as u32;
            if tear.is_stable() && physics.counted == 0 && leaf.overlay().is_none() {
                tear.tear_cells(op, at, leaf.cells_mut(from, len));
            } else {
                let old: [u8; LEAF] = *leaf.bytes();
                let (cells, overlay) = leaf.all_mut(from, len);
                let weak = &mut overlay.weak_mut()[from..from + len];
                tear.torn_cells(op, at, cells, weak, physics.reprogram_heals);
                if physics.counted != 0 {
                    torn_units(
                        op,
                        at,
                        cells,
                        overlay,
                        &old[from..from + len],
                        from,
                        &physics,
                    );
                }
                leaf.tidy();
            }
            leaf.set_trust(from, len, false);
        });
        self.tear_checks(op, tear);
        self.tear_around(op, tear);
    }

    /// Granules that a cut erase leaves unreadable, whatever they hold.
    fn tear_checks(&mut self, op: &Op, tear: Tear) {
        let checked = self.physics.checked;
        if checked == 0 || !tear.breaks_checks() {
            return;
        }
        self.change(op.addr(), op.len() as usize, |at, leaf, from, len| {
            let (_, overlay) = leaf.all_mut(from, len);
            for (number, unit) in units(from, len, checked).enumerate() {
                #[allow(clippy::cast_possible_truncation)] // within one erase
                let number = at as u32 / checked + number as u32;
                if tear.breaks_check(op, number) {
                    overlay.set_broken(unit, true);
                }
            }
            leaf.tidy();
        });
    }

    /// The same for a step of an erase that is not the last. Not even one that changed nothing leaves trust.
    pub(crate) fn step(&mut self, op: &Op, left: Tear) {
        self.tear(op, left);
        self.distrust(op.addr()..op.addr().saturating_add(op.len()));
    }

    /// Loses the sector that holds `addr`: it may read as anything and is not trusted. What [`Level::L5`](crate::Level::L5)
    /// allows to happen once, to any one sector, and no level below it.
    pub fn lose_sector(&mut self, addr: u32) {
        let sector = Op::erase(addr / self.sector * self.sector, self.sector);
        self.tear(&sector, Tear::E6(Bits::All));
    }

    /// Weak bits beyond the operation itself.
    fn tear_around(&mut self, op: &Op, tear: Tear) {
        let Some(area) = tear.collateral(op, self.physics.page, self.sector, self.size) else {
            return;
        };
        let own = op.addr()..op.addr().saturating_add(op.len());
        let (start, ecc) = (area.start, self.physics.ecc);
        let step = if ecc {
            self.physics.counted as usize
        } else {
            1
        };
        self.change(
            start,
            area.end.saturating_sub(start) as usize,
            |at, leaf, from, len| {
                let mut bits = [0; LEAF];
                #[allow(clippy::cast_possible_truncation)] // within one sector
                let (at, part) = (at as u32, len as u32);
                tear.collateral_bits(op, at, &mut bits[..len]);
                let first = start + at;
                let skip = |addr: u32| (addr.clamp(first, first + part) - first) as usize;
                bits[skip(own.start)..skip(own.end)].fill(0);
                let (_, overlay) = leaf.all_mut(from, len);
                for (weak, bits) in overlay.weak_mut()[from..from + len].iter_mut().zip(&bits) {
                    *weak |= bits;
                }
                if ecc {
                    for unit in (0..len)
                        .step_by(step)
                        .filter(|unit| bits[*unit..*unit + step].iter().any(|bits| *bits != 0))
                    {
                        overlay.set_broken(from + unit, true);
                    }
                }
                leaf.tidy();
                leaf.set_trust(from, len, false);
            },
        );
    }

    /// Programs `data` at `addr`, completely: the cells become `old & data`.
    pub fn program(&mut self, addr: u32, data: &[u8]) {
        let physics = self.physics;
        self.change(addr, data.len(), |at, leaf, from, len| {
            let here = &data[at..at + len];
            if leaf.overlay().is_none() && physics.counted == 0 {
                for (cell, wanted) in leaf.cells_mut(from, len).iter_mut().zip(here) {
                    *cell &= wanted;
                }
                return;
            }
            let (cells, overlay) = leaf.all_mut(from, len);
            for (cell, wanted) in cells.iter_mut().zip(here) {
                *cell &= wanted;
            }
            if physics.reprogram_heals
                && let Some(weak) = &mut overlay.weak
            {
                weak[from..from + len]
                    .iter_mut()
                    .zip(here)
                    .for_each(|(weak, wanted)| *weak &= wanted);
            }
            if physics.counted != 0 {
                for unit in units(from, len, physics.counted) {
                    // Fresh check bits over cells that had some cannot fit, unless all bits are 0. What a cut erase
                    // has made unreadable stays so.
                    let rewritten = overlay.programs(unit) > 0;
                    let zero = here.iter().all(|byte| *byte == 0);
                    if physics.ecc && !(physics.checked != 0 && overlay.is_broken(unit)) {
                        overlay.set_broken(unit, rewritten && !zero);
                    }
                    overlay.count_program(unit);
                }
            }
            leaf.tidy();
        });
    }

    /// Programs bytes that lie within one leaf page by page, each unless that would set a bit; `done` is told the length of
    /// every page that was programmed. A page is a power of two. Fails with the offset of the first byte that would set a bit.
    #[inline]
    pub(crate) fn program_strict(
        &mut self,
        addr: u32,
        data: &[u8],
        page: usize,
        mut done: impl FnMut(&[u8]),
    ) -> Result<(), usize> {
        let start = addr as usize % LEAF;
        let counted = self.physics.counted;
        let leaf = self.open_leaf(addr as usize / LEAF);
        if leaf.overlay().is_some() || counted != 0 {
            return self.program_overlaid(addr, data, page, done);
        }
        let mut at = 0;
        while at < data.len() {
            let end = (at + page - ((start + at) & (page - 1))).min(data.len());
            let here = &data[at..end];
            clears_only(&leaf.bytes()[start + at..start + end], here)
                .map_err(|raised| at + raised)?;
            // No bit would be set, so `old & data` is `data`.
            leaf.cells_mut(start + at, here.len()).copy_from_slice(here);
            done(here);
            at = end;
        }
        Ok(())
    }

    /// Programs all of an erased leaf by sharing `leaf`, which is solid and trusted; `false` if it is not erased.
    pub(crate) fn share_programmed(&mut self, index: usize, leaf: &SharedLeaf) -> bool {
        if self.physics.counted != 0 || self.leaf(index).is_some_and(|leaf| !leaf.is_erased()) {
            return false;
        }
        self.open_at(index);
        self.own = None;
        self.shared = Some(Arc::clone(leaf));
        true
    }

    #[cold]
    fn program_overlaid(
        &mut self,
        addr: u32,
        data: &[u8],
        page: usize,
        mut done: impl FnMut(&[u8]),
    ) -> Result<(), usize> {
        let mut at = 0;
        while at < data.len() {
            #[allow(clippy::cast_possible_truncation)] // within one leaf
            let place = addr + at as u32;
            let end = (at + page - place as usize % page).min(data.len());
            self.check_program(place, &data[at..end])
                .map_err(|raised| at + raised)?;
            self.program(place, &data[at..end]);
            done(&data[at..end]);
            at = end;
        }
        Ok(())
    }

    /// Whether a program within one leaf only clears bits; otherwise the offset of the first byte that does not.
    pub(crate) fn check_program(&self, addr: u32, data: &[u8]) -> Result<(), usize> {
        let at = addr as usize % LEAF;
        let Some(leaf) = self.leaf(addr as usize / LEAF) else {
            return Ok(());
        };
        let old = &leaf.bytes()[at..at + data.len()];
        match leaf.overlay().and_then(|overlay| overlay.weak.as_ref()) {
            // A weak bit may well be 1 already.
            Some(weak) => {
                let cells = old.iter().zip(&weak[at..]).zip(data);
                match { cells }.position(|((old, weak), new)| new & !(old | weak) != 0) {
                    Some(at) => Err(at),
                    None => Ok(()),
                }
            }
            None => clears_only(old, data),
        }
    }

    /// Erases `addr..addr + len`, completely.
    pub fn erase(&mut self, addr: u32, len: u32) {
        let from = addr as usize;
        let to = from.saturating_add(len as usize).min(self.size as usize);
        let (first, last) = (from.div_ceil(LEAF), to / LEAF);
        if first * LEAF == from && last * LEAF == to && first < last {
            self.erase_leaves(first, last);
        } else {
            self.change(addr, len as usize, |_, leaf, from, len| {
                let (cells, overlay) = leaf.all_mut(from, len);
                cells.fill(0xFF);
                overlay.erase(from, len);
                leaf.tidy();
                leaf.set_trust(from, len, true);
            });
        }
    }

    /// Takes over what `other` holds in `addr..addr + len`: cells, weak bits and trust, by sharing.
    ///
    /// Both ends must be multiples of 4096 and the flashes of one size; otherwise nothing happens and the answer is
    /// `false`. `other` should be [sealed](State::seal): a leaf it still has open is copied.
    pub fn adopt(&mut self, other: &State, addr: u32, len: u32) -> bool {
        let (from, to) = (addr as usize, addr as usize + len as usize);
        if from % LEAF != 0 || to % LEAF != 0 || to > self.size as usize || self.size != other.size
        {
            return false;
        }
        let (first, last) = (from / LEAF, to / LEAF);
        if (first..last).contains(&self.open_index) {
            self.close();
        }
        if (first..last).contains(&other.open_index) {
            let mut other = other.clone();
            other.close();
            self.tree.share(&other.tree, first, last);
        } else {
            self.tree.share(&other.tree, first, last);
        }
        true
    }

    fn erase_leaves(&mut self, first: usize, last: usize) {
        if last - first == 1 {
            self.open_at(first);
            // One that was the tree's alone keeps its memory.
            self.own = self.own.take().or(self
                .shared
                .take()
                .and_then(|leaf| Arc::try_unwrap(leaf).ok()));
            if let Some(leaf) = &mut self.own {
                leaf.erase();
            }
            return;
        }
        if (first..last).contains(&self.open_index) {
            self.close();
        }
        self.tree.erase(first, last);
    }

    /// Hands out the leaves of a range for changing: with the offset in the range, and the span within the leaf.
    pub(super) fn change(
        &mut self,
        addr: u32,
        len: usize,
        mut each: impl FnMut(usize, &mut Leaf, usize, usize),
    ) {
        let from = addr as usize;
        let to = from.saturating_add(len).min(self.size as usize);
        let mut at = from;
        while at < to {
            let within = at % LEAF;
            let here = (LEAF - within).min(to - at);
            each(at - from, self.open_leaf(at / LEAF), within, here);
            at += here;
        }
    }
}

/// Bytes of a leaf become as good as new.
fn settle(overlay: &mut Overlay, from: usize, len: usize) {
    if let Some(weak) = &mut overlay.weak {
        weak[from..from + len].fill(0);
    }
    for unit in (from..from + len).step_by(4) {
        overlay.set_broken(unit, false);
    }
}

/// The starts of the counted units that `from..from + len` touches.
fn units(from: usize, len: usize, counted: u32) -> impl Iterator<Item = usize> {
    let counted = counted as usize;
    (from / counted * counted..from + len).step_by(counted)
}

/// Counts a torn program, and breaks the units that are neither as before nor done.
fn torn_units(
    op: &Op,
    at: u32,
    cells: &[u8],
    overlay: &mut Overlay,
    old: &[u8],
    from: usize,
    physics: &super::Physics,
) {
    let data = op.data();
    for unit in units(from, cells.len(), physics.counted) {
        if !data.is_empty() {
            overlay.count_program(unit);
        }
        if !physics.ecc {
            continue;
        }
        let span =
            unit.max(from) - from..(unit + physics.counted as usize).min(from + cells.len()) - from;
        let (mut as_before, mut done) = (true, true);
        for i in span {
            let weak = overlay.weak.as_ref().map_or(0, |weak| weak[from + i]);
            let whole = if data.is_empty() {
                0xFF
            } else {
                old[i] & data[at as usize + i]
            };
            as_before &= cells[i] == old[i] && weak == 0;
            done &= cells[i] == whole && weak == 0;
        }
        if !as_before {
            overlay.set_broken(unit, !done);
        }
    }
}

/// Whether programming `new` over `old` only clears bits; otherwise the offset of the first byte that does not.
#[inline]
fn clears_only(old: &[u8], new: &[u8]) -> Result<(), usize> {
    let raised = old
        .iter()
        .zip(new)
        .fold(0, |raised, (old, new)| raised | (new & !old));
    if raised == 0 {
        return Ok(());
    }
    Err(old
        .iter()
        .zip(new)
        .position(|(old, new)| new & !old != 0)
        .unwrap_or(0))
}
