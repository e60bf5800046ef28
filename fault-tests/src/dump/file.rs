//! What a dump's bytes say: that they hold a device that can be swept, how large, and which.

use std::path::Path;
use std::sync::Arc;

use ota_core::boot::BootConfig;
use ota_core::image::Target;
use ota_core::partition::{PartitionTable, TABLE_LEN};
use ota_core::{Chip as Kind, Partition};
use xxhash_rust::xxh3::Xxh3;

use super::call::Call;
use super::device::DumpDevice;
use super::promise::Twin;
use super::setup::{DumpError, DumpOptions};
use crate::chip::Accepted;
use crate::input::{self, InputError, MAX_FLASH, Place, Problem};
use crate::inspect::{self, InspectOptions, Inspection};
use crate::ota::image_header;

/// Refuses a file that holds no device that could be swept.
pub(super) fn check(
    path: &Path,
    dump: &[u8],
    options: &DumpOptions,
    inspection: &Inspection,
) -> Result<(), DumpError> {
    let length = dump.len() as u64;
    let whole = |problem| Err(InputError::new(path, Place::Whole, problem).into());
    if length > u64::from(MAX_FLASH) {
        return whole(Problem::DumpTooLong { length });
    }
    if let Some(size) = options.flash_size.filter(|size| length > u64::from(*size)) {
        return whole(Problem::LargerThanFlash { length, size });
    }
    if options.call == Call::Update && options.update.is_none() {
        return Err(DumpError::NoUpdate);
    }
    let table = options.table_offset;
    let needed = u64::from(table) + TABLE_LEN as u64;
    if length < needed {
        let problem = Problem::DumpTooShort { needed, table };
        return Err(InputError::new(path, Place::Offset(length), problem).into());
    }
    let start = &dump[table as usize..][..2];
    if start != [0xAA, 0x50] {
        let found = match start {
            [0xFF, 0xFF] => "erased flash".into(),
            [first, second] => format!("{first:02x} {second:02x}"),
            _ => String::new(),
        };
        let elsewhere = inspect::dump(dump, &InspectOptions::default());
        let elsewhere = if elsewhere.table.partitions.is_empty() {
            String::new()
        } else {
            format!("; there is one at {:#x}", elsewhere.table.offset)
        };
        let problem = Problem::NoTable { found, elsewhere };
        return Err(InputError::new(path, Place::Offset(table.into()), problem).into());
    }
    let bytes = &dump[table as usize..][..TABLE_LEN];
    let size = flash_size(dump, options, inspection);
    PartitionTable::for_bootloader(bytes, size)
        .map(drop)
        .map_err(|error| InputError::new(path, input::place_of(&error, table), error).into())
}

/// The size of the flash: what the user says; or else large enough for the dump, for what its
/// bootloader says, and for its partitions.
pub(super) fn flash_size(dump: &[u8], options: &DumpOptions, inspection: &Inspection) -> u32 {
    let dumped = u32::try_from(dump.len()).unwrap_or(MAX_FLASH);
    options.flash_size.unwrap_or_else(|| {
        dumped
            .next_power_of_two()
            .max(inspection.flash_size)
            .min(MAX_FLASH)
    })
}

/// The device, as far as the dump's table and headers tell.
pub(super) fn device(
    path: &Path,
    table: &[u8],
    options: &DumpOptions,
    inspection: &Inspection,
    size: u32,
) -> Result<DumpDevice, InputError> {
    let md5 = PartitionTable::for_application(table, true).is_ok();
    let view = PartitionTable::for_application(table, md5).map_err(|error| {
        let place = input::place_of(&error, options.table_offset);
        InputError::new(path, place, Problem::NoApplicationTable(error))
    })?;
    let partitions: Vec<Partition> = view.iter().collect();
    let Some(running) = partitions.iter().find(|p| p.slot().is_some()).copied() else {
        let problem = Problem::NothingBoots("the table has no factory, ota or test slot".into());
        let place = Place::Offset(options.table_offset.into());
        return Err(InputError::new(path, place, problem));
    };
    let chip = inspection.chip.and_then(Kind::by_name);
    Ok(DumpDevice {
        call: options.call,
        running,
        slot: None,
        update: Arc::new([]),
        images: Vec::new(),
        accepted: Accepted {
            contents: Vec::new(),
            header: Some(image_header::HEADER),
        },
        records: Vec::new(),
        labels: Vec::new(),
        twin: Twin::default(),
        boot: BootConfig {
            table_offset: options.table_offset,
            rollback: options.rollback,
            ..BootConfig::new(size)
        },
        md5,
        target: Target::new(chip.unwrap_or(&ota_core::chip::ESP32C3)),
        partitions,
    })
}

/// A hash of the dump, the update and how they are taken.
pub(super) fn hash(dump: &[u8], options: &DumpOptions, size: u32) -> u32 {
    let mut hasher = Xxh3::new();
    let update = options.update.as_ref().map_or(&[][..], |u| &u.bytes);
    for part in [dump, update] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let chip = options.chip.map_or(u32::MAX, |chip| chip.id.into());
    for number in [size, options.table_offset, chip, options.rollback.into()] {
        hasher.update(&number.to_le_bytes());
    }
    #[allow(clippy::cast_possible_truncation)] // a fingerprint: 32 of its bits are enough
    let hash = hasher.digest() as u32;
    hash
}
