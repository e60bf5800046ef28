//! The full sweep of the stock algorithm, as `cargo run` runs it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fault_tests::case::{CaseFile, CaseId, Expected, replay, shrink, windows};
use fault_tests::ota;
use fault_tests::sweep::known::{self, Known};
use fault_tests::sweep::{self, SweepOptions, SweepReport, Verdict};

/// One sweep for all tests of this file.
fn full() -> &'static SweepReport {
    static REPORT: OnceLock<SweepReport> = OnceLock::new();
    REPORT.get_or_init(|| sweep::run(&SweepOptions::stock(), &|_, _| {}))
}

/// The same with one cut each, for all tests that need no more.
fn once() -> &'static SweepReport {
    static REPORT: OnceLock<SweepReport> = OnceLock::new();
    REPORT.get_or_init(|| sweep::run(&cut_once(2), &|_, _| {}))
}

fn cut_once(jobs: usize) -> SweepOptions {
    SweepOptions {
        jobs,
        cuts: Some(1),
        seed: 7,
        ..SweepOptions::stock()
    }
}

/// The report without its host times, which differ from run to run.
fn timeless(report: &SweepReport) -> SweepReport {
    let mut report = report.clone();
    report
        .scenarios
        .iter_mut()
        .for_each(|scenario| scenario.seconds = 0.0);
    report
}

/// The same as text and as JSON, with the coverage or without it.
fn text(report: &SweepReport, coverage: bool) -> String {
    let mut report = timeless(report);
    if !coverage {
        let scenarios = report.scenarios.iter_mut();
        scenarios.for_each(|scenario| scenario.coverage.clear());
    }
    format!("{report}\n{}", report.json())
}

/// The list of windows is complete and none is hidden: whatever changes in it shows here.
#[test]
fn the_windows_of_the_stock_algorithm() {
    insta::assert_snapshot!("stock_sweep", text(full(), false));
    assert_eq!(full().verdict(), Verdict::Windows);
}

#[test]
fn the_coverage_of_the_stock_algorithm() {
    insta::assert_snapshot!("coverage", full().coverage());
}

/// The table is complete: its tears, and a cut right before each operation, are the crash states. Where
/// several starts lead to one history, the exploration counts that once and the table each time.
#[test]
fn the_coverage_accounts_for_every_crash_state_of_a_first_cut() {
    for scenario in &once().scenarios {
        let rows = &scenario.coverage;
        let operations: u64 = rows.iter().map(|row| row.operations).sum();
        let cells = rows.iter().flat_map(|row| row.families.values());
        let tears: u64 = cells.map(|cell| cell.explored + cell.pruned).sum();
        let name = scenario.scenario;
        let counts = &scenario.counts;
        if name.starts_with("calls-") {
            assert!(operations >= counts.operations, "{name}");
            assert!(operations + tears >= counts.crash_states, "{name}");
        } else {
            assert_eq!(operations, counts.operations, "{name}");
            assert_eq!(operations + tears, counts.crash_states, "{name}");
        }
    }
}

/// A sweep that never meets what must happen sometimes has gone blind, and says so.
#[test]
fn a_full_sweep_meets_every_mark_and_fails_without_one() {
    assert_eq!(full().unmet, [""; 0]);
    let met = |mark: &str| {
        let marks = full().scenarios.iter().flat_map(|s| &s.marks);
        marks.into_iter().any(|met| met.mark == mark)
    };
    assert!(
        ota::marks::owed(ota::Policy::Stock)
            .iter()
            .copied()
            .all(met)
    );
    let blind = SweepReport {
        unmet: vec!["rolled back"],
        ..full().clone()
    };
    assert_eq!(blind.verdict(), Verdict::Unmet);
    assert_eq!(blind.verdict().exit_code(), 1);
    assert!(blind.to_string().contains("must be: rolled back"));
    let some = SweepOptions {
        scenarios: vec![ota::find("update-damaged").expect("a scenario")],
        ..SweepOptions::stock()
    };
    let some = sweep::run(&some, &|_, _| {});
    assert_eq!(some.unmet, [""; 0], "a filtered sweep owes nothing");
}

