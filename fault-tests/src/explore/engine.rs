//! The worklist: every crash state within the limits, each judged, none twice.

use std::collections::{HashMap, VecDeque};

use sim_flash::{Op, OpKind, Profile, Row, State, Tear};

use super::audit::Audit;
use super::ranges::Ranges;
use super::run::{Conditions, PowerOn, power_on};
use super::tally::{Judged, Tally};
use super::trie::{LeafId, Trie};
use super::view::{Base, Scratch, View};
use super::{Counts, CutAt, Disagreement, Exploration, Limits, Start, Tears, Violation};
use crate::chip::{Memo, nothing_done, span, widen};
use crate::property::Finding;
use crate::subject::{Mark, Rest, Subject};

/// A known power-on.
struct Leaf {
    /// The bytes at power-on that decide what the power-on does, or what any
    /// later one does that starts from it. Grows; see [`super`].
    demand: Ranges,
    signature: u128,
    findings: Vec<Finding>,
    marks: Vec<Mark>,
}

/// How a state was reached from its parent.
#[derive(Clone, Copy)]
enum Edge {
    /// The start of this index.
    Start(u32),
    /// The power-on came to its end, and the next one follows.
    Cycle,
    /// The power was cut in operation `op` of the parent's power-on.
    Cut { op: u32, tear: Tear },
}

#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    edge: Edge,
    cuts: u32,
}

/// What merged states have in common: the power-on that follows, and all that it demands.
type Class = (LeafId, u128);

struct Work<W> {
    node: u32,
    class: Class,
    state: State,
    world: W,
}

/// One exploration under way.
pub(super) struct Engine<'a, S: Subject> {
    subject: &'a S,
    profile: &'a Profile,
    limits: &'a Limits,
    tears: Tears,
    memo: Memo,
    trie: Trie<S::World>,
    leaves: Vec<Leaf>,
    audit: Audit,
    counts: Counts,
    pass: Pass<S::World>,
    scratch: Scratch,
    progress: &'a dyn Fn(&Counts),
}

/// What is begun anew whenever a demand has grown.
struct Pass<W> {
    nodes: Vec<Node>,
    /// Work by number of cuts so far, so that each state is first met with the fewest.
    work: Vec<VecDeque<Work<W>>>,
    /// Every class met, with the fewest cuts it was met after. A class can be met behind a cut
    /// first and without one later; then it is explored again, with more cuts left.
    visited: HashMap<Class, u32>,
    violations: Vec<(u32, Finding)>,
    tally: Tally,
    grew: bool,
    truncated: bool,
}

impl<W> Pass<W> {
    fn new() -> Self {
        Self {
            nodes: Vec::new(),
            work: Vec::new(),
            visited: HashMap::new(),
            violations: Vec::new(),
            tally: Tally::default(),
            grew: false,
            truncated: false,
        }
    }
}

/// Why an exploration stopped early.
pub(super) enum Stop {
    Budget,
    Disagreement(Disagreement),
}

impl<'a, S: Subject> Engine<'a, S> {
    pub(super) fn new(
        subject: &'a S,
        profile: &'a Profile,
        limits: &'a Limits,
        progress: &'a dyn Fn(&Counts),
    ) -> Self {
        Self {
            subject,
            profile,
            limits,
            tears: Tears::new(limits),
            memo: Memo::default(),
            trie: Trie::new(),
            leaves: Vec::new(),
            audit: Audit::new(limits.seed, limits.audit_one_in),
            counts: Counts::default(),
            pass: Pass::new(),
            scratch: Scratch::default(),
            progress,
        }
    }

