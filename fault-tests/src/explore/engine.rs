//! The worklist: every crash state within the limits, each judged, none twice.

mod climb;
mod judge_together;
mod power_ons;

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use sim_flash::{Op, Profile, State, Tear};

use self::judge_together::Due;
use super::audit::Audit;
use super::demand::{Demand, Interest, Interests};
use super::leftovers::{Kept, Leftovers};
use super::recording::{Recording, Segments};
use super::tally::Tally;
use super::tears::{TearSet, Tears};
use super::trie::{HashedMap, LeafId, Trie};
use super::view::{Base, Scratch, View, forget_carried};
use super::walk::{Here, Walk};
use super::window::{Window, Windows};
use super::{ANY, Counts, CutAt, Disagreement, Exploration, Limits, Start, Violation};
use crate::chip::{Knowledge, nothing_done, span, widen};
use crate::property::{Finding, Property};
use crate::subject::{Mark, Rest, Subject};

/// A known power-on.
pub(super) struct Leaf<W> {
    /// Grows; see [`super`].
    pub(super) demand: Rc<Demand>,
    findings: Vec<Finding>,
    marks: Vec<Mark>,
    recording: Rc<Recording<W>>,
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
    /// Where the last cut fell.
    window: Option<u32>,
}

/// What merged states have in common: the power-on that follows, and all that it demands.
type Class = (LeafId, u128);

struct Work {
    node: u32,
    class: Class,
    state: State,
}

/// One exploration under way.
pub(super) struct Engine<'a, S: Subject> {
    subject: &'a S,
    profile: &'a Profile,
    limits: &'a Limits,
    tears: Tears,
    pub(super) known: Knowledge,
    trie: Trie<S::World>,
    segments: Segments,
    pub(super) leaves: Vec<Leaf<S::World>>,
    audit: Audit,
    due: Vec<Due<S::World>>,
    counts: Counts,
    pass: Pass,
    interest: Interests,
    leftovers: Leftovers,
    scratch: Scratch,
    windows: Windows,
    progress: &'a dyn Fn(&Counts),
}

/// What is begun anew whenever a demand has grown.
struct Pass {
    nodes: Vec<Node>,
    /// Work by number of cuts so far, so that each state is first met with the fewest.
    work: Vec<VecDeque<Work>>,
    /// Every class met, with the fewest cuts it was met after. A class can be met behind a cut
    /// first and without one later; then it is explored again, with more cuts left.
    visited: HashedMap<Class, u32>,
    violations: Vec<(u32, Finding)>,
    /// Windows and properties for which a violation right behind the cut is listed.
    blamed: HashSet<(u32, Property)>,
    tally: Tally,
    grew: bool,
    truncated: bool,
}

impl Pass {
    fn new() -> Self {
        Self {
            nodes: Vec::new(),
            work: Vec::new(),
            visited: HashedMap::default(),
            violations: Vec::new(),
            blamed: HashSet::new(),
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
            known: Knowledge::of(subject.records()),
            trie: Trie::new(),
            segments: Segments::default(),
            leaves: Vec::new(),
            audit: Audit::new(limits.seed, limits.audit_one_in),
            due: Vec::new(),
            counts: Counts::default(),
            pass: Pass::new(),
            interest: Interests::default(),
            leftovers: Leftovers::default(),
            scratch: Scratch::new(subject.carried()),
            windows: Windows::default(),
            progress,
        }
    }

