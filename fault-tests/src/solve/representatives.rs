//! A few solutions, one for each thing that a reader of a numbered record might do.

use sim_flash::Tear;

use super::field::Field;
use super::record::Checked;
use super::solutions::Solutions;
use super::tear::tear_of;

/// Chooses partial programs of a record that has a number and, outside of the checksum, a state.
///
/// The record is freshly programmed, in one program, over erased cells. What is chosen follows from
/// the bytes programmed and from nothing else. The number names one of some slots: number `n` names
/// slot `(n - 1) mod slots`. In this order, at most [`Representatives::MOST`]:
///
/// 1. the least number that names another slot than the one written, in each state;
/// 2. the greatest number, and the least one of each slot;
/// 3. the number as written, in each other state;
/// 4. the least number that names the slot written, and the greatest, in each other state.
///
/// A state is that of a torn state word: a value with a name that holds all bits of the one written.
#[derive(Clone, Debug)]
pub struct Representatives {
    /// The record.
    pub record: Checked,
    /// The number, among the covered bytes.
    pub number: Field,
    /// The state, not among them.
    pub state: Field,
    /// The states that a reader tells apart.
    pub states: Vec<u64>,
    /// How many slots there are.
    pub slots: u64,
}

/// Solutions that are looked through for one of a slot.
const BOUND: usize = 4096;

impl Representatives {
    /// Tears, at most.
    pub const MOST: usize = 16;

    /// The tears that leave the chosen contents, for a program of `wanted` as one operation.
    ///
    /// Empty if `wanted` is not the length of the record, or there is no slot.
    pub fn tears(&self, wanted: &[u8]) -> Vec<Tear> {
        let old = vec![0xFF; wanted.len()];
        let contents = self.contents(wanted);
        let tears = contents.iter().map(|left| tear_of(0, wanted, &old, left));
        tears.flatten().collect()
    }

    /// The chosen contents.
    pub fn contents(&self, wanted: &[u8]) -> Vec<Vec<u8>> {
        if wanted.len() != self.record.len() || self.slots == 0 {
            return Vec::new();
        }
        let old = vec![0xFF; wanted.len()];
        let solutions = Solutions::new(&self.record, &old, wanted).sorted(&self.number);
        let written = self.number.get(wanted) % self.slots;
        let least = |slot: u64| {
            let remainder = (written + slot) % self.slots;
            solutions.least_congruent(&self.number, self.slots, remainder, BOUND)
        };
        let mut others = (1..self.slots).filter_map(least);
        let other = others.next();
        let same = least(0);
        let greatest = solutions.descending().next();
        let reachable = self.reachable(wanted);
        let in_other_states = |content: &[u8]| -> Vec<Vec<u8>> {
            let state = self.state.get(wanted);
            let others = reachable.iter().filter(|other| **other != state);
            others.map(|other| self.in_state(content, *other)).collect()
        };

        let mut chosen = Vec::new();
        if let Some(other) = &other {
            chosen.push(other.clone());
            chosen.extend(in_other_states(other));
        }
        chosen.extend(greatest.clone());
        chosen.extend(same.clone());
        chosen.extend(others);
        if self.record.is_right(wanted) {
            chosen.extend(in_other_states(wanted));
        }
        let rest = [&same, &greatest].into_iter().flatten();
        chosen.extend(rest.flat_map(|content| in_other_states(content)));

        let mut distinct: Vec<Vec<u8>> = Vec::new();
        for content in chosen {
            if distinct.len() < Self::MOST && !distinct.contains(&content) {
                distinct.push(content);
            }
        }
        distinct
    }

    /// The states that hold all bits of the one written.
    fn reachable(&self, wanted: &[u8]) -> Vec<u64> {
        let written = self.state.get(wanted);
        let states = self.states.iter().copied();
        states.filter(|state| written & !state == 0).collect()
    }

    fn in_state(&self, content: &[u8], state: u64) -> Vec<u8> {
        let mut content = content.to_vec();
        self.state.set(&mut content, state);
        content
    }
}
