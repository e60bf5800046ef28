//! Power-ons: looked up, or executed, twice, and added to the known ones.

use std::rc::Rc;

use sim_flash::{Op, State, Tear};

use super::super::demand::Demand;
use super::super::ranges::overlap;
use super::super::recording::{Recording, Unseen};
use super::super::run::{Conditions, PowerOn, power_on};
use super::super::tally::Shown;
use super::super::trie::{Contradiction, Found, LeafId, Learned, Root, Way};
use super::super::view::{Base, View};
use super::pass::situation;
use super::{Branch, Does, Engine, Leaf, Stop, memory};
use crate::chip::{Knows, Look, resolve};
use crate::subject::World;

impl<W: World> Engine<'_, W> {
    /// The power-on that follows in this state, or in the one that stands for it: looked up, or executed
    /// and added.
    pub(super) fn leaf_of(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        root: Root,
        world: &W,
    ) -> Result<LeafId, Stop> {
        let numbered = self.subject.numbered().is_some();
        if !(numbered && View::new(base, torn, &mut self.scratch).is_weak()) {
            return self.look_up(base, torn, root, world);
        }
        // With weak bits there are many power-ons; the simplest state has the fewest, and is met again and again.
        let state = self.state_of(base, torn);
        let state = self.simplest(&state).unwrap_or(state);
        let situation = situation(&state, root);
        if let Some(leaf) = self.simplest.leaves.get(&situation) {
            return Ok(*leaf);
        }
        let leaf = self.look_up(&mut Base::new(&state), None, root, world)?;
        self.simplest.leaves.insert(situation, leaf);
        Ok(leaf)
    }

    /// The same, whether or not a simpler state has fewer power-ons.
    fn look_up(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        root: Root,
        world: &W,
    ) -> Result<LeafId, Stop> {
        // Ends: each round executes power-ons that were missing, and of those a state has finitely many.
        loop {
            let mut view = View::new(base, torn, &mut self.scratch);
            match self.trie.find(root, &self.known, &mut view) {
                Found::One(leaf) => return Ok(leaf),
                Found::Several(ways) => return Ok(self.fork(ways)),
                Found::Missing(tapes) => {
                    let state = self.state_of(base, torn);
                    if let Some(simplest) = self.simplest(&state) {
                        // Ends: of what is the simplest, nothing else is.
                        return self.leaf_of(&mut Base::new(&simplest), None, root, world);
                    }
                    for tape in tapes {
                        self.execute(base, torn, root, world, &state, tape)?;
                    }
                }
            }
        }
    }

    /// The crash state itself.
    pub(super) fn state_of(&mut self, base: &mut Base<'_>, torn: Option<(&Op, Tear)>) -> State {
        let mut state = View::new(base, torn, &mut self.scratch).state();
        state.seal();
        state
    }

    /// What follows in a state whose weak bits may be read in several ways.
    fn fork(&mut self, ways: Vec<Way>) -> LeafId {
        if let Some(fork) = self.forks.get(&ways) {
            return *fork;
        }
        let mut demand = Demand::default();
        let mut branches = Vec::new();
        for (leaf, tape) in &ways {
            let leaf = self.leaf(*leaf);
            demand.insert_all(&leaf.demand);
            branches.extend(leaf.branches.iter().map(|branch| Branch {
                tape: tape.as_slice().into(),
                does: Rc::clone(&branch.does),
            }));
        }
        let fork = self.push_leaf(demand, branches);
        let tapes = ways.iter().map(|(_, tape)| memory::many::<u16>(tape.len()));
        let bytes = memory::many::<Way>(ways.len()) + tapes.sum::<u64>();
        self.held.keep(bytes);
        self.forks.insert(ways, fork);
        fork
    }

    fn push_leaf(&mut self, demand: Demand, branches: Vec<Branch<W>>) -> LeafId {
        let demand = Rc::new(demand);
        let mut findings = branches.iter().flat_map(|branch| &branch.does.findings);
        let to_blame = findings.any(|finding| finding.place.is_none());
        let leaf = Leaf {
            demand,
            branches,
            to_blame,
        };
        // Of several ways the power-ons themselves are known.
        let new = leaf.branches.len() == 1;
        self.hold_leaf(&leaf, new);
        self.leaves.push(leaf);
        LeafId(u32::try_from(self.leaves.len() - 1).unwrap_or(u32::MAX))
    }

    /// Executes a power-on, twice, and adds it to the known ones.
    fn execute(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        root: Root,
        world: &W,
        state: &State,
        tape: Vec<u16>,
    ) -> Result<(), Stop> {
        if let Some(limit) = self.limits.reached(self.counts.boots) {
            return Err(Stop::Budget(limit));
        }
        self.check_memory()?;
        let start = Shown { node: 0, branch: 0 };
        let run = self.run(state.clone(), world.clone(), true, tape);
        let unseen = if self.known.records_tell {
            Unseen::by(self.subject)
        } else {
            Unseen::nothing()
        };
        let recording = Recording::of(&run, unseen, &mut self.segments);
        let mut again = state.clone();
        let replayed = match &run.decided {
            Some(decided) => {
                resolve(&mut again, decided);
                Vec::new()
            }
            None => run.weak_reads.iter().map(|read| read.taken).collect(),
        };
        let solid = replayed.is_empty();
        let again = self.with_other_bytes(again, &run.looks);
        let again = self.run(again, world.clone(), !solid, replayed);
        let again = Recording::of(&again, unseen, &mut self.segments);
        if again.signature != recording.signature {
            return Err(self.disagrees(start, "two power-ons from equal states differ"));
        }
        let mut demand = Demand::default();
        for look in &run.looks {
            match look {
                Look::Bytes(range) => {
                    demand.bytes.insert(range.clone());
                }
                Look::Record(record) | Look::Again(record) => {
                    demand.insert_record(*record);
                }
                Look::Checks(checks) => checks.iter().for_each(|check| {
                    demand.insert_check(*check);
                }),
                Look::Choice { .. } => {}
            }
        }
        self.interest.grow(&demand);
        let leaf = self.push_leaf(
            demand,
            vec![Branch {
                tape: Rc::default(),
                does: Rc::new(Does {
                    findings: run.findings,
                    marks: run.marks,
                    recording,
                }),
            }],
        );
        let mut view = View::new(base, torn, &mut self.scratch);
        let learned = Learned {
            looks: &run.looks,
            learned: &run.learned,
        };
        let inserted = { &mut self.trie }.insert(root, learned, &self.known, &mut view, leaf);
        inserted.map_err(|Contradiction| {
            self.disagrees(start, "two power-ons learned the same and then differ")
        })
    }

    /// The state with other bytes where they are carried only, and with other records of which the
    /// same is learned.
    pub(super) fn with_other_bytes(&self, mut state: State, looks: &[Look]) -> State {
        let known = &self.known;
        let records = if known.records_tell {
            known.records.count()
        } else {
            0
        };
        for record in 0..records {
            let range = known.records.range(record);
            // A record may lie where something else is asked as well.
            let elsewhere = looks.iter().any(|look| match look {
                Look::Bytes(read) => overlap(read, &range),
                Look::Record(_) | Look::Again(_) | Look::Choice { .. } => false,
                Look::Checks(asked) => asked.iter().any(|c| known.checks.looks_at(*c, &range)),
            });
            let mut bytes = vec![0; range.len()];
            state.read(range.start, &mut bytes);
            let elsewhere = elsewhere || state.has_weak(range.clone());
            if !elsewhere && let Some(other) = known.records.other(record, &bytes) {
                state.put_solid(range.start, &other);
            }
        }
        for range in self.subject.carried() {
            let mut noise = vec![0; range.len()];
            let mut word = 0x2545_F491_4F6C_DD1D_u64.wrapping_mul(self.leaves.len() as u64 | 1);
            for byte in &mut noise {
                word = word.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                *byte = word.to_le_bytes()[7];
            }
            state.put_solid(range.start, &noise);
        }
        state
    }

    pub(super) fn run(
        &mut self,
        state: State,
        world: W,
        contents: bool,
        tape: Vec<u16>,
    ) -> PowerOn<W> {
        self.counts.boots += 1;
        // As in a replay: with weak bits an image is one decision.
        let contents = contents && (!self.judges_each() || state.has_weak(0..state.size()));
        let knows = if contents {
            Knows::Contents(&mut self.known)
        } else {
            Knows::Results(&mut self.known)
        };
        let conditions = Conditions {
            tape,
            ..Conditions::undisturbed(knows)
        };
        power_on(self.subject, self.profile, state, world, conditions)
    }
}
