//! Where the command writes: a file is whole or untouched, a device stays a device, and no input is lost.
#![cfg(unix)]

mod command;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use command::Folder;

fn csv() -> &'static [u8] {
    corpus::table("v02_two_ota")
        .expect("a bundled table")
        .csv
        .as_bytes()
}

fn binary() -> &'static [u8] {
    corpus::table("v02_two_ota")
        .and_then(corpus::Table::binary)
        .expect("a bundled table")
}

/// The shortest sweep there is.
const SWEEP: [&str; 9] = [
    "sweep",
    "--scenario",
    "smallest",
    "--level",
    "L0",
    "--cuts",
    "1",
    "--policy",
    "stock",
];

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                let name = entry.expect("an entry").file_name();
                name.into_string().expect("a name in UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    fn made_by(&self, program: &str, args: &[&str]) {
        let status = Command::new(program)
            .args(args)
            .current_dir(&self.0)
            .status();
        assert!(status.expect("the program is there").success(), "{program}");
    }

    fn succeeds(&self, args: &[&str]) -> Vec<u8> {
        let output = self.run(args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {message}");
        output.stdout
    }
}

/// As root a rename over a device's node leaves a file in its place, and whoever writes to the device next, a file.
#[test]
fn a_device_is_written_to_and_stays_a_device() {
    let folder = Folder::new("output_device");
    let node = folder.path("null");
    // Nobody but root makes nodes; as anybody else, a FIFO shows the same in the next test.
    if fs::metadata("/proc/self").is_ok_and(|it| it.uid() != 0) {
        return;
    }
    folder.made_by("mknod", &["null", "c", "1", "3"]);
    symlink("null", folder.path("link")).expect("a link");
    let before = fs::metadata(&node).expect("a node");
    for name in ["null", "link"] {
        folder.succeeds(&[&SWEEP[..], &["--json", name]].concat());
        folder.file("t.csv", csv());
        folder.succeeds(&["table", "t.csv", name]);
        let after = fs::symlink_metadata(&node).expect("the node");
        assert!(after.file_type().is_char_device(), "{after:?}");
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()));
        assert_eq!(folder.names(), ["link", "null", "t.csv"]);
    }
}

#[test]
fn a_device_that_takes_nothing_more_is_an_error() {
    let folder = Folder::new("output_full");
    folder.file("t.csv", csv());
    symlink("/dev/full", folder.path("full")).expect("a link");
    let said = folder.refused(&["table", "t.csv", "full"]);
    assert!(said.contains("full: cannot be written: "), "{said}");
    assert!(said.ends_with("exit 2\n"), "{said}");
}

#[test]
fn a_fifo_is_written_to_and_stays_a_fifo() {
    let folder = Folder::new("output_fifo");
    folder.file("t.csv", csv());
    folder.made_by("mkfifo", &["pipe"]);
    // Where nobody writes to the FIFO, reading it must not wait for ever.
    let reader = Command::new("timeout")
        .args(["20", "cat", "pipe"])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat runs");
    folder.succeeds(&["table", "t.csv", "pipe"]);
    let read = reader.wait_with_output().expect("cat ends");
    assert_eq!(read.stdout, binary());
    let after = fs::symlink_metadata(folder.path("pipe")).expect("the FIFO");
    assert!(after.file_type().is_fifo(), "{after:?}");
    assert_eq!(folder.names(), ["pipe", "t.csv"]);
}

