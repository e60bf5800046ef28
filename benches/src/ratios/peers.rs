//! The simulated flash against mocks that others have published.

use std::hint::black_box;

use sim_flash::{Flash, Profile, Recording};

use super::{Line, over, rate};
use crate::measure::side_by_side;
use crate::{peers, workload};

/// How many times as fast as each mock the simulated flash is at erasing and programming.
pub(super) fn measure(rounds: u32) -> Vec<Line> {
    let data = workload::data();
    let mut flash = Flash::new(Profile::w25q64jv());
    flash.record(Recording::Off);
    let line = |mut peer: Box<dyn peers::Peer>| {
        let (ours, theirs) = side_by_side(
            rounds.div_ceil(4),
            || workload::erase_and_program(&mut flash, &data, 256),
            || {
                let legal = peer.erase_and_program(&data, 256);
                assert!(black_box(legal), "erased before");
            },
        );
        let ratio = over(theirs, ours);
        Line {
            what: format!("{}, 256 B", peer.name()),
            key: Some((peer.key(), ratio)),
            figure: format!("{ratio:.2}: {} to {} GiB/s", rate(ours), rate(theirs)),
            goal: "",
            limit: format!("sim-flash over it; it checks: {}", peer.checks()),
        }
    };
    peers::all().into_iter().map(line).collect()
}
