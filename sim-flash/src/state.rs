//! Flash contents as a value: cheap to copy, to hash, to compare, to tear.
//!
//! A [`State`] is a persistent tree of 4 KiB leaves, plus one *open* leaf that is being worked on. A clone shares
//! everything and costs two reference counts; the first change after it copies one leaf. Work on the open leaf never
//! touches the tree, which is what makes page programs cheap and crash states cheaper still.
//!
//! A state has no wear and no clock. It obeys physics (a program only clears bits) but no rules of any chip; those are
//! the business of [`Flash`](crate::Flash).

mod leaf;
mod tree;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use self::leaf::{LEAF, LEAF_LEN, Leaf};
use self::tree::{FAN, Tree};
use crate::hash;
use crate::op::Op;
use crate::tear::Tear;

const NONE_OPEN: usize = usize::MAX;

/// The contents of a flash at one moment.
#[derive(Clone)]
pub struct State {
    size: u32,
    sector: u32,
    tree: Tree,
    /// The leaf number in `open`; what the tree holds there is out of date.
    open_index: usize,
    /// `None` is erased.
    open: Option<Arc<Leaf>>,
}

impl State {
    /// Bytes per granule, the unit of hashing and of trust.
    pub const GRANULE: u32 = hash::GRANULE;

    /// An erased flash of `size` bytes in sectors of `sector` bytes. A sector of 0 counts as 4096.
    pub fn erased(size: u32, sector: u32) -> Self {
        let sector = if sector == 0 { LEAF_LEN } else { sector };
        let leaves = (size as usize).div_ceil(LEAF);
        State {
            size,
            sector,
            tree: Tree::erased(leaves),
            open_index: NONE_OPEN,
            open: None,
        }
    }

    /// Puts the open leaf back into the tree, so that clones made from now on share all of it.
    ///
    /// A clone of an unsealed state is as right and as quick, but a state derived from it that changes another leaf has
    /// to do this by itself, each time (about a microsecond).
    pub fn seal(&mut self) {
        self.close();
    }

    /// Size in bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Bytes per sector.
    pub fn sector(&self) -> u32 {
        self.sector
    }

    /// The hash of one or more granules; see the free function of the same name.
    #[inline]
    pub fn granule_hash(addr: u32, bytes: &[u8]) -> u128 {
        hash::granule_hash(addr, bytes)
    }

    /// Copies the bytes at `addr` out. Bytes beyond the end of the flash read as 0xFF.
    #[inline]
    pub fn read(&self, addr: u32, out: &mut [u8]) {
        let mut at = addr as usize;
        let mut out = out;
        while !out.is_empty() {
            let within = at % LEAF;
            let (here, rest) = out.split_at_mut((LEAF - within).min(out.len()));
            match self.leaf(at / LEAF) {
                Some(leaf) => here.copy_from_slice(&leaf.bytes()[within..within + here.len()]),
                None => here.fill(0xFF),
            }
            at += here.len();
            out = rest;
        }
    }

    /// Sets bytes as a programmer's tool would, without any rule of NOR. Bytes beyond the end are left out.
    pub fn load(&mut self, addr: u32, bytes: &[u8]) {
        self.change(addr, bytes.len(), |at, cells| {
            cells.copy_from_slice(&bytes[at..at + cells.len()]);
        });
    }

