//! Makes a scenario concrete: builds its flash, from the bundled files or the user's own.

use std::fmt;
use std::sync::Arc;

use ota_core::boot::BootConfig;
use ota_core::chip::{CHIPS, Chip as ChipModel};
use ota_core::flash::Region;
use ota_core::image::{StreamVerifier, Target, VerifyImage as _};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, ROW_LEN, Slot, SubType, TABLE_LEN,
    Type, emit_table,
};
use sim_flash::{Flash, Profile, State};

use super::device::{Device, stock_bootloader};
use super::firmware::{Firmware, ImageId};
use super::scenario::{Scenario, Start, Table};
use super::world::World;

/// A scenario made concrete: everything an exploration needs.
#[derive(Debug)]
pub struct Setup {
    /// The device under test.
    pub device: Device,
    /// Its flash at the start.
    pub state: State,
    /// The world at the start.
    pub world: World,
    /// The chip.
    pub profile: Profile,
}

/// A user's own table and images in place of the bundled ones.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The partition table, as in flash.
    pub table: Vec<u8>,
    /// Its flash address.
    pub table_offset: u32,
    /// The image that the device runs.
    pub running: Arc<[u8]>,
    /// The image that it is updated to.
    pub update: Arc<[u8]>,
}

/// The input that has a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The partition table.
    Table,
    /// The image that the device runs.
    Running,
    /// The image that it is updated to.
    Update,
}

/// Why no scenario can be made of these inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFlaw {
    /// Which input.
    pub input: Input,
    /// What was found where, and what was expected.
    pub why: String,
}

impl InputFlaw {
    fn new(input: Input, why: impl Into<String>) -> Self {
        Self {
            input,
            why: why.into(),
        }
    }
}

impl fmt::Display for InputFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for InputFlaw {}

/// Why a scenario says nothing about a user's own table and images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplicable(pub &'static str);

impl Inputs {
    /// Checks table and images, each alone and together.
    pub fn check(&self, profile: &Profile) -> Result<(), InputFlaw> {
        let layout = Layout::of(&self.table, self.table_offset, profile)?;
        let chip = chip_of(&self.running, Input::Running)?;
        let other = chip_of(&self.update, Input::Update)?;
        if chip.id != other.id {
            return Err(InputFlaw::new(
                Input::Update,
                format!(
                    "offset 0xc (chip id): found {} ({}), expected {} ({}), the chip of the running image",
                    other.id, other.name, chip.id, chip.name
                ),
            ));
        }
        for (input, bytes) in [
            (Input::Running, &self.running),
            (Input::Update, &self.update),
        ] {
            for slot in layout.slots.iter().take(2) {
                check_image(input, bytes, slot, chip, profile)?;
            }
        }
        if self.running == self.update {
            return Err(InputFlaw::new(
                Input::Update,
                "holds the same bytes as the running image; expected another image, or the boots cannot be told apart",
            ));
        }
        Ok(())
    }
}

impl Scenario {
    /// The scenario on its bundled table and images.
    ///
    /// # Panics
    /// If a bundled file is missing or unsound, which the tests rule out.
    pub fn bundled(&self, profile: &Profile) -> Setup {
        let table = match self.table {
            Table::Bundled(name) => corpus::table(name)
                .and_then(corpus::Table::binary)
                .map(<[u8]>::to_vec),
            Table::ThreeSlots => three_slots(),
        };
        let names = self.images.iter().zip(0u8..).map(|(name, id)| {
            let bytes = corpus::image(name).map(|image| Arc::from(image.bytes));
            let name = format!("v{} ({name})", i16::from(id) + 1 - i16::from(self.running));
            Firmware {
                name,
                bytes: bytes.unwrap_or_default(),
            }
        });
        let table = table.unwrap_or_default();
        let layout = Layout::of(&table, DEFAULT_TABLE_OFFSET, profile)
            .expect("the bundled tables are sound (tested)");
        self.build(profile, &layout, &table, names.collect())
    }

