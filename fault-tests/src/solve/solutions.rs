//! The contents that a torn program can leave with a right checksum and other covered bytes.

use super::field::Field;
use super::record::Checked;
use super::space::{Space, bit};

/// What a torn program of a record can leave so that its checksum is right, although the covered
/// bytes are neither those that were written nor those that were there.
///
/// Bytes that are neither covered nor the checksum decide nothing here; in every solution they are
/// as the whole program leaves them. Solutions come in ascending order of the covered bytes, read
/// as a number with its lowest byte first, or of another number: see [`Solutions::sorted`].
#[derive(Clone, Debug)]
pub struct Solutions {
    record: Checked,
    /// Every content in the lattice with a right checksum; none if there is no such content.
    space: Option<Space>,
    /// Those members of the space whose covered bytes are as written, or as they were.
    known: Vec<Vec<u8>>,
}

/// How many solutions there are: 2 to the power of `log2`, less `excluded`; 0 if there is no content
/// with a right checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Dimension of the space of contents with a right checksum, if there are any.
    pub log2: Option<usize>,
    /// Contents in that space whose covered bytes are as written, or as they were.
    pub excluded: usize,
}

impl Count {
    /// The number, if a `u128` holds it.
    pub fn exact(&self) -> Option<u128> {
        let Some(log2) = self.log2 else {
            return Some(0);
        };
        let all = 1_u128.checked_shl(u32::try_from(log2).ok()?)?;
        Some(all - self.excluded as u128)
    }
}

impl Solutions {
    /// The solutions for a program of `wanted` over `old`.
    ///
    /// Bits that are 0 in `old` stay 0, bits that are 1 in `wanted` stay as they were, and each of
    /// the others can be left at 1.
    ///
    /// # Panics
    /// If `old` or `wanted` does not have the record's length.
    pub fn new(record: &Checked, old: &[u8], wanted: &[u8]) -> Self {
        assert_eq!(old.len(), record.len(), "old contents of a record");
        assert_eq!(wanted.len(), record.len(), "new contents of a record");
        let done: Vec<u8> = { old.iter().zip(wanted) }.map(|(a, b)| a & b).collect();
        let free = |n: &usize| bit(old, *n) && !bit(&done, *n);

        // Each free covered bit moves the checksum by a fixed difference: the checksum is affine.
        let mut origin = done.clone();
        record.seal(&mut origin);
        let covered = record.covered();
        let bits = (covered.start * 8..covered.end * 8).filter(free);
        let moves = bits.map(|n| {
            let mut moved = origin.clone();
            moved[n / 8] ^= 1 << (n % 8);
            record.seal(&mut moved);
            moved.iter().zip(&origin).map(|(a, b)| a ^ b).collect()
        });
        let mut space = Space::new(origin.clone(), moves.collect());

        // The checksum's own bits must be in the lattice.
        let mut given = record.stored().bits().filter(|n| !free(n));
        let solvable = given.all(|n| space.fix(n, bit(&done, n)));

        let mut untouched = done.clone();
        untouched[covered.clone()].copy_from_slice(&old[covered]);
        record.seal(&mut untouched);
        let mut known = vec![origin, untouched];
        known.dedup();
        let in_lattice = |n: usize, content: &[u8]| free(&n) || bit(content, n) == bit(&done, n);
        known.retain(|content| record.stored().bits().all(|n| in_lattice(n, content)));
        let solutions = Self {
            record: record.clone(),
            space: solvable.then_some(space),
            known,
        };
        let whole = Field::little(record.covered());
        solutions.sorted(&whole)
    }

    /// The same in ascending order of `field`, and where that is equal of the covered bytes.
    #[must_use]
    pub fn sorted(mut self, field: &Field) -> Self {
        let whole = Field::little(self.record.covered());
        if let Some(space) = &mut self.space {
            // A checksum follows from what it covers, so the covered bits tell members apart.
            space.sort_by(field.bits().rev().chain(whole.bits().rev()));
        }
        self
    }

    /// Those in which bit `n % 8`, lowest first, of byte `n / 8` of the record is `value`.
    #[must_use]
    pub fn with_bit(mut self, n: usize, value: bool) -> Self {
        self.known.retain(|content| bit(content, n) == value);
        self.space = self.space.and_then(|mut space| {
            let left = space.fix(n, value);
            left.then_some(space)
        });
        self
    }

    /// How many there are.
    pub fn count(&self) -> Count {
        Count {
            log2: self.space.as_ref().map(Space::dimension),
            excluded: self.known.len(),
        }
    }

    /// They, in ascending order, each verified with the checksum itself.
    pub fn ascending(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.in_order(Space::member)
    }

    /// They, in descending order, each verified with the checksum itself.
    pub fn descending(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.in_order(Space::member_from_last)
    }

    fn in_order(&self, member: fn(&Space, u128) -> Vec<u8>) -> impl Iterator<Item = Vec<u8>> + '_ {
        let members = self.space.iter().flat_map(move |space| {
            let last = { u32::try_from(space.dimension()).ok() }
                .and_then(|log2| 1_u128.checked_shl(log2))
                .map_or(u128::MAX, |all| all - 1);
            (0..=last).map(move |number| member(space, number))
        });
        let is_known = |content: &Vec<u8>| {
            let covered = self.record.covered();
            { self.known.iter() }.any(|known| known[covered.clone()] == content[covered.clone()])
        };
        members.filter(move |content| !is_known(content) && self.record.is_right(content))
    }

    /// The one with the least `field` that leaves `remainder` when divided by `modulus`, among the
    /// first `bound` of those that agree with it in the bits that powers of 2 in `modulus` decide.
    pub fn least_congruent(
        &self,
        field: &Field,
        modulus: u64,
        remainder: u64,
        bound: usize,
    ) -> Option<Vec<u8>> {
        let low = usize::try_from(modulus.checked_ilog2()?.min(modulus.trailing_zeros())).ok()?;
        let bits = field.bits().take(low).enumerate();
        let narrowed = bits.fold(self.clone(), |solutions, (place, n)| {
            solutions.with_bit(n, remainder >> place & 1 != 0)
        });
        let narrowed = narrowed.sorted(field);
        let mut first = narrowed.ascending().take(bound);
        first.find(|content| field.get(content) % modulus == remainder)
    }
}
