//! One line of advice: what to do next, as a command where it is one.

use ota_core::Chip;

use super::dump_flash::Known;
use super::{Absent, BootloaderState, Inspection};

/// What helps most; `None` if there is nothing to do. `file` is the dump's name, as a shell takes it.
pub(super) fn advice(dump: &Inspection, known: Known<'_>, file: &str) -> Option<String> {
    let encrypted = dump.bootloader.state == BootloaderState::Absent(Absent::Encrypted)
        || dump.table.found == Some(Absent::Encrypted)
        || cannot_tell(dump, "encrypted");
    if encrypted {
        return Some(
            "espefuse summary    # says whether flash encryption is on; otadata of such a device only its own \
             application can read, esp_ota_get_boot_partition()"
                .into(),
        );
    }
    let bootloader = match (&dump.bootloader.state, dump.bootloader.offset) {
        (BootloaderState::UnknownChip(_), _) => {
            return Some(format!(
                "brownout inspect --chip NAME {file}    # if the chip is one that is known by another id"
            ));
        }
        (_, Some(at)) => format!("{at:#x}"),
        // 0x0, 0x1000 or 0x2000: whoever has the chip can say.
        (_, None) => "OFFSET".to_owned(),
    };
    let is_missing = match &dump.bootloader.state {
        BootloaderState::Absent(absent) => *absent != Absent::Outside,
        BootloaderState::Damaged(_) | BootloaderState::Elsewhere { .. } => true,
        _ => false,
    };
    if is_missing {
        return Some(format!("esptool write-flash {bootloader} bootloader.bin"));
    }
    table(dump, &bootloader).or_else(|| what_boots(dump, known, file))
}

fn cannot_tell(dump: &Inspection, word: &str) -> bool {
    { dump.boots.iter() }
        .filter_map(|boot| boot.cannot_tell.as_ref())
        .any(|why| why.contains(word))
}

fn table(dump: &Inspection, bootloader: &str) -> Option<String> {
    /// The largest flash there is, in MiB.
    const LARGEST: u64 = 128;

    let offset = dump.table.offset;
    match dump.table.found {
        Some(Absent::Outside) => return Some(read_again(dump)),
        Some(_) => {
            return Some(format!(
                "esptool write-flash {offset:#x} partition-table.bin"
            ));
        }
        None => {}
    }
    dump.table.bootloader_refuses.as_ref()?;
    let needed = { dump.table.partitions.iter() }
        .map(|row| u64::from(row.offset) + u64::from(row.size))
        .max()
        .unwrap_or(0);
    let mib = needed.next_power_of_two() >> 20;
    if needed > u64::from(dump.flash_size) && mib <= LARGEST {
        return Some(format!(
            "esptool write-flash --flash-size {mib}MB {bootloader} bootloader.bin    # if the chip has {mib} MB"
        ));
    }
    if cannot_tell(dump, "file ends") {
        return Some(read_again(dump));
    }
    Some(format!(
        "esptool write-flash {offset:#x} partition-table.bin"
    ))
}

fn read_again(dump: &Inspection) -> String {
    let chip = dump
        .chip
        .map_or_else(String::new, |chip| format!("--chip {chip} "));
    format!("esptool {chip}read-flash 0 ALL dump.bin && brownout inspect dump.bin")
}

fn what_boots(dump: &Inspection, known: Known<'_>, file: &str) -> Option<String> {
    if dump.boots.iter().any(|boot| boot.cannot_tell.is_some()) {
        return Some(read_again(dump));
    }
    let otadata = dump.otadata.as_ref()?;
    let erase = format!(
        "esptool erase-region {:#x} {:#x}",
        otadata.offset, otadata.size
    );
    if dump.boots.iter().all(|boot| boot.boots.is_none()) {
        let slot = dump.slots.first()?;
        return Some(format!("esptool write-flash {:#x} app.bin", slot.offset));
    }
    let damaged = dump.boots.iter().any(|boot| !boot.runs_by_choice);
    if damaged {
        return Some(format!(
            "{erase}    # blank otadata is written anew by the first boot or update"
        ));
    }
    // A device that is well: what a cut could do to it is the next question.
    let whole = known.covers(0, dump.flash_size.min(16 << 20));
    let updatable = otadata.app_slots >= 2 && dump.chip.and_then(Chip::by_name).is_some();
    (whole && updatable && dump.code() == 0).then(|| {
        format!(
            "brownout sweep --dump {file} --do update --update NEW.bin    # what a cut in an update would do"
        )
    })
}
