//! Boots, under both policies.

use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::chip;
use ota_core::efuse::{SecureVersion, Unary};
use ota_core::hardened::{self, Log};
use ota_core::image::{ImageMetadata, StreamVerifier, Target, VerifyImage};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, Slot, TABLE_LEN};

use crate::flash::{Lie, Wavering, lies};
use crate::seeds::{self, FLASH_SIZE, OTADATA};

pub(crate) const FACTORY: Slot = Slot::Factory;
pub(crate) const A: Slot = Slot::Ota(0);
pub(crate) const B: Slot = Slot::Ota(1);
pub(crate) const TARGET: Target = Target::new(&chip::ESP32C3);
/// The device's minimum version.
pub(crate) const MINIMUM: u32 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Policy {
    Stock,
    Hardened,
}

/// A flash, and what was burnt.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) flash: Vec<u8>,
    pub(crate) fuses: Unary,
}

pub(crate) fn partition(slot: Slot) -> Partition {
    let raw = seeds::table();
    let table = PartitionTable::for_application(&raw, true).unwrap();
    table.slot(slot).unwrap()
}

impl Device {
    /// A device with images of these versions in its slots, and these entries.
    pub(crate) fn new(versions: [(Slot, u32); 3], entries: [Entry; 2]) -> Self {
        let mut flash = vec![0xFF; FLASH_SIZE as usize];
        let mut put = |at: u32, bytes: &[u8]| {
            flash[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        };
        put(DEFAULT_TABLE_OFFSET, &seeds::table());
        for (at, entry) in (OTADATA..).step_by(4096).zip(entries) {
            put(at, &entry.emit());
        }
        for (slot, version) in versions {
            put(partition(slot).offset, &image(version));
        }
        let fuses = Unary::with_version(MINIMUM, 16);
        Self { flash, fuses }
    }

    /// What the verifier says of a slot, on a flash that does not lie.
    pub(crate) fn truth(&self, slot: Slot) -> ImageMetadata {
        let mut flash = self.flash.clone();
        StreamVerifier::new(TARGET, &mut [0; 512])
            .unwrap()
            .verify(
                &mut Wavering::new(&mut flash, None),
                partition(slot).region(),
            )
            .unwrap()
    }

    /// Boots: what runs, if anything, and whether the lie was told.
    fn boot(&mut self, policy: Policy, lie: Option<Lie>) -> (Option<(Slot, ImageMetadata)>, bool) {
        let config = BootConfig {
            rollback: true,
            anti_rollback: true,
            ..BootConfig::new(FLASH_SIZE)
        };
        let mut flash = Wavering::new(&mut self.flash, lie);
        let mut buffer = [0; 512];
        let mut verifier = StreamVerifier::new(TARGET, &mut buffer).unwrap();
        let (fuses, inputs) = (&mut self.fuses, BootInputs::default());
        let mut table = [0; TABLE_LEN];
        let ran = match policy {
            Policy::Stock => boot::boot(
                &mut flash,
                &mut verifier,
                fuses,
                &config,
                &inputs,
                &mut table,
            )
            .ok()
            .map(|decision| (decision.slot, decision.image)),
            Policy::Hardened => hardened::boot(
                &mut flash,
                &mut verifier,
                fuses,
                &config,
                Log::DEFAULT,
                &inputs,
                &mut table,
            )
            .ok()
            .map(|decision| (decision.slot, decision.image)),
        };
        if let Some(written) = &flash.written {
            let inside = written.start >= OTADATA && written.end <= OTADATA + 0x2000;
            assert!(inside, "{policy:?} {lie:?} wrote {written:x?}");
        }
        (ran, flash.told)
    }
}

pub(crate) fn image(version: u32) -> Vec<u8> {
    seeds::image_of(40, version)
}

/// Starts that choose `B`: confirmed, new, without a state, none chosen at all.
fn starts() -> [[Entry; 2]; 5] {
    let first = Entry::new(1, OtaState::VALID);
    let second = |state| Entry::new(2, state);
    [
        [first, second(OtaState::VALID)],
        [first, second(OtaState::NEW)],
        [first, second(OtaState::UNDEFINED)],
        [second(OtaState::VALID), Entry::ERASED],
        [Entry::ERASED; 2],
    ]
}

/// Tells every lie about the image in `about`; `judge` is told what ran, and the device after that.
fn try_all(
    device: &Device,
    policy: Policy,
    about: Slot,
    mut judge: impl FnMut(Lie, &Device, Option<(Slot, ImageMetadata)>),
) {
    let at = partition(about).offset;
    let from = at as usize;
    let image = &device.flash[from..from + image(0).len()];
    let told = lies(at, image, |lie| {
        let mut device = device.clone();
        let (ran, told) = device.boot(policy, Some(lie));
        if told {
            judge(lie, &device, ran);
        }
        told
    });
    let first = device.clone().boot(policy, None).0;
    let read = told > 0 || first.is_some_and(|(slot, _)| slot != about);
    assert!(read, "{policy:?}: nobody reads {about}");
}

#[test]
fn no_answer_makes_an_image_below_the_minimum_run() {
    for policy in [Policy::Stock, Policy::Hardened] {
        for entries in starts() {
            let versions = [(FACTORY, MINIMUM - 1), (A, MINIMUM), (B, MINIMUM - 1)];
            let device = Device::new(versions, entries);
            try_all(&device, policy, B, |lie, device, ran| {
                let (slot, image) = ran.expect("one is new enough");
                assert_eq!(slot, A, "{policy:?} {lie:x?} {entries:?}");
                assert_eq!(image, device.truth(A));
            });
        }
    }
}

/// With nothing else to run the temptation is greatest.
#[test]
fn no_answer_makes_an_image_below_the_minimum_run_even_if_nothing_else_does() {
    for policy in [Policy::Stock, Policy::Hardened] {
        for entries in starts() {
            let versions = [FACTORY, A, B].map(|slot| (slot, MINIMUM - 1));
            let device = Device::new(versions, entries);
            try_all(&device, policy, B, |lie, _, ran| {
                assert_eq!(ran, None, "{policy:?} {lie:x?} {entries:?}");
            });
        }
    }
}

/// What is said of an image is what its bytes say, and one read that was wrong costs no more than that boot.
#[test]
fn what_runs_is_what_was_verified_and_the_next_boot_finds_the_device_as_it_was() {
    for policy in [Policy::Stock, Policy::Hardened] {
        for entries in starts() {
            let device = Device::new([FACTORY, A, B].map(|slot| (slot, MINIMUM)), entries);
            let honest = { device.clone() }.boot(policy, None).0.unwrap().0;
            let on_trial = entries[1].state == OtaState::NEW;
            try_all(&device, policy, honest, |lie, device, ran| {
                let context = format!("{policy:?} {lie:x?} {entries:?}");
                if device.fuses.version() > MINIMUM {
                    // Unverified bytes burn fuses, and no image is as new as this lie.
                    assert_eq!((policy, ran), (Policy::Stock, None), "{context}");
                    return;
                }
                let (slot, image) = ran.expect("all of them are whole");
                assert!(says_the_truth(lie, &image, device.truth(slot)), "{context}");
                let (again, _) = device.clone().boot(policy, None);
                let (again, image) = again.expect("all of them are whole");
                assert_eq!(image, device.truth(again), "{context}");
                if policy == Policy::Hardened && !on_trial {
                    assert_eq!(again, honest, "{context}");
                }
            });
        }
    }
}

/// Whether what is said of an image is true. The header is in the hash that an image carries and in nothing
/// else: with one bit of it read otherwise the image carries none. Whoever wants more asks for a signature, or
/// knows the image that it means.
fn says_the_truth(lie: Lie, image: &ImageMetadata, truth: ImageMetadata) -> bool {
    let of_flag = lie.at == image.region.offset + 4 * FLAG_WORD;
    *image == truth || of_flag && !image.hashed && image.secure_version == truth.secure_version
}

/// Where an image says that it carries a hash, in words.
const FLAG_WORD: u32 = 5;

/// A record of the hardened policy knows the image that it chooses by its digest: no answer makes another of it.
#[test]
fn what_a_record_chose_runs_as_it_was_or_not_at_all() {
    let entries = [Entry::new(1, OtaState::VALID), Entry::ERASED];
    let mut device = Device::new([FACTORY, A, B].map(|slot| (slot, MINIMUM)), entries);
    assert_eq!(device.choose_by_record(A, B), Ok(()));
    // On trial, and then confirmed.
    for confirmed in [false, true] {
        if confirmed {
            assert_eq!(device.boot(Policy::Hardened, None).0.unwrap().0, B);
            assert_eq!(device.confirm_by_record(B), Ok(()));
        }
        try_all(&device, Policy::Hardened, B, |lie, device, ran| {
            let (slot, image) = ran.expect("all of them are whole");
            assert_eq!(image, device.truth(slot), "{lie:x?}");
            let (again, _) = device.clone().boot(Policy::Hardened, None);
            let (again, image) = again.expect("all of them are whole");
            assert_eq!(image, device.truth(again), "{lie:x?}");
            assert!(!confirmed || again == B, "{lie:x?}");
        });
    }
}

/// The stock policy burns what an active entry's descriptor says, before anything is verified, as the
/// reference does. Then nothing that the device has boots ever after.
#[test]
fn unverified_bytes_burn_fuses_under_the_stock_policy() {
    let device = forged();
    let mut stock = device.clone();
    assert_eq!(stock.boot(Policy::Stock, None).0, None);
    assert_eq!(stock.fuses.read(), Ok(16));
}

/// The hardened policy raises the minimum to what it has verified, and is about to run, and to no more.
#[test]
fn unverified_bytes_burn_no_fuses_under_the_hardened_policy() {
    let mut device = forged();
    let (ran, _) = device.boot(Policy::Hardened, None);
    assert_eq!(ran.unwrap().0, A);
    assert_eq!(device.fuses.read(), Ok(MINIMUM));
}

/// Whole images, but in the slot that a VALID entry names: 0x120 bytes that nobody signed, with a descriptor.
fn forged() -> Device {
    let versions = [(FACTORY, MINIMUM), (A, MINIMUM), (B, 16)];
    let mut device = Device::new(versions, starts()[0]);
    let at = partition(B).offset as usize;
    device.flash[at + 0x120..at + 0x1_0000].fill(0xFF);
    device
}

/// No lie makes the hardened policy burn more than the version of an image that is there.
#[test]
fn no_answer_burns_more_than_the_image_says_under_the_hardened_policy() {
    for entries in starts() {
        let device = Device::new([FACTORY, A, B].map(|slot| (slot, MINIMUM + 1)), entries);
        for about in [FACTORY, A, B] {
            let mut honest = device.clone();
            honest.boot(Policy::Hardened, None);
            let at = partition(about).offset;
            let image = image(MINIMUM + 1);
            lies(at, &image, |lie| {
                let mut device = device.clone();
                let (_, told) = device.boot(Policy::Hardened, Some(lie));
                let burnt = device.fuses.version();
                assert!(
                    (MINIMUM..=MINIMUM + 1).contains(&burnt),
                    "{lie:x?} {entries:?}: {burnt}"
                );
                told
            });
        }
    }
}
