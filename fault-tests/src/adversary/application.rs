//! The application: the calls of one power-on, each judged by the [model](super::model).

use std::cell::Cell;

use ota_core::hardened::Ota;
use ota_core::image::UnsignedVerifier;
use ota_core::partition::{Partition, PartitionTable, Slot};
use ota_core::update::{Erasing, Handle, ImageSize, OtaError};

use embedded_storage::nor_flash::NorFlashErrorKind;

use super::cells::Content;
use super::device::{Device, PART, SLOT_SIZE};
use super::image::IMAGES;
use super::life::{Aim, Call, Part, Room};
use super::live::{Download, Fuses, Living};
use super::model::{Around, Ends, State};
use super::powered::Powered;
use super::verdict::{Rule, Violation, list};

pub(super) type Core<'a, 'c> = Ota<'a, &'a mut Powered<'c>, UnsignedVerifier<'a>, Fuses<'a>, 2>;
pub(super) type Outcome<T> = Result<T, OtaError<NorFlashErrorKind>>;

/// An application that runs.
pub(super) struct Application<'l, 'c> {
    pub(super) living: &'l mut Living<'c>,
    pub(super) running: Slot,
    /// It was started on trial and has not been confirmed since, or has refused itself.
    pub(super) in_doubt: bool,
    pub(super) told: &'l mut dyn FnMut(String),
}

/// Goes on, or ends as the power is gone or a call was refused.
pub(super) type Step<T> = Result<Option<T>, Violation>;

impl Application<'_, '_> {
    /// Makes the calls, until the power is gone.
    pub(super) fn run<'a, 'p>(
        &mut self,
        calls: &[Call],
        table: PartitionTable<'a>,
        flash: &'a mut Powered<'p>,
        verifier: UnsignedVerifier<'a>,
        fuses: &'a Cell<u32>,
    ) -> Result<(), Violation>
    where
        'p: 'a,
    {
        let running = Device::partition(self.running);
        let device = self.living.device;
        let config = device.app_config();
        let ota: Core<'a, 'p> = Ota::new(
            flash,
            verifier,
            Fuses(fuses, device.fuses.into()),
            table,
            running,
            config,
            device.log,
        );
        let mut ota = ota.with_attempts(device.attempts);
        for call in calls {
            let before = self.living.minimum.get();
            self.call(*call, &mut ota)?;
            self.living.minimum.set(fuses.get());
            self.judge_raised(*call, before, &mut ota)?;
            if ota.flash().done.is_over() {
                break;
            }
            self.living.expand();
        }
        Ok(())
    }

    fn call(&mut self, call: Call, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        match call {
            Call::Download {
                to,
                image,
                room,
                part,
            } => self.download(to, image, room, part, ota),
            Call::Resume { to, image } => self.resume(to, image, ota),
            Call::SetBoot(aim) => {
                let slot = self.aim(aim, ota);
                let partition = Device::partition(slot);
                let on_trial =
                    |state: &State| state.trial.is_some() && state.current.slot == self.running;
                let unconfirmed = self.living.states.iter().all(on_trial);
                let got = ota.set_boot_partition(&partition);
                let name = format!("set_boot_partition({slot})");
                self.judge(&name, &got, ota, |state, around| {
                    state.set_boot(slot, around)
                })?;
                // It is not confirmed by choosing another image, whatever it was started as.
                self.in_doubt |= got.is_ok() && unconfirmed && slot != self.running;
                Ok(())
            }
            Call::MarkValid => self.mark_valid(ota),
            Call::MarkInvalid => {
                let got = ota.mark_app_invalid_rollback();
                self.judge(
                    "mark_app_invalid_rollback()",
                    &got,
                    ota,
                    State::mark_invalid,
                )?;
                self.in_doubt |= got.is_ok();
                Ok(())
            }
            Call::EraseLast => self.erase_last(ota),
            Call::Invalidate => {
                let got = ota.invalidate_inactive_otadata_slot();
                self.judge(
                    "invalidate_inactive_otadata_slot()",
                    &got,
                    ota,
                    State::forget_previous,
                )
            }
            Call::Ask => self.ask(ota),
            Call::Two { first, second } => self.two(first, second, ota),
            Call::Interrupted { image } => self.interrupted(image, ota),
            Call::Offsets => self.offsets(ota),
            Call::Copy { to, image } => self.copy(to, image, ota),
            Call::Misuse(misuse) => self.misuse(misuse, ota),
        }
    }

    fn mark_valid(&mut self, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        let got = ota.mark_app_valid_cancel_rollback();
        let name = "mark_app_valid_cancel_rollback()";
        self.judge(name, &got, ota, State::mark_valid)?;
        let confirmed = |state: &State| state.trial.is_none() && state.current.slot == self.running;
        if !ota.flash().done.dead && self.living.states.iter().all(confirmed) {
            self.in_doubt = false;
        }
        Ok(())
    }