    /// Explores from `state` and `world` until nothing within the limits is left.
    pub(super) fn explore(mut self, starts: &[Start<S::World>]) -> Exploration {
        let stop = loop {
            self.pass = Pass::new();
            self.counts.begin_pass();
            self.audit.begin_pass();
            match self.one_pass(starts) {
                Ok(()) if self.pass.grew => {}
                Ok(()) => break None,
                Err(stop) => break Some(stop),
            }
        };
        self.counts.distinct_states = self.pass.visited.len() as u64;
        let violations = self
            .pass
            .violations
            .iter()
            .map(|(node, finding)| {
                let (start, cuts) = self.path(*node);
                Violation {
                    finding: finding.clone(),
                    start,
                    cuts,
                }
            })
            .collect();
        let marks = (0..).zip(&self.leaves).map(|(leaf, l)| (leaf, &*l.marks));
        let reached = self.pass.tally.reached(marks, |node| self.path(node));
        let healthy = self.pass.tally.healthy(|node| self.power_on_of(node));
        let (exhausted, disagreement) = match stop {
            None => (false, None),
            Some(Stop::Budget) => (true, None),
            Some(Stop::Disagreement(disagreement)) => (true, Some(disagreement)),
        };
        Exploration {
            closure: !exhausted && !self.pass.truncated && self.counts.represented == 0,
            counts: self.counts,
            violations,
            reached,
            healthy,
            exhausted,
            disagreement,
        }
    }

    fn one_pass(&mut self, starts: &[Start<S::World>]) -> Result<(), Stop> {
        for (index, start) in starts.iter().enumerate() {
            let edge = Edge::Start(u32::try_from(index).unwrap_or(u32::MAX));
            let node = self.node(0, edge, 0);
            let mut base = Base::new(&start.state);
            let leaf = self.leaf_of(&mut base, None, &start.world)?;
            if let Some(class) = self.unvisited(&mut base, None, leaf, 0) {
                self.enter(&mut base, None, &start.world, class, node);
            }
        }
        // Ends: each round takes one item, and an item is added only for a class that was not
        // met before, or not after so few cuts.
        while let Some(work) = self.next_work() {
            let cuts = self.pass.nodes[work.node as usize].cuts;
            if self
                .pass
                .visited
                .get(&work.class)
                .is_some_and(|fewest| *fewest < cuts)
            {
                continue;
            }
            for finding in &self.leaves[work.class.0.0 as usize].findings {
                self.pass.violations.push((work.node, finding.clone()));
            }
            let marks = &self.leaves[work.class.0.0 as usize].marks;
            self.pass.tally.entered(marks, work.node, cuts);
            self.expand(work)?;
            (self.progress)(&self.counts);
        }
        Ok(())
    }

    fn next_work(&mut self) -> Option<Work<S::World>> {
        self.pass.work.iter_mut().find_map(VecDeque::pop_front)
    }

    /// Runs the work's power-on again and meets every state that follows from it.
    fn expand(&mut self, work: Work<S::World>) -> Result<(), Stop> {
        let run = self.run(work.state.clone(), work.world.clone());
        let (parent, _) = work.class;
        if run.signature() != self.leaf(parent).signature {
            return Err(self.disagrees(work.node, "two runs from equal states differ"));
        }
        let cuts = self.pass.nodes[work.node as usize].cuts;
        if cuts < self.limits.cuts {
            self.cut_each(work.node, parent, &run, work.state)?;
        } else {
            self.pass.truncated |= run.done().len() > 0;
        }
        if cuts == 0 {
            self.counts.operations += run.done().len() as u64;
        }
        if run.end == Ok(Rest::Stuck) {
            return Ok(());
        }
        let mut determined = Ranges::new();
        for op in run.done() {
            determines(&op, &mut determined);
        }
        let mut base = Base::new(&run.state);
        let child = self.leaf_of(&mut base, None, &run.world)?;
        self.demand(parent, child, &determined);
        if let Some(class) = self.unvisited(&mut base, None, child, cuts) {
            let node = self.node(work.node, Edge::Cycle, cuts);
            self.enter(&mut base, None, &run.world, class, node);
        }
        Ok(())
    }

