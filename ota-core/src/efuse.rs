//! The secure version: the number in eFuse below which no image may run.
//!
//! Anti-rollback needs a memory that only ever counts up. ESP-IDF uses a *unary* field of eFuse
//! bits: the version is the number of bits burnt, and a bit once burnt stays. [`SecureVersion`] is
//! the small trait behind which the chip (or a test) keeps that number, [`Unary`] is such a field
//! as a value, and [`update`] holds the rule of `esp_efuse_update_secure_version`.
//!
//! Source: ESP-IDF `efuse/src/esp_efuse_api.c` and `CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD`.

use core::convert::Infallible;
use core::fmt;

use crate::chip::Chip;
use crate::error::EspErr;

/// Where the device keeps its secure version.
pub trait SecureVersion {
    /// What can go wrong with it.
    type Error: fmt::Debug;

    /// The secure version now.
    fn read(&mut self) -> Result<u32, Self::Error>;

    /// Raises the secure version to `version`, which is above the present one and within
    /// [`capacity`](Self::capacity).
    ///
    /// A power cut in it may leave any version from the old one to `version`.
    fn burn(&mut self, version: u32) -> Result<(), Self::Error>;

    /// The highest version that fits: [`secure_version_bits`](crate::Chip::secure_version_bits) of the chip, or
    /// less if the project says so. No number is right for every chip, so there is no default.
    fn capacity(&self) -> u32;
}

impl<S: SecureVersion + ?Sized> SecureVersion for &mut S {
    type Error = S::Error;

    fn read(&mut self) -> Result<u32, Self::Error> {
        (**self).read()
    }

    fn burn(&mut self, version: u32) -> Result<(), Self::Error> {
        (**self).burn(version)
    }

    fn capacity(&self) -> u32 {
        (**self).capacity()
    }
}

/// No secure version: for products without anti-rollback.
///
/// It reads 0, so every image is new enough, and forgets what is burnt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct NoSecureVersion;

impl SecureVersion for NoSecureVersion {
    type Error = Infallible;

    fn read(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn burn(&mut self, _version: u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn capacity(&self) -> u32 {
        u32::MAX
    }
}

/// A unary field, in memory: what the eFuse block holds, without the block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unary {
    bits: u32,
    width: u32,
}

impl Unary {
    /// The raw field `bits`, of which the low `width` bits (at most 32) count.
    #[must_use]
    pub const fn new(bits: u32, width: u32) -> Self {
        Self {
            bits,
            width: if width > 32 { 32 } else { width },
        }
    }

    /// The raw field `bits` of this chip.
    #[must_use]
    pub const fn of_chip(bits: u32, chip: &Chip) -> Self {
        Self::new(bits, chip.secure_version_bits)
    }

    /// A field of `width` bits that reads `version`, or its capacity if that is less.
    #[must_use]
    pub const fn with_version(version: u32, width: u32) -> Self {
        Self::new(low_bits(version), width)
    }

    /// The raw bits, those above the field included.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// The version: how many of the field's bits are burnt, wherever in it they are.
    #[must_use]
    pub const fn version(&self) -> u32 {
        (self.bits & low_bits(self.width)).count_ones()
    }
}

/// The `n` low bits set; all 32 for a larger `n`.
const fn low_bits(n: u32) -> u32 {
    match 1u32.checked_shl(n) {
        Some(bit) => bit - 1,
        None => u32::MAX,
    }
}

impl SecureVersion for Unary {
    type Error = Infallible;

    fn read(&mut self) -> Result<u32, Infallible> {
        Ok(self.version())
    }

    fn burn(&mut self, version: u32) -> Result<(), Infallible> {
        self.bits |= low_bits(version) & low_bits(self.width);
        Ok(())
    }

    fn capacity(&self) -> u32 {
        self.width
    }
}

/// Why the secure version was not raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecureVersionError {
    /// The field has not that many bits.
    TooHigh {
        /// The version asked for.
        version: u32,
        /// The highest that fits.
        capacity: u32,
    },
    /// The device is past this version.
    BelowDevice {
        /// The version asked for.
        version: u32,
        /// The version of the device.
        device: u32,
    },
    /// The memory could not be read or burnt.
    Device,
}

impl SecureVersionError {
    /// The value that `esp_efuse_update_secure_version` returns.
    #[must_use]
    pub const fn esp_err(&self) -> EspErr {
        match self {
            Self::TooHigh { .. } => EspErr::INVALID_ARG,
            Self::BelowDevice { .. } | Self::Device => EspErr::FAIL,
        }
    }
}

impl fmt::Display for SecureVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooHigh { version, capacity } => write!(
                f,
                "secure version {version} does not fit, {capacity} is the highest"
            ),
            Self::BelowDevice { version, device } => {
                write!(f, "secure version {version} is below the device's {device}")
            }
            Self::Device => f.pad("the secure version of the device cannot be read or burnt"),
        }
    }
}

impl core::error::Error for SecureVersionError {}

/// Raises the device's secure version to that of an image that has proven itself
/// (`esp_efuse_update_secure_version`).
///
/// The same version burns nothing. A power cut leaves a version between the old and the new one.
pub fn update<S: SecureVersion>(efuse: &mut S, version: u32) -> Result<(), SecureVersionError> {
    let capacity = efuse.capacity();
    if version > capacity {
        return Err(SecureVersionError::TooHigh { version, capacity });
    }
    let device = efuse.read().map_err(|_| SecureVersionError::Device)?;
    if version < device {
        return Err(SecureVersionError::BelowDevice { version, device });
    }
    if version > device {
        efuse
            .burn(version)
            .map_err(|_| SecureVersionError::Device)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip;

    #[test]
    fn the_version_is_the_number_of_burnt_bits_inside_the_field() {
        assert_eq!(Unary::new(0b1011, 16).version(), 3);
        assert_eq!(Unary::new(0xFFFF_FFFF, 4).version(), 4);
        assert_eq!(Unary::with_version(40, 32).version(), 32);
    }

    #[test]
    fn a_version_fits_that_the_chip_has_fuses_for() {
        for (chip, highest) in [
            (&chip::ESP32, 32),
            (&chip::ESP32C2, 4),
            (&chip::ESP32C6, 16),
        ] {
            let mut efuse = Unary::of_chip(0, chip);
            let version = highest + 1;
            let refused = Err(SecureVersionError::TooHigh {
                version,
                capacity: highest,
            });
            assert_eq!(update(&mut efuse, version), refused, "{chip}");
            assert_eq!(update(&mut efuse, highest), Ok(()));
            assert_eq!(efuse.version(), highest);
        }
    }

    #[test]
    fn the_version_only_goes_up_and_only_as_far_as_the_field() {
        let mut efuse = Unary::with_version(2, 4);
        assert_eq!(update(&mut efuse, 2), Ok(()));
        assert_eq!(efuse.bits(), 0b11);
        assert_eq!(update(&mut efuse, 4), Ok(()));
        assert_eq!(efuse.bits(), 0b1111);
        assert_eq!(update(&mut efuse, 3).unwrap_err().esp_err(), EspErr::FAIL);
        assert_eq!(
            update(&mut efuse, 5).unwrap_err().esp_err(),
            EspErr::INVALID_ARG
        );
    }
}
