//! Mixed company: a stock bootloader that is started on the flash of a hardened device.

use fault_tests::ota::company::{Met, meet};
use fault_tests::ota::{self, Policy, SCENARIOS, Scenario};
use rayon::prelude::*;
use sim_flash::{Density, Level, Profile};

/// What it meets in a scenario; nothing if that is not one of the hardened policy's.
fn met(scenario: &Scenario, density: Density) -> Option<Met> {
    let setup = scenario.bundled(&Profile::w25q64jv());
    let setup = setup.under(Policy::default()).ok()?;
    let met = meet(&setup, Level::L2, density);
    assert!(
        met.findings.is_empty(),
        "{}: {:#?}",
        scenario.name,
        met.findings
    );
    assert!(
        met.after_cuts > 300 && met.at_rest > 1,
        "{}: {met:?}",
        scenario.name
    );
    Some(met)
}

/// After each cut it boots an image that was published; at rest the slot that our bootloader boots.
#[test]
fn a_stock_bootloader_boots_what_a_hardened_device_leaves() {
    let few = SCENARIOS
        .par_iter()
        .filter_map(|scenario| met(scenario, Density::Coarse));
    assert!(few.count() >= 9);
    let smallest = ota::find("smallest").expect("a scenario");
    let all = met(smallest, Density::Full).expect("a hardened device");
    assert!(all.after_cuts > 5_000, "{all:?}");
}
