//! What a dump's device may run: what it runs without a cut, before the call or after it.

use ota_core::Slot;

use crate::ota::ImageId;
use crate::property::promises::{self, Ran};
use crate::subject::Journal;

/// The same device without a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    /// What boots if the call is never made: at the first boot, at the second, … until it repeats.
    pub before: Vec<ImageId>,
    /// What boots after the call; empty if nothing does.
    pub after: Vec<ImageId>,
    /// Slots that otadata points at although their image does not verify, cut or no cut.
    pub unverified: Vec<Slot>,
}

/// Everything outside the flash: how far the device has come, and what that promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// The next power-on makes the call.
    Begin,
    /// Nothing is under way: what boots is what boots without the call.
    Untouched,
    /// The call is under way, or it has returned an error.
    Underway,
    /// The call has returned Ok.
    Done,
    /// An image was started that the twin starts first before the call, or after it, or both.
    Started {
        /// It lives the life before the call.
        before: bool,
        /// It lives the life after the call.
        after: bool,
    },
    /// An image was started that may not; life goes on from there.
    Astray(ImageId),
}

impl Twin {
    /// The images that a boot may run now.
    fn allowed(&self, world: World) -> Vec<ImageId> {
        let first = |images: &[ImageId]| images.first().copied();
        let mut allowed = match world {
            World::Begin | World::Untouched => first(&self.before).into_iter().collect(),
            World::Done => first(&self.after).into_iter().collect(),
            World::Underway => first(&self.before)
                .into_iter()
                .chain(first(&self.after))
                .collect(),
            World::Started { before, after } => {
                let lives = [(before, &self.before), (after, &self.after)];
                let lives = lives.into_iter().filter(|(lives, _)| *lives);
                lives.flat_map(|(_, images)| images.clone()).collect()
            }
            World::Astray(image) => vec![image],
        };
        allowed.sort_unstable();
        allowed.dedup();
        allowed
    }

    /// The world after a boot ran `image`.
    fn after_boot(&self, world: World, image: ImageId) -> World {
        if !self.allowed(world).contains(&image) {
            return World::Astray(image);
        }
        let is = |images: &[ImageId]| images.first() == Some(&image);
        match world {
            World::Begin | World::Untouched => World::Started {
                before: true,
                after: false,
            },
            World::Done => World::Started {
                before: false,
                after: true,
            },
            World::Underway => World::Started {
                before: is(&self.before),
                after: is(&self.after),
            },
            lives => lives,
        }
    }
}

/// Judges the boot that ran `image` from `slot`, and notes it in the world.
pub(super) fn judge(
    journal: &mut Journal<World>,
    twin: &Twin,
    name: impl Fn(ImageId) -> String,
    slot: Slot,
    image: Option<ImageId>,
) {
    let world = *journal.world();
    let ran = Ran {
        slot,
        image,
        foreign: "an image that is neither in the dump nor the update",
    };
    let wrong = promises::broken(world == World::Underway);
    journal.found(promises::judge(ran, &twin.allowed(world), wrong, name));
    if let Some(image) = image {
        journal.change(|world| *world = twin.after_boot(*world, image));
    }
}
