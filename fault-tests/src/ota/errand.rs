//! What an application does first thing after power-on, call by call.

use ota_core::partition::{Partition, Slot};
use ota_core::update::{Handle, ImageSize};

use super::application::CHUNK;
use super::core::{Outcome, UpdateCore};
use super::device::{Device, Writing};
use super::policy::Policy;

/// What the application does first thing after power-on, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// A single call, or the calls of one download.
    Only(Step),
    /// A whole update: download, `set_boot_partition`, and the new image confirms itself.
    Update,
}

/// One call of the application, or the calls of one download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `begin`, `write` and `end` for the next slot.
    Download(Writing),
    /// The same, with `write_with_offset`, second half first.
    WriteWithOffset,
    /// `resume` in the middle of the image, the rest written, `end`.
    Resume,
    /// `begin`, `write` of the first bytes, `abort`.
    Abort,
    /// A download that `end` copies to factory, or else to a slot that neither runs nor is staged.
    FinalPartition,
    /// `set_boot_partition`.
    SetBoot(Aim),
    /// `set_boot_partition_skip_validate` to the next slot.
    SkipValidate,
    /// `mark_app_valid_cancel_rollback`.
    MarkValid,
    /// `mark_app_invalid_rollback`.
    MarkInvalid,
    /// `erase_last_boot_app_partition`.
    EraseLast,
    /// `invalidate_inactive_otadata_slot`.
    InvalidateInactive,
}

/// What is to boot next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aim {
    /// The slot after the running one.
    Next,
    /// The slot that the application runs from.
    Running,
    /// What otadata selects already.
    Selected,
    /// Factory.
    Factory,
}

/// Every errand with its name in a start's name; the first is to do nothing.
pub(super) const ERRANDS: [(&str, Option<Errand>); 18] = {
    #[allow(clippy::unnecessary_wraps)] // so that the table reads as one
    const fn only(step: Step) -> Option<Errand> {
        Some(Errand::Only(step))
    }
    [
        ("boot", None),
        ("begin-known", only(Step::Download(Writing::KnownSize))),
        ("begin-unknown", only(Step::Download(Writing::UnknownSize))),
        (
            "begin-sequential",
            only(Step::Download(Writing::Sequential)),
        ),
        ("write-with-offset", only(Step::WriteWithOffset)),
        ("resume", only(Step::Resume)),
        ("abort", only(Step::Abort)),
        ("set-final-partition", only(Step::FinalPartition)),
        ("set-boot-next", only(Step::SetBoot(Aim::Next))),
        ("set-boot-factory", only(Step::SetBoot(Aim::Factory))),
        ("set-boot-running", only(Step::SetBoot(Aim::Running))),
        ("set-boot-selected", only(Step::SetBoot(Aim::Selected))),
        ("set-boot-skip-validate", only(Step::SkipValidate)),
        ("mark-valid", only(Step::MarkValid)),
        ("mark-invalid", only(Step::MarkInvalid)),
        ("erase-last-boot-app", only(Step::EraseLast)),
        ("invalidate-inactive", only(Step::InvalidateInactive)),
        ("update", Some(Errand::Update)),
    ]
};

impl Errand {
    /// Its steps in one power-on.
    pub(super) fn steps(self) -> impl Iterator<Item = Step> {
        let (first, second) = match self {
            Self::Only(step) => (step, None),
            Self::Update => (
                Step::Download(Writing::KnownSize),
                Some(Step::SetBoot(Aim::Next)),
            ),
        };
        [Some(first), second].into_iter().flatten()
    }

    /// What is left to do at the next power-on once its effect is there.
    pub(super) const fn then(self) -> Option<Self> {
        match self {
            Self::Only(_) => None,
            Self::Update => Some(Self::Only(Step::MarkValid)),
        }
    }

    /// Whether it is worth a start only where it does something else than the errands before it.
    pub(super) const fn is_a_variant(self) -> bool {
        matches!(
            self,
            Self::Only(Step::SkipValidate | Step::SetBoot(Aim::Running | Aim::Selected))
        )
    }

    /// Whether it is worth a start in every life, also in one that leaves otadata as another did.
    pub(super) const fn is_main(self) -> bool {
        matches!(self, Self::Only(Step::SetBoot(Aim::Next)))
    }

    /// Whether it downloads as another errand does, but for the order of erases and programs.
    pub(super) const fn is_another_download(self) -> bool {
        use Writing::{Sequential, UnknownSize};
        matches!(
            self,
            Self::Only(
                Step::Download(UnknownSize | Sequential) | Step::WriteWithOffset | Step::Abort
            )
        )
    }

    /// Whether it makes sense on a device with such partitions.
    pub(super) fn fits(self, device: &Device) -> bool {
        let factory = device.slot(Slot::Factory).is_some();
        match self {
            Self::Only(Step::SkipValidate) => device.policy == Policy::Stock,
            Self::Only(Step::SetBoot(Aim::Factory)) => factory,
            Self::Only(Step::FinalPartition) => factory || device.slot(Slot::Ota(2)).is_some(),
            _ => true,
        }
    }
}

