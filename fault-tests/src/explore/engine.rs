//! The worklist: every crash state within the limits, each judged, none twice.

mod again;
mod alike;
mod aside;
mod calm;
mod climb;
mod compare;
mod judge_together;
mod meet;
mod memory;
mod pass;
mod path;
mod power_ons;
mod rows;
mod settle;
mod stand_in;
mod tears_of;

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use sim_flash::{Level, Op, OpKind, Profile, State, Tear};

use self::alike::Alikes;
use self::compare::{Beside, Comparisons};
use self::judge_together::Due;
pub(super) use self::memory::hashed;

use self::meet::Cut;
use self::memory::Held;
use self::pass::{Class, Edge, Node, Pass, Work};
use self::settle::Children;
use self::stand_in::{Met, Simplest};
use super::audit::Audit;
use super::demand::{Demand, Interests};
use super::leftovers::Leftovers;
use super::recording::{Recording, Segments};
use super::retry::Believes;
use super::tally::Shown;
use super::tears::Tears;
use super::trie::{HashedMap, LeafId, Trie, Way};
use super::view::{Base, Scratch, View, forget_carried};
use super::walk::{Here, Walk};
use super::window::{Window, Windows};
use super::{Counts, Disagreement, Exploration, Limit, Limits, Start, Violation};
use crate::chip::{Knowledge, sectors, span, widen};
use crate::property::{Finding, wear};
use crate::subject::{Mark, Rest, Subject, World};

/// What follows in a state: a known power-on, or several, if it has weak bits that are read.
pub(super) struct Leaf<W> {
    /// Grows; see [`super`].
    pub(super) demand: Rc<Demand>,
    pub(super) branches: Vec<Branch<W>>,
    /// Whether any of them violates a property that the cut before may be to blame for.
    to_blame: bool,
}

/// One power-on, as the adversary reads the weak bits that it meets.
pub(super) struct Branch<W> {
    /// What it takes, read by read; nothing where no bit that is read is weak.
    tape: Rc<[u16]>,
    does: Rc<Does<W>>,
}

impl<W> Clone for Branch<W> {
    fn clone(&self) -> Self {
        Self {
            tape: Rc::clone(&self.tape),
            does: Rc::clone(&self.does),
        }
    }
}

/// What one power-on does.
pub(super) struct Does<W> {
    findings: Vec<Finding>,
    marks: Vec<Mark>,
    recording: Recording<W>,
}

/// One exploration under way.
pub(super) struct Engine<'a, W: World> {
    subject: &'a dyn Subject<World = W>,
    profile: &'a Profile,
    pub(super) limits: &'a Limits,
    believes: Believes,
    tears: Tears<'a>,
    pub(super) known: Knowledge,
    trie: Trie<W>,
    segments: Segments,
    pub(super) leaves: Vec<Leaf<W>>,
    /// Leaves of several power-ons, by the leaves of each.
    forks: HashedMap<Vec<Way>, LeafId>,
    /// The simplest flash, by a hash of what it goes by.
    simplest: Simplest,
    alikes: Alikes,
    audit: Audit,
    due: Vec<Due<W>>,
    comparisons: Comparisons<'a, W>,
    counts: Counts,
    pass: Pass,
    /// What the expansion under way has met.
    pub(super) children: Children,
    interest: Interests,
    leftovers: Leftovers,
    scratch: Scratch,
    windows: Windows,
    held: Held,
    progress: &'a dyn Fn(&Counts),
}

/// Why an exploration stopped early.
pub(super) enum Stop {
    Budget(Limit),
    Disagreement(Disagreement),
    /// One violation is enough: see [`Limits::ends_at_first`].
    Found,
}

/// Explores every crash state of `subject` that follows from any of `starts`, until it contradicts itself.
pub(super) fn explore_once<W: World>(
    subject: &dyn Subject<World = W>,
    profile: &Profile,
    starts: &[Start<W>],
    limits: &Limits,
    believes: Believes,
    progress: &dyn Fn(&Counts),
) -> Exploration {
    let beside = Beside::new(subject, profile, limits);
    rayon::in_place_scope(|scope| {
        let offer = || {
            for _ in 1..rayon::current_num_threads() {
                scope.spawn(|_| beside.work());
            }
        };
        let comparisons = Comparisons::new(&beside, &offer);
        let mut engine = Engine::new(subject, profile, limits, comparisons, progress);
        engine.believes = believes;
        engine.known.records_tell = believes == Believes::All;
        engine.explore(starts)
    })
}

