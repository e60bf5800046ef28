//! A sweep that stops at the first violation says nothing but that, and the same for any number of threads.

use fault_tests::ota;
use fault_tests::sweep::{self, SweepOptions, SweepReport, Verdict};
use sim_flash::Level;

/// Three scenarios at L4, where the policy's guarantee ends: an update that holds, and two in which starts may count
/// anew.
fn options(jobs: usize) -> SweepOptions {
    let scenarios = ["update-damaged", "anti-rollback", "resumed-update"];
    let scenarios = scenarios.map(|name| ota::find(name).expect("a scenario"));
    SweepOptions {
        scenarios: scenarios.into(),
        level: Level::L4,
        cuts: Some(1),
        first: true,
        jobs,
        audit_one_in: 0,
        ..SweepOptions::default()
    }
}

/// The report without its host times.
fn text(report: &SweepReport) -> String {
    let mut report = report.clone();
    for scenario in &mut report.scenarios {
        scenario.seconds = 0.0;
    }
    format!("{report}\n{}", report.json())
}

#[test]
fn it_ends_with_the_first_scenario_that_is_violated_whatever_runs_beside_it() {
    let [alone, beside] = [1, 3].map(|jobs| sweep::run(&options(jobs), &|_, _| {}));
    assert_eq!(text(&alone), text(&beside));
    assert_eq!(alone.verdict(), Verdict::Violated);
    let [passes, violated] = &*alone.scenarios else {
        panic!("{alone}");
    };
    assert_eq!(passes.verdict, Verdict::Pass);
    assert_eq!(violated.scenario, "anti-rollback");
    assert!(!violated.closure && !violated.windows.is_empty());
}

/// What is known does not stop it: it says what the whole sweep says.
#[test]
fn it_goes_on_past_known_windows() {
    let [first, whole] = [true, false].map(|first| {
        let scenario = ota::find("update-confirm").expect("a scenario");
        let options = SweepOptions {
            scenarios: vec![scenario],
            cuts: Some(1),
            first,
            ..SweepOptions::stock()
        };
        sweep::run(&options, &|_, _| {})
    });
    assert_eq!(first.verdict(), Verdict::Windows);
    assert!(!first.scenarios[0].windows.is_empty());
    assert_eq!(text(&first), text(&whole));
}
