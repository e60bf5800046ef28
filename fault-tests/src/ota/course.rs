//! What the coming boots decide if nothing goes wrong, and how a boot is judged by it.
//!
//! A call of the update core is judged by its fault-free twin, not by a hand-written expectation.
//! Before the call the twin says what the coming boots decide (the *course*), and what they would
//! decide had the call taken effect. A boot after a cut must take the one course or the other, and
//! stay on it.

use ota_core::partition::Slot;

use super::errand::Errand;
use super::firmware::ImageId;
use crate::property::{Finding, Property, publish_order, rollback_convergence};

/// What one boot decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The slot that runs.
    pub slot: Slot,
    /// The image in it; `None` if nobody published it.
    pub image: Option<ImageId>,
    /// otadata named this slot, whose image does not verify.
    pub astray: Option<Slot>,
}

impl Outcome {
    /// Whether the same image runs from the same slot.
    fn runs_as(self, other: Self) -> bool {
        (self.slot, self.image) == (other.slot, other.image)
    }
}

fn same(one: Option<Outcome>, other: Option<Outcome>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.runs_as(other),
        (None, None) => true,
        _ => false,
    }
}

/// What the coming boots decide, with no cut and no call between them; `None` where nothing boots.
///
/// Three are enough: an image on trial, then another one on trial, then what is left. The last
/// decides all that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Course(pub [Option<Outcome>; Self::BOOTS]);

impl Course {
    /// Boots until a course repeats itself.
    pub const BOOTS: usize = 3;

    /// The coming boot.
    pub const fn next(self) -> Option<Outcome> {
        self.0[0]
    }

    /// The course after the coming boot.
    const fn rest(self) -> Self {
        let [_, second, last] = self.0;
        Self([second, last, last])
    }

    pub(super) fn runs_as(self, other: Self) -> bool {
        let mut both = self.0.into_iter().zip(other.0);
        both.all(|(one, other)| same(one, other))
    }
}

/// What lies ahead of a device as its flash is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) course: Course,
    /// Slots that otadata names although no image is there, as first or as second choice.
    pub(super) vain: Slots,
}

/// The world of a device whose application makes one call: what is to be done, and what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// What the application does first thing after power-on, until that is done.
    pub errand: Option<Errand>,
    /// What the coming boots decide.
    pub course: Course,
    /// A call is under way: what they decide once it has taken effect, if that differs.
    pub other: Option<Course>,
    /// A start is being counted, and may be spent by a cut: what they decide then.
    pub spent: Option<Course>,
    /// The image that ran last, if it is not the one that boots next.
    pub trial: Option<Outcome>,
    /// Slots that otadata names in vain without any cut: damaged by something else, or set to boot unverified.
    pub vain: Slots,
}

/// A set of OTA slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slots(u16);

impl Slots {
    /// With this one, if it is an OTA slot.
    pub(super) fn with(self, slot: Option<Slot>) -> Self {
        Self(self.0 | Self::bit(slot))
    }

    /// With those that a course names in vain.
    fn with_those_of(self, course: Course) -> Self {
        let named = course.0.into_iter().flatten();
        named.fold(self, |slots, outcome| slots.with(outcome.astray))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The first that is not among `others`.
    fn without(self, others: Self) -> Option<Slot> {
        let mine = self.0 & !others.0;
        let first = u8::try_from(mine.trailing_zeros()).ok()?;
        (mine != 0).then_some(Slot::Ota(first))
    }

    fn contains(self, slot: Slot) -> bool {
        self.0 & Self::bit(Some(slot)) != 0
    }

    fn bit(slot: Option<Slot>) -> u16 {
        match slot {
            Some(Slot::Ota(n)) => 1u16.checked_shl(n.into()).unwrap_or(0),
            _ => 0,
        }
    }
}

/// Whether the device took another turn than it should have.
fn is_a_turn(wrong: &Finding) -> bool {
    wrong.property != Property::PublishOrder
}

impl Plan {
    /// A device that is about to do `errand`, and boots as `course` says until then.
    pub(super) fn new(errand: Option<Errand>, ahead: Ahead, damaged: Option<Slot>) -> Self {
        let Ahead { course, vain } = ahead;
        Self {
            errand,
            course,
            other: None,
            spent: None,
            trial: None,
            vain: vain.with(damaged).with_those_of(course),
        }
    }

