//! What is shown when something is lost: at most forty lines.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use sim_flash::{Op, OpKind};

use super::check::level_words;
use super::effort::Stage;
use super::label;
use crate::case::{CaseId, Replay, Step, hex, state_before, tear_words};
use crate::explore::{Exploration, Limit, Violation, verb};
use crate::property::{Finding, Property};
use crate::subject::{Event, Rest};

/// Lines that a timeline has room for.
const TIMELINE: usize = 20;
/// Characters of a line of the head.
const WIDTH: usize = 100;
/// Causes that are listed.
const CAUSES: usize = 5;

/// A power cut that the code under test does not survive, told to a person.
#[derive(Clone, Debug)]
pub struct Story {
    head: Vec<String>,
    timeline: Vec<String>,
    causes: Vec<String>,
    foot: Vec<String>,
    property: Property,
    id: String,
}

/// What a story is about.
pub(super) struct Facts<'f> {
    pub(super) name: String,
    /// File and line of the test.
    pub(super) place: String,
    pub(super) id: &'f CaseId,
    pub(super) finding: &'f Finding,
    pub(super) kept: Kept,
    /// Whether its timeline is shortened to what fits.
    pub(super) short: bool,
    pub(super) causes: Vec<(String, u64)>,
    pub(super) disagreement: Option<&'static str>,
}

/// Where the case is kept.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// In this file, from now on.
    Now(String),
    /// In this file, since an earlier run.
    Before(String),
    /// It could not be.
    Not(String),
    /// It was asked for by its id.
    Asked,
    Nowhere,
}

/// A stage that was explored.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    stage: Stage,
    pub(super) crash_states: u64,
    pub(super) stopped: Option<Limit>,
    closure: bool,
    seconds: f64,
}

impl Tried {
    pub(super) fn new(stage: Stage, exploration: &Exploration, seconds: f64) -> Self {
        Self {
            stage,
            crash_states: exploration.counts.crash_states,
            stopped: exploration.stopped,
            closure: exploration.closure,
            seconds,
        }
    }

    /// Whether it is the same stage with the same end.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.stage, self.stopped, self.closure) == (other.stage, other.stopped, other.closure)
    }

    /// Counts another one in.
    pub(super) fn add(&mut self, other: &Self) {
        self.crash_states += other.crash_states;
        self.seconds += other.seconds;
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, cuts) = (self.level, self.cuts);
        let cuts = match cuts {
            1 => "one cut".to_owned(),
            2 => "two cuts in a row".to_owned(),
            n => format!("{n} cuts in a row"),
        };
        write!(f, "{level} ({}), {cuts}", level_words(level))
    }
}

impl Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, states) = (self.stage, self.crash_states);
        write!(f, "{stage}: {states} crash states in {:.1} s", self.seconds)?;
        if let Some(limit) = self.stopped {
            let limit = match limit {
                Limit::Interrupted => "time, as it was interrupted",
                Limit::Boots => "boots (.boots(n) gives more)",
                Limit::Time => "time (.seconds(n) gives more)",
                Limit::Memory => "memory (.memory(bytes) gives more)",
            };
            write!(f, ", then it ran out of {limit}")?;
        }
        if self.closure {
            write!(f, ", which shows it for any number of cuts")?;
        }
        Ok(())
    }
}

/// How bad a violated property is, the worst first.
pub(super) const fn severity(property: Property) -> u8 {
    match property {
        Property::NoBrick => 0,
        Property::Totality => 1,
        Property::Durability => 2,
        Property::AtomicSwitch => 3,
        Property::Stability => 4,
        Property::ErrorHonesty => 5,
        Property::Completion => 6,
        Property::Containment => 8,
        Property::BoundedWear => 9,
        _ => 7,
    }
}

/// A violation, with its cause in a few words.
pub(super) struct Found<'v> {
    pub(super) violation: &'v Violation,
    cause: String,
}

impl<'v> Found<'v> {
    pub(super) fn new(violation: &'v Violation) -> Self {
        let cause = match &violation.window {
            _ if violation.path.cuts.is_empty() => "without any cut".to_owned(),
            None => "after the cut".to_owned(),
            Some(window) => {
                let call = match window.call.as_str() {
                    "boot" => "opening",
                    call => call,
                };
                let cut = violation.finding.place.is_none();
                let doing = if window.transition.starts_with("erase") {
                    "an erase"
                } else {
                    "a program"
                };
                if cut {
                    format!("cut in {doing} of {call}")
                } else {
                    format!("{doing} of {call}")
                }
            }
        };
        Self { violation, cause }
    }
}

