//! A leaf of the tree: 4 KiB of cells and the hashes of its pages.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::overlay::Overlay;
use crate::hash::{GRANULE_LEN, TRUST, granule_hash, of_overlay};

/// Bytes per leaf. Sectors of the usual size are one leaf; smaller and larger ones work as well.
pub(crate) const LEAF: usize = 4096;
pub(crate) const LEAF_LEN: u32 = 4096;
/// Bytes per cached hash.
pub(crate) const PAGE: usize = 256;
const PAGES: usize = LEAF / PAGE;

/// 4 KiB of pristine cells, and what is known of them besides.
#[derive(Clone)]
pub(crate) struct Leaf {
    bytes: [u8; LEAF],
    hashes: PageHashes,
    /// One bit per granule: an operation on it since its last erase is not known to have completed.
    untrusted: u128,
    overlay: Option<Box<Overlay>>,
}

impl Leaf {
    pub(crate) fn erased() -> Self {
        Leaf {
            bytes: [0xFF; LEAF],
            hashes: PageHashes::erased(),
            untrusted: 0,
            overlay: None,
        }
    }

    /// Solid and trusted cells.
    pub(crate) fn holding(bytes: &[u8; LEAF]) -> Self {
        let mut leaf = Leaf::erased();
        leaf.cells_mut(0, LEAF).copy_from_slice(bytes);
        leaf
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8; LEAF] {
        &self.bytes
    }

