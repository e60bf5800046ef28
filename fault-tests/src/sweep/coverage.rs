//! What was covered of the history without cuts: windows, times families of tears.
//!
//! A window is a call and a transition on flash; its exposure is the device time that its operations
//! take, typically. For each family of tears it says how many tears of these operations were tried
//! as a first cut, and how they were judged.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};
use sim_flash::Contract;

use super::exhibit::Exhibit;
use super::thousands;
use crate::chip::{Knowledge, Knows};
use crate::explore::{Conditions, Exploration, Families, Judged, Limits, Window, power_on};
use crate::subject::{Rest, World};

/// One window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What the device is doing.
    pub call: String,
    /// What changes on flash.
    pub transition: String,
    /// Chip operations in it.
    pub operations: u64,
    /// Device time that they take, typically, in nanoseconds.
    pub exposure_ns: u64,
    /// Tears by family (`P1`, `E4`); a family that is not here does not apply.
    pub families: BTreeMap<String, Cell>,
}

/// Tears of one family in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Judged one by one.
    pub explored: u64,
    /// Judged together, by a proof that no future can tell them apart.
    pub pruned: u64,
    /// Not judged: others stand for them.
    pub represented: u64,
    /// Not reached: the exploration gave up, or cuts nothing.
    pub missed: u64,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.explored += other.explored;
        self.pruned += other.pruned;
        self.represented += other.represented;
        self.missed += other.missed;
    }
}

/// Adds `rows` to `sum`, window by window.
pub(super) fn add(sum: &mut Vec<Row>, rows: &[Row]) {
    for row in rows {
        let same = |known: &&mut Row| known.call == row.call && known.transition == row.transition;
        let Some(known) = sum.iter_mut().find(same) else {
            sum.push(row.clone());
            continue;
        };
        known.operations += row.operations;
        known.exposure_ns += row.exposure_ns;
        for (family, cell) in &row.families {
            known.families.entry(family.clone()).or_default().add(*cell);
        }
    }
}

/// Power-ons without a cut, at most: as many as an exploration's longest history.
const POWER_ONS: u32 = 64;

/// The coverage of an exhibit that was explored within `limits`.
pub(super) fn of<W: World>(
    exhibit: &Exhibit<'_, W>,
    exploration: &Exploration,
    limits: &Limits,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let judged: HashMap<_, _> = exploration
        .healthy
        .iter()
        .map(|known| ((known.start, known.boot, known.op), known.judged))
        .collect();
    let cuts_nothing = exploration.exhausted || exploration.counts.crash_states == 0;
    let mut known = Knowledge::default();
    let mut families = Families::new(exhibit.subject, limits);
    for (index, start) in exhibit.starts.iter().enumerate() {
        let (mut state, mut world) = (start.state.clone(), start.world.clone());
        for boot in 0..POWER_ONS {
            let conditions = Conditions::undisturbed(Knows::Results(&mut known));
            let before = state.clone();
            let (profile, world_before) = (exhibit.profile, world.clone());
            let run = power_on(exhibit.subject, profile, state.clone(), world, conditions);
            for (row, number) in run.done().zip(0..) {
                let Some(op) = row.op() else { continue };
                let call = run.calls.iter().rev().find(|(at, _)| *at <= number);
                let call = call.map(|(_, name)| *name);
                let window = Window::of(exhibit.subject, &state, &op, call);
                let how = match judged.get(&(index, boot, number)) {
                    Some(judged) => Some(*judged),
                    None if cuts_nothing => None,
                    // Its power-on was met from elsewhere, in a state that no future tells apart.
                    None => Some(Judged::ByFamily),
                };
                let cells = families.of(&op).iter();
                let cells =
                    cells.map(|(family, tears)| (family.clone(), cell(how, family, *tears)));
                let one = Row {
                    call: window.call,
                    transition: window.transition,
                    operations: 1,
                    exposure_ns: row.duration,
                    families: cells.collect(),
                };
                add(&mut rows, &[one]);
                state.apply(&op);
            }
            let rests = run.state == before && run.world == world_before;
            if rests || run.end == Ok(Rest::Stuck) {
                break;
            }
            (state, world) = (run.state, run.world);
        }
    }
    rows
}

fn cell(how: Option<Judged>, family: &str, tears: u64) -> Cell {
    let mut cell = Cell::default();
    match how {
        Some(Judged::Singly(pruned)) => {
            cell.pruned = pruned.of(family);
            cell.explored = tears.saturating_sub(cell.pruned);
        }
        Some(Judged::ByFamily) => cell.pruned = tears,
        None => cell.missed = tears,
    }
    cell
}

/// The rows as a table.
pub struct Table<'r> {
    /// The rows, each window once.
    pub(super) rows: Vec<Row>,
    /// What the exposure is of.
    pub(super) profile: &'r str,
    /// What the families belong to.
    pub(super) contract: Contract,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut families: Vec<&str> = Vec::new();
        for family in self.rows.iter().flat_map(|row| row.families.keys()) {
            if !families.contains(&family.as_str()) {
                families.push(family);
            }
        }
        // Programs first, as in the table of tears.
        families.sort_by_key(|family| (!family.starts_with('P'), *family));
        let (profile, contract) = (self.profile, self.contract);
        writeln!(
            f,
            "coverage of the history without cuts: first cuts at {contract}, typical times of {profile}"
        )?;
        let mut lines = vec![vec![
            "window".into(),
            "operations".into(),
            "exposure".into(),
        ]];
        lines[0].extend(families.iter().map(ToString::to_string));
        for row in &self.rows {
            let mut line = vec![
                format!("{}: {}", row.call, row.transition),
                thousands(row.operations),
                milliseconds(row.exposure_ns),
            ];
            line.extend(
                families
                    .iter()
                    .map(|family| words(row.families.get(*family))),
            );
            lines.push(line);
        }
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
        let widths: Vec<usize> = (0..lines[0].len()).map(|c| width(c).unwrap_or(0)).collect();
        for line in &lines {
            write!(f, "  {:<width$}", line[0], width = widths[0])?;
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "  n explored singly, =n pruned exactly, ~n represented, !n missed, - not applicable"
        )
    }
}

fn words(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "-".into() };
    let parts = [
        ("", cell.explored),
        ("=", cell.pruned),
        ("~", cell.represented),
        ("!", cell.missed),
    ];
    let parts = parts.iter().filter(|(_, tears)| *tears > 0);
    let parts: Vec<_> = parts
        .map(|(sign, tears)| format!("{sign}{}", thousands(*tears)))
        .collect();
    parts.join(" ")
}

/// `45.0 ms`.
fn milliseconds(nanoseconds: u64) -> String {
    let tenths = (nanoseconds + 50_000) / 100_000;
    format!("{}.{} ms", thousands(tenths / 10), tenths % 10)
}
