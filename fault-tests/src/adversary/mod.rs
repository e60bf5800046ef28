//! A second judge: random lives on a flash of its own, judged by a model of the documented calls.
//!
//! It shares nothing with the [explorer](crate::explore) and `sim-flash` but the code under test, `ota-core`'s public
//! API. The explorer goes very deep along paths that were laid for it; this one goes anywhere, and not deep.
//!
//! - `cells`: plain arrays, in which each bit is 0, 1 or weak; `tear` what a cut leaves of an operation,
//!   `reading` the nine ways to read weak bits, `powered` the flash as the code under test sees it;
//! - `model`: what the documentation promises of each call and each boot, as a page of plain Rust: the oracle;
//! - `life`: a device and what happens in each of its power-ons; `draw` draws them, `text` writes them in one line
//!   and reads them back, `shrink` makes one that fails a small one;
//! - `live` and `application` live them, and judge.
//!
//! Beside it a stock bootloader is started on the same bits (`company`), the device is flashed by a cable, rots, or is
//! refused by its flash (`outside`), and every short sequence of calls is lived as well (`sequences`).
//!
//! `fault-tests/mutants` measures which planted mistakes it finds. It never cuts the burning of a fuse, and starts no
//! stock application.

mod application;
mod ask;
mod cells;
mod company;
mod device;
mod dice;
mod draw;
mod handles;
mod image;
mod life;
mod live;
mod misuse;
mod model;
mod outside;
mod powered;
mod reading;
mod sequences;
mod shrink;
mod tear;
mod text;
mod verdict;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use ota_core::hardened::Log;
use rayon::prelude::*;

use cells::Cells;
pub use life::Life;
pub use text::NoLife;

/// The logs that devices have, unless others are asked for: the one that devices in the field have, and small ones.
pub const LOGS: &[Log] = &[Log::DEFAULT, log(16, 15), log(4, 2), log(4, 3), log(8, 6)];

const fn log(groups: u8, reserve: u8) -> Log {
    match Log::new(groups, reserve) {
        Some(log) => log,
        None => panic!("there is such a log"),
    }
}

/// What to look for.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// So many power-ons, or a few more, as the last life is lived to its end.
    pub power_ons: u64,
    /// Draws the lives.
    pub seed: u64,
    /// The logs that devices have.
    pub logs: Vec<Log>,
    /// Whether the first life that fails ends the hunt.
    pub first: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    /// Power-ons.
    pub power_ons: u64,
    /// Power-ons that were cut.
    pub cuts: u64,
    /// Lives.
    pub lives: u64,
    /// The first life for each thing that was violated.
    pub failures: Vec<Failure>,
    /// How many lives failed.
    pub failed: u64,
}

/// A life that fails.
#[derive(Debug)]
pub struct Failure {
    /// Its number among those of the seed.
    pub number: u64,
    /// The smallest life that fails in the same way.
    pub life: Life,
    /// What it violates.
    violation: verdict::Violation,
    /// What it violated before it was made small.
    first: verdict::Violation,
}

/// Lives every life of so many calls: see `sequences`. The seed is none of theirs.
pub fn every_sequence(most: u32, first: bool) -> Report {
    let mut report = Report {
        seed: 0,
        power_ons: 0,
        cuts: 0,
        lives: 0,
        failures: Vec::new(),
        failed: 0,
    };
    let mut all = sequences::lives(most).peekable();
    while all.peek().is_some() {
        let batch: Vec<Life> = all.by_ref().take(if first { 512 } else { 8192 }).collect();
        let judged: Vec<_> = batch
            .par_chunks(64)
            .flat_map_iter(|lives| {
                let mut cells = Cells::blank();
                let live = |life| live::live(life, &mut cells, &mut |_| {});
                lives.iter().map(live).collect::<Vec<_>>()
            })
            .collect();
        for (life, lived) in batch.iter().zip(judged) {
            report.power_ons += u64::from(lived.power_ons);
            report.cuts += u64::from(lived.cuts);
            report.lives += 1;
            let Some((_, violation)) = lived.violation else {
                continue;
            };
            report.failed += 1;
            let known = |failure: &Failure| failure.first == violation;
            if report.failures.len() < TOLD && !report.failures.iter().any(known) {
                let smallest = shrink::shrink(life, &mut Cells::blank());
                report.failures.extend(smallest.map(|(life, last)| Failure {
                    number: report.lives - 1,
                    life,
                    violation: last,
                    first: violation,
                }));
            }
            if first {
                return report;
            }
        }
    }
    report
}

