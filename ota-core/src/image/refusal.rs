//! Why an image does not verify.

use core::fmt;

use super::signature::BlockRefusal;
use crate::error::EspErr;

/// An image was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyError<E> {
    /// Absolute flash address of what was refused.
    pub at: u32,
    /// What was wrong with it.
    pub refusal: Refusal<E>,
}

/// The cause, one variant each. Lengths are in bytes, segments are counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal<E> {
    /// The flash refused to read.
    Flash(E),
    /// The region starts where this flash cannot be read from.
    Misaligned {
        /// The `READ_SIZE` it should be a multiple of.
        read_size: u32,
    },
    /// The region is larger than any image may be.
    RegionTooLarge {
        /// Its size.
        size: u32,
        /// The most allowed.
        limit: u32,
    },
    /// The image runs past the end of its region, or of the flash.
    ///
    /// The reference goes on reading what is behind, and refuses the image for its length
    /// afterwards.
    PastRegion {
        /// How long the image is at least.
        needed: u64,
        /// How much there is.
        size: u32,
    },
    /// There is no image.
    Magic {
        /// The first byte found.
        found: u8,
    },
    /// The image is for another chip.
    WrongChip {
        /// Its chip id.
        found: u16,
        /// This chip's.
        expected: u16,
    },
    /// The chip is older than the image allows. Revisions are major × 100 + minor.
    ChipTooOld {
        /// The oldest revision allowed.
        needs: u16,
        /// The chip's.
        has: u16,
    },
    /// The chip is newer than the image allows. Revisions are major × 100 + minor.
    ChipTooNew {
        /// The newest revision allowed.
        allows: u16,
        /// The chip's.
        has: u16,
    },
    /// More segments than there can be.
    TooManySegments {
        /// Their number.
        count: u8,
    },
    /// A segment's length is not a multiple of 4, or is 16 MiB or more.
    SegmentLength {
        /// The segment.
        segment: u8,
        /// Its length.
        len: u32,
    },
    /// The first segment of an application is too short for the descriptor it starts with.
    NoRoomForAppDesc {
        /// Its length.
        len: u32,
    },
    /// The first segment of an application does not start with a descriptor, on a chip that needs
    /// it to learn the MMU page size.
    AppDescMagic {
        /// The word found.
        found: u32,
    },
    /// A mapped segment's place in flash and its load address differ by more than whole MMU pages.
    SegmentPlacement {
        /// The segment.
        segment: u8,
        /// Its load address.
        load_addr: u32,
        /// Flash address of its data.
        data_addr: u32,
        /// The page size.
        page: u32,
    },
    /// The chip's eFuse blocks are older than the image allows.
    EfuseTooOld {
        /// The oldest revision allowed.
        needs: u16,
        /// The chip's.
        has: u16,
    },
    /// The chip's eFuse blocks are newer than the image allows.
    EfuseTooNew {
        /// The newest revision allowed.
        allows: u16,
        /// The chip's.
        has: u16,
    },
    /// The checksum over the segments does not match.
    Checksum {
        /// What the image says.
        stored: u8,
        /// What the segments say.
        computed: u8,
    },
    /// The SHA-256 that ends the image does not match.
    Hash {
        /// What the image says.
        stored: [u8; 32],
        /// What its bytes say.
        computed: [u8; 32],
    },
    /// No signature block makes the image trusted.
    Signature {
        /// The block that came furthest in the checks: 0..=2.
        block: u8,
        /// Why that one does not count.
        why: BlockRefusal,
    },
}

