//! Geometries: what the `embedded-storage` traits state as constants.
//!
//! A profile carries its geometry in its type, so a [`Flash`](crate::Flash) made from it has the right `WRITE_SIZE`. For
//! a kind of flash that is not here, implement [`Geometry`] for a type of your own.

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

macro_rules! geometry {
    ($(#[$doc:meta])* $name:ident, $write:literal, $erase:literal $(, $multi:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name {}

        impl Geometry for $name {
            const READ: usize = 1;
            const WRITE: usize = $write;
            const ERASE: usize = $erase;
        }

        $(impl $multi for $name {})?
    };
}

geometry! {
    /// Serial NOR: bytes, 4 KiB sectors, bits cleared as often as one likes.
    SpiNor, 1, 4096, Multiwrite
}
geometry! {
    /// Serial NOR behind a ROM that programs whole pages of 256 bytes.
    RomPages, 256, 4096, Multiwrite
}
geometry! {
    /// Words of 32 bits that may be programmed a few times, 4 KiB pages.
    Words, 4, 4096, Multiwrite
}
geometry! {
    /// Double words of 64 bits with ECC, programmed once, 2 KiB pages.
    EccDoubleWords, 8, 2048
}
geometry! {
    /// Serial NOR behind encryption in rows of 16 bytes.
    EncryptedRows16, 16, 4096
}
geometry! {
    /// Serial NOR behind encryption in rows of 32 bytes.
    EncryptedRows32, 32, 4096
}
geometry! {
    /// A chip for tests: bytes, sectors of 256 bytes, bits cleared as often as one likes.
    Sectors256, 1, 256, Multiwrite
}
geometry! {
    /// A chip for tests: bytes, sectors of 1 KiB, bits cleared as often as one likes.
    Sectors1K, 1, 1024, Multiwrite
}
geometry! {
    /// A chip for tests: words of 32 bits that are programmed once, sectors of 1 KiB.
    WriteOnceWords, 4, 1024
}

/// Constants of your own, for a driver that shows a chip otherwise than the chip is: it reads whole words, or erases
/// blocks of several sectors.
///
/// Whoever makes a flash of this kind has to check that `WRITE` is a multiple of the chip's unit, and `ERASE` of its sector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Units<const READ: usize, const WRITE: usize, const ERASE: usize> {}

impl<const R: usize, const W: usize, const E: usize> Geometry for Units<R, W, E> {
    const READ: usize = R;
    const WRITE: usize = W;
    const ERASE: usize = E;
}

impl<const R: usize, const W: usize, const E: usize> Multiwrite for Units<R, W, E> {}
