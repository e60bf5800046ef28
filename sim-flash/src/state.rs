//! Flash contents as a value: cheap to copy, to hash, to compare, to tear.
//!
//! A [`State`] is a persistent tree of 4 KiB leaves, plus one *open* leaf that is being worked on. A clone shares
//! everything and costs two reference counts; the first change after it copies one leaf. Work on the open leaf never
//! touches the tree, which is what makes page programs cheap and crash states cheaper still.
//!
//! A leaf is pristine bytes, one bit of trust per granule, and sparse overlays: weak bits, and what chips with
//! write-once or counted words know of them. A state has no wear and no clock. It obeys physics (a program only
//! clears bits) but no rules of any chip; those are the business of [`Flash`](crate::Flash).

mod change;
mod facts;
mod identity;
mod leaf;
mod overlay;
mod sums;
mod tree;

use std::sync::Arc;

pub(crate) use self::leaf::{LEAF, LEAF_LEN, Leaf, PAGE};
pub(crate) use self::tree::SharedLeaf;
use self::tree::Tree;
use crate::hash;

const NONE_OPEN: usize = usize::MAX;

/// What a chip's cells do, as far as it shows in their contents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Physics {
    /// A completed program of a weak bit to 0 makes it solid.
    pub(crate) reprogram_heals: bool,
    /// Bytes per page.
    pub(crate) page: u32,
    /// Programs are counted per unit of so many bytes (a power of two of at least 4), or not at all (0).
    pub(crate) counted: u32,
    /// Units carry check bits: a torn unit cannot be read.
    pub(crate) ecc: bool,
    /// A cut erase may leave granules of so many bytes (a power of two of at least 4, the unit where units carry check
    /// bits) unreadable until they are erased; 0 if it does not.
    pub(crate) checked: u32,
}

impl Physics {
    /// Bytes that share check bits; 0 on chips without.
    pub(crate) fn granule(&self) -> u32 {
        if self.ecc { self.counted } else { self.checked }
    }

    pub(crate) const SPI_NOR: Physics = Physics {
        reprogram_heals: true,
        page: 256,
        counted: 0,
        ecc: false,
        checked: 0,
    };
}

/// The contents of a flash at one moment.
#[derive(Clone)]
pub struct State {
    size: u32,
    sector: u32,
    physics: Physics,
    tree: Tree,
    /// The leaf number in `open`; what the tree holds there is out of date.
    open_index: usize,
    /// The open leaf as its own, changeable at no cost, or as it came from the tree; neither is erased.
    own: Option<Box<Leaf>>,
    shared: Option<SharedLeaf>,
}

impl State {
    /// Bytes per granule, the unit of hashing and of trust.
    pub const GRANULE: u32 = hash::GRANULE;

    /// An erased serial NOR flash of `size` bytes in sectors of `sector` bytes. A sector of 0 counts as 4096.
    ///
    /// [`Profile::erased`](crate::Profile::erased) makes one for any chip.
    pub fn erased(size: u32, sector: u32) -> Self {
        let sector = if sector == 0 { LEAF_LEN } else { sector };
        let leaves = (size as usize).div_ceil(LEAF);
        let tree = Tree::erased(leaves);
        State {
            size,
            sector,
            physics: Physics::SPI_NOR,
            tree,
            open_index: NONE_OPEN,
            own: None,
            shared: None,
        }
    }

    pub(crate) fn set_physics(&mut self, physics: Physics) {
        self.physics = physics;
    }

    /// Sets whether programming a weak bit to 0, to completion, makes it solid (the default), or leaves it weak.
    pub fn set_reprogram_heals(&mut self, heals: bool) {
        self.physics.reprogram_heals = heals;
    }

    /// Whether programming a weak bit to 0, to completion, makes it solid.
    pub fn reprogram_heals(&self) -> bool {
        self.physics.reprogram_heals
    }

    /// Puts the open leaf back into the tree, so that clones made from now on share all of it.
    ///
    /// A clone of an unsealed state is as right and as quick, but a state derived from it that changes another leaf has
    /// to do this by itself, each time (about a microsecond).
    pub fn seal(&mut self) {
        self.close();
    }

