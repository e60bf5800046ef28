//! One power-on, executed and recorded.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use sim_flash::{Breach, Cut, FlashError, Op, Outcome, Profile, Row, State, Trace};

use crate::chip::{Chip, Knows, Look, Settled, WeakRead};
use crate::property::{Finding, containment, totality};
use crate::subject::{Dead, Entry, Journal, Mark, OperationClock, Rest, Subject};

/// Everything that one power-on did.
#[derive(Debug)]
pub(crate) struct PowerOn<W> {
    /// How it ended; `Err` if its power was cut.
    pub(crate) end: Result<Rest, Dead>,
    /// The flash afterwards.
    pub(crate) state: State,
    /// The world afterwards.
    pub(crate) world: W,
    trace: Trace,
    /// What it learned of the flash that it did not itself determine, in order.
    pub(crate) looks: Vec<Look>,
    /// Of looks at records with weak bits, by their number: what was learned.
    pub(crate) learned: Vec<(usize, u128)>,
    /// What weak bits were read as, if each place was read as one thing only.
    pub(crate) decided: Option<Vec<Settled>>,
    /// Every read that met weak bits.
    pub(crate) weak_reads: Vec<WeakRead>,
    /// The calls that the application made, each with the operations done before it.
    pub(crate) calls: Vec<(u32, &'static str)>,
    /// Violations that the subject's judge saw.
    pub(crate) findings: Vec<Finding>,
    /// What the subject says happens sometimes, and happened.
    pub(crate) marks: Vec<Mark>,
    /// The journal, if one was kept.
    pub(crate) entries: Vec<Entry>,
    /// The world from operation `.0` on, in ascending order; the first is at 0.
    pub(crate) changes: Vec<(u32, W)>,
}

impl<W> PowerOn<W> {
    /// Completed chip operations, and maybe others behind them.
    pub(super) const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Completed chip operations, in order.
    pub(crate) fn done(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        let done = self.trace.len() - usize::from(self.torn().is_some());
        self.trace.iter().take(done)
    }

    /// The operation that the cut hit.
    pub(crate) fn torn(&self) -> Option<Op> {
        let last = self.trace.get(self.trace.len().checked_sub(1)?)?;
        last.op()
            .filter(|_| matches!(last.outcome, Outcome::Cut(_)))
    }
}

/// Where and how the power of one power-on is cut; `None` leaves it on.
pub(crate) struct Conditions<'m> {
    pub(crate) cut: Option<Cut>,
    pub(crate) knows: Knows<'m>,
    pub(crate) verbose: bool,
    /// What weak bits read as: the number of the reading, read by read; then the first.
    pub(crate) tape: Vec<u16>,
}

impl<'m> Conditions<'m> {
    /// The power stays on, weak bits read the first way, and no journal is kept.
    pub(crate) const fn undisturbed(knows: Knows<'m>) -> Self {
        Self {
            cut: None,
            knows,
            verbose: false,
            tape: Vec::new(),
        }
    }
}

/// Runs the subject once, from power-on.
pub(crate) fn power_on<S: Subject + ?Sized>(
    subject: &S,
    profile: &Profile,
    state: State,
    world: S::World,
    conditions: Conditions<'_>,
) -> PowerOn<S::World> {
    power_on_prepared(subject, profile, state, world, conditions, |_| {}, |_| {})
}

/// The same on a chip that is `prepared` before, and asked when it is over.
pub(crate) fn power_on_prepared<S: Subject + ?Sized>(
    subject: &S,
    profile: &Profile,
    state: State,
    world: S::World,
    conditions: Conditions<'_>,
    prepare: impl FnOnce(&mut Chip<'_>),
    ask: impl FnOnce(&mut Chip<'_>),
) -> PowerOn<S::World> {
    let clock = OperationClock::default();
    let mut chip = Chip::new(profile, state, clock.clone(), conditions.knows);
    chip.decide_by(conditions.tape);
    if let Some(cut) = conditions.cut {
        chip.arm(cut);
    }
    prepare(&mut chip);
    let mut journal = Journal::new(world, clock, conditions.verbose);
    let outcome = quietly(|| {
        catch_unwind(AssertUnwindSafe(|| {
            subject.power_on(&mut chip, &mut journal)
        }))
    });
    let end = match outcome {
        _ if chip.dead() => Err(Dead),
        _ if chip.hangs() => {
            journal.found([totality::endless()]);
            Ok(Rest::Stuck)
        }
        Err(panic) => {
            let place = PANICKED_AT.take();
            journal.found([totality::panicked(panic_message(&*panic), place.as_deref())]);
            Ok(Rest::Stuck)
        }
        Ok(Ok(rest)) => Ok(rest),
        // Dead on a living chip: the subject gave up over an error it could not handle.
        Ok(Err(Dead)) => Ok(Rest::Stuck),
    };
    ask(&mut chip);
    let parts = chip.into_parts();
    judge_breaches(subject, &parts.breaches, &mut journal);
    let closed = journal.close();
    PowerOn {
        end,
        state: parts.state,
        world: closed.world,
        trace: parts.trace,
        looks: parts.looks,
        learned: parts.learned,
        decided: parts.decided,
        weak_reads: parts.weak_reads,
        calls: closed.calls,
        findings: closed.findings,
        marks: closed.marks,
        entries: closed.entries,
        changes: closed.changes,
    }
}

/// Judges the operations that break a rule of the chip; what is wrong with many of a kind is found once.
fn judge_breaches<S: Subject + ?Sized>(
    subject: &S,
    breaches: &[Breach],
    journal: &mut Journal<S::World>,
) {
    let mut found: Vec<Finding> = Vec::new();
    for Breach { op, error } in breaches {
        let (kind, addr) = match error {
            FlashError::Rule { kind, addr, .. }
            | FlashError::OutOfBounds { kind, addr, .. }
            | FlashError::NotAligned { kind, addr, .. } => (*kind, *addr),
            _ => continue,
        };
        // One power-on does far fewer than 2^32 operations.
        let op = u32::try_from(*op).unwrap_or(u32::MAX);
        let call = journal.call_at(op);
        let finding = containment::judge_breach(kind, &subject.place(addr), call, error);
        if !found.contains(&finding) {
            journal.found_at(op, finding.clone());
            found.push(finding);
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// File and line of the last panic of code under test.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f` without the panic hook's message: a panic of the code under test is a
/// finding with its own report, and a sweep may meet it thousands of times.
pub(crate) fn quietly<T>(f: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                let place = info.location().map(ToString::to_string);
                PANICKED_AT.set(place);
            } else {
                usual(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = f();
    QUIET.set(before);
    result
}
