//! Where a test begins: blank, aged, full of another's data, or as its author says.

use std::fmt::Debug;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim_flash::{Geometry, Profile, State};

use super::device::{Code, Course, Device, Healthy, LONGEST, Progress, healthy};
use super::flash::{DeviceFlash, Power};
use super::label;
use crate::chip::{Chip, Knows};
use crate::explore::Start;
use crate::subject::OperationClock;

/// What a device starts with.
pub(super) enum StartKind<G, V> {
    Blank,
    /// After so many operations; `None`: shortly before a sector is erased again.
    Aged(Option<usize>),
    Another,
    Image {
        name: String,
        contents: Vec<u8>,
        shows: V,
    },
    Prepared {
        name: String,
        prepare: Box<dyn Fn(DeviceFlash<G>) + Send + Sync>,
    },
}

impl<G, V> StartKind<G, V> {
    pub(super) const fn is_usual(&self) -> bool {
        matches!(self, Self::Blank | Self::Aged(None) | Self::Another)
    }
}

/// Operations within which a device is expected to have erased its sectors.
const AGE: usize = 2048;

/// A row of operations by their numbers among those of the test.
pub(super) type Sequence = Vec<usize>;

/// Flash contents that a test begins with.
#[derive(Clone)]
pub(super) struct Ready<V> {
    pub(super) name: String,
    state: State,
    shows: V,
    /// Operations done before: the sequence goes on from there.
    done: usize,
    /// Whether a refusal with the power on is nothing to wonder at.
    may_refuse: bool,
}

/// One start with one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Which of the starts.
    pub(super) ready: usize,
    /// Its operations; `None`: as the test gives them.
    pub(super) sequence: Option<Sequence>,
}

/// What starts and courses are made from.
pub(super) struct Workshop<'t, G, M, O, V> {
    pub(super) profile: &'t Profile,
    pub(super) operations: &'t [O],
    pub(super) first: &'t V,
    pub(super) kinds: &'t [StartKind<G, V>],
    pub(super) code: &'t Arc<Code<G, M, O, V>>,
}

