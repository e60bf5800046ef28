//! The core answers the bundled vectors as ESP-IDF's own code did, and a run notices when it does
//! not.

use std::fs;
use std::path::{Path, PathBuf};

use fault_tests::conform::{ConformOptions, ConformReport, run};
use fault_tests::input::InputError;

/// A folder with the bundled vectors, in which single files can be replaced.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        for file in corpus::vectors() {
            let first = file.text.lines().next().unwrap();
            fs::write(path.join(file.name), first).unwrap();
        }
        Self(path)
    }

    fn with(self, file: &str, text: &str) -> Self {
        fs::write(self.0.join(file), text).unwrap();
        self
    }

    fn run(&self) -> Result<ConformReport, InputError> {
        run(&ConformOptions {
            vectors: Some(self.0.clone()),
            ..ConformOptions::default()
        })
    }

    /// What is said of the folder, with its path taken out.
    fn error(&self) -> String {
        self.without_path(&self.run().unwrap_err().to_string())
    }

    fn without_path(&self, text: &str) -> String {
        text.replace(self.0.to_str().unwrap(), "DIR")
    }
}

#[test]
fn the_core_answers_every_bundled_vector_as_the_reference_does() {
    let report = run(&ConformOptions::default()).unwrap();
    assert!(report.passed(), "{report}");
    insta::assert_snapshot!(report);
}

#[test]
fn only_overflows_are_deliberate_differences() {
    let report = run(&ConformOptions::default()).unwrap();
    for file in &report.files {
        for deliberate in &file.deliberate {
            assert!(
                deliberate.reason.contains("no sequence number is left"),
                "{deliberate:?}"
            );
        }
    }
}

/// Changes one answer at a time in real vectors: each must be noticed.
#[test]
fn every_changed_answer_is_a_mismatch() {
    let changes = [
        ("otadata.jsonl", "\"valid\": [true", "\"valid\": [false"),
        ("otadata.jsonl", "\"invalid\": [false", "\"invalid\": [true"),
        ("otadata.jsonl", "\"active\": 1", "\"active\": 0"),
        ("otadata.jsonl", "\"rc\": \"booted\"", "\"rc\": \"reset\""),
        ("otadata.jsonl", "\"boot_index\": 0", "\"boot_index\": 1"),
        (
            "otadata.jsonl",
            "\"booted\": \"ota_0\"",
            "\"booted\": \"ota_1\"",
        ),
        ("otadata.jsonl", "\"tried\": [\"ota_0\", ", "\"tried\": ["),
        (
            "otadata.jsonl",
            "\"otadata_ops\": []",
            "\"otadata_ops\": [[\"erase\", 0]]",
        ),
        (
            "otadata.jsonl",
            "\"app_slot_count\": ",
            "\"app_slot_count\": 1",
        ),
        (
            "otadata.jsonl",
            "\"app_boot_partition\": \"ota_0\"",
            "\"app_boot_partition\": null",
        ),
        (
            "otadata.jsonl",
            "\"get_state\": {\"ota_0\": [\"0x0\"",
            "\"get_state\": {\"ota_0\": [\"0x1\"",
        ),
        ("otadata.jsonl", "\"sector\": 1", "\"sector\": 0"),
        (
            "otadata.jsonl",
            "[[\"erase\", 1], [\"write\", 1]]",
            "[[\"write\", 1], [\"erase\", 1]]",
        ),
        ("otadata.jsonl", "\"seq\": 1", "\"seq\": 9"),
        ("otadata.jsonl", "\"state\": 0", "\"state\": 2"),
        ("otadata.jsonl", "\"crc\": 1", "\"crc\": 2"),
        (
            "otadata.jsonl",
            "\"mark_valid\": {\"rc\": \"0x0\"",
            "\"mark_valid\": {\"rc\": \"0x105\"",
        ),
        ("otadata.jsonl", "\"efuse_after\": ", "\"efuse_after\": 1"),
        ("image.jsonl", "ESP_OK", "ESP_FAIL"),
        ("image.jsonl", "\"image_len\": 4096", "\"image_len\": 4095"),
        ("table.jsonl", "ESP_ERR_INVALID_STATE", "ESP_OK"),
        ("table.jsonl", "\"count\": 3", "\"count\": 4"),
    ];
    for (name, from, to) in changes {
        let vectors = corpus::vectors()
            .iter()
            .find(|file| file.name == name)
            .unwrap();
        let line = vectors
            .text
            .lines()
            .find(|line| line.contains(from))
            .unwrap_or_else(|| panic!("no vector has {from}"));
        let folder = Folder::new("every_changed_answer").with(name, &line.replacen(from, to, 1));
        let report = folder.run().unwrap();
        assert!(!report.passed(), "{name}: {from} to {to} went unnoticed");
    }
}

