//! Profiles: chips as data. What size, which rules, how long, and where each number comes from.

mod builder;
mod preset;
mod sfdp;
mod timing;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use self::builder::{ProfileBuilder, ProfileError};
pub use self::sfdp::SfdpError;
pub use self::timing::{EraseKind, Pace, PartialErase, Span, Timing};

use crate::cipher::Cipher;
use crate::geometry::{Geometry, SpiNor};
use crate::state::{Physics, State};

/// What a chip forbids, and what its cells are prone to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // independent facts about a chip
pub struct Rules {
    /// Programming a weak bit to 0, to completion, makes it solid. Part of every guarantee.
    pub reprogram_heals: bool,
    /// How often a word, or a block of words, may be programmed between erases.
    pub limit: Option<ProgramLimit>,
    /// The chip itself refuses a program that would set a bit or comes once too often, and says so, as controllers with
    /// ECC do. Serial NOR carries it out, as an AND.
    pub refuses_overprogram: bool,
    /// Words carry check bits: a torn word is a read error.
    pub ecc: bool,
    /// After a cut erase, granules of so many bytes may answer reads with an ECC error, whatever they hold, until the
    /// sector is erased completely.
    pub ecc_after_cut_erase: Option<u32>,
    /// Data is encrypted on its way to the flash.
    pub encryption: Option<Encryption>,
    /// Words that were never programmed since their erase read as anything.
    pub erased_undefined: bool,
    /// A cut program may disturb the rest of its page and sector (Microchip on SST26VF016B).
    pub program_disturb: bool,
    /// An over-erased sector may disturb its neighbours (US 6381175).
    pub over_erase: bool,
}

impl Rules {
    pub(crate) const SPI_NOR: Rules = Rules {
        reprogram_heals: true,
        limit: None,
        refuses_overprogram: false,
        ecc: false,
        ecc_after_cut_erase: None,
        encryption: None,
        erased_undefined: false,
        program_disturb: true,
        over_erase: false,
    };
}

/// How often a word, or a block of words, may be programmed between erases.
///
/// Every program of the chip that touches it counts once. Where the unit is longer than a page, it is a block: its
/// words are programmed one by one, and each counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramLimit {
    /// Bytes per unit: a power of two of at least 4.
    pub word: u32,
    /// Programs allowed.
    pub times: u8,
    /// Whether one more program of all zeros is allowed.
    pub zeros: bool,
}

/// Transparent encryption: each row is encrypted with its address, so a changed bit garbles 16 bytes.
///
/// The cipher is AES-256 in XEX mode over blocks of 16 bytes, tweaked with the address of the block. It stands in for
/// what chips do (it is not bit-compatible with any): equal in what matters, that ciphertext is what the cells hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Encryption {
    /// Bytes per row: 16 or 32.
    pub row: u32,
    /// The key.
    pub key: [u8; 32],
}