    /// Cuts before, in and after each operation of `run`, which began in `state`.
    fn cut_each(
        &mut self,
        from: u32,
        parent: LeafId,
        run: &PowerOn<S::World>,
        mut state: State,
    ) -> Result<(), Stop> {
        let cuts = self.pass.nodes[from as usize].cuts;
        let mut determined = Ranges::new();
        let sample = Sample::of(run, cuts);
        // `state` is as before this operation; it follows when someone looks at it.
        let mut applied = 0;
        // The power-on that would follow a cut right before the next operation, while known.
        let mut here: Option<LeafId> = None;
        for (index, row) in run.done().enumerate() {
            let tears = self.tears.of(&row, cuts);
            self.counts.crash_states += 1 + tears.len() as u64;
            let touched = widen(&(row.addr..row.addr + row.len), state.size());
            if run.world_changed_before(index) {
                here = None;
            }
            let dead_weight = here.filter(|leaf| !self.leaf(*leaf).demand.intersects(&touched));
            let judged;
            if let Some(before) = dead_weight {
                // No future reads a byte of this operation: however it is torn, and also when
                // it completes, what follows is what follows `before`.
                self.counts.by_family += 1 + tears.len() as u64;
                self.pass.tally.met(before, 1 + tears.len() as u64);
                judged = Judged::ByFamily;
                if let Some(pick) = self.audit.due(tears.len()) {
                    catch_up(&mut state, run, &mut applied, index);
                    let (mut base, op) = (Base::new(&state), row.op());
                    let torn = op.as_ref().map(|op| (op, tears[pick]));
                    self.check(&mut base, torn, run.world_at(index), before, from)?;
                }
            } else if sample.leaves_out(index) {
                self.counts.represented += 1 + tears.len() as u64;
                here = None;
                judged = Judged::Represented;
            } else {
                catch_up(&mut state, run, &mut applied, index);
                let at = Place {
                    from,
                    parent,
                    op: index,
                    world: run.world_at(index),
                    determined: &determined,
                };
                here = self.tear_one(&state, &row, &tears, here, &at)?;
                judged = match here {
                    Some(_) => Judged::ByFamily,
                    None => Judged::Singly,
                };
            }
            if cuts == 0 {
                self.pass.tally.judged(from, index, judged);
            }
            determines(&row, &mut determined);
        }
        Ok(())
    }

    /// Meets the states that the tears of one operation leave, `state` being the one before it.
    ///
    /// Returns the power-on that follows a cut right after the operation, if that is known to
    /// be the one that follows a cut right before.
    fn tear_one(
        &mut self,
        state: &State,
        row: &Row<'_>,
        tears: &[Tear],
        here: Option<LeafId>,
        at: &Place<'_, S::World>,
    ) -> Result<Option<LeafId>, Stop> {
        let Some(op) = row.op() else { return Ok(here) };
        let mut base = Base::new(state);
        let before = match here {
            Some(leaf) => {
                self.counts.by_family += 1;
                self.pass.tally.met(leaf, 1);
                leaf
            }
            None => self.meet(&mut base, None, nothing_done(&op), at)?,
        };
        if self
            .leaf(before)
            .demand
            .intersects(&widen(&span(&op), state.size()))
        {
            for &tear in tears {
                self.meet(&mut base, Some((&op, tear)), tear, at)?;
            }
            return Ok(None);
        }
        self.counts.by_family += tears.len() as u64;
        self.pass.tally.met(before, tears.len() as u64);
        if let Some(pick) = self.audit.due(tears.len()) {
            self.check(
                &mut base,
                Some((&op, tears[pick])),
                at.world,
                before,
                at.from,
            )?;
        }
        Ok(Some(before))
    }

    /// Looks at the state that a cut leaves: finds its power-on, and enters it if it is new.
    fn meet(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        tear: Tear,
        at: &Place<'_, S::World>,
    ) -> Result<LeafId, Stop> {
        let boots = self.counts.boots;
        self.counts.by_lookup += 1;
        let leaf = self.leaf_of(base, torn, at.world)?;
        self.pass.tally.met(leaf, 1);
        if boots == self.counts.boots && torn.is_some() && self.audit.due(1).is_some() {
            self.check(base, torn, at.world, leaf, at.from)?;
        }
        self.demand(at.parent, leaf, at.determined);
        let cuts = self.pass.nodes[at.from as usize].cuts + 1;
        if let Some(class) = self.unvisited(base, torn, leaf, cuts) {
            let op = u32::try_from(at.op).unwrap_or(u32::MAX);
            let node = self.node(at.from, Edge::Cut { op, tear }, cuts);
            self.enter(base, torn, at.world, class, node);
        }
        Ok(leaf)
    }

