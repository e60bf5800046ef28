//! What else is to be said of a dump: faults, traps, and what lies where nothing looks for it.

use ota_core::image::header;
use ota_core::otadata::{self, Entry, OtaState};
use ota_core::partition::{SubType, Type};
use ota_core::{Chip, PartitionTable, Slot};

use super::dump_flash::Known;
use super::layout::{Absent, header_at, scan};
use super::noise::looks_encrypted;
use super::slot::{desc_at, version};
use super::{Inspection, OtadataView};
use crate::partition_csv::size_text;

/// What 24 bits of address reach.
const SIXTEEN_MIB: u64 = 16 << 20;

/// Everything, the most harmful first.
pub(super) fn remarks(
    dump: &Inspection,
    table: Option<PartitionTable<'_>>,
    known: Known<'_>,
) -> Vec<String> {
    let mut remarks = Vec::new();
    encrypted(dump, known, &mut remarks);
    the_table(dump, &mut remarks);
    if let Some(table) = table {
        slots_of(table, &mut remarks);
        if let Some(otadata) = &dump.otadata {
            entries_of(dump, otadata, table, known, &mut remarks);
        }
        images_of(dump, &mut remarks);
    }
    strays(dump, table, known, &mut remarks);
    remarks
}

/// Which parts look encrypted.
fn encrypted(dump: &Inspection, known: Known<'_>, remarks: &mut Vec<String>) {
    let mut parts = Vec::new();
    if dump.bootloader.state == super::BootloaderState::Absent(Absent::Encrypted) {
        parts.push("the bootloader".to_owned());
    }
    if dump.table.found == Some(Absent::Encrypted) {
        parts.push(format!(
            "what is at {:#x}, where the partition table is expected,",
            dump.table.offset
        ));
    }
    for row in &dump.table.partitions {
        let bytes = known.part(row.offset, (row.size as usize).min(16 << 10));
        if looks_encrypted(bytes) && header_at(known, row.offset).is_none() && row.kind != "data"
            || row.subtype == "ota" && Absent::at(known, row.offset) == Absent::Encrypted
        {
            parts.push(row.name.clone());
        }
    }
    if parts.is_empty() {
        return;
    }
    let sectors = known.sectors().count();
    let noise = known
        .sectors()
        .filter(|at| looks_encrypted(known.part(*at, 4096)));
    remarks.push(format!(
        "{} look{} encrypted ({} of {sectors} sectors of the file do): if flash encryption is on, what was read is \
         ciphertext",
        parts.join(", "),
        if parts.len() == 1 { "s" } else { "" },
        noise.count(),
    ));
}

/// What is wrong with the table as a whole.
fn the_table(dump: &Inspection, remarks: &mut Vec<String>) {
    let table = &dump.table;
    if table.partitions.is_empty() {
        return;
    }
    let past = { table.partitions.iter() }
        .filter(|row| u64::from(row.offset) + u64::from(row.size) > u64::from(dump.flash_size))
        .map(|row| row.name.as_str());
    let past: Vec<_> = past.collect();
    if let Some(size) = dump.bootloader.flash_size
        && !past.is_empty()
    {
        remarks.push(format!(
            "the bootloader's header says that the flash has {}, and {} end{} past that: it refuses the whole table, \
             whatever the chip really has",
            size_text(size),
            past.join(", "),
            if past.len() == 1 { "s" } else { "" },
        ));
    }
    if table.bootloader_refuses.is_none() && table.application_refuses.is_some() {
        remarks.push(
            "an application sees no partition at all, unless it was built without CONFIG_PARTITION_TABLE_MD5; the \
             bootloader does not mind"
                .into(),
        );
    }
    let far = { table.partitions.iter() }
        .filter(|row| u64::from(row.offset) + u64::from(row.size) > SIXTEEN_MIB)
        .map(|row| row.name.as_str());
    let far: Vec<_> = far.collect();
    if !far.is_empty() {
        remarks.push(format!(
            "{} reach{} past 16 MiB: bootloader and application must be built for flash with 32-bit addresses, others \
             read the wrong bytes there",
            far.join(", "),
            if far.len() == 1 { "es" } else { "" },
        ));
    }
}