/// The causes, the worst first, with the number of states that show each.
pub(super) fn causes(found: &[Found<'_>]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<(u8, Property, &str), u64> = BTreeMap::new();
    for found in found {
        let property = found.violation.finding.property;
        let key = (severity(property), property, &*found.cause);
        *counts.entry(key).or_default() += 1;
    }
    { counts.into_iter() }
        .map(|((_, property, cause), count)| (format!("{}: {cause}", title(property)), count))
        .collect()
}

/// A property as the owner of a store says it.
fn title(property: Property) -> String {
    let words = match property {
        Property::NoBrick => "cannot be opened",
        Property::Totality => "panics or never ends",
        Property::Durability => "loses what was acknowledged",
        Property::AtomicSwitch => "leaves neither the old nor the new",
        Property::Stability => "takes back what was seen",
        Property::ErrorHonesty => "says what is not so",
        Property::Completion => "refuses for no reason",
        Property::Containment => "breaks a rule of the chip",
        Property::BoundedWear => "writes at each power-on",
        other => other.title(),
    };
    format!("{words} ({})", property.id())
}

/// The first line: what is wrong.
fn headline(finding: &Finding, cuts: usize) -> String {
    let after = match cuts {
        0 => "without any power cut",
        1 => "after a power cut",
        _ => "after power cuts",
    };
    let what = match finding.property {
        Property::NoBrick => "it cannot be opened",
        Property::Totality if finding.got.starts_with("others") => {
            return "the code under test does not repeat itself".to_owned();
        }
        Property::Totality if finding.got.contains("panicked") => "it panics",
        Property::Totality => "it never comes back",
        Property::Durability if cuts == 0 => "it shows what its model does not say",
        Property::Durability => "an operation that was acknowledged is lost",
        Property::AtomicSwitch => "neither the old value nor the new one is there",
        Property::Stability => "what was seen once is gone",
        Property::ErrorHonesty => "what an operation returned is not so",
        Property::Completion if finding.allowed.starts_with("rest") => "it never comes to rest",
        Property::Completion => "it refuses an operation",
        Property::Containment => "it breaks a rule of the chip",
        Property::BoundedWear => "it writes at each power-on, for nothing",
        _ => "it does what it must not",
    };
    format!("{after} {what}")
}

/// What that means to the owner of the device.
const fn consequence(property: Property) -> &'static str {
    match property {
        Property::NoBrick => "bricked: the device has no store until somebody erases it",
        Property::Totality => "bricked: the device resets again and again, or hangs",
        Property::Durability => "a promise is lost: somebody was told that it had happened",
        Property::AtomicSwitch => "the device goes on with a value that nobody ever set",
        Property::Stability => "whoever acted on what the device showed acted on nothing",
        Property::ErrorHonesty => "the device goes on with what is not so",
        Property::Completion => "the device stays behind: what it is asked for is not done",
        Property::Containment => "the data sheet promises nothing for such an operation",
        Property::BoundedWear => "the flash wears out",
        _ => "see the property",
    }
}

impl Story {
    /// The property that is violated.
    pub const fn property(&self) -> Property {
        self.property
    }