/// A shell's `>(command)` is a `/dev/fd/N`, and so is `3> file`.
#[test]
fn an_open_descriptor_is_written_to() {
    let folder = Folder::new("output_descriptor");
    folder.file("t.csv", csv());
    let brownout = env!("CARGO_BIN_EXE_brownout");
    for (script, file) in [
        ("\"$0\" table t.csv /dev/fd/3 3> three", "three"),
        ("\"$0\" table t.csv /dev/stdout > one", "one"),
        ("\"$0\" table t.csv /proc/self/fd/1 > proc", "proc"),
        ("\"$0\" table t.csv /dev/fd/3 3>&1 | cat > piped", "piped"),
    ] {
        folder.made_by("sh", &["-c", script, brownout]);
        let found = fs::read(folder.path(file)).expect("the file");
        assert_eq!(found, binary(), "{script}");
    }
    // What is printed and what is written there stand behind each other, not on each other.
    let sweep = SWEEP.join(" ");
    let script = format!("\"$0\" {sweep} --json /dev/stdout > both");
    folder.made_by("sh", &["-c", &script, brownout]);
    let both = fs::read_to_string(folder.path("both")).expect("text");
    let mut lines = both.lines();
    let json: serde_json::Value =
        serde_json::from_str(lines.next().expect("a line")).expect("a JSON object first");
    assert_eq!(json["scenario"], "smallest");
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("WINDOWS @ ")),
        "{both}"
    );
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let folder = Folder::new("output_link");
    folder.file("t.csv", csv());
    fs::create_dir(folder.path("far")).expect("a folder");
    fs::write(folder.path("far/old"), b"old").expect("a file");
    symlink("far/old", folder.path("to_old")).expect("a link");
    symlink("to_old", folder.path("twice")).expect("a link");
    symlink("far/new", folder.path("to_new")).expect("a link");
    for (link, file) in [("twice", "far/old"), ("to_new", "far/new")] {
        folder.succeeds(&["table", "t.csv", link]);
        assert_eq!(fs::read(folder.path(file)).expect("a file"), binary());
        let kind = fs::symlink_metadata(folder.path(link)).expect("the link");
        assert!(kind.file_type().is_symlink(), "{link}");
    }
    symlink("round", folder.path("round")).expect("a link");
    let said = folder.refused(&["table", "t.csv", "round"]);
    assert!(said.contains("round: "), "{said}");
    symlink("nowhere/file", folder.path("lost")).expect("a link");
    let said = folder.refused(&["table", "t.csv", "lost"]);
    assert!(said.contains("lost: cannot be written: "), "{said}");
}

#[test]
fn a_file_keeps_its_mode_and_its_owner() {
    let folder = Folder::new("output_mode");
    folder.file("t.csv", csv());
    let old = folder.path("old.bin");
    for mode in [0o640, 0o666, 0o700] {
        fs::write(&old, b"old").expect("a file");
        fs::set_permissions(&old, Permissions::from_mode(mode)).expect("a mode");
        folder.succeeds(&["table", "t.csv", "old.bin"]);
        assert_eq!(fs::read(&old).expect("a file"), binary());
        let after = fs::metadata(&old).expect("a file");
        assert_eq!(after.mode() & 0o7777, mode);
    }
    // A file that is new has the mode that any new file has.
    folder.succeeds(&["table", "t.csv", "new.bin"]);
    fs::write(folder.path("any"), b"").expect("a file");
    let mode = |name| fs::metadata(folder.path(name)).expect("a file").mode();
    assert_eq!(mode("new.bin"), mode("any"));
    if fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0) {
        std::os::unix::fs::chown(&old, Some(12345), Some(54321)).expect("root may");
        folder.succeeds(&["table", "t.csv", "old.bin"]);
        let after = fs::metadata(&old).expect("a file");
        assert_eq!((after.uid(), after.gid()), (12345, 54321));
    }
}

/// A file beside the output is its owner's, whatever it is called.
#[test]
fn nothing_beside_the_file_is_touched() {
    let folder = Folder::new("output_beside");
    folder.file("t.csv", csv());
    folder.file("t.bin.part", b"mine");
    folder.succeeds(&["table", "t.csv", "t.bin"]);
    assert_eq!(
        fs::read(folder.path("t.bin.part")).expect("a file"),
        b"mine"
    );
    assert_eq!(folder.names(), ["t.bin", "t.bin.part", "t.csv"]);
}