impl<G, M, O, V> Workshop<'_, G, M, O, V>
where
    G: Geometry,
    O: Clone + Debug + Send + Sync,
    V: Clone + PartialEq + Debug + Send + Sync,
{
    /// A device that takes these ways, and where each begins.
    pub(super) fn device(
        &self,
        ready: &[Ready<V>],
        ways: &[Way],
    ) -> (Device<G, M, O, V>, Vec<Start<Progress>>) {
        let mut courses = Vec::new();
        let mut starts = Vec::new();
        for Way {
            ready: at,
            sequence,
        } in ways
        {
            let Some(ready) = ready.get(*at) else {
                continue;
            };
            let usual = self.usual(ready.done);
            let numbers = sequence.as_ref().unwrap_or(&usual);
            let operations: Vec<O> = { numbers.iter() }
                .filter_map(|index| self.operations.get(*index).cloned())
                .collect();
            let refusable = if ready.may_refuse {
                self.refusable(ready, &operations)
            } else {
                0
            };
            starts.push(Start {
                name: name_of(&ready.name, sequence.as_ref()),
                state: ready.state.clone(),
                world: Progress::start(u16::try_from(courses.len()).unwrap_or(u16::MAX)),
            });
            courses.push(Course {
                before: ready.shows.clone(),
                operations,
                refusable,
            });
        }
        let device = Device {
            code: Arc::clone(self.code),
            courses,
            blank: self.first.clone(),
            sector: self.profile.sector(),
        };
        (device, starts)
    }

    /// The way of this name, if there still is such a start.
    pub(super) fn way(&self, ready: &[Ready<V>], name: &str) -> Option<Way> {
        let mut parts = name.split('_');
        let start = parts.next()?;
        let numbers: Option<Sequence> = parts.map(|number| number.parse().ok()).collect();
        let numbers = numbers?;
        if numbers
            .iter()
            .any(|number| *number >= self.operations.len())
        {
            return None;
        }
        Some(Way {
            ready: ready.iter().position(|ready| ready.name == start)?,
            sequence: (!numbers.is_empty()).then_some(numbers),
        })
    }

    /// All operations, from the one that comes after `done` on.
    fn usual(&self, done: usize) -> Sequence {
        let count = self.operations.len();
        let turned = |index| (done + index) % count.max(1);
        (0..count.min(LONGEST)).map(turned).collect()
    }

    /// The operations of a way by their numbers.
    pub(super) fn numbers(&self, ready: &[Ready<V>], way: &Way) -> Sequence {
        let done = ready.get(way.ready).map_or(0, |ready| ready.done);
        { way.sequence.clone() }.unwrap_or_else(|| self.usual(done))
    }

    /// Every start, and what there is to say of them.
    pub(super) fn ready(&self, remarks: &mut Vec<String>) -> Vec<Ready<V>> {
        let mut ready = Vec::new();
        for kind in self.kinds {
            match kind {
                StartKind::Blank => ready.push(Ready {
                    name: "blank".into(),
                    state: self.profile.erased(),
                    shows: self.first.clone(),
                    done: 0,
                    may_refuse: false,
                }),
                StartKind::Aged(operations) => ready.extend(self.aged(*operations, remarks)),
                StartKind::Another => {
                    let mut state = self.profile.erased();
                    let mut bytes = vec![0; self.profile.size() as usize];
                    ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut bytes);
                    state.load(0, &bytes);
                    ready.extend(self.looked_at("anothers", state, remarks));
                }
                StartKind::Image {
                    name,
                    contents,
                    shows,
                } => {
                    let mut state = self.profile.erased();
                    state.load(0, contents);
                    ready.push(Ready {
                        name: tidy(name),
                        state,
                        shows: shows.clone(),
                        done: 0,
                        may_refuse: true,
                    });
                }
                StartKind::Prepared { name, prepare } => {
                    let state = self.left_by(prepare);
                    ready.extend(self.looked_at(&tidy(name), state, remarks));
                }
            }
        }
        ready
    }

    /// A start of which nobody knows what it shows: it is opened without a cut, and what is seen then counts.
    fn looked_at(&self, name: &str, state: State, remarks: &mut Vec<String>) -> Option<Ready<V>> {
        let opened = self.healthy(state.clone(), &[]);
        if opened.broke {
            // The exploration finds that, too, and tells where.
            return Some(Ready {
                name: name.to_owned(),
                state,
                shows: self.first.clone(),
                done: 0,
                may_refuse: true,
            });
        }
        match opened.shown {
            Ok(shows) => {
                if shows != *self.first {
                    let text = label::clipped(&shows);
                    remarks.push(format!("start \"{name}\" shows {text}"));
                }
                Some(Ready {
                    name: name.to_owned(),
                    state,
                    shows,
                    done: 0,
                    may_refuse: true,
                })
            }
            Err(error) => {
                remarks.push(format!(
                    "start \"{name}\" is refused when it is opened ({}): nothing is cut there",
                    label::clip(&error)
                ));
                None
            }
        }
    }

    fn healthy(&self, state: State, operations: &[O]) -> Healthy<V> {
        healthy(self.code, self.profile, state, operations, |_| true)
    }

    /// What `prepare` leaves.
    fn left_by(&self, prepare: &(dyn Fn(DeviceFlash<G>) + Send + Sync)) -> State {
        let (state, clock) = (self.profile.erased(), OperationClock::default());
        let mut chip = Chip::new(self.profile, state, clock, Knows::Nothing);
        let power = Power::on(&mut chip);
        prepare(power.flash());
        drop(power);
        chip.state().clone()
    }

    /// A blank device on which operations were done, over and over, up to shortly before it erases a sector once more.
    fn aged(&self, asked: Option<usize>, remarks: &mut Vec<String>) -> Option<Ready<V>> {
        let count = self.operations.len();
        if count == 0 {
            return None;
        }
        let mut value = self.first.clone();
        let mut values = vec![value.clone()];
        let mut number = 0;
        let operations = self.operations.iter().cycle();
        let lived = healthy(
            self.code,
            self.profile,
            self.profile.erased(),
            operations.take(asked.unwrap_or(AGE)),
            |step| {
                let operation = &self.operations[number % count];
                number += 1;
                let mut after = value.clone();
                (self.code.step)(&mut after, operation);
                let expected = if step.refused { &value } else { &after };
                let well = step.shown.as_ref() == Ok(expected);
                value = expected.clone();
                values.push(value.clone());
                well
            },
        );
        if lived.broke {
            let number = lived.steps.len() + 1;
            remarks.push(format!(
                "with no cut at all the code panics or hangs in operation {number}, counted from a blank flash"
            ));
        }
        let erases: Vec<usize> = { lived.steps.iter().enumerate() }
            .filter(|(_, step)| step.erased)
            .map(|(number, _)| number)
            .collect();
        let sectors = (self.profile.size() / self.profile.sector()) as usize;
        let again = erases.get(sectors).or(erases.last());
        // The last operation may not have gone well: the exploration shall meet it.
        let last = lived.steps.len().saturating_sub(1);
        let done = match (asked, again) {
            (Some(asked), _) => asked.min(lived.steps.len()),
            (None, Some(again)) => again.saturating_sub(count / 2).min(last),
            (None, None) => last.min(32),
        };
        let state = lived.steps.get(done.checked_sub(1)?)?.state.clone();
        Some(Ready {
            name: format!("aged-{done}"),
            state,
            shows: values.get(done)?.clone(),
            done,
            may_refuse: true,
        })
    }

    /// Which operations are refused from there on although nothing is cut.
    fn refusable(&self, ready: &Ready<V>, operations: &[O]) -> u64 {
        let lived = self.healthy(ready.state.clone(), operations);
        let mut before = Ok(ready.shows.clone());
        let mut refusable = 0;
        for (number, step) in lived.steps.into_iter().enumerate().take(LONGEST) {
            if step.refused && step.shown == before {
                refusable |= 1 << number;
            }
            before = step.shown;
        }
        refusable
    }
}

/// The name of a start with a sequence, as it stands in a case id.
fn name_of(start: &str, sequence: Option<&Sequence>) -> String {
    let numbers = sequence.into_iter().flatten().map(ToString::to_string);
    let parts: Vec<String> = std::iter::once(start.to_owned()).chain(numbers).collect();
    parts.join("_")
}

/// A name as it may stand in a case id.
fn tidy(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(letter).collect()
}
