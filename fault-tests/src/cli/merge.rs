//! `brownout merge`.

use super::Usage;
use super::args::MergeArgs;
use super::stderr::errln;
use super::sweep::{Json, more};
use crate::sweep::{self, Verdict};

pub(super) fn run(args: &MergeArgs) -> Result<u8, Usage> {
    let json = Json::prepare(args.json.as_deref())?;
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
    json.write(&report, &report.json())?;
    if !json.is_stdout() {
        more(&report, args.windows, args.coverage)?;
    }
    Ok(report.verdict().exit_code())
}
