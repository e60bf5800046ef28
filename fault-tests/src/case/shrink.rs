//! Shrinking: the simplest case that still shows the same violation.
//!
//! In this order: drop cuts, then put the simplest tear that will do in place
//! of each, then let weak bits read the first way. Every attempt is a live replay, so a shrunk case is a proven case.

use std::cell::RefCell;
use std::collections::VecDeque;

use sim_flash::{Density, Level, Profile, tears};

use super::replay::{Replay, replay, replay_knowing};
use super::timeline::windows;
use crate::chip::{Knowledge, untaken};
use crate::explore::{Path, Start, Window};
use crate::property::Finding;
use crate::subject::Subject;

/// The simplest way found that still leads to `finding`, with its replay.
///
/// With a `window` the last cut stays in it. `None` if `path` itself does not lead to it.
pub fn shrink<S: Subject + ?Sized>(
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    path: &Path,
    finding: &Finding,
    window: Option<&Window>,
    level: Level,
) -> Option<(Path, Replay)> {
    Shrinker::new(subject, profile, level).shrink(start, path, finding, window)
}

/// Shrinks cases of one subject, one after the other.
pub(crate) struct Shrinker<'s, S: ?Sized> {
    subject: &'s S,
    profile: &'s Profile,
    level: Level,
    /// Results for equal bytes, from one replay to the next.
    known: RefCell<Knowledge>,
}

impl<'s, S: Subject + ?Sized> Shrinker<'s, S> {
    pub(crate) fn new(subject: &'s S, profile: &'s Profile, level: Level) -> Self {
        Self {
            subject,
            profile,
            level,
            known: RefCell::new(Knowledge::of(subject.records(), true)),
        }
    }

    /// The replay of this way; `None` if the cuts cannot be made.
    pub(crate) fn replay(&self, start: &Start<S::World>, path: &Path) -> Option<Replay> {
        let (subject, profile) = (self.subject, self.profile);
        let replay = if self.level < Level::L3 {
            let known = &mut self.known.borrow_mut();
            replay_knowing(subject, profile, start, path, true, known)
        } else {
            // How weak bits may be read must not depend on what else was tried.
            replay(subject, profile, start, path, true)
        };
        replay.ok()
    }

    /// The cuts of `path`, with the fewest readings of weak bits that lead to `finding`.
    ///
    /// The state that was explored may be one that another stood for: it does the same, but has fewer weak
    /// bits to read, so that the readings of the one are not those of the other.
    pub(crate) fn with_other_readings(
        &self,
        start: &Start<S::World>,
        path: &Path,
        finding: &Finding,
    ) -> Option<Path> {
        let mut queue = VecDeque::from([Path {
            weak: Vec::new(),
            ..path.clone()
        }]);
        for _ in 0..READINGS {
            let path = queue.pop_front()?;
            let Some(replay) = self.replay(start, &path) else {
                continue; // the device does not come to the cuts this way
            };
            if replay.shows(finding) {
                return Some(path);
            }
            queue.extend(other_readings(&path, &replay));
        }
        None
    }

    /// See [`shrink`].
    pub(crate) fn shrink(
        &self,
        start: &Start<S::World>,
        path: &Path,
        finding: &Finding,
        window: Option<&Window>,
    ) -> Option<(Path, Replay)> {
        let attempt = |path: &Path| -> Option<Replay> {
            let replay = self.replay(start, path)?;
            let there = || window.is_none() || windows(self.subject, &replay).last() == window;
            (replay.shows(finding) && there()).then_some(replay)
        };
        let mut best = path.clone();
        let mut proof = attempt(&best)?;
        // A simpler tear can make another cut superfluous, so both steps alternate until neither helps.
        // Ends: each round but the last drops a cut, or puts an earlier tear or reading of finitely many in place.
        loop {
            let before = best.clone();
            drop_cuts(&attempt, &mut best, &mut proof);
            simplify_tears(&attempt, self.level, &mut best, &mut proof);
            simplify_readings(&attempt, &mut best, &mut proof);
            if best == before {
                return Some((best, proof));
            }
        }
    }
}

/// Replays with other readings of weak bits, at most.
const READINGS: usize = 1000;

