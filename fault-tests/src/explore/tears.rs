//! Which tears of an operation are tried.

use std::collections::HashMap;
use std::rc::Rc;

use sim_flash::{Bits, Density, Level, Mixture, Op, OpKind, Risen, RowTears, Rows, Tear, tears};
use xxhash_rust::xxh3::xxh3_64;

use super::Limits;

/// The tears of one operation: some by themselves, some that the subject solved for, some that
/// form a ladder, and those of each row of an erase.
pub(super) struct TearSet {
    pub(super) singles: Vec<Tear>,
    pub(super) solved: Vec<Tear>,
    pub(super) ladders: Vec<Ladder>,
    pub(super) rows: Option<RowTears>,
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
    /// E9: the first bytes have risen.
    RisenPrefix,
    /// E9: the last bytes have risen.
    RisenSuffix,
}

impl Ladder {
    /// The tear that touches `n` bytes, 0 < n < len.
    pub(super) fn tear(self, n: u32) -> Tear {
        match self.kind {
            LadderKind::ZeroedPrefix => Tear::E1(n),
            LadderKind::ZeroedSuffix => Tear::E2(self.len - n),
            LadderKind::ProgrammedPrefix => Tear::P1(n),
            LadderKind::ProgrammedSuffix => Tear::P2(Rows::From(self.len - n)),
            LadderKind::RisenPrefix => Tear::E9(Risen::To(n)),
            LadderKind::RisenSuffix => Tear::E9(Risen::From(self.len - n)),
        }
    }

    /// Whether the bytes are touched from the first on.
    pub(super) fn ascends(self) -> bool {
        matches!(
            self.kind,
            LadderKind::ZeroedPrefix | LadderKind::ProgrammedPrefix | LadderKind::RisenPrefix
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
        self.before_rows() + self.rows.map_or(0, RowTears::count)
    }

    /// How many there are besides those of rows.
    fn before_rows(&self) -> u64 {
        let ladders = self.ladders.iter().map(|ladder| ladder.count());
        (self.singles.len() + self.solved.len()) as u64 + ladders.sum::<u64>()
    }

    /// A tear of a row, numbered.
    pub(super) fn of_row(&self, row: u32, shape: u32) -> Option<Numbered> {
        let rows = self.rows?;
        let number = u64::from(row) * u64::from(rows.shapes()) + u64::from(shape);
        Some(Numbered {
            number: self.before_rows() + number,
            tear: rows.tear(row, shape)?,
        })
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
        let rows = self.rows?;
        let shapes = u64::from(rows.shapes());
        let row = u32::try_from(index / shapes).ok()?;
        rows.tear(row, u32::try_from(index % shapes).ok()?)
    }

    /// All of them; of those of rows one in `one_in`.
    pub(super) fn all(&self, one_in: u64) -> impl Iterator<Item = Tear> + '_ {
        let before = self.before_rows();
        let rows = (before..self.count()).step_by(usize::try_from(one_in.max(1)).unwrap_or(1));
        (0..before).chain(rows).filter_map(|index| self.get(index))
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
    risen: bool,
    every_row: bool,
    seed: u64,
    known: HashMap<Key, Rc<TearSet>>,
    /// Those of erases, by what was solved for besides.
    of_erases: HashMap<(u32, Vec<Tear>), Rc<TearSet>>,
}

impl<'s> Tears<'s> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            level: limits.level,
            solved: None,
            first: limits.first,
            later: limits.later,
            every_byte: limits.every_byte,
            risen: limits.risen,
            every_row: limits.risen && limits.every_row,
            seed: limits.seed,
            known: HashMap::new(),
            of_erases: HashMap::new(),
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
        let (risen, every_row) = (self.risen, self.every_row);
        Rc::clone(self.known.entry(key).or_insert_with(|| {
            let ladders = if every_byte {
                let mut ladders = ladders(op, level);
                ladders.retain(|ladder| risen || !ladder.tear(1).rises_from_old());
                ladders
            } else {
                Vec::new()
            };
            let rows = RowTears::of(op, level).filter(|_| every_row);
            let singles = tears(op, density, level)
                .into_iter()
                .filter(|t| !t.is_nothing() && (ladders.is_empty() || !is_rung(t)))
                .filter(|t| risen || !t.rises_from_old())
                .filter(|t| rows.is_none() || !is_of_row(t))
                .map(|t| reseeded(t, seed))
                .collect();
            Rc::new(TearSet {
                singles,
                solved,
                ladders,
                rows,
            })
        }))
    }

    /// The same tears of an erase, and those that were solved for what it goes over.
    pub(super) fn with_risen(
        &mut self,
        op: &Op,
        of: &Rc<TearSet>,
        mut risen: Vec<Tear>,
    ) -> Rc<TearSet> {
        risen.retain(|tear| self.risen && tear.level() <= self.level && tear.applies_to(op));
        if risen.is_empty() {
            return Rc::clone(of);
        }
        let key = (op.len(), risen);
        if let Some(known) = self.of_erases.get(&key) {
            return Rc::clone(known);
        }
        let set = Rc::new(TearSet {
            singles: of.singles.clone(),
            solved: key.1.clone(),
            ladders: of.ladders.clone(),
            rows: of.rows,
        });
        self.of_erases.insert(key, Rc::clone(&set));
        set
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
    use LadderKind::{
        ProgrammedPrefix, ProgrammedSuffix, RisenPrefix, RisenSuffix, ZeroedPrefix, ZeroedSuffix,
    };
    let len = op.len();
    if len < 2 {
        return Vec::new();
    }
    let kinds: &[_] = match op.kind() {
        OpKind::Erase => &[ZeroedPrefix, ZeroedSuffix, RisenPrefix, RisenSuffix],
        _ => &[ProgrammedPrefix, ProgrammedSuffix],
    };
    let ladder = |kind: &LadderKind| Ladder { kind: *kind, len };
    let allowed = |ladder: &Ladder| ladder.tear(1).level() <= level;
    kinds.iter().map(ladder).filter(allowed).collect()
}