impl<'a, W: World> Engine<'a, W> {
    fn new(
        subject: &'a dyn Subject<World = W>,
        profile: &'a Profile,
        limits: &'a Limits,
        comparisons: Comparisons<'a, W>,
        progress: &'a dyn Fn(&Counts),
    ) -> Self {
        Self {
            subject,
            profile,
            limits,
            believes: Believes::All,
            tears: Tears::new(limits)
                .with_solved(Box::new(|addr, data| subject.solved(addr, data))),
            known: Knowledge::of(subject.records(), limits.level >= Level::L3),
            trie: Trie::new(limits.departures),
            segments: Segments::default(),
            leaves: Vec::new(),
            forks: HashedMap::default(),
            simplest: Simplest::default(),
            alikes: Alikes::default(),
            audit: Audit::new(limits.seed, limits.audit_one_in),
            due: Vec::new(),
            comparisons,
            counts: Counts::default(),
            pass: Pass::new(),
            children: Children::default(),
            interest: Interests::default(),
            leftovers: Leftovers::default(),
            scratch: Scratch::new(subject.carried()),
            windows: Windows::default(),
            held: Held::default(),
            progress,
        }
    }

    /// Explores from `starts` until nothing within the limits is left.
    fn explore(mut self, starts: &[Start<W>]) -> Exploration {
        let stop = loop {
            self.pass = Pass::new();
            self.counts.begin_pass();
            self.audit.begin_pass();
            self.held.begin_pass();
            self.due.clear();
            let pass = self.one_pass(starts);
            match pass.and_then(|()| self.finish_comparing()) {
                Ok(()) if self.pass.grew => self.settle(),
                Ok(()) => break self.check_due().err(),
                Err(stop) => break Some(stop),
            }
        };
        let stood_for = |class: &&Class| self.pass.stand_ins.contains_key(class);
        let visited = self.pass.visited.keys();
        self.counts.distinct_states = visited.filter(|class| !stood_for(class)).count() as u64;
        let mut violations: Vec<_> = self
            .pass
            .violations
            .iter()
            .map(|(at, finding)| {
                let (start, path) = self.path(*at);
                Violation {
                    finding: finding.clone(),
                    start,
                    path,
                    window: finding.place.clone().or_else(|| self.window_of(at.node)),
                }
            })
            .collect();
        // What is found right behind a cut is listed when the operation before is cut.
        violations.sort_by_key(|violation: &Violation| violation.path.cuts.len());
        let leaves = (0..).zip(&self.leaves);
        let marks =
            leaves.flat_map(|(leaf, l)| l.branches.iter().map(move |b| (leaf, &*b.does.marks)));
        let reached = self.pass.tally.reached(marks, |at| self.path(at));
        let healthy = self.pass.tally.healthy(|node| self.power_on_of(node));
        let found = matches!(stop, Some(Stop::Found));
        let (exhausted, stopped, disagreement) = match stop {
            None | Some(Stop::Found) => (false, None, None),
            Some(Stop::Budget(limit)) => (true, Some(limit), None),
            Some(Stop::Disagreement(disagreement)) => (true, None, Some(disagreement)),
        };
        Exploration {
            closure: !exhausted
                && !found
                && !self.pass.truncated
                && self.limits.departures == u32::MAX,
            counts: self.counts,
            violations,
            reached,
            healthy,
            exhausted,
            stopped,
            memory: self.held.peak(),
            disagreement,
        }
    }

    fn one_pass(&mut self, starts: &[Start<W>]) -> Result<(), Stop> {
        for (index, start) in starts.iter().enumerate() {
            let edge = Edge::Start(u32::try_from(index).unwrap_or(u32::MAX));
            let mut state = start.state.clone();
            forget_carried(&mut state, &(0..u32::MAX), &self.scratch.carried);
            state.seal();
            let mut base = Base::new(&state);
            let root = self.trie.root(&start.world);
            let leaf = self.leaf_of(&mut base, None, root, &start.world)?;
            let node = self.pass.node(Node {
                parent: 0,
                branch: 0,
                edge,
                leaf,
                cuts: 0,
                window: None,
                aside: false,
                calm: false,
            });
            let met = Met {
                leaf,
                world: &start.world,
                from: Shown { node, branch: 0 },
                cuts: 0,
                aside: false,
            };
            if let Some((class, state)) = self.unmet(&mut base, None, &met)? {
                self.enter(state, class, node, &start.state)?;
            }
        }
        // Ends: each round takes one item, and an item is added only for a class that was not
        // met before, or not after so few cuts.
        while let Some(work) = self.next_work() {
            let cuts = self.pass.nodes[work.node as usize].cuts;
            if { self.pass.visited.get(&work.class) }.is_some_and(|fewest| *fewest < cuts)
                || self.is_met_elsewhere(&work)
            {
                continue;
            }
            let branches = &self.leaves[work.class.0.0 as usize].branches;
            let count = branches.len();
            for (number, branch) in (0..).zip(branches) {
                let at = Shown {
                    node: work.node,
                    branch: number,
                };
                for finding in &branch.does.findings {
                    self.pass.violations.push((at, finding.clone()));
                }
                self.pass.tally.entered(&branch.does.marks, at, cuts);
            }
            self.found()?;
            self.children.begin();
            for branch in 0..count {
                self.expand(&work, branch)?;
                self.found()?;
            }
            self.keep(work);
            self.counts.distinct_states = self.pass.done.len() as u64;
            self.counts.waiting = self.pass.waiting();
            self.counts.violations = self.pass.violations.len() as u64;
            (self.progress)(&self.counts);
        }
        if !self.pass.grew {
            self.note_restless();
        }
        Ok(())
    }

