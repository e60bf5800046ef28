//! `sim-flash` under criterion: programs, reads, snapshots, crash states.

use std::hint::black_box;
use std::time::Duration;

use benches::limit::PlainLoop;
use benches::workload::{self, LEN};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use embedded_storage::nor_flash::ReadNorFlash;
use sim_flash::{Flash, Profile, Recording};

fn programs(criterion: &mut Criterion) {
    let data = workload::data();
    let mut group = criterion.benchmark_group("erase and program 1 MiB");
    group.throughput(Throughput::Bytes(LEN.into()));
    for piece in [256, 4096] {
        for recording in [Recording::Off, Recording::Ops] {
            let mut flash = Flash::new(Profile::w25q64jv());
            flash.record(recording);
            group.bench_function(
                format!("sim-flash, {piece} B, trace {recording:?}"),
                |bencher| {
                    bencher.iter(|| {
                        flash.clear_trace();
                        workload::erase_and_program(&mut flash, &data, piece);
                    });
                },
            );
        }
        let mut plain = PlainLoop::erased(LEN as usize);
        group.bench_function(format!("plain loop, {piece} B"), |bencher| {
            bencher.iter(|| {
                plain.erase();
                data.chunks(piece)
                    .enumerate()
                    .all(|(i, data)| plain.program(i * piece, data))
            });
        });
    }
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let data = workload::data();
    let mut flash = Flash::new(Profile::w25q64jv());
    workload::erase_and_program(&mut flash, &data, 4096);
    let mut out = vec![0; LEN as usize];
    let mut group = criterion.benchmark_group("read 1 MiB");
    group.throughput(Throughput::Bytes(LEN.into()));
    group.bench_function("sim-flash", |bencher| {
        bencher.iter(|| flash.read(0, black_box(&mut out)).is_ok());
    });
    group.bench_function("memcpy", |bencher| {
        bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&data)));
    });
    group.finish();
}

fn states(criterion: &mut Criterion) {
    let base = workload::snapshot(&workload::data());
    criterion.bench_function("snapshot of 4 MiB", |bencher| {
        bencher.iter(|| black_box(base.clone()));
    });
    let mut group = criterion.benchmark_group("derive and hash every crash state");
    for (name, (op, list)) in [
        ("page", workload::torn_page()),
        ("sector", workload::torn_sector()),
    ] {
        group.throughput(Throughput::Elements(list.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| workload::derive_and_hash(&base, &op, &list));
        });
    }
    group.finish();
}

/// Flash mocks that others have published, at the same.
fn peers(criterion: &mut Criterion) {
    let data = workload::data();
    let mut group = criterion.benchmark_group("published mocks, 256 B");
    group.throughput(Throughput::Bytes(LEN.into()));
    for mut peer in benches::peers::all() {
        group.bench_function(peer.name(), |bencher| {
            bencher.iter(|| peer.erase_and_program(&data, 256));
        });
    }
    group.finish();
}

/// Half a dozen seconds for each would be too long for all of them.
fn briefly() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group!(name = benches; config = briefly(); targets = programs, reads, states, peers);
criterion_main!(benches);
