//! The hardened policy under the explorer: no window at all.

use fault_tests::explore::ANY;
use fault_tests::ota::{self, EXHAUSTED, Policy, RENEWED, marks};
use fault_tests::sweep::{self, Filling, SweepOptions, SweepReport, Verdict};
use sim_flash::{Level, Profile};

fn options(policy: &str, scenario: &str, cuts: u32) -> SweepOptions {
    SweepOptions {
        scenarios: vec![ota::find(scenario).expect("a scenario")],
        policy: policy.parse::<Policy>().expect("a policy"),
        level: Level::L2,
        cuts: Some(cuts),
        ..SweepOptions::default()
    }
}

/// Sweeps scenarios with bundled images of a few sectors.
fn sweep(policy: &str, scenario: &str, cuts: u32) -> SweepReport {
    sweep::run(&options(policy, scenario, cuts), &|_, _| {})
}

/// How many crash states met this mark.
fn met(report: &SweepReport, mark: &str) -> u64 {
    let marks = report.scenarios.iter().flat_map(|scenario| &scenario.marks);
    marks
        .filter(|met| met.mark == mark)
        .map(|met| met.states)
        .sum()
}

#[test]
fn three_updates_in_a_row_have_no_window() {
    let report = sweep("hardened", "three-updates", 1);
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(
        report
            .scenarios
            .iter()
            .all(|scenario| scenario.windows.is_empty())
    );
    assert!(met(&report, marks::CONFIRMED) > 0);
    assert!(met(&report, marks::ROLLED_BACK) > 0);
    assert_eq!(met(&report, EXHAUSTED), 0);
}

/// With three groups, of which two are kept back, one cut fills the log. The device boots what was
/// chosen, and a further update goes through (P8): a full log that is in order is left by the next
/// change.
#[test]
fn a_log_that_one_cut_fills_is_left_by_the_next_change() {
    let report = sweep("hardened-3-2", "three-updates", 1);
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(
        report
            .scenarios
            .iter()
            .all(|scenario| scenario.windows.is_empty())
    );
    assert_eq!(met(&report, EXHAUSTED), 0);
}

/// Half of the device is ESP-IDF's: what that half does is known, and nothing else is wrong.
#[test]
fn in_company_with_stock_code_only_its_windows_are_met() {
    for (policy, verdict, windows) in [
        ("stock-bootloader", Verdict::Pass, 0),
        ("stock-application", Verdict::Windows, 2),
    ] {
        let report = sweep(policy, "smallest", 1);
        assert_eq!(report.verdict(), verdict, "{report}");
        let windows_met = report
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.windows);
        let known: Vec<bool> = windows_met.map(|window| window.known.is_some()).collect();
        assert_eq!(known, vec![true; windows], "{policy}: {report}");
        assert!(met(&report, marks::CONFIRMED) > 0, "{policy}");
    }
}

/// With a log of four groups, cut between operations, up to three times in a row: the log is full and in
/// doubt, and left in every way. It is never exhausted: that takes a row zeroed in part that reads right.
/// States are merged but for their numbers, and all that is merged is executed too.
#[test]
fn three_cuts_in_a_row_fill_a_small_log_and_find_no_window() {
    let options = SweepOptions {
        level: Level::L0,
        audit_one_in: 1,
        ..options("hardened-4-2", "smallest", 3)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(met(&report, RENEWED) > 0);
    assert_eq!(met(&report, EXHAUSTED), 0);
    assert!(met(&report, marks::CONFIRMED) > 0);
}

/// Any number of cuts in a row, in any power-on but one that leaves a full log in doubt: no state is left.
#[test]
fn any_number_of_cuts_until_a_small_log_is_full_find_no_window() {
    let options = SweepOptions {
        level: Level::L0,
        filling: Filling::UntilFull,
        ..options("hardened-4-2", "smallest", ANY)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    let [scenario] = &report.scenarios[..] else {
        panic!("one scenario was swept");
    };
    assert!(scenario.closure, "{report}");
    assert!(scenario.counts.spared > 0, "{report}");
    assert!(met(&report, RENEWED) > 0);
    assert_eq!(met(&report, EXHAUSTED), 0);
}

/// Any number of cuts in a row in a log that is never full, as what was cut moves ahead in the groups that are kept
/// back.
#[test]
fn any_number_of_cuts_while_a_log_has_room_find_no_window() {
    let options = SweepOptions {
        level: Level::L0,
        filling: Filling::WhileRoom,
        audit_one_in: 10,
        ..options("hardened-21-20", "smallest", ANY)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(report.scenarios[0].closure, "{report}");
    assert_eq!(met(&report, RENEWED), 0, "{report}");
    assert!(met(&report, marks::CONFIRMED) > 0);
}

/// Where the end of a log may be read otherwise, what stands for it has claims in doubt behind it; a boot that goes on
/// behind one of them leaves the other, and what stands for that is the same again. It is not the same boot for ever: of
/// the device that it stands for nothing is left in doubt.
#[test]
fn a_boot_that_goes_on_behind_what_is_in_doubt_does_not_do_so_for_ever() {
    let options = SweepOptions {
        level: Level::L3,
        filling: Filling::WhileRoom,
        ..options("hardened-16-15", "smallest", 1)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
}

/// Two cuts with weak bits: what a cut leaves reads otherwise each time, and the second cut may fall
/// wherever that leads to.
#[test]
fn two_cuts_with_weak_bits_find_no_window_in_a_small_log() {
    let options = SweepOptions {
        level: Level::L3,
        ..options("hardened-4-2", "smallest", 2)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(met(&report, RENEWED) > 0);
    assert_eq!(met(&report, EXHAUSTED), 0);
    assert!(met(&report, marks::CONFIRMED) > 0);
}

/// Where programming a weak bit once more does not heal it, each single cut is harmless all the same.
#[test]
fn a_single_cut_finds_no_window_where_only_an_erase_heals() {
    let options = SweepOptions {
        level: Level::L3,
        profile: Profile::w25q64jv().with_reprogram_heals(false),
        ..options("hardened", "resumed-update", 1)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(met(&report, marks::RESUMED) > 0);
}

/// Each call of the update interface, made first thing after power-on, at each point of a life.
#[test]
fn no_call_has_a_window() {
    let options = SweepOptions {
        level: Level::L0,
        ..options("hardened", "calls-3-factory", 1)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(report.scenarios[0].counts.operations > 40_000, "{report}");
}

/// The same with weak bits, which a call may read otherwise than the boot before it.
#[test]
fn no_call_has_a_window_where_bits_are_weak() {
    let options = SweepOptions {
        level: Level::L3,
        ..options("hardened", "calls-2-plain", 1)
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Pass, "{report}");
    assert!(report.scenarios[0].counts.operations > 12_000, "{report}");
}