#[test]
fn a_mismatch_names_the_vector_and_the_field() {
    let line = r#"{"id": 7, "base": "v02_two_ota.bin", "patch": [[0, "ff"]], "flash_size": 4194304, "rc": "ESP_OK", "count": 6, "note": ""}"#;
    let folder = Folder::new("a_mismatch").with("table.jsonl", line);
    let report = folder.run().unwrap();
    insta::assert_snapshot!(folder.without_path(&report.files[2].to_string()));
}

/// A table file can end at its last row; on the device erased flash follows, which ends the table.
#[test]
fn a_table_shorter_than_its_sector_is_followed_by_erased_flash() {
    let line = r#"{"id": 7, "base": "short.bin", "patch": [], "flash_size": 4194304, "rc": "ESP_OK", "count": 6, "note": ""}"#;
    let folder = Folder::new("a_short_table").with("table.jsonl", line);
    let table = corpus::table("v02_two_ota").unwrap().binary().unwrap();
    fs::write(folder.0.join("short.bin"), &table[..7 * 32]).unwrap();
    let report = run(&ConformOptions {
        vectors: Some(folder.0.clone()),
        tables: Some(folder.0.clone()),
        images: None,
    });
    assert!(report.as_ref().unwrap().passed(), "{}", report.unwrap());
}

#[test]
fn null_says_no_more_than_a_field_left_out() {
    let otadata = corpus::vectors()
        .iter()
        .find(|file| file.name == "otadata.jsonl")
        .and_then(|file| file.text.lines().find(|line| line.contains("\"test\": 4}")))
        .unwrap();
    let nulls = otadata.replacen(
        "\"secure_version\": {",
        "\"secure_version\": {\"test\": null, ",
        1,
    );
    let nulls = nulls.replacen(", \"test\": 4}", "}", 1);
    let start = nulls.find("\"set_boot_partition\": ").unwrap();
    let end = nulls.find("\"mark_valid\"").unwrap();
    let nulls = format!(
        "{}\"set_boot_partition\": null, {}",
        &nulls[..start],
        &nulls[end..]
    );
    let image = r#"{"id": 1, "base": "c3_4k.bin", "patch": null, "truncate": null, "part_size": 65536, "part_offset": 65536, "rc": "ESP_OK", "image_len": 4096, "note": null}"#;
    let folder = Folder::new("null_fields")
        .with("otadata.jsonl", &nulls)
        .with("image.jsonl", image);
    // The vector is another one now; what matters is that it is read.
    assert_eq!(folder.run().unwrap().vectors(), 3);
}

#[test]
fn bad_vectors_are_named_with_file_and_line() {
    let mut texts = Vec::new();
    let table = r#"{"id": 7, "base": "v02_two_ota.bin", "patch": [], "flash_size": 4194304, "rc": "ESP_OK", "count": 6, "note": ""}"#;
    let image = corpus::vectors()[1].text.lines().next().unwrap();
    for (file, text) in [
        ("table.jsonl", "{\"id\": 1"),
        ("table.jsonl", ""),
        ("table.jsonl", &format!("{table}\n\n{table},")),
        (
            "table.jsonl",
            &table.replace("\"count\": 6", "\"count\": 6, \"extra\": 1"),
        ),
        ("table.jsonl", &table.replace("\"rc\": \"ESP_OK\", ", "")),
        ("table.jsonl", &table.replace("v02_two_ota", "v99")),
        (
            "table.jsonl",
            &table.replace("v02_two_ota.bin", "../v02_two_ota.bin"),
        ),
        ("table.jsonl", &table.replace("[]", "[[0, \"f\"]]")),
        (
            "table.jsonl",
            &table.replace("[]", "[[99999999999, \"ff\"]]"),
        ),
        ("image.jsonl", table),
        (
            "image.jsonl",
            &image.replace("\"id\": 0", "\"id\": 0, \"chip\": \"esp33\""),
        ),
        (
            "otadata.jsonl",
            &corpus::vectors()[0]
                .text
                .lines()
                .next()
                .unwrap()
                .replacen("ffff", "ff", 1),
        ),
    ] {
        texts.push(Folder::new("bad_vectors").with(file, text).error());
    }
    let folder = Folder::new("bad_vectors");
    fs::remove_file(folder.0.join("image.jsonl")).unwrap();
    texts.push(folder.error());
    texts.push(
        Folder::new("bad_vectors")
            .with("image.jsonl", "\u{feff}")
            .error(),
    );
    fs::write(folder.0.join("image.jsonl"), b"{}\n\xff").unwrap();
    texts.push(folder.error());
    insta::assert_snapshot!(texts.join("\n"));
}