    /// Shows the sectors of 4 KiB that it does not share with `other` in memory: the hash of each, place and all, and
    /// whether more than cells is known of it. Returns the bytes of what holds them together.
    ///
    /// For whoever counts what many states take. Both should be [sealed](State::seal).
    pub fn each_unshared(&self, other: &State, mut each: impl FnMut(u128, bool)) -> u64 {
        self.tree.each_unshared(&other.tree, |index, leaf| {
            #[allow(clippy::cast_possible_truncation)] // a flash of 4 GiB has 2^20 leaves
            let addr = index as u32 * LEAF_LEN;
            each(
                leaf.hash(addr).wrapping_add(leaf.trust_hash(addr)),
                leaf.overlay().is_some(),
            );
        })
    }

    /// Size in bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Bytes per sector.
    pub fn sector(&self) -> u32 {
        self.sector
    }

    /// The hash of one or more granules of solid cells; see the free function of the same name.
    #[inline]
    pub fn granule_hash(addr: u32, bytes: &[u8]) -> u128 {
        hash::granule_hash(addr, bytes)
    }

    /// Copies the bytes at `addr` out; weak bits show what they lean to. Bytes beyond the end of the flash read as 0xFF.
    #[inline]
    pub fn read(&self, addr: u32, out: &mut [u8]) {
        self.read_pristine(addr, out);
    }

    /// Whether the bytes at `addr` read as `bytes`; weak bits show what they lean to.
    pub fn holds(&self, addr: u32, bytes: &[u8]) -> bool {
        let mut at = addr as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let within = at % LEAF;
            let (here, later) = rest.split_at((LEAF - within).min(rest.len()));
            let same = match self.leaf(at / LEAF) {
                Some(leaf) => &leaf.bytes()[within..within + here.len()] == here,
                None => here.iter().all(|byte| *byte == 0xFF),
            };
            if !same {
                return false;
            }
            at += here.len();
            rest = later;
        }
        true
    }

    /// [`State::read`]; whether nothing but pristine bytes is known of what was read.
    #[inline]
    pub(crate) fn read_pristine(&self, addr: u32, out: &mut [u8]) -> bool {
        let mut pristine = true;
        let mut at = addr as usize;
        let mut out = out;
        while !out.is_empty() {
            let within = at % LEAF;
            let (here, rest) = out.split_at_mut((LEAF - within).min(out.len()));
            match self.leaf(at / LEAF) {
                Some(leaf) => {
                    here.copy_from_slice(&leaf.bytes()[within..within + here.len()]);
                    pristine &= leaf.overlay().is_none();
                }
                None => here.fill(0xFF),
            }
            at += here.len();
            out = rest;
        }
        pristine
    }

    #[inline]
    fn leaf(&self, index: usize) -> Option<&Leaf> {
        if index != self.open_index {
            return self.tree.leaf(index).map(|leaf| leaf.as_ref().as_ref());
        }
        self.own
            .as_deref()
            .or(self.shared.as_ref().map(|leaf| leaf.as_ref().as_ref()))
    }

    /// The leaf at `index`, open and for changing.
    #[inline]
    fn open_leaf(&mut self, index: usize) -> &mut Leaf {
        self.open_at(index);
        let shared = &mut self.shared;
        self.own.get_or_insert_with(|| match shared.take() {
            Some(leaf) => Arc::try_unwrap(leaf).unwrap_or_else(|leaf| Box::clone(&leaf)),
            None => Box::new(Leaf::erased()),
        })
    }

    #[inline]
    fn open_at(&mut self, index: usize) {
        if self.open_index != index {
            self.close();
            self.shared = self.tree.check_out(index);
            self.open_index = index;
        }
    }

    #[cold]
    fn close(&mut self) {
        if self.open_index != NONE_OPEN {
            let leaf = self.own.take().map(Arc::new).or(self.shared.take());
            self.tree.check_in(self.open_index, leaf);
            self.open_index = NONE_OPEN;
        }
    }
}
