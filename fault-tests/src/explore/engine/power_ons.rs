//! Power-ons: looked up, or executed, twice, and added to the known ones.

use std::rc::Rc;

use sim_flash::{Op, State, Tear};

use super::super::demand::Demand;
use super::super::ranges::overlap;
use super::super::recording::Recording;
use super::super::run::{Conditions, PowerOn, power_on};
use super::super::trie::{LeafId, Root};
use super::super::view::{Base, View};
use super::{Engine, Leaf, Stop};
use crate::chip::{Knows, Look};
use crate::subject::Subject;

impl<S: Subject> Engine<'_, S> {
    /// The power-on that follows in this state: looked up, or executed and added.
    pub(super) fn leaf_of(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        root: Root,
        world: &S::World,
    ) -> Result<LeafId, Stop> {
        let mut view = View::new(base, torn, &mut self.scratch);
        if let Some(leaf) = self.trie.find(root, &self.known, &mut view) {
            return Ok(leaf);
        }
        let mut state = view.state();
        state.seal();
        if self.counts.boots >= self.limits.boots || self.limits.out_of_time() {
            return Err(Stop::Budget);
        }
        let run = self.run(state.clone(), world.clone(), true);
        let carried = self.subject.carried();
        let recording = Recording::of(&run, carried, &mut self.segments);
        let again = self.run(
            self.with_other_bytes(state, &run.looks),
            world.clone(),
            false,
        );
        let again = Recording::of(&again, carried, &mut self.segments);
        if again.signature != recording.signature {
            return Err(self.disagrees(0, "two power-ons from equal states differ"));
        }
        let leaf = LeafId(u32::try_from(self.leaves.len()).unwrap_or(u32::MAX));
        let mut demand = Demand::default();
        for look in &run.looks {
            match look {
                Look::Bytes(range) => {
                    demand.bytes.insert(range.clone());
                }
                Look::Record(record) => {
                    demand.insert_record(*record);
                }
                Look::Checks(checks) => checks.iter().for_each(|check| {
                    demand.insert_check(*check);
                }),
            }
        }
        let mut view = View::new(base, torn, &mut self.scratch);
        if self
            .trie
            .insert(root, &run.looks, &self.known, &mut view, leaf)
            .is_err()
        {
            return Err(self.disagrees(0, "two power-ons learned the same and then differ"));
        }
        self.interest.grow(&demand);
        self.leaves.push(Leaf {
            demand: Rc::new(demand),
            findings: run.findings,
            marks: run.marks,
            recording: Rc::new(recording),
        });
        Ok(leaf)
    }

    /// The state with other bytes where they are carried only, and with other records of which the
    /// same is learned.
    pub(super) fn with_other_bytes(&self, mut state: State, looks: &[Look]) -> State {
        let known = &self.known;
        for record in 0..known.records.count() {
            let range = known.records.range(record);
            // A record may lie where something else is asked as well.
            let elsewhere = looks.iter().any(|look| match look {
                Look::Bytes(read) => overlap(read, &range),
                Look::Record(_) => false,
                Look::Checks(asked) => asked.iter().any(|c| known.checks.looks_at(*c, &range)),
            });
            let mut bytes = vec![0; range.len()];
            state.read(range.start, &mut bytes);
            if !elsewhere && let Some(other) = known.records.other(record, &bytes) {
                state.load(range.start, &other);
            }
        }
        for range in self.subject.carried() {
            let mut noise = vec![0; range.len()];
            let mut word = 0x2545_F491_4F6C_DD1D_u64.wrapping_mul(self.leaves.len() as u64 | 1);
            for byte in &mut noise {
                word = word.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                *byte = word.to_le_bytes()[7];
            }
            state.load(range.start, &noise);
        }
        state
    }

    pub(super) fn run(
        &mut self,
        state: State,
        world: S::World,
        contents: bool,
    ) -> PowerOn<S::World> {
        self.counts.boots += 1;
        let conditions = Conditions {
            cut: None,
            knows: if contents {
                Knows::Contents(&mut self.known)
            } else {
                Knows::Results(&mut self.known)
            },
            verbose: false,
        };
        power_on(self.subject, self.profile, state, world, conditions)
    }
}