    /// A call is under way that leads to `after`.
    pub(super) fn calling(mut self, after: Ahead) -> Self {
        self.other = (after.course != self.course).then_some(after.course);
        self.vain = self.vain.and(after.vain).with_those_of(after.course);
        self
    }

    /// The call that was under way has returned.
    pub(super) fn called(self, after: Ahead) -> Self {
        Self {
            course: after.course,
            other: None,
            ..self.calling(after)
        }
    }

    /// The bootloader is about to count the start of the image in `slot`: so it is on the course that boots
    /// that, and a cut may spend the start.
    pub(super) fn counting(self, slot: Slot) -> Self {
        let boots = |course: &Course| course.next().is_some_and(|next| next.slot == slot);
        let Some(course) = [Some(self.course), self.other]
            .into_iter()
            .flatten()
            .find(boots)
        else {
            return self;
        };
        Self {
            errand: self.after(course),
            course,
            other: None,
            spent: Some(course.rest()),
            ..self
        }
    }

    /// What is left to do on this course: the effect of the call is there, whether or not it ever returned, if
    /// it is another course.
    fn after(self, course: Course) -> Option<Errand> {
        match self.errand {
            Some(errand) if course != self.course => errand.then(),
            errand => errand,
        }
    }

    /// Judges a boot by what it `got`, and by what is now `ahead` of the device.
    pub(super) fn judge(
        self,
        got: Outcome,
        Ahead {
            course: ahead,
            vain,
        }: Ahead,
        show: &impl Fn(Option<Outcome>) -> String,
    ) -> (Self, Vec<Finding>) {
        let mut wrong = Vec::new();
        let either = |of: &dyn Fn(Course) -> Option<Outcome>, from: &[Course]| {
            let mut all: Vec<_> = from.iter().map(|course| show(of(*course))).collect();
            all.dedup();
            all.join(" or ")
        };
        let courses: Vec<_> = [Some(self.course), self.other, self.spent]
            .into_iter()
            .flatten()
            .collect();
        let possible: Vec<_> = courses
            .iter()
            .copied()
            .filter(|course| same(course.next(), Some(got)))
            .collect();
        let kept = possible.iter().find(|course| course.rest().runs_as(ahead));
        let next = |course: Course| course.next();
        if possible.is_empty() {
            let property = rollback_convergence::wrong_turn(
                self.trial.is_some_and(|trial| trial.runs_as(got)),
                self.other.is_some(),
                got.image.is_none(),
            );
            let allowed = either(&next, &courses);
            wrong.push(Finding::new(property, allowed, show(Some(got))));
        } else if kept.is_none() {
            let second = |course: Course| course.rest().next();
            let rolls_back = possible.iter().all(|c| !same(second(*c), Some(got)));
            let again = same(ahead.next(), Some(got));
            let property = rollback_convergence::wrong_future(rolls_back, again);
            let allowed = format!("{}, then {}", show(Some(got)), either(&second, &possible));
            let got = format!("{}, then {}", show(Some(got)), then(ahead, show));
            wrong.push(Finding::new(property, allowed, got));
        }
        let pointer = publish_order::judge(got.astray, |slot| self.vain.contains(slot));
        let second = || publish_order::judge_second_choice(vain.without(self.vain));
        wrong.extend(pointer.or_else(second));
        let course = kept.map_or(ahead, |course| course.rest());
        let errand = match kept {
            Some(kept) if Some(*kept) != self.spent => self.after(*kept),
            // Behind a violation the device is left alone.
            None if wrong.iter().any(is_a_turn) => None,
            _ => self.errand,
        };
        let plan = Self {
            errand,
            course,
            other: None,
            spent: None,
            trial: (!same(course.next(), Some(got))).then_some(got),
            vain: self.vain,
        };
        (plan, wrong)
    }
}

fn then(course: Course, show: &impl Fn(Option<Outcome>) -> String) -> String {
    show(course.next())
}
