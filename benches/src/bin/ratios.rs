//! How close `sim-flash` comes to what the machine can do, measured side by side in one process.

use std::hint::black_box;

use benches::limit::{ByteMock, PlainLoop};
use benches::measure::{nanoseconds, side_by_side};
use benches::workload::{self, LEN};
use clap::Parser;
use embedded_storage::nor_flash::ReadNorFlash;
use serde::Serialize;
use sim_flash::{Flash, Profile, Recording};

/// How close sim-flash comes to what the machine can do.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each thing is measured; the best time counts.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

/// Ratios are our throughput divided by that of the limit: 1.0 is the limit.
#[derive(Serialize)]
struct Ratios {
    program_256: f64,
    program_4k: f64,
    program_256_traced: f64,
    program_4k_traced: f64,
    read: f64,
    snapshot_4mib_ns: f64,
    derive_and_hash_ns: f64,
}

struct Line {
    what: &'static str,
    figure: String,
    goal: &'static str,
    limit: &'static str,
}

fn main() -> Result<(), serde_json::Error> {
    let args = Args::parse();
    let mut lines = Vec::new();
    let ratios = measure(args.rounds, &mut lines);
    if args.json {
        println!("{}", serde_json::to_string(&ratios)?);
        return Ok(());
    }
    println!("{:<34} {:<34} {:<10} limit", "what", "measured", "goal");
    for Line {
        what,
        figure,
        goal,
        limit,
    } in lines
    {
        println!("{what:<34} {figure:<34} {goal:<10} {limit}");
    }
    Ok(())
}

const LOOP: &str = "fill, check 0 to 1 without branches, AND: memory bandwidth";

fn measure(rounds: u32, lines: &mut Vec<Line>) -> Ratios {
    let data = workload::data();
    let mut program = |piece: usize, recording: Recording, what, goal| {
        let mut flash = Flash::new(Profile::w25q64jv());
        flash.record(recording);
        let mut plain = PlainLoop::erased(LEN as usize);
        let (ours, limit) = side_by_side(
            rounds,
            || {
                flash.clear_trace();
                workload::erase_and_program(&mut flash, &data, piece);
            },
            || {
                plain.erase();
                let mut legal = true;
                for (i, piece_data) in data.chunks(piece).enumerate() {
                    legal &= plain.program(i * piece, piece_data);
                }
                assert!(black_box(legal), "erased before");
            },
        );
        let ratio = limit.as_secs_f64() / ours.as_secs_f64();
        let figure = format!("{ratio:.2}: {} of {} GiB/s", rate(ours), rate(limit));
        lines.push(Line {
            what,
            figure,
            goal,
            limit: LOOP,
        });
        ratio
    };
    let program_256 = program(256, Recording::Off, "erase, program in 256 B", ">= 0.5");
    let program_4k = program(4096, Recording::Off, "erase, program in 4 KiB", ">= 0.5");
    let program_256_traced = program(256, Recording::Ops, "the same in 256 B, traced", ">= 0.25");
    let program_4k_traced = program(4096, Recording::Ops, "the same in 4 KiB, traced", ">= 0.25");
    mock(rounds, &data, lines);

    let mut flash = Flash::new(Profile::w25q64jv());
    workload::erase_and_program(&mut flash, &data, 4096);
    let (mut ours, mut copy) = (vec![0; LEN as usize], vec![0; LEN as usize]);
    let (read, memcpy) = side_by_side(
        rounds,
        || {
            assert!(flash.read(0, &mut ours).is_ok(), "a healthy flash");
            black_box(&mut ours);
        },
        || {
            copy.copy_from_slice(black_box(&data));
            black_box(&mut copy);
        },
    );
    let ratio = memcpy.as_secs_f64() / read.as_secs_f64();
    let figure = format!("{ratio:.2}: {} of {} GiB/s", rate(read), rate(memcpy));
    lines.push(Line {
        what: "read 1 MiB",
        figure,
        goal: ">= 0.5",
        limit: "memcpy: memory bandwidth",
    });

    let base = workload::snapshot(&data);
    let snapshot = nanoseconds(rounds, 1_000, || {
        (0..1_000).for_each(|_| drop(black_box(base.clone())));
    });
    let figure = format!("{snapshot:.0} ns");
    lines.push(Line {
        what: "snapshot of 4 MiB",
        figure,
        goal: "< 1000 ns",
        limit: "an atomic increment and a decrement",
    });

    let derive = |(op, list): (sim_flash::Op, Vec<sim_flash::Tear>)| {
        nanoseconds(rounds, list.len(), || {
            workload::derive_and_hash(&base, &op, &list);
        })
    };
    let (page, sector) = (
        derive(workload::torn_page()),
        derive(workload::torn_sector()),
    );
    for (what, time) in [
        ("derive and hash, torn page", page),
        ("derive and hash, torn sector", sector),
    ] {
        let limit = "copy 4 KiB, hash what changed at 4 ns per 32 bytes";
        lines.push(Line {
            what,
            figure: format!("{time:.0} ns"),
            goal: "< 2000 ns",
            limit,
        });
    }
    Ratios {
        program_256,
        program_4k,
        program_256_traced,
        program_4k_traced,
        read: ratio,
        snapshot_4mib_ns: snapshot,
        // Pages and sectors alike.
        derive_and_hash_ns: f64::midpoint(page, sector),
    }
}

/// For comparison only: what mocks usually look like.
fn mock(rounds: u32, data: &[u8], lines: &mut Vec<Line>) {
    let mut mock = ByteMock::erased(LEN as usize);
    let time = nanoseconds(rounds, 1, || {
        mock.erase();
        let legal = data
            .chunks(256)
            .enumerate()
            .all(|(i, piece)| mock.program(i * 256, piece));
        assert!(black_box(legal), "erased before");
    });
    let figure = format!("      {:.2} GiB/s", gib_per_second(time * 1e-9));
    lines.push(Line {
        what: "(a mock, byte by byte)",
        figure,
        goal: "",
        limit: "for comparison",
    });
}

fn rate(time: std::time::Duration) -> String {
    format!("{:.1}", gib_per_second(time.as_secs_f64()))
}

fn gib_per_second(seconds: f64) -> f64 {
    f64::from(LEN) / f64::from(1 << 30) / seconds
}
