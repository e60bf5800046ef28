//! ESP-IDF's `esp_err_t` as a number with a name.
//!
//! Every error enum of this crate says in its own words what happened, and maps to the value the
//! reference returns in that place through its `esp_err` method. The enums live next to what they
//! are errors of; only the numbers live here.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

/// A value of ESP-IDF's `esp_err_t`.
///
/// The named constants are the values that the reference's over-the-air code can return
/// (ESP-IDF `esp_err.h`, `esp_ota_ops.h`, `esp_image_format.h`, `esp_flash_err.h`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EspErr(pub i32);

macro_rules! esp_errors {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $esp:literal;)*) => {
        impl EspErr {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The reference's name of this value, `"ESP_ERR_OTA_VALIDATE_FAILED"` for example.
            ///
            /// `None` for a value that this crate never returns.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($esp),)*
                    _ => None,
                }
            }
        }
    };
}

esp_errors! {
    /// Success.
    OK = 0, "ESP_OK";
    /// An error without a value of its own.
    FAIL = -1, "ESP_FAIL";
    /// No room, here: the table of open handles is full.
    NO_MEM = 0x101, "ESP_ERR_NO_MEM";
    /// An argument is wrong.
    INVALID_ARG = 0x102, "ESP_ERR_INVALID_ARG";
    /// Not possible in this state; also a partition table that does not add up.
    INVALID_STATE = 0x103, "ESP_ERR_INVALID_STATE";
    /// A size runs past what it is measured against.
    INVALID_SIZE = 0x104, "ESP_ERR_INVALID_SIZE";
    /// What was asked for is not there.
    NOT_FOUND = 0x105, "ESP_ERR_NOT_FOUND";
    /// Not something this kind of partition can do.
    NOT_SUPPORTED = 0x106, "ESP_ERR_NOT_SUPPORTED";
    /// A chip or silicon revision that the image is not for.
    INVALID_VERSION = 0x10A, "ESP_ERR_INVALID_VERSION";
    /// The partition is read-only.
    NOT_ALLOWED = 0x10D, "ESP_ERR_NOT_ALLOWED";

    /// The partition to update is the one that runs.
    OTA_PARTITION_CONFLICT = 0x1501, "ESP_ERR_OTA_PARTITION_CONFLICT";
    /// Kept for completeness: nothing returns it today.
    OTA_SELECT_INFO_INVALID = 0x1502, "ESP_ERR_OTA_SELECT_INFO_INVALID";
    /// The image does not verify.
    OTA_VALIDATE_FAILED = 0x1503, "ESP_ERR_OTA_VALIDATE_FAILED";
    /// The image's secure version is below the one in eFuse.
    OTA_SMALL_SEC_VER = 0x1504, "ESP_ERR_OTA_SMALL_SEC_VER";
    /// There is nothing to roll back to.
    OTA_ROLLBACK_FAILED = 0x1505, "ESP_ERR_OTA_ROLLBACK_FAILED";
    /// The running image is not confirmed yet.
    OTA_ROLLBACK_INVALID_STATE = 0x1506, "ESP_ERR_OTA_ROLLBACK_INVALID_STATE";
    /// Another update of the same partition is open.
    OTA_ALREADY_IN_PROGRESS = 0x1507, "ESP_ERR_OTA_ALREADY_IN_PROGRESS";
    /// The image is built for another SPI flash mode.
    OTA_SPI_MODE_MISMATCH = 0x1508, "ESP_ERR_OTA_SPI_MODE_MISMATCH";

    /// The flash failed while an image was read.
    IMAGE_FLASH_FAIL = 0x2001, "ESP_ERR_IMAGE_FLASH_FAIL";
    /// The image's form, checksum or hash is wrong.
    IMAGE_INVALID = 0x2002, "ESP_ERR_IMAGE_INVALID";

    /// A flash operation failed.
    FLASH_OP_FAIL = 0x6001, "ESP_ERR_FLASH_OP_FAIL";
    /// A flash operation did not end in time.
    FLASH_OP_TIMEOUT = 0x6002, "ESP_ERR_FLASH_OP_TIMEOUT";
}

impl EspErr {
    /// The value of a flash operation that failed: of its arguments, or of the flash.
    pub(crate) fn of_flash(error: &impl NorFlashError) -> Self {
        match error.kind() {
            NorFlashErrorKind::NotAligned | NorFlashErrorKind::OutOfBounds => Self::INVALID_ARG,
            _ => Self::FLASH_OP_FAIL,
        }
    }
}

impl fmt::Display for EspErr {
    /// `ESP_ERR_OTA_VALIDATE_FAILED (0x1503)`; a value without a name is its hexadecimal alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) if self.0 <= 0 => write!(f, "{name} ({})", self.0),
            Some(name) => write!(f, "{name} (0x{:x})", self.0),
            None => write!(f, "0x{:x}", self.0),
        }
    }
}

impl core::error::Error for EspErr {}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::EspErr;
    use std::string::ToString;

    #[test]
    fn a_value_is_printed_with_the_references_name() {
        let printed = [
            EspErr::OK,
            EspErr::FAIL,
            EspErr::OTA_VALIDATE_FAILED,
            EspErr(0x7777),
        ];
        assert_eq!(
            printed.map(|e| e.to_string()),
            [
                "ESP_OK (0)",
                "ESP_FAIL (-1)",
                "ESP_ERR_OTA_VALIDATE_FAILED (0x1503)",
                "0x7777"
            ]
        );
    }
}
