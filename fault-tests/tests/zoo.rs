//! Every broken subject is caught, at the level that it says, and no healthy one is.

use std::process::Command;

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

fn brownout(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_brownout"))
        .args(args)
        .output()
        .expect("the command runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("text in UTF-8"),
    )
}

#[test]
fn the_command_tells_the_case_of_one_subject() {
    let (code, text) = brownout(&["zoo", "--subject", "swap-bad-magic"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!("told", text);
}

#[test]
fn the_command_speaks_json() {
    let args = [
        "zoo",
        "--subject",
        "single-copy",
        "--subject",
        "read-twice",
        "--json",
    ];
    let (code, text) = brownout(&args);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!("json", text);
    assert_eq!(brownout(&args).1, text, "the same every time");
}

#[test]
fn an_unknown_subject_is_refused_with_the_names_there_are() {
    let (code, text) = brownout(&["zoo", "--subject", "unicorn"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("found no subject of this name"), "{text}");
    for specimen in specimens() {
        assert!(text.contains(specimen.name), "{text}");
    }
}

/// A report that is not a pass says so; without a survivor the score could not be anything else.
#[test]
fn a_survivor_and_a_faulty_twin_are_no_pass() {
    let specimen = fault_tests::zoo::find("single-copy").expect("a specimen");
    let mut report = hunt(&[specimen]);
    assert!(report.passed());
    report.outcomes[0].twin = Some("at L0, no cut: it fails".into());
    assert!(!report.passed());
    assert!(
        report
            .to_string()
            .contains("the twin of single-copy is not faultless at L0")
    );
    report.outcomes[0].twin = None;
    for (_, catch) in &mut report.outcomes[0].levels {
        *catch = None;
    }
    assert!(!report.passed());
    assert!(report.to_string().contains("SURVIVED"));
    assert_eq!(report.score(), "0 of 1 caught; 0 not at L0");
}
