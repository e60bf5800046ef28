//! The measured updates as tables.

use std::fmt::Write;

use super::bound::Bound;
use super::grid::{CHUNKS, Chip, Measured};
use super::update::{Erasing, NotMeasured, Policy, Update};

const INTRODUCTION: &str = include_str!("introduction.md");

/// The whole document.
pub fn report(chips: &[Chip]) -> String {
    let mut out = introduction(chips);
    let mut put = |text: String| out.push_str(&text);
    for chip in chips {
        put(format!("\n## {}\n", chip.name));
        for (len, bound, all) in &chip.sizes {
            put(format!("\n### {}, {} KiB\n\n", chip.name, len >> 10));
            let Some(bound) = bound else {
                put("Such an image does not fit this chip.\n".into());
                continue;
            };
            put(bound_line(bound));
            put(format!("\n{HEAD}"));
            for rows in alike(all) {
                put(row(&rows, bound));
            }
        }
    }
    out
}

/// What the figures mean, with the ratios that it tells of.
fn introduction(chips: &[Chip]) -> String {
    let largest = chips.first().and_then(|chip| chip.sizes.last());
    let Some((_, Some(bound), all)) = largest else {
        return INTRODUCTION.to_owned();
    };
    let time = up_front(all, Policy::Hardened).map_or(0, Update::time);
    INTRODUCTION
        .replace("{bound}", &ratio(time, bound.total()))
        .replace("{alone}", &ratio(time, bound.image()))
}

/// What an update costs that is erased up front and written in sectors, if it could be had.
fn up_front(all: &[Measured], policy: Policy) -> Option<&Update> {
    let found = all.iter().find(|measured| {
        let case = measured.case;
        (case.policy, case.erasing, case.chunk) == (policy, Erasing::UpFront, 4096)
    });
    found?.cost.as_ref().ok()
}

/// The lines for the summary of costs: the largest image that is measured, erased up front, on chips of each kind.
pub fn headline(chips: &[Chip]) -> String {
    let mut out = String::from(
        "| chip | image | policy | update | rate | of the least possible | first start | erases of otadata |\n|---|---|---|---|---|---|---|---|\n",
    );
    for chip in chips.iter().filter(|chip| HEADLINE.contains(&&*chip.name)) {
        let fits = chip
            .sizes
            .iter()
            .rev()
            .find(|(_, bound, _)| bound.is_some());
        let Some((len, Some(bound), all)) = fits else {
            continue;
        };
        for policy in Policy::ALL {
            let Some(cost) = up_front(all, policy) else {
                continue;
            };
            let _ = writeln!(
                out,
                "| {} | {} KiB | {} | {} ms | {} KiB/s | {} | {} ms | {} |",
                chip.name,
                len >> 10,
                policy.name(),
                ms(cost.time(), 0),
                rate(*len, cost.time()),
                ratio(cost.time(), bound.total()),
                ms(cost.first_start(), 0),
                cost.otadata_erases,
            );
        }
    }
    out
}

/// The chips of the headline.
const HEADLINE: [&str; 4] = ["w25q64jv", "mx25r6435f", "nrf52840", "stm32l4"];

const HEAD: &str = "\
| policy | erased | bytes per write | ms | KiB/s | of the bound | erases | programs | bytes programmed | bytes read | longest call, ms | first start, ms | otadata erases | slot erases |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

fn bound_line(bound: &Bound) -> String {
    format!(
        "Bound: {} ms = erase {} + program {} + transfer {} + switch {}.\n",
        ms(bound.total(), 3),
        ms(bound.erase, 3),
        ms(bound.program, 3),
        ms(bound.transfer, 3),
        ms(bound.switch, 3),
    )
}

/// Cases in a row that differ in nothing but the bytes per write.
fn alike(all: &[Measured]) -> Vec<Vec<&Measured>> {
    let mut groups: Vec<Vec<&Measured>> = Vec::new();
    for measured in all {
        let same = |other: &&mut Vec<&Measured>| {
            let other = other[0];
            (other.case.policy, other.case.erasing) == (measured.case.policy, measured.case.erasing)
                && without_longest(&other.cost) == without_longest(&measured.cost)
        };
        match groups.last_mut().filter(same) {
            Some(group) => group.push(measured),
            None => groups.push(vec![measured]),
        }
    }
    groups
}

fn without_longest(cost: &Result<Update, NotMeasured>) -> Result<Update, NotMeasured> {
    let without = |cost| Update { longest: 0, ..cost };
    cost.clone().map(without)
}

fn row(rows: &[&Measured], bound: &Bound) -> String {
    let (first, last) = (rows[0], rows[rows.len() - 1]);
    let case = first.case;
    let chunks = match (case.chunk, last.case.chunk) {
        _ if rows.len() == CHUNKS.len() => "any".to_owned(),
        (from, to) if from == to => bytes(from),
        (from, to) => format!("{} to {}", bytes(from), bytes(to)),
    };
    let start = format!(
        "| {} | {} | {chunks} |",
        case.policy.name(),
        case.erasing.name()
    );
    let cost = match &first.cost {
        Ok(cost) => cost,
        Err(why) => return format!("{start} {why} |||||||||||\n"),
    };
    let longest = |measured: &Measured| measured.cost.as_ref().map_or(0, |cost| cost.longest);
    let calls = match (longest(first), longest(last)) {
        (from, to) if from == to => ms(from, 1),
        (from, to) => format!("{} to {}", ms(from, 1), ms(to, 1)),
    };
    let sum = |count: fn(&sim_flash::Stats) -> u64| count(&cost.download) + count(&cost.switch);
    format!(
        "{start} {} | {} | {} | {} | {} | {} | {} | {calls} | {} | {} | {} |\n",
        ms(cost.time(), 3),
        rate(case.len, cost.time()),
        ratio(cost.time(), bound.total()),
        sum(|stats| stats.erases),
        sum(|stats| stats.programs),
        sum(|stats| stats.bytes_programmed),
        sum(|stats| stats.bytes_read),
        ms(cost.first_start(), 3),
        cost.otadata_erases,
        cost.slot_erases,
    )
}

fn bytes(count: u32) -> String {
    if count < 1 << 10 {
        format!("{count} B")
    } else {
        format!("{} KiB", count >> 10)
    }
}

#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
fn ms(nanoseconds: u64, digits: usize) -> String {
    format!("{:.digits$}", nanoseconds as f64 / 1e6)
}

#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
fn rate(len: u32, nanoseconds: u64) -> String {
    format!("{:.1}", f64::from(len >> 10) / (nanoseconds as f64 / 1e9))
}

#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
fn ratio(time: u64, bound: u64) -> String {
    format!("{:.3}", time as f64 / bound as f64)
}
