//! What an exploration executes, in counts: against simpler explorers, and as the problem grows.

use std::fmt::Write;
use std::path::Path;

use fault_tests::case::LiveDevice;
use fault_tests::explore::{ANY, Limits};
use fault_tests::input::Firmware;
use fault_tests::ota::{self, Inputs, Setup, made};
use fault_tests::subject::Rest;
use sim_flash::{Density, Level, Profile};

use crate::yardstick::{Means, Outcome, explore_by, explore_counted};

/// One exploration, by all means and by ours.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What was explored.
    pub title: &'static str,
    /// By simpler means.
    pub simple: Vec<(Means, Outcome)>,
    /// By the explorer of `fault_tests`.
    pub ours: Outcome,
}

impl Comparison {
    /// How many operations the simplest of all executed for each of ours.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    pub fn naive_over_ours(&self) -> f64 {
        let naive = self.simple.first().map_or(0, |(_, naive)| naive.operations);
        naive as f64 / self.ours.operations as f64
    }
}

/// The smallest update, cut once or twice, with all that a level allows of whole operations but
/// not at every byte position, which would take the simple ones days.
#[must_use]
pub fn twice(level: Level) -> Limits {
    Limits {
        level,
        cuts: 2,
        first: Density::Full,
        later: Density::Coarse,
        every_byte: false,
        risen: false,
        ..Limits::default()
    }
}

/// The smallest update, cut once, at every byte position; but for bits that rise from what an erase goes over, whose
/// seventy thousand shapes an exploration without pruning cannot execute.
#[must_use]
pub fn once() -> Limits {
    Limits {
        cuts: 1,
        risen: false,
        ..Limits::default()
    }
}

/// Explores the scenario `smallest` by all means, side by side.
///
/// # Panics
///
/// If they do not find the same.
#[must_use]
pub fn compare(title: &'static str, limits: &Limits) -> Comparison {
    let (setup, profile) = bundled("smallest");
    let start = &setup.starts[0];
    let ours = explore_counted(&setup.device, &profile, start, limits);
    let simple = std::thread::scope(|scope| {
        let explore = |means| {
            let (device, profile) = (&setup.device, &profile);
            scope.spawn(move || (means, explore_by(means, device, profile, start, limits)))
        };
        Means::ALL
            .map(explore)
            .map(|thread| thread.join().expect("an explorer does not panic"))
            .into()
    });
    let comparison = Comparison {
        title,
        simple,
        ours,
    };
    for (means, outcome) in &comparison.simple {
        assert_eq!(outcome.findings, comparison.ours.findings, "{means:?}");
    }
    comparison
}

/// A scenario on its bundled files.
fn bundled(name: &str) -> (Setup, Profile) {
    let profile = Profile::w25q64jv();
    let scenario = ota::find(name).expect("a scenario");
    (scenario.bundled(&profile), profile)
}

/// What running everything before each cut again would execute, at least: the operations up to and with
/// the one that is cut, for each tear. What would follow the cut is left out. And how many states those are.
///
/// This is counted, not executed: one power-on after the other, uncut.
#[must_use]
pub fn rerun_at_least(setup: &Setup, profile: &Profile, limits: &Limits) -> (u64, u64) {
    let start = &setup.starts[0];
    let mut device = LiveDevice::new(&setup.device, profile);
    let (mut state, mut world) = (start.state.clone(), start.world);
    let (mut before, mut states, mut operations) = (0, 0, 0);
    loop {
        let run = device.power_on(state, world, None);
        for op in &run.ops {
            let tears = limits.tears(&setup.device, op, 0).len() as u64 + 1;
            before += 1;
            states += tears;
            operations += tears * before;
        }
        let settled = run.ops.is_empty() && *run.world() == world;
        if run.rest == Some(Rest::Stuck) || (run.rest == Some(Rest::Idle) && settled) {
            return (states, operations);
        }
        world = *run.world();
        state = run.after;
    }
}

/// What was measured, as text.
#[derive(Clone, Debug)]
pub struct Report {
    /// The whole document.
    pub document: String,
    /// The lines for the summary of costs.
    pub headline: String,
    /// What the smallest update costs by other means: cut once, and twice.
    pub comparisons: [Comparison; 2],
}

/// Explores, and tells.
#[must_use]
pub fn report() -> Report {
    let once = compare("one cut, at every byte position, L2", &once());
    let twice = compare("two cuts, L1", &twice(Level::L1));
    let mut document = String::from(INTRODUCTION);
    for part in [table(&once), table(&twice), counted(), growth()] {
        document += &part;
    }
    let comparisons = [once, twice];
    Report {
        document,
        headline: headline(&comparisons),
        comparisons,
    }
}