    /// The scenario on a user's own table and images, which have been [checked](Inputs::check).
    pub fn with_inputs(
        &self,
        profile: &Profile,
        inputs: &Inputs,
    ) -> Result<Result<Setup, NotApplicable>, InputFlaw> {
        let layout = Layout::of(&inputs.table, inputs.table_offset, profile)?;
        let not_applicable = if self.images.len() > 3 {
            Some("it needs more than two images")
        } else if self.start == Start::Factory && layout.factory.is_none() {
            Some("the table has no factory partition")
        } else if self.start == Start::BlankOtadata && layout.factory.is_some() {
            Some("the table has a factory partition")
        } else if matches!(self.table, Table::ThreeSlots) && layout.slots.len() < 3 {
            Some("the table has two OTA slots only")
        } else {
            None
        };
        if let Some(why) = not_applicable {
            return Ok(Err(NotApplicable(why)));
        }
        if self.start == Start::Factory
            && let Some(factory) = &layout.factory
        {
            let chip = chip_of(&inputs.running, Input::Running)?;
            check_image(Input::Running, &inputs.running, factory, chip, profile)?;
        }
        let published = vec![
            Firmware {
                name: "v1 (running)".into(),
                bytes: Arc::clone(&inputs.running),
            },
            Firmware {
                name: "v2 (update)".into(),
                bytes: Arc::clone(&inputs.update),
            },
        ];
        let own = Self {
            running: 0,
            damaged: self.damaged.map(|_| 1),
            ..*self
        };
        Ok(Ok(own.build(profile, &layout, &inputs.table, published)))
    }

    fn build(
        &self,
        profile: &Profile,
        layout: &Layout,
        table: &[u8],
        published: Vec<Firmware>,
    ) -> Setup {
        let mut state = profile.erased();
        state.load(layout.table_offset, table);
        let running = &published[usize::from(self.running)];
        let otadata = layout.otadata.offset;
        // Every slot holds something: a predecessor, or noise where nothing was published.
        for slot in &layout.slots {
            let noise: Vec<u8> = running.bytes.iter().rev().map(|b| b ^ 0x5A).collect();
            state.load(slot.offset, &noise[..noise.len().min(slot.size as usize)]);
        }
        let home = match (self.start, &layout.factory) {
            (Start::Factory, Some(factory)) => factory,
            _ => &layout.slots[0],
        };
        state.load(home.offset, &running.bytes);
        if self.start == Start::Updated {
            let slots = u32::try_from(layout.slots.len()).unwrap_or(1);
            let last = &layout.slots[layout.slots.len() - 1];
            if let Some(predecessor) = self.running.checked_sub(1) {
                // Slot s has sequence numbers s + 1, s + 1 + n, …: the predecessor in the
                // last slot had n, the running image in ota_0 got n + 1.
                state.load(last.offset, &published[usize::from(predecessor)].bytes);
                state.load(otadata + 4096, &Entry::new(slots, OtaState::VALID).emit());
                state.load(otadata, &Entry::new(slots + 1, OtaState::VALID).emit());
            } else {
                state.load(otadata, &Entry::new(1, OtaState::VALID).emit());
            }
        }
        let chip = chip_of(&running.bytes, Input::Running).unwrap_or(&ota_core::chip::ESP32C3);
        let device = Device {
            damaged: self.damaged.map(ImageId),
            self_test: self.self_test,
            writing: self.writing,
            bootloader: stock_bootloader,
            boot: BootConfig {
                table_offset: layout.table_offset,
                rollback: true,
                ..BootConfig::new(profile.size())
            },
            md5: layout.md5,
            target: Target::new(chip),
            partitions: layout.partitions.clone(),
            published,
        };
        Setup {
            device,
            state,
            world: World::confirmed(ImageId(self.running)),
            profile: profile.clone(),
        }
    }
}

/// What the scenarios need to know of a table.
struct Layout {
    table_offset: u32,
    md5: bool,
    partitions: Vec<Partition>,
    otadata: Partition,
    factory: Option<Partition>,
    /// `ota_0`, `ota_1`, … without a gap.
    slots: Vec<Partition>,
}

impl Layout {
    fn of(table: &[u8], table_offset: u32, profile: &Profile) -> Result<Self, InputFlaw> {
        let flaw = |why: String| InputFlaw::new(Input::Table, why);
        let mut whole = table.to_vec();
        whole.resize(TABLE_LEN, 0xFF);
        let flash = profile.size();
        PartitionTable::for_bootloader(&whole, flash).map_err(|e| {
            flaw(format!(
                "a bootloader on {} ({} MiB) refuses the table: {e}",
                profile.name(),
                flash >> 20
            ))
        })?;
        // An application finds no partition in a table without MD5 row, unless it was built for one.
        let md5 = PartitionTable::for_application(&whole, true);
        let table = md5
            .or_else(|refused| PartitionTable::for_application(&whole, false).map_err(|_| refused));
        let table = table.map_err(|e| flaw(format!("an application refuses the table: {e}")))?;
        let partitions: Vec<Partition> = table.iter().collect();
        let slots: Vec<Partition> = (0..16).map_while(|n| table.slot(Slot::Ota(n))).collect();
        let otadata = table.otadata().filter(|otadata| otadata.size >= 0x2000);
        let (Some(otadata), true) = (otadata, slots.len() >= 2) else {
            return Err(flaw(format!(
                "offset {:#x} (end of the binary table, after {} rows): found {} otadata of 0x2000 bytes and {} OTA \
                 slots in an unbroken row from ota_0, expected one and at least two (ota_0 and ota_1)",
                partitions.len() * ROW_LEN,
                partitions.len(),
                if otadata.is_some() { "one" } else { "no" },
                slots.len(),
            )));
        };
        let sector = u64::from(table_offset)..u64::from(table_offset) + 4096;
        let over = partitions.iter().find(|p| {
            p.kind != Type::PARTITION_TABLE
                && u64::from(p.offset) < sector.end
                && sector.start < u64::from(p.offset) + u64::from(p.size)
        });
        if let Some(over) = over {
            return Err(flaw(format!(
                "partition {} at {:#x} lies over the table itself, expected at {table_offset:#x} (--table-offset)",
                over.label, over.offset
            )));
        }
        Ok(Self {
            table_offset,
            md5: md5.is_ok(),
            otadata,
            factory: table.slot(Slot::Factory),
            slots,
            partitions,
        })
    }
}

