//! What a closure costs, by the size of the image: a full L2 exploration of the update-confirm scenario.
//!
//! The number of power-ons executed and of states told apart must not depend on the size: most of a
//! download is dead weight, whatever there is of it. That is asserted. What it takes must grow no
//! faster than the image, and the largest stay below 1 GiB; that is printed.

use std::path::Path;

use benches::process;
use fault_tests::explore::Counts;
use fault_tests::input::Firmware;
use fault_tests::ota::{self, Inputs, made};
use fault_tests::sweep::{self, SweepOptions};

/// Sizes of the image that is downloaded, each four times the one before.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// CPU time is told in ticks of 10 ms, so each size is explored as often as it takes to fill some.
const AT_LEAST: f64 = 2.0;

struct Line {
    size: usize,
    counts: Counts,
    seconds: f64,
    peak: Option<u64>,
}

fn main() {
    // Under `cargo test --benches` there is nothing to test here.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    println!("closure of update-confirm at L2, any number of cuts, by size of the image");
    println!(
        "{:>9} {:>8} {:>15} {:>12} {:>9} {:>7} {:>10} {:>12} {:>9}",
        "image",
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
        let line = explore(size);
        // Each size is four times the one before: two doublings.
        let ratio = lines
            .last()
            .map(|last| (line.seconds / last.seconds).sqrt());
        println!(
            "{:>5} KiB {:>8.2} {:>15} {:>12.0} {:>9} {:>7} {:>10} {:>12} {:>9}",
            size >> 10,
            line.seconds,
            line.counts.crash_states,
            states(&line) / line.seconds,
            line.counts.by_lookup,
            line.counts.distinct_states,
            line.counts.boots,
            ratio.map_or_else(String::new, |ratio| format!("x {ratio:.2}")),
            line.peak
                .map_or_else(|| "?".into(), |peak| format!("{} MiB", peak >> 20)),
        );
        lines.push(line);
    }
    let first = &lines[0].counts;
    for Line { size, counts, .. } in &lines {
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
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn states(line: &Line) -> f64 {
    line.counts.crash_states as f64
}

fn explore(size: usize) -> Line {
    let inputs = inputs(size);
    let options = SweepOptions::default();
    let scenario = ota::find("update-confirm").expect("a scenario");
    let setup = scenario
        .with_inputs(&options.profile, &inputs)
        .expect("the images fit the scenario");
    let start = process::cpu_seconds();
    let mut times = 0u32;
    loop {
        let report = sweep::sweep_one(&options, scenario, &setup, &|_, _| {});
        times += 1;
        assert!(report.closure, "nothing is left to explore");
        let spent = process::cpu_seconds() - start;
        if spent >= AT_LEAST {
            return Line {
                size,
                counts: report.counts,
                seconds: spent / f64::from(times),
                peak: process::peak_rss(),
            };
        }
    }
}

/// A device with two slots of 1 MiB and a factory partition, and two images of this size.
fn inputs(size: usize) -> Inputs {
    let image = |name: &str, seed| {
        Firmware::new(Path::new(name), made::image(size, seed)).expect("a made image verifies")
    };
    let table = Inputs::bundled_table().expect("the bundled table is sound");
    let inputs = Inputs {
        table,
        table_offset: 0x8000,
        running: image("running", 1),
        update: image("update", 2),
    };
    inputs.check().expect("made images fit the bundled table");
    inputs
}