#[test]
fn every_case_of_the_sweep_replays_to_its_violation() {
    let options = SweepOptions::stock();
    let mut cases = 0;
    for scenario in &full().scenarios {
        let setup = ota::find(scenario.scenario)
            .expect("a scenario")
            .bundled(&options.profile);
        for window in &scenario.windows {
            let id = window.case.to_string();
            let case: fault_tests::case::CaseId = id.parse().expect("a printed id can be parsed");
            assert_eq!(case, window.case);
            let start = setup.start(&case.start).expect("its start");
            let replay = replay(&setup.device, &setup.profile, start, &case.path, true)
                .unwrap_or_else(|unreached| panic!("{id}: {unreached}"));
            assert!(replay.shows(&window.finding), "{id}: {}", window.finding);
            assert_eq!(replay.trace, case.trace, "{id}");
            cases += 1;
        }
    }
    assert!(cases > 10);
}

/// The known window that a case of the corpus is about, if it is about one.
fn known_window(case: &corpus::Case) -> Option<&'static Known> {
    let CaseFile { id, expected, .. } = CaseFile::parse(case.text).expect(case.name);
    let Expected::Shown(finding) = expected else {
        return None;
    };
    // Of the hardened policy no window is known but those that its limits tell of.
    let policy = id.policy.parse().expect("a policy");
    if let ota::Policy::Hardened(_) = policy {
        return None;
    }
    let scenario = ota::find(&id.scenario).expect("a scenario");
    let setup = scenario.bundled(&SweepOptions::stock().profile);
    let setup = setup.under(policy).expect("a device");
    let start = setup.start(&id.start).expect("its start");
    let replay = replay(&setup.device, &setup.profile, start, &id.path, true).expect(case.name);
    assert!(replay.shows(&finding), "{}", case.name);
    let seen = replay.findings().find(|seen| seen.says(&finding));
    let place = seen.and_then(|seen| seen.place.clone());
    let window = place.or_else(|| windows(&setup.device, &replay).pop());
    let known = known::find(
        policy,
        finding.property,
        window.as_ref(),
        id.contract.level,
        &id.path,
    );
    Some(known.expect(case.name))
}

/// The known windows of a sweep without weak bits.
fn stable() -> impl Iterator<Item = &'static Known> {
    known::of_stock().filter(|known| known.call != known::ANY_CALL)
}

/// Each known window, once, has its case in the corpus, and the corpus has no other.
#[test]
fn the_corpus_holds_one_case_of_each_known_window() {
    // Of stock devices, and of those of which one half is stock, some have all else in common.
    let key = |known: &&Known| (known.property, known.call, known.transition, known.why);
    let mut shown: Vec<_> = corpus::CASES.iter().filter_map(known_window).collect();
    shown.sort_by_key(key);
    let mut known: Vec<_> = known::all().collect();
    known.sort_by_key(key);
    assert_eq!(shown, known);
}

/// All that is known of ESP-IDF's algorithm comes from a few causes, and each says what to do about it.
#[test]
fn every_known_window_has_one_of_a_few_causes() {
    assert!(known::Cause::ALL.len() <= 12);
    for cause in known::Cause::ALL {
        let texts = [
            cause.title(),
            cause.happens(),
            cause.application(),
            cause.closed_by(),
        ];
        assert!(texts.iter().all(|text| text.len() > 10), "{cause}");
        assert!(
            known::all().any(|known| known.why.cause == cause),
            "{cause}"
        );
    }
    let causes = full().causes();
    // Weak bits there are at other levels.
    assert_eq!(causes.len(), known::Cause::ALL.len() - 1);
    for met in &causes {
        assert!(
            met.exposures.download || met.exposures.operations.is_some(),
            "{met:?}"
        );
        assert!(met.consequence < fault_tests::property::Consequence::Nothing);
    }
}

