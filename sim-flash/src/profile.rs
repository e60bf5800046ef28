//! Profiles: chips as data.

use std::marker::PhantomData;

use crate::geometry::SpiNor;
use crate::state::State;

/// Typical times of a chip in nanoseconds of device time.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// Programming the first byte of a page.
    pub program_first: u64,
    /// Every further byte, until `program_page` is reached.
    pub program_next: u64,
    /// Programming a whole page.
    pub program_page: u64,
    /// Erase sizes in bytes with their times, smallest first.
    pub erases: Vec<(u32, u64)>,
    /// Fixed cost of a read: command, address, dummy cycles.
    pub read_command: u64,
    /// Bus time per byte, in picoseconds.
    pub read_byte_ps: u64,
}

/// A chip as data. `G` is what its `embedded-storage` traits say about it.
#[derive(Clone, Debug)]
pub struct Profile<G = SpiNor> {
    pub(crate) name: String,
    pub(crate) size: u32,
    pub(crate) sector: u32,
    pub(crate) page: u32,
    pub(crate) timing: Timing,
    pub(crate) geometry: PhantomData<G>,
}

impl Profile<SpiNor> {
    /// Winbond W25Q64JV: 8 MiB, pages of 256 bytes, sectors of 4 KiB, blocks of 32 and 64 KiB.
    ///
    /// Times are the typical ones of its datasheet.
    pub fn w25q64jv() -> Self {
        const US: u64 = 1_000;
        const MS: u64 = 1_000 * US;
        Profile {
            name: "w25q64jv".to_owned(),
            size: 8 << 20,
            sector: 4096,
            page: 256,
            timing: Timing {
                program_first: 32 * US,
                program_next: 3 * US,
                program_page: 400 * US,
                erases: vec![(4096, 45 * MS), (32 << 10, 120 * MS), (64 << 10, 150 * MS)],
                read_command: 200,
                read_byte_ps: 25_000,
            },
            geometry: PhantomData,
        }
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

    /// Its times.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The same chip with another capacity, rounded down to whole sectors.
    #[must_use]
    pub fn with_size(mut self, bytes: u32) -> Self {
        self.size = bytes - bytes % self.sector;
        self
    }

    /// An erased flash of this chip's size.
    pub fn erased(&self) -> State {
        State::erased(self.size, self.sector)
    }

    #[inline]
    pub(crate) fn program_time(&self, len: u32) -> u64 {
        let t = &self.timing;
        (t.program_first + t.program_next * u64::from(len.saturating_sub(1))).min(t.program_page)
    }

    pub(crate) fn erase_time(&self, len: u32) -> u64 {
        self.timing
            .erases
            .iter()
            .find(|(size, _)| *size == len)
            .map_or(0, |(_, time)| *time)
    }

    /// The largest erase that starts at `addr` and ends by `to`.
    pub(crate) fn erase_at(&self, addr: u32, to: u32) -> u32 {
        let fits = |size: &u32| addr.is_multiple_of(*size) && *size <= to - addr;
        self.timing
            .erases
            .iter()
            .rev()
            .map(|(size, _)| *size)
            .find(fits)
            .unwrap_or(self.sector)
    }

    #[inline]
    pub(crate) fn read_time(&self, len: usize) -> u64 {
        self.timing.read_command + self.timing.read_byte_ps * len as u64 / 1_000
    }
}