    /// The id of the case.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn of(replay: &Replay, facts: &Facts<'_>) -> Self {
        let mut story = Self::without_timeline(facts);
        story.timeline = timeline(replay, facts.finding);
        if facts.short {
            shorten(&mut story.timeline, TIMELINE);
        }
        story
    }

    /// What was tried besides.
    pub(super) fn with(mut self, tried: &[Tried], left: &[Stage], remarks: Vec<String>) -> Self {
        if let Some((last, before)) = tried.split_last() {
            let held = before.last();
            let held = held.map(|held| format!("; it holds at {}", held.stage));
            let line = format!("found at {}{}", last.stage, held.unwrap_or_default());
            self.foot.insert(0, line);
        }
        if !left.is_empty() {
            let mut levels: Vec<String> =
                left.iter().map(|stage| stage.level.to_string()).collect();
            levels.sort();
            levels.dedup();
            let line = format!("not tried before this is mended: {}", levels.join(", "));
            self.foot.insert(1, line);
        }
        let at = self.foot.len().min(1);
        self.foot.splice(at..at, remarks.into_iter().take(2));
        self
    }

    pub(super) fn without_timeline(facts: &Facts<'_>) -> Self {
        let Facts { finding, id, .. } = facts;
        let cuts = id.path.cuts.len();
        let property = finding.property;
        let mut head = vec![
            format!("{}: {}", facts.name, headline(finding, cuts)),
            format!("  in {}", facts.place),
        ];
        let meaning = if facts.disagreement.is_some() {
            "it depends on something besides its flash: a static (see .reset), a clock, an address, a random number. Nothing can be concluded"
        } else {
            consequence(property)
        };
        for (what, text) in [
            ("expected", &*finding.allowed),
            ("found", &finding.got),
            ("consequence", meaning),
        ] {
            let text = label::clip_to(text, 3 * WIDTH);
            let mut what = what;
            for line in label::wrapped(&text, WIDTH) {
                head.push(format!("  {what:<11} {line}"));
                what = "";
            }
        }
        let total: u64 = facts.causes.iter().map(|(_, count)| count).sum();
        let mut causes = Vec::new();
        if facts.causes.len() > 1 || total > 1 {
            let kinds = match facts.causes.len() {
                1 => "one cause".to_owned(),
                n => format!("{n} causes"),
            };
            causes.push(format!("{total} states show it, of {kinds}:"));
            let shown = facts.causes.iter().take(CAUSES);
            causes.extend(shown.map(|(cause, count)| format!("  {count:>5}x {cause}")));
            let more = facts.causes.len().saturating_sub(CAUSES);
            if more > 0 {
                causes.push(format!("         and {more} more"));
            }
        }
        let mut foot = vec![format!("case {id}")];
        match &facts.kept {
            Kept::Now(file) => foot.push(format!(
                "kept in {file}: check it in, it is replayed first from now on"
            )),
            Kept::Before(file) => foot.push(format!("kept in {file} since an earlier run")),
            Kept::Not(why) => foot.push(format!("could not be kept in {why}")),
            Kept::Asked | Kept::Nowhere => {}
        }
        if !matches!(facts.kept, Kept::Asked) && facts.disagreement.is_none() {
            foot.push(format!(
                "the whole of it: BROWNOUT_REPLAY='{id}' cargo test {}",
                facts.name
            ));
        }
        Self {
            head,
            timeline: Vec::new(),
            causes,
            foot,
            property,
            id: id.to_string(),
        }
    }
}

