//! Calls of the application, under both policies.

use ota_core::efuse::Unary;
use ota_core::hardened::{self, Log};
use ota_core::image::StreamVerifier;
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{PartitionTable, Slot};
use ota_core::update::{self, AppConfig, OtaError};

use crate::boots::{A, B, Device, FACTORY, MINIMUM, TARGET, image, partition};
use crate::flash::{Lie, Wavering, lies};
use crate::seeds::{FLASH_SIZE, table};

type Outcome = Result<(), OtaError<embedded_storage::nor_flash::NorFlashErrorKind>>;
type Stock<'a, 'b> = update::Ota<'a, &'a mut Wavering<'b>, StreamVerifier<'a>, &'a mut Unary>;
type Ours<'a, 'b> = hardened::Ota<'a, &'a mut Wavering<'b>, StreamVerifier<'a>, &'a mut Unary>;

impl Device {
    /// The application in `running` makes a call on a flash that lies; and whether the lie was told.
    fn call(&mut self, running: Slot, call: &Call, lie: Option<Lie>) -> (Outcome, bool) {
        let raw = table();
        let table = PartitionTable::for_application(&raw, true).unwrap();
        let config = AppConfig {
            rollback: true,
            anti_rollback: true,
            ..AppConfig::new(TARGET, FLASH_SIZE)
        };
        let mut flash = Wavering::new(&mut self.flash, lie);
        let mut buffer = [0; 512];
        let verifier = StreamVerifier::new(TARGET, &mut buffer).unwrap();
        let (fuses, running) = (&mut self.fuses, partition(running));
        let done = match call {
            Call::Stock(call) => {
                let mut ota: Stock<'_, '_> =
                    update::Ota::new(&mut flash, verifier, fuses, table, running, config);
                call(&mut ota)
            }
            Call::Ours(call) => {
                let log = Log::DEFAULT;
                let mut ota: Ours<'_, '_> =
                    hardened::Ota::new(&mut flash, verifier, fuses, table, running, config, log);
                call(&mut ota)
            }
        };
        (done, flash.told)
    }
}

impl Device {
    pub(crate) fn choose_by_record(&mut self, running: Slot, to: Slot) -> Outcome {
        assert_eq!(to, B);
        self.call(running, &SWITCHES[1], None).0
    }

    pub(crate) fn confirm_by_record(&mut self, running: Slot) -> Outcome {
        self.call(running, &CONFIRMS[1], None).0
    }
}

enum Call {
    Stock(fn(&mut Stock<'_, '_>) -> Outcome),
    Ours(fn(&mut Ours<'_, '_>) -> Outcome),
}

const SWITCHES: [Call; 2] = [
    Call::Stock(|ota| ota.set_boot_partition(&partition(B))),
    Call::Ours(|ota| ota.set_boot_partition(&partition(B))),
];

const CONFIRMS: [Call; 2] = [
    Call::Stock(|ota| ota.mark_app_valid_cancel_rollback()),
    Call::Ours(|ota| ota.mark_app_valid_cancel_rollback()),
];

/// `A` runs, and is confirmed.
fn device(other: u32) -> Device {
    let entries = [Entry::new(1, OtaState::VALID), Entry::ERASED];
    Device::new([(FACTORY, MINIMUM), (A, MINIMUM), (B, other)], entries)
}

#[test]
fn no_answer_makes_an_image_below_the_minimum_the_chosen_one() {
    for call in SWITCHES {
        let device = device(MINIMUM - 1);
        let told = lies(partition(B).offset, &image(MINIMUM - 1), |lie| {
            let mut device = device.clone();
            let (done, told) = device.call(A, &call, Some(lie));
            assert!(done.is_err(), "{lie:x?}");
            told
        });
        assert!(told > 0);
    }
}

/// The stock policy erases an image that is too old: one that says so in the bytes that were verified.
#[test]
fn no_answer_erases_an_image_that_is_new_enough() {
    for call in SWITCHES {
        let device = device(MINIMUM);
        let at = partition(B).offset;
        let told = lies(at, &image(MINIMUM), |lie| {
            let mut device = device.clone();
            let (_, told) = device.call(A, &call, Some(lie));
            let (from, image) = (at as usize, image(MINIMUM));
            assert!(device.flash[from..from + image.len()] == image, "{lie:x?}");
            told
        });
        assert!(told > 0);
    }
}

/// What is burnt keeps out every image below it, the running one too: so it is what that was verified to say.
#[test]
fn no_answer_makes_a_confirmation_burn_more_than_the_image_says() {
    for call in CONFIRMS {
        let entries = [
            Entry::new(1, OtaState::PENDING_VERIFY),
            Entry::new(0, OtaState::VALID),
        ];
        let device = Device::new([FACTORY, A, B].map(|slot| (slot, MINIMUM + 1)), entries);
        let mut honest = device.clone();
        assert_eq!(honest.call(A, &call, None).0, Ok(()));
        assert_eq!(honest.fuses.version(), MINIMUM + 1);
        let told = lies(partition(A).offset, &image(MINIMUM + 1), |lie| {
            let mut device = device.clone();
            let (_, told) = device.call(A, &call, Some(lie));
            let burnt = device.fuses.version();
            assert!(burnt <= MINIMUM + 1, "{lie:x?}: {burnt}");
            told
        });
        assert!(told > 0);
    }
}
