//! What the device has told the world, and what a boot may therefore run.

use ota_core::partition::Slot;

use super::course::Plan;
use super::firmware::ImageId;
use super::marks;
use crate::property::Property;
use crate::property::promises::{self, Ran};
use crate::subject::Journal;

/// Everything outside the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// The device updates itself for as long as the server has something newer.
    Updates(Promises),
    /// The application makes one call, and then rests.
    Calls(Plan),
    /// The power stays on now, and the server offers another image to a device at rest.
    Afresh {
        /// How far it has come.
        stage: Afresh,
        /// As in [`Promises::minimum`].
        minimum: u32,
    },
}

/// How far a new update has come that nothing disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Afresh {
    /// It is on offer.
    Offered,
    /// It lies in this slot, which is to boot.
    Switched(Slot),
    /// It runs, and has confirmed itself if that is asked of it.
    Done,
}

impl World {
    /// A device that updates itself, runs `image` and has promised nothing else.
    pub const fn confirmed(image: ImageId) -> Self {
        Self::Updates(Promises::confirmed(image))
    }

    /// The image that was offered at rest runs.
    pub(super) fn is_done(&mut self) {
        if let Self::Afresh { stage, .. } = self {
            *stage = Afresh::Done;
        }
    }

    /// The bootloader is about to count the start of the image in `slot` that was switched to.
    pub(super) fn counting(&mut self, slot: Slot) {
        match self {
            Self::Updates(promises) => {
                if let Promise::Switching { from, to } | Promise::Activated { from, to } =
                    promises.promise
                {
                    promises.promise = Promise::Counting { from, to };
                }
            }
            Self::Calls(plan) => *plan = plan.counting(slot),
            Self::Afresh { .. } => {}
        }
    }

    /// The log of otadata is exhausted: a start could not be counted, so the image that was switched to
    /// may wait, or be given up.
    pub(super) fn exhausted(&mut self) {
        if let Self::Updates(promises) = self
            && let Promise::Activated { from, to } | Promise::Counting { from, to } =
                promises.promise
        {
            promises.promise = Promise::Switching { from, to };
        }
    }

    /// What otadata says is in order, and this image runs: a switch from it that was cut is undone.
    pub(super) fn settle(&mut self, image: ImageId) {
        let Self::Updates(promises) = self else {
            return;
        };
        let (from, to) = match promises.promise {
            Promise::Switching { from, to } => (from, to),
            Promise::Resetting => (promises.confirmed, FACTORY),
            _ => return,
        };
        if (from, from) == (image, promises.confirmed) {
            promises.promise = Promise::Undone { to };
        }
    }

    /// Nobody asks for `image` again.
    pub(super) fn give_up(&mut self, image: ImageId) {
        if let Self::Updates(promises) = self {
            promises.given_up = Some(image);
        }
    }

    /// Whether nobody asks for `image` again.
    pub(super) fn has_given_up(&self, image: ImageId) -> bool {
        matches!(self, Self::Updates(promises) if promises.given_up == Some(image))
    }

    /// At this power-on somebody holds the pin for a factory reset: whether so. After a cut nobody does.
    pub(super) fn begins_reset(&mut self) -> bool {
        match self {
            Self::Updates(promises) if promises.promise == Promise::ResetAsked => {
                promises.promise = Promise::Resetting;
                true
            }
            _ => false,
        }
    }

    /// The bootloader has done a factory reset: the image of the factory is the one to keep.
    pub(super) fn is_reset(&mut self) {
        self.confirm(FACTORY);
    }

    /// Whether `image` is on trial and was started before.
    pub(super) fn has_started(&self, image: ImageId) -> bool {
        match self {
            Self::Updates(promises) => {
                matches!(promises.promise, Promise::Started { to, .. } if to == image)
            }
            Self::Calls(_) | Self::Afresh { .. } => false,
        }
    }

    /// The version below which no image may run.
    pub(super) const fn minimum(self) -> u32 {
        match self {
            Self::Updates(Promises { minimum, .. }) | Self::Afresh { minimum, .. } => minimum,
            Self::Calls(_) => 0,
        }
    }

    /// The fuses are burnt up to `minimum`.
    pub(super) fn burn(&mut self, version: u32) {
        if let Self::Updates(Promises { minimum, .. }) | Self::Afresh { minimum, .. } = self {
            *minimum = version;
        }
    }