impl Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.head, &self.timeline, &self.causes, &self.foot];
        let mut first = true;
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !first {
                writeln!(f)?;
            }
            first = false;
            for line in part {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

/// Leaves out lines in the middle, so that `room` are left.
fn shorten(lines: &mut Vec<String>, room: usize) {
    if lines.len() <= room {
        return;
    }
    let head = room / 4;
    let left_out = lines.len() - room + 1;
    let mark = format!("  … {left_out} lines");
    lines.splice(head..head + left_out, [mark]);
}

/// Every power-on with its calls, its operations and its cut, up to what is wrong.
fn timeline(replay: &Replay, about: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    let last_cut = replay.steps.iter().rposition(|step| step.cut.is_some());
    let mut why = "power on";
    for (index, step) in replay.steps.iter().enumerate() {
        let wrong = step.findings.iter().any(|finding| finding.says(about));
        let last = wrong && last_cut.is_none_or(|cut| cut <= index);
        power_on(&mut lines, why, step, last.then_some(about));
        if last {
            break;
        }
        why = match step.rest {
            Some(Rest::Reset) => "reset",
            _ => "power on",
        };
    }
    lines
}

/// A call under way.
struct Call {
    text: String,
    from: usize,
}

fn power_on(lines: &mut Vec<String>, why: &str, step: &Step, about: Option<&Finding>) {
    let mut call = Call {
        text: "opens".to_owned(),
        from: 0,
    };
    let mut notes: Vec<String> = Vec::new();
    let mut open = true;
    let mut lead = format!("{why:<9}");
    let mut line = |text: String| {
        lines.push(format!("  {lead} {text}"));
        lead = " ".repeat(9);
    };
    let ops = |from: usize, to: u32| {
        let to = (to as usize).min(step.ops.len());
        operations(step.ops.get(from..to).unwrap_or_default())
    };
    for entry in &step.entries {
        match &entry.event {
            Event::Boot(text) => {
                let text = label::clip(text);
                line(format!("opens{}: {text}", ops(call.from, entry.at)));
                for note in notes.drain(..) {
                    line(format!("    {note}"));
                }
                (open, call.from) = (false, entry.at as usize);
            }
            Event::Call { argument, .. } => {
                call = Call {
                    text: argument.clone(),
                    from: entry.at as usize,
                };
                open = true;
            }
            Event::Note(text) if text == "Ok" || text.starts_with("refused: ") => {
                line(format!(
                    "{}{} -> {text}",
                    call.text,
                    ops(call.from, entry.at)
                ));
                for note in notes.drain(..) {
                    line(format!("    {note}"));
                }
                (open, call.from) = (false, entry.at as usize);
            }
            Event::Note(text) => notes.push(text.clone()),
            Event::Violated(finding) => {
                let here = about.is_some_and(|about| finding.says(about));
                if here && open {
                    line(format!("{}{}", call.text, ops(call.from, entry.at)));
                    for note in notes.drain(..) {
                        line(format!("    {note}"));
                    }
                }
                if here {
                    line(format!("** {}", wrong(finding)));
                    return;
                }
            }
        }
    }
    for note in notes {
        line(format!("    {note}"));
    }
    let Some((cut, op)) = &step.cut else {
        return;
    };
    if open {
        line(format!("{}{}", call.text, ops(call.from, cut.op)));
    }
    line(format!(
        "** POWER CUT in {}: {} ({})",
        words(op),
        tear_words(cut.tear),
        cut.tear
    ));
    for row in bytes(step, op) {
        line(row);
    }
}

/// What is wrong, in the words of a timeline.
fn wrong(finding: &Finding) -> String {
    if let Some(panicked) = finding.got.strip_prefix("the code under test panicked") {
        return format!("PANICKED {}", label::clip(panicked));
    }
    format!(
        "expected {}, found {}",
        label::clip(&finding.allowed),
        label::clip(&finding.got)
    )
}

fn words(op: &Op) -> String {
    let unit = if op.len() == 1 { "byte" } else { "bytes" };
    format!("{} {:#x}, {} {unit}", verb(op), op.addr(), op.len())
}

/// `: erase 0x0+4096, program 0x0+6`, those in the middle left out if there are many.
fn operations(ops: &[Op]) -> String {
    if ops.is_empty() {
        return String::new();
    }
    let short = |op: &Op| {
        let verb = if op.kind() == OpKind::Erase {
            "erase"
        } else {
            "program"
        };
        format!("{verb} {:#x}+{}", op.addr(), op.len())
    };
    let texts: Vec<String> = match ops {
        [first, second, middle @ .., last] if ops.len() > 5 => vec![
            short(first),
            short(second),
            format!("{} more", middle.len()),
            short(last),
        ],
        few => few.iter().map(short).collect(),
    };
    format!(" [{}]", texts.join(", "))
}

/// The bytes around what the cut left otherwise than wanted.
fn bytes(step: &Step, op: &Op) -> Vec<String> {
    let before = state_before(step);
    let mut complete = before.clone();
    complete.apply(op);
    let len = op.len() as usize;
    let read = |state: &sim_flash::State| {
        let mut bytes = vec![0; len];
        state.read(op.addr(), &mut bytes);
        bytes
    };
    let (old, wanted, left) = (read(&before), read(&complete), read(&step.after));
    let differs = |one: &[u8], other: &[u8]| (0..len).find(|&at| one[at] != other[at]);
    let Some(at) = differs(&left, &wanted).or_else(|| differs(&left, &old)) else {
        return Vec::new();
    };
    let from = at / 16 * 16;
    let row = from..(from + 16).min(len);
    let mut rows = Vec::new();
    for (name, bytes) in [("before", &old), ("wanted", &wanted), ("left", &left)] {
        if name == "wanted" && left == wanted {
            continue;
        }
        let addr = op.addr() as usize + from;
        rows.push(format!(
            "     {name:<6} {addr:06x}: {}",
            hex(&bytes[row.clone()])
        ));
    }
    rows
}