impl<E> Refusal<E> {
    /// The value that `esp_image_verify` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::Flash(_) => EspErr::IMAGE_FLASH_FAIL,
            Self::RegionTooLarge { .. } => EspErr::INVALID_ARG,
            Self::Misaligned { .. }
            | Self::WrongChip { .. }
            | Self::ChipTooOld { .. }
            | Self::ChipTooNew { .. }
            | Self::AppDescMagic { .. }
            | Self::EfuseTooOld { .. }
            | Self::EfuseTooNew { .. } => EspErr::FAIL,
            Self::PastRegion { .. }
            | Self::Magic { .. }
            | Self::TooManySegments { .. }
            | Self::SegmentLength { .. }
            | Self::NoRoomForAppDesc { .. }
            | Self::SegmentPlacement { .. }
            | Self::Checksum { .. }
            | Self::Hash { .. }
            | Self::Signature { .. } => EspErr::IMAGE_INVALID,
        }
    }
}

impl<E> VerifyError<E> {
    /// The value that `esp_image_verify` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        self.refusal.esp_err()
    }
}

/// A revision as Espressif writes it: `v1.3` for 103.
struct Revision(u16);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.0 / 100, self.0 % 100)
    }
}

/// The first bytes of a hash, enough to tell two apart.
struct Start([u8; 32]);

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<E: fmt::Debug> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flash(ref e) => write!(f, "the flash failed: {e:?}"),
            Self::Misaligned { read_size } => {
                write!(
                    f,
                    "the region does not start at a multiple of {read_size} bytes"
                )
            }
            Self::RegionTooLarge { size, limit } => {
                write!(
                    f,
                    "a region of 0x{size:x} bytes, more than 0x{limit:x}, holds no image"
                )
            }
            Self::PastRegion { needed, size } => write!(
                f,
                "the image is 0x{needed:x} bytes or longer, its place only 0x{size:x}"
            ),
            Self::Magic { found } => {
                write!(
                    f,
                    "no image is here: it would start with e9, not {found:02x}"
                )
            }
            Self::WrongChip { found, expected } => {
                write!(
                    f,
                    "the image is for chip id {found}, this chip's id is {expected}"
                )
            }
            Self::ChipTooOld { needs, has } => write!(
                f,
                "the image needs silicon {} or later, this is {}",
                Revision(needs),
                Revision(has)
            ),
            Self::ChipTooNew { allows, has } => write!(
                f,
                "the image runs on silicon up to {}, this is {}",
                Revision(allows),
                Revision(has)
            ),
            Self::TooManySegments { count } => write!(f, "{count} segments, 16 is the most"),
            Self::SegmentLength { segment, len } => write!(
                f,
                "segment {segment} is 0x{len:x} bytes long, not a multiple of 4 below 16 MiB"
            ),
            Self::NoRoomForAppDesc { len } => write!(
                f,
                "segment 0 is {len} bytes long, too short for the application descriptor"
            ),
            Self::AppDescMagic { found } => write!(
                f,
                "segment 0 starts with 0x{found:08x}, which is no application descriptor"
            ),
            Self::SegmentPlacement {
                segment,
                load_addr,
                data_addr,
                page,
            } => write!(
                f,
                "segment {segment} at 0x{data_addr:x} cannot be mapped to 0x{load_addr:x} by pages of 0x{page:x} bytes"
            ),
            Self::EfuseTooOld { needs, has } => write!(
                f,
                "the image needs eFuse blocks {} or later, these are {}",
                Revision(needs),
                Revision(has)
            ),
            Self::EfuseTooNew { allows, has } => write!(
                f,
                "the image runs with eFuse blocks up to {}, these are {}",
                Revision(allows),
                Revision(has)
            ),
            Self::Checksum { stored, computed } => write!(
                f,
                "the checksum says {stored:02x}, the segments {computed:02x}"
            ),
            Self::Hash { stored, computed } => write!(
                f,
                "the SHA-256 says {}…, the image {}…",
                Start(stored),
                Start(computed)
            ),
            Self::Signature { block, ref why } => write!(f, "signature block {block}: {why}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for VerifyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at 0x{:x}: {}", self.at, self.refusal)
    }
}

impl<E: fmt::Debug> core::error::Error for VerifyError<E> {}
