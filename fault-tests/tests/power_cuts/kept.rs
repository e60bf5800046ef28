//! Cases are kept, replayed first, and told when they are asked for.

use std::process::Command;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use fault_tests::power_cuts::{Checked, Story};
use fault_tests::{DeviceFlash, PowerCuts, Profile, infallible};
use sim_flash::Sectors256;

use super::folder;

/// A byte, erased and written.
fn byte(name: &str, folder: std::path::PathBuf) -> Result<Checked, Box<Story>> {
    PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<DeviceFlash<Sectors256>>)
        .operations([1, 2, 3])
        .apply(|flash, value| {
            flash.erase(0, 256)?;
            flash.write(0, &[*value])
        })
        .read(|flash| {
            let mut byte = [0];
            flash.read(0, &mut byte).map(|()| byte[0])
        })
        .model(0xFF, |byte, value| *byte = *value)
        .without_usual_starts()
        .aged(2)
        .named(name)
        .kept_in(folder)
        .verdict()
}

#[test]
fn a_kept_case_is_replayed_before_anything_else() {
    let folder = folder("kept");
    let first = byte("kept_case", folder.clone()).unwrap_err();
    let file = folder.join("kept_case.case");
    let text = std::fs::read_to_string(&file).expect("the case is kept");
    assert!(text.contains(first.id()), "{text}");
    let again = byte("kept_case", folder).unwrap_err();
    assert_eq!(again.id(), first.id());
    assert!(
        again.to_string().contains("since an earlier run"),
        "{again}"
    );
    let unchanged = std::fs::read_to_string(&file).expect("it is still there");
    assert_eq!(text, unchanged);
}

#[test]
fn a_file_that_is_no_case_is_refused_with_its_line() {
    let folder = folder("no_case");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("no_case.case"),
        "# a comment\n\nid = nonsense\n",
    )
    .unwrap();
    let refused = std::panic::catch_unwind(|| byte("no_case", folder)).unwrap_err();
    let refused = refused.downcast_ref::<String>().expect("a message");
    assert!(
        refused.contains("no_case.case: line 3: not a case id"),
        "{refused}"
    );
}

#[test]
fn the_cases_of_another_test_of_this_name_are_refused() {
    let folder = folder("other");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("other.case"),
        "# of a test in src/elsewhere.rs\n",
    )
    .unwrap();
    let refused = std::panic::catch_unwind(|| byte("other", folder)).unwrap_err();
    let refused = refused.downcast_ref::<String>().expect("a message");
    assert!(
        refused.contains("found cases of a test in src/elsewhere.rs"),
        "{refused}"
    );
}

/// Made by the other tests of this file, in a process of its own.
#[test]
#[ignore = "fails, as it should: see the_environment_asks_for_a_case"]
fn a_byte_survives_power_cuts() {
    if let Err(story) = byte("a_byte_survives", folder("asked")) {
        panic!("{story}");
    }
}

fn asked(variable: &str, value: &str) -> String {
    let exe = std::env::current_exe().expect("this test has a file");
    let output = Command::new(exe)
        .args([
            "--exact",
            "kept::a_byte_survives_power_cuts",
            "--ignored",
            "--nocapture",
        ])
        .env(variable, value)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("this test can be run");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn the_environment_asks_for_a_case() {
    let story = byte("a_byte_survives", folder("asking")).unwrap_err();
    let told = asked("BROWNOUT_REPLAY", story.id());
    assert!(told.contains("** POWER CUT in erase"), "{told}");
    assert!(!told.contains("found at"), "nothing is explored: {told}");
    let other = story.id().replace("a_byte_survives", "another_test");
    let told = asked("BROWNOUT_REPLAY", &other);
    assert!(told.contains("1 passed"), "{told}");
    let told = asked("BROWNOUT_REPLAY", "bo1:nonsense");
    assert!(told.contains("BROWNOUT_REPLAY: not a case id"), "{told}");
    let told = asked("BROWNOUT_EFFORT", "some");
    assert!(
        told.contains("found \"some\", expected quick or full"),
        "{told}"
    );
}