    /// The same device with nothing but its promises.
    pub(super) const fn promises(mut self) -> Self {
        if let Self::Updates(Promises { minimum, .. }) | Self::Afresh { minimum, .. } = &mut self {
            *minimum = 0;
        }
        self
    }

    /// The download that can be resumed.
    pub(super) const fn written(self) -> Option<Written> {
        match self {
            Self::Updates(promises) => promises.written,
            Self::Calls(_) | Self::Afresh { .. } => None,
        }
    }

    /// So much of a download is written.
    pub(super) fn write(&mut self, written: Option<Written>) {
        if let Self::Updates(promises) = self {
            promises.written = written;
        }
    }

    /// `image` is the one to keep from now on.
    pub(super) fn confirm(&mut self, image: ImageId) {
        if let Self::Updates(promises) = self {
            *promises = promises.after_confirming(image);
        }
    }

    /// The device promises this, beyond the image it last promised to keep.
    pub(super) fn promise(&mut self, promise: Promise) {
        if let Self::Updates(promises) = self {
            promises.promise = promise;
        }
    }
}

/// The image in the factory partition of a device that is reset to it: the oldest.
const FACTORY: ImageId = ImageId(0);

/// What a device that updates itself has promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Promises {
    /// The image that the device last promised to keep.
    pub confirmed: ImageId,
    /// What has been promised, or is being promised, beyond that.
    pub promise: Promise,
    /// An image that was refused and is not asked for again.
    ///
    /// Only under the hardened policy: there each download leaves otadata with higher numbers, so one
    /// that is refused for ever would never come to an end.
    pub given_up: Option<ImageId>,
    /// With anti-rollback: the version below which no image may run, in fuses.
    pub minimum: u32,
    /// The download that the application can resume, as it has noted outside the flash.
    pub written: Option<Written>,
}

/// So much of a download is written: `write` has returned Ok for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Written {
    /// The image.
    pub image: ImageId,
    /// The slot.
    pub slot: Slot,
    /// How many bytes.
    pub bytes: u32,
}

/// A promise under way or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// Nothing beyond the confirmed image.
    None,
    /// A switch was asked for; the call has not returned.
    Switching {
        /// The image that asked. It need not be a confirmed one.
        from: ImageId,
        /// The image to be started.
        to: ImageId,
    },
    /// The call returned Ok: `to` is to be started.
    Activated {
        /// The image that asked.
        from: ImageId,
        /// The image to be started.
        to: ImageId,
    },
    /// The call returned Ok, and the bootloader is counting the start of `to`: a cut may spend it.
    Counting {
        /// The image that asked.
        from: ImageId,
        /// The image to be started.
        to: ImageId,
    },
    /// A switch to `to` was cut, and a boot has run the confirmed image instead: so it stays.
    ///
    /// Only under the hardened policy, which says so in otadata before it jumps.
    Undone {
        /// The image that was to be started.
        to: ImageId,
    },
    /// Somebody is about to ask for a factory reset: the pin is held at the next power-on.
    ResetAsked,
    /// The bootloader resets the device to the image of the factory.
    Resetting,
    /// `to` was started; until it confirms itself, the device may fall back.
    Started {
        /// The image that asked for the switch.
        from: ImageId,
        /// The image on trial.
        to: ImageId,
    },
}

impl Promises {
    /// A device that runs `image` and has promised nothing else.
    pub const fn confirmed(image: ImageId) -> Self {
        Self {
            confirmed: image,
            promise: Promise::None,
            given_up: None,
            minimum: 0,
            written: None,
        }
    }

    /// The same device with `image` to keep, and nothing promised beyond.
    const fn after_confirming(self, image: ImageId) -> Self {
        Self {
            confirmed: image,
            promise: Promise::None,
            given_up: None,
            ..self
        }
    }

    /// The same, and a factory reset is about to be asked for.
    pub(super) const fn reset_asked(image: ImageId) -> Self {
        Self {
            promise: Promise::ResetAsked,
            ..Self::confirmed(image)
        }
    }

    /// The images that a boot may run now.
    fn allowed(self) -> Vec<ImageId> {
        let mut allowed = match self.promise {
            Promise::None | Promise::Undone { .. } => vec![self.confirmed],
            Promise::Switching { from, to }
            | Promise::Counting { from, to }
            | Promise::Started { from, to } => {
                vec![self.confirmed, from, to]
            }
            Promise::Activated { to, .. } => vec![to],
            Promise::ResetAsked | Promise::Resetting => vec![self.confirmed, FACTORY],
        };
        allowed.dedup();
        allowed
    }