    /// The secure version is raised by confirming alone, and to that of what runs; where it was, the image is confirmed.
    fn judge_raised(
        &mut self,
        call: Call,
        before: u32,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let after = self.living.minimum.get();
        let around = self.around(ota);
        let version = match around.content(self.running) {
            Content::Image(image) | Content::Perhaps(image) => IMAGES[image].version,
            Content::Nothing => 0,
        };
        let confirms = call == Call::MarkValid && around.anti_rollback && version <= around.fuses;
        let raised = if confirms {
            before.max(version)
        } else {
            before
        };
        self.living.judge_fuses(before, &[before, raised])?;
        if after != before {
            self.living.states.retain(|state| state.trial.is_none());
        }
        Ok(())
    }

    pub(super) fn aim(&self, aim: Aim, ota: &Core<'_, '_>) -> Slot {
        match aim {
            Aim::Slot(Slot::Factory) if !self.living.device.factory => Slot::Ota(0),
            Aim::Slot(Slot::Ota(n)) => Slot::Ota(n % self.living.device.slots),
            Aim::Slot(slot) => slot,
            Aim::Next => ota
                .next_update_partition(None)
                .and_then(|partition| partition.slot())
                .unwrap_or(Slot::Ota(0)),
        }
    }

    pub(super) fn around(&self, ota: &mut Core<'_, '_>) -> Around {
        self.living
            .around(ota.flash().cells(), self.running, self.in_doubt)
    }

    /// Keeps the states in which the call ends as it did; after a cut, those before and after it.
    pub(super) fn judge<T>(
        &mut self,
        name: &str,
        got: &Outcome<T>,
        ota: &mut Core<'_, '_>,
        call: impl Fn(State, &Around) -> (Ends, State),
    ) -> Result<(), Violation> {
        let around = self.around(ota);
        self.judge_around(name, got, ota, around, call)
    }

    /// The same, with what was around before the call.
    pub(super) fn judge_around<T>(
        &mut self,
        name: &str,
        got: &Outcome<T>,
        ota: &mut Core<'_, '_>,
        around: Around,
        call: impl Fn(State, &Around) -> (Ends, State),
    ) -> Result<(), Violation> {
        let done = ota.flash().done;
        let ends = got.as_ref().map(|_| ()).map_err(error);
        let shown = if done.dead {
            "cut".into()
        } else {
            format!("{ends:?}")
        };
        (self.told)(format!("  {name}: {shown}"));
        let refused = ends == Err("Flash") && done.refused;
        let full = refused || ends == Err("LogExhausted") && self.living.may_be_exhausted();
        let mut allowed: Vec<String> = Vec::new();
        let mut kept: Vec<State> = Vec::new();
        let mut keep = |state: State| {
            if !kept.contains(&state) {
                kept.push(state);
            }
        };
        for state in self.living.states.clone() {
            for around in around.certain() {
                let (says, after) = call(state, &around);
                if done.dead || full {
                    // Before anything is erased that was named, nothing names it.
                    if !done.dead_in_slot {
                        keep(state);
                        keep(State {
                            of_stock: None,
                            ..state
                        });
                    }
                    // A call may have its effect, and then fail: at the fuses.
                    if says.is_ok() || after != state {
                        keep(after);
                    }
                } else if says == ends {
                    keep(after);
                }
                let shown = format!("{says:?}");
                if !allowed.contains(&shown) {
                    allowed.push(shown);
                }
            }
        }
        if kept.is_empty() {
            let allowed = format!("{name}: {}", list(&allowed));
            return Err(Violation::new(Rule::Answer, allowed, format!("{ends:?}")));
        }
        self.living.states = kept;
        Ok(())
    }

    fn download(
        &mut self,
        to: Aim,
        image: usize,
        room: Room,
        part: Part,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let slot = self.aim(to, ota);
        let bytes = &IMAGES[image].bytes;
        let size = match room {
            Room::Known | Room::InSteps => {
                ImageSize::Known(u32::try_from(bytes.len()).unwrap_or(0))
            }
            Room::Unknown => ImageSize::Unknown,
            Room::Sequential => ImageSize::Sequential,
            Room::ByBlock => ImageSize::ByBlock,
        };
        ota.flash().may_write(&[slot]);
        let begin = |ota: &mut Core<'_, '_>, partition: &Partition| match room {
            Room::InSteps => ota.begin_in_steps(partition, size),
            _ => ota.begin(partition, size),
        };
        let Some(handle) = self.open(slot, image, &format!("{room:?}"), ota, begin)? else {
            return Ok(());
        };
        if room == Room::InSteps {
            while let Ok(Erasing::Erased { .. }) = ota.erase_step(handle, 0) {}
        }
        let upto = if part == Part::Half {
            bytes.len() / 2 / 16 * 16
        } else {
            bytes.len()
        };
        let Some(handle) = self.write(handle, slot, image, 0, upto, ota)? else {
            return Ok(());
        };
        match part {
            Part::Half | Part::Aborted => {
                if let Err(error) = ota.abort(handle) {
                    return Err(Violation::new(
                        Rule::Answer,
                        "abort: Ok",
                        format!("{error:?}"),
                    ));
                }
            }
            Part::Whole => self.end(handle, slot, image, ota)?,
        }
        ota.flash().may_write(&[]);
        Ok(())
    }

