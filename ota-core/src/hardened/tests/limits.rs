//! The ends: of the sequence numbers, of what can be trusted, of what a chip takes.

use super::*;
use crate::hardened::choice::{Choice, Image};
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{BIRTH, Place, Sector};
use crate::hardened::record::Record;
use proptest::prelude::*;

#[test]
fn sequence_numbers_begin_anew() {
    let mut device = Device::new(&[A, B]);
    let last = Entry::new(0xFFFF_FFEF, OtaState::VALID);
    device.ram.put_entry(0, last);
    assert_eq!(device.boot().unwrap().slot, A);
    for (running, to, number) in [(A, B, 2), (B, A, 3), (A, B, 4)] {
        device.update(running, to, number);
        assert_eq!(device.boot().unwrap().slot, to);
        assert_eq!(device.stock(), Some(to));
    }
    assert!(device.ram.entries().iter().all(|entry| entry.seq < 100));
}

#[test]
fn a_damaged_entry_is_healed() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    for sector in 0..2 {
        let mut damaged = device.power_on();
        let at = OTADATA + sector * 0x1000;
        let newer = Entry::new(1001, OtaState::VALID);
        // One that wins over ours, in a sector that no stock code erased; or our own, zeroed.
        let own = damaged.ram.entries()[sector as usize].is_valid()
            && damaged.stock() == Some(B)
            && crate::otadata::active(&damaged.ram.entries()) == Some(sector as usize);
        if own {
            damaged.ram.put(at, &[0; 32]);
        } else {
            damaged.ram.put(at, &newer.emit());
            damaged.ram.put(at + 64, &[0x5A; 8]);
        }
        let decision = damaged.boot().unwrap();
        assert_eq!(decision.slot, B);
        assert_eq!(damaged.cost().erases, 1);
        assert_eq!(damaged.stock(), Some(B));
        let mut again = damaged.power_on();
        assert_eq!(again.boot().unwrap().slot, B);
        assert_eq!(again.cost(), otadata(0, 0));
    }
}

/// Of a device that runs its factory image both entries are blank. One that rots to sequence number 0
/// selects a slot for stock code; it used to be left behind by the switch that was to heal it, until the
/// boot after.
#[test]
fn a_blank_entry_that_rots_is_healed_at_once() {
    for sector in 0..2 {
        let mut device = Device::new(&[FACTORY, A, B]);
        device.ram.put(device.partition(B).offset, &image(9));
        let to = device.partition(A);
        device
            .app(FACTORY, |ota| ota.begin(&to, ImageSize::Sequential))
            .unwrap();
        device.ram.put(OTADATA + sector * 0x1000, &[0; 10]);
        assert_eq!(device.stock(), Some(B), "for stock code it is an entry");
        assert_eq!(device.boot().unwrap().slot, FACTORY);
        assert_eq!(device.stock(), Some(FACTORY), "sector {sector}");
        device.rests_with(FACTORY);
    }
}

/// The CRC of sequence number 0 is that of an erased field: a cut erase of a blank sector that zeroes
/// its first bytes alone makes an entry that nobody wrote.
#[test]
fn a_cut_erase_of_a_blank_sector_selects_nothing() {
    for sector in 0..2 {
        for len in [4, 25, 28] {
            let mut device = Device::new(&[FACTORY, A, B]);
            device.ram.put(device.partition(B).offset, &image(9));
            device.ram.put(OTADATA + sector * 0x1000, &[0; 28][..len]);
            if len < 28 {
                assert_eq!(device.stock(), Some(B), "for stock code it is an entry");
            }
            assert_eq!(device.boot().unwrap().slot, FACTORY);
            assert_eq!(device.stock(), Some(FACTORY), "{sector} {len}");
            let mut again = device.power_on();
            assert_eq!(again.boot().unwrap().slot, FACTORY);
            assert_eq!(again.cost(), otadata(0, 0));
            again.update(FACTORY, A, 2);
        }
    }
}

/// A flash that programs in units of `W` bytes.
struct Units<'r, const W: usize>(&'r mut Ram);

impl<const W: usize> embedded_storage::nor_flash::ErrorType for Units<'_, W> {
    type Error = NorFlashErrorKind;
}

