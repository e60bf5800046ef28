//! The core answers the bundled vectors as ESP-IDF's own code did.

use fault_tests::conform::{ConformOptions, run};

#[test]
fn the_core_answers_every_bundled_vector_as_the_reference_does() {
    let report = run(&ConformOptions::default()).unwrap();
    assert!(report.passed(), "{report}");
    insta::assert_snapshot!(report);
}