    /// The power-on that follows in this state: looked up, or executed and added.
    fn leaf_of(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        world: &S::World,
    ) -> Result<LeafId, Stop> {
        let mut view = View::new(base, torn, &mut self.scratch);
        if let Some(leaf) = self.trie.find(world, &mut view) {
            return Ok(leaf);
        }
        let state = view.state();
        if self.counts.boots >= self.limits.boots || self.limits.out_of_time() {
            return Err(Stop::Budget);
        }
        let run = self.run(state, world.clone());
        let leaf = LeafId(u32::try_from(self.leaves.len()).unwrap_or(u32::MAX));
        let mut demand = Ranges::new();
        for range in &run.reads {
            demand.insert(range.clone());
        }
        let signature = run.signature();
        let mut view = View::new(base, torn, &mut self.scratch);
        if self
            .trie
            .insert(world, &run.reads, &mut view, leaf)
            .is_err()
        {
            return Err(self.disagrees(0, "two power-ons read the same and then differ"));
        }
        self.leaves.push(Leaf {
            demand,
            signature,
            findings: run.findings,
            marks: run.marks,
        });
        Ok(leaf)
    }

    /// The class of the state, if it was not met in this pass after so few cuts; notes that it was now.
    fn unvisited(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        leaf: LeafId,
        cuts: u32,
    ) -> Option<Class> {
        let demand = &self.leaves[leaf.0 as usize].demand;
        let mut view = View::new(base, torn, &mut self.scratch);
        let class = (leaf, view.hash_all(demand));
        match self.pass.visited.get_mut(&class) {
            Some(fewest) if *fewest <= cuts => return None,
            Some(fewest) => *fewest = cuts,
            None => {
                self.pass.visited.insert(class, cuts);
            }
        }
        Some(class)
    }

    fn enter(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        world: &S::World,
        class: Class,
        node: u32,
    ) {
        let cuts = self.pass.nodes[node as usize].cuts as usize;
        if self.pass.work.len() <= cuts {
            self.pass.work.resize_with(cuts + 1, VecDeque::new);
        }
        let state = View::new(base, torn, &mut self.scratch).state();
        self.pass.work[cuts].push_back(Work {
            node,
            class,
            state,
            world: world.clone(),
        });
    }

    /// What the child's future reads, and this power-on did not determine, the parent demands too.
    ///
    /// (A power-on that follows itself demands nothing new; then the pair is not disjoint.)
    fn demand(&mut self, parent: LeafId, child: LeafId, determined: &Ranges) {
        let pair = [parent.0 as usize, child.0 as usize];
        if let Ok([parent, child]) = self.leaves.get_disjoint_mut(pair) {
            self.pass.grew |= parent.demand.insert_all_except(&child.demand, determined);
        }
    }

    /// Executes a pruned state in full and compares.
    fn check(
        &mut self,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        world: &S::World,
        leaf: LeafId,
        from: u32,
    ) -> Result<(), Stop> {
        let state = View::new(base, torn, &mut self.scratch).state();
        let run = power_on(
            self.subject,
            self.profile,
            state,
            world.clone(),
            Conditions {
                cut: None,
                memo: None,
                verbose: false,
            },
        );
        self.counts.audited += 1;
        if run.signature() == self.leaf(leaf).signature {
            Ok(())
        } else {
            Err(self.disagrees(from, "a pruned state behaves otherwise than predicted"))
        }
    }

    fn run(&mut self, state: State, world: S::World) -> PowerOn<S::World> {
        self.counts.boots += 1;
        let conditions = Conditions {
            cut: None,
            memo: Some(&mut self.memo),
            verbose: false,
        };
        power_on(self.subject, self.profile, state, world, conditions)
    }

    fn leaf(&self, leaf: LeafId) -> &Leaf {
        &self.leaves[leaf.0 as usize]
    }

