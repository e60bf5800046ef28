//! The device's secure version, in fuses that survive everything.

use std::cell::Cell;
use std::convert::Infallible;

use ota_core::efuse::SecureVersion;

/// The fuses as one power-on finds them and burns them; between power-ons they are part of the
/// [world](super::World).
///
/// A fuse is burnt whole, between two operations of the flash.
#[derive(Debug)]
pub struct Efuse<'w>(&'w Cell<u32>);

impl<'w> Efuse<'w> {
    /// The fuses that hold `version`.
    pub const fn new(version: &'w Cell<u32>) -> Self {
        Self(version)
    }
}

impl SecureVersion for Efuse<'_> {
    type Error = Infallible;

    fn read(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.get())
    }

    fn burn(&mut self, version: u32) -> Result<(), Infallible> {
        self.0.set(version);
        Ok(())
    }
}
