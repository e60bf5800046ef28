//! The device around the code under test: opens it at each power-on, judges what it shows, and goes on with its
//! operations.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sim_flash::{Geometry, State};

use super::flash::{DeviceFlash, Power};
use super::label;
use crate::chip::{Chip, Knows};
use crate::explore::quietly;
use crate::property::{Property, completion, error_honesty, promises};
use crate::subject::{Dead, Journal, OperationClock, Place, Rest, Subject};

/// Operations of one course at most: which of them were refused is kept in as many bits.
pub(super) const LONGEST: usize = 64;

/// What may fail, its error as text.
pub(super) type Told<T> = Result<T, String>;

type Open<G, M> = Box<dyn Fn(DeviceFlash<G>) -> Told<M> + Send + Sync>;
type Apply<M, O> = Box<dyn Fn(&mut M, &O) -> Told<()> + Send + Sync>;
type Read<M, V> = Box<dyn Fn(&mut M) -> Told<V> + Send + Sync>;
type Step<V, O> = Box<dyn Fn(&mut V, &O) + Send + Sync>;

/// The code under test, as its user describes it.
pub(super) struct Code<G, M, O, V> {
    pub(super) reset: Box<dyn Fn() + Send + Sync>,
    pub(super) open: Open<G, M>,
    pub(super) apply: Apply<M, O>,
    pub(super) read: Read<M, V>,
    /// What an operation makes of a value.
    pub(super) step: Step<V, O>,
}

/// One way through the operations, from one start.
#[derive(Clone, Debug)]
pub(super) struct Course<O, V> {
    /// What the device shows at the start.
    pub(super) before: V,
    pub(super) operations: Vec<O>,
    /// Which operations the device refuses although no power is cut, the first in bit 0.
    pub(super) refusable: u64,
}

/// How far a device has come: its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    /// Which course.
    pub(super) course: u16,
    /// Operations that are settled: done or refused.
    pub(super) settled: u16,
    /// Which of these were refused, the first in bit 0.
    refused: u64,
    phase: Phase,
}

/// What the outside knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The last operation has returned, or there was none yet.
    Acknowledged,
    /// The next operation is under way.
    UnderWay,
    /// A power-on found that a cut had come too late to prevent the last operation, and let it be seen.
    Done,
    /// A power-on found that a cut had prevented the next operation, and let it be seen.
    Prevented,
}

impl Progress {
    pub(super) const fn start(course: u16) -> Self {
        Self {
            course,
            settled: 0,
            refused: 0,
            phase: Phase::Acknowledged,
        }
    }

    fn refuses(self, operation: usize) -> bool {
        self.refused & 1 << operation != 0
    }
}

/// A device that does nothing but keep something and go through a course.
pub(super) struct Device<G, M, O, V> {
    pub(super) code: Arc<Code<G, M, O, V>>,
    pub(super) courses: Vec<Course<O, V>>,
    /// What a blank device shows.
    pub(super) blank: V,
    pub(super) sector: u32,
}

/// The code under test while it has power.
struct Running<'d, 'c, 'm, G, M, O, V> {
    code: &'d Code<G, M, O, V>,
    power: Power<'c, 'm>,
}

impl<G: Geometry, M, O, V> Running<'_, '_, '_, G, M, O, V> {
    /// What a call returned, unless the power-on is over: then it is nothing to go by.
    fn alive<T, W: Clone + Eq>(&self, journal: &mut Journal<W>, returned: T) -> Result<T, Dead> {
        if self.power.is_over() {
            return Err(Dead);
        }
        for refused in self.power.refused() {
            journal.note(format_args!("the flash refused {refused}"));
        }
        Ok(returned)
    }

    fn open<W: Clone + Eq>(&self, journal: &mut Journal<W>) -> Result<Told<M>, Dead> {
        (self.code.reset)();
        let opened = (self.code.open)(self.power.flash());
        self.alive(journal, opened)
    }

    fn read<W: Clone + Eq>(
        &self,
        journal: &mut Journal<W>,
        mounted: &mut M,
    ) -> Result<Told<V>, Dead> {
        let read = (self.code.read)(mounted);
        self.alive(journal, read)
    }

    fn apply<W: Clone + Eq>(
        &self,
        journal: &mut Journal<W>,
        mounted: &mut M,
        operation: &O,
    ) -> Result<Told<()>, Dead> {
        let applied = (self.code.apply)(mounted, operation);
        self.alive(journal, applied)
    }
}

