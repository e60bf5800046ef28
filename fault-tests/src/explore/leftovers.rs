//! What tears leave where someone is interested, remembered by operation.
//!
//! The same few operations are cut in tens of thousands of states, and mostly what they leave of a
//! record does not depend on the state: a program goes over erased cells, and of an erase's tears
//! most leave nothing of what was there. Then it need be worked out only once.

use std::collections::HashMap;
use std::rc::Rc;

use sim_flash::{Op, State, Tear};

use super::demand::Interest;
use super::record::Records;
use super::tears::{Numbered, Operation, TearSet};
use super::trie::HashedMap;
use crate::chip::span;

/// Hashes over all that is of interest, by operation and tear.
#[derive(Default)]
pub(super) struct Leftovers {
    /// The version of the interest that they are about.
    version: u32,
    numbers: HashMap<Operation, usize>,
    known: Vec<Known>,
    /// Bytes of what is known.
    held: u64,
}

/// The hashes of one operation.
struct Known {
    /// Of the tears that are tried by themselves, by number.
    singles: Vec<Option<u128>>,
    /// Of others, by number.
    others: HashedMap<u64, u128>,
    /// Keeps the tears where they are.
    _tears: Rc<TearSet>,
}

/// What the leftovers of one operation in one state may depend on.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The number of the operation.
    number: usize,
    /// Where someone is interested, all was erased before the operation.
    blank: bool,
    /// All of it lies within the operation.
    inside: bool,
}

impl Kept {
    /// Whether what `tear` leaves is the same whatever was there otherwise.
    fn is_sure(self, tear: Tear) -> bool {
        self.blank || self.inside && matches!(tear, Tear::E3 | Tear::E4(_) | Tear::E7)
    }
}

impl Leftovers {
    /// Bytes of them.
    pub(super) fn held(&self) -> u64 {
        let numbers = self.numbers.capacity() * size_of::<(Operation, usize)>();
        let known = self.known.capacity() * size_of::<Known>();
        (numbers + known) as u64 + self.held
    }

    /// What those of `op` in `state` may depend on, as far as this version of the interest goes.
    pub(super) fn kept(
        &mut self,
        op: &Op,
        tears: &Rc<TearSet>,
        state: &State,
        interest: &Interest,
        version: u32,
        records: &Records,
    ) -> Kept {
        if self.version != version {
            *self = Self {
                version,
                ..Self::default()
            };
        }
        let own = span(op);
        let next = self.numbers.len();
        let operation = Operation::of(op, tears);
        let number = *self.numbers.entry(operation).or_insert(next);
        if number == next {
            self.held += (tears.singles.len() * size_of::<Option<u128>>()) as u64;
            self.known.push(Known {
                singles: vec![None; tears.singles.len()],
                others: HashedMap::default(),
                _tears: Rc::clone(tears),
            });
        }
        let looked_at = interest.records.iter().map(|r| records.range(*r));
        let places: Vec<_> = looked_at.chain(interest.bytes.iter().cloned()).collect();
        let mut all = places.iter();
        Kept {
            number,
            blank: all.all(|place| state.hash_range(place.clone()) == 0),
            inside: { places.iter() }.all(|at| own.start <= at.start && at.end <= own.end),
        }
    }

    /// The hash of what a tear leaves, remembered or else found out by `hash`.
    pub(super) fn of(&mut self, kept: Kept, tear: Numbered, hash: impl FnOnce() -> u128) -> u128 {
        let Numbered { number, tear } = tear;
        if !kept.is_sure(tear) {
            return hash();
        }
        let Known {
            singles, others, ..
        } = &mut self.known[kept.number];
        let single = usize::try_from(number).ok();
        match single.and_then(|number| singles.get_mut(number)) {
            Some(known) => *known.get_or_insert_with(hash),
            None => *others.entry(number).or_insert_with(|| {
                // A number and a hash in a table, with their share of what is free there.
                self.held += 48;
                hash()
            }),
        }
    }
}
