//! The chips, as data.
//!
//! What differs between chips and matters to an update: the id that images carry, where the ROM
//! looks for the bootloader, which load addresses are mapped from flash rather than copied to
//! RAM (their segments must be placed so that the MMU can map them), how many versions the
//! eFuse can count for anti-rollback, and how many signature blocks of an image count.
//!
//! Sources, all in ESP-IDF: ids from `esp_app_format.h`; bootloader offsets from the
//! bootloader's `Kconfig.projbuild` (`BOOTLOADER_OFFSET_IN_FLASH`); windows from each chip's
//! `soc/soc.h` (`SOC_DROM_*`, `SOC_IROM_*`, and `SOC_EXTRAM_*` where `SOC_MMU_PER_EXT_MEM_TARGET`
//! is set); page sizes from `soc/ext_mem_defs.h` and `SOC_MMU_PAGE_SIZE_CONFIGURABLE` in
//! `soc/soc_caps.h`; version bits from the Kconfig of
//! `BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD`; signature blocks from `SOC_EFUSE_SECURE_BOOT_KEY_DIGESTS`
//! in `soc/soc_caps.h` (`SECURE_BOOT_NUM_BLOCKS`).

use core::fmt;

/// The MMU page size unless the project says otherwise, in bytes. On most chips there is no other.
pub const MMU_PAGE: u32 = 0x1_0000;

/// What an over-the-air update has to know about a chip.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Chip {
    /// ESP-IDF's name of the target, `"esp32c3"`.
    pub name: &'static str,
    /// The chip id in an image's header.
    pub id: u16,
    /// Where the ROM expects the second-stage bootloader, as a flash address.
    pub bootloader_offset: u32,
    /// Load addresses that are mapped from flash.
    pub windows: &'static [Window],
    /// Whether the MMU page size can be configured. On such a chip the image says which one it
    /// is built for, in its application descriptor, which is then mandatory.
    pub mmu_page_configurable: bool,
    /// Whether images limit the eFuse block revision they run on. The ESP32 has none.
    pub has_efuse_block_revision: bool,
    /// Highest secure version the eFuse can count to.
    pub secure_version_bits: u32,
    /// How many signature blocks of an image its ROM and bootloader look at: as many as eFuse has places for the
    /// digest of a key.
    pub signature_blocks: u8,
}

impl Chip {
    /// The chip with this id in its images' headers.
    #[must_use]
    pub fn by_id(id: u16) -> Option<&'static Self> {
        CHIPS.iter().copied().find(|chip| chip.id == id)
    }

    /// The chip with this name, written as ESP-IDF writes it: `"esp32s3"`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        CHIPS.iter().copied().find(|chip| chip.name == name)
    }

    /// Whether a segment loaded to `addr` is mapped from flash, with MMU pages of `page` bytes.
    #[must_use]
    pub fn maps(&self, addr: u32, page: u32) -> bool {
        self.windows
            .iter()
            .any(|window| window.contains(addr, page))
    }
}

impl fmt::Display for Chip {
    /// The name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// A span of the CPU's address space that shows flash (or PSRAM) through the MMU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// First address.
    pub start: u32,
    /// How far it reaches.
    pub extent: Extent,
}

/// How far a [`Window`] reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extent {
    /// To a fixed address, itself excluded.
    To(u32),
    /// Over a number of MMU pages of the configured size.
    Pages(u32),
}

impl Window {
    const fn to(start: u32, end: u32) -> Self {
        Self {
            start,
            extent: Extent::To(end),
        }
    }

    const fn pages(start: u32, count: u32) -> Self {
        Self {
            start,
            extent: Extent::Pages(count),
        }
    }

    /// Whether `addr` lies inside, with MMU pages of `page` bytes.
    #[must_use]
    pub const fn contains(&self, addr: u32, page: u32) -> bool {
        let end = match self.extent {
            Extent::To(end) => end,
            Extent::Pages(count) => self.start.saturating_add(count.saturating_mul(page)),
        };
        self.start <= addr && addr < end
    }
}

/// The ESP32.
pub static ESP32: Chip = Chip {
    name: "esp32",
    id: 0,
    bootloader_offset: 0x1000,
    windows: &[
        Window::to(0x3F40_0000, 0x3F80_0000),
        Window::to(0x400D_0000, 0x4040_0000),
    ],
    mmu_page_configurable: false,
    has_efuse_block_revision: false,
    secure_version_bits: 32,
    signature_blocks: 1,
};

