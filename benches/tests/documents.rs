//! What the documents say of costs is what the code costs.

use std::fs;
use std::sync::LazyLock;

use benches::documents::{Measured, measure};

static MEASURED: LazyLock<Measured> = LazyLock::new(measure);

#[test]
fn no_document_is_out_of_date() {
    for document in MEASURED.documents().unwrap() {
        let path = document.path.display();
        let text = fs::read_to_string(&document.path).unwrap_or_default();
        let mut lines = (1..).zip(text.lines().zip(document.text.lines()));
        let differs = lines.find(|(_, (is, should))| is != should);
        assert!(
            text == document.text,
            "{path} is out of date: {differs:?}\nrun cargo run -p benches --bin docs"
        );
    }
}

#[test]
fn the_explorer_executes_a_thousandth_of_what_a_naive_one_does() {
    let [_, twice] = &MEASURED.explored.comparisons;
    let ratio = twice.naive_over_ours();
    assert!(ratio >= 1000.0, "{ratio}");
}

#[test]
fn explorers_judge_the_same_crash_states_and_find_the_same() {
    let [once, twice] = &MEASURED.explored.comparisons;
    for (means, outcome) in &once.simple {
        assert_eq!(outcome.crash_states, once.ours.crash_states, "{means:?}");
    }
    for comparison in [once, twice] {
        let ours = &comparison.ours.findings;
        assert!(!ours.is_empty(), "the stock algorithm has windows");
        for (means, outcome) in &comparison.simple {
            assert_eq!(&outcome.findings, ours, "{means:?}");
        }
    }
}

/// With all that L2 allows, each of its windows is met: some 16 million operations to find what takes
/// ours two thousand.
#[test]
fn at_l2_too_the_explorer_executes_a_thousandth() {
    let twice = benches::exploration::twice(sim_flash::Level::L2);
    let comparison = benches::exploration::compare("two cuts, L2", &twice);
    let ratio = comparison.naive_over_ours();
    assert!(ratio >= 1000.0, "{ratio}");
}
