//! `brownout adversary`.

use ota_core::hardened::Log;

use super::Usage;
use super::args::AdversaryArgs;
use super::stdout::out;
use crate::adversary::{self, Hunt};
use crate::ota::Policy;

const VIOLATED: u8 = 1;

pub(super) fn run(args: &AdversaryArgs) -> Result<u8, Usage> {
    if let Some(life) = &args.replay {
        let (told, holds) = adversary::replay(life);
        out!("{told}")?;
        return Ok(if holds { 0 } else { VIOLATED });
    }
    let logs: Result<Vec<Log>, Usage> = args.policy.iter().map(|policy| log(*policy)).collect();
    let logs = logs?;
    let hunt = Hunt {
        power_ons: args.power_ons,
        seed: args.seed,
        first: args.first,
        logs: if logs.is_empty() {
            adversary::LOGS.to_vec()
        } else {
            logs
        },
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs.map_or(0, usize::from))
        .build()
        .map_err(|error| Usage::new(format_args!("--jobs: no threads: {error}")))?;
    let report = pool.install(|| match args.sequences {
        Some(most) => adversary::every_sequence(most, args.first),
        None => adversary::hunt(&hunt),
    });
    out!("{report}")?;
    Ok(if report.passed() { 0 } else { VIOLATED })
}

fn log(policy: Policy) -> Result<Log, Usage> {
    match policy {
        Policy::Hardened(log) => Ok(log),
        other => Err(Usage::new(format_args!(
            "--policy {other}: found another policy, expected hardened or hardened-GROUPS-RESERVE"
        ))),
    }
}