fn chip_of(image: &[u8], input: Input) -> Result<&'static ChipModel, InputFlaw> {
    let flaw = |why: String| InputFlaw::new(input, why);
    match image.first() {
        None => {
            return Err(flaw(
                "offset 0x0: the file is empty, expected an app image (first byte 0xe9)".into(),
            ));
        }
        Some(0xE9) => {}
        Some(other) => {
            let letter = if other.is_ascii_graphic() {
                format!(" ('{}')", char::from(*other))
            } else {
                String::new()
            };
            return Err(flaw(format!(
                "offset 0x0: found {other:#04x}{letter}, expected 0xe9, the first byte of an app image"
            )));
        }
    }
    let Some(id) = image.get(12..14) else {
        return Err(flaw(format!(
            "offset {:#x}: the file ends inside the image header, expected 24 bytes",
            image.len()
        )));
    };
    let id = u16::from_le_bytes([id[0], id[1]]);
    CHIPS
        .iter()
        .copied()
        .find(|chip| chip.id == id)
        .ok_or_else(|| {
            let known: Vec<String> = CHIPS
                .iter()
                .map(|chip| format!("{} ({})", chip.id, chip.name))
                .collect();
            flaw(format!(
                "offset 0xc (chip id): found {id}, expected one of {}",
                known.join(", ")
            ))
        })
}

/// Refuses an image that the device could not run from `slot`.
fn check_image(
    input: Input,
    image: &[u8],
    slot: &Partition,
    chip: &'static ChipModel,
    profile: &Profile,
) -> Result<(), InputFlaw> {
    let len = u32::try_from(image.len()).unwrap_or(u32::MAX);
    let name = slot
        .slot()
        .map_or_else(|| slot.label.to_string(), |slot| slot.to_string());
    if len > slot.size {
        return Err(InputFlaw::new(
            input,
            format!(
                "offset {:#x}: the image goes on to {len:#x} ({len} bytes), expected it to end here, \
                 where {name} ends ({} bytes)",
                slot.size, slot.size
            ),
        ));
    }
    let mut state = profile.erased();
    state.load(slot.offset, image);
    let mut flash = Flash::with_state(profile.clone(), state);
    let mut buffer = [0; 4096];
    let mut verifier = StreamVerifier::new(Target::new(chip), &mut buffer)
        .map_err(|e| InputFlaw::new(input, e.to_string()))?;
    // The region ends where the file ends: an image cut short is noticed there.
    let at = Region {
        offset: slot.offset,
        size: len,
    };
    verifier.verify(&mut flash, at).map(drop).map_err(|error| {
        InputFlaw::new(
            input,
            format!(
                "offset {:#x}: {} (verified as an {} image in {name})",
                error.at.saturating_sub(slot.offset),
                error.refusal,
                chip.name
            ),
        )
    })
}

/// otadata, then three slots of 1 MiB: no bundled table has just that.
fn three_slots() -> Option<Vec<u8>> {
    let mut out = [0; TABLE_LEN];
    let row = |label: &str, kind, subtype, offset, size| {
        Some(Partition {
            kind,
            subtype,
            offset,
            size,
            label: Label::try_from(label).ok()?,
            flags: 0,
        })
    };
    let rows = [
        row("nvs", Type::DATA, SubType::NVS, 0x9000, 0x4000)?,
        row("otadata", Type::DATA, SubType::OTA, 0xD000, 0x2000)?,
        row("ota_0", Type::APP, SubType::ota(0), 0x1_0000, 0x10_0000)?,
        row("ota_1", Type::APP, SubType::ota(1), 0x11_0000, 0x10_0000)?,
        row("ota_2", Type::APP, SubType::ota(2), 0x21_0000, 0x10_0000)?,
    ];
    emit_table(rows, true, &mut out).ok()?;
    Some(out.to_vec())
}
