//! The command as its user meets it: exit codes, messages, files.

#[path = "../command/mod.rs"]
mod command;
mod sweeping;

use std::process::{Command, Stdio};

use command::Folder;

fn image(name: &str) -> &'static [u8] {
    corpus::image(name).expect("a bundled image").bytes
}

fn table(name: &str) -> &'static [u8] {
    corpus::table(name)
        .and_then(corpus::Table::binary)
        .expect("a bundled table")
}

#[test]
fn unusable_files_are_refused_with_file_place_and_expectation() {
    let folder = Folder::new("unusable_files");
    let good = folder.file("v1.bin", image("c3_4k"));
    let mut damaged = image("c3_4k_v2").to_vec();
    damaged[2000] ^= 1;
    let two = folder.file("two_ota.bin", table("v02_two_ota"));
    let mut said = String::new();
    for (table, running, update) in [
        (
            folder.file("one_app.bin", table("v01_single_factory")),
            good,
            good,
        ),
        (
            folder.file(
                "gap.csv",
                corpus::table("v15_gap_slots")
                    .expect("a bundled table")
                    .csv
                    .as_bytes(),
            ),
            good,
            good,
        ),
        (
            folder.file("notes.txt", b"nvs, data, nvs, 0x9000\n"),
            good,
            good,
        ),
        (two, folder.file("text.bin", b"hello"), good),
        (two, good, folder.file("empty.bin", b"")),
        (two, good, folder.file("other_chip.bin", image("e32_4k"))),
        (
            two,
            good,
            folder.file("short.bin", &image("c3_4k_v2")[..3000]),
        ),
        (two, good, folder.file("damaged.bin", &damaged)),
        (two, good, good),
        (two, good, "nowhere.bin"),
        (
            folder.file("small.bin", table("v14_out_of_order_slots")),
            good,
            folder.file("large.bin", image("c3_256k")),
        ),
    ] {
        let args = [
            "sweep",
            "--table",
            table,
            "--running",
            running,
            "--update",
            update,
        ];
        said.push_str(&folder.refused(&args));
    }
    insta::assert_snapshot!("unusable_files", said);
}

#[test]
fn wrong_flags_are_refused_with_what_was_expected() {
    let folder = Folder::new("wrong_flags");
    let mut said = String::new();
    for args in [
        &["sweep", "--scenario", "nonsense"][..],
        &["sweep", "--level", "L5"],
        &["sweep", "--level", "L2-noheal"],
        &["sweep", "--policy", "stock", "--profile", "esp32-encrypted"],
        &["sweep", "--profile", "w25q512"],
        &["sweep", "--policy", "soft"],
        &["sweep", "--cuts", "some"],
        &["sweep", "--policy", "stock", "--cuts", "until-full"],
        &[
            "sweep",
            "--profile",
            "esp32-encrypted",
            "--cuts",
            "until-full",
        ],
        &["sweep", "--audit", "0"],
        &["sweep", "--json", "no/such/folder/out.jsonl"],
        &["replay", "bo1:nonsense"],
        &[
            "replay",
            "bo1:first-update@w25q64jv:L2:stock/o1.Q9~00000000",
        ],
        &[
            "replay",
            "bo1:first-update+00000001@w25q64jv:L2:stock/o1.P0~00000000",
        ],
        &["replay", "nowhere.case"],
        &["conform", "nowhere"],
        &["inspect", "nowhere.bin"],
        &["inspect", "nowhere.bin", "--chip", "esp99"],
    ] {
        said.push_str(&folder.refused(args));
    }
    insta::assert_snapshot!("wrong_flags", said);
}

#[test]
fn tables_convert_there_and_back() {
    let folder = Folder::new("table");
    let bundled = corpus::table("v02_two_ota").expect("a bundled table");
    let csv = folder.file("t.csv", bundled.csv.as_bytes());
    assert_eq!(folder.run(&["table", csv, "t.bin"]).status.code(), Some(0));
    let binary = std::fs::read(folder.0.join("t.bin")).expect("the table was written");
    assert_eq!(Some(&binary[..]), bundled.binary());
    let bad = corpus::table("i01_overlap").expect("a bundled table");
    let bad = folder.file("bad.csv", bad.csv.as_bytes());
    assert!(
        folder
            .refused(&["table", bad, "bad.bin"])
            .ends_with("exit 2\n")
    );
    assert!(
        !folder.0.join("bad.bin").exists(),
        "nothing is half written"
    );
}

