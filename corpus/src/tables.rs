//! The partition tables: CSV files with the verdict of ESP-IDF's `gen_esp32part.py` 1.5.

/// One partition table in CSV and what the tool says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Name without extension: `v…` is accepted, `i…` is refused.
    pub name: &'static str,
    /// The CSV, as a person wrote it.
    pub csv: &'static str,
    /// The tool's command-line options, separated by spaces; empty for none.
    pub options: &'static str,
    /// What the tool made of it.
    pub verdict: Verdict,
}

/// The tool's answer to a CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exit status 0.
    Accepted {
        /// The binary table, 0xC00 bytes.
        binary: &'static [u8],
        /// What the tool prints when that binary table is turned back into CSV.
        back: &'static str,
    },
    /// Exit status 2.
    Refused {
        /// Everything the tool prints with `--quiet`, without the final newline.
        message: &'static str,
    },
}

impl Table {
    /// The binary table, if the tool accepts the CSV.
    pub const fn binary(&self) -> Option<&'static [u8]> {
        match self.verdict {
            Verdict::Accepted { binary, .. } => Some(binary),
            Verdict::Refused { .. } => None,
        }
    }
}

/// The bundled table of this name (without extension), for instance `v02_two_ota`.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

macro_rules! accepted {
    ($name:literal, $options:literal) => {
        Table {
            name: $name,
            csv: include_str!(concat!("../tables/", $name, ".csv")),
            options: $options,
            verdict: Verdict::Accepted {
                binary: include_bytes!(concat!("../tables/", $name, ".bin")),
                back: include_str!(concat!("../tables/", $name, ".back.csv")),
            },
        }
    };
}

macro_rules! refused {
    ($name:literal, $options:literal, $message:literal) => {
        Table {
            name: $name,
            csv: include_str!(concat!("../tables/", $name, ".csv")),
            options: $options,
            verdict: Verdict::Refused { message: $message },
        }
    };
}

/// Every bundled table, the accepted ones first.
pub static TABLES: &[Table] = &[
    accepted!("v01_single_factory", ""),
    accepted!("v02_two_ota", ""),
    accepted!("v03_two_ota_nofactory_auto", "--flash-size 4MB"),
    accepted!("v04_sixteen_ota", ""),
    accepted!("v05_flags", ""),
    accepted!("v06_custom_types", ""),
    accepted!("v07_neg_size", ""),
    accepted!("v08_full_label16", ""),
    accepted!("v09_no_md5", "--disable-md5sum"),
    accepted!(
        "v10_bootloader_types",
        "--primary-bootloader-offset 0x2000 --recovery-bootloader-offset 0x3f0000"
    ),
    accepted!("v11_offset_0x10000", "--offset 0x10000"),
    accepted!("v12_max_entries_94_md5", ""),
    accepted!("v12b_95_noMD5", "--disable-md5sum"),
    accepted!("v13_tee", ""),
    accepted!("v14_out_of_order_slots", ""),
    accepted!("v15_gap_slots", ""),
    accepted!("v16_label17_truncated", ""),
    accepted!("v17_secure_v1", "--secure v1"),
    refused!(
        "i01_overlap",
        "",
        "CSV Error at line 3: Partitions overlap. Partition sets offset 0x100000. Previous partition ends 0x110000"
    ),
    refused!(
        "i02_app_misaligned",
        "",
        "Partition f invalid: Offset 0x11000 is not aligned to 0x10000"
    ),
    refused!(
        "i03_data_misaligned",
        "",
        "Partition d invalid: Offset 0x9100 is not aligned to 0x1000"
    ),
    refused!(
        "i04_dup_name",
        "",
        "A list of partitions that have the same name:\nx,data,nvs,0x9000,12K,\nx,app,factory,0x10000,64K,\nPartition names must be unique"
    ),
    refused!(
        "i05_two_otadata",
        "",
        "o1,data,ota,0x9000,8K,\no2,data,ota,0xb000,8K,\nFound multiple otadata partitions. Only one partition can be defined with type=\"data\"(1) and subtype=\"ota\"(0)."
    ),
    refused!(
        "i06_otadata_size",
        "",
        "o1,data,ota,0x9000,4K,\notadata partition must have size = 0x2000"
    ),
    refused!(
        "i07_below_table",
        "",
        "CSV Error at line 1: Partitions overlap. Partition sets offset 0x7000. But partition table occupies the whole sector 0x8000. Use a free offset 0x9000 or higher."
    ),
    refused!(
        "i08_app_no_subtype",
        "",
        "Error at line 1: App partition cannot have an empty subtype\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i09_unknown_flag",
        "",
        "Error at line 1: CSV flag column contains unknown flag 'foo'\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i10_no_size",
        "",
        "Error at line 1: Size field can't be empty\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i11_too_big_for_flash",
        "--flash-size 4MB",
        "Partitions tables occupies 5.1MB of flash (5308416 bytes) which does not fit in configured flash size 4MB. Change the flash size in menuconfig under the 'Serial Flasher Config' menu."
    ),
    refused!(
        "i12_app_size_unaligned",
        "",
        "Partition f invalid: Size 0x10100 is not aligned to 0x1000"
    ),
    refused!(
        "i13_otadata_readonly",
        "",
        "Partition o invalid: 'o' partition of type 1 and subtype 0 is always read-write and cannot be read-only"
    ),
    refused!(
        "i14_nvs_small_rw",
        "",
        "Partition n invalid: 'n' partition of type 1 and subtype 2 of this size (0x2000) must be flagged as 'readonly' (the size of read/write NVS has to be at least 0x3000)"
    ),
    refused!(
        "i15_96_entries",
        "",
        "Binary partition table length (3104) longer than max"
    ),
    refused!(
        "i16_unknown_type",
        "",
        "Error at line 1: Value 'foo' is not valid. Known keywords: bootloader, partition_table, app, data\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i17_unknown_subtype",
        "",
        "Error at line 1: Value 'bar' is not valid. Known keywords: ota, phy, nvs, coredump, nvs_keys, efuse, undefined, esphttpd, fat, spiffs, littlefs, tee_ota\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i18_no_type",
        "",
        "Error at line 1: Field 'type' can't be left empty.\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i19_bl_no_offset",
        "",
        "Error at line 1: Primary bootloader offset is not defined. Please use --primary-bootloader-offset\nPlease check extra_partition_subtypes.inc file in build/config directory"
    ),
    refused!(
        "i20_secure_v1_size",
        "--secure v1",
        "Partition f invalid: Size 0x11000 is not aligned to 0x10000"
    ),
    refused!(
        "i21_96_noMD5",
        "--disable-md5sum",
        "Binary partition table length (3072) longer than max"
    ),
    refused!(
        "i22_95_entries_md5",
        "",
        "Binary partition table length (3072) longer than max"
    ),
];
