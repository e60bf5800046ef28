//! The candidates that were passed over, and why.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

use crate::image::{DescError, VerifyError};
use crate::partition::Slot;

/// Why a candidate does not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Its image does not verify.
    Image(VerifyError<NorFlashErrorKind>),
    /// Anti-rollback: it has no application descriptor to take a secure version from.
    NoDescriptor(DescError<NorFlashErrorKind>),
    /// Anti-rollback: its secure version is below the device's.
    SecureVersion {
        /// Secure version of the image.
        image: u32,
        /// Secure version of the device.
        device: u32,
    },
    /// Anti-rollback: the secure version of the device could not be read.
    DeviceVersionUnknown,
    /// [`hardened`](crate::hardened) only: it verifies and is another image than the one that was
    /// chosen.
    OtherImage,
    /// `hardened` only: it verifies and was found bad.
    Bad,
    /// `hardened` only: it is being written.
    Unfinished,
    /// `hardened` only: it is on trial, and was started as often as it may be.
    TrialOver,
    /// `hardened` only: it is on trial, and this start could not be counted.
    NotCounted,
}

impl Refused {
    /// Whether it is because its image does not verify.
    #[must_use]
    pub const fn was_loaded(&self) -> bool {
        matches!(self, Self::Image(_))
    }

    /// Whether it may be whole and was passed over for another reason.
    pub(crate) const fn verifies(&self) -> bool {
        matches!(
            self,
            Self::OtherImage | Self::Bad | Self::Unfinished | Self::TrialOver | Self::NotCounted
        )
    }

    pub(crate) fn image<E: NorFlashError>(error: VerifyError<E>) -> Self {
        Self::Image(error.map_flash(|e| e.kind()))
    }

    pub(super) fn descriptor<E: NorFlashError>(error: DescError<E>) -> Self {
        Self::NoDescriptor(error.map_flash(|e| e.kind()))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::NoDescriptor(error) => error.fmt(f),
            Self::SecureVersion { image, device } => write!(
                f,
                "its secure version {image} is below the device's {device}"
            ),
            Self::DeviceVersionUnknown => f.pad("the device's secure version cannot be read"),
            Self::OtherImage => f.pad("it is not the image that was chosen"),
            Self::Bad => f.pad("it was found bad"),
            Self::Unfinished => f.pad("it is being written"),
            Self::TrialOver => f.pad("its trial is over"),
            Self::NotCounted => f.pad("its start could not be counted"),
        }
    }
}

/// One candidate that was passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The candidate.
    pub slot: Slot,
    /// Why it does not run.
    pub refused: Refused,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not bootable: {}", self.slot, self.refused)
    }
}

/// The candidates passed over, in the order they were tried.
///
/// About 1.6 KiB, most of it room for the hashes of images that do not match theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tried {
    list: [Option<Attempt>; Self::CAPACITY],
}

impl Tried {
    /// The most candidates there are: factory, sixteen OTA slots, test.
    pub const CAPACITY: usize = 18;

    pub(crate) const NONE: Self = Self {
        list: [None; Self::CAPACITY],
    };

    /// Each candidate occurs once, so there is always room.
    pub(crate) fn push(&mut self, attempt: Attempt) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(attempt);
        }
    }

    /// Each refused candidate, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.list.iter().flatten()
    }

    /// Whether no candidate was refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let [first, ..] = &self.list;
        first.is_none()
    }
}

impl fmt::Display for Tried {
    /// One line for each candidate, each starting on a new line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|attempt| write!(f, "\n  {attempt}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Refusal;

    #[test]
    fn a_refusal_tells_whether_the_image_was_looked_at_and_whether_it_is_whole() {
        let at = 0x1_0000;
        let refusal = Refusal::RegionTooLarge { size: 1, limit: 0 };
        let (image, device) = (1, 2);
        for (refused, was_loaded, verifies) in [
            (Refused::Image(VerifyError { at, refusal }), true, false),
            (Refused::SecureVersion { image, device }, false, false),
            (Refused::NoDescriptor(DescError::Missing), false, false),
            (Refused::DeviceVersionUnknown, false, false),
            (Refused::OtherImage, false, true),
            (Refused::Bad, false, true),
            (Refused::Unfinished, false, true),
            (Refused::TrialOver, false, true),
            (Refused::NotCounted, false, true),
        ] {
            let told = (refused.was_loaded(), refused.verifies());
            assert_eq!(told, (was_loaded, verifies), "{refused}");
        }
    }

    #[test]
    fn a_list_is_empty_until_a_candidate_is_refused() {
        let mut tried = Tried::NONE;
        assert!(tried.is_empty());
        tried.push(Attempt {
            slot: Slot::Factory,
            refused: Refused::Bad,
        });
        assert!(!tried.is_empty());
    }
}