    #[inline]
    pub(crate) fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_deref()
    }

    pub(crate) fn untrusted(&self) -> u128 {
        self.untrusted
    }

    /// The cells of `at..at + len` for changing; their hashes are forgotten.
    #[inline]
    pub(crate) fn cells_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        self.hashes.forget(at, len);
        &mut self.bytes[at..at + len]
    }

    /// The cells of `at..at + len` and the overlay of the leaf, for changing. Call [`Leaf::tidy`] afterwards.
    pub(crate) fn all_mut(&mut self, at: usize, len: usize) -> (&mut [u8], &mut Overlay) {
        self.hashes.forget(at, len);
        (
            &mut self.bytes[at..at + len],
            self.overlay.get_or_insert_default(),
        )
    }

    /// Drops an overlay that says nothing.
    pub(crate) fn tidy(&mut self) {
        if self.overlay.as_mut().is_some_and(|overlay| !overlay.tidy()) {
            self.overlay = None;
        }
    }

    /// Marks the granules of `at..at + len` as untrusted, or as trusted.
    pub(crate) fn set_trust(&mut self, at: usize, len: usize, trusted: bool) {
        if len == 0 {
            return;
        }
        let (first, last) = (at / GRANULE_LEN, (at + len - 1) / GRANULE_LEN);
        let mask = (u128::MAX << first) & (u128::MAX >> (LEAF / GRANULE_LEN - 1 - last));
        if trusted {
            self.untrusted &= !mask;
        } else {
            self.untrusted |= mask;
        }
    }

    /// All cells erased, in place.
    pub(crate) fn erase(&mut self) {
        self.bytes.fill(0xFF);
        self.hashes = PageHashes::erased();
        self.untrusted = 0;
        self.overlay = None;
    }

    /// Whether nothing distinguishes it from an erased leaf.
    pub(crate) fn is_erased(&self) -> bool {
        self.untrusted == 0 && self.overlay.is_none() && self.bytes == [0xFF; LEAF]
    }

    /// Whether both hold the same cells, and the same is known of them.
    pub(crate) fn same(&self, other: &Leaf) -> bool {
        self.bytes == other.bytes
            && self.untrusted == other.untrusted
            && self.overlay == other.overlay
    }

    /// The hash of which granules are untrusted.
    pub(crate) fn trust_hash(&self, addr: u32) -> u128 {
        if self.untrusted == 0 {
            0
        } else {
            of_overlay(TRUST, addr, &self.untrusted.to_le_bytes())
        }
    }

    /// The hash of all cells with their overlay, trust left out; the leaf starts at `addr`.
    pub(crate) fn hash(&self, addr: u32) -> u128 {
        if let Some(known) = self.hashes.get(TOTAL) {
            return known;
        }
        let hash = (0..PAGES).fold(0, |sum: u128, page| {
            sum.wrapping_add(self.page_hash(addr, page))
        });
        self.hashes.set(TOTAL, hash);
        hash
    }

    /// The hash of the granules in `from..to` (offsets in the leaf, multiples of the granule).
    pub(crate) fn hash_part(&self, addr: u32, from: usize, to: usize) -> u128 {
        let mut sum = 0u128;
        let mut at = from;
        while at < to {
            let page_end = (at / PAGE + 1) * PAGE;
            let end = page_end.min(to);
            let part = if at.is_multiple_of(PAGE) && end == page_end {
                self.page_hash(addr, at / PAGE)
            } else {
                self.cells_hash(addr, at, end)
            };
            sum = sum.wrapping_add(part);
            at = end;
        }
        sum
    }

    fn page_hash(&self, addr: u32, page: usize) -> u128 {
        if let Some(known) = self.hashes.get(page) {
            return known;
        }
        let at = page * PAGE;
        let hash = self.cells_hash(addr, at, at + PAGE);
        self.hashes.set(page, hash);
        hash
    }

    fn cells_hash(&self, addr: u32, from: usize, to: usize) -> u128 {
        let cells = granule_hash(offset(addr, from), &self.bytes[from..to]);
        match &self.overlay {
            Some(overlay) => cells.wrapping_add(overlay.hash(addr, from, to - from)),
            None => cells,
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // offsets within a leaf
pub(crate) fn offset(addr: u32, at: usize) -> u32 {
    addr.wrapping_add(at as u32)
}

/// Where the hash of the whole leaf is cached, behind those of its pages.
const TOTAL: usize = PAGES;

/// One cached hash per page and one for all, filled in when asked for, through a shared reference.
///
/// Cells change only through `&mut`, so every thread that fills in a page while the leaf is shared writes the same
/// value: plain relaxed halves published by a release of the page's bit are enough.
struct PageHashes {
    known: AtomicU32,
    halves: [[AtomicU64; 2]; PAGES + 1],
}

const ALL_PAGES: u32 = (1 << PAGES) - 1;
const ALL: u32 = (1 << (PAGES + 1)) - 1;

impl PageHashes {
    fn erased() -> Self {
        PageHashes {
            known: AtomicU32::new(ALL),
            halves: Default::default(),
        }
    }

    #[inline]
    fn forget(&mut self, at: usize, len: usize) {
        if len == 0 {
            return;
        }
        let first = at / PAGE;
        let last = (at + len - 1) / PAGE;
        let mask = (ALL_PAGES << first) & (ALL_PAGES >> (PAGES - 1 - last)) | 1 << TOTAL;
        *self.known.get_mut() &= !mask;
    }

    #[inline]
    fn get(&self, page: usize) -> Option<u128> {
        if self.known.load(Ordering::Acquire) & (1 << page) == 0 {
            return None;
        }
        let [low, high] = &self.halves[page];
        Some(
            u128::from(low.load(Ordering::Relaxed))
                | u128::from(high.load(Ordering::Relaxed)) << 64,
        )
    }

    #[allow(clippy::cast_possible_truncation)] // the two halves
    fn set(&self, page: usize, hash: u128) {
        let [low, high] = &self.halves[page];
        low.store(hash as u64, Ordering::Relaxed);
        high.store((hash >> 64) as u64, Ordering::Relaxed);
        self.known.fetch_or(1 << page, Ordering::Release);
    }
}

impl Clone for PageHashes {
    fn clone(&self) -> Self {
        let known = self.known.load(Ordering::Acquire);
        let copy = |half: &AtomicU64| AtomicU64::new(half.load(Ordering::Relaxed));
        PageHashes {
            known: AtomicU32::new(known),
            halves: std::array::from_fn(|page| {
                let [low, high] = &self.halves[page];
                [copy(low), copy(high)]
            }),
        }
    }
}
