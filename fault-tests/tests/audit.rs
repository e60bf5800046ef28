//! The audit of everything, where a device is so small that it can be had.

use fault_tests::ota;
use fault_tests::sweep::{self, SweepOptions, Verdict};
use sim_flash::Level;

/// Every crash state of one update that was pruned is executed after all, and behaves as predicted.
fn every_pruned_state_behaves_as_predicted(level: Level, cuts: u32) {
    let options = SweepOptions {
        scenarios: vec![ota::find("smallest").expect("a scenario")],
        level,
        cuts: Some(cuts),
        audit_one_in: 1,
        ..SweepOptions::stock()
    };
    let report = sweep::run(&options, &|_, _| {});
    // All that the algorithm violates is a known window.
    assert_eq!(report.verdict(), Verdict::Windows, "{report}");
    let scenario = &report.scenarios[0];
    let counts = &scenario.counts;
    assert!(counts.crash_states > 30_000);
    assert_eq!(counts.by_lookup + counts.by_family, counts.crash_states);
    // What was executed to begin with, twice, was not pruned.
    assert!(
        counts.audited + counts.boots / 2 >= counts.crash_states,
        "{counts:?}"
    );
    // Behind a first cut operations are cut in states in which they were cut before; then only an audit judges again.
    let options = SweepOptions {
        audit_one_in: 0,
        ..options
    };
    let pruned = &sweep::run(&options, &|_, _| {}).scenarios[0];
    assert_eq!(pruned.counts.by_lookup < counts.by_lookup, cuts > 1);
    assert_eq!(pruned.counts.crash_states, counts.crash_states);
    assert_eq!(pruned.counts.distinct_states, counts.distinct_states);
    let windows = [pruned, scenario].map(|s| format!("{:?}", s.windows));
    assert_eq!(windows[0], windows[1]);
    assert_eq!(pruned.coverage, scenario.coverage);
    assert_eq!(pruned.marks, scenario.marks);
}

#[test]
fn after_one_cut_of_any_bits() {
    every_pruned_state_behaves_as_predicted(Level::L2, 1);
}

#[test]
fn after_two_cuts_at_any_byte() {
    every_pruned_state_behaves_as_predicted(Level::L1, 2);
}
