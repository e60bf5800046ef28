//! Which tears of an operation are tried.

use std::collections::HashMap;
use std::rc::Rc;

use sim_flash::{Bits, Density, Level, Op, OpKind, Rows, Tear, tears};
use xxhash_rust::xxh3::xxh3_64;

use super::Limits;

/// The tears of one operation: some by themselves, and some that form a ladder.
pub(super) struct TearSet {
    pub(super) singles: Vec<Tear>,
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
    pub(super) fn tear(&self, n: u32) -> Tear {
        match self.kind {
            LadderKind::ZeroedPrefix => Tear::E1(n),
            LadderKind::ZeroedSuffix => Tear::E2(self.len - n),
            LadderKind::ProgrammedPrefix => Tear::P1(n),
            LadderKind::ProgrammedSuffix => Tear::P2(Rows::From(self.len - n)),
        }
    }

    /// Whether the bytes are touched from the first on.
    pub(super) fn ascends(&self) -> bool {
        matches!(
            self.kind,
            LadderKind::ZeroedPrefix | LadderKind::ProgrammedPrefix
        )
    }

    fn count(&self) -> u64 {
        u64::from(self.len.saturating_sub(1))
    }
}

impl TearSet {
    pub(super) fn count(&self) -> u64 {
        self.singles.len() as u64 + self.ladders.iter().map(Ladder::count).sum::<u64>()
    }

    /// The tear of this number, the singles first.
    pub(super) fn get(&self, mut index: u64) -> Option<Tear> {
        let singles = self.singles.len() as u64;
        if index < singles {
            return self.singles.get(usize::try_from(index).ok()?).copied();
        }
        index -= singles;
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

/// The tears to try, remembered by operation.
pub(super) struct Tears {
    level: Level,
    first: Density,
    later: Density,
    seed: u64,
    known: HashMap<(OpKind, u32, u64, bool), Rc<TearSet>>,
}

impl Tears {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            level: limits.level,
            first: limits.first,
            later: limits.later,
            seed: limits.seed,
            known: HashMap::new(),
        }
    }

    /// The tears of an operation for a cut that follows `cuts` others; the untouched state is not
    /// among them.
    pub(super) fn of(&mut self, op: &Op, cuts: u32) -> Rc<TearSet> {
        let first = cuts == 0 && self.first != self.later;
        let key = (op.kind(), op.len(), xxh3_64(op.data()), first);
        let density = if cuts == 0 { self.first } else { self.later };
        let (level, seed) = (self.level, self.seed);
        Rc::clone(self.known.entry(key).or_insert_with(|| {
            let ladders = ladders(op, density, level);
            let singles = tears(op, density, level)
                .into_iter()
                .filter(|t| !t.is_nothing() && (ladders.is_empty() || !is_rung(t)))
                .map(|t| reseeded(t, seed))
                .collect();
            Rc::new(TearSet { singles, ladders })
        }))
    }
}

/// Every byte position, for all densities but the coarse one.
fn ladders(op: &Op, density: Density, level: Level) -> Vec<Ladder> {
    use LadderKind::{ProgrammedPrefix, ProgrammedSuffix, ZeroedPrefix, ZeroedSuffix};
    let len = op.len();
    if density == Density::Coarse || len < 2 {
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
            assert_eq!(rungs.len() as u32, 2 * (op.len() - 1));
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
