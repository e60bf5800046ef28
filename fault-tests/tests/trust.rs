//! P12, the trust rule: every operation is cut once, and what the next boot decides by is looked up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fault_tests::ota::trust::trials;
use fault_tests::ota::{SCENARIOS, Scenario};
use rayon::prelude::*;
use sim_flash::{Density, Level, Profile};

/// Of each window: crash states, decisions by an entry and by an image that cannot be trusted, and a
/// start that shows one.
#[derive(Default)]
struct Row {
    states: u32,
    entries: u32,
    images: u32,
    example: String,
}

/// The stock algorithm takes an entry for valid if it reads as valid, and an image likewise: it keeps the
/// trust rule where no tear of the list leaves what reads as valid, and nowhere else.
#[test]
fn the_stock_algorithm_decides_by_what_it_cannot_trust() {
    let mut windows: BTreeMap<String, Row> = BTreeMap::new();
    let calls = SCENARIOS
        .par_iter()
        .filter(|s| s.name.starts_with("calls-"));
    let trials_of = |scenario: &'static Scenario| {
        let setup = scenario.bundled(&Profile::w25q64jv());
        (scenario, trials(&setup, Level::L2, Density::Field))
    };
    for (scenario, trials) in calls.map(trials_of).collect::<Vec<_>>() {
        for trial in trials {
            let row = windows.entry(trial.window.to_string()).or_default();
            row.states += trial.states;
            for finding in &trial.findings {
                let by_entry = finding.got.contains("an entry");
                row.entries += u32::from(by_entry);
                row.images += u32::from(!by_entry);
            }
            if row.example.is_empty() && !trial.findings.is_empty() {
                row.example = format!("{}.{}", scenario.name, trial.start);
            }
        }
    }
    let mut table = format!("{:>8}{:>9}{:>8}  window\n", "states", "entries", "images");
    let held = |row: &Row| row.entries + row.images == 0;
    for (window, row) in windows.iter().filter(|(_, row)| !held(row)) {
        let Row {
            states,
            entries,
            images,
            example,
        } = row;
        let _ = writeln!(
            table,
            "{states:>8}{entries:>9}{images:>8}  {window}, for instance {example}"
        );
    }
    let _ = writeln!(table, "\nnot met in:");
    for (window, row) in windows.iter().filter(|(_, row)| held(row)) {
        let _ = writeln!(table, "{:>8}  {window}", row.states);
    }
    insta::assert_snapshot!("trust_rule", table);
}
