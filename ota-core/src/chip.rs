//! The chips, as data.

use core::fmt;

/// A span of the CPU's address space, the end excluded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// First address.
    pub start: u32,
    /// Address after the last.
    pub end: u32,
}

impl Window {
    /// Whether `addr` lies inside.
    #[must_use]
    pub const fn contains(&self, addr: u32) -> bool {
        self.start <= addr && addr < self.end
    }
}

/// What an over-the-air update has to know about a chip.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Chip {
    /// ESP-IDF's name of the target, `"esp32c3"`.
    pub name: &'static str,
    /// The chip id in an image's header.
    pub id: u16,
    /// Where the ROM expects the second-stage bootloader.
    pub bootloader_offset: u32,
}

/// The ESP32.
pub static ESP32: Chip = Chip {
    name: "esp32",
    id: 0,
    bootloader_offset: 0x1000,
};
/// The ESP32-C3.
pub static ESP32C3: Chip = Chip {
    name: "esp32c3",
    id: 5,
    bootloader_offset: 0,
};

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
