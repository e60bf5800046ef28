//! Failures with the power on: what goes wrong without a cut.

use std::ops::Range;

use crate::level::Level;
use crate::op::{Op, OpKind};
use crate::tear::Tear;

/// When a scripted failure strikes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum When {
    /// At this operation, counted from 0 since power-on.
    Op(u64),
    /// At this read, counted from 0 since power-on.
    Read(u64),
    /// At the first operation or read that touches this range.
    Touching(Range<u32>),
    /// At every operation or read that touches this range.
    Every(Range<u32>),
    /// At any operation or read, so many times in a million, drawn by `ChaCha8`.
    Chance {
        /// Out of a million.
        per_million: u32,
        /// Same seed, same failures.
        seed: u64,
    },
}

/// What goes wrong.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The operation fails and the chip says so; the cells are left torn. Strikes operations the tear applies to.
    Reported(Tear),
    /// The operation fails and the chip says it is done: `P0` and `E0` for one that a brown-out swallowed, `P5.all` and
    /// `E5.all` for one that reads right but is weak. Strikes operations the tear applies to.
    Silent(Tear),
    /// A read fails and the driver says so. Strikes reads.
    Read,
    /// A read fails because the check bits of a word do not fit its data: the word at the start of the range that was
    /// scripted, or of the read. Strikes reads, whether or not the profile has check bits; [`When::Every`] makes it last.
    Ecc,
    /// Cells stay at a value for good, whatever is done to them.
    Stuck {
        /// First byte.
        addr: u32,
        /// Which bits.
        mask: Vec<u8>,
        /// What they are stuck at.
        at: bool,
    },
    /// Programmed cells lose charge: those of the bits that are 0 become weak, or 1 for good if `lost`.
    Rot {
        /// First byte.
        addr: u32,
        /// Which bits.
        mask: Vec<u8>,
        /// Whether the charge is gone altogether.
        lost: bool,
    },
    /// Reading or programming elsewhere in the block adds charge: those of the bits that are 1 become weak.
    Disturb {
        /// First byte.
        addr: u32,
        /// Which bits.
        mask: Vec<u8>,
    },
}

impl Failure {
    /// The contract level from which it may occur, for those that the levels speak of: a swallowed operation and one
    /// that was acknowledged but is weak are brown-outs, which only [`Level::L5`] allows. The others are failures of the
    /// chip and not of the supply: no level allows or forbids them.
    pub fn level(&self) -> Option<Level> {
        match self {
            Failure::Silent(_) => Some(Level::L5),
            _ => None,
        }
    }

    pub(crate) fn strikes(&self, op: &Op) -> bool {
        match self {
            Failure::Reported(tear) | Failure::Silent(tear) => tear.applies_to(op),
            Failure::Read | Failure::Ecc => false,
            Failure::Stuck { .. } | Failure::Rot { .. } | Failure::Disturb { .. } => true,
        }
    }
}

/// One scripted failure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// What goes wrong.
    pub what: Failure,
}

impl When {
    /// The first byte that it is about; 0 if it is about any.
    pub(crate) fn first(&self) -> u32 {
        match self {
            When::Touching(range) | When::Every(range) => range.start,
            When::Op(_) | When::Read(_) | When::Chance { .. } => 0,
        }
    }
}

impl Fault {
    /// Strikes only once?
    pub(crate) fn once(&self) -> bool {
        !matches!(self.when, When::Every(_) | When::Chance { .. })
    }

    /// Whether it is due at operation or read number `index`, which touches `addr..addr + len`.
    pub(crate) fn is_due(&self, kind: OpKind, index: u64, addr: u32, len: u64, boot: u32) -> bool {
        let touches =
            |range: &Range<u32>| addr < range.end && u64::from(range.start) < u64::from(addr) + len;
        match &self.when {
            When::Op(op) => kind != OpKind::Read && *op == index,
            When::Read(read) => kind == OpKind::Read && *read == index,
            When::Touching(range) | When::Every(range) => touches(range),
            When::Chance { per_million, seed } => {
                let lane = u64::from(kind == OpKind::Read) << 63 | index;
                crate::draw::below(*seed, u64::from(boot), lane, 1_000_000) < *per_million
            }
        }
    }
}

/// How a sector shows that it is worn out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Symptom {
    /// Erases take the maximum time.
    Slow,
    /// Erases fail, reported; some bits stay 0.
    Fails,
    /// Erases are acknowledged; some bits stay 0.
    Stuck,
    /// Erases are acknowledged and read 0xFF; some bits are weak.
    Weak,
}

impl Symptom {
    pub(crate) const ALL: [Symptom; 4] =
        [Symptom::Slow, Symptom::Fails, Symptom::Stuck, Symptom::Weak];
}
