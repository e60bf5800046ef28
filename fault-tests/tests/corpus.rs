//! Every case of the corpus still shows what it says.

use fault_tests::case::{CaseFile, replay};
use fault_tests::{ota, sweep};

#[test]
fn every_case_shows_what_it_says() {
    assert!(!corpus::CASES.is_empty());
    for case in corpus::CASES {
        let file = CaseFile::parse(case.text).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let scenario = ota::find(&file.id.scenario).unwrap_or_else(|| panic!("{}", case.name));
        let profile = sweep::profile(&file.id.profile).expect(case.name);
        let profile = profile.with_reprogram_heals(file.id.contract.reprogram_heals);
        let policy = file.id.policy.parse().expect(case.name);
        let setup = scenario.bundled(&profile).under(policy).expect(case.name);
        let replay = replay(
            &setup.device,
            &setup.profile,
            setup.start(&file.id.start).expect(case.name),
            &file.id.path,
            false,
        )
        .unwrap_or_else(|unreached| panic!("{}: stale: {unreached}", case.name));
        assert_eq!(replay.trace, file.id.trace, "{}: stale", case.name);
        let expected = &file.expected;
        assert!(expected.is_met_by(&replay), "{}: {expected}", case.name);
    }
}

/// A case file can be read, printed and read again.
#[test]
fn case_files_survive_a_round_trip() {
    for case in corpus::CASES {
        let file = CaseFile::parse(case.text).expect(case.name);
        assert_eq!(
            CaseFile::parse(&file.to_string()),
            Ok(file),
            "{}",
            case.name
        );
    }
}