    /// Explores from `starts` until nothing within the limits is left.
    pub(super) fn explore(mut self, starts: &[Start<S::World>]) -> Exploration {
        let stop = loop {
            self.pass = Pass::new();
            self.counts.begin_pass();
            self.audit.begin_pass();
            self.due.clear();
            match self.one_pass(starts) {
                Ok(()) if self.pass.grew => {}
                Ok(()) => break self.check_due().err(),
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
                    window: self.window_of(*node),
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
            closure: !exhausted && !self.pass.truncated,
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
            let node = self.node(0, edge, 0, None);
            let mut state = start.state.clone();
            forget_carried(&mut state, &(0..u32::MAX), &self.scratch.carried);
            state.seal();
            let mut base = Base::new(&state);
            let root = self.trie.root(&start.world);
            let leaf = self.leaf_of(&mut base, None, root, &start.world)?;
            if let Some(class) = self.unvisited(&mut base, None, leaf, 0) {
                self.enter(&mut base, None, class, node);
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

    fn next_work(&mut self) -> Option<Work> {
        self.pass.work.iter_mut().find_map(VecDeque::pop_front)
    }

    /// Meets every state that follows from the work's power-on.
    fn expand(&mut self, work: Work) -> Result<(), Stop> {
        let parent = work.class.0;
        let recording = Rc::clone(&self.leaf(parent).recording);
        let cuts = self.pass.nodes[work.node as usize].cuts;
        let mut walk = Walk::new(work.node, parent, work.state);
        if cuts < self.limits.cuts {
            self.cut_each(&mut walk, &recording, cuts)?;
        } else {
            self.pass.truncated |= recording.ops > 0;
            for segment in &recording.segments {
                walk.pass_over(segment, 0);
            }
        }
        if cuts == 0 {
            self.counts.operations += recording.ops as u64;
        }
        if recording.end == Ok(Rest::Stuck) {
            return Ok(());
        }
        walk.catch_up();
        forget_carried(&mut walk.state, &(0..u32::MAX), &self.scratch.carried);
        walk.state.seal();
        let state = walk.state.clone();
        let mut base = Base::new(&state);
        let root = self.trie.root(recording.world());
        let child = self.leaf_of(&mut base, None, root, recording.world())?;
        self.propagate(&mut walk, child, None);
        if let Some(class) = self.unvisited(&mut base, None, child, cuts) {
            let window = self.pass.nodes[work.node as usize].window;
            let node = self.node(work.node, Edge::Cycle, cuts, window);
            self.enter(&mut base, None, class, node);
        }
        Ok(())
    }

    /// Cuts before, in and after each operation of `recording`.
    fn cut_each(
        &mut self,
        walk: &mut Walk,
        recording: &Recording<S::World>,
        cuts: u32,
    ) -> Result<(), Stop> {
        // The power-on that would follow a cut right before the next operation, while known.
        let mut here: Option<LeafId> = None;
        let mut first = 0;
        for segment in &recording.segments {
            if recording.world_changed_before(first) {
                here = None;
            }
            let mut index = 0;
            // Ends: each round takes at least one operation.
            while index < segment.ops.len() {
                let op = &segment.ops[index];
                walk.op = first + index;
                if let Some(leaf) = here {
                    if self.is_dead_weight(walk, leaf, &segment.touched, true) {
                        let rest = index..segment.ops.len();
                        self.judge_family(walk, recording, segment, rest, leaf, cuts)?;
                        walk.pass_over(segment, index);
                        break;
                    }
                    walk.catch_up();
                    let touched = widen(&span(op), walk.state.size());
                    if self.is_dead_weight(walk, leaf, &touched, false) {
                        let one = index..index + 1;
                        self.judge_family(walk, recording, segment, one, leaf, cuts)?;
                        walk.carry_out(op);
                        index += 1;
                        continue;
                    }
                }
                walk.catch_up();
                let tears = segment.tears(index, &mut self.tears, cuts);
                self.counts.crash_states += 1 + tears.count();
                let world = recording.world_at(walk.op);
                let at = Here {
                    root: self.trie.root(world),
                    world,
                    call: recording.call_at(walk.op),
                };
                here = self.tear_one(walk, op, &tears, here, &at)?;
                if cuts == 0 {
                    let judged = self.pass.tally.by_itself(here.is_some());
                    let ops = walk.op..walk.op + 1;
                    self.pass.tally.judged(walk.from, ops, judged);
                }
                walk.carry_out(op);
                if !self.scratch.carried.is_empty() {
                    forget_carried(&mut walk.state, &span(op), &self.scratch.carried);
                }
                index += 1;
            }
            first += segment.ops.len();
        }
        Ok(())
    }

    /// Meets the states that the tears of one operation leave; the walk stands before it.
    ///
    /// Returns the power-on that follows a cut right after the operation, if that is known to
    /// be the one that follows a cut right before.
    fn tear_one(
        &mut self,
        walk: &mut Walk,
        op: &Op,
        tears: &TearSet,
        here: Option<LeafId>,
        at: &Here<'_, S::World>,
    ) -> Result<Option<LeafId>, Stop> {
        walk.state.seal();
        let state = walk.state.clone();
        let mut base = Base::new(&state);
        let touched = widen(&span(op), state.size());
        let mut cut = Cut {
            window: self.window(&state, op, at.call),
            met: HashedMap::default(),
            version: 0,
            interest: None,
        };
        let before = match here {
            Some(leaf) => {
                self.counts.by_family += 1;
                self.pass.tally.met(leaf, 1);
                if self.audit.all() {
                    self.check(&state, None, at.world, leaf, walk.from)?;
                }
                leaf
            }
            None => self.meet(walk, &mut base, None, nothing_done(op), at, &mut cut)?,
        };
        if here.is_none() && self.is_dead_weight(walk, before, &touched, false) {
            self.counts.by_family += tears.count();
            self.pass.tally.met(before, tears.count());
            let tear = |number| tears.get(number);
            self.audit_of(tears.count(), tear, &state, op, at.world, before, walk.from)?;
            return Ok(Some(before));
        }
        for &tear in &tears.singles {
            self.meet(walk, &mut base, Some((op, tear)), tear, at, &mut cut)?;
        }
        for &ladder in &tears.ladders {
            self.climb(walk, &mut base, op, ladder, at, &mut cut)?;
        }
        Ok(None)
    }

    /// Looks at the state that a cut leaves: finds its power-on, and enters it if it is new.
    fn meet(
        &mut self,
        walk: &mut Walk,
        base: &mut Base<'_>,
        torn: Option<(&Op, Tear)>,
        tear: Tear,
        at: &Here<'_, S::World>,
        cut: &mut Cut,
    ) -> Result<LeafId, Stop> {
        let boots = self.counts.boots;
        self.counts.by_lookup += 1;
        let mut key = None;
        if torn.is_some() {
            if cut.version != self.interest.version() {
                cut.version = self.interest.version();
                cut.met.clear();
                let touched = torn.map_or(0..0, |(op, _)| widen(&span(op), base.state.size()));
                let interest = self.interest.in_range(&touched, &self.known);
                cut.interest = interest.zip(torn).map(|(interest, (op, _))| {
                    let (state, records) = (base.state, &self.known.records);
                    let version = cut.version;
                    let kept = { &mut self.leftovers }.kept(op, state, &interest, version, records);
                    (interest, kept)
                });
            }
            if let Some((interest, kept)) = &cut.interest {
                let hash = self.leftovers.of(*kept, tear, || {
                    let mut view = View::new(base, torn, &mut self.scratch);
                    view.hash_of(interest, &self.known.records)
                });
                if let Some(leaf) = cut.met.get(&hash).copied() {
                    self.blame(walk, leaf, tear, cut.window);
                    // It differs from a state met before in nothing that anyone looks at.
                    self.pass.tally.met(leaf, 1);
                    if self.audit.due(1).is_some() {
                        self.check(base.state, torn, at.world, leaf, walk.from)?;
                    }
                    return Ok(leaf);
                }
                key = Some(hash);
            }
        }
        let leaf = self.leaf_of(base, torn, at.root, at.world)?;
        self.pass.tally.met(leaf, 1);
        let audited = torn.is_some() || self.audit.all();
        if boots == self.counts.boots && audited && self.audit.due(1).is_some() {
            self.check(base.state, torn, at.world, leaf, walk.from)?;
        }
        self.blame(walk, leaf, tear, cut.window);
        self.propagate(walk, leaf, torn);
        let cuts = self.pass.nodes[walk.from as usize].cuts + 1;
        if let Some(class) = self.unvisited(base, torn, leaf, cuts) {
            let op = u32::try_from(walk.op).unwrap_or(u32::MAX);
            let edge = Edge::Cut { op, tear };
            let node = self.node(walk.from, edge, cuts, Some(cut.window));
            self.enter(base, torn, class, node);
        }
        if let Some(key) = key
            && cut.version == self.interest.version()
        {
            cut.met.insert(key, leaf);
        }
        Ok(leaf)
    }

    /// Lists what `leaf` violates against the window that led to it, also if another led there before.
    fn blame(&mut self, walk: &Walk, leaf: LeafId, tear: Tear, window: u32) {
        for index in 0..self.leaf(leaf).findings.len() {
            let property = self.leaf(leaf).findings[index].property;
            if self.pass.blamed.insert((window, property)) {
                let finding = self.leaf(leaf).findings[index].clone();
                let op = u32::try_from(walk.op).unwrap_or(u32::MAX);
                let cuts = self.pass.nodes[walk.from as usize].cuts + 1;
                let node = self.node(walk.from, Edge::Cut { op, tear }, cuts, Some(window));
                self.pass.violations.push((node, finding));
            }
        }
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
        let class = (leaf, view.hash_all(leaf, demand, &self.known));
        match self.pass.visited.get_mut(&class) {
            Some(fewest) if *fewest <= cuts || self.limits.cuts == ANY => return None,
            Some(fewest) => *fewest = cuts,
            None => {
                self.pass.visited.insert(class, cuts);
            }
        }
        Some(class)
    }

    fn enter(&mut self, base: &mut Base<'_>, torn: Option<(&Op, Tear)>, class: Class, node: u32) {
        let cuts = self.pass.nodes[node as usize].cuts as usize;
        if self.pass.work.len() <= cuts {
            self.pass.work.resize_with(cuts + 1, VecDeque::new);
        }
        let mut state = View::new(base, torn, &mut self.scratch).state();
        state.seal();
        self.pass.work[cuts].push_back(Work { node, class, state });
    }

    /// Lets the demand of a power-on grow by what `add` adds to it.
    pub(super) fn grow(&mut self, leaf: LeafId, add: impl FnOnce(&mut Demand) -> bool) {
        let demand = Rc::make_mut(&mut self.leaves[leaf.0 as usize].demand);
        if add(demand) {
            self.pass.grew = true;
            // What this pass judges will be judged anew.
            self.audit.rest();
            self.interest.grow(demand);
        }
    }

    pub(super) fn leaf(&self, leaf: LeafId) -> &Leaf<S::World> {
        &self.leaves[leaf.0 as usize]
    }

    fn node(&mut self, parent: u32, edge: Edge, cuts: u32, window: Option<u32>) -> u32 {
        self.pass.nodes.push(Node {
            parent,
            edge,
            cuts,
            window,
        });
        u32::try_from(self.pass.nodes.len() - 1).expect("fewer than 2^32 states fit in memory")
    }

    /// Names the window of a cut in `op`, `state` being the one before it.
    fn window(&mut self, state: &State, op: &Op, call: Option<&'static str>) -> u32 {
        self.windows.of(Window::of(self.subject, state, op, call))
    }

    fn window_of(&self, node: u32) -> Option<Window> {
        let window = self.pass.nodes.get(node as usize)?.window?;
        self.windows.get(window).cloned()
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

/// What is the same for all tears of one operation, and what was found out about them.
struct Cut {
    window: u32,
    /// Power-ons met, by the hash of all that anyone is interested in where the operation touches.
    met: HashedMap<u128, LeafId>,
    /// The version of the interest that `met` is about.
    version: u32,
    interest: Option<(Interest, Kept)>,
}
