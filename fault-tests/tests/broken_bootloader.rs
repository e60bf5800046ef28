//! A broken boot selection turns the sweep red, with a case that a newcomer understands.

use fault_tests::case::{Timeline, replay};
use fault_tests::ota;
use fault_tests::property::Property;
use fault_tests::sweep::{SweepOptions, Verdict, sweep_one};
use fault_tests::zoo::crc_blind_bootloader;

/// A cut in the program of the new entry leaves a sequence number that nobody meant; only the CRC
/// tells. Without it, the entry sends the boot to a slot that was never switched to.
#[test]
fn a_bootloader_that_ignores_the_crc_is_caught() {
    let scenario = ota::find("three-slots").expect("a scenario");
    let options = SweepOptions {
        cuts: Some(1),
        ..SweepOptions::stock()
    };
    let mut setup = scenario.bundled(&options.profile);
    setup.device.bootloader = crc_blind_bootloader;
    // It tells more entries apart than the device says.
    setup.device.records.clear();
    let report = sweep_one(&options, scenario, &setup, &|_, _| {});
    assert_eq!(report.verdict, Verdict::Violated);
    let window = report
        .windows
        .iter()
        .find(|window| window.finding.property == Property::AtomicSwitch)
        .expect("the switch is no longer atomic");
    let replay = replay(
        &setup.device,
        &setup.profile,
        &setup.starts[0],
        &window.case.path,
        true,
    )
    .expect("the case replays");
    assert!(replay.shows(&window.finding));
    let text = format!(
        "{}\n\n{}\n{}\n",
        window.case,
        Timeline::new(&setup.device, &replay),
        window.finding
    );
    insta::assert_snapshot!("crc_blind_timeline", text);
}
