//! A builder for profiles of chips that are not among the presets.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{
    Encryption, EraseKind, PartialErase, Profile, ProgramLimit, Rules, Source, Span, Timing,
};
use crate::geometry::Geometry;
use crate::hash::GRANULE;

/// Builds a [`Profile`]. Starts as a serial NOR of 4 MiB with W25Q64JV's times.
#[derive(Debug)]
#[must_use]
pub struct ProfileBuilder<G> {
    profile: Profile<G>,
}

/// Why a profile makes no sense.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProfileError {
    /// The size is 0 or no multiple of the sector.
    Size {
        /// Size in bytes.
        size: u32,
        /// Bytes per sector.
        sector: u32,
    },
    /// The sector is not a power of two of at least 32 bytes.
    Sector(u32),
    /// The page is not a power of two between the write size and 4096 bytes.
    Page(u32),
    /// The sector is not what the geometry calls `ERASE`.
    Geometry {
        /// Bytes per sector.
        sector: u32,
        /// The geometry's.
        erase: usize,
    },
    /// The chip has no erase of the size of its sector, or one that is no power of two.
    Erase(u32),
    /// The unit of a program limit is not a power of two from 4 bytes to 4096, or to 256 with ECC, or longer than a sector.
    Word(u32),
    /// The granule of a cut erase's ECC errors is not a power of two from 4 to 256 bytes, longer than a sector, or not
    /// the word of a chip with ECC.
    Granule(u32),
    /// Encryption rows are 16 or 32 bytes and no longer than a page.
    Row(u32),
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileError::Size { size, sector } => {
                write!(
                    f,
                    "a size of {size:#x} bytes is not a number of sectors of {sector:#x}"
                )
            }
            ProfileError::Sector(sector) => {
                write!(
                    f,
                    "a sector of {sector:#x} bytes is not a power of two of at least {GRANULE}"
                )
            }
            ProfileError::Page(page) => {
                write!(
                    f,
                    "a page of {page:#x} bytes is not a power of two from the write size to 0x1000"
                )
            }
            ProfileError::Geometry { sector, erase } => {
                write!(
                    f,
                    "the sector is {sector:#x} bytes, the geometry's ERASE is {erase:#x}"
                )
            }
            ProfileError::Erase(len) => {
                write!(f, "no erase, or none that can be, of {len:#x} bytes")
            }
            ProfileError::Word(word) => {
                write!(
                    f,
                    "a limited unit of {word} bytes is not a power of two from 4 to 4096 (256 with ECC), or longer than a sector"
                )
            }
            ProfileError::Granule(granule) => {
                write!(
                    f,
                    "a granule of {granule} bytes is not a power of two from 4 to 256, or longer than a sector, or not the ECC word"
                )
            }
            ProfileError::Row(row) => {
                write!(
                    f,
                    "an encryption row of {row} bytes is not 16 or 32, or longer than a page"
                )
            }
        }
    }
}

impl std::error::Error for ProfileError {}

impl<G: Geometry> Profile<G> {
    /// Starts a profile of your own.
    pub fn builder(name: &str) -> ProfileBuilder<G> {
        ProfileBuilder::start(name)
    }
}

impl<G> ProfileBuilder<G> {
    pub(super) fn start(name: &str) -> Self {
        let kind = |len, time| EraseKind { len, time };
        ProfileBuilder {
            profile: Profile {
                name: name.into(),
                size: 4 << 20,
                sector: 4096,
                page: 256,
                unit: 1,
                endurance: 100_000,
                timing: Timing {
                    program_first: Span::us(32, 32),
                    program_next: Span::us(3, 12),
                    page: 256,
                    program_page: Span::us(400, 3_000),
                    erases: vec![
                        kind(4 << 10, Span::ms(45, 400)),
                        kind(32 << 10, Span::ms(120, 1_600)),
                        kind(64 << 10, Span::ms(150, 2_000)),
                    ],
                    chip_erase: Span::ms(20_000, 100_000),
                    read_command: 200,
                    read_byte_ps: 25_000,
                    suspend: 20_000,
                    resume: 512_000,
                    partial_erase: None,
                },
                rules: Rules::SPI_NOR,
                sources: Arc::default(),
                geometry: PhantomData,
            },
        }
    }

