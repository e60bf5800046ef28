//! The explorer against simpler ones: counts, not times.

use sim_flash::Level;

use super::Line;
use crate::exploration::{compare, twice};

pub(super) fn measure() -> Vec<Line> {
    let comparison = compare("two cuts, L1", &twice(Level::L1));
    let ours = comparison.ours.operations;
    let names = ["without means", "with snapshots", "with snapshots, closure"];
    let mut lines: Vec<Line> = { names.iter() }
        .zip(&comparison.simple)
        .map(|(name, (_, outcome))| {
            #[allow(clippy::cast_precision_loss)] // far below 2^52
            let ratio = outcome.operations as f64 / ours as f64;
            Line {
                what: format!("an explorer {name}"),
                key: None,
                figure: format!("{ratio:.0}: {} operations to {ours}", outcome.operations),
                goal: "",
                limit: "ours; the smallest update, two cuts at L1, the same findings".into(),
            }
        })
        .collect();
    if let Some(naive) = lines.first_mut() {
        naive.key = Some(("naive_operations_over_ours", comparison.naive_over_ours()));
        naive.goal = ">= 1000";
    }
    lines
}