/// What the table's slots come to.
fn slots_of(table: PartitionTable<'_>, remarks: &mut Vec<String>) {
    let mut numbers: Vec<u8> = { table.iter() }
        .filter_map(|row| match row.slot()? {
            Slot::Ota(n) => Some(n),
            _ => None,
        })
        .collect();
    let count = table.boot_ota_count();
    let factory = table.slot(Slot::Factory).is_some();
    if !table.iter().any(|row| row.slot().is_some()) {
        remarks.push(
            "the table has no factory, ota or test partition: there is nothing to boot".into(),
        );
        return;
    }
    match table.otadata() {
        None if count > 0 => remarks.push(
            "there is no otadata (type data, subtype ota): an update can never take effect, as \
             esp_ota_set_boot_partition returns ESP_ERR_NOT_FOUND"
                .into(),
        ),
        Some(_) if count == 0 => {
            remarks.push(
                "otadata is not used: the table has no OTA slot, so there are no updates".into(),
            );
        }
        Some(row) if row.size < otadata::MIN_SIZE => remarks.push(format!(
            "otadata has {} in place of 8K: the bootloader finds it too small and resets for ever",
            size_text(row.size)
        )),
        _ => {}
    }
    numbers.sort_unstable();
    for pair in numbers.windows(2).filter(|pair| pair[0] == pair[1]) {
        remarks.push(format!(
            "two rows are ota_{}: the bootloader takes the last of them, an application the first, and they count {count} \
             and {} slots: updates do not alternate",
            pair[0],
            table.ota_count(),
        ));
    }
    let unreachable: Vec<String> = { numbers.iter() }
        .filter(|n| u32::from(**n) >= count)
        .map(|n| format!("ota_{n}"))
        .collect();
    if !unreachable.is_empty() {
        remarks.push(format!(
            "{} can never boot: the bootloader counts {count} slots and numbers them from ota_0 without gaps, and \
             esp_ota_set_boot_partition returns ESP_ERR_INVALID_ARG for it",
            unreachable.join(", ")
        ));
    }
    if count == 1 && table.otadata().is_some() {
        let only = numbers[0];
        remarks.push(if factory {
            format!(
                "there is one OTA slot: an application in ota_{only} has no other to update to, the one in factory \
                 updates it (set_boot_partition(factory), reset, update)"
            )
        } else {
            format!("there is one OTA slot, and no factory: an application has no slot to update to but its own, ota_{only}")
        });
    }
    let tee = |row: &ota_core::Partition| {
        row.kind == Type::APP && matches!(row.subtype.0, 0x30 | 0x31)
            || row.kind == Type::DATA && row.subtype == SubType::TEE_OTA
    };
    if table.iter().any(|row| tee(&row)) {
        remarks
            .push("ESP-TEE has its own slots and its own otadata; they are not judged here".into());
    }
}

/// What the otadata entries tell of the device's life.
fn entries_of(
    dump: &Inspection,
    view: &OtadataView,
    table: PartitionTable<'_>,
    known: Known<'_>,
    remarks: &mut Vec<String>,
) {
    let entry = |at: u32| {
        let record = known.whole(at, otadata::ENTRY_LEN)?.first_chunk()?;
        Some(Entry::parse(record))
    };
    let second = view.offset.saturating_add(ota_core::flash::SECTOR);
    let (Some(first), Some(second)) = (entry(view.offset), entry(second)) else {
        return;
    };
    if view.entries.is_empty() {
        return;
    }
    let entries = [first, second];
    for (index, entry) in entries.iter().enumerate() {
        let other = &entries[1 - index];
        if entry.is_valid() && entry.seq >= u32::MAX - 64 {
            remarks.push(format!(
                "entry {index} has seq {}: after the next few updates the numbers run out at 4294967295, which means \
                 erased, and updates stop taking effect",
                entry.seq
            ));
        }
        let follows = other.is_valid() && entry.seq < other.seq;
        if entry.is_valid() && entry.state == OtaState::NEW && follows {
            remarks.push(format!(
                "entry {index} is NEW although entry {} followed it: unless both were made without a reset between them, \
                 its image has run, and the bootloader on this device is built without rollback: it undoes no update",
                1 - index
            ));
        }
    }
    if let Some(active) = view.active
        && entries[active].state == OtaState::PENDING_VERIFY
    {
        remarks.push(format!(
            "entry {active} is PENDING_VERIFY: its image was started and has not confirmed itself; with rollback any reset \
             before esp_ota_mark_app_valid_cancel_rollback() gives it up for good"
        ));
    }
    let damaged = entries.iter().all(Entry::is_blankish) && !entries.iter().all(Entry::is_invalid);
    if damaged && table.slot(Slot::Factory).is_none() && table.boot_ota_count() > 0 {
        remarks.push(
            "otadata is damaged and there is no factory: every slot is tried from ota_0 on, at each boot, and otadata is \
             never repaired by it"
                .into(),
        );
    }
    // An image in factory that nothing starts.
    let factory = { dump.slots.iter() }.find(|slot| slot.slot == "factory" && slot.image.is_ok());
    let runs = dump
        .boots
        .iter()
        .all(|boot| boot.boots.as_deref().is_some_and(|b| b != "factory"));
    if let (Some(factory), Some(active), true) = (factory, view.active, runs) {
        let version = factory
            .version
            .as_deref()
            .unwrap_or("an image without a version");
        remarks.push(format!(
            "{version} in factory does not run, as otadata entry {active} selects a slot; flashing factory again changes \
             nothing, erasing otadata does (esptool erase-region {:#x} {:#x})",
            view.offset, view.size
        ));
    }
}

