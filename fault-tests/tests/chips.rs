//! Chips that are not byte-wise serial NOR: words that take few programs, words with check bits, whole pages,
//! cells that hold ciphertext.

use fault_tests::ota;
use fault_tests::sweep::{self, SweepOptions, SweepReport, Verdict};
use sim_flash::Level;

/// The smallest update under the hardened policy, on this chip.
fn smallest(profile: &str, level: Level, audit_one_in: u32) -> SweepReport {
    let options = SweepOptions {
        scenarios: vec![ota::find("smallest").expect("a scenario")],
        profile: sweep::profile(profile).expect("a chip"),
        policy: "hardened".parse().expect("a policy"),
        level,
        cuts: Some(1),
        audit_one_in,
        ..SweepOptions::default()
    };
    sweep::run(&options, &|_, _| ())
}

#[test]
fn a_cut_on_words_that_take_two_programs_leaves_what_is_predicted() {
    let report = smallest("nrf52840", Level::L1, 1);
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    let counts = report.scenarios[0].counts;
    assert_eq!(counts.audited, counts.crash_states, "every one is executed");
    // Eight words to a record, each a program of its own.
    assert!(counts.operations > 300, "{counts:?}");
}

#[test]
fn a_cut_on_words_with_check_bits_breaks_no_promise() {
    let report = smallest("stm32l4", Level::L2, 1000);
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
}

/// A chip behind a ROM that takes whole pages is among them: its driver fills them up, and that changes no cell.
#[test]
fn what_is_shown_of_a_serial_nor_holds_on_those_that_differ_in_size_and_times() {
    let shown = |report: &SweepReport| {
        let scenario = &report.scenarios[0];
        let coverage = { scenario.coverage.iter() }.map(|row| (&row.transition, &row.families));
        let coverage = format!("{:?}", coverage.collect::<Vec<_>>());
        (
            report.verdict(),
            scenario.counts,
            scenario.marks.clone(),
            coverage,
        )
    };
    let one = smallest("w25q64jv", Level::L2, 1000);
    assert_eq!(one.verdict(), Verdict::Pass, "{one}");
    let others = ["w25q128jv", "mx25r6435f", "gd25q32c", "rp2040"];
    let line = format!("the same holds on {}, which differ", others.join(", "));
    let notes = one.notes().join("\n");
    assert!(notes.contains(&line), "{notes}");
    for chip in others {
        assert_eq!(
            shown(&smallest(chip, Level::L2, 1000)),
            shown(&one),
            "{chip}"
        );
    }
    let words = smallest("nrf52840", Level::L0, 1000).notes().join("\n");
    assert!(!words.contains("the same holds"), "{words}");
}

/// Every crash state of a chip that encrypts is executed.
fn leaves_what_is_predicted(profile: &str) {
    let report = smallest(profile, Level::L1, 1);
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    let counts = report.scenarios[0].counts;
    assert_eq!(counts.audited, counts.crash_states, "every one is executed");
}

#[test]
fn a_cut_on_encrypted_rows_of_16_bytes_leaves_what_is_predicted() {
    leaves_what_is_predicted("esp32c3-encrypted");
}

#[test]
fn a_cut_on_encrypted_rows_of_32_bytes_leaves_what_is_predicted() {
    leaves_what_is_predicted("esp32-encrypted");
}

/// L3 is the highest level that holds: the case `l4-p4-encrypted-claim-sector` is the counterexample at L4.
#[test]
fn a_cut_that_leaves_noise_and_weak_bits_breaks_no_promise() {
    for profile in ["esp32c3-encrypted", "esp32-encrypted"] {
        let report = smallest(profile, Level::L3, 1000);
        assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    }
}