    /// Size in bytes.
    pub fn size(mut self, bytes: u32) -> Self {
        self.profile.size = bytes;
        self
    }

    /// Bytes per page, the most that one program takes.
    pub fn page(mut self, bytes: u32) -> Self {
        self.profile.page = bytes;
        self.profile.timing.page = bytes;
        self
    }

    /// The erases the chip knows, with their times; the smallest is the sector.
    pub fn erases(mut self, kinds: &[(u32, Span)]) -> Self {
        let mut kinds: Vec<_> = kinds
            .iter()
            .map(|(len, time)| EraseKind {
                len: *len,
                time: *time,
            })
            .collect();
        kinds.sort_by_key(|kind| kind.len);
        self.profile.sector = kinds.first().map_or(0, |kind| kind.len);
        self.profile.timing.erases = kinds;
        self
    }

    /// Erasing all of it.
    pub fn chip_erase(mut self, time: Span) -> Self {
        self.profile.timing.chip_erase = time;
        self
    }

    /// Programming: the first byte, each further one, and at most this for a page.
    pub fn program(mut self, first: Span, next: Span, page: Span) -> Self {
        let timing = &mut self.profile.timing;
        (
            timing.program_first,
            timing.program_next,
            timing.program_page,
        ) = (first, next, page);
        self
    }

    /// Reading: nanoseconds per read, picoseconds per byte.
    pub fn read(mut self, command_ns: u64, byte_ps: u64) -> Self {
        (
            self.profile.timing.read_command,
            self.profile.timing.read_byte_ps,
        ) = (command_ns, byte_ps);
        self
    }

    /// Suspend latency, and the time from a resume to the next suspend, in nanoseconds.
    pub fn suspend(mut self, latency: u64, resume: u64) -> Self {
        (self.profile.timing.suspend, self.profile.timing.resume) = (latency, resume);
        self
    }

    /// The sector can be erased in steps, each from `shortest` to `longest` nanoseconds, which add up: it is erased when
    /// they have together taken as long as the erase in one. See
    /// [`erase_partially`](crate::Flash::erase_partially).
    pub fn partial_erase(mut self, shortest: u64, longest: u64) -> Self {
        self.profile.timing.partial_erase = Some(PartialErase { shortest, longest });
        self
    }

    /// Erases a sector is specified for.
    pub fn endurance(mut self, erases: u32) -> Self {
        self.profile.endurance = erases;
        self
    }

    /// Words of `word` bytes may be programmed `times` times between erases, and once more to zero if `zeros`. A unit
    /// longer than a page is a block, whose words count together: nWRITE of an `nRF52832` is
    /// `program_limit(512, 181, false)` with pages of 4 bytes, that of an `nRF52840` `program_limit(4, 2, false)`.
    pub fn program_limit(mut self, word: u32, times: u8, zeros: bool) -> Self {
        self.profile.rules.limit = Some(ProgramLimit { word, times, zeros });
        self
    }

    /// Words carry check bits: they are programmed once, and torn ones are read errors.
    pub fn ecc(mut self, word: u32, zeros: bool) -> Self {
        self.profile.rules.ecc = true;
        self.program_limit(word, 1, zeros)
    }

    /// The chip refuses a program that would set a bit, or that comes once too often, with an error flag of its own.
    pub fn refuses_overprogram(mut self) -> Self {
        self.profile.rules.refuses_overprogram = true;
        self
    }

