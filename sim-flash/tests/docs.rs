//! The fault table in the docs names tests that exist, and levels that are the code's.

use sim_flash::Tear;

const TABLE: &str = include_str!("../docs/faults.md");
const TESTS: [(&str, &str); 4] = [
    (
        "tears",
        concat!(
            include_str!("tears/programs.rs"),
            include_str!("tears/erases.rs")
        ),
    ),
    ("power", include_str!("power.rs")),
    ("failures", include_str!("failures.rs")),
    ("rules", include_str!("rules.rs")),
];

/// The cells of every row that names tests.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE
        .lines()
        .filter(|line| line.starts_with('|') && line.contains("::"));
    lines
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn every_row_has_a_test_that_shows_it_and_one_that_shows_where_it_ends() {
    let rows = rows();
    assert!(rows.len() >= 40, "{}", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 6, "{row:?}");
        let (file, module) = row[5].trim_matches('`').split_once("::").unwrap();
        let (_, source) = TESTS.iter().find(|(name, _)| *name == file).unwrap();
        let body = source
            .split(&format!("\nmod {module} {{"))
            .nth(1)
            .unwrap_or_else(|| panic!("no {file}::{module}"));
        let body = body.split("\n}\n").next().unwrap();
        assert!(
            body.contains("#[test]\n    fn happens()"),
            "{file}::{module}"
        );
        assert!(body.contains("#[test]\n    fn not_"), "{file}::{module}");
    }
}

#[test]
fn every_test_module_has_a_row() {
    for (file, source) in TESTS {
        for module in source
            .lines()
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(" {"))
        {
            let name = format!("`{file}::{module}`");
            assert!(
                rows().iter().any(|row| row[5] == name),
                "{name} is not in the table"
            );
        }
    }
}

#[test]
fn levels_in_the_table_are_those_of_the_code() {
    let examples = "P0 P1.n1 P2.n1 P3.b1 P4.none P5.all P6 P7.page.all E0 E1.n1 E2.n1 E3 E4.b1 E5.all E6.all E7 E8.next.all E9.n1 E10.s0 E11.none";
    for id in examples.split(' ') {
        let tear: Tear = id.parse().unwrap();
        let family = format!("`{}`", id.split('.').next().unwrap());
        let row = rows().into_iter().find(|row| row[0] == family).unwrap();
        assert_eq!(row[4], tear.level().to_string(), "{id}");
    }
}
