//! The errors of this module with another idea of what a flash error is.
//!
//! A list of refusals outlives the flash that they come from; it keeps only the kind of its error.

use super::{DescError, Refusal, VerifyError};

impl<E> VerifyError<E> {
    /// The same error, with `f` applied to the flash's own.
    pub fn map_flash<G>(self, f: impl FnOnce(E) -> G) -> VerifyError<G> {
        let refusal = match self.refusal {
            Refusal::Flash(e) => Refusal::Flash(f(e)),
            Refusal::Misaligned { read_size } => Refusal::Misaligned { read_size },
            Refusal::RegionTooLarge { size, limit } => Refusal::RegionTooLarge { size, limit },
            Refusal::PastRegion { needed, size } => Refusal::PastRegion { needed, size },
            Refusal::Magic { found } => Refusal::Magic { found },
            Refusal::WrongChip { found, expected } => Refusal::WrongChip { found, expected },
            Refusal::ChipTooOld { needs, has } => Refusal::ChipTooOld { needs, has },
            Refusal::ChipTooNew { allows, has } => Refusal::ChipTooNew { allows, has },
            Refusal::TooManySegments { count } => Refusal::TooManySegments { count },
            Refusal::SegmentLength { segment, len } => Refusal::SegmentLength { segment, len },
            Refusal::NoRoomForAppDesc { len } => Refusal::NoRoomForAppDesc { len },
            Refusal::AppDescMagic { found } => Refusal::AppDescMagic { found },
            Refusal::SegmentPlacement {
                segment,
                load_addr,
                data_addr,
                page,
            } => Refusal::SegmentPlacement {
                segment,
                load_addr,
                data_addr,
                page,
            },
            Refusal::EfuseTooOld { needs, has } => Refusal::EfuseTooOld { needs, has },
            Refusal::EfuseTooNew { allows, has } => Refusal::EfuseTooNew { allows, has },
            Refusal::Checksum { stored, computed } => Refusal::Checksum { stored, computed },
            Refusal::Hash { stored, computed } => Refusal::Hash { stored, computed },
            Refusal::Signature { block, why } => Refusal::Signature { block, why },
        };
        VerifyError {
            at: self.at,
            refusal,
        }
    }
}

impl<E> DescError<E> {
    /// The same error, with `f` applied to the flash's own.
    pub fn map_flash<G>(self, f: impl FnOnce(E) -> G) -> DescError<G> {
        match self {
            Self::Flash(e) => DescError::Flash(f(e)),
            Self::TooShort { size } => DescError::TooShort { size },
            Self::Magic(error) => DescError::Magic(error),
            Self::Missing => DescError::Missing,
        }
    }
}
