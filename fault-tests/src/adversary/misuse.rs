//! What the documentation says is refused, while the next slot is open in an update.

use ota_core::partition::Partition;
use ota_core::update::{Handle, ImageSize};

use super::application::{Application, Core, Outcome, error};
use super::device::{Device, PART, SLOT_SIZE};
use super::image::IMAGES;
use super::life::{Aim, Misuse};
use super::verdict::{Rule, Violation};

/// An image of more than one part of a slot.
const IMAGE: usize = 2;

/// An image that no minimum version refuses.
const NEWEST: usize = 7;

impl Application<'_, '_> {
    pub(super) fn misuse(
        &mut self,
        misuse: Misuse,
        ota: &mut Core<'_, '_>,
    ) -> Result<(), Violation> {
        let slot = self.aim(Aim::Next, ota);
        ota.flash().may_write(&[slot]);
        let begin = |ota: &mut Core<'_, '_>, partition: &Partition| match misuse {
            Misuse::WriteBeforeErased => ota.begin_in_steps(partition, ImageSize::Unknown),
            Misuse::OffsetWhileSequential => ota.begin(partition, ImageSize::Sequential),
            _ => ota.begin(partition, ImageSize::Unknown),
        };
        let how = format!("for {misuse:?}");
        let Some(handle) = self.open(slot, written(misuse), &how, ota, begin)? else {
            return Ok(());
        };
        let (got, wanted) = provoke(misuse, handle, slot, self.running, ota);
        if !ota.flash().done.is_over() {
            let got = got.as_ref().map_err(error);
            (self.told)(format!("  {misuse:?}: {got:?}"));
            if got != Err(wanted) {
                let allowed = format!("{misuse:?}: {wanted}");
                return Err(Violation::new(Rule::Answer, allowed, format!("{got:?}")));
            }
        }
        ota.flash().may_write(&[]);
        Ok(())
    }
}

/// The image that is written meanwhile.
fn written(misuse: Misuse) -> usize {
    match misuse {
        Misuse::SetBootWhileOpen => NEWEST,
        _ => IMAGE,
    }
}

/// Makes the call that is to be refused, and says how; then the slot is open no more.
fn provoke(
    misuse: Misuse,
    handle: Handle,
    slot: ota_core::partition::Slot,
    running: ota_core::partition::Slot,
    ota: &mut Core<'_, '_>,
) -> (Outcome<()>, &'static str) {
    let partition = Device::partition(slot);
    let bytes = &IMAGES[written(misuse)].bytes;
    let nothing = |handle: Handle| handle.number();
    let refused = match misuse {
        Misuse::BeginTwice => {
            let again = ota.begin(&partition, ImageSize::Unknown).map(nothing);
            (again.map(|_| ()), "AlreadyInProgress")
        }
        Misuse::OffsetWhileSequential => (ota.write_with_offset(handle, bytes, 0), "Sequential"),
        Misuse::WriteBeforeErased => (ota.write(handle, bytes), "EraseUnfinished"),
        Misuse::StaleHandle => {
            let given_up = ota.abort(handle);
            let begun = given_up.and_then(|()| ota.begin(&partition, ImageSize::Unknown));
            let stale = ota.write(handle, bytes);
            let closed = begun.and_then(|open| ota.abort(open));
            (closed.and(stale), "NotOpen")
        }
        Misuse::SetBootWhileOpen => {
            let whole = ota.write(handle, bytes);
            let chosen = whole.and_then(|()| ota.set_boot_partition(&partition));
            (chosen, "Unfinished")
        }
        Misuse::EndOfNothing => (ota.end(handle), "NothingWritten"),
        Misuse::Magic => (ota.write(handle, &bytes[1..]), "Magic"),
        Misuse::PastTheEnd => {
            let whole = ota.write(handle, bytes);
            let rest = [0; SLOT_SIZE as usize];
            (whole.and_then(|()| ota.write(handle, &rest)), "Range")
        }
        Misuse::ResumeMidPart | Misuse::ResumeAhead => {
            let whole = ota.write(handle, bytes);
            let given_up = whole.and_then(|()| ota.abort(handle));
            let at = match misuse {
                Misuse::ResumeMidPart => PART / 2,
                _ => 2 * PART,
            };
            let resumed = given_up.and_then(|()| ota.resume(&partition, at).map(nothing));
            (resumed.map(|_| ()), "ResumeOffset")
        }
        Misuse::CopyOntoWhatRuns => {
            let onto = Device::partition(running);
            (ota.set_final_partition(handle, &onto, true), "Running")
        }
    };
    // Where it was given up already there is nothing left to give up.
    let _ = ota.abort(handle);
    refused
}
