//! Affine spaces of byte strings over GF(2): one member, and what may be added to it.

/// All sums of `origin` and some of `basis`. Bit `n` is bit `n % 8`, lowest first, of byte `n / 8`.
#[derive(Clone, Debug)]
pub(super) struct Space {
    origin: Vec<u8>,
    /// Linearly independent.
    basis: Vec<Vec<u8>>,
}

pub(super) fn bit(bytes: &[u8], n: usize) -> bool {
    bytes[n / 8] & 1 << (n % 8) != 0
}

fn add(to: &mut [u8], other: &[u8]) {
    to.iter_mut().zip(other).for_each(|(to, by)| *to ^= by);
}

impl Space {
    /// `basis` must be linearly independent.
    pub(super) fn new(origin: Vec<u8>, basis: Vec<Vec<u8>>) -> Self {
        Self { origin, basis }
    }

    /// The members are 2 to the power of this many.
    pub(super) fn dimension(&self) -> usize {
        self.basis.len()
    }

    /// Keeps the members in which bit `n` is `value`; `false` if that leaves none, and then nothing
    /// was changed.
    pub(super) fn fix(&mut self, n: usize, value: bool) -> bool {
        let Some(pivot) = self.basis.iter().position(|vector| bit(vector, n)) else {
            return bit(&self.origin, n) == value;
        };
        let pivot = self.basis.remove(pivot);
        self.clear(n, &pivot);
        if value {
            add(&mut self.origin, &pivot);
        }
        true
    }

    /// Makes bit `n` 0 in the origin and in the basis, by adding `pivot`, which has it.
    fn clear(&mut self, n: usize, pivot: &[u8]) {
        let with = { self.basis.iter_mut() }.chain([&mut self.origin]);
        with.filter(|vector| bit(vector, n))
            .for_each(|vector| add(vector, pivot));
    }

    /// Reorders the basis so that members ascend with their number, as numbers whose bits `bits`
    /// are, highest first. No two members may agree in all of these.
    pub(super) fn sort_by(&mut self, bits: impl Iterator<Item = usize>) {
        let mut sorted: Vec<Vec<u8>> = Vec::new();
        for n in bits {
            let Some(at) = self.basis.iter().position(|vector| bit(vector, n)) else {
                continue;
            };
            let pivot = self.basis.remove(at);
            self.clear(n, &pivot);
            { sorted.iter_mut() }
                .filter(|vector| bit(vector, n))
                .for_each(|vector| add(vector, &pivot));
            sorted.push(pivot);
        }
        debug_assert!(self.basis.is_empty(), "the bits tell members apart");
        sorted.append(&mut self.basis);
        self.basis = sorted;
    }

    /// The member of this number, in ascending order.
    pub(super) fn member(&self, number: u128) -> Vec<u8> {
        self.sum(|rank| rank < 128 && number & 1 << rank != 0)
    }

    /// The member of this number, counted from the last.
    pub(super) fn member_from_last(&self, number: u128) -> Vec<u8> {
        self.sum(|rank| rank >= 128 || number & 1 << rank == 0)
    }

    /// The origin, and each vector of the basis whose rank, the last one's being 0, is `taken`.
    fn sum(&self, taken: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut member = self.origin.clone();
        for (rank, vector) in self.basis.iter().rev().enumerate() {
            if taken(rank) {
                add(&mut member, vector);
            }
        }
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space::new(
            vec![0b1000_0001],
            vec![vec![0b0000_0011], vec![0b0000_0110], vec![0b0110_0000]],
        )
    }

    fn members(space: &Space) -> Vec<u8> {
        (0..1 << space.dimension())
            .map(|number| space.member(number)[0])
            .collect()
    }

    #[test]
    fn a_sorted_space_ascends() {
        let mut space = space();
        let mut before = members(&space);
        space.sort_by((0..8).rev());
        let sorted = members(&space);
        before.sort_unstable();
        assert_eq!(sorted, before);
        let backwards: Vec<_> = (0..8).map(|n| space.member_from_last(n)[0]).collect();
        assert!(backwards.iter().rev().eq(&sorted));
    }

    #[test]
    fn fixing_a_bit_keeps_the_members_that_have_it_so() {
        for n in 0..8 {
            for value in [false, true] {
                let mut space = space();
                let mut expected = members(&space);
                expected.retain(|member| bit(&[*member], n) == value);
                if !space.fix(n, value) {
                    assert!(expected.is_empty(), "bit {n} is {value}");
                    continue;
                }
                space.sort_by((0..8).rev());
                expected.sort_unstable();
                assert_eq!(members(&space), expected, "bit {n} is {value}");
            }
        }
    }
}
