//! `ota-core` on the simulated flash under criterion: an update, and the calls that it and a boot are made of.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;

use benches::device::{Case, Device, Erasing, Policy};
use benches::limit::PlainLoop;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fault_tests::ota::made;
use ota_core::chip::ESP32C3;
use ota_core::image::{Target, UnsignedVerifier, VerifyImage};
use ota_core::partition::PartitionTable;
use ota_core::{Region, partition::TABLE_LEN};
use sha2::{Digest, Sha256};
use sim_flash::{Flash, Profile, Recording};

const LEN: u32 = 1 << 20;
const CHUNK: u32 = 4096;

fn device(policy: Policy) -> Device {
    let case = Case {
        policy,
        erasing: Erasing::UpFront,
        chunk: CHUNK,
        len: LEN,
    };
    Device::flashed(&Profile::w25q64jv(), case).expect("a healthy flash")
}

/// `begin`, `write`, `end`, and what they cannot do without.
fn updates(criterion: &mut Criterion) {
    let image = made::image(LEN as usize, 1);
    let mut group = criterion.benchmark_group("update of 1 MiB");
    group.throughput(Throughput::Bytes(LEN.into()));
    for policy in Policy::ALL {
        let mut device = device(policy);
        group.bench_function(policy.name(), |bencher| {
            bencher.iter(|| device.download(&image, &mut 0).expect("a download"));
        });
    }
    let mut plain = PlainLoop::erased(image.len());
    group.bench_function("SHA-256 and AND-programming", |bencher| {
        bencher.iter(|| {
            plain.erase();
            let pieces = image.chunks(CHUNK as usize).enumerate();
            let legal = { pieces }.all(|(i, piece)| plain.program(i * CHUNK as usize, piece));
            (black_box(legal), Sha256::digest(&image))
        });
    });
    group.finish();
}

fn verification(criterion: &mut Criterion) {
    let image = made::image(LEN as usize, 1);
    let at = Region::new(0x2_0000, LEN);
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(Recording::Off);
    flash.state_mut().load(at.offset, &image);
    let mut buffer = vec![0; CHUNK as usize];
    let mut verifier = UnsignedVerifier::new(Target::new(&ESP32C3), &mut buffer).expect("4 KiB");
    let mut group = criterion.benchmark_group("verification of 1 MiB");
    group.throughput(Throughput::Bytes(LEN.into()));
    group.bench_function("ota-core", |bencher| {
        bencher.iter(|| verifier.verify(&mut flash, at).expect("it verifies"));
    });
    group.bench_function("SHA-256", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&image)));
    });
    group.finish();
}

/// Switches after which a new device takes over: otadata of w25q64jv bears 100,000 erases.
const LIFE: u32 = 10_000;

/// With images of 4 KiB, so that it is not their verification that is measured.
fn calls(criterion: &mut Criterion) {
    let small = made::image(4096, 1);
    let mut boots = criterion.benchmark_group("boot decision");
    for policy in Policy::ALL {
        let mut device = device(policy);
        boots.bench_function(policy.name(), |bencher| {
            bencher.iter(|| device.reboot().expect("it boots"));
        });
    }
    boots.finish();
    let mut commits = criterion.benchmark_group("otadata commit");
    for policy in Policy::ALL {
        let worked = RefCell::new((device(policy), 0));
        commits.bench_function(policy.name(), |bencher| {
            // A switch to the other slot each time: the last one is confirmed first.
            let prepare = || {
                let (device, switches) = &mut *worked.borrow_mut();
                if *switches == LIFE {
                    (*device, *switches) = (self::device(policy), 0);
                }
                *switches += 1;
                device.reboot().expect("it boots");
                device.confirm().expect("it is confirmed");
                device.download(&small, &mut 0).expect("a download")
            };
            let switch = |slot| {
                let (device, _) = &mut *worked.borrow_mut();
                device.set_boot_partition(&slot).expect("a switch");
            };
            bencher.iter_batched(prepare, switch, BatchSize::PerIteration);
        });
    }
    commits.finish();
    let table: [u8; TABLE_LEN] = *device(Policy::Stock).table();
    criterion.bench_function("partition-table parse", |bencher| {
        let size = Profile::w25q64jv().size();
        bencher.iter(|| {
            PartitionTable::for_bootloader(black_box(&table), size).map(|table| table.len())
        });
    });
}

/// Half a dozen seconds for each would be too long for all of them.
fn briefly() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group!(name = benches; config = briefly(); targets = updates, verification, calls);
criterion_main!(benches);