    /// Opens a download of an image into a slot, which it may write, and judges the answer; nothing where it was not
    /// begun.
    pub(super) fn open(
        &mut self,
        slot: Slot,
        image: usize,
        how: &str,
        ota: &mut Core<'_, '_>,
        begin: impl FnOnce(&mut Core<'_, '_>, &Partition) -> Outcome<Handle>,
    ) -> Step<Handle> {
        let around = self.around(ota);
        let opened = begin(ota, &Device::partition(slot));
        let name = format!("begin({slot}, {how})");
        self.judge_around(&name, &opened, ota, around, |state, around| {
            state.begin(slot, around)
        })?;
        let Ok(handle) = opened else {
            self.not_begun(slot, ota);
            return Ok(None);
        };
        self.living.download = Some(Download::of(slot, image));
        Ok(Some(handle))
    }

    /// The same, erased at once.
    pub(super) fn begin(
        &mut self,
        slot: Slot,
        image: usize,
        how: &str,
        ota: &mut Core<'_, '_>,
    ) -> Step<Handle> {
        let begin = |ota: &mut Core<'_, '_>, partition: &Partition| {
            ota.begin(partition, ImageSize::Unknown)
        };
        self.open(slot, image, how, ota, begin)
    }

    /// A download of the slot was not begun: the one before goes on, or where the power is gone, none of this slot yet.
    fn not_begun(&mut self, slot: Slot, ota: &mut Core<'_, '_>) {
        let dead = ota.flash().done.is_over();
        if let Some(old) = &mut self.living.download
            && dead
            && old.to == slot
        {
            old.noted = 0;
        }
        ota.flash().may_write(&[]);
    }

    /// Writes the bytes of an image from one to another.
    pub(super) fn write(
        &mut self,
        handle: Handle,
        slot: Slot,
        image: usize,
        from: usize,
        to: usize,
        ota: &mut Core<'_, '_>,
    ) -> Step<Handle> {
        let mut wrote = from;
        // Not in sectors, so that parts end inside a write.
        for chunk in IMAGES[image].bytes[from..to].chunks(3000) {
            let written = ota.write(handle, chunk);
            let refused = written.is_err() && ota.flash().done.refused;
            if ota.flash().done.dead || refused {
                (self.told)(format!("  write at {wrote}: cut"));
                return Ok(None);
            }
            if let Err(error) = written {
                let got = format!("{error:?} at {wrote} of {slot}");
                return Err(Violation::new(Rule::Answer, "write: Ok", got));
            }
            wrote += chunk.len();
            let noted = u32::try_from(wrote).unwrap_or(0) / PART * PART;
            if let Some(download) = &mut self.living.download {
                download.noted = download.noted.max(noted);
            }
        }
        (self.told)(format!(
            "  write to {slot}, image {image}, {from}..{to}: Ok"
        ));
        Ok(Some(handle))
    }

    pub(super) fn end(
        &mut self,
        handle: Handle,
        slot: Slot,
        image: usize,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let ended = ota.end(handle);
        self.judge("end()", &ended, ota, |state, _| {
            (Ok(()), state.end(slot, image))
        })
    }

    fn resume(&mut self, to: Aim, image: usize, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        let slot = self.aim(to, ota);
        let partition = Device::partition(slot);
        let Some(at) = self.progress(slot, ota)? else {
            return Ok(());
        };
        let download = self.living.download.filter(|download| download.to == slot);
        // Of another image nothing is there.
        let same = download.is_some_and(|download| download.image == image && !download.foreign);
        let at = if same { at.min(SLOT_SIZE - PART) } else { 0 };
        let from = usize::try_from(at)
            .unwrap_or(0)
            .min(IMAGES[image].bytes.len());
        if from == IMAGES[image].bytes.len() {
            return Ok(());
        }
        let around = self.around(ota);
        ota.flash().may_write(&[slot]);
        let begun = ota.resume(&partition, at);
        let name = format!("resume({slot}, {at})");
        self.judge_around(&name, &begun, ota, around, |state, around| {
            state.begin(slot, around)
        })?;
        if begun.is_ok() {
            self.living.download = Some(Download {
                noted: at,
                ..Download::of(slot, image)
            });
        } else if ota.flash().done.is_over()
            && let Some(download) = &mut self.living.download
            && download.to == slot
        {
            download.noted = download.noted.min(at);
        }
        if let Ok(handle) = begun
            && let Some(handle) =
                self.write(handle, slot, image, from, IMAGES[image].bytes.len(), ota)?
        {
            self.end(handle, slot, image, ota)?;
        }
        ota.flash().may_write(&[]);
        Ok(())
    }