/// The ESP32-S2. Its data window takes in the data cache and the internal RAM's lower alias, as
/// ESP-IDF's does.
pub static ESP32S2: Chip = Chip {
    name: "esp32s2",
    id: 2,
    bootloader_offset: 0x1000,
    windows: &[
        Window::to(0x3F00_0000, 0x3FF8_0000),
        Window::to(0x4008_0000, 0x4080_0000),
    ],
    mmu_page_configurable: false,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-C3.
pub static ESP32C3: Chip = Chip {
    name: "esp32c3",
    id: 5,
    bootloader_offset: 0,
    windows: &[
        Window::to(0x3C00_0000, 0x3C80_0000),
        Window::to(0x4200_0000, 0x4280_0000),
    ],
    mmu_page_configurable: false,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-S3.
pub static ESP32S3: Chip = Chip {
    name: "esp32s3",
    id: 9,
    bootloader_offset: 0,
    windows: &[
        Window::to(0x3C00_0000, 0x3E00_0000),
        Window::to(0x4200_0000, 0x4400_0000),
    ],
    mmu_page_configurable: false,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-C2. Its windows do not shrink with the page size, as ESP-IDF's do not.
pub static ESP32C2: Chip = Chip {
    name: "esp32c2",
    id: 12,
    bootloader_offset: 0,
    windows: &[
        Window::to(0x3C00_0000, 0x3C40_0000),
        Window::to(0x4200_0000, 0x4240_0000),
    ],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 4,
    signature_blocks: 1,
};

/// The ESP32-C6. Code and data share one window.
pub static ESP32C6: Chip = Chip {
    name: "esp32c6",
    id: 13,
    bootloader_offset: 0,
    windows: &[Window::pages(0x4200_0000, 256)],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-H2. Code and data share one window.
pub static ESP32H2: Chip = Chip {
    name: "esp32h2",
    id: 16,
    bootloader_offset: 0,
    windows: &[Window::pages(0x4200_0000, 256)],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-P4. Code and data share one window; PSRAM has an MMU and a window of its own.
pub static ESP32P4: Chip = Chip {
    name: "esp32p4",
    id: 18,
    bootloader_offset: 0x2000,
    windows: &[
        Window::to(0x4000_0000, 0x4400_0000),
        Window::to(0x4800_0000, 0x4C00_0000),
    ],
    mmu_page_configurable: false,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-C61. Code and data share one window, for flash and PSRAM.
pub static ESP32C61: Chip = Chip {
    name: "esp32c61",
    id: 20,
    bootloader_offset: 0,
    windows: &[Window::pages(0x4200_0000, 512)],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-C5. Code and data share one window, for flash and PSRAM.
pub static ESP32C5: Chip = Chip {
    name: "esp32c5",
    id: 23,
    bootloader_offset: 0x2000,
    windows: &[Window::to(0x4200_0000, 0x4400_0000)],
    mmu_page_configurable: false,
    has_efuse_block_revision: true,
    secure_version_bits: 9,
    signature_blocks: 3,
};

/// The ESP32-H21. Code and data share one window.
pub static ESP32H21: Chip = Chip {
    name: "esp32h21",
    id: 25,
    bootloader_offset: 0,
    windows: &[Window::pages(0x4200_0000, 256)],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-H4. Code and data share one window, for flash and PSRAM.
pub static ESP32H4: Chip = Chip {
    name: "esp32h4",
    id: 28,
    bootloader_offset: 0x2000,
    windows: &[Window::pages(0x4200_0000, 512)],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// The ESP32-S31. Code and data share one window; PSRAM has an MMU and a window of its own.
pub static ESP32S31: Chip = Chip {
    name: "esp32s31",
    id: 32,
    bootloader_offset: 0x2000,
    windows: &[
        Window::to(0x4000_0000, 0x4400_0000),
        Window::to(0x5000_0000, 0x5400_0000),
    ],
    mmu_page_configurable: true,
    has_efuse_block_revision: true,
    secure_version_bits: 16,
    signature_blocks: 3,
};

/// All of them, by id.
pub const CHIPS: &[&Chip] = &[
    &ESP32, &ESP32S2, &ESP32C3, &ESP32S3, &ESP32C2, &ESP32C6, &ESP32H2, &ESP32P4, &ESP32C61,
    &ESP32C5, &ESP32H21, &ESP32H4, &ESP32S31,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_is_found_by_its_own_name_and_id() {
        for &chip in CHIPS {
            assert_eq!(Chip::by_id(chip.id), Some(chip));
            assert_eq!(Chip::by_name(chip.name), Some(chip));
        }
        assert!(CHIPS.is_sorted_by_key(|chip| chip.id));
    }

    /// As `soc_caps.h` and the Kconfig have it; a chip that is added is added here as well.
    #[test]
    fn the_fuses_of_a_chip_hold_so_many_versions_and_keys() {
        let found = CHIPS
            .iter()
            .map(|c| (c.name, c.secure_version_bits, c.signature_blocks));
        assert!(found.eq([
            ("esp32", 32, 1),
            ("esp32s2", 16, 3),
            ("esp32c3", 16, 3),
            ("esp32s3", 16, 3),
            ("esp32c2", 4, 1),
            ("esp32c6", 16, 3),
            ("esp32h2", 16, 3),
            ("esp32p4", 16, 3),
            ("esp32c61", 16, 3),
            ("esp32c5", 9, 3),
            ("esp32h21", 16, 3),
            ("esp32h4", 16, 3),
            ("esp32s31", 16, 3),
        ]));
    }

    /// The ids of ESP-IDF's `esp_chip_id_t`, previews included, each with the place of its bootloader.
    #[test]
    fn every_chip_of_esp_idf_is_there() {
        let known: [(u16, u32); 13] = [
            (0, 0x1000),
            (2, 0x1000),
            (5, 0),
            (9, 0),
            (12, 0),
            (13, 0),
            (16, 0),
            (18, 0x2000),
            (20, 0),
            (23, 0x2000),
            (25, 0),
            (28, 0x2000),
            (32, 0x2000),
        ];
        assert_eq!(CHIPS.len(), known.len());
        for (id, offset) in known {
            let chip = Chip::by_id(id).expect("a chip");
            assert_eq!(chip.bootloader_offset, offset, "{chip}");
        }
    }

    #[test]
    fn a_window_of_pages_shrinks_with_the_page() {
        assert!(ESP32C6.maps(0x42FF_FFFF, MMU_PAGE) && !ESP32C6.maps(0x4300_0000, MMU_PAGE));
        assert!(ESP32C6.maps(0x423F_FFFF, 0x4000) && !ESP32C6.maps(0x4240_0000, 0x4000));
    }
}