#[test]
fn an_output_that_is_an_input_is_refused_and_the_input_stays() {
    let folder = Folder::new("output_input");
    let image = |name| corpus::image(name).expect("a bundled image").bytes;
    let (v1, v2) = (image("c3_4k"), image("c3_4k_v2"));
    let flash = vec![0xFF; 0x9000];
    let files = [
        ("t.csv", csv()),
        ("v1.bin", v1),
        ("v2.bin", v2),
        ("flash.bin", &flash),
        ("shard.jsonl", b"{}\n"),
    ];
    for (name, bytes) in files {
        folder.file(name, bytes);
    }
    fs::hard_link(folder.path("t.csv"), folder.path("hard.csv")).expect("a hard link");
    symlink("t.csv", folder.path("soft.csv")).expect("a link");
    fs::create_dir(folder.path("sub")).expect("a folder");
    let own = [
        "sweep",
        "--table",
        "t.csv",
        "--running",
        "v1.bin",
        "--update",
        "v2.bin",
    ];
    let with = |more: &[&'static str]| [&own[..], more].concat();
    for args in [
        vec!["table", "t.csv", "t.csv"],
        vec!["table", "t.csv", "./sub/../t.csv"],
        vec!["table", "t.csv", "hard.csv"],
        vec!["table", "t.csv", "soft.csv"],
        vec!["table", "soft.csv", "hard.csv"],
        with(&["--json", "t.csv"]),
        with(&["--json", "v1.bin"]),
        with(&["--json", "v2.bin"]),
        vec!["sweep", "--dump", "flash.bin", "--json", "flash.bin"],
        vec!["merge", "shard.jsonl", "--json", "shard.jsonl"],
    ] {
        let said = folder.refused(&args);
        assert!(said.contains("is also an input"), "{said}");
        assert!(said.ends_with("exit 2\n"), "{said}");
        for (name, bytes) in files {
            assert_eq!(
                fs::read(folder.path(name)).expect("a file"),
                bytes,
                "{said}"
            );
        }
    }
    // Appended to, or written over, through standard output.
    let brownout = env!("CARGO_BIN_EXE_brownout");
    let output = Command::new("sh")
        .args(["-c", "\"$0\" table t.csv 1<> t.csv", brownout])
        .current_dir(&folder.0)
        .output()
        .expect("sh runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(folder.path("t.csv")).expect("a file"), csv());
}

#[test]
fn the_folder_for_cases_is_checked_before_the_run() {
    let folder = Folder::new("output_keep");
    folder.file("file", b"");
    for name in ["nowhere", "file"] {
        let said = folder.refused(&[&SWEEP[..], &["--keep", name]].concat());
        assert!(said.contains(&format!("{name}: ")), "{said}");
        assert!(said.ends_with("exit 2\n"), "{said}");
    }
    fs::create_dir(folder.path("cases")).expect("a folder");
    folder.succeeds(&[&SWEEP[..], &["--keep", "cases"]].concat());
    let kept = fs::read_dir(folder.path("cases")).expect("the folder");
    assert_ne!(kept.count(), 0, "the stock algorithm has windows");
}

/// A read-only file is not replaced, though its folder would let it be. Root may write to any file.
#[test]
fn a_file_that_may_not_be_written_is_not_replaced() {
    let folder = Folder::new("output_read_only");
    folder.file("t.csv", csv());
    folder.file("kept.bin", b"kept");
    let kept = folder.path("kept.bin");
    fs::set_permissions(&kept, Permissions::from_mode(0o444)).expect("a mode");
    if File::options().write(true).open(&kept).is_ok() {
        return;
    }
    let said = folder.refused(&["table", "t.csv", "kept.bin"]);
    assert!(said.contains("kept.bin: cannot be written: "), "{said}");
    assert_eq!(fs::read(&kept).expect("a file"), b"kept");
}