    /// What is known to be written of a slot: all of it is there.
    pub(super) fn progress(&mut self, slot: Slot, ota: &mut Core<'_, '_>) -> Step<u32> {
        let said = ota.progress(&Device::partition(slot));
        let at = match said {
            Ok(at) => at,
            Err(error) => {
                return Err(Violation::new(
                    Rule::Answer,
                    "progress: Ok",
                    format!("{error:?}"),
                ));
            }
        };
        let (mut most, mut least) = (0, 0);
        if let Some(download) = self.living.download.filter(|download| download.to == slot) {
            let bytes = &IMAGES[download.image].bytes;
            let start = Device::partition(slot).offset;
            let cells = ota.flash().cells();
            let there = |at: u32, byte: &u8| {
                let cell = cells.byte(start + at);
                cell.weak == 0 && cell.value == *byte
            };
            let good = (0..)
                .zip(bytes)
                .take_while(|(at, byte)| there(*at, byte))
                .count();
            most = if download.foreign {
                SLOT_SIZE
            } else {
                u32::try_from(good).unwrap_or(0)
            };
            let open = |state: &State| state.open.is_some_and(|(open, _)| open == slot);
            if self.living.states.iter().all(open) {
                least = download.noted;
            }
        }
        if at > most || at < least {
            let allowed = format!("{least} to {most} bytes of {slot} are known to be written");
            return Err(Violation::new(Rule::Progress, allowed, at.to_string()));
        }
        Ok(Some(at))
    }

    fn erase_last(&mut self, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        let around = self.around(ota);
        let before = self.living.states.iter().filter_map(|state| state.previous);
        let slots: Vec<_> = before
            .map(|named| named.slot)
            .filter(|slot| *slot != Slot::Factory)
            .collect();
        ota.flash().may_write(&slots);
        let touched = ota.flash().done.in_slots;
        let got = ota.erase_last_boot_app_partition();
        ota.flash().may_write(&[]);
        let first = ota.flash().done.in_slot;
        let erased = first.filter(|_| ota.flash().done.in_slots > touched);
        let name = "erase_last_boot_app_partition()";
        let complete = got.is_ok();
        self.judge_around(name, &got, ota, around, |state, around| {
            let place = state
                .previous
                .map(|named| Device::partition(named.slot).offset);
            match state.forget_previous(around) {
                (Ok(()), after) if erased == place || erased.is_none() && !complete => {
                    (Ok(()), after)
                }
                (Ok(()), after) => (Err("another slot is erased"), after),
                refused => refused,
            }
        })
    }
}

/// The name of an error.
pub(super) fn error(error: &OtaError<NorFlashErrorKind>) -> &'static str {
    use ota_core::update::Inactive;
    match error {
        OtaError::NotStageable => "NotStageable",
        OtaError::Running => "Running",
        OtaError::RunningUnconfirmed => "RunningUnconfirmed",
        OtaError::Image(_) => "Image",
        OtaError::TooOld { .. } => "TooOld",
        OtaError::Unfinished => "Unfinished",
        OtaError::OtherImage => "OtherImage",
        OtaError::RollbackImpossible => "RollbackImpossible",
        OtaError::Inactive(Inactive::Blank) => "Inactive(Blank)",
        OtaError::Inactive(Inactive::Running) => "Inactive(Running)",
        OtaError::LogExhausted => "LogExhausted",
        OtaError::Flash(_) => "Flash",
        OtaError::Next(_) => "Next",
        OtaError::ResumeOffset { .. } => "ResumeOffset",
        OtaError::AlreadyInProgress => "AlreadyInProgress",
        OtaError::NoFreeHandle => "NoFreeHandle",
        OtaError::SecureVersion(_) => "SecureVersion",
        OtaError::Sequential => "Sequential",
        OtaError::EraseUnfinished { .. } => "EraseUnfinished",
        OtaError::NotOpen => "NotOpen",
        OtaError::NothingWritten => "NothingWritten",
        OtaError::Magic { .. } => "Magic",
        OtaError::Range(_) => "Range",
        _ => "another error",
    }
}
