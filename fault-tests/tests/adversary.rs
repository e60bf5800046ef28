//! The second judge: random lives on a flash of its own, judged by a model of the documented calls.

use std::process::Command;

use fault_tests::adversary::{Hunt, LOGS, every_sequence, hunt};

fn of_seed(seed: u64, power_ons: u64) -> Hunt {
    Hunt {
        power_ons,
        seed,
        logs: LOGS.to_vec(),
        first: false,
    }
}

#[test]
fn two_hundred_thousand_power_ons_break_no_promise() {
    for seed in 1..=4 {
        let report = hunt(&of_seed(seed, 50_000));
        assert!(report.passed(), "{report}");
        // A hunt that cuts nothing finds nothing.
        assert!(report.power_ons >= 50_000 && report.cuts > report.power_ons / 5);
    }
}

/// Every call from points of a life on six devices: cut, refused by the flash, and behind a slot that rots or is flashed
/// anew. Pairs and triples take longer: `brownout adversary --sequences 3`.
#[test]
fn every_call_breaks_no_promise() {
    let report = every_sequence(1, false);
    assert!(report.passed(), "{report}");
    assert!(report.lives > 50_000 && report.cuts > 10_000, "{report}");
}

#[test]
fn a_seed_lives_the_same_lives_on_any_number_of_threads() {
    let said = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let report = pool.expect("threads").install(|| hunt(&of_seed(9, 5_000)));
        report.to_string()
    };
    let one = said(1);
    assert_eq!(said(3), one);
    assert_ne!(hunt(&of_seed(10, 5_000)).to_string(), one);
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
fn the_command_hunts() {
    let args = [
        "adversary",
        "--power-ons",
        "2000",
        "--seed",
        "5",
        "--policy",
        "hardened-4-2",
    ];
    let (code, text) = brownout(&args);
    assert_eq!(code, Some(0), "{text}");
    insta::assert_snapshot!("hunt", text);
}

/// An image on trial ends its trial, and the second of the two switches back to factory is cut in its erase: one bit of
/// the entry that was there has risen, and the rest of its sector is blank.
#[test]
fn the_command_tells_a_life() {
    let life = "adversary1 blank slots=2 factory monitored attempts=1 log=30-20 \
                / download=ota_0:7:sequential:whole set=ota_0 / / cut=erases:2:1024565660 / ask";
    let (code, text) = brownout(&["adversary", "--replay", life]);
    assert_eq!(code, Some(0), "{text}");
    insta::assert_snapshot!("life", text);
}

#[test]
fn a_wrong_argument_is_refused_with_what_was_found() {
    let (code, text) = brownout(&["adversary", "--replay", "adversary1 blank / confirm"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("word 4: found \"confirm\""), "{text}");
    let (code, text) = brownout(&["adversary", "--policy", "stock"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("--policy stock: found another policy"),
        "{text}"
    );
}
