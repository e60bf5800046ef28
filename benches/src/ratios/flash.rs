//! The simulated flash against what the machine can do.

use std::hint::black_box;

use embedded_storage::nor_flash::ReadNorFlash;
use sim_flash::{Flash, Op, Profile, Recording, Tear};

use super::{Line, gib_per_second, over, rate};
use crate::limit::{ByteMock, PlainLoop};
use crate::measure::{nanoseconds, side_by_side};
use crate::workload::{self, LEN};

const LOOP: &str = "fill, check 0 to 1 without branches, AND: memory bandwidth";

/// Ratios are our throughput divided by that of the limit: 1.0 is the limit.
pub(super) fn measure(rounds: u32) -> Vec<Line> {
    let data = workload::data();
    let mut lines: Vec<Line> = [
        (
            "program_256",
            256,
            Recording::Off,
            "erase, program in 256 B",
            ">= 0.5",
        ),
        (
            "program_4k",
            4096,
            Recording::Off,
            "erase, program in 4 KiB",
            ">= 0.5",
        ),
        (
            "program_256_traced",
            256,
            Recording::Ops,
            "the same in 256 B, traced",
            ">= 0.25",
        ),
        (
            "program_4k_traced",
            4096,
            Recording::Ops,
            "the same in 4 KiB, traced",
            ">= 0.25",
        ),
    ]
    .into_iter()
    .map(|(key, piece, recording, what, goal)| {
        let (ours, limit) = program(rounds, &data, piece, recording);
        let ratio = over(limit, ours);
        Line {
            what: what.into(),
            key: Some((key, ratio)),
            figure: format!("{ratio:.2}: {} of {} GiB/s", rate(ours), rate(limit)),
            goal,
            limit: LOOP.into(),
        }
    })
    .collect();
    lines.push(mock(rounds, &data));
    lines.push(read(rounds, &data));
    lines.extend(states(rounds, &data));
    lines
}

fn program(
    rounds: u32,
    data: &[u8],
    piece: usize,
    recording: Recording,
) -> (std::time::Duration, std::time::Duration) {
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(recording);
    let mut plain = PlainLoop::erased(LEN as usize);
    side_by_side(
        rounds,
        || {
            flash.clear_trace();
            workload::erase_and_program(&mut flash, data, piece);
        },
        || {
            plain.erase();
            let mut legal = true;
            for (i, piece_data) in data.chunks(piece).enumerate() {
                legal &= plain.program(i * piece, piece_data);
            }
            assert!(black_box(legal), "erased before");
        },
    )
}

fn read(rounds: u32, data: &[u8]) -> Line {
    let mut flash = Flash::new(Profile::w25q64jv());
    workload::erase_and_program(&mut flash, data, 4096);
    let (mut ours, mut copy) = (vec![0; LEN as usize], vec![0; LEN as usize]);
    let (read, memcpy) = side_by_side(
        rounds,
        || {
            assert!(flash.read(0, &mut ours).is_ok(), "a healthy flash");
            black_box(&mut ours);
        },
        || {
            copy.copy_from_slice(black_box(data));
            black_box(&mut copy);
        },
    );
    let ratio = over(memcpy, read);
    Line {
        what: "read 1 MiB".into(),
        key: Some(("read", ratio)),
        figure: format!("{ratio:.2}: {} of {} GiB/s", rate(read), rate(memcpy)),
        goal: ">= 0.5",
        limit: "memcpy: memory bandwidth".into(),
    }
}

/// Snapshots, and the states that cuts leave.
fn states(rounds: u32, data: &[u8]) -> Vec<Line> {
    let base = workload::snapshot(data);
    let nanoseconds_line = |what: &str, key, time: f64, goal, limit: &str| Line {
        what: what.into(),
        key,
        figure: format!("{time:.0} ns"),
        goal,
        limit: limit.into(),
    };
    let snapshot = nanoseconds(rounds, 1_000, || {
        (0..1_000).for_each(|_| drop(black_box(base.clone())));
    });
    let derive = |(op, list): (Op, Vec<Tear>)| {
        nanoseconds(rounds, list.len(), || {
            workload::derive_and_hash(&base, &op, &list);
        })
    };
    let (page, sector) = (
        derive(workload::torn_page()),
        derive(workload::torn_sector()),
    );
    // Pages and sectors alike.
    let both = f64::midpoint(page, sector);
    let (goal, limit) = (
        "< 2000 ns",
        "copy 4 KiB, hash what changed at 4 ns per 32 bytes",
    );
    vec![
        nanoseconds_line(
            "snapshot of 4 MiB",
            Some(("snapshot_4mib_ns", snapshot)),
            snapshot,
            "< 1000 ns",
            "an atomic increment and a decrement",
        ),
        nanoseconds_line(
            "derive and hash, torn page",
            Some(("derive_and_hash_ns", both)),
            page,
            goal,
            limit,
        ),
        nanoseconds_line("derive and hash, torn sector", None, sector, goal, limit),
    ]
}

/// For comparison only: what mocks usually look like.
fn mock(rounds: u32, data: &[u8]) -> Line {
    let mut mock = ByteMock::erased(LEN as usize);
    let time = nanoseconds(rounds, 1, || {
        mock.erase();
        let legal = data
            .chunks(256)
            .enumerate()
            .all(|(i, piece)| mock.program(i * 256, piece));
        assert!(black_box(legal), "erased before");
    });
    let time = std::time::Duration::from_secs_f64(time * 1e-9);
    Line {
        what: "(a mock, byte by byte)".into(),
        key: None,
        figure: format!("      {:.2} GiB/s", gib_per_second(time)),
        goal: "",
        limit: "for comparison".into(),
    }
}