    /// The promises after a boot ran `image`.
    ///
    /// After a violation the device's life goes on from what it now runs, so
    /// that states behind it are judged too.
    fn after_boot(mut self, image: ImageId) -> Self {
        match self.promise {
            Promise::Switching { from, to }
            | Promise::Activated { from, to }
            | Promise::Counting { from, to }
                if to == image =>
            {
                self.promise = Promise::Started { from, to };
            }
            Promise::Resetting if image == FACTORY => self = self.after_confirming(image),
            _ if self.allowed().contains(&image) => {}
            _ => self = self.after_confirming(image),
        }
        self
    }
}

/// Judges the boot that ran `image` from `slot`, and notes it in the world. Of a device that makes calls the
/// [plan](Plan) judges.
pub(super) fn judge_boot(
    journal: &mut Journal<World>,
    name: impl Fn(ImageId) -> String,
    slot: Slot,
    image: Option<ImageId>,
) {
    let World::Updates(world) = *journal.world() else {
        return;
    };
    let ran = Ran {
        slot,
        image,
        foreign: "content that nobody published",
    };
    // A promise given (Ok was returned) is no longer under way.
    let wrong = match world.promise {
        Promise::Undone { to } if image == Some(to) => Property::Stability,
        Promise::None | Promise::Undone { .. } | Promise::Activated { .. } => {
            promises::broken(false)
        }
        Promise::Switching { .. }
        | Promise::Counting { .. }
        | Promise::Started { .. }
        | Promise::ResetAsked
        | Promise::Resetting => promises::broken(true),
    };
    journal.found(promises::judge(ran, &world.allowed(), wrong, name));
    if let Some(image) = image {
        if world.promise == Promise::Resetting && image == FACTORY {
            journal.sometimes(marks::RESET);
        }
        journal.change(|now| *now = World::Updates(world.after_boot(image)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::OperationClock;

    const OLD: ImageId = ImageId(0);
    const NEW: ImageId = ImageId(1);

    /// What is found when `image` runs in a world with this promise, and the world after that.
    fn boots(promise: Promise, image: ImageId) -> (Option<Property>, World) {
        let promises = Promises {
            promise,
            ..Promises::confirmed(OLD)
        };
        let world = World::Updates(promises);
        let mut journal = Journal::new(world, OperationClock::default(), false);
        judge_boot(
            &mut journal,
            |id| id.0.to_string(),
            Slot::Ota(0),
            Some(image),
        );
        let mut closed = journal.close();
        let found = closed.findings.pop().map(|finding| finding.property);
        closed.world.settle(image);
        (found, closed.world)
    }

    /// A switch that was cut, and that a boot has undone, comes to nothing.
    #[test]
    fn what_a_boot_has_undone_must_not_run() {
        let switching = Promise::Switching { from: OLD, to: NEW };
        let (found, after) = boots(switching, OLD);
        assert_eq!(found, None);
        let undone = Promise::Undone { to: NEW };
        assert_eq!(
            after,
            World::Updates(Promises {
                promise: undone,
                ..Promises::confirmed(OLD)
            })
        );
        assert_eq!(boots(undone, OLD), (None, after));
        assert_eq!(boots(undone, NEW).0, Some(Property::Stability));
        assert_eq!(boots(Promise::None, NEW).0, Some(Property::Durability));
        assert_eq!(boots(switching, NEW).0, None);
    }

    /// A factory reset that was cut is done or undone.
    #[test]
    fn a_reset_leads_to_the_factory_image_or_nowhere() {
        let keeps = Promises::reset_asked(NEW);
        let mut world = World::Updates(keeps);
        assert!(world.begins_reset() && !world.begins_reset());
        let World::Updates(resetting) = world else {
            unreachable!("a device that updates itself");
        };
        assert_eq!(resetting.allowed(), [NEW, FACTORY]);
        assert_eq!(resetting.after_boot(FACTORY), Promises::confirmed(FACTORY));
        assert_eq!(resetting.after_boot(NEW), resetting);
        world.settle(NEW);
        let World::Updates(undone) = world else {
            unreachable!("a device that updates itself");
        };
        assert_eq!(undone.allowed(), [NEW]);
        world.is_reset();
        assert_eq!(world, World::confirmed(FACTORY));
    }
}
