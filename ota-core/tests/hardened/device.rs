//! A device with a factory image and two slots, its eFuse, and what its application does.

use embedded_storage::nor_flash::NorFlashErrorKind;
use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::chip;
use ota_core::efuse::SecureVersion;
use ota_core::hardened::{self, Decision, Log};
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, Slot, TABLE_LEN};
use ota_core::update::{AppConfig, ImageSize, OtaError};

use crate::checks::Piece;
use crate::seeds;

const TARGET: Target = Target::new(&chip::ESP32C3);

pub(crate) type Outcome<T> = Result<T, OtaError<NorFlashErrorKind>>;
pub(crate) type Ota<'a> = hardened::Ota<'a, &'a mut Piece<'a>, UnsignedVerifier<'a>, &'a mut Fuses>;

/// A unary field of fuses that can lose power.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fuses {
    pub(crate) bits: u32,
    /// The next burn only blows these, and fails.
    pub(crate) cut: Option<u32>,
}

impl SecureVersion for Fuses {
    type Error = ();

    fn read(&mut self) -> Result<u32, ()> {
        Ok(self.bits.count_ones())
    }

    fn burn(&mut self, version: u32) -> Result<(), ()> {
        let wanted = (1 << version) - 1;
        match self.cut.take() {
            Some(blown) => {
                self.bits |= wanted & blown;
                Err(())
            }
            None => {
                self.bits |= wanted;
                Ok(())
            }
        }
    }

    fn capacity(&self) -> u32 {
        chip::ESP32C3.secure_version_bits
    }
}

#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) flash: Vec<u8>,
    pub(crate) fuses: Fuses,
    pub(crate) anti_rollback: bool,
}

impl Device {
    /// Runs `image` from its factory partition.
    pub(crate) fn new(image: &[u8]) -> Self {
        let mut device = Self {
            flash: vec![0xFF; seeds::FLASH_SIZE as usize],
            fuses: Fuses::default(),
            anti_rollback: false,
        };
        device.put(DEFAULT_TABLE_OFFSET, &seeds::table());
        device.put(partition(Slot::Factory).offset, image);
        device
    }

    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.flash[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn config(&self) -> BootConfig {
        BootConfig {
            rollback: true,
            anti_rollback: self.anti_rollback,
            ..BootConfig::new(seeds::FLASH_SIZE)
        }
    }

    pub(crate) fn boot(&mut self) -> Decision {
        let config = self.config();
        hardened::boot(
            &mut Piece::new(0, &mut self.flash),
            &mut UnsignedVerifier::new(TARGET, &mut [0; 512]).unwrap(),
            &mut self.fuses,
            &config,
            Log::DEFAULT,
            &BootInputs::default(),
            &mut [0; TABLE_LEN],
        )
        .unwrap()
    }

    /// What a stock bootloader would boot; the device stays as it is.
    pub(crate) fn stock(&self) -> Slot {
        let mut flash = self.flash.clone();
        boot::boot(
            &mut Piece::new(0, &mut flash),
            &mut UnsignedVerifier::new(TARGET, &mut [0; 512]).unwrap(),
            &mut { self.fuses },
            &self.config(),
            &BootInputs::default(),
            &mut [0; TABLE_LEN],
        )
        .unwrap()
        .slot
    }

    /// The application in `running` makes calls.
    pub(crate) fn app<T>(
        &mut self,
        running: Slot,
        calls: impl FnOnce(&mut Ota<'_>) -> Outcome<T>,
    ) -> Outcome<T> {
        let raw = seeds::table();
        let table = PartitionTable::for_application(&raw, true).unwrap();
        let mut flash = Piece::new(0, &mut self.flash);
        let mut buffer = [0; 512];
        let config = AppConfig {
            rollback: true,
            anti_rollback: self.anti_rollback,
            read_back: true,
            ..AppConfig::new(TARGET, seeds::FLASH_SIZE)
        };
        let verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
        let fuses = &mut self.fuses;
        let running = partition(running);
        let log = Log::DEFAULT;
        let mut ota: Ota<'_> =
            hardened::Ota::new(&mut flash, verifier, fuses, table, running, config, log);
        calls(&mut ota)
    }

    pub(crate) fn download(&mut self, running: Slot, to: Slot, image: &[u8]) -> Outcome<()> {
        self.app(running, |ota| {
            let handle = ota.begin(&partition(to), ImageSize::Sequential)?;
            for chunk in image.chunks(128) {
                ota.write(handle, chunk)?;
            }
            ota.end(handle)
        })
    }

    pub(crate) fn choose(&mut self, running: Slot, to: Slot) -> Outcome<()> {
        self.app(running, |ota| ota.set_boot_partition(&partition(to)))
    }

    pub(crate) fn confirm(&mut self, running: Slot) -> Outcome<()> {
        self.app(running, |ota| ota.mark_app_valid_cancel_rollback())
    }

    /// A download that is chosen, booted and confirmed.
    pub(crate) fn update(&mut self, running: Slot, to: Slot, image: &[u8]) {
        self.download(running, to, image).unwrap();
        self.choose(running, to).unwrap();
        assert_eq!(self.boot().slot, to);
        self.confirm(to).unwrap();
    }
}

pub(crate) fn partition(slot: Slot) -> Partition {
    let raw = seeds::table();
    let table = PartitionTable::for_application(&raw, true).unwrap();
    table.slot(slot).unwrap()
}