/// So many failures are made small and told, at most.
const TOLD: usize = 20;

/// The lives that are lived in one go.
const BATCH: u64 = 64;

/// Lives random lives until there were enough power-ons, on all threads of the current pool.
pub fn hunt(hunt: &Hunt) -> Report {
    let mut report = Report {
        seed: hunt.seed,
        power_ons: 0,
        cuts: 0,
        lives: 0,
        failures: Vec::new(),
        failed: 0,
    };
    // What a batch comes to follows from its number, so that the report is the same for any number of threads.
    let round = if hunt.first { 8 } else { 64 };
    let mut first = 0;
    while report.power_ons < hunt.power_ons {
        let batches: Vec<_> = (first..first + round)
            .into_par_iter()
            .map(|batch| live_batch(hunt, batch))
            .collect();
        first += round;
        for batch in batches {
            if report.power_ons >= hunt.power_ons {
                return report;
            }
            report.power_ons += batch.power_ons;
            report.cuts += batch.cuts;
            report.lives += BATCH;
            report.failed += u64::try_from(batch.failed.len()).unwrap_or(0);
            for (number, violation) in batch.failed {
                let known = |failure: &Failure| failure.first == violation;
                let told = report.failures.len() < TOLD;
                if told && !report.failures.iter().any(known) {
                    report.failures.extend(hunt.failure(number, violation));
                }
                if hunt.first {
                    return report;
                }
            }
        }
    }
    report
}

impl Hunt {
    /// The life with this number, made small.
    fn failure(&self, number: u64, first: verdict::Violation) -> Option<Failure> {
        let life = draw::life(self.seed, number, &self.logs);
        let smallest = shrink::shrink(&life, &mut Cells::blank());
        smallest.map(|(life, violation)| Failure {
            number,
            life,
            violation,
            first,
        })
    }
}

struct Batch {
    power_ons: u64,
    cuts: u64,
    failed: Vec<(u64, verdict::Violation)>,
}

fn live_batch(hunt: &Hunt, batch: u64) -> Batch {
    let mut cells = Cells::blank();
    let mut all = Batch {
        power_ons: 0,
        cuts: 0,
        failed: Vec::new(),
    };
    for number in batch * BATCH..(batch + 1) * BATCH {
        let life = draw::life(hunt.seed, number, &hunt.logs);
        let lived = live::live(&life, &mut cells, &mut |_| {});
        all.power_ons += u64::from(lived.power_ons);
        all.cuts += u64::from(lived.cuts);
        if let Some((_, violation)) = lived.violation {
            all.failed.push((number, violation));
        }
    }
    all
}

impl Report {
    /// Whether nothing was violated.
    pub const fn passed(&self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            power_ons,
            cuts,
            lives,
            failed,
            ..
        } = self;
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        let verdict = if self.passed() { "PASS" } else { "FAIL" };
        writeln!(
            f,
            "{verdict}  adversary: {power_ons} power-ons of {lives} lives, {cuts} of them cut, seed {seed}: {failed} lives fail"
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            life,
            violation,
            ..
        } = self;
        writeln!(f, "life {number} violates {violation}")?;
        writeln!(f, "  replay:  brownout adversary --replay '{life}'")
    }
}

/// Lives one life, and tells it; true if nothing is violated in it.
pub fn replay(life: &Life) -> (String, bool) {
    let mut cells = Cells::blank();
    let mut text = String::new();
    let lived = live::live(life, &mut cells, &mut |line| {
        text.push_str(&line);
        text.push('\n');
    });
    if let Some((_, violation)) = &lived.violation {
        // A string takes everything.
        let _ = writeln!(text, "violates {violation}");
    }
    (text, lived.violation.is_none())
}