impl<G, M, O, V> Device<G, M, O, V>
where
    G: Geometry,
    O: Debug + Sync,
    V: Clone + PartialEq + Debug + Sync,
{
    pub(super) fn course(&self, progress: Progress) -> &Course<O, V> {
        &self.courses[usize::from(progress.course)]
    }

    /// What the device shows after `settled` operations.
    fn value(&self, progress: Progress, settled: u16) -> V {
        let course = self.course(progress);
        let mut value = course.before.clone();
        let operations = course.operations.iter().take(usize::from(settled));
        for (index, operation) in operations.enumerate() {
            if !progress.refuses(index) {
                (self.code.step)(&mut value, operation);
            }
        }
        value
    }

    fn next(&self, progress: Progress) -> Option<&O> {
        let course = self.course(progress);
        course.operations.get(usize::from(progress.settled))
    }

    /// Judges what was found; `None` if that ends the matter.
    fn judge(&self, journal: &mut Journal<Progress>, found: &V) -> Option<Progress> {
        let was = *journal.world();
        let Progress { settled, phase, .. } = was;
        let before = self.value(was, settled);
        let after = (phase == Phase::UnderWay).then(|| self.value(was, settled + 1));
        let (settled, phase) = if *found == before {
            let prevented = phase == Phase::UnderWay;
            (settled, if prevented { Phase::Prevented } else { phase })
        } else if after.as_ref() == Some(found) {
            (settled + 1, Phase::Done)
        } else {
            let taken_back = *found == self.blank
                || (0..settled).any(|earlier| self.value(was, earlier) == *found);
            let property = match phase {
                Phase::UnderWay | Phase::Acknowledged => {
                    promises::broken(phase == Phase::UnderWay && !taken_back)
                }
                Phase::Done | Phase::Prevented => Property::Stability,
            };
            let allowed = either(&before, after.as_ref());
            journal.violated(property, allowed, label::clipped(found));
            return None;
        };
        Some(Progress {
            settled,
            phase,
            ..was
        })
    }

    /// Does the next operation; `None` if the course is through, and whether it went well.
    fn go_on(
        &self,
        running: &Running<'_, '_, '_, G, M, O, V>,
        mounted: &mut M,
        journal: &mut Journal<Progress>,
    ) -> Result<Option<bool>, Dead> {
        let mut now = *journal.world();
        let Some(operation) = self.next(now) else {
            return Ok(None);
        };
        journal.call(label::verb(operation), label::clipped(operation));
        now.phase = Phase::UnderWay;
        journal.change(|progress| *progress = now);
        let applied = running.apply(journal, mounted, operation)?;
        let (before, after) = (
            self.value(now, now.settled),
            self.value(now, now.settled + 1),
        );
        let bit = 1 << now.settled;
        now.settled += 1;
        now.phase = Phase::Acknowledged;
        let Err(error) = applied else {
            journal.change(|progress| *progress = now);
            journal.note("Ok");
            let read = running.read(journal, mounted)?;
            let read = read.map_err(label::Plain);
            let dishonest = error_honesty::judge(&after, &read);
            let well = dishonest.is_none();
            journal.found(dishonest);
            return Ok(Some(well));
        };
        journal.note(format_args!("refused: {error}"));
        match running.read(journal, mounted)? {
            Ok(found) if found == before => now.refused |= bit,
            Ok(found) if found == after => {}
            other => {
                let got = match other {
                    Ok(found) => label::clipped(&found),
                    Err(error) => format!("an error: {error}"),
                };
                let allowed = either(&before, Some(&after));
                journal.violated(Property::ErrorHonesty, allowed, got);
                return Ok(Some(false));
            }
        }
        if self.course(now).refusable & bit == 0 {
            let operation = label::Plain(label::clipped(operation));
            journal.found([completion::refused(operation, label::Plain(error))]);
            return Ok(Some(false));
        }
        journal.change(|progress| *progress = now);
        Ok(Some(true))
    }

    /// All of a power-on; what is in RAM is left in `mounted`.
    fn run(
        &self,
        running: &Running<'_, '_, '_, G, M, O, V>,
        mounted: &mut Option<M>,
        journal: &mut Journal<Progress>,
    ) -> Result<Rest, Dead> {
        let opened = match running.open(journal)? {
            Ok(opened) => {
                let opened = mounted.insert(opened);
                running.read(journal, opened)?.map(|found| (opened, found))
            }
            Err(error) => Err(error),
        };
        let (mounted, found) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                journal.boot(format_args!("cannot be opened: {error}"));
                let got = format!("an error: {error}");
                journal.violated(Property::NoBrick, "what can be opened and read", got);
                return Ok(Rest::Stuck);
            }
        };
        journal.boot(format_args!("shows {}", label::clipped(&found)));
        let was = *journal.world();
        let Some(progress) = self.judge(journal, &found) else {
            return Ok(Rest::Stuck);
        };
        journal.change(|now| *now = progress);
        if was.phase == Phase::UnderWay {
            // The next power-on looks again: whoever acts on what he sees has a witness.
            return Ok(Rest::Reset);
        }
        // Ends: each round settles one of the course's operations, or returns.
        while let Some(well) = self.go_on(running, mounted, journal)? {
            if !well {
                return Ok(Rest::Stuck);
            }
        }
        Ok(Rest::Idle)
    }
}

