//! Tears: what a cut leaves behind of the operation it hit.
//!
//! A [`Tear`] is a small value with a readable id (`P1.n17`, `E4.s5`). What it leaves behind is a function of the
//! operation and of the old bytes, of an erase as well: cells that it had not zeroed yet rise from what they held (E9,
//! E10, E11). *Which* tears [are listed](tears) for an operation follows from the operation alone; what one of them
//! leaves of a sector does not. But a tear treats each bit by itself: what it makes of a bit follows from the operation,
//! the place of the bit and what that very bit was, whatever the others were. Bits and bytes are named by their place,
//! not by their rank.

mod bits;
mod effect;
mod id;
mod list;
mod mask;
mod risen;
mod rows;
mod subset;
mod weak;
mod window;

pub use self::bits::{Bits, MetadataRow, Rows};
pub use self::id::ParseTearError;
pub use self::list::{Density, measured_tears, over_erase_tears, tears};
pub use self::mask::BitMask;
pub use self::risen::{Cells, Mixture, Risen};
pub use self::rows::RowTears;
pub use self::window::{Fraction, tears_at};

use crate::level::Level;
use crate::op::{Op, OpKind};

/// Where a program does collateral damage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Around {
    /// `page`: the other bytes of its page.
    Page,
    /// `sector`: the other bytes of its sector.
    Sector,
}

/// Which neighbour an over-erased sector disturbs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Neighbour {
    /// `prev`: the sector before.
    Before,
    /// `next`: the sector behind.
    Behind,
}

/// What a cut leaves behind of one operation. P families are of programs, E families of erases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Tear {
    /// Nothing happened.
    P0,
    /// Only the first `n` bytes.
    P1(u32),
    /// Only these rows.
    P2(Rows),
    /// Only these of the bits it wants to be 0; all cells are stable.
    P3(Bits),
    /// Only these of the bits it wants to be 0; the others are left weak.
    P4(Bits),
    /// Reads exactly as wanted, but these of the 0 bits are weak.
    P5(Bits),
    /// All of it, but the device was never told.
    P6,
    /// Reads as wanted but all its 0 bits are weak, and so are these bits of its surroundings.
    P7(Around, Bits),
    /// Nothing happened.
    E0,
    /// Pre-programming had zeroed the first `n` bytes.
    E1(u32),
    /// Pre-programming had zeroed everything from byte `n` on; the head survives.
    E2(u32),
    /// Pre-programming was done, every bit is 0.
    E3,
    /// Only these bits are back to 1, the rest are 0.
    E4(Bits),
    /// Every byte reads 0xFF, but these bits are weak.
    E5(Bits),
    /// Anything. `all`: every bit is weak and leans to what it was. `s5`: arbitrary content, arbitrary weak bits.
    E6(Bits),
    /// All of it, but the device was never told.
    E7,
    /// All of it, and these bits of a neighbour are weak.
    E8(Neighbour, Bits),
    /// Nothing was zeroed before: these bits have risen, the others are as they were.
    E9(Risen),
    /// Row by row: as before, zeros, or ones.
    E10(Mixture),
    /// Nothing was zeroed before: these bits have risen, and of the others those that were 0 are weak.
    E11(Risen),
}

impl Tear {
    /// The kind of operation it is a tear of.
    pub fn kind(&self) -> OpKind {
        use Tear::{P0, P1, P2, P3, P4, P5, P6, P7};
        match self {
            P0 | P1(_) | P2(_) | P3(_) | P4(_) | P5(_) | P6 | P7(..) => OpKind::Program,
            _ => OpKind::Erase,
        }
    }

    /// The lowest contract level at which it may occur.
    ///
    /// E8 is opt-in even there: see [`over_erase_tears`].
    pub fn level(&self) -> Level {
        match self {
            Tear::P0 | Tear::P6 | Tear::E0 | Tear::E7 => Level::L0,
            Tear::P1(_) | Tear::E1(_) | Tear::E3 | Tear::E9(Risen::To(_) | Risen::From(_)) => {
                Level::L1
            }
            Tear::P2(_) | Tear::P3(_) | Tear::E2(_) | Tear::E4(_) | Tear::E9(_) | Tear::E10(_) => {
                Level::L2
            }
            Tear::P4(_) | Tear::P5(_) | Tear::E5(_) | Tear::E6(_) | Tear::E11(_) => Level::L3,
            Tear::P7(..) | Tear::E8(..) => Level::L4,
        }
    }

    /// Whether it leaves the flash as it was.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Tear::P0 | Tear::E0)
    }

    /// Whether it leaves the operation done.
    pub fn is_complete(&self) -> bool {
        matches!(self, Tear::P6 | Tear::E7)
    }

    /// Whether it leaves old bits of an erase beside risen ones or zeros, row by row or bit by bit: E9, E10 and E11.
    pub fn rises_from_old(&self) -> bool {
        matches!(self, Tear::E9(_) | Tear::E10(_) | Tear::E11(_))
    }

    /// Whether it leaves no weak bits of its own.
    pub fn is_stable(&self) -> bool {
        self.level() < Level::L3
    }

    /// Whether `op` can be torn so: the kind fits and every number in it is within the operation.
    pub fn applies_to(&self, op: &Op) -> bool {
        if self.kind() != op.kind() {
            return false;
        }
        let len = op.len();
        match *self {
            Tear::P0 | Tear::P6 | Tear::E0 | Tear::E3 | Tear::E7 => true,
            Tear::P1(n) | Tear::E1(n) | Tear::E2(n) => 0 < n && n < len,
            Tear::P2(rows) => rows.fits(op),
            Tear::P3(bits) => !matches!(bits, Bits::None | Bits::All) && bits.fits_zeros(op.data()),
            Tear::P4(bits) => bits != Bits::All && bits.fits_zeros(op.data()),
            Tear::P5(bits) => bits != Bits::None && bits.fits_zeros(op.data()),
            Tear::P7(_, bits) | Tear::E8(_, bits) => bits != Bits::None && bits.fits(u64::MAX),
            Tear::E4(bits) => {
                !matches!(bits, Bits::None | Bits::All) && bits.fits(u64::from(len) * 8)
            }
            Tear::E5(bits) => bits != Bits::None && bits.fits(u64::from(len) * 8),
            Tear::E6(bits) => matches!(bits, Bits::All | Bits::Seeded(_)),
            Tear::E9(Risen::Bits(Bits::None | Bits::All)) | Tear::E11(Risen::Bits(Bits::All)) => {
                false
            }
            Tear::E9(risen) | Tear::E11(risen) => risen.fits(op),
            Tear::E10(mixture) => mixture.fits(op),
        }
    }
}
