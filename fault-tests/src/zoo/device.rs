//! A whole device with `ota-core`, whose bootloader has a mistake.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ota_core::boot::{BootConfig, BootError, BootInputs, Decision, boot};
use ota_core::flash::Region;
use ota_core::image::{ImageMetadata, VerifyError, VerifyImage};
use ota_core::otadata;
use ota_core::partition::TABLE_LEN;
use sim_flash::{Level, Profile};

use super::Specimen;
use super::evidence::{P2, P13};
use super::habitat::{Habitat, home};
use crate::chip::{Chip, ChipError};
use crate::ota::{self, Efuse, Verifier};

/// Where the scenario's table has its otadata.
const OTADATA: [u32; 2] = [0xD000, 0xE000];

/// A flash on which every otadata entry has the CRC that it should have: what a bootloader sees that never looks at it.
struct CrcBlind<'c, 'm>(&'c mut Chip<'m>);

impl ErrorType for CrcBlind<'_, '_> {
    type Error = ChipError;
}

impl ReadNorFlash for CrcBlind<'_, '_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        self.0.read(offset, bytes)?;
        let entry = bytes.first_chunk_mut::<32>();
        if let Some(entry) = entry.filter(|_| OTADATA.contains(&offset)) {
            let seq = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            entry[28..].copy_from_slice(&otadata::crc(seq).to_le_bytes());
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for CrcBlind<'_, '_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.0.write(offset, bytes)
    }
}

struct Through<'v, 'b>(&'v mut Verifier<'b>);

impl<'c, 'm> VerifyImage<CrcBlind<'c, 'm>> for Through<'_, '_> {
    fn verify(
        &mut self,
        flash: &mut CrcBlind<'c, 'm>,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<ChipError>> {
        self.0.verify(&mut *flash.0, at)
    }
}

/// ESP-IDF's boot selection, without the check of the entries' CRC.
///
/// # Errors
/// As [`boot`].
#[expect(clippy::result_large_err, reason = "the signature of a bootloader")]
pub fn crc_blind_bootloader(
    chip: &mut Chip<'_>,
    verifier: &mut Verifier<'_>,
    efuse: &mut Efuse<'_>,
    config: &BootConfig,
    inputs: &BootInputs,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<ChipError>> {
    let (mut flash, mut verifier) = (CrcBlind(chip), Through(verifier));
    boot(&mut flash, &mut verifier, efuse, config, inputs, table)
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "crc-blind-bootloader",
    mistake: "ESP-IDF's boot selection, without the check of the entries' CRC: a torn sequence number sends the boot to a slot that was never switched to.",
    source: "ESP-IDF, bootloader_common_ota_select_valid; https://github.com/espressif/esp-idf/issues/6773",
    caught_by: &[P2, P13],
    level: Level::L1,
    // At L2 a torn entry can have a right CRC, and so the check has a window of its own.
    twin: Level::L1,
    build: |broken| -> Box<dyn Habitat> {
        let profile = Profile::w25q64jv();
        let scenario = ota::find("three-slots").unwrap_or(&ota::SCENARIOS[0]);
        let mut setup = scenario.bundled(&profile);
        // Without rollback, whose stock form has windows of its own.
        setup.device.boot.rollback = false;
        // What the device says of its entries is not true of this bootloader: it tells more of them apart.
        setup.device.records.clear();
        if broken {
            setup.device.bootloader = crc_blind_bootloader;
        }
        let start = setup.starts.swap_remove(0);
        home(setup.device, profile, start.state, start.world)
    },
}];
