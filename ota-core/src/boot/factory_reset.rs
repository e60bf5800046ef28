//! The factory-reset pin: which data partitions it wipes.
//!
//! Source: ESP-IDF `bootloader_common.c` (`bootloader_common_erase_part_type_data`,
//! `bootloader_common_label_search`).

use embedded_storage::nor_flash::NorFlash;

use crate::flash::SECTOR;
use crate::partition::{Partition, PartitionTable, SubType, Type};

/// What a factory reset erases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FactoryReset {
    /// Labels of data partitions, separated by commas or spaces
    /// (`CONFIG_BOOTLOADER_DATA_FACTORY_RESET`, `"nvs"` by default).
    pub data_labels: &'static str,
    /// Erase otadata too, so that the factory image boots (`CONFIG_BOOTLOADER_OTA_DATA_ERASE`).
    pub erase_otadata: bool,
}

/// How a factory reset went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wipe {
    /// Everything that it names is erased.
    Done,
    /// At least one partition is not: the flash failed, or the partition is not made of whole
    /// sectors. The boot goes on regardless, as in the reference.
    Incomplete,
}

/// Erases what `what` names, in table order, each partition in one range; goes on after a failure.
///
/// At most 95 erases. A power cut leaves the partitions before it erased, the one it hits in any
/// state, and those after it as they were.
pub(crate) fn wipe<F: NorFlash>(
    flash: &mut F,
    table: PartitionTable<'_>,
    what: &FactoryReset,
) -> Wipe {
    wipe_rows(flash, table, |row| what.names(row))
}

/// The same, but otadata is left alone, and whether it is to be erased is said.
pub(crate) fn wipe_data<F: NorFlash>(
    flash: &mut F,
    table: PartitionTable<'_>,
    what: &FactoryReset,
) -> (Wipe, bool) {
    let is_otadata = |row: &Partition| row.subtype == SubType::OTA;
    let wipe = wipe_rows(flash, table, |row| what.names(row) && !is_otadata(row));
    let mut data = table.iter().filter(|row| row.kind == Type::DATA);
    (wipe, data.any(|row| what.names(&row) && is_otadata(&row)))
}

impl FactoryReset {
    /// Whether it erases this data partition.
    fn names(&self, row: &Partition) -> bool {
        (self.erase_otadata && row.subtype == SubType::OTA)
            || lists(self.data_labels.as_bytes(), row.label.as_bytes())
    }
}

fn wipe_rows<F: NorFlash>(
    flash: &mut F,
    table: PartitionTable<'_>,
    is_to_go: impl Fn(&Partition) -> bool,
) -> Wipe {
    let mut result = Wipe::Done;
    let data = table.iter().filter(|row| row.kind == Type::DATA);
    for row in data.filter(is_to_go) {
        let whole_sectors = row.offset % SECTOR == 0 && row.size % SECTOR == 0;
        let end = row.offset.checked_add(row.size);
        let erased = match end {
            Some(end) if whole_sectors => flash.erase(row.offset, end).is_ok(),
            _ => false,
        };
        if !erased {
            result = Wipe::Incomplete;
        }
    }
    result
}

/// Whether `list` has `label` between separators (`,` or space) or its ends.
///
/// No list has an empty label. (The reference's search never ends on one.)
fn lists(list: &[u8], label: &[u8]) -> bool {
    let separator = |byte: Option<&u8>| byte.is_none_or(|&b| b == b',' || b == b' ');
    !label.is_empty()
        && (0..=list.len()).any(|at| {
            let before = at.checked_sub(1).and_then(|before| list.get(before));
            let rest = list.get(at..).unwrap_or(&[]);
            separator(before) && rest.starts_with(label) && separator(rest.get(label.len()))
        })
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn a_label_counts_only_as_a_whole_word_of_the_list() {
        for (list, label, found) in [
            ("nvs", "nvs", true),
            ("nvs, phy_init", "phy_init", true),
            ("nvs phy_init", "nvs", true),
            ("nvs_keys", "nvs", false),
            ("my_nvs", "nvs", false),
            ("nvsx,nvs", "nvs", true),
            ("", "nvs", false),
            ("nvs,data", "", false),
            ("nvs, data", "", false),
            ("", "", false),
        ] {
            assert_eq!(
                lists(list.as_bytes(), label.as_bytes()),
                found,
                "{list:?} {label:?}"
            );
        }
    }
}