    /// Ends the exploration where one violation is enough, and there is one.
    fn found(&self) -> Result<(), Stop> {
        if self.limits.ends_at_first && !self.pass.violations.is_empty() {
            return Err(Stop::Found);
        }
        Ok(())
    }

    fn next_work(&mut self) -> Option<Work> {
        { self.pass.work.iter_mut() }
            .chain([&mut self.pass.aside.work])
            .find_map(VecDeque::pop_front)
    }

    /// Meets every state that follows from one of the work's power-ons.
    fn expand(&mut self, work: &Work, branch: usize) -> Result<(), Stop> {
        let parent = work.class.0;
        let taken = Rc::clone(&self.leaf(parent).branches[branch].does);
        let recording = &taken.recording;
        let branch = u32::try_from(branch).unwrap_or(u32::MAX);
        let cuts = self.pass.nodes[work.node as usize].cuts;
        let from = Shown {
            node: work.node,
            branch,
        };
        let mut walk = Walk::new(from, parent, work.state.clone());
        let Node {
            aside,
            calm,
            window,
            ..
        } = self.pass.nodes[work.node as usize];
        let stays_uncut = self.stays_uncut(work.node);
        let spared = self.limits.spares(&taken.marks);
        if spared && recording.ops > 0 {
            self.counts.spared += 1;
        }
        if cuts < self.limits.cuts && !stays_uncut && !spared {
            self.cut_each(&mut walk, recording, cuts)?;
        } else {
            if recording.ops > 0 && !calm && !spared {
                self.counts.uncut += u64::from(stays_uncut);
                self.pass.truncated |= !stays_uncut;
            }
            for segment in &recording.segments {
                walk.pass_over(segment, 0);
            }
        }
        if cuts == 0 && !calm {
            self.counts.operations += recording.ops as u64;
        }
        if recording.end == Ok(Rest::Stuck) {
            return Ok(());
        }
        walk.op = recording.ops;
        walk.catch_up();
        forget_carried(&mut walk.state, &(0..u32::MAX), &self.scratch.carried);
        walk.state.seal();
        let state = walk.state.clone();
        let mut base = Base::new(&state);
        let root = self.trie.root(recording.world());
        let child = self.leaf_of(&mut base, None, root, recording.world())?;
        self.propagate(&mut walk, child, None);
        let met = Met {
            leaf: child,
            world: recording.world(),
            from,
            cuts,
            aside,
        };
        let next = self.stand_in(&mut base, None, &met)?;
        // Whether a device comes to rest while weak bits read otherwise each time is for stability.
        if self.leaf(parent).branches.len() == 1 {
            self.pass.calm.follows(from, work.class, next);
        }
        if next == work.class
            && self.recurs(work, &mut base)
            && let Some(first) = recording.segments.first().and_then(|s| s.ops.first())
        {
            let first = Window::of(self.subject, &state, first, None);
            let found = wear::judge_repetition(recording.ops, recording.calls.len(), first);
            let found = found.map(|finding| (from, finding));
            self.pass.violations.extend(found);
        }
        if next == work.class && recording.end == Ok(Rest::Idle) {
            return self.ask(&mut walk, &mut base, recording.world());
        }
        if let Some((class, state)) = self.unmet(&mut base, None, &met)? {
            let node = self.pass.node(Node {
                parent: from.node,
                branch: from.branch,
                edge: Edge::Cycle,
                leaf: child,
                cuts,
                window,
                aside,
                calm,
            });
            self.enter(state, class, node, &work.state)?;
        }
        Ok(())
    }