/// Operations executed by each means, for the smallest update.
fn headline(comparisons: &[Comparison]) -> String {
    let mut out = String::from(
        "| the smallest update | crash states | no means | + snapshots | + closure | + pruning (ours) |\n|---|---|---|---|---|---|\n",
    );
    for Comparison {
        title,
        simple,
        ours,
    } in comparisons
    {
        let states = simple.first().map_or(0, |(_, naive)| naive.crash_states);
        let _ = write!(out, "| {title} | {} |", thousands(states));
        for (_, outcome) in simple {
            let _ = write!(out, " {} |", thousands(outcome.operations));
        }
        let _ = writeln!(out, " {} |", thousands(ours.operations));
    }
    out
}

const INTRODUCTION: &str = include_str!("exploration/introduction.md");

/// One comparison as a table.
fn table(comparison: &Comparison) -> String {
    let Comparison {
        title,
        simple,
        ours,
    } = comparison;
    let mut out = format!(
        "\n### {title}\n\n| explorer | crash states judged | power-ons | operations executed | over ours | violations |\n|---|---|---|---|---|---|\n"
    );
    let names = [
        "runs everything before a cut again",
        "+ snapshots",
        "+ closure",
    ];
    let rows = { names.into_iter() }.zip(simple.iter().map(|(_, outcome)| outcome));
    for (name, outcome) in rows.chain([("+ pruning (ours)", ours)]) {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} |",
            thousands(outcome.crash_states),
            thousands(outcome.power_ons),
            thousands(outcome.operations),
            over(outcome.operations, ours.operations),
            outcome.findings.len(),
        );
    }
    out
}

/// A real update: what the simplest explorer would execute is counted.
fn counted() -> String {
    let (setup, profile) = bundled("update-confirm");
    let limits = once();
    let ours = explore_counted(&setup.device, &profile, &setup.starts[0], &limits);
    let (states, operations) = rerun_at_least(&setup, &profile, &limits);
    assert_eq!(states, ours.crash_states, "the same tears");
    format!(
        "\n## An image of 512 KiB\n\n\
         The scenario `update-confirm`, cut once at L2, at every byte position: {} crash states. Ours executes {} operations\n\
         in {} power-ons. To run everything before each cut again would take {}, {} times as many, and as much again for\n\
         what follows. This is counted, not executed.\n",
        thousands(states),
        thousands(ours.operations),
        thousands(ours.power_ons),
        thousands(operations),
        over(operations, ours.operations),
    )
}

/// How what ours executes grows.
fn growth() -> String {
    let mut out = String::from(
        "\n## As the problem grows\n\n\
         Ours, at L2, until no state is left unless it says otherwise. A download is longer, so each power-on executes\n\
         more; that there are not more of them is what counts.\n\n\
         | what grows | | crash states judged | power-ons | operations executed |\n|---|---|---|---|---|\n",
    );
    let mut row = |what: &str, which: String, setup: &Setup, cuts: u32| {
        let limits = Limits {
            cuts,
            ..Limits::default()
        };
        let ours = explore_counted(&setup.device, &setup.profile, &setup.starts[0], &limits);
        let _ = writeln!(
            out,
            "| {what} | {which} | {} | {} | {} |",
            thousands(ours.crash_states),
            thousands(ours.power_ons),
            thousands(ours.operations),
        );
    };
    for len in [16 << 10, 64 << 10, 256 << 10] {
        row("image", format!("{} KiB", len >> 10), &sized(len), ANY);
    }
    for (slots, name) in [(2, "update-confirm"), (3, "three-slots")] {
        row("slots; one cut", slots.to_string(), &bundled(name).0, 1);
    }
    for (updates, name) in [(1, "first-update"), (3, "three-updates")] {
        let which = updates.to_string();
        row("updates in a row; one cut", which, &bundled(name).0, 1);
    }
    for cuts in [1, 2, 4, ANY] {
        let which = match cuts {
            ANY => "any number".to_owned(),
            cuts => cuts.to_string(),
        };
        row("cuts in a row", which, &bundled("smallest").0, cuts);
    }
    out
}

/// The scenario `update-confirm` with images of this size.
///
/// # Panics
///
/// If the bundled table has no room for them.
#[must_use]
pub fn sized(len: usize) -> Setup {
    let image = |name: &str, seed| {
        Firmware::new(Path::new(name), made::image(len, seed)).expect("a made image verifies")
    };
    let inputs = Inputs {
        table: Inputs::bundled_table().expect("the bundled table is sound"),
        table_offset: 0x8000,
        running: image("running", 1),
        update: image("update", 2),
    };
    inputs.check().expect("made images fit the bundled table");
    let scenario = ota::find("update-confirm").expect("a scenario");
    let setup = scenario.with_inputs(&Profile::w25q64jv(), &inputs);
    setup.expect("the images fit the scenario")
}

/// `1,234,567`.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn over(count: u64, ours: u64) -> String {
    let ratio = count as f64 / ours as f64;
    if ratio < 10.0 {
        format!("{ratio:.1}")
    } else {
        format!("{ratio:.0}")
    }
}
