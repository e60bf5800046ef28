//! How long a chip takes, in exact integers.

/// A typical and a maximum time, in nanoseconds of device time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Typical.
    pub typ: u64,
    /// Maximum.
    pub max: u64,
}

impl Span {
    pub(crate) const fn ns(typ: u64, max: u64) -> Self {
        Span { typ, max }
    }

    pub(crate) const fn us(typ: u64, max: u64) -> Self {
        Span {
            typ: typ * 1_000,
            max: max * 1_000,
        }
    }

    pub(crate) const fn ms(typ: u64, max: u64) -> Self {
        Span {
            typ: typ * 1_000_000,
            max: max * 1_000_000,
        }
    }

    /// The one that counts.
    pub fn at(self, pace: Pace) -> u64 {
        match pace {
            Pace::Typical => self.typ,
            Pace::Maximum => self.max,
        }
    }
}

/// Which of its times a chip takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Pace {
    /// The typical ones.
    #[default]
    Typical,
    /// The longest the data sheet allows.
    Maximum,
}

/// An erase that the chip knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EraseKind {
    /// Bytes erased.
    pub len: u32,
    /// How long it takes.
    pub time: Span,
}

/// An erase of a page in steps that the driver starts one by one and that add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartialErase {
    /// The shortest step, in nanoseconds.
    pub shortest: u64,
    /// The longest step, in nanoseconds.
    pub longest: u64,
}

/// How long a chip takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Programming the first byte of a page.
    pub program_first: Span,
    /// Every further byte, until `program_page` is reached.
    pub program_next: Span,
    /// Bytes per page.
    pub page: u32,
    /// Programming a whole page, whatever its bytes would take one by one.
    pub program_page: Span,
    /// Erases the chip knows, smallest first; the first is the sector.
    pub erases: Vec<EraseKind>,
    /// Erasing all of it.
    pub chip_erase: Span,
    /// Fixed cost of a read in nanoseconds: command, address, dummy cycles.
    pub read_command: u64,
    /// Bus time per byte read, in picoseconds.
    pub read_byte_ps: u64,
    /// From the suspend command to the suspended erase, in nanoseconds at most.
    pub suspend: u64,
    /// From resuming an erase to the next suspend, in nanoseconds at least.
    pub resume: u64,
    /// The steps in which the smallest erase can be done; none on chips that cannot. The page is erased when the steps
    /// together have taken as long as the erase in one.
    pub partial_erase: Option<PartialErase>,
}

impl Timing {
    /// How long programming `len` bytes of one page takes.
    #[inline]
    pub fn program(&self, len: u32, pace: Pace) -> u64 {
        let whole = self.program_page.at(pace);
        if len == self.page {
            return whole;
        }
        let further = u64::from(len.saturating_sub(1));
        let bytes = self.program_next.at(pace).saturating_mul(further);
        self.program_first.at(pace).saturating_add(bytes).min(whole)
    }

    /// How long an erase of `len` bytes takes; 0 if the chip has none of that size.
    pub fn erase(&self, len: u32, pace: Pace) -> u64 {
        self.erases
            .iter()
            .find(|kind| kind.len == len)
            .map_or(0, |kind| kind.time.at(pace))
    }

    /// How long reading `len` bytes takes on the bus.
    #[inline]
    pub fn read(&self, len: usize) -> u64 {
        self.read_command + self.read_byte_ps * len as u64 / 1_000
    }

    /// The largest erase that starts at `addr` and ends by `to`: what a driver would choose.
    pub(crate) fn largest(&self, addr: u32, to: u32) -> u32 {
        let fits = |len: &u32| addr.is_multiple_of(*len) && *len <= to - addr;
        let sector = self.erases.first().map_or(4096, |kind| kind.len);
        self.erases
            .iter()
            .rev()
            .map(|kind| kind.len)
            .find(fits)
            .unwrap_or(sector)
    }
}