impl<const W: usize> ReadNorFlash for Units<'_, W> {
    const READ_SIZE: usize = 1;

    fn read(
        &mut self,
        offset: u32,
        bytes: &mut [u8],
    ) -> core::result::Result<(), NorFlashErrorKind> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<const W: usize> embedded_storage::nor_flash::NorFlash for Units<'_, W> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> core::result::Result<(), NorFlashErrorKind> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> core::result::Result<(), NorFlashErrorKind> {
        embedded_storage::nor_flash::check_write(self, offset, bytes.len())?;
        self.0.write(offset, bytes)
    }
}

/// What a switch programs of an entry, in this order, as lengths.
fn entry_programs<const W: usize>() -> Vec<(u32, usize)> {
    let mut device = Device::new(&[A, B]);
    let bytes = device.ram.table();
    let table = PartitionTable::for_application(&bytes, true).unwrap();
    let config = AppConfig::new(Target::new(&chip::ESP32C3), SIZE);
    let (running, to) = (device.partition(A), device.partition(B));
    device.ram.put(to.offset, &image(2));
    let mut ota: super::super::Ota<'_, _, _, _> = Ota::new(
        Units::<W>(&mut device.ram),
        Numbered,
        NoSecureVersion,
        table,
        running,
        config,
        Log::DEFAULT,
    );
    ota.set_boot_partition(&to).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    assert_eq!(device.stock(), Some(B));
    let programs = device.ram.done.iter().chain(&device.ram.ops);
    programs
        .filter_map(|op| match *op {
            Op::Program { at, len } if (at - OTADATA) % 0x1000 < 32 => {
                Some(((at - OTADATA) % 0x1000, len))
            }
            _ => None,
        })
        .collect()
}

/// Halves where they can be programmed apart; that the second one comes last is what keeps a torn entry
/// from being another one.
#[test]
fn an_entry_is_programmed_in_halves_up_to_units_of_16_bytes() {
    let halves = [(0, 16), (16, 16)].repeat(2);
    assert_eq!(entry_programs::<4>(), halves);
    assert_eq!(entry_programs::<16>(), halves);
    assert_eq!(entry_programs::<32>(), [(0, 32)].repeat(2));
}

/// Generations count up, so no two have one number. Where two do, as nothing of this policy leaves them, the first
/// sector counts.
#[test]
fn of_two_generations_with_one_number_the_first_sector_counts() {
    for slots in [[A, B], [B, A]] {
        let mut device = Device::new(&[A, B]);
        device.ram.put(device.partition(B).offset, &image(2));
        let salt = device.salt();
        let generation = 7;
        for (sector, slot) in [Sector::First, Sector::Second].into_iter().zip(slots) {
            let birth = Birth {
                generation,
                child: 0,
                seq: 0,
                choice: Choice::confirmed(Image::unknown(slot)),
            };
            let claim = Place::in_group(sector, 1, 0);
            let rows = { (BIRTH..).map(|row| Place::new(sector, row)) }
                .zip(birth.records())
                .chain([(claim, Record::claim(1, generation))]);
            for (place, record) in rows {
                let otadata = Region::new(OTADATA, 0x2000);
                device
                    .ram
                    .put(place.address(otadata), &record.emit(place, salt));
            }
        }
        assert_eq!(device.boot().unwrap().slot, slots[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any contents of otadata boot an image that is there.
    #[test]
    fn any_otadata_boots(
        noise in proptest::collection::vec((0usize..8192, any::<[u8; 24]>()), 0..40),
        base in 0usize..4,
    ) {
        let mut device = Device::new(&[A, B]);
        match base {
            0 => {}
            1 => device.update(A, B, 2),
            2 => { device.download(A, B, 2).unwrap(); device.set_boot(A, B).unwrap(); }
            _ => device.ram.put(OTADATA, &[0; 0x2000]),
        }
        let first = device.partition(A).offset;
        device.ram.put(first, &image(1));
        for (at, bytes) in noise {
            let at = at.min(8192 - bytes.len());
            device.ram.put(OTADATA + u32::try_from(at).unwrap(), &bytes);
        }
        let mut device = device.power_on();
        let decision = device.boot();
        prop_assert!(decision.is_ok());
        let slot = decision.unwrap().slot;
        let mut device = device.power_on();
        let again = device.boot().unwrap();
        // A trial may have come to its end; apart from that it stays.
        prop_assert!(again.slot == slot || again.slot == A);
    }
}