/// What images lack.
fn images_of(dump: &Inspection, remarks: &mut Vec<String>) {
    let ok = |slot: &&super::SlotView| slot.image.is_ok();
    let signed = |slot: &&super::SlotView| {
        slot.image
            .as_ref()
            .is_ok_and(|image| image.signature.is_some())
    };
    if dump.slots.iter().any(|slot| signed(&slot)) {
        for slot in dump.slots.iter().filter(ok).filter(|slot| !signed(slot)) {
            remarks.push(format!(
                "{} carries no signature and others do: a device with secure boot refuses it (--secure-boot); whether it \
                 is on is in eFuse",
                slot.slot
            ));
        }
    }
    let versions: Vec<u32> = { dump.slots.iter() }
        .filter_map(|slot| slot.image.as_ref().ok()?.secure_version)
        .collect();
    if versions.iter().any(|version| *version != versions[0]) {
        remarks.push(
            "the images have different secure versions: on a device with anti-rollback those below the eFuses' are \
             ignored (--efuse-version N)"
                .into(),
        );
    }
    for slot in { dump.slots.iter() }.filter(|slot| slot.image.is_ok() && slot.version.is_none()) {
        remarks.push(format!(
            "the image in {} has no application descriptor: it has no version, and a device with anti-rollback refuses it",
            slot.slot
        ));
    }
}

/// otadata where another tool, or another table, has it.
fn stray_entries(
    dump: &Inspection,
    known: Known<'_>,
    within: &dyn Fn(u32) -> String,
    remarks: &mut Vec<String>,
) {
    let ours = dump.otadata.as_ref().map(|view| view.offset);
    for at in known.sectors() {
        let record = known.whole(at, otadata::ENTRY_LEN);
        let Some(entry) = record.and_then(|record| Some(Entry::parse(record.first_chunk()?)))
        else {
            continue;
        };
        let in_ours = ours.is_some_and(|ours| at == ours || at == ours.saturating_add(4096));
        // seq 0 has a CRC of ones, as erased flash has.
        if in_ours || !entry.is_valid() || entry.seq == 0 {
            continue;
        }
        remarks.push(format!(
            "an otadata entry, seq {}, lies at {at:#x}, {}: no bootloader looks for it there, whoever wrote it had another \
             table in mind",
            entry.seq,
            within(at)
        ));
    }
}

/// Tables and images where nothing looks for them.
fn strays(
    dump: &Inspection,
    table: Option<PartitionTable<'_>>,
    known: Known<'_>,
    remarks: &mut Vec<String>,
) {
    /// More are counted and not named.
    const NAMED: usize = 4;

    let within = |at: u32| {
        let row = { dump.table.partitions.iter() }.find(|row| {
            row.offset <= at && u64::from(at) < u64::from(row.offset) + u64::from(row.size)
        });
        row.map_or_else(
            || "outside every partition".into(),
            |row| format!("inside {}", row.name),
        )
    };
    let mut tables = vec![dump.table.offset];
    while let Some(at) = scan(known, &tables) {
        // A table that an update of the table has staged is in its partition.
        if tables.len() <= NAMED {
            remarks.push(format!(
                "another partition table lies at {at:#x}, {}; the bootloader is built for one address, --table-offset \
                 {at:#x} looks at this one",
                within(at)
            ));
        }
        tables.push(at);
    }
    stray_entries(dump, known, &within, remarks);
    let starts: Vec<u32> = { table.into_iter() }
        .flat_map(|table| table.iter())
        .filter(|row| row.slot().is_some())
        .map(|row| row.offset)
        .collect();
    let stray = |at: &u32| {
        known.part(*at, 1) == [header::MAGIC]
            && !starts.contains(at)
            && header_at(known, *at).is_some_and(|header| Chip::by_id(header.chip_id).is_some())
            && dump.bootloader.offset != Some(*at)
    };
    let found: Vec<u32> = known.sectors().filter(stray).collect();
    let named = { found.iter() }.filter_map(|at| Some((*at, desc_at(known, *at)?)));
    for (at, desc) in named.clone().take(NAMED) {
        remarks.push(format!(
            "an app image, {}, lies at {at:#x}, {}, where no slot begins: nothing boots it there",
            version(&desc),
            within(at)
        ));
    }
    let more = named.count().saturating_sub(NAMED);
    if more > 0 {
        remarks.push(format!("{more} more app images lie where no slot begins"));
    }
}
