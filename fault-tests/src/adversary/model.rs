//! What the documentation of the calls promises, as a page of plain Rust: the oracle.
//!
//! A [`State`] is what a device has chosen. [`State::boot`] says what a boot does with it, the other methods what a call
//! of the application returns and makes of it. Nothing here knows rows, sectors or flash: where the power fails in a
//! call, the device is in the state before it or in the one after it, and whoever keeps the states keeps both.

use ota_core::partition::Slot;

use super::cells::Content;
use super::image::IMAGES;

/// A slot, and the image that must be in it; without one, whatever verifies will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Named {
    pub(super) slot: Slot,
    pub(super) image: Option<usize>,
}

/// What is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    /// What boots.
    pub(super) current: Named,
    /// It is on trial: started so often, of so many starts.
    pub(super) trial: Option<(u8, u8)>,
    /// What was confirmed before it.
    pub(super) previous: Option<Named>,
    /// The slot that is being written, and what was verified there.
    pub(super) open: Option<(Slot, Option<usize>)>,
    /// The last images that were found bad, the latest first.
    pub(super) bad: [Option<usize>; 2],
    /// Stock code says so, and nothing of the policy is there yet. A cut in the first change may lose what was before.
    pub(super) of_stock: Option<OfStock>,
}

/// What a device of stock code may come to believe of what was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OfStock {
    /// A cut has hit it: either may be read, and not the same each time.
    pub(super) torn: bool,
    /// What its other entry names, or else the factory image.
    pub(super) before: Option<Named>,
    /// What is left where that entry is lost.
    pub(super) without: Option<Named>,
}

/// What a device has besides its otadata.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Around {
    /// What is in factory, `ota_0`, `ota_1`, `ota_2`.
    pub(super) slots: [Content; 4],
    /// The number of OTA slots; whether there is a factory image, and trials, and anti-rollback.
    pub(super) count: u8,
    pub(super) factory: bool,
    pub(super) monitored: bool,
    pub(super) anti_rollback: bool,
    /// How often an image on trial is started.
    pub(super) attempts: u8,
    /// The secure version of the device.
    pub(super) minimum: u32,
    /// The highest that it has fuses for.
    pub(super) fuses: u32,
    /// What runs.
    pub(super) running: Slot,
    /// It was started on trial and has not been confirmed since, or has refused itself.
    pub(super) in_doubt: bool,
}

/// Why a boot runs what it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    Confirmed,
    Trial {
        start: u8,
        attempts: u8,
    },
    RolledBack,
    Fallback,
    /// The log is exhausted: the image on trial waits.
    Postponed,
}

/// How a call ends: the name of the error, if it is one.
pub(super) type Ends = Result<(), &'static str>;

impl Named {
    pub(super) const fn any(slot: Slot) -> Self {
        Self { slot, image: None }
    }
}

impl Around {
    /// What is in a slot.
    pub(super) fn content(&self, slot: Slot) -> Content {
        match slot {
            Slot::Factory => self.slots[0],
            Slot::Ota(n) => self.slots[usize::from(n) + 1],
            Slot::Test => Content::Nothing,
        }
    }

    /// The image in a slot that may run. No weak bits: see [`Around::certain`].
    fn bootable(&self, slot: Slot) -> Option<usize> {
        let Content::Image(image) = self.content(slot) else {
            return None;
        };
        (!self.anti_rollback || IMAGES[image].version >= self.minimum).then_some(image)
    }

    /// The same, if it is the image that is named.
    fn holds(&self, named: Named) -> Option<usize> {
        let image = self.bootable(named.slot)?;
        (named.image.is_none_or(|wanted| wanted == image)).then_some(image)
    }

    /// Each way in which the weak bits of images may read.
    pub(super) fn certain(&self) -> impl Iterator<Item = Self> {
        let around = *self;
        let weak = |content: &Content| matches!(content, Content::Perhaps(_));
        let weak: Vec<_> = (0..4).filter(|n| weak(&around.slots[*n])).collect();
        (0..1u8 << weak.len()).map(move |ways| {
            let mut around = around;
            for (bit, n) in weak.iter().enumerate() {
                around.slots[*n] = match around.slots[*n] {
                    Content::Perhaps(image) if ways >> bit & 1 == 1 => Content::Image(image),
                    _ => Content::Nothing,
                };
            }
            around
        })
    }

    fn all(&self) -> impl Iterator<Item = Slot> + use<> {
        let factory = self.factory.then_some(Slot::Factory);
        factory.into_iter().chain((0..self.count).map(Slot::Ota))
    }
}

impl State {
    /// A confirmed image, and nothing else.
    pub(super) const fn confirmed(current: Named) -> Self {
        Self {
            current,
            trial: None,
            previous: None,
            open: None,
            bad: [None; 2],
            of_stock: None,
        }
    }

