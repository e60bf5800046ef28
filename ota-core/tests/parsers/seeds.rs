//! Bytes that the parsers accept, to be damaged from there.

use ota_core::boot::{BootConfig, BootInputs};
use ota_core::chip;
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{self, Log};
use ota_core::image::signature::block;
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, Slot, SubType, TABLE_LEN, Type,
    emit_table,
};
use ota_core::update::{AppConfig, ImageSize};
use sha2::{Digest, Sha256};

use crate::checks::Piece;

pub(crate) const FLASH_SIZE: u32 = 0x4_0000;
pub(crate) const OTADATA: u32 = 0xD000;
const TARGET: Target = Target::new(&chip::ESP32C3);

fn partitions() -> [Partition; 4] {
    let row = |kind, subtype, offset, size| Partition {
        kind,
        subtype,
        offset,
        size,
        label: Label([0; 16]),
        flags: 0,
    };
    [
        row(Type::DATA, SubType::OTA, OTADATA, 0x2000),
        row(Type::APP, SubType::FACTORY, 0x1_0000, 0x1_0000),
        row(Type::APP, SubType::ota(0), 0x2_0000, 0x1_0000),
        row(Type::APP, SubType::ota(1), 0x3_0000, 0x1_0000),
    ]
}

/// otadata, factory and two slots, with an MD5 row.
pub(crate) fn table() -> [u8; TABLE_LEN] {
    let mut table = [0; TABLE_LEN];
    emit_table(partitions(), true, &mut table).unwrap();
    table
}

/// Two entries, the second one active.
pub(crate) fn otadata() -> Vec<u8> {
    let entries = [
        Entry::new(1, OtaState::VALID),
        Entry::new(2, OtaState::PENDING_VERIFY),
    ];
    entries.iter().flat_map(Entry::emit).collect()
}

/// An image with a descriptor and `len` bytes behind it in its first segment, and a second one.
pub(crate) fn image(len: usize) -> Vec<u8> {
    image_of(len, 0)
}

/// The same of a secure version.
pub(crate) fn image_of(len: usize, secure_version: u32) -> Vec<u8> {
    let mut image = vec![
        0xE9, 2, 2, 0x20, 0, 0, 0, 0, 0xEE, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    let mut first = vec![0; 256];
    first[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    first[4..8].copy_from_slice(&secure_version.to_le_bytes());
    first.extend((0..len).map(|n| u8::try_from(n % 251).unwrap()));
    let mut sum = 0xEF;
    for data in [first, vec![0x5A; 64]] {
        image.extend(0x3FC8_0000_u32.to_le_bytes());
        image.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        image.extend(data);
    }
    image.resize(image.len() + 16 - image.len() % 16, 0);
    *image.last_mut().unwrap() = sum;
    let hash = Sha256::digest(&image);
    image.extend(hash);
    image
}

/// A block of each scheme, whose CRC is right.
pub(crate) fn signatures() -> Vec<Vec<u8>> {
    [(2, 0, 0), (3, 36, 2), (3, 52, 3)]
        .map(|(version, at, curve)| {
            let mut bytes = [0x5B; block::LEN];
            bytes[..4].copy_from_slice(&[block::MAGIC, version, 0, 0]);
            if at != 0 {
                bytes[at] = curve;
            } else {
                bytes[420..424].copy_from_slice(&65537_u32.to_le_bytes());
                bytes[419] = 0xC1;
            }
            block::put_crc(&mut bytes);
            bytes.to_vec()
        })
        .to_vec()
}

/// otadata as a life under the hardened policy leaves it: fresh, downloading, chosen, on trial,
/// confirmed, rolled back.
pub(crate) fn record_logs() -> Vec<Vec<u8>> {
    let mut flash = vec![0xFF; FLASH_SIZE as usize];
    let mut put = |at: u32, what: &[u8]| {
        flash[at as usize..at as usize + what.len()].copy_from_slice(what);
    };
    put(DEFAULT_TABLE_OFFSET, &table());
    put(0x1_0000, &image(300));
    let mut flash = Piece::new(0, &mut flash);
    let mut logs = Vec::new();
    let raw = table();
    let view = PartitionTable::for_application(&raw, true).unwrap();
    let slot = |slot| view.slot(slot).unwrap();
    let mut buffer = [0; 300];
    for (running, to, len) in [
        (Slot::Factory, Slot::Ota(0), 400),
        (Slot::Ota(0), Slot::Ota(1), 500),
        (Slot::Ota(1), Slot::Ota(0), 600),
    ] {
        let mut keep = |flash: &Piece<'_>| {
            let at = OTADATA as usize;
            logs.push(flash.bytes[at..at + 0x2000].to_vec());
        };
        let config = AppConfig {
            rollback: true,
            ..AppConfig::new(TARGET, FLASH_SIZE)
        };
        macro_rules! app {
            ($running:expr) => {
                hardened::Ota::<_, _, _>::new(
                    &mut flash,
                    UnsignedVerifier::new(TARGET, &mut buffer).unwrap(),
                    NoSecureVersion,
                    view,
                    slot($running),
                    config,
                    Log::DEFAULT,
                )
            };
        }
        let mut ota = app!(running);
        let handle = ota.begin(&slot(to), ImageSize::Sequential).unwrap();
        keep(ota.flash());
        ota.write(handle, &image(len)).unwrap();
        ota.end(handle).unwrap();
        ota.set_boot_partition(&slot(to)).unwrap();
        keep(ota.flash());
        // The last one never confirms itself: it is started once, and then given up.
        for _ in 0..=u8::from(len == 600) {
            hardened::boot(
                &mut flash,
                &mut UnsignedVerifier::new(TARGET, &mut buffer).unwrap(),
                &mut NoSecureVersion,
                &BootConfig::new(FLASH_SIZE),
                Log::DEFAULT,
                &BootInputs::default(),
                &mut [0; TABLE_LEN],
            )
            .unwrap();
            keep(&flash);
        }
        if len != 600 {
            let mut ota = app!(to);
            ota.mark_app_valid_cancel_rollback().unwrap();
            keep(ota.flash());
        }
    }
    logs
}