/// What people read at a glance fits a terminal, but for ids, which are typed as they are.
#[test]
fn a_report_is_80_columns_wide() {
    for line in full()
        .to_string()
        .lines()
        .filter(|line| !line.contains("brownout replay '"))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// None is listed that does not exist, and each by the fewest cuts.
#[test]
fn the_sweep_finds_the_known_windows_again() {
    let found = full()
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.windows)
        .filter_map(|window| Some((window.known?, window.case.path.cuts.len())));
    let mut fewest = BTreeMap::new();
    for (known, cuts) in found {
        let key = (known.property, known.call, known.transition);
        let of_this = fewest.entry(key).or_insert(cuts);
        *of_this = cuts.min(*of_this);
    }
    for known in stable() {
        let cuts = fewest.remove(&(known.property, known.call, known.transition));
        assert_eq!(cuts, Some(known.cuts as usize), "{known:?}");
    }
}

#[test]
fn the_number_of_jobs_changes_nothing_but_the_time() {
    let two = text(once(), true);
    let one = sweep::run(&cut_once(1), &|_, _| {});
    assert_eq!(
        text(&one, true),
        two,
        "and the second run of a process sees nothing of the first"
    );
}

#[test]
fn a_sweep_that_runs_out_of_its_budget_never_passes() {
    let options = SweepOptions {
        budget: sweep::Budget::Boots(20),
        ..SweepOptions::stock()
    };
    let report = sweep::run(&options, &|_, _| {});
    assert_eq!(report.verdict(), Verdict::Inconclusive);
    assert_eq!(report.verdict().exit_code(), 6);
}

/// `PROOF.md` shows an id to copy; it must be one that the sweep prints.
#[test]
fn the_document_of_proofs_shows_a_case_that_exists() {
    let proof = concat!(env!("CARGO_MANIFEST_DIR"), "/../ota-core/PROOF.md");
    let proof = std::fs::read_to_string(proof).expect("the workspace has it");
    let ids: Vec<&str> = proof
        .split(|c: char| c.is_whitespace() || c == '\'')
        .filter(|word| word.contains('~'))
        .collect();
    assert!(!ids.is_empty());
    let known: Vec<String> = full()
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.windows)
        .map(|window| window.case.to_string())
        .collect();
    for id in ids {
        assert!(known.iter().any(|known| known == id), "{id}");
    }
}

/// Putting a simpler tear in place can make another cut superfluous. Shrinking once dropped cuts only
/// before it simplified, and left two-cut cases of windows that one cut opens.
#[test]
fn a_shrunk_case_cannot_be_shrunk_further() {
    let options = SweepOptions::stock();
    for scenario in &full().scenarios {
        let setup = ota::find(scenario.scenario)
            .expect("a scenario")
            .bundled(&options.profile);
        for window in &scenario.windows {
            let (device, cuts) = (&setup.device, &window.case.path);
            let again = shrink(
                device,
                &setup.profile,
                setup.start(&window.case.start).expect("its start"),
                cuts,
                &window.finding,
                window
                    .window
                    .as_ref()
                    .filter(|_| window.finding.place.is_none()),
                options.level,
            );
            let (again, _) = again.expect("the case shows its violation");
            assert_eq!(&again, cuts, "{}", window.case);
        }
    }
    let setup = ota::find("no-factory")
        .expect("a scenario")
        .bundled(&options.profile);
    let id = "bo1:no-factory@w25q64jv:L2:stock/o0.E1.n28/b1.o1.P1.n7~3a1919fd";
    let cuts = id.parse::<CaseId>().expect("a case id").path;
    let seen = replay(
        &setup.device,
        &setup.profile,
        &setup.starts[0],
        &cuts,
        false,
    )
    .expect("the cuts are reached");
    let finding = seen.findings().next().expect("a violation").clone();
    let (shrunk, _) = shrink(
        &setup.device,
        &setup.profile,
        &setup.starts[0],
        &cuts,
        &finding,
        None,
        options.level,
    )
    .expect("the case shows its violation");
    assert_eq!(shrunk.cuts.len(), 1, "{shrunk:?}");
}