/// Who pipes the output into `head` has seen enough after ten lines; the exit code tells the verdict all the same.
#[test]
fn output_that_nobody_reads_any_more_changes_nothing_else() {
    let sweep = [
        "sweep",
        "--scenario",
        "smallest",
        "--level",
        "L0",
        "--cuts",
        "1",
    ];
    let case = ["replay", "bo1:nonsense"];
    let shard = ["merge", "nothing.json"];
    for (args, code) in [(&sweep[..], 0), (&["conform"], 0), (&case, 2), (&shard, 6)] {
        let child = || {
            Command::new(env!("CARGO_BIN_EXE_brownout"))
                .args(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the command runs")
        };
        let mut unheard = child();
        drop(unheard.stdout.take());
        let output = unheard.wait_with_output().expect("it ends");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(!message.contains("panicked"), "{message}");
        // The same where nobody reads what went wrong.
        let mut unheard = child();
        drop(unheard.stderr.take());
        let output = unheard.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}

/// A device or a FIFO may have no end, and a name may be wrong by a letter.
#[cfg(target_os = "linux")]
#[test]
fn files_without_end_are_refused() {
    let folder = Folder::new("endless");
    let v1 = folder.file("v1.bin", image("c3_4k"));
    let zero = "/dev/zero";
    let own = |table, update| {
        vec![
            "sweep",
            "--table",
            table,
            "--running",
            v1,
            "--update",
            update,
        ]
    };
    let table = folder.file("t.csv", b"");
    for args in [
        vec!["inspect", zero],
        vec!["table", zero],
        own(zero, v1),
        own(table, zero),
        vec!["sweep", "--dump", zero],
        vec!["replay", zero],
    ] {
        let said = folder.refused(&args);
        assert!(said.ends_with("exit 2\n"), "{said}");
        let empty = args.contains(&table);
        assert!(empty || said.contains("goes on after"), "{said}");
    }
}

/// Where a file is read, `-` is standard input.
#[test]
fn standard_input_is_read_where_a_file_is() {
    let folder = Folder::new("stdin");
    let flash = |args: &[&str], bytes: &[u8]| {
        let input = folder.0.join("input");
        std::fs::write(&input, bytes).expect("a file");
        Command::new(env!("CARGO_BIN_EXE_brownout"))
            .args(args)
            .current_dir(&folder.0)
            .stdin(std::fs::File::open(&input).expect("the file"))
            .output()
            .expect("the command runs")
    };
    let output = flash(&["inspect", "-"], image("c3_4k"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.starts_with("app image, 4096 bytes, for esp32c3\n"),
        "{said}"
    );
    let bundled = corpus::table("v02_two_ota").expect("a bundled table");
    let output = flash(&["table", "-", "-"], bundled.csv.as_bytes());
    assert_eq!(Some(&output.stdout[..]), bundled.binary());
    // And is an input that no output may be.
    #[cfg(unix)]
    {
        let output = flash(&["table", "-", "input"], bundled.csv.as_bytes());
        assert_eq!(output.status.code(), Some(2));
        let kept = std::fs::read(folder.0.join("input")).expect("the file");
        assert_eq!(kept, bundled.csv.as_bytes());
    }
}

/// The exit code of `inspect` tells whether what is selected boots.
#[test]
fn inspect_tells_by_its_exit_code_whether_what_is_selected_boots() {
    let folder = Folder::new("inspect_codes");
    let mut flash = vec![0xFF; 4 << 20];
    let put = |flash: &mut [u8], at: usize, bytes: &[u8]| {
        flash[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(&mut flash, 0, image("c3_min"));
    put(&mut flash, 0x8000, table("v02_two_ota"));
    put(&mut flash, 0x1_0000, image("c3_4k"));
    let entry = ota_core::otadata::Entry::new(1, ota_core::otadata::OtaState::VALID).emit();
    let fresh = folder.file("fresh.bin", &flash);
    put(&mut flash, 0xD000, &entry);
    let fallen = folder.file("fallen.bin", &flash);
    let cut = folder.file("cut.bin", &flash[..0x1_0000]);
    let text = folder.file("notes.txt", b"hello\n");
    for (file, code) in [(fresh, 0), (fallen, 1), (cut, 6), (text, 2), ("nowhere", 2)] {
        let output = folder.run(&["inspect", file]);
        assert_eq!(output.status.code(), Some(code), "{file}");
    }
    let table = folder.file("partitions.bin", table("v02_two_ota"));
    let mut otadata = vec![0xFF; 0x2000];
    put(&mut otadata, 0, &entry);
    let otadata = folder.file("otadata.bin", &otadata);
    let output = folder.run(&["inspect", otadata, "--table", table]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("entry 0, seq 1: ota_0 among 2\n"), "{said}");
    assert_eq!(output.status.code(), Some(6));
}

#[test]
fn the_command_alone_prints_its_help_and_what_it_lists_is_accepted() {
    let folder = Folder::new("help");
    let output = folder.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Usage: brownout <COMMAND>"), "{said}");
    let listed = folder.run(&["sweep", "--list"]);
    let listed = String::from_utf8(listed.stdout).expect("text");
    insta::assert_snapshot!("list", listed);
    let help = folder.run(&["replay", "--help"]);
    let help = String::from_utf8(help.stdout).expect("text");
    let ids = help
        .split('\'')
        .filter(|word| word.starts_with("bo1:") && !word.contains("..."));
    let mut replayed = 0;
    for id in ids {
        assert_eq!(folder.run(&["replay", id]).status.code(), Some(1), "{id}");
        replayed += 1;
    }
    assert!(replayed > 0, "{help}");
}

#[test]
fn man_pages_and_completions_are_written() {
    let folder = Folder::new("man");
    std::fs::create_dir(folder.0.join("man1")).expect("a folder");
    assert_eq!(folder.run(&["man", "man1"]).status.code(), Some(0));
    let page = std::fs::read_to_string(folder.0.join("man1/brownout-sweep.1")).expect("a page");
    assert!(page.contains("deny"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let output = folder.run(&["completions", shell]);
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("promise-lost"),
            "{shell}"
        );
    }
}

/// On a disk that is full nothing can be said, and that is said.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::create("/dev/full").expect("Linux has one");
    let output = Command::new(env!("CARGO_BIN_EXE_brownout"))
        .arg("conform")
        .stdout(full)
        .output()
        .expect("the command runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.starts_with("brownout: standard output: cannot be written: "),
        "{message}"
    );
}
