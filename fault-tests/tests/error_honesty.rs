//! P15, error honesty: every flash access of every call fails once, with the power on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fault_tests::ota::SCENARIOS;
use fault_tests::ota::honesty::{Fails, Trial, trials};
use rayon::prelude::*;
use sim_flash::Profile;

/// Every call, at every point of a life, in each of the scenarios that are about calls.
fn all() -> Vec<(&'static str, Trial)> {
    let calls = SCENARIOS
        .par_iter()
        .filter(|s| s.name.starts_with("calls-"));
    calls
        .flat_map_iter(|scenario| {
            let setup = scenario.bundled(&Profile::w25q64jv());
            let trials = trials(&setup).into_iter();
            trials.map(|trial| (scenario.name, trial))
        })
        .collect()
}

/// The stock calls are honest but for the windows listed: those that rewrite or erase, in place, the
/// entry that the next boot needs. An error between erase and program leaves them without it.
#[test]
fn a_call_whose_flash_fails_says_so() {
    let trials = all();
    let mut table = format!("{:<34}", "call");
    for (_, name) in Fails::ALL {
        let _ = write!(table, "{name:>14}");
    }
    let _ = writeln!(table, "{:>9}{:>9}", "refused", "not held");
    let mut calls: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for (_, trial) in &trials {
        calls.entry(trial.call).or_default().push(trial);
    }
    for (call, trials) in &calls {
        let count = |is: &dyn Fn(&Trial) -> bool| trials.iter().filter(|t| is(t)).count();
        let _ = write!(table, "{call:<34}");
        for (fails, _) in Fails::ALL {
            let _ = write!(table, "{:>14}", count(&|trial| trial.fails == fails));
        }
        let refused = count(&|trial| trial.refused);
        let not_held = count(&|trial| trial.finding.is_some());
        let _ = writeln!(table, "{refused:>9}{not_held:>9}");
    }
    let mut windows: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for (scenario, trial) in &trials {
        let Some(finding) = &trial.finding else {
            continue;
        };
        let window = finding.place.as_ref().expect("the access is known");
        let fails = Fails::ALL.into_iter().find(|(f, _)| *f == trial.fails);
        let fails = fails.map_or("", |(_, name)| name);
        let example = format!("{scenario}.{}", trial.start);
        let window = format!("{window}, {fails}: {}", finding.got);
        windows.entry(window).or_insert((0, example)).0 += 1;
    }
    let _ = writeln!(table, "\nnot held:");
    for (window, (times, example)) in windows {
        let _ = writeln!(table, "  {window} ({times} times, for instance {example})");
    }
    insta::assert_snapshot!("error_honesty", table);
}