    fn node(&mut self, parent: u32, edge: Edge, cuts: u32) -> u32 {
        self.pass.nodes.push(Node { parent, edge, cuts });
        u32::try_from(self.pass.nodes.len() - 1).expect("fewer than 2^32 states fit in memory")
    }

    fn disagrees(&self, node: u32, what: &'static str) -> Stop {
        let (start, cuts) = self.path(node);
        Stop::Disagreement(Disagreement { what, start, cuts })
    }

    /// The start of a node that no cut leads to, and how many power-ons came before it.
    fn power_on_of(&self, mut node: u32) -> (usize, u32) {
        let mut boot = 0;
        // Ends: a parent is always older than its child, and the start has edge Start.
        while let Some(Node { parent, edge, .. }) = self.pass.nodes.get(node as usize) {
            if let Edge::Start(index) = edge {
                return (*index as usize, boot);
            }
            boot += 1;
            node = *parent;
        }
        (0, boot)
    }

    /// The start and the cuts, first to last, that lead to `node`.
    fn path(&self, mut node: u32) -> (usize, Vec<CutAt>) {
        let mut start = 0;
        let mut edges = Vec::new();
        // Ends: a parent is always older than its child, and the start has edge Start.
        while let Some(Node { parent, edge, .. }) = self.pass.nodes.get(node as usize) {
            match edge {
                Edge::Start(index) => {
                    start = *index as usize;
                    break;
                }
                edge => edges.push(*edge),
            }
            node = *parent;
        }
        let mut cuts = Vec::new();
        let mut boot = 0;
        for edge in edges.into_iter().rev() {
            match edge {
                Edge::Cut { op, tear } => {
                    cuts.push(CutAt { boot, op, tear });
                    boot = 1;
                }
                Edge::Cycle | Edge::Start(_) => boot += 1,
            }
        }
        (start, cuts)
    }
}

/// Where a crash state comes from.
struct Place<'p, W> {
    /// The node whose power-on is cut, and that power-on.
    from: u32,
    parent: LeafId,
    /// The operation that is cut, and the world at that moment.
    op: usize,
    world: &'p W,
    /// What the power-on has determined until then.
    determined: &'p Ranges,
}

/// Which operations stand for the others, where bulk data that a future reads is cut after another cut.
///
/// A cut can leave otadata pointing at the slot under write. Then each of the download's thousands
/// of programs changes what the next boot reads, and each tear of each is a state of its own. A
/// second cut is tried in the first, the last and some of the programs between; the rest is
/// counted as represented.
struct Sample {
    /// Indices of the programs of bulk data; none if all are to be tried.
    bulk: Vec<usize>,
}

impl Sample {
    /// A program of more bytes than this is bulk data, not a record.
    const RECORD: u32 = 64;
    /// About so many programs of bulk data are tried, besides the two at each end.
    const BETWEEN: usize = 4;

    fn of<W>(run: &PowerOn<W>, cuts: u32) -> Self {
        let bulk = |(_, op): &(usize, Row<'_>)| op.kind == OpKind::Program && op.len > Self::RECORD;
        let all = run.done().enumerate().filter(bulk).map(|(index, _)| index);
        Self {
            bulk: if cuts == 0 { Vec::new() } else { all.collect() },
        }
    }

    fn leaves_out(&self, op: usize) -> bool {
        let Ok(place) = self.bulk.binary_search(&op) else {
            return false;
        };
        let count = self.bulk.len();
        let stride = (count / Self::BETWEEN).max(1);
        place >= 2 && place + 2 < count && place % stride != 0
    }
}

/// Only a completed erase determines bytes: a program is an AND with what was there.
fn determines(op: &Row<'_>, determined: &mut Ranges) {
    if op.kind == OpKind::Erase {
        determined.insert(op.addr..op.addr + op.len);
    }
}

/// Carries out the operations of `run` from `applied` up to `until`.
fn catch_up<W>(state: &mut State, run: &PowerOn<W>, applied: &mut usize, until: usize) {
    for op in run.some(*applied..until) {
        match op.kind {
            OpKind::Erase => state.erase(op.addr, op.len),
            _ => state.program(op.addr, op.data),
        }
    }
    *applied = until;
}
