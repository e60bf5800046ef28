//! `brownout sweep`: its reports, its verdicts, and the cases that it prints.

use super::*;

#[test]
fn json_is_the_same_at_any_number_of_jobs_but_for_the_time() {
    let folder = Folder::new("json");
    let of = |jobs: &str, file: &str| {
        let scenarios = [
            "--scenario",
            "update-rollback",
            "--scenario",
            "first-update",
        ];
        let args = [
            "sweep", "--level", "L2", "--cuts", "1", "--seed", "3", "--jobs", jobs, "--json", file,
        ];
        let output = folder.run(&[&args[..], &scenarios].concat());
        assert_eq!(output.status.code(), Some(0));
        let text = std::fs::read_to_string(folder.0.join(file)).expect("the JSON was written");
        let mut lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON object"))
            .collect();
        for line in &mut lines {
            let seconds = line.as_object_mut().and_then(|line| line.remove("seconds"));
            assert!(seconds.is_some_and(|seconds| seconds.is_number()));
        }
        lines
    };
    let one = of("1", "one.jsonl");
    assert_eq!(one.len(), 2);
    assert_eq!(one, of("2", "two.jsonl"));
    let keys: Vec<_> = one[0]
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    insta::assert_snapshot!(keys.join(" "), @"audited boots closure consequence coverage crash_states cuts distinct_states executed judged_by_family judged_singly level marks operations policy profile properties pruned represented scenario schema uncut verdict violations");
    assert!(
        !folder.0.join("one.jsonl.part").exists(),
        "nothing is left beside the file"
    );
}

#[test]
fn a_case_replays_by_id_and_by_file() {
    let folder = Folder::new("replay");
    let case =
        corpus::case("p3-first-update-boot-erase-otadata-new-erased").expect("a bundled case");
    let file = folder.file("case.case", case.text.as_bytes());
    assert_eq!(
        folder.run(&["replay", file]).status.code(),
        Some(0),
        "the case shows what it says"
    );
    let id = case
        .text
        .lines()
        .find_map(|line| line.strip_prefix("id"))
        .expect("a line with the id");
    let id = id.trim_start_matches([' ', '=']);
    let output = folder.run(&["replay", id]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "an id that shows a violation"
    );
    insta::assert_snapshot!("replayed", String::from_utf8_lossy(&output.stdout));
    let stale = format!("{}00000000", &id[..id.len() - 8]);
    let output = folder.run(&["replay", &stale]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stdout).contains("STALE"));
}

#[test]
fn every_chip_that_is_offered_can_be_swept_and_its_cases_replay() {
    let folder = Folder::new("profiles");
    for profile in fault_tests::sweep::usable() {
        // Of a chip that is programmed in words, each of them an operation, the smallest will do; which
        // windows the stock algorithm has there is on no list. Of one that encrypts the hardened policy alone is
        // known, and that has none.
        let encrypts = profile.rules().encryption.is_some();
        let (scenario, policy, level, code) = match profile.program_unit() {
            1 => ("first-update", "stock", "L2", 0),
            _ if encrypts => ("smallest", "hardened", "L0", 0),
            _ => ("smallest", "stock", "L2", 1),
        };
        let sweep = [
            "sweep",
            "--cuts",
            "1",
            "--scenario",
            scenario,
            "--json",
            "-",
        ];
        let chip = [
            "--profile",
            profile.name(),
            "--audit",
            "none",
            "--policy",
            policy,
            "--level",
            level,
        ];
        let output = folder.run(&[&sweep[..], &chip].concat());
        assert_eq!(output.status.code(), Some(code), "{}", profile.name());
        let line: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("a JSON object");
        assert_eq!(line["profile"], profile.name());
        assert_eq!(line["audited"], 0);
        let judged = ["judged_singly", "judged_by_family", "represented"]
            .map(|key| line[key].as_u64().expect("a number"));
        assert_eq!(Some(judged.iter().sum()), line["crash_states"].as_u64());
        if encrypts {
            continue;
        }
        let id = line["violations"][0]["case"].as_str().expect("a case");
        assert_eq!(folder.run(&["replay", id]).status.code(), Some(1), "{id}");
    }
}

#[test]
fn an_audit_of_all_executes_every_judgement() {
    let folder = Folder::new("audit");
    let args = ["sweep", "--policy", "stock", "--level", "L0", "--json", "-"];
    let some = [
        "--cuts",
        "1",
        "--scenario",
        "update-damaged",
        "--audit",
        "all",
    ];
    let output = folder.run(&[&args[..], &some].concat());
    assert_eq!(output.status.code(), Some(0));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON object");
    let count = |key: &str| line[key].as_u64().expect("a number");
    assert!(count("audited") > 400, "{line}");
    assert_eq!(count("executed"), count("boots") + count("audited"));
}

