//! `brownout merge`.

use std::path::PathBuf;

use super::Usage;
use super::args::MergeArgs;
use super::stderr::errln;
use super::sweep::{Json, more};
use crate::sweep::{self, Show, Verdict};

pub(super) fn run(args: &MergeArgs) -> Result<u8, Usage> {
    let inputs: Vec<_> = args.files.iter().map(PathBuf::as_path).collect();
    let json = Json::prepare(args.json.as_deref(), &inputs)?;
    let report = match sweep::merge(&args.files) {
        Ok(report) => report,
        Err(gaps) => {
            for gap in gaps {
                errln!("brownout: {gap}");
            }
            let verdict = Verdict::Inconclusive;
            errln!("{verdict}: the shards do not make one sweep");
            return Ok(verdict.exit_code());
        }
    };
    let stdout = json.is_stdout();
    let show = Show {
        verbose: args.verbose,
        ..Show::default()
    };
    json.write(&report.shown(show), &report.json())?;
    if !stdout {
        more(&report, args.windows, args.coverage)?;
    }
    Ok(report.verdict().exit_code())
}