impl Encryption {
    /// What turns the bytes of a program into those of the cells, and back.
    pub fn cipher(&self) -> Cipher {
        Cipher::new(self)
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// Where a number comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Which numbers.
    pub what: String,
    /// Where they are from.
    pub from: String,
}

/// A chip as data. `G` is what its `embedded-storage` traits say about it.
pub struct Profile<G = SpiNor> {
    pub(crate) name: Arc<str>,
    pub(crate) size: u32,
    pub(crate) sector: u32,
    pub(crate) page: u32,
    /// Bytes programmed at least, where `G` says less.
    pub(crate) unit: u32,
    pub(crate) endurance: u32,
    pub(crate) timing: Timing,
    pub(crate) rules: Rules,
    pub(crate) sources: Arc<Vec<Source>>,
    pub(crate) geometry: PhantomData<fn() -> G>,
}

impl<G> Clone for Profile<G> {
    fn clone(&self) -> Self {
        Profile {
            name: Arc::clone(&self.name),
            size: self.size,
            sector: self.sector,
            page: self.page,
            unit: self.unit,
            endurance: self.endurance,
            timing: self.timing.clone(),
            rules: self.rules.clone(),
            sources: Arc::clone(&self.sources),
            geometry: PhantomData,
        }
    }
}

impl<G> fmt::Debug for Profile<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("sector", &self.sector)
            .field("page", &self.page)
            .field("endurance", &self.endurance)
            .field("timing", &self.timing)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl<G: Geometry> Profile<G> {
    /// Bytes that a program takes at least, and is a multiple of.
    pub fn program_unit(&self) -> u32 {
        #[allow(clippy::cast_possible_truncation)] // at most a page
        self.unit.max(G::WRITE as u32)
    }

    /// The same chip under the type of serial NOR, for code that meets chips of every kind as it runs.
    ///
    /// Its rules stay, a program is refused unless it is of whole [units](Profile::program_unit), and an erase unless it is
    /// of whole sectors; only `NorFlash::WRITE_SIZE` and `ERASE_SIZE` do not say so.
    #[must_use]
    pub fn untyped(self) -> Profile {
        Profile {
            unit: self.program_unit(),
            name: self.name,
            size: self.size,
            sector: self.sector,
            page: self.page,
            endurance: self.endurance,
            timing: self.timing,
            rules: self.rules,
            sources: self.sources,
            geometry: PhantomData,
        }
    }

    /// The same chip behind a driver that takes any bytes, and fills what it programs up to whole units with 0xFF.
    ///
    /// That changes no cell, so the operations are recorded without the filling; but each takes the time of a page.
    /// `None` for chips to which programming 0xFF is not nothing: they count programs, or check or encrypt words.
    pub fn padded(self) -> Option<Profile> {
        let Rules {
            limit,
            ecc,
            ref encryption,
            erased_undefined,
            ..
        } = self.rules;
        if limit.is_some() || ecc || encryption.is_some() || erased_undefined {
            return None;
        }
        let mut padded = self.untyped();
        padded.unit = 1;
        padded.timing.program_first = padded.timing.program_page;
        padded.timing.program_next = Span::ns(0, 0);
        Some(padded)
    }
}

impl<G> Profile<G> {
    /// Its name, as it appears in case ids.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Bytes per sector, the smallest erase.
    pub fn sector(&self) -> u32 {
        self.sector
    }

    /// Bytes per page, the largest program.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Erases a sector is specified for.
    pub fn endurance(&self) -> u32 {
        self.endurance
    }

    /// Its times.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where each number comes from.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The same chip with another capacity, rounded down to whole sectors.
    #[must_use]
    pub fn with_size(mut self, bytes: u32) -> Self {
        self.size = bytes - bytes % self.sector;
        self
    }

    /// The same chip, whose cells programming over weak bits heals, or not.
    #[must_use]
    pub fn with_reprogram_heals(mut self, heals: bool) -> Self {
        self.rules.reprogram_heals = heals;
        self
    }

    /// The same chip, which refuses programs over programmed cells
    /// ([`Rules::refuses_overprogram`]), or not: for whoever has a driver that checks before it programs.
    #[must_use]
    pub fn with_overprogram_refused(mut self, refused: bool) -> Self {
        self.rules.refuses_overprogram = refused;
        self
    }

    /// An erased flash of this chip's size and physics.
    pub fn erased(&self) -> State {
        let mut state = State::erased(self.size, self.sector);
        state.set_physics(self.physics());
        state
    }

    /// Whether a cut leaves in this chip what it leaves in the other: they differ in name, size, times and endurance
    /// alone.
    ///
    /// What is shown of one for every cut holds for the other, where it fits; device times do not.
    pub fn is_cut_like<H>(&self, other: &Profile<H>) -> bool {
        let [own, others] = [&self.timing, &other.timing].map(|t| t.erases.iter().map(|e| e.len));
        (self.sector, self.page, self.unit) == (other.sector, other.page, other.unit)
            && self.rules == other.rules
            && own.eq(others)
            && self.timing.partial_erase == other.timing.partial_erase
    }

    pub(crate) fn physics(&self) -> Physics {
        let word = self.rules.limit.map_or(4, |limit| limit.word);
        let counted = self.rules.limit.is_some() || self.rules.ecc || self.rules.erased_undefined;
        Physics {
            reprogram_heals: self.rules.reprogram_heals,
            page: self.page,
            counted: if counted { word } else { 0 },
            ecc: self.rules.ecc,
            checked: self.rules.ecc_after_cut_erase.unwrap_or(0),
        }
    }
}