/// What may be found, as text.
fn either<V: PartialEq + Debug>(before: &V, after: Option<&V>) -> String {
    match after {
        Some(after) if after != before => {
            format!("{} or {}", label::clipped(before), label::clipped(after))
        }
        _ => label::clipped(before),
    }
}

impl<G, M, O, V> Subject for Device<G, M, O, V>
where
    G: Geometry,
    O: Debug + Sync,
    V: Clone + PartialEq + Debug + Sync,
{
    type World = Progress;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<Progress>) -> Result<Rest, Dead> {
        // Outlives the power, as RAM would not: what its `Drop` does then must not count.
        let mut mounted = None;
        let running = Running {
            code: &self.code,
            power: Power::on(chip),
        };
        let rest = self.run(&running, &mut mounted, journal);
        drop(running);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(mounted)));
        rest
    }

    fn place(&self, addr: u32) -> Place {
        Place {
            name: format!("sector {}", addr / self.sector),
            kind: "flash",
        }
    }
}

/// Accesses to the flash after which a device without cuts is old enough.
const ACCESSES: u64 = 100_000;

/// What a device without any cut came to.
pub(super) struct Healthy<V> {
    /// What it showed when it was opened.
    pub(super) shown: Told<V>,
    /// What became of each operation, as far as it came; the flash and the value behind it, and whether it was refused.
    pub(super) steps: Vec<HealthyStep<V>>,
    /// The code under test panicked, or did not end.
    pub(super) broke: bool,
}

pub(super) struct HealthyStep<V> {
    pub(super) state: State,
    pub(super) shown: Told<V>,
    pub(super) refused: bool,
    /// Whether it erased anything.
    pub(super) erased: bool,
}

/// Opens the code under test on `state` and makes it do `operations`, power on all the time.
pub(super) fn healthy<'o, G: Geometry, M, O: 'o, V>(
    code: &Code<G, M, O, V>,
    profile: &sim_flash::Profile,
    state: State,
    operations: impl IntoIterator<Item = &'o O>,
    mut keep_on: impl FnMut(&HealthyStep<V>) -> bool,
) -> Healthy<V> {
    let mut chip = Chip::new(profile, state, OperationClock::default(), Knows::Nothing);
    let mut keep_on = |step: &HealthyStep<V>, power: &Power<'_, '_>| {
        !power.is_over() && power.accesses() < ACCESSES && keep_on(step)
    };
    let mut steps: Vec<HealthyStep<V>> = Vec::new();
    let mut shown = Err("nothing: it panicked".to_owned());
    let mut mounted = None;
    let ended = quietly(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let power = Power::on(&mut chip);
            (code.reset)();
            let opened = (code.open)(power.flash());
            let mounted = match opened {
                Ok(opened) => mounted.insert(opened),
                Err(error) => {
                    shown = Err(error);
                    return;
                }
            };
            shown = (code.read)(mounted);
            if shown.is_err() {
                return;
            }
            let mut done = power.operations();
            for operation in operations {
                let refused = (code.apply)(mounted, operation).is_err();
                let shown = (code.read)(mounted);
                let now = power.operations();
                let step = HealthyStep {
                    state: power.state(),
                    erased: power.erased_since(done),
                    shown,
                    refused,
                };
                done = now;
                let goes_on = keep_on(&step, &power);
                steps.push(step);
                if !goes_on {
                    break;
                }
            }
        }))
    });
    let broke = ended.is_err() || chip.hangs();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(mounted)));
    Healthy {
        shown,
        steps,
        broke,
    }
}