/// Where a resumed download goes on: behind the first sector of the image, so that what a cut left of
/// the rest is erased first.
pub(super) const RESUMED_AT: usize = 4096;

/// Takes one step, and tells of each call.
///
/// On a device whose power goes away it returns sooner or later: the caller asks the chip.
pub(super) fn take<C: UpdateCore + ?Sized>(
    step: Step,
    device: &Device,
    ota: &mut C,
    said: &mut dyn FnMut(&'static str, &str),
) -> Outcome<(), C> {
    let Some(next) = ota.next_update_partition(None) else {
        return Ok(());
    };
    let image = &*device.update().bytes;
    let size = u32::try_from(image.len()).unwrap_or(u32::MAX);
    match step {
        Step::Download(writing) => {
            let size = match writing {
                Writing::KnownSize => ImageSize::Known(size),
                Writing::UnknownSize => ImageSize::Unknown,
                Writing::Sequential | Writing::Resumed => ImageSize::Sequential,
            };
            said("begin", &crate::inspect::shown::label(&next.label));
            let handle = ota.begin(&next, size)?;
            write(ota, handle, image, said)?;
            said("end", "");
            ota.end(handle)
        }
        Step::WriteWithOffset => {
            said("begin", &crate::inspect::shown::label(&next.label));
            let handle = ota.begin(&next, ImageSize::Known(size))?;
            said("write_with_offset", "the image, last chunk first");
            let chunks: Vec<_> = (0..).step_by(CHUNK).zip(image.chunks(CHUNK)).collect();
            for (offset, chunk) in chunks.into_iter().rev() {
                ota.write_with_offset(handle, chunk, offset)?;
            }
            said("end", "");
            ota.end(handle)
        }
        Step::Resume => {
            let at = RESUMED_AT.min(image.len());
            said("resume", &format!("{} at {at}", next.label));
            let offset = u32::try_from(at).unwrap_or(u32::MAX);
            let handle = ota.resume(&next, ImageSize::Sequential, offset)?;
            write(ota, handle, &image[at..], said)?;
            said("end", "");
            ota.end(handle)
        }
        Step::Abort => {
            said("begin", &crate::inspect::shown::label(&next.label));
            let handle = ota.begin(&next, ImageSize::Known(size))?;
            write(ota, handle, &image[..CHUNK.min(image.len())], said)?;
            said("abort", "");
            ota.abort(handle)
        }
        Step::FinalPartition => {
            let Some(destination) = destination(device, ota, &next) else {
                return Ok(());
            };
            said("begin", &crate::inspect::shown::label(&next.label));
            let handle = ota.begin(&next, ImageSize::Known(size))?;
            said(
                "set_final_partition",
                &crate::inspect::shown::label(&destination.label),
            );
            ota.set_final_partition(handle, &destination, true)?;
            write(ota, handle, image, said)?;
            said("end", "");
            ota.end(handle)
        }
        Step::SetBoot(aim) => {
            let (name, partition) = match aim {
                Aim::Next => ("set_boot_partition", Some(next)),
                Aim::Running => ("set_boot_partition(running)", Some(ota.running_partition())),
                Aim::Selected => ("set_boot_partition(selected)", ota.boot_partition()?),
                Aim::Factory => ("set_boot_partition(factory)", device.slot(Slot::Factory)),
            };
            let Some(partition) = partition else {
                return Ok(());
            };
            said(name, &crate::inspect::shown::label(&partition.label));
            ota.set_boot_partition(&partition)
        }
        Step::SkipValidate => {
            said(
                "set_boot_partition_skip_validate",
                &crate::inspect::shown::label(&next.label),
            );
            ota.skip_validate(&next)
        }
        Step::MarkValid => {
            said("mark_app_valid_cancel_rollback", "");
            ota.mark_app_valid_cancel_rollback()
        }
        Step::MarkInvalid => {
            said("mark_app_invalid_rollback", "");
            ota.mark_app_invalid_rollback()
        }
        Step::EraseLast => {
            said("erase_last_boot_app_partition", "");
            ota.erase_last_boot_app_partition()
        }
        Step::InvalidateInactive => {
            said("invalidate_inactive_otadata_slot", "");
            ota.invalidate_inactive_otadata_slot()
        }
    }
}

fn write<C: UpdateCore + ?Sized>(
    ota: &mut C,
    handle: Handle,
    bytes: &[u8],
    said: &mut dyn FnMut(&'static str, &str),
) -> Outcome<(), C> {
    said(
        "write",
        &format!("{} bytes in chunks of {CHUNK}", bytes.len()),
    );
    bytes
        .chunks(CHUNK)
        .try_for_each(|chunk| ota.write(handle, chunk))
}

/// Where a staged image is copied to: factory, or else a slot that neither runs nor is staged.
fn destination(
    device: &Device,
    ota: &(impl UpdateCore + ?Sized),
    staged: &Partition,
) -> Option<Partition> {
    let free = |partition: &Partition| {
        *partition != ota.running_partition() && partition.offset != staged.offset
    };
    let slots = [Slot::Factory, Slot::Ota(0), Slot::Ota(1), Slot::Ota(2)];
    slots
        .into_iter()
        .filter_map(|slot| device.slot(slot))
        .find(free)
}