    /// What a boot runs, and why, and what is chosen then; `None` where nothing can boot.
    pub(super) fn boot(mut self, reset_pin: bool, around: &Around) -> (Option<(Slot, Why)>, Self) {
        if reset_pin {
            self = self.reset(around);
        }
        let current = around.holds(self.current);
        match self.trial {
            None if current.is_some() => return (Some((self.current.slot, Why::Confirmed)), self),
            None => {
                if let Some(previous) = self.previous.filter(|named| around.holds(*named).is_some())
                {
                    return (Some((previous.slot, Why::Fallback)), self);
                }
            }
            Some((started, attempts)) => {
                if started < attempts && current.is_some() {
                    let start = started + 1;
                    self.trial = Some((start, attempts));
                    self.of_stock = None;
                    return (
                        Some((self.current.slot, Why::Trial { start, attempts })),
                        self,
                    );
                }
                if let Some(previous) = self.previous.filter(|named| around.holds(*named).is_some())
                {
                    return (
                        Some((previous.slot, Why::RolledBack)),
                        self.rolled_back(previous),
                    );
                }
            }
        }
        (self.search(around).map(|slot| (slot, Why::Fallback)), self)
    }

    /// The first that verifies, but for what is being written and what was found bad; then one of those after all.
    fn search(&self, around: &Around) -> Option<Slot> {
        let chosen = [Some(self.current), self.previous];
        let named = |slot: Slot| {
            chosen
                .into_iter()
                .flatten()
                .find(|named| named.slot == slot)
        };
        let is_bad = |slot| {
            around
                .bootable(slot)
                .is_some_and(|image| self.bad.contains(&Some(image)))
        };
        let is_open = |slot| self.open.is_some_and(|(open, _)| open == slot);
        let good = |slot: &Slot| named(*slot).is_none() && !is_open(*slot) && !is_bad(*slot);
        let first = around
            .all()
            .filter(good)
            .find(|slot| around.bootable(*slot).is_some());
        let mut passed_over = chosen.into_iter().flatten().map(|named| named.slot);
        let bootable = |slot: &Slot| around.bootable(*slot).is_some();
        first
            .or_else(|| passed_over.find(bootable))
            .or_else(|| around.all().find(bootable))
    }

    /// What runs while the log is exhausted: nothing can be written, so no start can be counted.
    pub(super) fn boot_exhausted(&self, around: &Around) -> Option<(Slot, Why)> {
        let Some((started, attempts)) = self.trial else {
            return self.boot(false, around).0;
        };
        let why = if started < attempts {
            Why::Postponed
        } else {
            Why::RolledBack
        };
        let previous = self.previous.filter(|named| around.holds(*named).is_some());
        let previous = previous.map(|named| (named.slot, why));
        previous.or_else(|| self.search(around).map(|slot| (slot, Why::Fallback)))
    }

    /// The factory reset.
    pub(super) fn reset(mut self, around: &Around) -> Self {
        if !around.factory || self.current.slot == Slot::Factory {
            return self;
        }
        if self.trial.is_none() {
            self.previous = Some(self.current);
        }
        Self {
            current: Named::any(Slot::Factory),
            previous: self.previous.filter(|named| named.slot != Slot::Factory),
            trial: None,
            open: None,
            of_stock: None,
            ..self
        }
    }

    /// Back to an image that was confirmed; what was chosen is bad.
    fn rolled_back(mut self, to: Named) -> Self {
        if let Some(image) = self.current.image
            && self.bad[0] != Some(image)
        {
            self.bad = [Some(image), self.bad[0]];
        }
        Self {
            current: to,
            previous: None,
            trial: None,
            of_stock: None,
            ..self
        }
    }

    /// Whether what runs is not confirmed.
    fn is_unconfirmed(&self, around: &Around) -> bool {
        around.in_doubt || self.trial.is_some() && self.current.slot == around.running
    }

    /// What runs, with its image if that is known.
    fn running(&self, around: &Around) -> Named {
        let known = [Some(self.current), self.previous];
        let mut known = known.into_iter().flatten();
        let running = known.find(|named| named.slot == around.running);
        running.unwrap_or(Named::any(around.running))
    }

    /// `begin`, `begin_in_steps` and `resume`.
    pub(super) fn begin(mut self, slot: Slot, around: &Around) -> (Ends, Self) {
        if slot == Slot::Factory {
            return (Err("NotStageable"), self);
        }
        if slot == around.running {
            return (Err("Running"), self);
        }
        if self.is_unconfirmed(around) {
            return (Err("RunningUnconfirmed"), self);
        }
        if slot == self.current.slot {
            // It was chosen and has not been booted: what runs is chosen again.
            self = Self {
                bad: self.bad,
                ..Self::confirmed(self.running(around))
            };
        }
        self.previous = self.previous.filter(|named| named.slot != slot);
        self.open = Some((slot, None));
        self.of_stock = None;
        (Ok(()), self)
    }

