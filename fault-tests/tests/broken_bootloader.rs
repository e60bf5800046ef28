//! A broken boot selection turns the sweep red, with a case that a newcomer understands.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use fault_tests::case::{Timeline, replay};
use fault_tests::chip::{Chip, ChipError};
use fault_tests::ota::{self, Verifier};
use fault_tests::property::Property;
use fault_tests::sweep::{SweepOptions, Verdict, sweep_one};
use ota_core::boot::{BootConfig, BootError, BootInputs, Decision, boot};
use ota_core::efuse::NoSecureVersion;
use ota_core::flash::Region;
use ota_core::image::{ImageMetadata, VerifyError, VerifyImage};
use ota_core::otadata;
use ota_core::partition::TABLE_LEN;

/// Where table `v02_two_ota` has its otadata.
const OTADATA: [u32; 2] = [0xD000, 0xE000];

/// A flash on which every otadata entry has the CRC that it should have: what a bootloader sees
/// that never looks at the CRC.
struct CrcBlind<'c, 'm>(&'c mut Chip<'m>);

impl ErrorType for CrcBlind<'_, '_> {
    type Error = ChipError;
}

impl ReadNorFlash for CrcBlind<'_, '_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        self.0.read(offset, bytes)?;
        if let Some(entry) = bytes
            .first_chunk_mut::<32>()
            .filter(|_| OTADATA.contains(&offset))
        {
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

#[expect(clippy::result_large_err, reason = "the signature of a bootloader")]
fn crc_blind_bootloader(
    chip: &mut Chip<'_>,
    verifier: &mut Verifier<'_>,
    config: &BootConfig,
    table: &mut [u8; TABLE_LEN],
) -> Result<Decision, BootError<ChipError>> {
    let (mut flash, mut verifier) = (CrcBlind(chip), Through(verifier));
    boot(
        &mut flash,
        &mut verifier,
        &mut NoSecureVersion,
        config,
        &BootInputs::default(),
        table,
    )
}

/// A cut in the program of the new entry leaves a sequence number that nobody meant; only the CRC
/// tells. Without it, the entry sends the boot to a slot that was never switched to.
#[test]
fn a_bootloader_that_ignores_the_crc_is_caught() {
    let scenario = ota::find("three-slots").expect("a scenario");
    let options = SweepOptions {
        cuts: Some(1),
        ..SweepOptions::default()
    };
    let mut setup = scenario.bundled(&options.profile);
    setup.device.bootloader = crc_blind_bootloader;
    // It tells more entries apart than the device says.
    setup.device.records.clear();
    let report = sweep_one(&options, scenario, &setup, &|_, _| {});
    assert_eq!(report.verdict, Verdict::Violated);
    let window = report
        .windows
        .iter()
        .find(|window| window.finding.property == Property::AtomicSwitch)
        .expect("the switch is no longer atomic");
    let replay = replay(
        &setup.device,
        &setup.profile,
        &setup.starts[0],
        &window.case.cuts,
        true,
    )
    .expect("the case replays");
    assert!(replay.shows(&window.finding));
    let text = format!(
        "{}\n\n{}\n{}\n",
        window.case,
        Timeline::new(&setup.device, &replay),
        window.finding
    );
    insta::assert_snapshot!("crc_blind_timeline", text);
}
