//! Which tears of an operation are tried.

use std::collections::HashMap;
use std::rc::Rc;

use sim_flash::{Bits, Density, Level, Op, OpKind, Rows, Tear, tears};
use xxhash_rust::xxh3::xxh3_64;

use super::Limits;

/// The tears of one operation: some by themselves, some that the subject solved for, and some that
/// form a ladder.
pub(super) struct TearSet {
    pub(super) singles: Vec<Tear>,
    pub(super) solved: Vec<Tear>,
    pub(super) ladders: Vec<Ladder>,
}

/// Tears at every byte position of an operation, each differing from the one before in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ladder {
    pub(super) kind: LadderKind,
    /// Bytes of the operation.
    pub(super) len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LadderKind {
    /// E1: the first bytes are zeroed.
    ZeroedPrefix,
    /// E2: the last bytes are zeroed.
    ZeroedSuffix,
    /// P1: the first bytes are programmed.
    ProgrammedPrefix,
    /// P2: the last bytes are programmed.
    ProgrammedSuffix,
}

impl Ladder {
    /// The tear that touches `n` bytes, 0 < n < len.
    pub(super) fn tear(self, n: u32) -> Tear {
        match self.kind {
            LadderKind::ZeroedPrefix => Tear::E1(n),
            LadderKind::ZeroedSuffix => Tear::E2(self.len - n),
            LadderKind::ProgrammedPrefix => Tear::P1(n),
            LadderKind::ProgrammedSuffix => Tear::P2(Rows::From(self.len - n)),
        }
    }

    /// Whether the bytes are touched from the first on.
    pub(super) fn ascends(self) -> bool {
        matches!(
            self.kind,
            LadderKind::ZeroedPrefix | LadderKind::ProgrammedPrefix
        )
    }

    pub(super) fn count(self) -> u64 {
        u64::from(self.len.saturating_sub(1))
    }
}

/// A tear, and its number among those of its operation.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) tear: Tear,
}

impl TearSet {
    /// The singles, numbered.
    pub(super) fn singles(&self) -> impl Iterator<Item = Numbered> + '_ {
        numbered(0, &self.singles)
    }

    /// Those that were solved for, numbered.
    pub(super) fn solved(&self) -> impl Iterator<Item = Numbered> + '_ {
        numbered(self.singles.len(), &self.solved)
    }

    /// The rung of a ladder that touches `n` bytes, numbered.
    pub(super) fn rung(&self, ladder: Ladder, n: u32) -> Numbered {
        let others = self.ladders.iter().take_while(|other| **other != ladder);
        let before = (self.singles.len() + self.solved.len()) as u64;
        let below = others.map(|other| other.count()).sum::<u64>() + u64::from(n - 1);
        Numbered {
            number: before + below,
            tear: ladder.tear(n),
        }
    }

    pub(super) fn count(&self) -> u64 {
        (self.singles.len() + self.solved.len()) as u64
            + self
                .ladders
                .iter()
                .map(|ladder| ladder.count())
                .sum::<u64>()
    }

    /// The tear of this number, the singles first.
    pub(super) fn get(&self, mut index: u64) -> Option<Tear> {
        for list in [&self.singles, &self.solved] {
            let count = list.len() as u64;
            if index < count {
                return list.get(usize::try_from(index).ok()?).copied();
            }
            index -= count;
        }
        for ladder in &self.ladders {
            if index < ladder.count() {
                return Some(ladder.tear(1 + u32::try_from(index).ok()?));
            }
            index -= ladder.count();
        }
        None
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Tear> + '_ {
        (0..self.count()).filter_map(|index| self.get(index))
    }
}

/// These tears, the first of which has the number `first`.
fn numbered(first: usize, tears: &[Tear]) -> impl Iterator<Item = Numbered> + '_ {
    let numbers = first as u64..;
    let numbered = |(number, tear): (u64, &Tear)| Numbered {
        number,
        tear: *tear,
    };
    numbers.zip(tears).map(numbered)
}

/// Tells an operation by its tears, which follow from its kind, length and data, and by its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    /// Their address in memory, where they stay as long as they are remembered.
    tears: usize,
    addr: u32,
}

impl Operation {
    pub(super) fn of(op: &Op, tears: &Rc<TearSet>) -> Self {
        Self {
            tears: Rc::as_ptr(tears) as usize,
            addr: op.addr(),
        }
    }
}

/// What a subject has solved for: see [`Subject::solved`](crate::subject::Subject::solved).
pub(super) type Solved<'s> = Box<dyn Fn(u32, &[u8]) -> Vec<Tear> + 's>;

/// What tells operations with different tears apart: address (if it matters), kind, length, a hash
/// of the data, and whether the cut is a first one.
type Key = (Option<u32>, OpKind, u32, u64, bool);

/// The tears to try, remembered by operation.
pub(super) struct Tears<'s> {
    level: Level,
    solved: Option<Solved<'s>>,
    first: Density,
    later: Density,
    every_byte: bool,
    seed: u64,
    known: HashMap<Key, Rc<TearSet>>,
}

