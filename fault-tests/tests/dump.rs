//! Sweeps of a real device's flash dump.

mod command;

use std::path::Path;

use command::Folder;
use fault_tests::dump::{self, Call, DumpOptions, DumpReport, DumpSetup};
use fault_tests::input;
use fault_tests::property::Property;
use fault_tests::sweep::{SweepOptions, Verdict};
use ota_core::otadata::{Entry, OtaState};
use sim_flash::Profile;

/// Where `v02_two_ota` has its partitions.
const OTADATA: usize = 0xD000;
const FACTORY: usize = 0x1_0000;
const OTA_0: usize = 0x11_0000;
const OTA_1: usize = 0x21_0000;

fn image(name: &str) -> &'static [u8] {
    corpus::image(name).expect("a bundled image").bytes
}

fn put(flash: &mut [u8], at: usize, bytes: &[u8]) {
    flash[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A 4 MiB dump with an image in each slot, and these otadata entries.
fn flash(entries: &[Entry]) -> Vec<u8> {
    let mut flash = vec![0xFF; 4 << 20];
    let table = corpus::table("v02_two_ota").and_then(corpus::Table::binary);
    put(&mut flash, 0x8000, table.expect("a bundled table"));
    put(&mut flash, FACTORY, image("c3_4k"));
    put(&mut flash, OTA_0, image("c3_16k"));
    put(&mut flash, OTA_1, image("c3_secver3"));
    for (index, entry) in entries.iter().enumerate() {
        put(&mut flash, OTADATA + index * 0x1000, &entry.emit());
    }
    flash
}

fn new_entry() -> Vec<u8> {
    flash(&[Entry::new(1, OtaState::NEW)])
}

fn updated_twice() -> Vec<u8> {
    flash(&[
        Entry::new(1, OtaState::VALID),
        Entry::new(2, OtaState::VALID),
    ])
}

fn on_trial() -> Vec<u8> {
    flash(&[Entry::new(1, OtaState::VALID), Entry::new(2, OtaState::NEW)])
}

fn options(call: Call) -> DumpOptions {
    DumpOptions {
        call,
        slot: None,
        update: None,
        table_offset: 0x8000,
        chip: None,
        flash_size: None,
        rollback: true,
        profile: Profile::w25q64jv(),
    }
}

fn swept(dump: &[u8], options: &DumpOptions, cuts: u32) -> DumpReport {
    let path = Path::new("flash.bin");
    let setup = DumpSetup::new(path, dump, options).expect("a dump that can be swept");
    let sweep = SweepOptions {
        cuts: Some(cuts),
        ..SweepOptions::stock()
    };
    let mut report = dump::sweep(path, &setup, &sweep, &|_| {});
    report.sweep.scenarios[0].seconds = 0.0;
    report
}

fn outcomes(report: &DumpReport) -> Vec<&str> {
    report.outcomes.iter().map(|o| o.what.as_str()).collect()
}

/// The bootloader makes NEW to `PENDING_VERIFY` in place: the only entry is gone meanwhile.
#[test]
fn a_dump_with_one_new_entry_shows_the_known_window() {
    let report = swept(&new_entry(), &options(Call::Boot), 1);
    insta::assert_snapshot!(report);
    let scenario = &report.sweep.scenarios[0];
    let window = scenario.windows.iter().find(|window| {
        window
            .window
            .as_ref()
            .is_some_and(|w| w.transition == "erase otadata (NEW -> erased)")
    });
    let window = window.expect("the window is found");
    assert_eq!(window.finding.property, Property::Durability);
    assert!(window.known.is_some());
    assert_eq!(scenario.verdict, Verdict::Windows);
}

#[test]
fn a_confirmation_that_is_cut_leaves_the_old_image_or_the_new() {
    let report = swept(&on_trial(), &options(Call::Confirm), 2);
    insta::assert_snapshot!(report);
    assert_eq!(report.outcomes.len(), 2);
    assert!(report.outcomes.iter().any(|o| o.before && !o.after));
    assert!(report.outcomes.iter().any(|o| o.after && !o.before));
}

#[test]
fn an_update_that_is_cut_leaves_the_old_image_or_the_new() {
    let update = input::Firmware::new(Path::new("v2.bin"), image("c3_4k_v2").to_vec());
    let options = DumpOptions {
        update: Some(update.expect("a bundled image")),
        ..options(Call::Update)
    };
    let report = swept(&updated_twice(), &options, 1);
    assert_eq!(report.sweep.verdict(), Verdict::Windows);
    let scenario = &report.sweep.scenarios[0];
    assert!(scenario.counts.operations > 10);
    assert!(
        report.outcomes.iter().any(|o| o.after && o.states > 0),
        "{:?}",
        outcomes(&report)
    );
    let states: u64 = report.outcomes.iter().map(|o| o.states).sum();
    assert_eq!(
        states, scenario.counts.crash_states,
        "each state has one outcome"
    );
}

/// Erasing both entries one after the other: in between, the other one selects.
#[test]
fn a_factory_reset_that_is_cut_can_boot_a_third_image() {
    let dump = flash(&[
        Entry::new(3, OtaState::VALID),
        Entry::new(2, OtaState::VALID),
    ]);
    let report = swept(&dump, &options(Call::FactoryReset), 1);
    assert_eq!(report.sweep.verdict(), Verdict::Violated);
    let windows = &report.sweep.scenarios[0].windows;
    assert_eq!(windows[0].finding.property, Property::AtomicSwitch);
    assert_eq!(outcomes(&report).len(), 3, "{:?}", outcomes(&report));
}

#[test]
fn every_call_can_be_swept() {
    let mut said = String::new();
    for call in Call::ALL {
        use std::fmt::Write as _;

        let update = input::Firmware::new(Path::new("v2.bin"), image("c3_4k_v2").to_vec());
        let options = DumpOptions {
            update: (call == Call::Update).then(|| update.expect("a bundled image")),
            ..options(call)
        };
        let report = swept(&on_trial(), &options, 1);
        let returned = report.setup.returned.as_deref().unwrap_or("-");
        writeln!(said, "{call}: {} ({returned})", report.sweep.verdict()).unwrap();
        for outcome in &report.outcomes {
            writeln!(said, "  {}: {}", outcome.what, outcome.states).unwrap();
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_slot_can_be_selected_by_name() {
    for (slot, after) in [("factory", "factory runs "), ("ota_0", "ota_0 runs ")] {
        let options = DumpOptions {
            slot: Some(slot.into()),
            ..options(Call::Select)
        };
        let report = swept(&updated_twice(), &options, 1);
        assert!(report.setup.lives[1][0].starts_with(after), "{slot}");
        let case = report.outcomes[0].case.to_string();
        assert!(
            case.starts_with(&format!("bo1:dump-select.{slot}+")),
            "{case}"
        );
    }
}

/// A slot is also called by its label, as Arduino's tables do; the case names the slot.
#[test]
fn a_slot_can_be_selected_by_its_label() {
    let table = "otadata, data, ota, 0xe000, 0x2000\n\
                 app0, app, ota_0, 0x10000, 0x100000\n\
                 app1, app, ota_1, 0x110000, 0x100000\n";
    let path = Path::new("t.csv");
    let table = input::TableFile::new(
        path,
        table.as_bytes(),
        &fault_tests::partition_csv::Options::default(),
    );
    let mut dump = vec![0xFF; 4 << 20];
    put(&mut dump, 0x8000, &table.expect("a table").binary[..]);
    put(&mut dump, 0x1_0000, image("c3_4k"));
    put(&mut dump, 0x11_0000, image("c3_4k_v2"));
    let labelled = DumpOptions {
        slot: Some("app1".into()),
        ..options(Call::Select)
    };
    let report = swept(&dump, &labelled, 1);
    let case = report.outcomes[0].case.to_string();
    assert!(case.starts_with("bo1:dump-select.ota_1+"), "{case}");
    let unknown = DumpOptions {
        slot: Some("app2".into()),
        ..options(Call::Select)
    };
    let refused = DumpSetup::new(path, &dump, &unknown).expect_err("no such slot");
    assert!(
        refused
            .to_string()
            .ends_with("expected one of ota_0 (app0), ota_1 (app1)"),
        "{refused}"
    );
}

/// What the dump already does without any cut is no finding of the sweep.
#[test]
fn a_pointer_that_was_wrong_before_any_cut_is_not_blamed_on_one() {
    let mut dump = updated_twice();
    dump[OTA_1 + 0x900] ^= 1;
    let report = swept(&dump, &options(Call::Boot), 1);
    assert_eq!(outcomes(&report).len(), 1);
    assert_eq!(report.sweep.verdict(), Verdict::Pass);
}

#[test]
fn a_dump_may_end_early_and_have_any_size() {
    let mut dump = updated_twice();
    dump.truncate(OTA_1 + image("c3_secver3").len());
    let short = swept(&dump, &options(Call::Boot), 1);
    assert_eq!(short.setup.profile.size(), 4 << 20);
    assert!(
        short
            .to_string()
            .contains("of a flash of 4M; the rest is taken for erased")
    );
    let sixteen = DumpOptions {
        flash_size: Some(16 << 20),
        ..options(Call::Boot)
    };
    let report = swept(&dump, &sixteen, 1);
    assert_eq!(report.setup.profile.size(), 16 << 20);
    assert_ne!(report.setup.hash, short.setup.hash);
}

#[test]
fn a_case_of_a_dump_replays_with_the_dump() {
    let folder = Folder::new("dump_replay");
    let dump = folder.file("flash.bin", &new_entry());
    let output = folder.run(&["sweep", "--dump", dump, "--cuts", "1", "--json", "-"]);
    assert_eq!(output.status.code(), Some(0));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON object");
    let id = line["violations"][0]["case"].as_str().expect("a case");
    let outcome = line["outcomes"][0]["case"].as_str().expect("a case");
    assert!(id.starts_with("bo1:dump-boot+"), "{id}");
    let replay = |id: &str, more: &[&str]| {
        let output = folder.run(&[&["replay", id][..], more].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said, error)
    };
    let (code, said, _) = replay(id, &["--dump", dump]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("P3 (durability) violated"), "{said}");
    assert!(replay(outcome, &["--dump", dump]).1.contains("power-on b1"));
    let (code, _, error) = replay(id, &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("give the same --dump"), "{error}");
    let other = folder.file("other.bin", &updated_twice());
    let (code, _, error) = replay(id, &["--dump", other]);
    assert_eq!(code, Some(2));
    assert!(error.contains("found "), "{error}");
}

#[test]
fn dumps_that_cannot_be_swept_say_why() {
    let folder = Folder::new("bad_dumps");
    let good = folder.file("flash.bin", &updated_twice());
    let mut no_table = updated_twice();
    no_table[0x8000..0x9000].fill(0xFF);
    let mut text = no_table.clone();
    put(&mut text, 0x8000, b"text");
    let mut elsewhere = no_table.clone();
    let table = corpus::table("v02_two_ota").and_then(corpus::Table::binary);
    put(&mut elsewhere, 0xC000, table.expect("a bundled table"));
    let mut damaged_table = updated_twice();
    damaged_table[0x8000 + 40] ^= 0x10;
    let mut no_image = updated_twice();
    for slot in [FACTORY, OTA_0, OTA_1] {
        no_image[slot] = 0;
    }
    let mut said = String::new();
    for dump in [
        "nowhere.bin",
        folder.file("empty.bin", b""),
        folder.file("short.bin", &updated_twice()[..0x8400]),
        folder.file("no_table.bin", &no_table),
        folder.file("text.bin", &text),
        folder.file("elsewhere.bin", &elsewhere),
        folder.file("damaged_table.bin", &damaged_table),
        folder.file("no_image.bin", &no_image),
        folder.file("huge.bin", &vec![0xFF; (128 << 20) + 1]),
    ] {
        said.push_str(&folder.refused(&["sweep", "--dump", dump]));
    }
    let other_chip = folder.file("e32.bin", image("e32_4k"));
    let large = folder.file("text.txt", b"no image");
    for more in [
        &["--flash-size", "2"][..],
        &["--flash-size", "256"],
        &["--chip", "esp99"],
        &["--do", "update"],
        &["--do", "update", "--update", other_chip],
        &["--do", "update", "--update", large],
        &["--do", "confirm", "--update", other_chip],
        &["--do", "select", "--slot", "ota_7"],
        &["--do", "confirm", "--slot", "ota_0"],
        &["--do", "nonsense"],
        &["--profile", "esp32-encrypted"],
        &["--scenario", "first-update"],
    ] {
        said.push_str(&folder.refused(&[&["sweep", "--dump", good][..], more].concat()));
    }
    said.push_str(&folder.refused(&["sweep", "--do", "confirm"]));
    said.push_str(&folder.refused(&["sweep", "--update", other_chip]));
    insta::assert_snapshot!(said);
}
