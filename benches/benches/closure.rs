//! What an exploration costs the host, at L2: by the size of the image, the slots, the updates in a row and
//! the cuts in a row.
//!
//! The number of power-ons executed and of states told apart must not depend on the size of the image:
//! most of a download is dead weight, whatever there is of it. That is asserted. What it takes must grow
//! no faster than the image, and the largest stay below 1 GiB; that is printed.

use benches::{exploration, process};
use fault_tests::explore::{ANY, Counts};
use fault_tests::ota::{self, Setup};
use fault_tests::sweep::{self, SweepOptions};

/// Sizes of the image that is downloaded, each four times the one before.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// What else grows: what it is, how much of it, the scenario, and the cuts in a row.
const OTHERS: [(&str, u32, &str, u32); 8] = [
    ("slots", 2, "update-confirm", ANY),
    ("slots", 3, "three-slots", ANY),
    ("updates", 1, "first-update", ANY),
    ("updates", 3, "three-updates", ANY),
    ("cuts", 1, "update-confirm", 1),
    ("cuts", 2, "update-confirm", 2),
    ("cuts", 4, "update-confirm", 4),
    ("any cuts", 0, "update-confirm", ANY),
];

/// CPU time is told in ticks of 10 ms, so each is explored as often as it takes to fill some.
const AT_LEAST: f64 = 2.0;

struct Line {
    counts: Counts,
    seconds: f64,
    peak: Option<u64>,
}

fn main() {
    // Under `cargo test --benches` there is nothing to test here.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    println!("exploration at L2; the peak is that of the process so far");
    println!(
        "{:>14} {:>8} {:>15} {:>12} {:>9} {:>7} {:>10} {:>12} {:>9}",
        "",
        "CPU s",
        "crash states",
        "states/CPU-s",
        "singly",
        "classes",
        "power-ons",
        "per doubling",
        "peak RSS"
    );
    let mut lines: Vec<Line> = Vec::new();
    for size in SIZES {
        let line = explore("update-confirm", &exploration::sized(size), ANY);
        // Each size is four times the one before: two doublings.
        let ratio = lines
            .last()
            .map(|last| (line.seconds / last.seconds).sqrt());
        let ratio = ratio.map_or_else(String::new, |ratio| format!("x {ratio:.2}"));
        print(&format!("image {:>4} KiB", size >> 10), &line, &ratio);
        lines.push(line);
    }
    let first = &lines[0].counts;
    for (size, Line { counts, .. }) in SIZES.iter().zip(&lines) {
        // The same but for what a first and a last page have to themselves.
        for (what, count, smallest) in [
            ("power-ons", counts.boots, first.boots),
            ("classes", counts.distinct_states, first.distinct_states),
        ] {
            assert!(
                count <= smallest + smallest / 10,
                "{count} {what} for an image of {size} bytes, {smallest} for the smallest"
            );
        }
    }
    let profile = SweepOptions::stock().profile;
    for (what, count, name, cuts) in OTHERS {
        let scenario = ota::find(name).expect("a scenario");
        let line = explore(name, &scenario.bundled(&profile), cuts);
        let what = match count {
            0 => what.to_owned(),
            count => format!("{count} {what}"),
        };
        print(&what, &line, "");
    }
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn print(what: &str, line: &Line, ratio: &str) {
    let Line {
        counts,
        seconds,
        peak,
    } = line;
    println!(
        "{what:>14} {seconds:>8.2} {:>15} {:>12.0} {:>9} {:>7} {:>10} {ratio:>12} {:>9}",
        counts.crash_states,
        counts.crash_states as f64 / seconds,
        counts.by_lookup,
        counts.distinct_states,
        counts.boots,
        peak.map_or_else(|| "?".into(), |peak| format!("{} MiB", peak >> 20)),
    );
}

/// Explores, as often as it takes to tell how long it takes.
fn explore(name: &str, setup: &Setup, cuts: u32) -> Line {
    let options = SweepOptions {
        cuts: Some(cuts),
        ..SweepOptions::stock()
    };
    let scenario = ota::find(name).expect("a scenario");
    let start = process::cpu_seconds();
    let mut times = 0u32;
    loop {
        let report = sweep::sweep_one(&options, scenario, setup, &|_, _| {});
        times += 1;
        assert!(report.closure || cuts != ANY, "nothing is left to explore");
        let spent = process::cpu_seconds() - start;
        if spent >= AT_LEAST {
            return Line {
                counts: report.counts,
                seconds: spent / f64::from(times),
                peak: process::peak_rss(),
            };
        }
    }
}