/// Every way to read the weak bits that `replay` met, one reading changed behind those that `path` decides.
fn other_readings(path: &Path, replay: &Replay) -> Vec<Path> {
    let mut others = Vec::new();
    let mut cuts = 0;
    // The readings before are changed in other ways.
    let last = path.weak.last().map(|last| (last.cuts, last.boot));
    for step in &replay.steps {
        let here = (cuts, step.boot);
        cuts += u32::from(step.cut.is_some());
        if last.is_some_and(|last| here < last) {
            continue;
        }
        let (cuts, boot) = here;
        let decided = path.taken(cuts, boot).len();
        for taken in untaken(&step.weak_reads, decided) {
            let mut changed = path.clone();
            changed.decide(cuts, boot, taken);
            others.push(changed);
        }
    }
    others
}

fn drop_cuts(attempt: &impl Fn(&Path) -> Option<Replay>, best: &mut Path, proof: &mut Replay) {
    let mut index = 0;
    // Ends: each round either drops a cut or moves on.
    while index < best.cuts.len() {
        let mut ways = without(best, index).into_iter();
        match ways.find_map(|fewer| Some((attempt(&fewer)?, fewer))) {
            Some((replay, fewer)) => (*proof, *best) = (replay, fewer),
            None => index += 1,
        }
    }
}

fn simplify_tears(
    attempt: &impl Fn(&Path) -> Option<Replay>,
    level: Level,
    best: &mut Path,
    proof: &mut Replay,
) {
    for index in 0..best.cuts.len() {
        let Some(op) = cut_operation(proof, index) else {
            continue;
        };
        let simpler = tears(&op, Density::Coarse, level)
            .into_iter()
            .take_while(|tear| *tear != best.cuts[index].tear)
            .filter(|tear| !tear.is_nothing());
        for tear in simpler {
            let mut simpler = best.clone();
            simpler.cuts[index].tear = tear;
            if let Some(replay) = attempt(&simpler) {
                (*proof, *best) = (replay, simpler);
                break;
            }
        }
    }
}

fn simplify_readings(
    attempt: &impl Fn(&Path) -> Option<Replay>,
    best: &mut Path,
    proof: &mut Replay,
) {
    for decided in 0..best.weak.len() {
        for read in 0..best.weak[decided].taken.len() {
            let taken = best.weak[decided].taken[read];
            for earlier in 0..taken {
                let mut simpler = best.clone();
                simpler.weak[decided].taken[read] = earlier;
                if let Some(replay) = attempt(&simpler) {
                    (*proof, *best) = (replay, simpler);
                    break;
                }
            }
        }
    }
    for decided in &mut best.weak {
        let used = decided.taken.iter().rposition(|n| *n != 0);
        decided.taken.truncate(used.map_or(0, |last| last + 1));
    }
    best.weak.retain(|decided| !decided.taken.is_empty());
}

/// `path` without the cut at `index`: the next one counts its power-ons from
/// that cut, so without it they may be counted from the one before.
fn without(path: &Path, index: usize) -> Vec<Path> {
    let mut fewer = path.clone();
    let dropped = fewer.cuts.remove(index);
    fewer.weak.retain(|decided| decided.cuts as usize != index);
    for decided in &mut fewer.weak {
        decided.cuts -= u32::from(decided.cuts as usize > index);
    }
    let mut ways = vec![fewer.clone()];
    if let Some(next) = fewer.cuts.get_mut(index) {
        next.boot += dropped.boot;
        ways.push(fewer);
    }
    ways
}

fn cut_operation(replay: &Replay, index: usize) -> Option<sim_flash::Op> {
    replay
        .steps
        .iter()
        .filter_map(|step| step.cut.as_ref())
        .nth(index)
        .map(|(_, op)| op.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CaseId;
    use crate::ota;

    /// A cut erase that reads as erased, and then does not.
    #[test]
    fn readings_that_lead_to_a_finding_are_found_anew() {
        let setup = ota::find("smallest").unwrap().bundled(&Profile::w25q64jv());
        let id = "bo1:smallest@w25q64jv:L3:stock/o3.E5.all/w1.12~60fd047d";
        let id: CaseId = id.parse().unwrap();
        let start = setup.start(&id.start).unwrap();
        let shrinker = Shrinker::new(&setup.device, &setup.profile, Level::L3);
        let shown = shrinker.replay(start, &id.path).unwrap();
        let finding = shown.finding().unwrap();
        let mut path = id.path.clone();
        path.weak.clear();
        assert!(!shrinker.replay(start, &path).unwrap().shows(finding));
        let path = { shrinker.with_other_readings(start, &path, finding) }.unwrap();
        assert_eq!(path.cuts, id.path.cuts);
        assert!(shrinker.replay(start, &path).unwrap().shows(finding));
    }
}
