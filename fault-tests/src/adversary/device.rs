//! The device: its partitions, what it was built with, and what its otadata holds when it is new.

use ota_core::boot::{BootConfig, FactoryReset};
use ota_core::chip;
use ota_core::hardened::Log;
use ota_core::image::Target;
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, Slot, SubType, TABLE_LEN, Type, emit_table,
};
use ota_core::update::AppConfig;

use super::cells::{Cells, END, SECTOR};
use super::image::IMAGES;

/// The address of otadata.
pub(super) const OTADATA: u32 = 0xD000;
/// The address of the data that a factory reset wipes: one sector.
pub(super) const NVS: u32 = 0x9000;
/// The address of data that stay, with a label that theirs begins with.
pub(super) const KEYS: u32 = 0xA000;
/// What both hold.
pub(super) const DATA: [u8; 64] = [0x5A; 64];
/// Bytes of a slot.
pub(super) const SLOT_SIZE: u32 = 3 * SECTOR;
/// Bytes of one part of a slot, as progress is counted.
pub(super) const PART: u32 = SECTOR;

pub(super) const TARGET: Target = Target::new(&chip::ESP32C3);

/// What the device was built with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Device {
    /// Number of OTA slots: 2 or 3.
    pub(super) slots: u8,
    pub(super) factory: bool,
    /// New images are on trial.
    pub(super) monitored: bool,
    pub(super) anti_rollback: bool,
    /// How often an image on trial is started.
    pub(super) attempts: u8,
    pub(super) log: Log,
    /// How many fuses it has for the secure version.
    pub(super) fuses: u8,
    pub(super) born: Born,
}

/// What otadata holds when the device is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Born {
    /// Nothing: it runs the factory image, or `ota_0`.
    Blank,
    /// Stock code chose `ota_0`, in its first entry.
    OneEntry,
    /// Stock code chose `ota_1`, after `ota_0`; it is confirmed.
    TwoEntries,
    /// Stock code chose `ota_1`, after `ota_0`; it is on trial, and not started yet.
    OnTrial,
    /// The same, and it was started.
    Started,
}

impl Born {
    pub(super) const ALL: [Self; 5] = [
        Self::Blank,
        Self::OneEntry,
        Self::TwoEntries,
        Self::OnTrial,
        Self::Started,
    ];
}

impl Device {
    /// Every slot, in the order in which a bootloader numbers them.
    pub(super) fn all_slots(self) -> impl Iterator<Item = Slot> {
        let factory = self.factory.then_some(Slot::Factory);
        factory.into_iter().chain((0..self.slots).map(Slot::Ota))
    }

    /// The row of the table for a slot.
    pub(super) fn partition(slot: Slot) -> Partition {
        let (number, label) = match slot {
            Slot::Ota(n) => (u32::from(n) + 1, [b'o', b't', b'a', b'_', b'0' + n]),
            Slot::Factory | Slot::Test => (0, *b"facto"),
        };
        let mut name = [0; 16];
        name[..5].copy_from_slice(&label);
        Partition {
            kind: Type::APP,
            subtype: slot.subtype(),
            offset: 0x1_0000 + number * SLOT_SIZE,
            size: SLOT_SIZE,
            label: Label(name),
            flags: 0,
        }
    }

    /// The partition table.
    pub(super) fn table(self) -> [u8; TABLE_LEN] {
        let otadata = Partition {
            kind: Type::DATA,
            subtype: SubType::OTA,
            offset: OTADATA,
            size: 2 * SECTOR,
            label: Label(*b"otadata\0\0\0\0\0\0\0\0\0"),
            flags: 0,
        };
        let data = |offset, label: &[u8; 16]| Partition {
            subtype: SubType(2),
            offset,
            size: SECTOR,
            label: Label(*label),
            ..otadata
        };
        let data = [
            data(NVS, b"nvs_keys\0\0\0\0\0\0\0\0"),
            data(KEYS, b"nvs\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ];
        let slots = self.all_slots().map(Self::partition);
        let mut table = [0xFF; TABLE_LEN];
        // Seven rows fit.
        let rows = std::iter::once(otadata).chain(data).chain(slots);
        emit_table(rows, true, &mut table).unwrap_or_default();
        table
    }

    pub(super) const fn boot_config(self) -> BootConfig {
        BootConfig {
            rollback: self.monitored,
            anti_rollback: self.anti_rollback,
            factory_reset: Some(FactoryReset {
                data_labels: "nvs_keys",
                erase_otadata: true,
            }),
            ..BootConfig::new(END)
        }
    }

    pub(super) const fn app_config(self) -> AppConfig {
        AppConfig {
            rollback: self.monitored,
            anti_rollback: self.anti_rollback,
            ..AppConfig::new(TARGET, END)
        }
    }

    /// Flashes the new device.
    pub(super) fn flash(self, cells: &mut Cells) {
        cells.clear();
        cells.program(DEFAULT_TABLE_OFFSET, &self.table());
        cells.program(NVS, &DATA);
        cells.program(KEYS, &DATA);
        let mut put = |slot: Slot, image: usize| {
            cells.program(Self::partition(slot).offset, &IMAGES[image].bytes);
        };
        if self.factory {
            put(Slot::Factory, 0);
        }
        if !self.factory || self.born != Born::Blank {
            put(Slot::Ota(0), usize::from(self.factory));
        }
        let states = match self.born {
            Born::Blank => [None, None],
            Born::OneEntry => [Some(OtaState::UNDEFINED), None],
            Born::TwoEntries => [Some(OtaState::VALID), Some(OtaState::VALID)],
            Born::OnTrial => [Some(OtaState::VALID), Some(OtaState::NEW)],
            Born::Started => [Some(OtaState::VALID), Some(OtaState::PENDING_VERIFY)],
        };
        if states[1].is_some() {
            put(Slot::Ota(1), 6);
        }
        for (n, state) in (0..).zip(states) {
            // The number of an entry names its slot; with three slots as well.
            if let Some(state) = state {
                cells.program(OTADATA + n * SECTOR, &Entry::new(n + 1, state).emit());
            }
        }
    }
}
