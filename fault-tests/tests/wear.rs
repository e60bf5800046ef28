//! P10, bounded wear, in the history without a cut: what an update costs, and that rest costs nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fault_tests::case::{Replay, replay};
use fault_tests::explore::Path;
use fault_tests::ota::{SCENARIOS, Setup};
use fault_tests::subject::{Event, Rest, Subject};
use sim_flash::{OpKind, Profile};

/// Erases of each sector, from the beginning of one update to that of the next.
type Erases = BTreeMap<u32, u32>;

/// The life of the device from this start on, without a cut, and where each of its updates begins: by
/// power-on and operation.
fn life(setup: &Setup, start: usize) -> (Replay, Vec<(usize, u32)>) {
    let (device, profile) = (&setup.device, &setup.profile);
    let life = replay(
        device,
        profile,
        &setup.starts[start],
        &Path::default(),
        true,
    )
    .expect("there is no cut");
    let begins = |(power_on, at): (usize, u32), name| {
        let download = matches!(name, "begin" | "resume");
        download.then_some((power_on, at))
    };
    let mut updates = Vec::new();
    for (power_on, step) in life.steps.iter().enumerate() {
        for entry in &step.entries {
            if let Event::Call { name, .. } = entry.event {
                updates.extend(begins((power_on, entry.at), name));
            }
        }
    }
    (life, updates)
}

/// The erases of each update, and first of what comes before any.
fn erases(life: &Replay, updates: &[(usize, u32)]) -> Vec<Erases> {
    let mut all = vec![Erases::new(); updates.len() + 1];
    for (power_on, step) in life.steps.iter().enumerate() {
        for (index, op) in (0..).zip(&step.ops) {
            let update = updates.partition_point(|begin| *begin <= (power_on, index));
            if op.kind() == OpKind::Erase {
                for sector in (op.addr()..op.addr() + op.len()).step_by(4096) {
                    *all[update].entry(sector).or_default() += 1;
                }
            }
        }
    }
    all
}

/// So often an update erases one sector, at most: of otadata, and of a slot.
#[test]
fn what_an_update_costs() {
    let mut table =
        String::from("scenario              starts  updates  otadata  slot  most in otadata\n");
    for scenario in SCENARIOS {
        let setup = scenario.bundled(&Profile::w25q64jv());
        let (mut updates, mut most, mut by) = (0, [0; 2], String::new());
        for start in 0..setup.starts.len() {
            let (life, begun) = life(&setup, start);
            updates += begun.len();
            let of_updates = erases(&life, &begun).into_iter().skip(1);
            for (sector, times) in of_updates.flatten() {
                let kind = usize::from(setup.device.place(sector).kind == "slot");
                if times > most[kind] && kind == 0 {
                    by.clone_from(&setup.starts[start].name);
                }
                most[kind] = most[kind].max(times);
            }
        }
        let [otadata, slot] = most;
        let starts = setup.starts.len();
        let name = scenario.name;
        let row = format!("{name:<22}{starts:>6}  {updates:>7}  {otadata:>7}  {slot:>4}  {by}");
        let _ = writeln!(table, "{}", row.trim_end());
    }
    insta::assert_snapshot!("update_costs", table);
}

/// A boot that finds nothing to do writes nothing, and every life but one comes to that.
#[test]
fn an_idle_boot_writes_nothing() {
    for scenario in SCENARIOS {
        let setup = scenario.bundled(&Profile::w25q64jv());
        for start in 0..setup.starts.len() {
            let (life, updates) = life(&setup, start);
            let name = format!("{}.{}", scenario.name, setup.starts[start].name);
            if setup.device.damaged.is_some() {
                // It is offered the same damaged image again and again.
                assert_eq!(updates.len(), life.steps.len(), "{name}");
                continue;
            }
            let last = life.steps.last().expect("a device that is switched on");
            assert_eq!(last.rest, Some(Rest::Idle), "{name}");
            for step in &life.steps {
                let mut entries = step.entries.iter();
                let called = entries.any(|entry| matches!(entry.event, Event::Call { .. }));
                let in_vain = step.before == step.after && !step.ops.is_empty();
                assert!(called || !in_vain, "{name} writes for nothing");
            }
            let rests = last.before == last.after;
            assert!(rests, "{name} does not come to rest");
        }
    }
}
