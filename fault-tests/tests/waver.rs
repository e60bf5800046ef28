//! One read of an image that wavers within a power-on, in the sweep.

use fault_tests::ota::{Policy, find};
use fault_tests::property::Property;
use fault_tests::sweep::SweepOptions;
use fault_tests::sweep::waver::{WaverReport, run};

fn sweep(policy: Policy) -> WaverReport {
    let names = ["anti-rollback", "three-updates"];
    run(&SweepOptions {
        scenarios: names.iter().filter_map(|name| find(name)).collect(),
        ..SweepOptions::of(policy)
    })
}

#[test]
fn no_read_that_wavers_violates_p9_or_p13_under_the_hardened_policy() {
    let report = sweep(Policy::default());
    assert!(report.passed() && report.exit_code() == 0, "{report}");
    for scenario in &report.scenarios {
        assert!(scenario.power_ons > 2 && scenario.reads > 100, "{report}");
        assert!(scenario.findings.is_empty(), "{report}");
    }
}

/// The one that is known: unverified bytes burn fuses.
#[test]
fn a_read_that_wavers_locks_every_image_out_under_the_stock_policy() {
    let report = sweep(Policy::Stock);
    assert!(report.passed(), "{report}");
    let found = report.scenarios.iter().flat_map(|s| &s.findings);
    let found: Vec<_> = found.map(|wavered| wavered.finding.property).collect();
    assert!(!found.is_empty(), "{report}");
    assert!(
        found.iter().all(|p| *p == Property::AntiRollback),
        "{report}"
    );
}