    /// `end`, where the image verifies.
    pub(super) const fn end(mut self, slot: Slot, image: usize) -> Self {
        self.open = Some((slot, Some(image)));
        self.of_stock = None;
        self
    }

    /// `set_boot_partition`.
    pub(super) fn set_boot(self, slot: Slot, around: &Around) -> (Ends, Self) {
        let Content::Image(image) = around.content(slot) else {
            return (Err("Image"), self);
        };
        if around.bootable(slot).is_none() {
            return (Err("TooOld"), self);
        }
        match self.open {
            Some((open, None)) if open == slot => return (Err("Unfinished"), self),
            Some((open, Some(staged))) if open == slot && staged != image => {
                return (Err("OtherImage"), self);
            }
            _ => {}
        }
        if self.current.slot == slot && around.holds(self.current).is_some() {
            return (Ok(()), self);
        }
        let new = Named {
            slot,
            image: Some(image),
        };
        let chosen = Self {
            bad: self.bad,
            ..Self::confirmed(new)
        };
        if self.is_unconfirmed(around) {
            let back = self.previous.is_some_and(|named| named.slot == slot);
            return if back {
                (Ok(()), chosen)
            } else {
                (Err("RunningUnconfirmed"), self)
            };
        }
        let other = |named: &Named| named.slot != slot;
        let running = Some(self.running(around)).filter(other);
        let on_trial = around.monitored && slot != Slot::Factory && running.is_some();
        let chosen = Self {
            previous: running.or(self.previous.filter(other)),
            trial: on_trial.then_some((0, around.attempts)),
            ..chosen
        };
        (Ok(()), chosen)
    }

    /// `mark_app_valid_cancel_rollback`: it is confirmed first, and then its version goes to fuses.
    pub(super) fn mark_valid(mut self, around: &Around) -> (Ends, Self) {
        if self.current.slot != around.running || self.trial.is_none() {
            return (Ok(()), self);
        }
        self.trial = None;
        self.of_stock = None;
        if !around.anti_rollback {
            return (Ok(()), self);
        }
        match around.content(around.running) {
            Content::Image(image) if IMAGES[image].version > around.fuses => {
                (Err("SecureVersion"), self)
            }
            Content::Image(_) => (Ok(()), self),
            _ => (Err("Image"), self),
        }
    }

    /// `state_partition`, in ESP-IDF's words.
    pub(super) fn state_of(&self, slot: Slot) -> &'static str {
        if self.current.slot == slot {
            return match self.trial {
                None => "VALID",
                Some((0, _)) => "NEW",
                Some(_) => "PENDING_VERIFY",
            };
        }
        match self.previous {
            Some(previous) if previous.slot == slot => "VALID",
            _ => "unknown",
        }
    }

    /// What `mark_app_invalid_rollback` goes back to.
    pub(super) fn goes_back_to(&self, around: &Around) -> Option<Named> {
        let runs = self.current.slot == around.running;
        let previous = self.previous.filter(|_| runs)?;
        around.holds(previous).map(|_| previous)
    }

    /// `mark_app_invalid_rollback`.
    pub(super) fn mark_invalid(self, around: &Around) -> (Ends, Self) {
        let Some(back) = self.goes_back_to(around) else {
            return (Err("RollbackImpossible"), self);
        };
        let back = self.rolled_back(back);
        (Ok(()), Self { open: None, ..back })
    }

    /// `erase_last_boot_app_partition` and `invalidate_inactive_otadata_slot`.
    pub(super) fn forget_previous(mut self, around: &Around) -> (Ends, Self) {
        match self.previous {
            None => (Err("Inactive(Blank)"), self),
            Some(named) if named.slot == around.running => (Err("Inactive(Running)"), self),
            // No entry names the factory image, and no update brings it back.
            Some(named) if named.slot == Slot::Factory => (Err("Inactive(Blank)"), self),
            Some(_) if self.trial.is_some() => (Err("RunningUnconfirmed"), self),
            Some(_) => {
                self.previous = None;
                self.of_stock = None;
                (Ok(()), self)
            }
        }
    }

    /// `last_invalid_partition`.
    pub(super) fn last_invalid(&self, around: &Around) -> Option<Slot> {
        let slots = (0..around.count).map(Slot::Ota);
        let holds = |slot: Slot, bad: usize| around.content(slot) == Content::Image(bad);
        let mut bad = self.bad.into_iter().flatten();
        bad.find_map(|bad| slots.clone().find(|slot| holds(*slot, bad)))
    }
}
