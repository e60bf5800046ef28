//! Shrinking: the simplest case that still shows the same violation.
//!
//! In this order: drop cuts, then put the simplest tear that will do in place
//! of each. Every attempt is a live replay, so a shrunk case is a proven case.

use sim_flash::{Density, Level, Profile, tears};

use super::replay::{Replay, replay};
use super::timeline::windows;
use crate::explore::{CutAt, Start, Window};
use crate::property::Finding;
use crate::subject::Subject;

/// The simplest cuts found that still lead to `finding`, with their replay.
///
/// With a `window` the last cut stays in it. `None` if `cuts` themselves do not lead to it.
pub fn shrink<S: Subject>(
    subject: &S,
    profile: &Profile,
    start: &Start<S::World>,
    cuts: &[CutAt],
    finding: &Finding,
    window: Option<&Window>,
    level: Level,
) -> Option<(Vec<CutAt>, Replay)> {
    let attempt = |cuts: &[CutAt]| -> Option<Replay> {
        let replay = replay(subject, profile, start, cuts, true).ok()?;
        let there = || window.is_none() || windows(subject, &replay).last() == window;
        (replay.shows(finding) && there()).then_some(replay)
    };
    let mut best = cuts.to_vec();
    let mut proof = attempt(&best)?;
    // A simpler tear can make another cut superfluous, so both steps alternate until neither helps.
    // Ends: each round but the last drops a cut or puts an earlier tear of a finite list in place.
    loop {
        let before = best.clone();
        drop_cuts(&attempt, &mut best, &mut proof);
        simplify_tears(&attempt, level, &mut best, &mut proof);
        if best == before {
            return Some((best, proof));
        }
    }
}

fn drop_cuts(
    attempt: &impl Fn(&[CutAt]) -> Option<Replay>,
    best: &mut Vec<CutAt>,
    proof: &mut Replay,
) {
    let mut index = 0;
    // Ends: each round either drops a cut or moves on.
    while index < best.len() {
        let mut ways = without(best, index).into_iter();
        match ways.find_map(|fewer| Some((attempt(&fewer)?, fewer))) {
            Some((replay, fewer)) => (*proof, *best) = (replay, fewer),
            None => index += 1,
        }
    }
}

fn simplify_tears(
    attempt: &impl Fn(&[CutAt]) -> Option<Replay>,
    level: Level,
    best: &mut [CutAt],
    proof: &mut Replay,
) {
    for index in 0..best.len() {
        let Some(op) = cut_operation(proof, index) else {
            continue;
        };
        let simpler = tears(&op, Density::Coarse, level)
            .into_iter()
            .take_while(|tear| *tear != best[index].tear)
            .filter(|tear| !tear.is_nothing());
        for tear in simpler {
            let mut cuts = best.to_vec();
            cuts[index].tear = tear;
            if let Some(replay) = attempt(&cuts) {
                *proof = replay;
                best[index].tear = tear;
                break;
            }
        }
    }
}

/// `cuts` without the one at `index`: the next one counts its power-ons from
/// that cut, so without it they may be counted from the one before.
fn without(cuts: &[CutAt], index: usize) -> Vec<Vec<CutAt>> {
    let mut fewer = cuts.to_vec();
    let dropped = fewer.remove(index);
    let mut ways = vec![fewer.clone()];
    if let Some(next) = fewer.get_mut(index) {
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
