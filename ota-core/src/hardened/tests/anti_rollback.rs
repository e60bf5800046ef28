//! An application with anti-rollback: what it goes back to, what it chooses, and when the device's version is raised.

use super::*;
use crate::efuse::SecureVersionError;

/// A of version 2 was confirmed; B of version 3 runs, on trial. The device has this version.
struct Versions(Device, u32);

impl Versions {
    fn new(secure_version: u32) -> Self {
        let mut device = Device::new(&[A, B]);
        device.download(A, B, 2).unwrap();
        device.set_boot(A, B).unwrap();
        assert_eq!(device.boot().unwrap().slot, B);
        for (slot, version) in [(A, 2), (B, 3)] {
            device.put_version(slot, version);
        }
        Self(device, secure_version)
    }

    fn app<T>(&mut self, calls: impl FnOnce(&mut App<'_>) -> Result<T>) -> Result<T> {
        let Self(device, secure_version) = self;
        let efuse = Unary::with_version(*secure_version, 16);
        let config = AppConfig {
            anti_rollback: true,
            ..Device::app_config()
        };
        device.app_with(B, config, efuse, calls)
    }
}

impl Device {
    fn put_version(&mut self, slot: Slot, version: u32) {
        let at = self.partition(slot).offset + app_desc::OFFSET;
        self.ram.put(at, &app_desc::MAGIC.to_le_bytes());
        self.ram.put(at + 4, &version.to_le_bytes());
    }
}

#[test]
fn an_image_below_the_device_s_version_is_none_to_go_back_to() {
    for (device, possible) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut versions = Versions::new(device);
        let said = versions.app(|ota| ota.check_rollback_is_possible());
        assert_eq!(said, Ok(possible), "version {device}");
        let done = versions.app(|ota| ota.mark_app_invalid_rollback());
        let refused = Err(OtaError::RollbackImpossible);
        assert_eq!(done, if possible { Ok(()) } else { refused });
        let next = if possible { A } else { B };
        let chosen = versions.app(|ota| ota.boot_partition()).unwrap();
        assert_eq!(chosen, Some(versions.0.partition(next)));
    }
}

#[test]
fn without_a_descriptor_an_image_has_no_version_to_go_back_to() {
    let mut versions = Versions::new(0);
    let at = versions.0.partition(A).offset + app_desc::OFFSET;
    versions.0.ram.put(at, &[0; 4]);
    let said = versions.app(|ota| ota.check_rollback_is_possible());
    assert_eq!(said, Ok(false));
}

#[test]
fn what_is_below_the_device_s_version_is_not_chosen() {
    let image = 2;
    for (device, is_chosen) in [(2, true), (3, false)] {
        let mut versions = Versions::new(device);
        let a = versions.0.partition(A);
        let done = versions.app(|ota| ota.set_boot_partition(&a));
        let refused = Err(OtaError::TooOld { image, device });
        assert_eq!(done, if is_chosen { Ok(()) } else { refused });
    }
}

#[test]
fn a_confirmed_image_raises_the_device_s_version_to_its_own() {
    let mut versions = Versions::new(0);
    let a = versions.0.partition(A);
    let (image, device) = (2, 3);
    let done = versions.app(|ota| {
        assert_eq!(ota.check_rollback_is_possible(), Ok(true));
        ota.mark_app_valid_cancel_rollback()?;
        assert_eq!(ota.check_rollback_is_possible(), Ok(false));
        ota.set_boot_partition(&a)
    });
    assert_eq!(done, Err(OtaError::TooOld { image, device }));
}

/// It is confirmed all the same: the version is raised behind that.
#[test]
fn a_confirmed_image_below_the_device_s_version_says_so() {
    let mut versions = Versions::new(4);
    let done = versions.app(|ota| ota.mark_app_valid_cancel_rollback());
    let below = SecureVersionError::BelowDevice {
        version: 3,
        device: 4,
    };
    assert_eq!(done, Err(OtaError::SecureVersion(below)));
    assert_eq!(
        versions.app(|ota| ota.mark_app_valid_cancel_rollback()),
        Ok(())
    );
    versions.0.rests_with(B);
}
