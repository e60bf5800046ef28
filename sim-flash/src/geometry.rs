//! Geometries: what the `embedded-storage` traits state as constants.

/// The constants of the `embedded-storage` traits for one kind of flash.
pub trait Geometry {
    /// Alignment of reads in bytes.
    const READ: usize;
    /// Alignment of writes in bytes.
    const WRITE: usize;
    /// Alignment of erases in bytes.
    const ERASE: usize;
}

/// A kind of flash that may be programmed again without an erase.
pub trait Multiwrite: Geometry {}

/// Serial NOR: bytes, 4 KiB sectors, bits cleared as often as one likes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpiNor {}

impl Geometry for SpiNor {
    const READ: usize = 1;
    const WRITE: usize = 1;
    const ERASE: usize = 4096;
}

impl Multiwrite for SpiNor {}
