//! The device's secure version, in fuses that survive everything.

use std::cell::Cell;
use std::convert::Infallible;

use ota_core::Chip;
use ota_core::efuse::SecureVersion;

/// The fuses as one power-on finds them and burns them; between power-ons they are part of the
/// [world](super::World).
///
/// A fuse is burnt whole, between two operations of the flash.
#[derive(Debug)]
pub struct Efuse<'w> {
    version: &'w Cell<u32>,
    chip: &'static Chip,
}

impl<'w> Efuse<'w> {
    /// The fuses of this chip, which hold `version`.
    pub const fn new(version: &'w Cell<u32>, chip: &'static Chip) -> Self {
        Self { version, chip }
    }
}

impl SecureVersion for Efuse<'_> {
    type Error = Infallible;

    fn read(&mut self) -> Result<u32, Infallible> {
        Ok(self.version.get())
    }

    fn burn(&mut self, version: u32) -> Result<(), Infallible> {
        self.version.set(version);
        Ok(())
    }

    fn capacity(&self) -> u32 {
        self.chip.secure_version_bits
    }
}