    /// After a cut erase, granules of `granule` bytes may answer reads with [`FlashError::Ecc`](crate::FlashError::Ecc)
    /// until the sector is erased completely; programming them does not help. [`Level::L3`](crate::Level::L3) allows it:
    /// `E6.all` leaves every granule of the sector so, `E6.s5` those that are drawn. Independent of
    /// [`ecc`](ProfileBuilder::ecc), whose *torn* words are unreadable after programs and erases alike; where a chip has
    /// both, the granule is the word.
    ///
    /// TI MSPM0 (E2E thread 1552144): such reads raise FLASHDED. Microchip PIC32 with ECC (NVM, Implications of Device
    /// Reset): a cold reset in an erase leaves invalid data or ECC errors.
    pub fn ecc_after_cut_erase(mut self, granule: u32) -> Self {
        self.profile.rules.ecc_after_cut_erase = Some(granule);
        self
    }

    /// Data is encrypted in rows of so many bytes.
    pub fn encrypted(mut self, row: u32, key: [u8; 32]) -> Self {
        self.profile.rules.encryption = Some(Encryption { row, key });
        self
    }

    /// Words not programmed since their erase read as anything; to read one is a breach of
    /// [`Rule::ErasedUndefined`](crate::Rule::ErasedUndefined).
    pub fn erased_undefined(mut self) -> Self {
        self.profile.rules.erased_undefined = true;
        self
    }

    /// Programming over weak bits makes them solid (the default), or does not.
    pub fn reprogram_heals(mut self, heals: bool) -> Self {
        self.profile.rules.reprogram_heals = heals;
        self
    }

    /// Which collateral damage the chip is prone to: of a cut program within its sector, of a cut erase to its
    /// neighbours.
    pub fn collateral(mut self, program_disturb: bool, over_erase: bool) -> Self {
        self.profile.rules.program_disturb = program_disturb;
        self.profile.rules.over_erase = over_erase;
        self
    }

    /// Where numbers come from.
    pub fn source(mut self, what: &str, from: &str) -> Self {
        Arc::make_mut(&mut self.profile.sources).push(Source {
            what: what.to_owned(),
            from: from.to_owned(),
        });
        self
    }

    pub(super) fn finish(self) -> Profile<G> {
        self.profile
    }
}

impl<G: Geometry> ProfileBuilder<G> {
    /// The profile, if it makes sense.
    pub fn build(self) -> Result<Profile<G>, ProfileError> {
        let Profile {
            size,
            sector,
            page,
            timing,
            rules,
            ..
        } = &self.profile;
        if !sector.is_power_of_two() || *sector < GRANULE {
            return Err(ProfileError::Sector(*sector));
        }
        if *size == 0 || !size.is_multiple_of(*sector) {
            return Err(ProfileError::Size {
                size: *size,
                sector: *sector,
            });
        }
        if *sector as usize != G::ERASE {
            return Err(ProfileError::Geometry {
                sector: *sector,
                erase: G::ERASE,
            });
        }
        if !page.is_power_of_two() || *page > 4096 || (*page as usize) < G::WRITE {
            return Err(ProfileError::Page(*page));
        }
        if let Some(kind) = timing
            .erases
            .iter()
            .find(|kind| !kind.len.is_power_of_two())
        {
            return Err(ProfileError::Erase(kind.len));
        }
        if let Some(limit) = rules.limit
            && !(limit.word.is_power_of_two()
                && (4..=if rules.ecc { 256 } else { 4096 }).contains(&limit.word)
                && limit.word <= *sector)
        {
            return Err(ProfileError::Word(limit.word));
        }
        if let Some(granule) = rules.ecc_after_cut_erase {
            let fits =
                granule.is_power_of_two() && (4..=256).contains(&granule) && granule <= *sector;
            let word = rules.limit.filter(|_| rules.ecc);
            if !fits || word.is_some_and(|limit| limit.word != granule) {
                return Err(ProfileError::Granule(granule));
            }
        }
        if let Some(encryption) = &rules.encryption
            && !(matches!(encryption.row, 16 | 32) && encryption.row <= *page)
        {
            return Err(ProfileError::Row(encryption.row));
        }
        Ok(self.profile)
    }
}