    /// Cuts before, in and after each operation of `recording`.
    fn cut_each(
        &mut self,
        walk: &mut Walk,
        recording: &Recording<W>,
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
                    let all = self.may_reach(&segment.touched, &walk.state);
                    if self.is_dead_weight(walk, leaf, &all, true) {
                        let rest = index..segment.ops.len();
                        self.judge_family(walk, recording, segment, rest, leaf, cuts)?;
                        walk.pass_over(segment, index);
                        break;
                    }
                    walk.catch_up();
                    let touched = self.may_reach(&span(op), &walk.state);
                    if self.is_dead_weight(walk, leaf, &touched, false) {
                        let one = index..index + 1;
                        self.judge_family(walk, recording, segment, one, leaf, cuts)?;
                        walk.carry_out(op);
                        index += 1;
                        continue;
                    }
                }
                walk.catch_up();
                let mut tears = segment.tears(index, &mut self.tears, cuts);
                if cuts == 0 && op.kind() == OpKind::Erase {
                    let risen = self.subject.solved_erase(&span(op), &walk.state);
                    tears = self.tears.with_risen(op, &tears, risen);
                }
                self.counts.crash_states += 1 + tears.count();
                let world = recording.world_at(walk.op);
                let at = Here {
                    root: self.trie.root(world),
                    world,
                    call: recording.call_at(walk.op),
                };
                here = self.tear_one(walk, op, &tears, here, &at)?;
                self.found()?;
                if cuts == 0 {
                    let judged = self.pass.tally.by_itself(here.is_some());
                    let ops = walk.op..walk.op + 1;
                    self.pass.tally.judged(walk.from.node, ops, judged);
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

    /// The granules that a cut in an operation on `touched` may change, or the operation itself.
    fn may_reach(&self, touched: &Range<u32>, state: &State) -> Range<u32> {
        if self.limits.level >= Level::L4 {
            return sectors(touched, state);
        }
        widen(touched, state.size())
    }

    /// Whether each tear is judged by itself.
    pub(super) fn judges_each(&self) -> bool {
        self.believes == Believes::Singles
    }

    /// What the state has in common with those that it is merged with.
    fn class_of(&mut self, base: &mut Base<'_>, torn: Option<(&Op, Tear)>, leaf: LeafId) -> Class {
        let demand = &self.leaves[leaf.0 as usize].demand;
        let mut view = View::new(base, torn, &mut self.scratch);
        (leaf, view.hash_all(leaf, demand, &self.known))
    }

    /// Whether what follows a power-on of `work`, and is stood for by its class, is the same again. What is read in a state
    /// that stands for those that do less may not be read in what follows: then that must be of its class itself.
    fn recurs(&mut self, work: &Work, next: &mut Base<'_>) -> bool {
        let leaf = work.class.0;
        let reads_differ = self.leaf(leaf).branches.len() > 1;
        !(reads_differ && self.subject.stands_for_less())
            || self.class_of(next, None, leaf) == work.class
    }

    /// Puts a state on the worklist, which has come out of `before`.
    fn enter(&mut self, state: State, class: Class, node: u32, before: &State) -> Result<(), Stop> {
        self.held.state(&state, before);
        self.check_memory()?;
        let Node { cuts, aside, .. } = self.pass.nodes[node as usize];
        let cuts = cuts as usize;
        if self.pass.work.len() <= cuts {
            self.pass.work.resize_with(cuts + 1, VecDeque::new);
        }
        let queue = if aside {
            &mut self.pass.aside.work
        } else {
            &mut self.pass.work[cuts]
        };
        queue.push_back(Work { node, class, state });
        Ok(())
    }

    /// Lets the demand of a power-on grow by what `add` adds to it.
    pub(super) fn grow(&mut self, leaf: LeafId, add: impl FnOnce(&mut Demand) -> bool) {
        let demand = Rc::make_mut(&mut self.leaves[leaf.0 as usize].demand);
        if add(demand) {
            // A range, a record or a check more.
            self.held.keep(0);
            self.pass.grew = true;
            // What this pass judges will be judged anew.
            self.audit.rest();
            self.interest.grow(demand);
        }
    }

    pub(super) fn leaf(&self, leaf: LeafId) -> &Leaf<W> {
        &self.leaves[leaf.0 as usize]
    }

    /// Names the window of a cut in `op`, `state` being the one before it.
    fn window(&mut self, state: &State, op: &Op, call: Option<&'static str>) -> u32 {
        self.windows.of(Window::of(self.subject, state, op, call))
    }
}
