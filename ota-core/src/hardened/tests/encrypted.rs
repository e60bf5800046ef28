//! Through flash encryption: what is erased reads as noise, and no bit is cleared in place.

use super::chips::{Chip, On};
use super::*;
use embedded_storage::nor_flash::{ErrorType, NorFlash, check_write};

/// Bytes that are encrypted together.
const BLOCK: usize = 16;

/// Encrypts otadata.
#[derive(Clone, Default)]
pub(super) struct Key;

impl Chip for Key {
    type Flash<'d> = Veiled<'d>;

    fn over<'d>(&'d mut self, ram: &'d mut Ram) -> Veiled<'d> {
        Veiled(ram)
    }
}

/// The flash of a device, through the encryption.
pub(super) struct Veiled<'d>(&'d mut Ram);

/// What the encryption does to a byte, and undoes.
fn veil(at: u32, byte: u8) -> u8 {
    if !is_otadata(at) {
        return byte;
    }
    let mut key = u64::from(at) + 1;
    for _ in 0..3 {
        key = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        key ^= key >> 29;
    }
    byte ^ key.to_le_bytes()[0]
}

impl ErrorType for Veiled<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Veiled<'_> {
    const READ_SIZE: usize = 1;

    fn read(
        &mut self,
        offset: u32,
        bytes: &mut [u8],
    ) -> core::result::Result<(), NorFlashErrorKind> {
        self.0.read(offset, bytes)?;
        for (byte, at) in bytes.iter_mut().zip(offset..) {
            *byte = veil(at, *byte);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Veiled<'_> {
    const WRITE_SIZE: usize = BLOCK;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> core::result::Result<(), NorFlashErrorKind> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> core::result::Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let veiled: Vec<u8> = (offset..)
            .zip(bytes)
            .map(|(at, byte)| veil(at, *byte))
            .collect();
        // Once, or again with the same content where a cut has hit it.
        let cells = &self.0.bytes[offset as usize..];
        let fits = cells
            .iter()
            .zip(&veiled)
            .all(|(cell, byte)| cell & byte == *byte);
        assert!(fits || !is_otadata(offset), "{offset:x} is programmed over");
        self.0.write(offset, &veiled)
    }
}

type Encrypted = On<Key>;

impl Encrypted {
    /// The device reads these bytes there.
    fn put(&mut self, at: u32, bytes: &[u8]) {
        let veiled = (at..).zip(bytes).map(|(at, byte)| veil(at, *byte));
        self.device.ram.put(at, &veiled.collect::<Vec<_>>());
    }

    fn entry(&self, sector: u32) -> Entry {
        let at = OTADATA + sector * 0x1000;
        let cells = self.device.ram.bytes[at as usize..].iter().zip(at..);
        let bytes: Vec<u8> = cells.map(|(byte, at)| veil(at, *byte)).take(32).collect();
        Entry::parse(bytes.first_chunk().unwrap())
    }
}

const TEARS: [Torn; 4] = [
    Torn::Nothing,
    Torn::Done,
    Torn::Some(3),
    Torn::Prefix(BLOCK),
];

#[test]
fn each_cut_through_encryption_leaves_a_device_that_updates() {
    for log in [Log::DEFAULT, Log::new(4, 2).unwrap()] {
        let mut device = Encrypted::new(&[A, B], log.encrypted());
        device.update(A, B, 2);
        device.each_cut_leaves_a_device_that_updates(&TEARS, |device| {
            let _ = device.switch(B, A, 3);
        });
    }
}

/// The first call on a device of the stock policy, which begins anew what a cut has left of it.
#[test]
fn each_cut_of_taking_over_through_encryption_leaves_a_device_that_updates() {
    let mut device = Encrypted::new(&[A, B], Log::DEFAULT.encrypted());
    device
        .device
        .ram
        .put(device.device.partition(B).offset, &image(2));
    for (sector, seq) in [(0, 1), (1, 2)] {
        let entry = Entry::new(seq, OtaState::VALID);
        device.put(OTADATA + sector * 0x1000, &entry.emit());
    }
    device.each_cut_leaves_a_device_that_updates(&TEARS, |device| {
        let _ = device.switch(B, A, 3);
    });
}

/// An update was chosen, and then the factory image again.
fn back_to_factory() -> Encrypted {
    let mut device = Encrypted::new(&[FACTORY, A, B], Log::DEFAULT.encrypted());
    device.switch(FACTORY, A, 2).unwrap();
    let factory = device.device.partition(FACTORY);
    device
        .app(FACTORY, |ota| ota.set_boot_partition(&factory))
        .unwrap();
    device
}

/// Nothing is noted of the factory image for stock code: there is noise, and it selects nothing.
#[test]
fn noise_where_no_entry_should_be_is_left_alone() {
    let mut device = back_to_factory();
    device.device.cost();
    for sector in 0..2 {
        assert!(!device.entry(sector).is_valid());
        assert!(device.entry(sector) != Entry::ERASED);
        assert_eq!(device.boot().unwrap().slot, FACTORY);
    }
    assert_eq!(device.device.cost(), otadata(0, 0));
    // Noise that happens to be an entry is not.
    for sector in 0..2 {
        let mut device = device.power_on();
        let entry = Entry::new(2, OtaState::UNDEFINED);
        device.put(OTADATA + sector * 0x1000, &entry.emit());
        device.put(OTADATA + sector * 0x1000 + 32, &[0; 8]);
        let _ = device.boot().unwrap();
        assert_eq!(device.stock(), Some(FACTORY));
    }
}

#[test]
fn an_entry_that_is_damaged_is_healed_through_encryption_too() {
    let mut device = Encrypted::new(&[A, B], Log::DEFAULT.encrypted());
    device.update(A, B, 2);
    let own = u32::from(device.entry(1).seq > device.entry(0).seq);
    device.put(OTADATA + own * 0x1000, &[0x5A; 32]);
    device.device.cost();
    assert_eq!(device.boot().unwrap().slot, B);
    assert_eq!(device.device.cost().erases, 1);
    assert_eq!(device.stock(), Some(B));
}

/// Stock code takes an entry with the number 0 for one that selects the last slot.
#[test]
fn noise_that_is_an_entry_without_a_number_is_healed() {
    let device = back_to_factory();
    for sector in 0..2 {
        let mut device = device.power_on();
        let entry = Entry::new(0, OtaState::UNDEFINED);
        device.put(OTADATA + sector * 0x1000, &entry.emit());
        assert_ne!(device.stock(), Some(FACTORY));
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.stock(), Some(FACTORY));
    }
}