/// The ids of a sweep of one's own files need those files, and replay with them.
#[test]
fn a_case_of_ones_own_files_replays_with_them() {
    let folder = Folder::new("own_files");
    let table = folder.file(
        "t.csv",
        corpus::table("v02_two_ota")
            .expect("a bundled table")
            .csv
            .as_bytes(),
    );
    let (v1, v2) = (
        folder.file("v1.bin", image("c3_4k")),
        folder.file("v2.bin", image("c3_4k_v2")),
    );
    let files = ["--table", table, "--running", v1, "--update", v2];
    let sweep = [
        "sweep",
        "--policy",
        "stock",
        "--cuts",
        "1",
        "--scenario",
        "first-update",
        "--json",
        "-",
    ];
    let output = folder.run(&[&sweep[..], &files].concat());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON object");
    let id = line["violations"][0]["case"]
        .as_str()
        .expect("a case")
        .to_owned();
    let output = folder.run(&[&["replay", id.as_str()][..], &files].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains(" violated: allowed "));
    assert_eq!(folder.run(&["replay", &id]).status.code(), Some(2));
}

fn own_files(folder: &Folder) -> [&'static str; 4] {
    let (v1, v2) = (image("c3_4k"), image("c3_4k_v2"));
    [
        "--running",
        folder.file("v1.bin", v1),
        "--update",
        folder.file("v2.bin", v2),
    ]
}

/// The stock policy is what the user's device has; no table is the bundled one, and that is said.
#[test]
fn own_files_are_swept_with_esp_idfs_algorithm_and_say_what_to_do() {
    let folder = Folder::new("own_files_stock");
    let own = own_files(&folder);
    let output = folder.run(&[&["sweep"][..], &own].concat());
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).expect("text");
    let timeless: Vec<String> = said
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let is_time = |w: &str| {
                w.ends_with('s') && w.contains('.') && w.starts_with(|c: char| c.is_ascii_digit())
            };
            words
                .iter()
                .map(|w| if is_time(w) { "-.-s" } else { w })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    insta::assert_snapshot!("own_files", timeless.join("\n"));
    let ids: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("brownout replay"))
        .filter_map(|line| line.split('\'').nth(1))
        .collect();
    assert!(!ids.is_empty());
    for id in ids {
        let replay = folder.run(&[&["replay", id][..], &own].concat());
        assert_eq!(replay.status.code(), Some(1), "{id}");
    }
}

#[test]
fn what_is_denied_or_new_fails_and_what_is_known_does_not() {
    let folder = Folder::new("deny");
    let own = own_files(&folder);
    let sweep = |more: &[&str]| {
        let base = ["sweep", "--cuts", "1", "--scenario", "first-update"];
        let output = folder.run(&[&base[..], &own, more].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    assert_eq!(sweep(&["--json", "all.jsonl"]).0, Some(0));
    let (code, said) = sweep(&["--deny", "bricked"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = sweep(&["--deny", "promise-lost"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\ndenied (promise-lost): "), "{said}");
    let (code, said) = sweep(&["--baseline", "all.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("nothing new since all.jsonl\n"), "{said}");
    // One that knows none of them.
    let text = std::fs::read_to_string(folder.0.join("all.jsonl")).expect("the JSON");
    let mut line: serde_json::Value = serde_json::from_str(&text).expect("an object");
    line["violations"] = serde_json::json!([]);
    folder.file("none.jsonl", line.to_string().as_bytes());
    let (code, said) = sweep(&["--baseline", "none.jsonl"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\nnew since none.jsonl: "), "{said}");
    // And those of something else.
    line["policy"] = "hardened".into();
    folder.file("other.jsonl", line.to_string().as_bytes());
    line["schema"] = 0.into();
    folder.file("old.jsonl", line.to_string().as_bytes());
    folder.file("text.jsonl", b"hello\n");
    let mut refused = String::new();
    for file in ["other.jsonl", "old.jsonl", "text.jsonl", "nowhere.jsonl"] {
        refused.push_str(&folder.refused(&[&["sweep", "--baseline", file][..], &own].concat()));
    }
    insta::assert_snapshot!("no_baselines", refused);
}

#[test]
fn a_sweep_that_cuts_nothing_claims_nothing() {
    let folder = Folder::new("no_cuts");
    for nothing in [["--cuts", "0"], ["--budget", "0"]] {
        let output = folder.run(&[&["sweep", "--scenario", "smallest"][..], &nothing].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(6), "{said}");
        assert!(
            said.contains("No power was cut: nothing is shown."),
            "{said}"
        );
    }
}

#[test]
fn a_scenario_that_is_asked_for_twice_is_swept_once() {
    let folder = Folder::new("twice");
    let twice = ["--scenario", "smallest", "--scenario", "smallest"];
    let args = ["sweep", "--level", "L0", "--cuts", "1", "--json", "-"];
    let output = folder.run(&[&args[..], &twice].concat());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

/// The first interrupt ends the sweep, which then says what it covered, in whole files.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_says_what_it_covered() {
    let folder = Folder::new("interrupted");
    let child = Command::new(env!("CARGO_BIN_EXE_brownout"))
        .args([
            "sweep",
            "--effort",
            "proof",
            "--scenario",
            "updates",
            "--json",
            "out.jsonl",
        ])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let id = child.id().to_string();
    let killed = Command::new("kill")
        .args(["-INT", &id])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.starts_with("INCONCLUSIVE @ "), "{said}");
    let text = std::fs::read_to_string(folder.0.join("out.jsonl")).expect("the JSON");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object");
        assert_eq!(line["stopped_by"], "interrupted");
    }
    let left = std::fs::read_dir(&folder.0).expect("the folder").count();
    assert_eq!(left, 1, "nothing is left beside the file");
}