/// Whether [`RowTears`] has it.
fn is_of_row(tear: &Tear) -> bool {
    matches!(
        tear,
        Tear::E9(Risen::Row { .. } | Risen::AllBut { .. } | Risen::Within(..))
            | Tear::E10(Mixture::Row { .. })
            | Tear::E11(Risen::AllBut { .. } | Risen::Within(..))
    )
}

fn is_rung(tear: &Tear) -> bool {
    matches!(
        tear,
        Tear::E1(_)
            | Tear::E2(_)
            | Tear::E9(Risen::To(_) | Risen::From(_))
            | Tear::P1(_)
            | Tear::P2(Rows::From(_))
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
        Tear::E9(Risen::Bits(Bits::Seeded(n))) => {
            Tear::E9(Risen::Bits(Bits::Seeded(n.wrapping_add(shift))))
        }
        Tear::E10(Mixture::Seeded(n)) => Tear::E10(Mixture::Seeded(n.wrapping_add(shift))),
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
            let all: Vec<_> = set.all(1).collect();
            assert_eq!(all.len() as u64, set.count());
            let rungs: std::collections::BTreeSet<_> = all.iter().filter(|t| is_rung(t)).collect();
            assert_eq!(rungs.len(), set.ladders.len() * (op.len() as usize - 1));
            assert_eq!(
                all.iter().collect::<std::collections::HashSet<_>>().len(),
                all.len()
            );
            let of_row = |row, shape| {
                set.of_row(row, shape)
                    .map(|n| set.get(n.number) == Some(n.tear))
            };
            let numbers = set.rows.map_or(0..0, |rows| 0..rows.shapes());
            assert!(
                numbers
                    .into_iter()
                    .all(|shape| of_row(7, shape) == Some(true))
            );
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
                assert!(set.all(1).all(|tear| tear.level() <= level), "{level}");
            }
        }
    }
}
