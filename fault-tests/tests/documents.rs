//! What the documents show is what the command does, and the script that proves runs what it lists.

mod command;

use std::path::{Path, PathBuf};
use std::process::Output;

use command::Folder;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document(name: &str) -> String {
    std::fs::read_to_string(checkout().join(name)).expect("the workspace has it")
}

#[test]
fn the_readme_is_short_enough_to_be_read() {
    assert!(document("README.md").lines().count() <= 150);
}

/// A line without what changes from run to run and from model to model: figures and widths of columns.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for word in line.split_whitespace() {
        let figure = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | 's' | 'x');
        let is_figure = word.starts_with(|c: char| c.is_ascii_digit())
            && word.trim_end_matches("...").chars().all(figure);
        shape.push_str(if is_figure { "#" } else { word });
        shape.push(' ');
    }
    shape.trim_end().to_owned()
}

/// Each line of the block stands in the output, in this order; `...` is what is left out.
#[test]
fn the_readme_shows_what_a_sweep_of_own_files_prints() {
    let folder = Folder::new("readme_sweep");
    let image = |name| corpus::image(name).expect("a bundled image").bytes;
    let table = corpus::table("v02_two_ota").expect("a bundled table");
    let readme = document("README.md");
    let command = { readme.lines() }
        .find_map(|line| line.strip_prefix("brownout sweep --table"))
        .expect("the README shows the command");
    let args: Vec<&str> = ["sweep", "--table"]
        .into_iter()
        .chain(command.split_whitespace())
        .collect();
    // Until there are files of these names.
    assert!(
        folder
            .refused(&args)
            .contains("partitions.csv: cannot be read")
    );
    folder.file("partitions.csv", table.csv.as_bytes());
    folder.file("v1.bin", image("c3_4k"));
    folder.file("v2.bin", image("c3_4k_v2"));
    let output = folder.run(&args);
    let printed = String::from_utf8(output.stdout).expect("text");
    let mut printed = printed.lines().map(shape);
    let (_, block) = readme.split_once("```text\n").expect("a block of output");
    let (block, _) = block.split_once("```").expect("its end");
    let mut shown = 0;
    for line in block.lines().filter(|line| *line != "...") {
        let expected = shape(line);
        let found = match expected.strip_suffix("...") {
            Some(start) => printed.any(|line| line.starts_with(start)),
            None => printed.any(|line| line == expected),
        };
        assert!(found, "not printed, or not here: {line}");
        shown += 1;
    }
    assert!(shown >= 5, "the README shows little of it");
}

/// Runs the script with a folder for results and a copy of its document.
#[cfg(unix)]
fn prove(folder: &Folder, more: &[&str]) -> Output {
    std::process::Command::new(checkout().join("ota-core/prove.sh"))
        .arg(folder.0.join("state"))
        .arg("--document")
        .arg(folder.0.join("PROOF.md"))
        .args(more)
        .env("BROWNOUT", env!("CARGO_BIN_EXE_brownout"))
        .output()
        .expect("the script runs")
}

#[cfg(unix)]
#[test]
fn the_script_proves_in_parts_goes_on_and_writes_its_table() {
    let folder = Folder::new("prove");
    let document = folder.0.join("PROOF.md");
    // As before its first run.
    let proof = self::document("ota-core/PROOF.md");
    let copy: String = { proof.lines() }
        .filter(|line| !line.starts_with("| `tiny`"))
        .flat_map(|line| [line, "\n"])
        .collect();
    std::fs::write(&document, copy).expect("a copy");
    let said = |output: &Output| {
        let both = [&output.stdout[..], &output.stderr].concat();
        String::from_utf8(both).expect("text")
    };
    let lines = |named: &str| -> Vec<String> {
        let text = std::fs::read_to_string(&document).expect("the copy");
        let found = text.lines().filter(|line| line.starts_with("| `"));
        found
            .filter(|line| line.contains(named))
            .map(ToOwned::to_owned)
            .collect()
    };
    let others = lines("| `any-");
    assert!(!others.is_empty());

    // One machine of two has one part of two: no result yet.
    let output = prove(&folder, &["--only", "tiny", "--shard", "1/2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("tiny.1of2: "), "{}", said(&output));
    assert!(!said(&output).contains("tiny.2of2: "), "{}", said(&output));
    assert!(lines("| `tiny`")[0].contains("never run"));

    // The rest; what is done is not run again, unless the sources differ from the commit.
    let output = prove(&folder, &["--only", "tiny"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("tiny.2of2: "), "{}", said(&output));
    let committed = !lines("| `tiny`")[0].contains("-changed");
    let again = said(&output).contains("tiny.1of2: ");
    assert_ne!(again, committed, "{}", said(&output));
    let row = &lines("| `tiny`")[0];
    assert!(row.contains(" | PASS | "), "{row}");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert!(cells[5].starts_with(|c: char| c.is_ascii_digit()), "{row}");

    // Rows of what was not run say what they said.
    assert_eq!(lines("| `any-"), others);
    let output = prove(&folder, &["--list"]);
    let list = said(&output);
    assert!(list.lines().count() > 40, "{list}");
    assert_eq!(list.contains("done   tiny.1of2"), committed, "{list}");

    // What does not fit is not begun, and then not all is done.
    let output = prove(&folder, &["--only", "any-three-updates", "--within", "1"]);
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    for (args, says) in [
        (&["--only", "nothing"][..], "no sweep of this name"),
        (&["--within", "soon"], "expected a number of minutes"),
        (&["--shard", "3/2"], "I at most N"),
        (&["--nonsense"], "no such flag"),
    ] {
        let output = prove(&folder, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(says), "{}", said(&output));
    }
}