impl<'s> Tears<'s> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            level: limits.level,
            solved: None,
            first: limits.first,
            later: limits.later,
            every_byte: limits.every_byte,
            seed: limits.seed,
            known: HashMap::new(),
        }
    }

    /// Besides, what a subject has solved for.
    pub(super) fn with_solved(self, solved: Solved<'s>) -> Self {
        Self {
            solved: Some(solved),
            ..self
        }
    }

    /// The tears of an operation for a cut that follows `cuts` others; the untouched state is not
    /// among them.
    ///
    /// They follow from the operation alone. What was solved for is tried as a first cut, whatever
    /// the operation goes over.
    pub(super) fn of(&mut self, op: &Op, cuts: u32) -> Rc<TearSet> {
        let solved = self.solved(op, cuts);
        let first = cuts == 0 && self.first != self.later || !solved.is_empty();
        let addr = (!solved.is_empty()).then_some(op.addr());
        let key = (addr, op.kind(), op.len(), xxh3_64(op.data()), first);
        let density = if cuts == 0 { self.first } else { self.later };
        let (level, seed, every_byte) = (self.level, self.seed, self.every_byte);
        Rc::clone(self.known.entry(key).or_insert_with(|| {
            let ladders = if every_byte {
                ladders(op, level)
            } else {
                Vec::new()
            };
            let singles = tears(op, density, level)
                .into_iter()
                .filter(|t| !t.is_nothing() && (ladders.is_empty() || !is_rung(t)))
                // What rises from the old content is not explored yet.
                .filter(|t| !matches!(t, Tear::E9(_) | Tear::E10(_) | Tear::E11(_)))
                .map(|t| reseeded(t, seed))
                .collect();
            Rc::new(TearSet {
                singles,
                solved,
                ladders,
            })
        }))
    }

    fn solved(&self, op: &Op, cuts: u32) -> Vec<Tear> {
        let Some(solved) = self.solved.as_ref().filter(|_| cuts == 0) else {
            return Vec::new();
        };
        if op.kind() != OpKind::Program {
            return Vec::new();
        }
        let mut solved = solved(op.addr(), op.data());
        solved.retain(|tear| {
            tear.level() <= self.level
                && tear.applies_to(op)
                && !tear.is_nothing()
                && !tear.is_complete()
        });
        solved
    }
}

/// Every byte position.
fn ladders(op: &Op, level: Level) -> Vec<Ladder> {
    use LadderKind::{ProgrammedPrefix, ProgrammedSuffix, ZeroedPrefix, ZeroedSuffix};
    let len = op.len();
    if len < 2 {
        return Vec::new();
    }
    let kinds = match op.kind() {
        OpKind::Erase => [ZeroedPrefix, ZeroedSuffix],
        _ => [ProgrammedPrefix, ProgrammedSuffix],
    };
    let ladder = |kind| Ladder { kind, len };
    let allowed = |ladder: &Ladder| ladder.tear(1).level() <= level;
    kinds.map(ladder).into_iter().filter(allowed).collect()
}

fn is_rung(tear: &Tear) -> bool {
    matches!(
        tear,
        Tear::E1(_) | Tear::E2(_) | Tear::P1(_) | Tear::P2(Rows::From(_))
    )
}

/// Seeded tears drawn from another part of the seed space for each seed of the exploration.
fn reseeded(tear: Tear, seed: u64) -> Tear {
    const PER_SEED: u32 = 64;
    #[allow(clippy::cast_possible_truncation)] // any seed will do
    let shift = (seed as u32).wrapping_mul(PER_SEED);
    match tear {
        Tear::P3(Bits::Seeded(n)) => Tear::P3(Bits::Seeded(n.wrapping_add(shift))),
        Tear::E4(Bits::Seeded(n)) => Tear::E4(Bits::Seeded(n.wrapping_add(shift))),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_has_every_byte_position_once() {
        let limits = Limits::default();
        for op in [Op::erase(0x1000, 4096), Op::program(0x40, &[0x0F; 200])] {
            let set = Tears::new(&limits).of(&op, 0);
            let all: Vec<_> = set.all().collect();
            assert_eq!(all.len() as u64, set.count());
            let rungs: std::collections::BTreeSet<_> = all.iter().filter(|t| is_rung(t)).collect();
            assert_eq!(rungs.len(), 2 * (op.len() as usize - 1));
            assert!(all.iter().all(|tear| tear.applies_to(&op)));
        }
    }

    #[test]
    fn only_what_may_happen_at_the_level_is_tried() {
        for level in [Level::L0, Level::L1, Level::L2] {
            let limits = Limits {
                level,
                ..Limits::default()
            };
            for op in [Op::erase(0x1000, 4096), Op::program(0x40, &[0x0F; 200])] {
                let set = Tears::new(&limits).of(&op, 0);
                assert!(set.all().all(|tear| tear.level() <= level), "{level}");
            }
        }
    }
}
