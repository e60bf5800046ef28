//! Every broken subject is caught, at the level that it says, and no healthy one is.

use fault_tests::zoo::{GATE, hunt, specimens};

#[test]
fn every_mistake_is_caught_and_no_twin_is() {
    let all: Vec<_> = specimens().collect();
    let report = hunt(&all);
    insta::assert_snapshot!("table", report.to_string());
    assert!(report.passed());
    for outcome in &report.outcomes {
        let caught = outcome.caught().map(|(level, _)| level);
        let expected = Some(outcome.specimen.level).filter(|level| *level <= GATE);
        assert_eq!(caught, expected, "{}", outcome.specimen.name);
    }
}
