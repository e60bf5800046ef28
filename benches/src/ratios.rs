//! Figures of one run, side by side: as lines for a person, and by key for a machine.

mod core;
mod explorer;
mod flash;
mod peers;

use std::time::Duration;

/// One figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// Its key in JSON, and the figure itself; none if it is only for comparison.
    pub key: Option<(&'static str, f64)>,
    /// The figure, for a person.
    pub figure: String,
    /// What it is to be, if there is a goal.
    pub goal: &'static str,
    /// What it is measured against.
    pub limit: String,
}

/// Measures everything, each thing `rounds` times or a few times less; the best counts.
pub fn measure(rounds: u32) -> Vec<Line> {
    let mut lines = flash::measure(rounds);
    lines.extend(peers::measure(rounds));
    lines.extend(core::measure(rounds));
    lines.extend(explorer::measure());
    lines
}

fn over(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// GiB/s of a mebibyte.
fn rate(time: Duration) -> String {
    format!("{:.1}", gib_per_second(time))
}

fn gib_per_second(time: Duration) -> f64 {
    f64::from(crate::workload::LEN) / f64::from(1 << 30) / time.as_secs_f64()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
