//! `ota-core` on the simulated flash against the least that it has to do.

use std::hint::black_box;

use fault_tests::ota::made;
use ota_core::chip::ESP32C3;
use ota_core::image::{Target, UnsignedVerifier, VerifyImage};
use ota_core::partition::PartitionTable;
use sha2::{Digest, Sha256};
use sim_flash::{Flash, Profile, Recording};

use super::{Line, milliseconds, over};
use crate::device::{Bound, Case, Device, Erasing, Policy, SLOT, update};
use crate::limit::PlainLoop;
use crate::measure::{nanoseconds, side_by_side};

/// Bytes of the image.
const LEN: u32 = 1 << 20;
/// Bytes handed to each `write`.
const CHUNK: u32 = 4096;

const UPDATE: &str = "SHA-256 of the image, erasing and AND-programming it in a plain loop";

pub(super) fn measure(rounds: u32) -> Vec<Line> {
    let image = made::image(LEN as usize, 1);
    let case = |policy| Case {
        policy,
        erasing: Erasing::UpFront,
        chunk: CHUNK,
        len: LEN,
    };
    let mut lines = Vec::new();
    let mut worst = 0.0f64;
    for policy in Policy::ALL {
        let mut device = device(case(policy));
        let mut plain = PlainLoop::erased(image.len());
        let (ours, limit) = side_by_side(
            rounds,
            || _ = black_box(device.download(&image, &mut 0).expect("a download")),
            || least(&mut plain, &image),
        );
        let ratio = over(ours, limit);
        worst = worst.max(ratio);
        lines.push(Line {
            what: format!("update of 1 MiB on the host, {}", policy.name()),
            // Both must reach the goal, so the slower one is what is told.
            key: (policy == Policy::Hardened).then_some(("update_1mib_host", worst)),
            figure: format!(
                "{ratio:.2}: {} to {}",
                milliseconds(ours),
                milliseconds(limit)
            ),
            goal: "<= 1.25",
            limit: UPDATE.into(),
        });
    }
    lines.push(device_time(case(Policy::Hardened), &image));
    lines.extend(parts(rounds, &image));
    lines
}

fn device(case: Case) -> Device {
    let mut device = Device::flashed(&Profile::w25q64jv(), case).expect("a healthy flash");
    // Settles otadata.
    device.reboot().expect("it boots");
    device
}

/// What no update can do without.
fn least(plain: &mut PlainLoop, image: &[u8]) {
    plain.erase();
    let mut legal = true;
    for (at, piece) in (0..)
        .step_by(CHUNK as usize)
        .zip(image.chunks(CHUNK as usize))
    {
        legal &= plain.program(at, piece);
    }
    assert!(black_box(legal), "erased before");
    black_box(Sha256::digest(image));
}

#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
fn device_time(case: Case, image: &[u8]) -> Line {
    let profile = Profile::w25q64jv();
    let cost = update(&profile, case, image).expect("the update fits");
    let bound = Bound::of(&profile, SLOT..SLOT + LEN, LEN).total();
    let ratio = cost.time() as f64 / bound as f64;
    Line {
        what: "update of 1 MiB on w25q64jv, hardened".into(),
        key: Some(("update_1mib_device", ratio)),
        figure: format!(
            "{ratio:.3}: {} to {} ms",
            cost.time() / 1_000_000,
            bound / 1_000_000
        ),
        goal: "<= 1.02",
        limit: "device time: cheapest erases, whole pages, one read, one switch".into(),
    }
}

/// The calls of which an update, and a boot, are made.
fn parts(rounds: u32, image: &[u8]) -> Vec<Line> {
    let line = |what: &str, nanoseconds: f64, limit: &str| Line {
        what: what.into(),
        key: None,
        figure: format!("{:.1} us", nanoseconds / 1e3),
        goal: "",
        limit: limit.into(),
    };
    let mut lines = Vec::new();
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(Recording::Off);
    flash.state_mut().load(SLOT, image);
    let mut buffer = vec![0; CHUNK as usize];
    let mut verifier = UnsignedVerifier::new(Target::new(&ESP32C3), &mut buffer).expect("4 KiB");
    let region = ota_core::Region::new(SLOT, LEN);
    let (ours, hash) = side_by_side(
        rounds,
        || _ = black_box(verifier.verify(&mut flash, region).expect("it verifies")),
        || _ = black_box(Sha256::digest(image)),
    );
    lines.push(Line {
        what: "image verification, 1 MiB".into(),
        key: None,
        figure: format!(
            "{:.2}: {} to {}",
            over(ours, hash),
            milliseconds(ours),
            milliseconds(hash)
        ),
        goal: "",
        limit: "SHA-256 of the image".into(),
    });
    for policy in Policy::ALL {
        let mut device = device(Case {
            policy,
            erasing: Erasing::UpFront,
            chunk: CHUNK,
            len: LEN,
        });
        let boot = nanoseconds(rounds, 1, || device.reboot().expect("it boots"));
        let what = format!("boot decision of 4 KiB, {}", policy.name());
        lines.push(line(
            &what,
            boot,
            "its table, otadata and image are read, and verified",
        ));
    }
    lines.extend(commits(rounds).map(|(what, time)| {
        let limit = "otadata is switched, and the image of 4 KiB verified";
        line(&what, time, limit)
    }));
    let table = *device(Case {
        policy: Policy::Stock,
        erasing: Erasing::UpFront,
        chunk: CHUNK,
        len: LEN,
    })
    .table();
    let size = Profile::w25q64jv().size();
    let parse = nanoseconds(rounds, 1, || {
        let table = PartitionTable::for_bootloader(black_box(&table), size);
        assert_eq!(table.map(|table| table.len()), Ok(3));
    });
    lines.push(line(
        "partition-table parse, 3 rows",
        parse,
        "MD5 of the rows",
    ));
    lines
}

/// Switching from slot to slot, under each policy.
fn commits(rounds: u32) -> impl Iterator<Item = (String, f64)> {
    Policy::ALL.into_iter().map(move |policy| {
        let mut device = device(Case {
            policy,
            erasing: Erasing::UpFront,
            chunk: CHUNK,
            len: 0x1_0000,
        });
        let image = made::image(4096, 1);
        let mut best = f64::MAX;
        // Each is a switch of a confirmed image to another.
        for _ in 0..rounds {
            let slot = device.download(&image, &mut 0).expect("a download");
            let switch = nanoseconds(1, 1, || device.set_boot_partition(&slot).expect("a switch"));
            best = best.min(switch);
            device
                .boot()
                .and_then(|()| device.confirm())
                .expect("it runs");
        }
        (format!("otadata commit, {}", policy.name()), best)
    })
}
