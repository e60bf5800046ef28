//! Counters of what a flash did.

use std::ops::Sub;

/// Counters per kind of operation. Subtract two to get what happened between them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Stats {
    /// Reads.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Page programs, as the chip sees them.
    pub programs: u64,
    /// Bytes programmed.
    pub bytes_programmed: u64,
    /// Erases, as the chip sees them.
    pub erases: u64,
    /// Bytes erased.
    pub bytes_erased: u64,
    /// Cuts that hit an operation.
    pub cuts: u64,
    /// Device time in nanoseconds.
    pub device_time: u64,
}

impl Sub for Stats {
    type Output = Stats;

    /// What happened since `earlier`. Counters that would be negative are 0.
    fn sub(self, earlier: Stats) -> Stats {
        Stats {
            reads: self.reads.saturating_sub(earlier.reads),
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            programs: self.programs.saturating_sub(earlier.programs),
            bytes_programmed: self
                .bytes_programmed
                .saturating_sub(earlier.bytes_programmed),
            erases: self.erases.saturating_sub(earlier.erases),
            bytes_erased: self.bytes_erased.saturating_sub(earlier.bytes_erased),
            cuts: self.cuts.saturating_sub(earlier.cuts),
            device_time: self.device_time.saturating_sub(earlier.device_time),
        }
    }
}
