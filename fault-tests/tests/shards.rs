//! A sweep spread over shards says what one sweep says, or nothing at all.

mod command;

use std::process::Output;

use command::Folder;
use fault_tests::explore::Start;
use fault_tests::ota;
use fault_tests::sweep::{SweepOptions, Verdict, sweep_one};

const LIMITS: [&str; 6] = ["sweep", "--policy", "stock", "--cuts", "1", "--coverage"];

/// What it says, without the times: words of a number and an `s`, and the JSON's seconds.
fn timeless(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let time = |word: &&str| {
        let seconds = word.strip_suffix('s');
        seconds.is_none_or(|seconds| seconds.parse::<f64>().is_err())
    };
    let line = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(mut value) => {
            value.as_object_mut().map(|object| object.remove("seconds"));
            value.to_string()
        }
        Err(_) => {
            let words: Vec<_> = line.split_whitespace().filter(time).collect();
            words.join(" ")
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn shard(folder: &Folder, shard: &str, file: &str, more: &[&str]) -> Output {
    let args = ["--shard", shard, "--json", file];
    let output = folder.run(&[&LIMITS[..], &args, more].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

#[test]
fn three_shards_put_together_say_what_one_sweep_says() {
    let folder = Folder::new("shards");
    let whole = folder.run(&[&LIMITS[..], &["--json", "whole.jsonl"]].concat());
    assert_eq!(whole.status.code(), Some(0));
    for (number, jobs) in [("1", "1"), ("2", "2"), ("3", "1")] {
        let (part, file) = (format!("{number}/3"), format!("{number}.json"));
        shard(&folder, &part, &file, &["--jobs", jobs]);
    }
    // In any order.
    let merge = ["merge", "3.json", "1.json", "2.json", "--coverage"];
    let merged = folder.run(&[&merge[..], &["--json", "merged.jsonl"]].concat());
    assert_eq!(merged.status.code(), Some(0), "{merged:?}");
    assert_eq!(timeless(&merged.stdout), timeless(&whole.stdout));
    let lines = |file| timeless(&std::fs::read(folder.0.join(file)).expect("a file"));
    assert_eq!(lines("merged.jsonl"), lines("whole.jsonl"));
    assert!(lines("whole.jsonl").lines().count() >= 7);
}

#[test]
fn shards_that_are_not_one_sweep_conclude_nothing() {
    let folder = Folder::new("shard_gaps");
    let some = ["--scenario", "update-damaged", "--scenario", "three-slots"];
    shard(&folder, "1/2", "a.json", &some);
    shard(&folder, "2/2", "b.json", &some);
    shard(
        &folder,
        "2/2",
        "seed.json",
        &[&some[..], &["--seed", "7"]].concat(),
    );
    shard(&folder, "3/3", "none.json", &some);
    let text = std::fs::read_to_string(folder.0.join("b.json")).expect("a file");
    let lines: Vec<_> = text.lines().collect();
    folder.file("cut_off.json", &text.as_bytes()[..text.len() / 2]);
    folder.file(
        "no_end.json",
        lines[..lines.len() - 1].join("\n").as_bytes(),
    );
    let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    folder.file(
        "old.json",
        text.replacen(version, "\"0.0.1\"", 1).as_bytes(),
    );
    folder.file(
        "forged.json",
        text.replacen("\"seed\":0", "\"seed\":1", 1).as_bytes(),
    );
    let unit = format!("{}\n{}\n", lines[0], "{\"end\":0}");
    folder.file("no_unit.json", unit.as_bytes());
    folder.file("empty.json", b"");
    folder.file("report.jsonl", b"{\"scenario\":\"update-damaged\"}\n");
    let mut said = String::new();
    for files in [
        &["a.json"][..],
        &["b.json"],
        &["a.json", "a.json"],
        &["a.json", "b.json", "b.json"],
        &["a.json", "seed.json"],
        &["a.json", "none.json"],
        &["a.json", "cut_off.json"],
        &["a.json", "no_end.json"],
        &["a.json", "old.json"],
        &["a.json", "forged.json"],
        &["a.json", "no_unit.json"],
        &["a.json", "empty.json"],
        &["a.json", "report.jsonl"],
        &["a.json", "nowhere.json"],
    ] {
        let refused = folder.refused(&[&["merge"][..], files].concat());
        assert!(refused.ends_with("exit 6\n"), "{refused}");
        said.push_str(&refused);
    }
    said.push_str(&folder.refused(&["merge"]));
    said.push_str(&folder.refused(&["sweep", "--shard", "1/3"]));
    for shard in ["0/3", "4/3", "1", "a/b"] {
        said.push_str(&folder.refused(&["sweep", "--json", "x.json", "--shard", shard]));
    }
    insta::assert_snapshot!(said);
    let merged = folder.run(&["merge", "a.json", "b.json"]);
    assert_eq!(
        merged.status.code(),
        Some(0),
        "the files themselves are good"
    );
}

/// The starts of a scenario are split into units; a window that several units find is one window.
#[test]
fn units_of_one_scenario_are_put_together() {
    let options = SweepOptions {
        cuts: Some(1),
        audit_one_in: 0,
        ..SweepOptions::stock()
    };
    let scenario = ota::find("first-update").expect("a scenario");
    let one = scenario.bundled(&options.profile);
    let mut six = scenario.bundled(&options.profile);
    six.starts = ["a", "b", "c", "d", "e", "f"]
        .map(|name| Start {
            name: name.into(),
            ..one.starts[0].clone()
        })
        .into();
    let single = sweep_one(&options, scenario, &one, &|_, _| {});
    let together = sweep_one(&options, scenario, &six, &|_, _| {});
    assert_eq!(together.verdict, Verdict::Windows);
    assert!(!together.windows.is_empty());
    // Starts alike in one unit are one class: four units, not six.
    assert_eq!(together.counts.operations, 4 * single.counts.operations);
    assert_eq!(together.counts.crash_states, 4 * single.counts.crash_states);
    let windows = |report: &fault_tests::sweep::ScenarioReport| {
        let windows = report.windows.iter();
        let window = windows.map(|w| (w.finding.property, w.window.clone(), w.case.path.clone()));
        window.collect::<Vec<_>>()
    };
    assert_eq!(windows(&together), windows(&single));
    assert_eq!(together.windows[0].case.start, "a");
    let states = |report: &fault_tests::sweep::ScenarioReport| report.windows[0].states;
    assert_eq!(states(&together), 4 * states(&single));
}