    /// Carries an operation out completely: a program ANDs, an erase sets.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Program { addr, data } => self.program(*addr, data),
            Op::Erase { addr, len } => self.erase(*addr, *len),
        }
    }

    /// Leaves behind what `tear` leaves behind of `op`. A tear that does not apply to `op` changes nothing.
    pub fn tear(&mut self, op: &Op, tear: Tear) {
        if !tear.applies_to(op) || tear.is_nothing() {
            return;
        }
        if tear.is_complete() {
            return self.apply(op);
        }
        #[allow(clippy::cast_possible_truncation)] // within one operation
        self.change(op.addr(), op.len() as usize, |at, cells| {
            tear.tear_cells(op, at as u32, cells);
        });
    }

    pub(crate) fn program(&mut self, addr: u32, data: &[u8]) {
        self.change(addr, data.len(), |at, cells| {
            let len = cells.len();
            for (cell, wanted) in cells.iter_mut().zip(&data[at..at + len]) {
                *cell &= wanted;
            }
        });
    }

    /// Programs bytes that lie within one leaf, unless that would set a bit; then nothing changes and the offset of
    /// the first such byte is returned.
    #[inline]
    pub(crate) fn program_strict(&mut self, addr: u32, data: &[u8]) -> Result<(), usize> {
        let at = addr as usize % LEAF;
        let leaf = self.open_leaf(addr as usize / LEAF);
        clears_only(&leaf.bytes()[at..at + data.len()], data)?;
        // No bit would be set, so `old & data` is `data`.
        leaf.cells_mut(at, data.len()).copy_from_slice(data);
        Ok(())
    }

    /// Whether a program within one leaf only clears bits; otherwise the offset of the first byte that does not.
    pub(crate) fn check_program(&self, addr: u32, data: &[u8]) -> Result<(), usize> {
        let at = addr as usize % LEAF;
        match self.leaf(addr as usize / LEAF) {
            Some(leaf) => clears_only(&leaf.bytes()[at..at + data.len()], data),
            None => Ok(()),
        }
    }

    pub(crate) fn erase(&mut self, addr: u32, len: u32) {
        let from = addr as usize;
        let to = from.saturating_add(len as usize).min(self.size as usize);
        let (first, last) = (from.div_ceil(LEAF), to / LEAF);
        if first * LEAF == from && last * LEAF == to && first < last {
            self.erase_leaves(first, last);
        } else {
            self.change(addr, len as usize, |_, cells| cells.fill(0xFF));
        }
    }

    fn erase_leaves(&mut self, first: usize, last: usize) {
        if last - first == 1 {
            self.open_at(first);
            match self.open.as_mut().map(Arc::get_mut) {
                Some(Some(leaf)) => leaf.erase(),
                _ => self.open = None,
            }
            return;
        }
        if (first..last).contains(&self.open_index) {
            self.close();
        }
        self.tree.erase(first, last);
    }

    /// Hands out the cells of a range for changing, leaf by leaf, with their offset in the range.
    fn change(&mut self, addr: u32, len: usize, mut each: impl FnMut(usize, &mut [u8])) {
        let from = addr as usize;
        let to = from.saturating_add(len).min(self.size as usize);
        let mut at = from;
        while at < to {
            let within = at % LEAF;
            let here = (LEAF - within).min(to - at);
            each(at - from, self.open_leaf(at / LEAF).cells_mut(within, here));
            at += here;
        }
    }

    #[inline]
    fn leaf(&self, index: usize) -> Option<&Leaf> {
        if index == self.open_index {
            self.open.as_deref()
        } else {
            self.tree.leaf(index).map(Arc::as_ref)
        }
    }

    /// The leaf at `index`, open and for changing.
    #[inline]
    fn open_leaf(&mut self, index: usize) -> &mut Leaf {
        self.open_at(index);
        Arc::make_mut(self.open.get_or_insert_with(|| Arc::new(Leaf::erased())))
    }

    #[inline]
    fn open_at(&mut self, index: usize) {
        if self.open_index != index {
            self.close();
            self.open = self.tree.check_out(index);
            self.open_index = index;
        }
    }

    #[cold]
    fn close(&mut self) {
        if self.open_index != NONE_OPEN {
            self.tree.check_in(self.open_index, self.open.take());
            self.open_index = NONE_OPEN;
        }
    }

    /// The hash of the whole contents. Equal contents, equal hash, however they came to be.
    pub fn hash(&self) -> u128 {
        let tree = self.tree.hash();
        if self.open_index == NONE_OPEN {
            return tree;
        }
        tree.wrapping_sub(self.tree.leaf_hash(self.open_index))
            .wrapping_add(self.leaf_hash(self.open_index))
    }

    /// The hash of a range: the wrapping sum of [`State::granule_hash`] over its granules.
    ///
    /// The range is widened to whole granules. Sums are cached per page (256 bytes), per 4 KiB and per 128 KiB.
    pub fn hash_range(&self, range: Range<u32>) -> u128 {
        let from = range.start as usize / hash::GRANULE_LEN * hash::GRANULE_LEN;
        let to = (range.end as usize).next_multiple_of(hash::GRANULE_LEN);
        let to = to.min((self.size as usize).next_multiple_of(hash::GRANULE_LEN));
        let mut sum = 0u128;
        let mut at = from;
        while at < to {
            let index = at / LEAF;
            let whole = to / LEAF;
            if at.is_multiple_of(LEAF) && index < whole {
                sum = sum.wrapping_add(self.hash_leaves(index, whole));
                at = whole * LEAF;
            } else {
                let end = ((index + 1) * LEAF).min(to);
                if let Some(leaf) = self.leaf(index) {
                    sum = sum.wrapping_add(leaf.hash_part(
                        leaf_addr(index),
                        at % LEAF,
                        end - index * LEAF,
                    ));
                }
                at = end;
            }
        }
        sum
    }

    fn hash_leaves(&self, from: usize, to: usize) -> u128 {
        if !(from..to).contains(&self.open_index) {
            return self.tree.hash_leaves(from, to);
        }
        self.tree
            .hash_leaves(from, to)
            .wrapping_sub(self.tree.leaf_hash(self.open_index))
            .wrapping_add(self.leaf_hash(self.open_index))
    }

    fn leaf_hash(&self, index: usize) -> u128 {
        self.leaf(index)
            .map_or(0, |leaf| leaf.hash(leaf_addr(index)))
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

#[allow(clippy::cast_possible_truncation)] // leaves lie within a 32-bit address space
fn leaf_addr(index: usize) -> u32 {
    (index * LEAF) as u32
}

impl PartialEq for State {
    /// By content; sharing makes it quick for states that are related.
    fn eq(&self, other: &Self) -> bool {
        if (self.size, self.sector) != (other.size, other.sector) {
            return false;
        }
        let erased = [0xFF; LEAF];
        let leaves = (self.size as usize).div_ceil(LEAF);
        let mut index = 0;
        while index < leaves {
            let group = index / FAN;
            let open_here = self.open_index / FAN == group || other.open_index / FAN == group;
            if !open_here && self.tree.shares_group(&other.tree, group) {
                index = (group + 1) * FAN;
                continue;
            }
            let (a, b) = (self.leaf(index), other.leaf(index));
            let same = match (a, b) {
                (Some(a), Some(b)) => std::ptr::eq(a, b) || a.bytes() == b.bytes(),
                (Some(leaf), None) | (None, Some(leaf)) => *leaf.bytes() == erased,
                (None, None) => true,
            };
            if !same {
                return false;
            }
            index += 1;
        }
        true
    }
}

impl Eq for State {}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("size", &self.size)
            .field("sector", &self.sector)
            .field("hash", &format_args!("{:032x}", self.hash()))
            .finish_non_exhaustive()
    }
}
