//! When in the course of an operation a cut leaves which tear.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Density, Tear, over_erase_tears, tears};
use crate::level::Level;
use crate::op::Op;

/// A point in the course of an operation, in millionths of its duration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fraction(u32);

impl Fraction {
    /// Before it starts.
    pub const START: Fraction = Fraction(0);
    /// When it is done, and not yet acknowledged.
    pub const END: Fraction = Fraction(1_000_000);

    /// So many millionths; more than a million is the end.
    pub const fn ppm(millionths: u32) -> Self {
        if millionths > Self::END.0 {
            Self::END
        } else {
            Fraction(millionths)
        }
    }

    /// In millionths.
    pub const fn as_ppm(self) -> u32 {
        self.0
    }

    /// This share of a duration, rounded down.
    pub fn of(self, duration: u64) -> u64 {
        let part = u128::from(duration) * u128::from(self.0) / u128::from(Self::END.0);
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    fn ratio(part: u32, whole: u32, of: Fraction) -> u32 {
        let share = u64::from(of.0) * u64::from(part) / u64::from(whole.max(1));
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

// The phases of an erase: zero all cells, erase pulses, correct over-erased cells, verify (Infineon KBA223960,
// Numonyx J3-65 section 9). No datasheet says how long each takes; these shares are nominal.
const PULSES: Fraction = Fraction(200_000);
const CORRECTION: Fraction = Fraction(800_000);
const VERIFY: Fraction = Fraction(950_000);
/// From here on a program may read as wanted without being so.
const NEARLY: Fraction = Fraction(500_000);

impl Tear {
    /// The window of `op` in which a cut leaves this behind.
    pub fn window(&self, op: &Op) -> RangeInclusive<Fraction> {
        let (start, end) = (Fraction::START, Fraction::END);
        let inside = Fraction(1)..=Fraction(end.0 - 1);
        match *self {
            Tear::P0 | Tear::E0 => start..=start,
            Tear::P6 | Tear::E7 => end..=end,
            Tear::P1(n) => {
                let at = |n| Fraction(Fraction::ratio(n, op.len(), end).clamp(1, end.0 - 1));
                at(n)..=at(n.saturating_add(1))
            }
            Tear::P2(_)
            | Tear::P3(_)
            | Tear::P4(_)
            | Tear::P7(..)
            | Tear::E6(_)
            | Tear::E9(_)
            | Tear::E10(_)
            | Tear::E11(_) => inside,
            Tear::P5(_) => NEARLY..=*inside.end(),
            Tear::E1(n) => {
                let at = Fraction::ratio(n, op.len(), PULSES).min(PULSES.0);
                Fraction(at.max(1))..=Fraction((at + PULSES.0 / op.len().max(1)).min(PULSES.0) + 1)
            }
            Tear::E2(n) => {
                let at = PULSES
                    .0
                    .saturating_sub(Fraction::ratio(n, op.len(), PULSES));
                Fraction(at.max(1))..=Fraction((at + PULSES.0 / op.len().max(1)).min(PULSES.0) + 1)
            }
            Tear::E3 => PULSES..=Fraction(PULSES.0 + 10_000),
            Tear::E4(_) => PULSES..=CORRECTION,
            Tear::E5(_) => CORRECTION..=*inside.end(),
            Tear::E8(..) => CORRECTION..=VERIFY,
        }
    }

    /// The middle of its window: where in the course of `op` the trace places it.
    pub fn at(&self, op: &Op) -> Fraction {
        let window = self.window(op);
        Fraction(u32::midpoint(window.start().0, window.end().0))
    }
}

/// The tears that a cut at one point of `op` may leave behind at `level`, in the order of [`tears`].
pub fn tears_at(
    op: &Op,
    at: Fraction,
    density: Density,
    level: Level,
    over_erase: bool,
) -> Vec<Tear> {
    let mut list = tears(op, density, level);
    if over_erase && level >= Level::L4 {
        list.extend(over_erase_tears(op, density));
    }
    list.retain(|tear| tear.window(op).contains(&at));
    list
}
